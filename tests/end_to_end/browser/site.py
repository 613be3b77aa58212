"""The server that pages are looked at on, who is logged in there, and how a page of theirs is opened."""

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page

from tests.end_to_end.browser.places import NOBODY, NOT_FOUND, PERSON, PRACTICE, WALKER
from tests.support.browser import PHONE, TIMEOUT_MS
from tests.support.running import Program

PROOF_COUNTS_S = 300
"""How long after a login what asks for a proof is opened without another one; the server takes ten minutes."""

LOCALES = {"nl": "nl-NL", "en": "en-GB"}
CODE_S = 30
_steps: dict[str, int] = {}
"""The time of the code that each phone gave last, in steps of ``CODE_S``."""

WORDS = {
    "nl": ("Inlognaam", "Wachtwoord", "Verder", "Code van 6 cijfers", "Inloggen"),
    "en": ("Login name", "Password", "Continue", "Code of 6 digits", "Log in"),
}
OFFLINE_KEPT = """async () => {
  await navigator.serviceWorker.ready;
  for (const name of await caches.keys()) if (await (await caches.open(name)).match("/offline")) return true;
  return false;
}"""
"""Whether the browser keeps the form for when there is no network."""


@dataclass
class Site:
    """A server with the invented people; their logins are kept in ``folder``.

    A code of a phone is good once, so that each logs in once. ``gone_through`` has the routes that the walkers of a test went through.
    """

    program: Program
    folder: Path
    demo: dict[str, Any] = field(init=False)
    names: dict[str, str] = field(default_factory=dict)
    gone_through: list[str] = field(default_factory=list)
    logged_in_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.demo = json.loads(self.program.run("demo", "--json"))

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end."""
        return self.program.environment.get("REGIE_BASE_URL", self.program.url)

    @property
    def mail(self) -> Path:
        """Where mail goes, if ``REGIE_MAIL_URL`` was said so."""
        return self.program.folder / "mail"

    def login_of(self, who: str) -> Path:
        """Return the file with the cookies of somebody."""
        return self.folder / f"{who}.json"

    def opened(self, browser: Browser, who: str, *, language: str = "nl", **options: Any) -> BrowserContext:
        """Return a browser of its own in which ``who`` is logged in, on a phone unless something else is said."""
        kept = None if who == NOBODY else str(self.login_of(who))
        usual = {
            "viewport": PHONE,
            "reduced_motion": "reduce",
            "locale": LOCALES[language],
            "base_url": self.url,
            "storage_state": kept,
        }
        context = browser.new_context(**{**usual, **options})
        context.set_default_timeout(TIMEOUT_MS)
        return context

    def prepare(self, browser: Browser) -> None:
        """Log everybody in, if that was long ago; the first time, let the first person give the first practice all parts."""
        if time.monotonic() - self.logged_in_at < PROOF_COUNTS_S:
            return
        self.logged_in_at = time.monotonic()
        person = self.logged_in(browser, PERSON, self.demo["people"][0])
        self.logged_in(browser, WALKER, self.demo["people"][1]).close()
        member = self.logged_in(browser, PRACTICE, self.demo["staff"][0])
        if not self.names:
            self._share(person.new_page(), member.new_page())
        person.close()
        member.close()

    def _share(self, page: Page, at_work: Page) -> None:
        page.goto("/access/new")
        page.get_by_text(self.demo["practices"][0]["name"]).check()
        for box in page.locator("[name=category]").all():
            box.check()
        page.locator("[name=action][value=look]").check()
        page.get_by_role("button", name="Toegang geven", exact=True).click()
        page.wait_for_url("**/access?done=given")
        self.names["grant"] = _part(page, "/access/{}/withdraw")
        page.goto("/documents")
        self.names["document"] = _part(page, "/documents/stu3/{}")
        at_work.goto("/practice")
        self.names["person"] = _part(at_work, "/practice/people/{}")
        at_work.goto("/practice/staff")
        self.names["member"] = _part(at_work, "/practice/staff/{}")

    def logged_in(self, browser: Browser, who: str, person: dict[str, Any]) -> BrowserContext:
        """Return a browser in which ``person`` has just logged in; their cookies are kept as those of ``who``."""
        context = self.opened(browser, NOBODY)
        log_in(context.new_page(), person)
        context.storage_state(path=self.login_of(who))
        return context

    def go(self, page: Page, place: str) -> str:
        """Return the path that was opened for a line of the list of places, once it is there."""
        path = place.format(**self.names)
        response = page.goto(path)
        assert response is not None
        assert response.status == (404 if place == NOT_FOUND else 200), path
        assert page.url == self.url + path, f"{path} led to {page.url}"
        return path


def log_in(page: Page, person: dict[str, Any], language: str = "nl", back: str = "/menu") -> None:
    """Log in on the pages, and wait for the one to come back to."""
    login, password, on, code, last = WORDS[language]
    page.goto(f"/login?next={back}")
    page.get_by_label(login).fill(person["login"])
    page.get_by_label(password).fill(person["password"])
    page.get_by_role("button", name=on).click()
    page.get_by_label(code).fill(code_of(person["totp_secret"]))
    page.get_by_role("button", name=last, exact=True).click()
    page.wait_for_url(f"**{back}")


def code_of(secret: str) -> str:
    """Return a code of a phone that this process was not given before: each is good once. The one that comes next is good too."""
    step = max(int(time.time()) // CODE_S, _steps.get(secret, 0) + 1)
    time.sleep(max(0, (step - 1) * CODE_S - time.time()))  # the server takes none that comes later than next
    _steps[secret] = step
    return pyotp.TOTP(secret).at(step * CODE_S)


def _part(page: Page, pattern: str) -> str:
    """Return what stands in the place of ``{}`` in the first link like ``pattern``."""
    wanted = re.compile(pattern.replace("{}", "([^/?]+)"))
    for link in page.locator("main a").all():
        found = wanted.fullmatch(link.get_attribute("href") or "")
        if found is not None:
            return found[1]
    raise AssertionError(f"There is no link like {pattern} on {page.url}.")
