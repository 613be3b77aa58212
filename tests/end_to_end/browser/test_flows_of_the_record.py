"""What a person reads of their record, and questions that follow from an answer: in both languages, at three widths, by keys, without scripts."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.asked import ask
from tests.end_to_end.browser.places import PERSON, WALKER
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Way, every_way, walker

pytestmark = pytest.mark.browser


@every_way
def test_a_person_reads_the_whole_of_what_is_known(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way, PERSON)
    who.goes_to("/summary")
    who.comes_to("GP summary")
    for heading in (
        "Daily life",
        "Wishes for care",
        "Illnesses in the family",
        "Contacts with care",
        "Aids and implants",
    ):
        expect(who.page.get_by_role("heading", name=who.say(heading), exact=True)).to_be_visible()
    contacts = who.page.locator("section[aria-labelledby=contacts]")
    expect(contacts.get_by_text("Bezoek aan de oogarts")).to_be_visible()
    who.follow("Other data")
    who.comes_to("Other data")
    who.sees("Jaarcontrole diabetes")
    who.goes_to("/summary")
    who.follow("Is something here not right?", who.page.locator("section[aria-labelledby=problems]"))
    who.comes_to("Something is wrong")
    who.is_done()


@every_way
def test_a_question_that_follows_from_an_answer_comes_and_goes(site: Site, browser: Browser, way: Way) -> None:
    title = f"Bent u moe {uuid4().hex[:8]}?"
    ask(site.program, site.demo["people"][1]["patients"]["r4"], str(uuid4()), title)
    who = walker(site, browser, way, WALKER)
    who.goes_to("/questionnaires")
    who.follow("Fill in", who.page.locator("section[aria-labelledby=waiting] li", has_text=title))
    who.comes_to_page_of(title)
    why = who.page.get_by_label("Waardoor was u elke dag moe?")
    expect(why).to_have_count(0)
    who.tick("Yes")
    who.tick_own("Elke dag")
    if way.has_scripts:
        expect(why).to_be_visible()
        who.tick_own("Soms")
        expect(why).to_have_count(0)
        who.tick_own("Elke dag")
        who.is_told("There are more questions because of your answers.")
    else:
        who.press("Send")
        who.is_told("There are more questions because of your answers. They are marked as new.")
    who.comes_to_page_of(title)
    who.fill_own("Waardoor was u elke dag moe?", "Van het werk")
    who.press("Send")
    who.is_told("Your answers are in your record. Who may see your questionnaires, sees them too.")
    who.is_done()
