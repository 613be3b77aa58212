"""Who has just made a login: for a record of their own, or for work; and the mail that reaches them."""

import time
from email import message_from_bytes, policy
from ipaddress import ip_network
from uuid import uuid4

from playwright.sync_api import Browser

from tests.end_to_end.browser.places import PRACTICE
from tests.end_to_end.browser.site import Site, code_of
from tests.end_to_end.browser.walker import Walker, Way, walker

NAME = "Lotte Dauwdruppelmorgenlichtweidebloemengeurenpracht-Testpersoon"
"""Wider than a phone."""

PASSWORD = "vier losse woorden samen"
MAIL_WITHIN_S = 120
ADDRESSES = map(str, ip_network("198.18.0.0/15").hosts())
"""Each newcomer has one of their own: from one address only a few may sign up in an hour."""


def newcomer(site: Site, browser: Browser, way: Way) -> tuple[Walker, str, str]:
    """Return somebody who has just started a record, their login name, and the secret of their phone."""
    login = f"dauw-{uuid4().hex[:12]}"
    who = walker(site, browser, way, address=next(ADDRESSES))
    who.goes_to("/")
    who.follow("Start your record")
    who.comes_to("Start your record")
    who.fill("Your name", NAME)
    who.fill("Login name", login)
    who.fill("Password", PASSWORD)
    who.fill("The same password again", PASSWORD)
    who.press("Continue")
    who.comes_to("Connect your phone")
    secret = secret_of(who)
    who.fill("Code of 6 digits", code_of(secret))
    who.press("Start your record")
    who.comes_to("Recovery codes")
    return who, login, secret


def secret_of(who: Walker) -> str:
    """Return what the page says for a phone that makes codes."""
    return who.page.get_by_role("main").locator("code").inner_text().replace(" ", "")


def recovery_codes_of(who: Walker) -> list[str]:
    """Return new recovery codes, from the page that makes them; unlike those of a phone, no time passes between two."""
    who.press("Make ten codes")
    who.is_told("Write them down or print them now. You can't see them again.")
    return who.page.get_by_role("main").locator("code").all_inner_texts()


def log_in(who: Walker, login: str, password: str = PASSWORD, *, code: str = "", recovery: str = "") -> None:
    """Log in, from the page that asks for the login name on; with a code of the phone, or with one that was kept."""
    who.comes_to("Log in")
    who.fill("Login name", login)
    who.fill("Password", password)
    who.press("Continue")
    who.comes_to("Your code")
    if recovery:
        shows_recovery(who, recovery)
    else:
        who.fill("Code of 6 digits", code)
        who.press("Log in")


def shows_recovery(who: Walker, code: str) -> None:
    """Give a recovery code where one of the phone is asked for."""
    who.open("I do not have my phone")
    who.fill("One of your recovery codes", code)
    who.page.get_by_role("main").locator("details button").press("Enter")


def invite(inviting: Walker, name: str) -> str:
    """Return the link for a colleague who is to be a GP of the practice."""
    inviting.goes_to("/practice/staff")
    inviting.comes_to("Colleagues")
    inviting.fill("Name, as people will read it", name)
    inviting.tick("GP")
    inviting.press("Make the invitation")
    inviting.is_told("The invitation was made.")
    return inviting.page.locator("code.long").inner_text()


def colleague(site: Site, browser: Browser, way: Way, name: str) -> Walker:
    """Return a GP who was invited by the first of the practice, and has just joined it."""
    inviting = walker(site, browser, way, PRACTICE)
    link = invite(inviting, name)
    inviting.is_done()
    joining = walker(site, browser, way, address=next(ADDRESSES))
    joining.goes_to(link)
    joining.comes_to("Your login for work")
    joining.fill("Login name", f"passer-{uuid4().hex[:12]}")
    joining.fill("Password", PASSWORD)
    joining.fill("The same password again", PASSWORD)
    joining.press("Continue")
    joining.comes_to("Connect your phone")
    joining.fill("Code of 6 digits", code_of(secret_of(joining)))
    joining.press("Make my login")
    joining.comes_to("People")
    return joining


def mailed(site: Site, address: str, words: str) -> str:
    """Return the text of the mail to an address in which some words stand, once it is there."""
    until = time.monotonic() + MAIL_WITHIN_S
    while time.monotonic() < until:
        for file in site.mail.glob("*.eml"):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            body = mail.get_body()
            text = "" if body is None else str(body.get_content())
            if mail["To"] == address and words in text:
                return text
        time.sleep(0.05)  # a folder tells nobody that a file came
    raise AssertionError(f"No mail with “{words}” came to {address}.")
