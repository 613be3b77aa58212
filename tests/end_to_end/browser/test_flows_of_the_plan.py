"""What a person and a practice do with the care plan, the diary and a visit: in both languages, at three widths, by keys, without scripts."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.giving import give, stop
from tests.end_to_end.browser.places import PRACTICE, WALKER
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Walker, Way, every_way, walker

pytestmark = pytest.mark.browser


LONG_WORD = "Meervoudigepersoonlijkheidsstoornissenbehandelplanevaluatie"
"""Wider than a phone: what somebody types has no place to break."""


def follow_beside(who: Walker, text: str, name: str) -> None:
    """Press the link of the line or card in which a text stands."""
    who.follow(name, who.page.get_by_role("main").locator("li", has_text=text))


@every_way
def test_a_person_keeps_a_diary_corrects_it_and_takes_it_back(site: Site, browser: Browser, way: Way) -> None:
    first, second = f"Slecht geslapen {uuid4().hex[:8]}", f"Goed geslapen {uuid4().hex[:8]}"
    who = walker(site, browser, way, WALKER)
    who.goes_to("/diary")
    who.comes_to("Diary")
    who.follow("Write something down")
    who.comes_to("Write something down")
    who.tick("Something else")
    who.fill("In your own words", first)
    who.press("Keep")
    who.is_told("Kept. It is in your diary.")
    who.comes_to("Diary")
    follow_beside(who, first, "Correct")
    who.comes_to("Correct your diary")
    who.fill("In your own words", second)
    who.press("Keep")
    who.is_told("Corrected. The old text is kept in the history.")
    expect(who.page.get_by_text(first)).to_have_count(0)
    follow_beside(who, second, "Correct")
    who.open("Take this back")
    who.press("Take back")
    who.is_told("Taken back. It is no longer in your diary.")
    expect(who.page.get_by_text(second)).to_have_count(0)
    who.is_done()


@every_way
def test_a_person_adds_a_goal_and_an_action_and_ends_them(site: Site, browser: Browser, way: Way) -> None:
    goal, action = (f"{LONG_WORD} {what} {uuid4().hex[:8]}" for what in ("fietsen", "wandelen"))
    who = walker(site, browser, way, WALKER)
    who.goes_to("/care-plan")
    who.comes_to("Care plan")
    who.follow("Add a goal of your own")
    who.comes_to("A goal of your own")
    who.fill("What do you want to reach?", goal)
    who.press("Keep")
    who.is_told("Your goal is in your care plan.")
    who.follow("Add an action of your own")
    who.comes_to("An action of your own")
    who.fill("What are you going to do?", action)
    who.press("Keep")
    who.is_told("Your action is in your care plan.")
    who.comes_to("Care plan")
    follow_beside(who, goal, "Change or end it")
    who.comes_to("Change your goal")
    who.press("I reached it")
    who.is_told("Well done. Your goal is reached.")
    follow_beside(who, action, "Change or end it")
    who.comes_to("Change your action")
    who.press("I stop with it")
    who.is_told("Your action is stopped. It stays in the history of your plan.")
    expect(who.page.locator("main").get_by_text(goal)).to_have_count(0)
    who.is_done()


@every_way
def test_a_person_prepares_a_visit_and_the_practice_sees_it(site: Site, browser: Browser, way: Way) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    first, second = f"Helpt sporten? {uuid4().hex[:8]}", f"Mag ik vliegen? {uuid4().hex[:8]}"
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Messages", "Personal details")
    who.goes_to("/visit")
    who.comes_to("Prepare a visit")
    who.follow("Prepare a visit")
    if who.page.locator("h1").inner_text() == who.say("Which practice do you visit?"):
        who.page.get_by_role("main").get_by_role("link", name=practice).press("Enter")
    who.comes_to("What do you want to discuss?")
    who.fill("Your questions", first)
    who.press("Show it to the practice")
    who.is_told("Your visit is prepared. The practice can see it.")
    prepared = who.page.get_by_role("article").filter(has_text=first)
    who.follow("To print", prepared)
    who.comes_to("To discuss at the visit")
    who.sees(first)
    who.follow("Change or withdraw")
    who.comes_to("Change what you prepared")
    who.fill("Your questions", second)
    who.press("Keep")
    who.is_told("Your changes are kept. The practice sees them too.")

    doctor = walker(site, browser, way, PRACTICE)
    doctor.goes_to("/practice")
    doctor.page.get_by_role("main").get_by_role("link", name=person).press("Enter")
    doctor.comes_to_page_of(person)
    doctor.goes_to(f"{doctor.page.url}/visit")
    doctor.comes_to("Prepared for the visit")
    doctor.sees(second)

    who.follow("Change or withdraw", who.page.get_by_role("article").filter(has_text=second))
    who.open("Withdraw this")
    who.press("Withdraw")
    who.is_told("This is withdrawn. The practice does not see it on its page any more.")
    doctor.page.reload()
    expect(doctor.page.get_by_text(second)).to_have_count(0)
    doctor.is_done()
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_practice_writes_a_goal_into_the_care_plan_and_the_person_sees_it(
    site: Site, browser: Browser, way: Way
) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    goal = f"Met de kleinkinderen wandelen {uuid4().hex[:8]}"
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Care plan", "Personal details", ways=("Look", "Add data", "Change data"))
    doctor = walker(site, browser, way, PRACTICE)
    doctor.goes_to("/practice")
    doctor.page.get_by_role("main").get_by_role("link", name=person).press("Enter")
    doctor.comes_to_page_of(person)
    doctor.follow("Care plan", doctor.page.get_by_role("navigation", name=doctor.say("Parts of the record")))
    doctor.comes_to("Care plan")
    doctor.follow("Add a goal")
    doctor.comes_to("Goal")
    doctor.fill("What does the person want to reach?", goal)
    doctor.press("Keep")
    doctor.comes_to("Care plan")
    doctor.sees(goal)
    who.goes_to("/care-plan")
    who.comes_to("Care plan")
    who.sees(goal)
    follow_beside(doctor, goal, "Change or end it")
    doctor.press("Stop it")
    doctor.comes_to("Care plan")
    expect(doctor.page.locator("main").get_by_text(goal)).to_have_count(0)
    doctor.is_done()
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_practice_makes_a_plan_with_proposals_changes_it_and_ends_it(site: Site, browser: Browser, way: Way) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    title, agreed, later = (
        f"{what} {uuid4().hex[:8]}" for what in ("Rustig ademen", "Elke week bellen", "Minder bellen")
    )
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Care plan", "Personal details", ways=("Look", "Add data", "Change data"))
    doctor = walker(site, browser, way, PRACTICE)
    doctor.goes_to("/practice")
    doctor.page.get_by_role("main").get_by_role("link", name=person).press("Enter")
    doctor.comes_to_page_of(person)
    doctor.follow("Care plan", doctor.page.get_by_role("navigation", name=doctor.say("Parts of the record")))
    doctor.follow("Proposals per illness")
    doctor.comes_to("Proposals per illness")
    copd = doctor.page.get_by_role("region", name="COPD")
    copd.get_by_role("link", name=doctor.say("Make a plan with these")).press("Enter")
    doctor.comes_to("Make a plan")
    doctor.fill("What is the plan called?", title)
    doctor.fill("What did you agree on?", agreed)
    for number in (0, 1, 3, 4, 5):
        doctor.page.locator(f"[name='proposal {number}']").press("Space")
    doctor.press("Keep")
    doctor.is_told("Kept. The person sees it in their care plan.")
    doctor.sees(agreed)
    who.goes_to("/care-plan")
    who.sees(title)
    who.sees(agreed)
    card = doctor.page.get_by_role("main").locator("li.goal", has_text=title).first
    doctor.follow("Change this plan, or what belongs to it", card)
    doctor.comes_to("Change the plan")
    doctor.fill("What did you agree on?", later)
    doctor.press("Keep")
    doctor.is_told("Changed. The person sees who did it.")
    doctor.sees(later)
    expect(doctor.page.locator("main").get_by_text(agreed)).to_have_count(0)
    doctor.follow("Change this plan, or what belongs to it", card)
    doctor.press("Stop the plan")
    doctor.is_told("Ended. It stays in the history of the plan.")
    expect(doctor.page.locator("main").get_by_text(title)).to_have_count(0)
    doctor.is_done()
    who.goes_to("/care-plan/history")
    who.sees(title)
    who.sees(agreed)
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_person_stops_all_that_a_practice_has_at_once(site: Site, browser: Browser, way: Way) -> None:
    practice = site.demo["practices"][0]["name"]
    who = walker(site, browser, way, WALKER)
    for part in ("Care plan", "Medicines"):
        give(who, practice, part)
    who.follow("Stop everything of this practice", who.page.locator("li.goal", has_text=practice).first)
    who.comes_to("Stop everything of %(name)s?", name=practice)
    who.sees(who.say("All of this ends at once."))
    for part in ("Care plan", "Medicines"):
        who.sees(who.say(part))
    who.press("Stop everything")
    who.is_told("All access of this practice was stopped.")
    expect(who.page.locator("li.goal", has_text=practice)).to_have_count(0)
    who.follow("See what they looked at")
    who.comes_to("Who looked")
    who.is_done()


@every_way
def test_a_practice_reads_the_history_of_the_plan_and_prints_the_list_of_medicines(
    site: Site, browser: Browser, way: Way
) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Care plan", "Medicines", "Personal details")
    doctor = walker(site, browser, way, PRACTICE)
    doctor.goes_to("/practice")
    doctor.page.get_by_role("main").get_by_role("link", name=person).press("Enter")
    doctor.comes_to_page_of(person)
    doctor.follow("Care plan", doctor.page.get_by_role("navigation", name=doctor.say("Parts of the record")))
    doctor.follow("History of the care plan")
    doctor.comes_to("History of the care plan")
    doctor.follow("Medicines", doctor.page.get_by_role("navigation", name=doctor.say("Parts of the record")))
    doctor.follow("List to print")
    doctor.comes_to("List of medicines")
    expect(doctor.page.get_by_role("rowheader").first).to_be_visible()
    doctor.sees(doctor.say("Allergies were not shared with your practice."))
    doctor.is_done()
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_person_reads_a_letter_and_prints_the_list_of_medicines(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way, WALKER)
    who.goes_to("/documents")
    who.comes_to("Documents")
    document = who.page.get_by_role("main").locator("a[href^='/documents/']").first
    title = document.inner_text()
    document.press("Enter")
    who.comes_to_page_of(title)
    with who.page.expect_download() as kept:
        who.follow("Download")
    assert kept.value.path().stat().st_size > 0
    who.goes_to("/medication")
    who.comes_to("Medicines")
    who.goes_to("/medication/list")
    who.comes_to("My medicines")
    expect(who.page.get_by_role("rowheader").first).to_be_visible()
    who.is_done()
