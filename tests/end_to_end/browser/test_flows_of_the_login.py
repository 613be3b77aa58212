"""How people change their login and come back without it: in both languages, at three widths, by keys, without scripts."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.newcomers import (
    ADDRESSES,
    NAME,
    PASSWORD,
    log_in,
    mailed,
    newcomer,
    recovery_codes_of,
    secret_of,
    shows_recovery,
)
from tests.end_to_end.browser.places import NOBODY
from tests.end_to_end.browser.site import Site, code_of
from tests.end_to_end.browser.walker import Walker, Way, every_way, walker, with_scripts

pytestmark = pytest.mark.browser

OTHER_PASSWORD = "vijf heel andere woorden hier"
NEW_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def gives_an_address(who: Walker, address: str) -> None:
    """Give a mail address, and confirm it with the code that is mailed there."""
    who.goes_to("/login-and-devices")
    who.comes_to("Login and devices")
    who.follow("Give an address")
    who.comes_to("Your mail address")
    who.fill("Mail address", address)
    who.press("Mail me a code")
    who.comes_to("Look in your mailbox")
    who.fill("Code of 6 digits", "000000")
    who.press("Confirm")
    who.is_warned("This code is not right, or it is too old. Have a new one mailed.")
    words = "Uw code is: " if who.way.language == "nl" else "Your code is: "
    _, _, rest = mailed(who.site, address, words).partition(words)
    who.fill("Code of 6 digits", rest.split()[0])
    who.press("Confirm")
    who.is_told("Your mail address is confirmed.")


@every_way
def test_a_person_changes_password_and_phone(site: Site, browser: Browser, way: Way) -> None:
    who, login, secret = newcomer(site, browser, way)
    who.goes_to("/login-and-devices")
    who.comes_to("Login and devices")
    who.follow("Change the password")
    who.comes_to("Your password")
    for current in ("niet dit wachtwoord", PASSWORD):
        who.fill("The password that you have now", current)
        who.fill("New password", OTHER_PASSWORD)
        who.fill("The same password again", OTHER_PASSWORD)
        who.press("Change the password")
        if current != PASSWORD:
            who.is_warned("This is not the password that you have now.")
    who.is_told("Your password was changed. Everywhere else you are logged out.")
    who.comes_to("Login and devices")
    who.follow("Connect another phone")
    who.comes_to("Connect your phone")
    other = secret_of(who)
    assert other != secret
    who.fill("Code of 6 digits", code_of(other))
    who.press("Connect this phone")
    who.is_told("Your phone is connected. From now on its codes count.")
    who.goes_to("/menu")
    who.press("Log out")
    who.page.wait_for_url(f"{site.url}/")
    who.goes_to("/login")
    log_in(who, login, OTHER_PASSWORD, code=code_of(other))
    who.sees(who.say("Your record is still empty. You can begin here."))
    who.is_done()


@every_way
def test_a_person_who_forgot_the_password_chooses_another_by_mail_and_phone(
    site: Site, browser: Browser, way: Way
) -> None:
    who, login, secret = newcomer(site, browser, way)
    kept, address = recovery_codes_of(who), f"{login}@example.test"
    gives_an_address(who, address)
    who.goes_to("/menu")
    who.press("Log out")
    who.page.wait_for_url(f"{site.url}/")
    who.follow("Log in")
    who.follow("Forgotten your password?")
    who.comes_to("Forgotten your password?")
    who.fill("Login name", login)
    who.press("Mail me a link")
    who.is_told("If this login name has a mail address here, a mail is on its way. Look in your mailbox.")
    link = re.search(r"http\S+", mailed(site, address, "/login/reset"))
    assert link is not None
    who.goes_to(link[0])
    who.comes_to("Choose a new password")
    for code in ("000000", kept[0]):
        who.fill("New password", OTHER_PASSWORD)
        who.fill("The same password again", OTHER_PASSWORD)
        who.fill("Code from your phone, or a recovery code", code)
        who.press("Change the password")
        if code == "000000":
            who.is_warned("This code is not right, or it was used before. Wait for the next one.")
    who.is_told("Your password was changed. You can log in with it now.")
    who.goes_to("/login")
    log_in(who, login, OTHER_PASSWORD, code=code_of(secret))
    who.sees(who.say("Nobody but you. That is your choice to make."))
    who.is_done()


@every_way
def test_a_person_ends_what_is_logged_in_elsewhere_with_a_recovery_code(site: Site, browser: Browser, way: Way) -> None:
    who, login, secret = newcomer(site, browser, way)
    kept = recovery_codes_of(who)
    elsewhere = walker(site, browser, way, NOBODY, address=next(ADDRESSES))
    for end in ("Log out there", "Log out everywhere else"):
        elsewhere.goes_to("/login")
        log_in(elsewhere, login, recovery=kept.pop())
        elsewhere.sees(elsewhere.say("Nobody but you. That is your choice to make."))
        who.goes_to("/login/again?next=/login-and-devices")
        who.comes_to("Is it still you?")
        if end == "Log out there":
            shows_recovery(who, kept.pop())
        else:
            who.fill("Code of 6 digits", code_of(secret))
            who.press("Continue")
        who.comes_to("Login and devices")
        who.press(end)
        who.is_told("You are logged out there.")
        elsewhere.goes_to("/measurements")
        elsewhere.comes_to("Log in")
    elsewhere.is_done()
    who.is_done()


@with_scripts
def test_somebody_starts_with_a_passkey_and_changes_it_for_another(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way, NOBODY, address=next(ADDRESSES))
    tools = who.context.new_cdp_session(who.page)
    tools.send("WebAuthn.enable")
    device = tools.send("WebAuthn.addVirtualAuthenticator", {"options": NEW_DEVICE})
    who.goes_to("/sign-up")
    who.comes_to("Start your record")
    who.fill("Your name", NAME)
    who.fill("Login name", f"sleutel-{uuid4().hex[:12]}")
    who.press("Make a passkey")
    who.page.wait_for_url("**/login-and-devices/recovery*")
    who.goes_to("/menu")
    who.press("Log out")
    who.page.wait_for_url(f"{site.url}/")
    who.goes_to("/login?next=/login-and-devices")
    who.comes_to("Log in")
    who.press("Log in with a passkey")
    who.comes_to("Login and devices")
    who.press("Remove")
    who.is_told("This is the only way to log in that you have. Make another one first.")
    tools.send("WebAuthn.removeVirtualAuthenticator", device)
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": NEW_DEVICE})
    keys = who.page.locator("section[aria-labelledby=passkeys] form[action$=remove]")
    who.fill("A name, so that you recognise it", "mijn nieuwe telefoon")
    who.press("Make a passkey")
    who.is_told("The passkey was made. You can log in with it from now on.")
    expect(keys).to_have_count(2)
    keys.first.get_by_role("button").press("Enter")
    who.is_told("The passkey was removed. It opens nothing here any more.")
    expect(keys).to_have_count(1)
    who.is_done()


@every_way
def test_who_is_not_logged_in_chooses_a_language(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way)
    who.goes_to("/login")
    who.comes_to("Log in")
    html = who.page.locator("html")
    other, name = ("en", "Read this in English") if way.language == "nl" else ("nl", "Lees dit in het Nederlands")
    who.page.get_by_role("button", name=name).press("Enter")
    expect(html).to_have_attribute("lang", other)
    who.goes_to("/sign-up")
    expect(html).to_have_attribute("lang", other)
    who.is_done()
