"""A person with a browser whom an app sends to the server: logs in once, decides, and is sent back."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyotp
from playwright.sync_api import Browser, Page

from tests.support.browser import TIMEOUT_MS

MEASUREMENTS = "Own measurements"
PERSONAL_DETAILS = "Personal details"
_OF_APP = re.compile(r"https://app\.example/")
"""Where the app has its own pages, which these tests do not have: that it was asked for is what they look at."""


class Decider:
    """One of the invented people, logged in; ``person`` is what ``regie demo --json`` tells of them.

    The login is kept in the file ``kept`` for the next browser: a code of their phone is good once.
    """

    def __init__(self, browser: Browser, url: str, person: dict[str, Any], kept: Path) -> None:
        self.context = browser.new_context(
            locale="en-GB", base_url=url, storage_state=str(kept) if kept.exists() else None
        )
        self.context.set_default_timeout(TIMEOUT_MS)
        if not kept.exists():
            self._log_in(person)
            self.context.storage_state(path=kept)

    def _log_in(self, person: dict[str, Any]) -> None:
        page = self.context.new_page()
        page.goto("/login?next=/menu")
        page.get_by_label("Login name").fill(person["login"])
        page.get_by_label("Password").fill(person["password"])
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Code of 6 digits").fill(pyotp.TOTP(person["totp_secret"]).now())
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/menu")
        page.close()

    def asked(self, address: str, decide: Callable[[Page], None]) -> str:
        """Return the address that the person is sent back to after they opened ``address`` and did ``decide``."""
        page = self.context.new_page()
        page.goto(address)
        with page.expect_request(_OF_APP) as sent_back:
            decide(page)
        page.close()
        return sent_back.value.url

    def open_app(self, app: str) -> Page:
        """Return the page on which the person chose an app to open it with their record."""
        page = self.context.new_page()
        page.goto("/apps")
        page.get_by_role("button", name=f"Open {app}").click()
        return page

    def opened(self, app: str) -> dict[str, str]:
        """Return what an app gets that the person opens so: ``iss`` and ``launch``."""
        with self.context.expect_event("request", lambda asked: bool(_OF_APP.match(asked.url))) as sent:
            page = self.open_app(app)
        page.close()
        return dict(parse_qsl(urlsplit(sent.value.url).query))

    def gives(self, practice: str, *parts: str) -> None:
        """Let a practice look at these parts, on the page for that."""
        page = self.context.new_page()
        page.goto("/access/new")
        for name in (practice, "Look", *parts):
            page.get_by_label(re.compile(f"^{re.escape(name)}")).check()
        page.get_by_role("button", name="Give access", exact=True).click()
        page.wait_for_url("**/access?done=given")
        page.close()


def allowing(*parts: str, look: bool = True, change: bool = True) -> Callable[[Page], None]:
    """Return what ticks these parts and, where the page asks, what the app may do, and allows it."""

    def decide(page: Page) -> None:
        for part in parts:
            page.get_by_label(re.compile(f"^{part}")).check()
        for name, is_wanted in (("See your data", look), ("Add and change data", change)):
            box = page.get_by_label(re.compile(f"^{name}"))
            if is_wanted and box.count():
                box.check()
        page.get_by_role("button", name="Allow", exact=True).click()

    return decide


def denying(page: Page) -> None:
    """Allow nothing."""
    page.get_by_role("button", name="Do not allow").click()
