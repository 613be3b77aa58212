"""Forms survive what happens to those who fill them in: the way back, a login that ends, two tabs, access that is stopped meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.end_to_end.browser.asked import ask
from tests.end_to_end.browser.giving import give, stop
from tests.end_to_end.browser.newcomers import newcomer
from tests.end_to_end.browser.places import PRACTICE, WALKER
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Way, walker

pytestmark = pytest.mark.browser

PHONE = Way("nl", 390)
SOON = (date.today() + timedelta(days=90)).isoformat()


@dataclass(frozen=True)
class Form:
    """A form of a person: where it is, the field for words, and the one for what is refused (``wrong``) and taken (``right``)."""

    path: str
    words: str
    field: str
    wrong: str
    right: str


FORMS = {
    "measurement": Form("/measurements/add/weight", "#note", "#value", "9000", "71,5"),
    "diary": Form("/diary/add", "#text", "#day", "2999-01-01", "2026-01-02"),
    "goal": Form("/care-plan/goals/add", "#text", "#due", "2001-01-01", SOON),
    "action": Form("/care-plan/actions/add", "#text", "#due", "2001-01-01", SOON),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@pytest.fixture
def phone(site: Site, browser: Browser) -> Iterator[BrowserContext]:
    """Give a phone on which the walker is logged in."""
    site.prepare(browser)
    context = site.opened(browser, WALKER)
    yield context
    context.close()


def fill(page: Page, form: Form, words: str, value: str) -> None:
    """Fill in a form and send it, past what the browser itself would hold back."""
    page.locator("main form:has(input[name=whose])").first.evaluate("form => { form.noValidate = true }")
    page.locator(form.words).fill(words)
    if form is FORMS["diary"]:
        page.get_by_label("Iets anders").check()
    page.locator(form.field).fill(value)
    page.get_by_role("main").get_by_role("button", name="Bewaren", exact=True).click()


@every_form
def test_the_way_back_to_a_refused_form_has_what_was_typed(phone: BrowserContext, form: Form) -> None:
    page = phone.new_page()
    page.goto(form.path)
    for words in ("eerst", "daarna"):
        fill(page, form, words, form.wrong)
        expect(page.get_by_role("alert").first).to_be_visible()
        expect(page.locator(form.words)).to_have_value(words)
    page.go_back()
    expect(page.locator(form.words)).to_have_value("eerst")
    expect(page.locator(form.field)).to_have_value(form.wrong)
    page.go_forward()
    expect(page.locator(form.words)).to_have_value("daarna")
    page.reload()
    expect(page.locator(form.words)).to_have_value("daarna")


def test_the_way_back_to_a_refused_questionnaire_has_each_of_several_answers(site: Site, phone: BrowserContext) -> None:
    falls = {"linkId": "falls", "text": "Wanneer viel u?", "type": "dateTime", "repeats": True}
    must = {"linkId": "must", "text": "Hoe vaak?", "type": "string", "required": True}
    title = f"Vallen {uuid4().hex[:8]}"
    ask(site.program, site.demo["people"][1]["patients"]["r4"], str(uuid4()), title, item=[falls, must])
    page = phone.new_page()
    page.goto("/questionnaires")
    page.locator("li", has_text=title).get_by_role("link", name="Invullen").click()
    days, clocks = page.locator("[name=a-falls]"), page.locator("[name=a-falls-clock]")
    days.fill("2026-01-02")
    page.get_by_role("button", name="Nog een toevoegen").click()
    expect(page.locator("[name=a-falls]:target")).to_have_value("")
    days.nth(1).fill("2026-02-03")
    clocks.nth(1).fill("10:15")
    page.get_by_role("button", name="Versturen", exact=True).click()
    expect(page.get_by_role("alert").first).to_be_visible()
    page.goto("/menu")
    page.go_back()
    expect(days).to_have_count(2)
    assert [one.input_value() for one in days.all()] == ["2026-01-02", "2026-02-03"]
    assert [one.input_value() for one in clocks.all()] == ["", "10:15"]
    expect(days.nth(1)).to_have_accessible_name("Wanneer viel u? (hoeft niet)")


def test_the_way_back_shows_nobody_what_another_typed(site: Site, browser: Browser, phone: BrowserContext) -> None:
    form, page = FORMS["diary"], phone.new_page()
    page.goto(form.path)
    fill(page, form, "van een ander", form.wrong)
    expect(page.get_by_role("alert").first).to_be_visible()
    other = site.opened(browser, "person")
    cookies = other.cookies()
    other.close()
    phone.clear_cookies()
    phone.add_cookies(cookies)  # type: ignore[arg-type]  # what one gives is what the other takes
    page.goto("/menu")
    page.go_back()
    expect(page.locator(form.words)).to_have_value("")


@pytest.mark.parametrize("how", ["an hour later", "after logging out"])
def test_what_was_typed_in_a_refused_form_does_not_stay_in_the_browser(site: Site, browser: Browser, how: str) -> None:
    form, (who, _, _) = FORMS["diary"], newcomer(site, browser, PHONE)
    page = who.page
    page.clock.install()
    page.goto(form.path)
    fill(page, form, "niet bewaren", form.wrong)
    expect(page.get_by_role("alert").first).to_be_visible()
    kept = "Object.keys(sessionStorage).filter((name) => name.startsWith('refused ')).length"
    assert page.evaluate(kept) == 1
    assert "niet bewaren" not in page.evaluate("JSON.stringify(history.state)")
    if how == "an hour later":
        page.clock.fast_forward("01:01:00")
    page.goto("/menu")
    assert page.evaluate(kept) == (0 if how == "an hour later" else 1)
    who.press("Log out")
    page.wait_for_url(f"{site.url}/")
    assert page.evaluate(kept) == 0
    who.is_done()


@every_form
def test_what_is_typed_while_the_login_ends_stands_in_the_form_after_the_next(
    phone: BrowserContext, form: Form
) -> None:
    page, words, cookies = phone.new_page(), f"Bewaard {uuid4().hex[:8]}", phone.cookies()
    page.goto(form.path)
    phone.clear_cookies()
    fill(page, form, words, form.right)
    expect(page.get_by_role("heading", level=1)).to_have_text("Inloggen")
    expect(page.get_by_role("status")).to_contain_text("Daarna ziet u weer wat u typte.")
    phone.add_cookies(cookies)  # type: ignore[arg-type]  # what one gives is what the other takes
    page.goto(form.path)
    expect(page.locator(form.words)).to_have_value(words)
    expect(page.locator(form.field)).to_have_value(form.right)


def test_of_two_tabs_that_change_a_goal_the_later_one_is_told_and_keeps_what_was_typed(phone: BrowserContext) -> None:
    form, page, words = FORMS["goal"], phone.new_page(), f"Zwemmen {uuid4().hex[:8]}"
    page.goto(form.path)
    fill(page, form, words, form.right)
    line = page.get_by_role("main").locator("li", has_text=words)
    path = line.get_by_role("link", name="Veranderen of stoppen").get_attribute("href")
    assert path is not None
    tabs = [phone.new_page(), phone.new_page()]
    for tab in tabs:
        tab.goto(path)
    fill(tabs[0], form, f"{words} op dinsdag", form.right)
    expect(tabs[0].get_by_role("status").first).to_be_visible()
    fill(tabs[1], form, f"{words} op vrijdag", form.right)
    expect(tabs[1].get_by_role("alert").first).to_be_visible()
    expect(tabs[1].locator(form.words)).to_have_value(f"{words} op vrijdag")
    page.reload()
    expect(page.get_by_text(f"{words} op dinsdag").first).to_be_visible()
    expect(page.get_by_text(f"{words} op vrijdag")).to_have_count(0)


def test_a_form_of_a_practice_whose_access_is_stopped_meanwhile_writes_nothing_and_says_so(
    site: Site, browser: Browser
) -> None:
    practice, person = site.demo["practices"][0]["name"], site.demo["people"][1]["name"]
    words = f"Te laat {uuid4().hex[:8]}"
    who = walker(site, browser, PHONE, WALKER)
    give(who, practice, "Care plan", "Personal details", ways=("Look", "Add data", "Change data"))
    doctor = walker(site, browser, PHONE, PRACTICE)
    doctor.goes_to("/practice")
    doctor.page.get_by_role("main").get_by_role("link", name=person).click()
    doctor.comes_to_page_of(person)
    doctor.goes_to(f"{doctor.page.url}/care-plan/goals/add")
    doctor.comes_to("Goal")
    stop(who, practice)
    doctor.fill("What does the person want to reach?", words)
    doctor.press("Keep")
    doctor.comes_to("This is not open to you now")
    doctor.is_done()
    who.goes_to("/care-plan")
    who.comes_to("Care plan")
    expect(who.page.get_by_text(words)).to_have_count(0)
    who.is_done()


def test_a_long_text_for_another_record_is_there_to_copy_and_fits_a_phone(phone: BrowserContext) -> None:
    page, long = phone.new_page(), " ".join(str(number) for number in range(90_000, 94_000))
    text = page.get_by_role("textbox", name="Uw tekst, om te kopi\u00ebren")
    page.goto("/diary/add")
    page.locator("#text").fill("Voor wie ik help")
    page.locator("main form:has(input[name=whose])").first.evaluate(
        """(form, long) => {
            form.noValidate = true;
            form.elements.csrf_token.value = "of an older login";
            form.elements.whose.value = "0".repeat(64);
            form.append(Object.assign(document.createElement("input"), {type: "hidden", name: "more", value: long}));
        }""",
        long,
    )
    page.get_by_role("main").get_by_role("button", name="Bewaren", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Uw tekst is voor een ander dossier")
    expect(text).to_have_value(long)
    expect(page.get_by_role("link", name="Dossier kiezen op een nieuwe pagina")).to_have_attribute("target", "_blank")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Opnieuw versturen").click()
    expect(text).to_have_value(long)
