"""What somebody of a practice does: in both languages, at three widths, by keys, without scripts."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from app.demo import diabetes
from tests.end_to_end.browser.giving import card_of, stop
from tests.end_to_end.browser.newcomers import colleague
from tests.end_to_end.browser.places import PRACTICE, WALKER
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Way, every_way, walker

pytestmark = pytest.mark.browser


@every_way
def test_a_colleague_joins_finds_a_person_and_looks_at_what_is_shared(site: Site, browser: Browser, way: Way) -> None:
    name = f"P. Passer-Testarts {uuid4().hex[:8]}"
    joining = colleague(site, browser, way, name)
    person = site.demo["people"][0]
    joining.open("Find somebody")
    joining.fill("Date of birth", diabetes.WHO.birth_date.isoformat())
    joining.press("Find")
    joining.comes_to("People")
    joining.page.get_by_role("main").get_by_role("link", name=person["name"]).press("Enter")
    joining.comes_to_page_of(person["name"])
    banner = joining.page.get_by_role("complementary", name=joining.say("Whose record this is"))
    expect(banner).to_contain_text(joining.say("This person gave your practice access."))
    for part in ("Measurements", "Care plan", "Medicines"):
        joining.follow(part, joining.page.get_by_role("navigation", name=joining.say("Parts of the record")))
        joining.comes_to(part)
    joining.is_done()


@every_way
def test_a_practice_asks_for_access_and_the_person_gives_a_part_of_it(site: Site, browser: Browser, way: Way) -> None:
    practice, words = site.demo["practices"][0]["name"], f"Voor de controle {uuid4().hex[:8]}"
    person = walker(site, browser, way, WALKER)
    person.goes_to("/access")
    person.follow("Let a practice ask")
    person.comes_to("Let a practice ask")
    person.press("Make a code" if person.button("Make a code").count() else "Make a new code")
    code = person.page.locator("p.code").inner_text()

    asking = walker(site, browser, way, PRACTICE)
    asking.goes_to("/practice/requests")
    asking.comes_to("Ask for access")
    asking.press("Ask")
    asking.is_warned("Something is not right yet")
    asking.fill("The code", code)
    asking.tick("Own measurements", "Care plan", "Look")
    asking.fill("A line for them", words)
    asking.press("Ask")
    asking.is_told("If the code is right, they can see your question now. We do not say whether it is.")
    line = asking.page.locator("li", has_text=words)
    expect(line).to_contain_text(asking.say("No answer yet"))

    person.goes_to("/access")
    person.comes_to("Who may see what")
    person.follow("Look and answer")
    person.comes_to("May %(practice)s look in your record?", practice=practice)
    person.sees(words)
    person.tick("Own measurements", "Look")
    person.press("Give what I ticked")
    person.is_warned("Something is not right yet")
    person.tick("3 months")
    person.press("Give what I ticked")
    person.comes_to("Who may see what")
    card = card_of(person, practice)
    expect(card).to_contain_text(person.say("Own measurements"))
    expect(card).not_to_contain_text(person.say("Care plan"))

    asking.goes_to("/practice/requests")
    expect(line).to_contain_text(asking.say("Access was given"))
    stop(person, practice)
    asking.is_done()
    person.is_done()
