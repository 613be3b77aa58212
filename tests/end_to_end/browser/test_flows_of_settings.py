"""What a person chooses for themselves, from the first page to the last: in both languages, at three widths, by keys, without scripts."""

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.places import WALKER
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Way, every_way, walker

pytestmark = pytest.mark.browser


@every_way
def test_a_person_chooses_which_mails_come(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way, WALKER)
    who.goes_to("/settings")
    who.comes_to("Settings")
    who.follow("Mails to you")
    who.comes_to("Mails to you")
    message = who.page.get_by_label(who.say("A practice sends you a message"))
    expect(message).to_be_checked()
    message.press(" ")
    who.press("Keep")
    who.is_told("Your choice is kept.")
    expect(message).not_to_be_checked()
    expect(who.page.get_by_label(who.say("A practice changes your care plan"))).to_be_checked()
    who.tick("A practice sends you a message")
    who.press("Keep")
    who.is_told("Your choice is kept.")
    expect(message).to_be_checked()
    who.follow("Settings")
    who.comes_to("Settings")
    who.is_done()
