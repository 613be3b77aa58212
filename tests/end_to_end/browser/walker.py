"""Somebody who walks through pages: in a language, at a width, with a finger, by keys alone, or without scripts.

What they look for is named by the English texts of the catalog, so that a flow is written once for all languages.
"""

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from app.portal.language import CATALOG, language
from tests.end_to_end.browser import checks
from tests.end_to_end.browser.flows import route_of
from tests.end_to_end.browser.places import NOBODY
from tests.end_to_end.browser.site import Site

HEIGHT = 900
SEE_OTHER = 303


@dataclass(frozen=True)
class Way:
    """How somebody walks."""

    language: str
    width: int
    hand: Literal["finger", "keys", "finger without scripts"] = "finger"

    def __str__(self) -> str:
        return f"{self.language} {self.width} {self.hand}"

    @property
    def has_scripts(self) -> bool:
        """Return whether the browser runs scripts."""
        return self.hand != "finger without scripts"


WAYS = (
    Way("nl", 390),
    Way("nl", 768, "finger without scripts"),
    Way("nl", 1440),
    Way("en", 390),
    Way("en", 768),
    Way("en", 1440, "keys"),
)
every_way = pytest.mark.parametrize("way", WAYS, ids=str)
SCRIPTED = tuple(way if way.has_scripts else replace(way, hand="finger") for way in WAYS)
with_scripts = pytest.mark.parametrize("way", SCRIPTED, ids=str)
LOOKED_AT_CLOSELY = (WAYS[0], WAYS[-1])
"""Where the rules of axe-core are held too: what differs for those who can't see."""


@dataclass
class Walker:
    """Somebody in a browser of their own; ``faults`` is what was wrong with the pages that they came by."""

    site: Site
    context: BrowserContext
    page: Page
    way: Way
    faults: list[str] = field(default_factory=list)

    def say(self, message: str, **values: str) -> str:
        """Return a text of the catalog in the walker's language. Raises: AssertionError, if the catalog has no such text."""
        assert message in texts(), message
        text = language(self.way.language).gettext(message)
        return text % values if values else text

    def goes_to(self, path: str) -> None:
        """Open a page by its address."""
        self.page.goto(path)

    def comes_to(self, heading: str, **values: str) -> None:
        """Wait for the page with this heading, and look whether it can be used by everyone."""
        self.comes_to_page_of(self.say(heading, **values))

    def comes_to_page_of(self, heading: str) -> None:
        """Wait for the page with this heading, which is no text of the catalog."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        self.page.wait_for_load_state()  # its words are there before its style
        if not self.way.has_scripts:
            return
        found = checks.layout(self.page)
        if self.way in LOOKED_AT_CLOSELY:
            found += checks.accessibility(self.page)
        self.faults += [f"{heading}: {fault}" for fault in found]

    def button(self, name: str, within: Locator | None = None) -> Locator:
        """Return a button of the page's content, whose name begins with a text of the catalog."""
        place = self.page.get_by_role("main") if within is None else within
        return place.get_by_role("button", name=_beginning(self.say(name)))

    def press(self, name: str, within: Locator | None = None) -> None:
        """Press a button."""
        self._use(self.button(name, within).first)

    def follow(self, name: str, within: Locator | None = None, **values: str) -> None:
        """Press a link of the page's content."""
        place = self.page.get_by_role("main") if within is None else within
        self._use(place.get_by_role("link", name=_beginning(self.say(name, **values))).first)

    def open(self, name: str) -> None:
        """Open what is folded away under a text."""
        self._use(self.page.get_by_role("main").locator("summary", has_text=self.say(name)))

    def _use(self, found: Locator) -> None:
        if self.way.hand == "keys":
            found.press("Enter")
        else:
            found.click()

    def fill(self, label: str, text: str) -> None:
        """Fill in a field of the page's content; where it stood something, in its place."""
        self.fill_own(self.say(label), text)

    def fill_own(self, label: str, text: str) -> None:
        """Fill in a field whose label is no text of the catalog."""
        field_ = self.page.get_by_role("main").get_by_label(_beginning(label)).first
        is_typed = field_.get_attribute("type") != "date"  # which takes keys in the order of the machine's country
        if self.way.hand == "keys" and is_typed:
            field_.press("ControlOrMeta+a")
            field_.press_sequentially(text)
        else:
            field_.fill(text)

    def tick(self, *labels: str) -> None:
        """Choose boxes and circles by texts of the catalog."""
        for label in labels:
            self.tick_own(self.say(label))

    def tick_own(self, label: str) -> None:
        """Choose a box or a circle whose label is no text of the catalog."""
        choice = self.page.get_by_role("main").get_by_role("group").get_by_label(_beginning(label)).first
        if self.way.hand != "keys":
            choice.check()
        elif not choice.is_checked():
            choice.press(" ")

    def is_told(self, message: str, **values: str) -> None:
        """Wait until the page says how it went."""
        said = self.page.get_by_role("status").filter(has_text=self.say(message, **values))
        expect(said.first).to_be_visible()

    def is_warned(self, message: str, **values: str) -> None:
        """Wait until the page says what is wrong, and look whether it can be used by everyone like that."""
        warning = self.page.get_by_role("alert").filter(has_text=self.say(message, **values))
        expect(warning.first).to_be_visible()

    def sees(self, text: str) -> None:
        """Wait until a text stands in the page's content."""
        expect(self.page.get_by_role("main").get_by_text(text).first).to_be_visible()

    def is_done(self) -> None:
        """Close the browser. Raises: AssertionError, if a page could not be used by everyone."""
        self.context.close()
        assert not self.faults, "\n".join(self.faults)


def walker(site: Site, browser: Browser, way: Way, who: str = NOBODY, *, address: str = "192.0.2.1") -> Walker:
    """Return somebody who is logged in as ``who``, not long ago, coming from an address."""
    site.prepare(browser)
    context = site.opened(
        browser,
        who,
        language=way.language,
        viewport={"width": way.width, "height": HEIGHT},
        java_script_enabled=way.has_scripts,
        extra_http_headers={"X-Forwarded-For": address},
    )

    def went(method: str, url: str) -> None:
        route = route_of(method, urlsplit(url).path)
        if route is not None:
            site.gone_through.append(route)

    def note(response: Response) -> None:
        if response.ok | (response.status == SEE_OTHER):
            went(response.request.method, response.url)

    context.on("response", note)
    page = context.new_page()
    page.on("download", lambda kept: went("GET", kept.url))  # of a file that a link gives, not every answer is told of
    return Walker(site, context, page, way)


@cache
def texts() -> frozenset[str]:
    """Return all English texts of the catalog."""
    with CATALOG.open("rb") as file:
        return frozenset(str(message.id) for message in read_po(file))


def _beginning(text: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*{re.escape(text)}")
