"""What a person does with their record, from the first page to the last: in both languages, at three widths, by keys, without scripts."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.end_to_end.browser.asked import HOW_ARE_YOU, ask
from tests.end_to_end.browser.giving import card_of, give, stop
from tests.end_to_end.browser.newcomers import NAME, PASSWORD, newcomer
from tests.end_to_end.browser.places import WALKER
from tests.end_to_end.browser.site import OFFLINE_KEPT, Site, code_of
from tests.end_to_end.browser.walker import SCRIPTED, WAYS, Walker, Way, every_way, walker, with_scripts

pytestmark = pytest.mark.browser


@every_way
def test_somebody_starts_a_record_leaves_and_comes_back_with_two_factors(
    site: Site, browser: Browser, way: Way
) -> None:
    who, login, secret = newcomer(site, browser, way)
    who.press("Make ten codes")
    who.is_told("Write them down or print them now. You can't see them again.")
    who.follow("I have kept them")
    who.sees(who.say("Your record is still empty. You can begin here."))
    who.goes_to("/menu")
    who.comes_to("Menu")
    who.press("Log out")
    who.page.wait_for_url(f"{site.url}/")
    who.comes_to("Your health, in your own hands")
    who.follow("Log in")
    who.fill("Login name", login)
    who.fill("Password", "niet dit wachtwoord")
    who.press("Continue")
    who.is_warned("This login name and password do not belong together.")
    who.fill("Login name", login)
    who.fill("Password", PASSWORD)
    who.press("Continue")
    who.comes_to("Your code")
    who.fill("Code of 6 digits", "000000")
    who.press("Log in")
    who.is_warned("This code is not right, or it was used before. Wait for the next one.")
    who.fill("Code of 6 digits", code_of(secret))
    who.press("Log in")
    who.sees(who.say("Nobody but you. That is your choice to make."))
    who.is_done()


def row_of(who: Walker, value: str) -> Locator:
    """Return the line of a table with a value, as this language writes it."""
    written = value if who.way.language == "nl" else value.replace(",", ".")
    return who.page.locator("tr", has=who.page.get_by_role("cell", name=written, exact=True))


@every_way
def test_a_person_types_a_measurement_corrects_it_and_takes_it_back(site: Site, browser: Browser, way: Way) -> None:
    number = WAYS.index(way)
    first, second = f"9{number},25", f"9{number},75"
    who = walker(site, browser, way, WALKER)
    who.goes_to("/measurements")
    who.comes_to("Measurements")
    who.follow("Add a measurement")
    who.comes_to("Add a measurement")
    who.follow("Weight")
    who.comes_to("Weight")
    who.fill("Weight", "9000")
    who.press("Keep")
    who.is_warned("Something is not right yet")
    who.comes_to("Weight")
    who.fill("Weight", "210,5")
    who.press("Keep")
    who.is_warned("Is that right? Then keep it. Or type the right number.")
    who.fill("Weight", first)
    who.press("Yes, this is right. Keep it")
    who.is_told("Kept. You find it in the chart and in the table.")
    who.comes_to("Weight")
    who.follow("Correct", row_of(who, first))
    who.comes_to("Correct a measurement")
    who.fill("Weight", second.replace(",", "."))
    who.press("Keep")
    who.is_told("Corrected. The old value is kept in the history.")
    expect(row_of(who, first)).to_have_count(0)
    who.follow("Correct", row_of(who, second))
    who.open("Take this measurement back")
    who.press("Take back")
    who.is_told("Taken back. It does not count any more.")
    expect(row_of(who, second)).to_have_count(0)
    who.is_done()


@with_scripts
def test_a_measurement_without_a_network_waits_and_is_kept_once(site: Site, browser: Browser, way: Way) -> None:
    value = f"7{SCRIPTED.index(way)},35"
    who = walker(site, browser, way, WALKER)
    who.goes_to("/")
    who.page.wait_for_function(OFFLINE_KEPT)
    who.context.set_offline(True)
    who.goes_to("/measurements")
    who.comes_to("Without internet")
    who.page.get_by_label(who.say("What do you want to write down?")).select_option("weight")
    who.fill("Weight", value)
    who.press("Keep on this phone")
    who.is_told("It waits on this phone now. It is sent when you have internet.")
    who.context.set_offline(False)
    who.goes_to("/")
    who.is_told("What waited on this phone is in your record now.")
    who.goes_to("/measurements/weight")
    expect(row_of(who, value)).to_have_count(1)
    who.is_done()


@with_scripts
def test_a_line_of_the_diary_without_a_network_waits_and_is_kept_once(site: Site, browser: Browser, way: Way) -> None:
    words = f"Duizelig na het opstaan ({uuid4().hex[:6]})"
    who = walker(site, browser, way, WALKER)
    who.goes_to("/")
    who.page.wait_for_function(OFFLINE_KEPT)
    who.context.set_offline(True)
    who.goes_to("/diary/add")
    who.comes_to("Without internet")
    who.page.get_by_label(who.say("What do you want to write down?")).select_option("complaint")
    who.press("Keep on this phone")
    who.fill("In your own words", words)
    who.press("Keep on this phone")
    who.is_told("It waits on this phone now. It is sent when you have internet.")
    who.comes_to("Without internet")
    who.sees(words)
    who.context.set_offline(False)
    who.goes_to("/diary")
    who.is_told("What waited on this phone is in your record now.")
    who.goes_to("/diary")
    expect(who.page.get_by_text(words)).to_have_count(1)
    who.is_done()


@every_way
def test_a_person_answers_a_questionnaire_in_two_goes(site: Site, browser: Browser, way: Way) -> None:
    ask(site.program, site.demo["people"][1]["patients"]["r4"], str(uuid4()))
    title = str(HOW_ARE_YOU["title"])
    who = walker(site, browser, way, WALKER)
    who.goes_to("/questionnaires")
    who.comes_to("Questionnaires")
    before = who.page.locator("section[aria-labelledby=done] li").count()
    who.follow("Fill in", who.page.locator("section[aria-labelledby=waiting] li", has_text=title))
    who.comes_to_page_of(title)
    who.press("Send")
    who.is_warned("Something is not right yet")
    who.tick_own("Soms")
    who.press("Keep for later")
    who.is_told("Your answers so far are kept. You can go on whenever you like.")
    who.follow("Go on", who.page.locator("section[aria-labelledby=begun] li", has_text=title))
    who.comes_to_page_of(title)
    expect(who.page.get_by_label("Soms")).to_be_checked()
    who.tick("Yes")
    who.press("Send")
    who.is_told("Your answers are in your record. Who may see your questionnaires, sees them too.")
    expect(who.page.locator("section[aria-labelledby=done] li")).to_have_count(before + 1)
    who.is_done()


@every_way
def test_a_person_gives_access_sees_what_is_seen_changes_it_and_stops_it(
    site: Site, browser: Browser, way: Way
) -> None:
    practice = site.demo["practices"][0]["name"]
    who = walker(site, browser, way, WALKER)
    who.goes_to("/access/new")
    who.press("Give access")
    who.is_warned("Something is not right yet")
    give(who, practice, "Own measurements", "Care plan")
    who.follow("What does this practice see?", card_of(who, practice))
    who.comes_to("What %(name)s sees", name=practice)
    for part, count in (("Own measurements", 1), ("Medicines", 0)):
        expect(who.page.locator("main li", has_text=who.say(part)).locator("strong")).to_have_count(count)
    who.follow("Who may see what")
    who.follow("Change", card_of(who, practice))
    who.comes_to("Change access for %(name)s", name=practice)
    who.tick("Medicines")
    who.press("Change access")
    who.is_told("Access was changed. It works at once.")
    expect(card_of(who, practice)).to_contain_text(who.say("Medicines"))
    stop(who, practice)
    expect(card_of(who, practice)).to_have_count(0)
    who.is_done()


@every_way
def test_a_person_sees_who_looked_and_that_the_log_is_whole(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way, WALKER)
    who.goes_to("/menu")
    who.comes_to("Menu")
    who.follow("Who looked")
    who.comes_to("Who looked")
    who.open("Choose more exactly")
    who.tick("Only what stands out")
    who.press("Show")
    who.comes_to("Who looked")
    who.goes_to("/activity?who=person")
    with who.page.expect_download() as kept:
        who.follow("Receipt")
    assert kept.value.path().read_bytes().startswith(b"{")
    who.follow("Check the log")
    who.comes_to("The log is complete")
    who.is_done()


@every_way
def test_a_person_lets_somebody_help_who_looks_along_until_it_is_stopped(
    site: Site, browser: Browser, way: Way
) -> None:
    person = site.demo["people"][1]["name"]
    who = walker(site, browser, way, WALKER)
    who.goes_to("/helpers")
    who.comes_to("People who help me")
    who.follow("Ask someone to help")
    who.comes_to("Ask someone to help")
    who.fill("Who is it?", "mijn buurvrouw")
    who.tick("Own measurements", "Look")
    who.press("Make a code")
    who.comes_to("Give this code to %(name)s", name="mijn buurvrouw")
    code = who.page.locator(".told-code").inner_text()

    helper, _, _ = newcomer(site, browser, way)
    helper.goes_to("/helping")
    helper.comes_to("People whom I help")
    helper.fill("Code", "NIET-DEZE-CODE")
    helper.press("See what is asked")
    helper.is_warned("There is no such code, or it is over. Ask for a new one.")
    helper.fill("Code", code)
    helper.press("See what is asked")
    helper.comes_to("Will you help %(name)s?", name=person)
    helper.press("Yes, I will help")
    helper.comes_to("People whom I help")
    helper.press("Go to this record")
    acting = helper.page.locator(".acting")
    expect(acting).to_contain_text(person)
    helper.goes_to("/measurements")
    helper.comes_to("Measurements")
    helper.press("Back to my own record", acting)
    expect(acting).to_have_count(0)

    who.follow("I gave the code")
    who.comes_to("People who help me")
    who.follow("Stop", card_of(who, NAME))
    who.press("Stop access")
    who.comes_to("Who may see what")
    expect(card_of(who, NAME)).to_have_count(0)
    helper.goes_to("/helping")
    helper.sees(helper.say("You act for nobody yet."))
    helper.is_done()
    who.is_done()


@every_way
def test_a_person_takes_the_record_along(site: Site, browser: Browser, way: Way) -> None:
    who = walker(site, browser, way, WALKER)
    who.goes_to("/my-data")
    who.comes_to("My data")
    who.follow("Save my record")
    who.comes_to("Save my record")
    for button, beginning in (("Save everything", b"PK"), ("Only the summary", b"%PDF")):
        with who.page.expect_download() as kept:
            who.press(button)
        assert kept.value.path().read_bytes().startswith(beginning)
    who.is_done()


@every_way
def test_a_person_asks_a_practice_for_a_correction(site: Site, browser: Browser, way: Way) -> None:
    practice, topic = site.demo["practices"][1]["name"], f"Lengte {uuid4().hex[:8]}"
    who = walker(site, browser, way, WALKER)
    give(who, practice, "Messages")
    who.goes_to("/my-data/corrections")
    who.comes_to("Something is wrong")
    who.fill("What is it about?", topic)
    who.fill("What is wrong?", "Er staat 1,72 m.")
    who.fill("What should it be?", "1,75 m")
    who.press("Send to the practice")
    asked = who.page.locator("section[aria-labelledby=asked] li", has_text=topic)
    expect(asked).to_contain_text(who.say("Asked"))
    who.goes_to("/my-data/corrections/letter")
    who.comes_to("Letter to a practice")
    who.goes_to("/access")
    stop(who, practice)
    who.is_done()


@every_way
def test_a_person_erases_the_record_and_keeps_the_proof(site: Site, browser: Browser, way: Way) -> None:
    who, _, _ = newcomer(site, browser, way)
    who.goes_to("/my-data")
    who.follow("Erase my record")
    who.comes_to("Erase my record")
    who.follow("Go on to erase")
    who.comes_to("Erase my record now")
    label = who.say("Type the word %(word)s", word=who.say("ERASE"))
    who.fill_own(label, "nee")
    who.press("Erase everything now")
    who.is_warned("This is not the word. Nothing was erased.")
    who.fill_own(label, who.say("ERASE"))
    who.press("Erase everything now")
    who.comes_to("Your record has been erased")
    with who.page.expect_download() as kept:
        who.follow("Save the proof")
    assert kept.value.path().read_bytes().startswith(b"{")
    who.goes_to("/measurements")
    who.comes_to("Log in")
    who.is_done()


def test_a_double_click_erases_once_and_leaves_the_person_with_the_proof(site: Site, browser: Browser) -> None:
    who, _, _ = newcomer(site, browser, WAYS[0])
    who.goes_to("/my-data/erase/now")
    who.comes_to("Erase my record now")
    who.fill_own(who.say("Type the word %(word)s", word=who.say("ERASE")), who.say("ERASE"))
    who.button("Erase everything now").dblclick(delay=80)
    who.comes_to("Your record has been erased")
    expect(who.page.get_by_role("link", name=who.say("Save the proof"))).to_have_count(1)
    who.is_done()


@every_way
def test_a_person_sets_the_pages_to_their_liking(site: Site, browser: Browser, way: Way) -> None:
    who, _, _ = newcomer(site, browser, way)
    who.goes_to("/settings")
    who.comes_to("Settings")
    who.tick("Large", "More contrast", "Dark")
    who.tick_own("English" if way.language == "nl" else "Nederlands")
    who.press("Keep")
    html = who.page.locator("html")
    expect(html).to_have_attribute("lang", "en" if way.language == "nl" else "nl")
    expect(html).to_have_class("large")
    expect(who.page.locator("meta[name=color-scheme]")).to_have_attribute("content", "dark")
    who.tick_own("Nederlands" if way.language == "nl" else "English")
    who.page.get_by_role("main").locator("form.sheet button").press("Enter")
    who.is_told("Your choice is kept.")
    who.comes_to("Settings")
    who.is_done()
