"""What a practice asks and a person answers, there and back: in both languages, at three widths, by keys, without scripts."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.asked import ask
from tests.end_to_end.browser.giving import card_of, give, stop
from tests.end_to_end.browser.places import PRACTICE, WALKER
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Walker, Way, every_way, walker

pytestmark = pytest.mark.browser


def opens_record(doctor: Walker, person: str) -> None:
    """From the list of people, open the record of one that shares their name."""
    doctor.goes_to("/practice")
    doctor.comes_to("People")
    doctor.page.get_by_role("main").get_by_role("link", name=person).press("Enter")
    doctor.comes_to_page_of(person)


def opens_part(doctor: Walker, part: str) -> None:
    """Of the record that is open, open a part."""
    doctor.follow(part, doctor.page.get_by_role("navigation", name=doctor.say("Parts of the record")))
    doctor.comes_to(part)


@every_way
def test_a_practice_asks_to_fill_in_a_questionnaire_and_reads_the_answers(
    site: Site, browser: Browser, way: Way
) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    title, words = f"Hoe slaapt u? {uuid4().hex[:8]}", f"Ik wil beter slapen {uuid4().hex[:8]}"
    # So that its questions are there.
    ask(site.program, site.demo["people"][1]["patients"]["r4"], str(uuid4()), title)
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Care plan", "Questionnaires", "Personal details", ways=("Look", "Add data", "Change data"))
    doctor = walker(site, browser, way, PRACTICE)
    opens_record(doctor, person)
    opens_part(doctor, "Questionnaires")
    waiting = doctor.page.locator("section[aria-labelledby=waiting] li", has_text=title)
    before = waiting.count()
    for count in (1, 2):
        doctor.page.get_by_label(doctor.say("Questionnaire"), exact=True).select_option(label=title)
        doctor.press("Ask")
        doctor.is_told("Asked. The person sees it on their first page.")
        expect(waiting).to_have_count(before + count)
    doctor.press("Ask no more", waiting)
    doctor.is_told("It is not asked any more.")
    expect(waiting).to_have_count(before + 1)

    who.goes_to("/questionnaires")
    who.comes_to("Questionnaires")
    asked = who.page.locator("section[aria-labelledby=waiting] li", has_text=title)
    who.follow("Fill in", asked.filter(has_text=practice))
    who.comes_to_page_of(title)
    who.tick("Yes")
    who.fill_own("Wat wilt u nog zeggen?", words)
    who.press("Send")
    who.is_told("Your answers are in your record. Who may see your questionnaires, sees them too.")
    who.page.locator("section[aria-labelledby=done] li").first.get_by_role("link").press("Enter")
    who.comes_to_page_of(title)
    who.sees(words)

    doctor.page.reload()
    doctor.page.locator("section[aria-labelledby=done] li").first.get_by_role("link").press("Enter")
    doctor.comes_to_page_of(title)
    doctor.sees(words)
    doctor.is_done()
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_practice_begins_a_care_plan_with_a_proposal_and_asks_to_measure(
    site: Site, browser: Browser, way: Way
) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    goal, why = f"Minder benauwd {uuid4().hex[:8]}", f"Ga eerst vijf minuten zitten {uuid4().hex[:8]}"
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Care plan", "Personal details", ways=("Look", "Add data", "Change data"))
    doctor = walker(site, browser, way, PRACTICE)
    opens_record(doctor, person)
    opens_part(doctor, "Care plan")
    doctor.follow("Proposals per illness")
    doctor.comes_to("Proposals per illness")
    doctor.follow("I can do more without getting out of breath")
    doctor.comes_to("Goal")
    expect(doctor.page.locator("#text")).to_have_value(doctor.say("I can do more without getting out of breath"))
    doctor.fill("What does the person want to reach?", goal)
    doctor.press("Keep")
    doctor.is_told("Kept. The person sees it in their care plan.")
    doctor.sees(goal)
    doctor.follow("Ask to measure")
    doctor.comes_to("Measure at home")
    doctor.page.get_by_label(doctor.say("What is measured")).select_option("blood-pressure")
    doctor.page.get_by_label(doctor.say("How often?")).select_option("week-1")
    doctor.fill("How to measure well", why)
    doctor.press("Keep")
    doctor.is_told("Kept. The person sees it in their care plan.")
    doctor.is_done()

    who.goes_to("/care-plan")
    who.comes_to("Care plan")
    who.sees(goal)
    who.sees(why)
    who.follow("History of your care plan")
    who.comes_to("History of your care plan")
    who.sees(goal)
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_practice_sees_what_is_new_and_notes_that_it_saw(site: Site, browser: Browser, way: Way) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Own measurements", "Personal details")
    doctor = walker(site, browser, way, PRACTICE)
    doctor.goes_to("/practice")
    doctor.comes_to("People")
    doctor.follow("Who needs attention")
    doctor.sees(doctor.say("Not seen by you yet"))
    opens_record(doctor, person)
    doctor.press("Seen")
    doctor.is_told("Noted. What changes from now on is new to you.")
    doctor.comes_to_page_of(person)
    doctor.sees(doctor.say("Nothing changed since then."))
    doctor.goes_to("/practice")
    line = doctor.page.get_by_role("main").locator("li", has_text=person)
    expect(line).not_to_contain_text(doctor.say("Not seen by you yet"))
    doctor.is_done()
    who.goes_to("/activity")
    who.comes_to("Who looked")
    who.sees(str(site.demo["staff"][0]["name"]))
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_person_says_no_to_a_practice_and_lets_it_ask_again(site: Site, browser: Browser, way: Way) -> None:
    practice, words = site.demo["practices"][0]["name"], f"Voor onderzoek {uuid4().hex[:8]}"
    person = walker(site, browser, way, WALKER)
    person.goes_to("/access/code")
    person.press("Make a code" if person.button("Make a code").count() else "Make a new code")
    code = person.page.locator("p.code").inner_text()
    asking = walker(site, browser, way, PRACTICE)
    asking.goes_to("/practice/requests")
    asking.fill("The code", code)
    asking.tick("Medicines", "Look")
    asking.fill("A line for them", words)
    asking.press("Ask")
    asking.is_told("If the code is right, they can see your question now. We do not say whether it is.")
    asking.is_done()
    person.goes_to("/access")
    person.follow("Look and answer")
    person.comes_to("May %(practice)s look in your record?", practice=practice)
    person.sees(words)
    person.page.get_by_label(person.say("Do not ask me again")).press(" ")
    person.press("Give nothing")
    person.comes_to("Who may see what")
    expect(card_of(person, practice)).to_have_count(0)
    person.goes_to("/access/code")
    person.comes_to("Let a practice ask")
    closed = person.page.locator("section[aria-labelledby=closed] li", has_text=practice)
    person.press("Let them ask again", closed)
    person.comes_to("Let a practice ask")
    expect(closed).to_have_count(0)
    person.is_done()
