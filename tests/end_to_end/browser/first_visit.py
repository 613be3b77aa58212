"""A first visit as docs/portal.md tells it: from the login to a practice that sees two parts, and to who looked."""

import time
from dataclasses import dataclass
from typing import Any

import pyotp
from playwright.sync_api import Locator, Page

PARTS = ("Doelen, afspraken", "Eigen metingen")


@dataclass
class Visit:
    """What somebody did so far on ``page``: how often they pressed, and how many fields they filled in.

    ``before_press_s`` and ``per_key_s`` are how long they take to find what they press, and to type a key.
    """

    page: Page
    before_press_s: float = 0
    per_key_s: float = 0
    presses: int = 0
    fields: int = 0

    def _look(self) -> None:
        time.sleep(
            self.before_press_s
        )  # waits for nothing: it is the person's pace, which is measured; tests have none

    def press(self, found: Locator) -> None:
        """Press something, after looking for it."""
        self._look()
        found.click()
        self.presses += 1

    def fill(self, label: str, text: str) -> None:
        """Go to a field and type in it, key by key."""
        self._look()
        self.page.get_by_label(label).press_sequentially(text, delay=1000 * self.per_key_s)
        self.fields += 1

    def button(self, name: str) -> None:
        """Press a button."""
        self.press(self.page.get_by_role("button", name=name, exact=True))

    def link(self, name: str) -> None:
        """Press a link of the page, not of its navigation."""
        self.press(self.page.get_by_role("main").get_by_role("link", name=name, exact=True))


def log_in(visit: Visit, person: dict[str, Any]) -> None:
    """Log in from the welcome, which is open, to the first page."""
    visit.link("Inloggen")
    visit.fill("Inlognaam", person["login"])
    visit.fill("Wachtwoord", person["password"])
    visit.button("Verder")
    visit.fill("Code van 6 cijfers", pyotp.TOTP(person["totp_secret"]).now())
    visit.button("Inloggen")
    visit.page.get_by_role("heading", name="Uit uw zorgplan").wait_for()


def choose(visit: Visit, practice: str) -> None:
    """From the first page, fill in the form that gives a practice two parts to look at."""
    visit.link("Toegang geven of stoppen")
    visit.link("Een praktijk toegang geven")
    for words in (practice, *PARTS, "De delen lezen die u aanvinkt"):
        visit.press(visit.page.locator("label", has_text=words))


def give(visit: Visit) -> None:
    """Send the form, and wait until the page says that it is so."""
    visit.button("Toegang geven")
    visit.page.get_by_role("status").get_by_text("De toegang is gegeven.").wait_for()


def see_who_looked(visit: Visit) -> None:
    """From any page on a phone, open the list of looks."""
    visit.press(visit.page.get_by_role("link", name="Menu", exact=True))
    visit.link("Wie keek er?")
    visit.page.get_by_role("heading", level=1, name="Wie keek er?").wait_for()
