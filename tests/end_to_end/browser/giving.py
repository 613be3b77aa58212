"""How a person gives a practice access to parts of the record, and stops it."""

from playwright.sync_api import Locator

from tests.end_to_end.browser.walker import Walker


def give(who: Walker, practice: str, *parts: str, ways: tuple[str, ...] = ("Look",)) -> None:
    """Give a practice some parts; ``ways`` is what it may do with them."""
    who.goes_to("/access")
    who.comes_to("Who may see what")
    who.follow("Give a practice access")
    who.comes_to("Give a practice access")
    who.tick_own(practice)
    who.tick(*parts, *ways)
    who.press("Give access")
    who.is_told("Access was given.")


def card_of(who: Walker, name: str) -> Locator:
    """Return what the page says of somebody who may look."""
    return who.page.locator("li.goal", has_text=name)


def stop(who: Walker, name: str) -> None:
    """Stop the access of a practice, from the list of who may see what."""
    who.follow("Stop access", card_of(who, name))
    who.comes_to("Stop access for %(name)s?", name=name)
    who.press("Stop access")
    who.is_told("Access was stopped. The next look will be refused.")
