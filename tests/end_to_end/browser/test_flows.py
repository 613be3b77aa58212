"""What people do on the pages, walked through in a browser."""

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.places import NOBODY, NOT_FOUND, PERSON, PLACES, WALKER
from tests.end_to_end.browser.site import Site, log_in
from tests.support.browser import DESK

pytestmark = pytest.mark.browser


def test_a_person_gives_and_stops_access_without_javascript(site: Site, browser: Browser) -> None:
    practice = site.demo["practices"][0]["name"]
    context = site.opened(browser, WALKER, java_script_enabled=False)
    page = context.new_page()
    site.go(page, "/access/new")
    page.get_by_role("button", name="Toegang geven", exact=True).click()
    assert "Kies minstens één onderdeel." in page.get_by_role("alert").inner_text()
    page.get_by_text(practice).click()
    page.locator("label", has_text="Doelen, afspraken").click()
    page.locator("label", has_text="Eigen metingen").click()
    page.locator("label", has_text="De delen lezen die u aanvinkt").click()
    page.locator("label", has_text="3 maanden").click()
    page.get_by_role("button", name="Toegang geven", exact=True).click()
    assert page.get_by_role("status").inner_text() == "De toegang is gegeven."
    card = page.locator("li.goal", has_text=practice)
    assert "Eigen metingen" in card.inner_text()
    assert "Ook gevoelig" not in card.inner_text()
    card.get_by_role("link", name="Toegang stoppen").click()
    page.get_by_role("button", name="Toegang stoppen").click()
    assert page.get_by_role("status").inner_text().startswith("De toegang is gestopt.")
    assert page.locator("li.goal", has_text=practice).count() == 0
    assert "door u gestopt" in page.locator("section", has_text="Eerder").inner_text()
    site.go(page, "/activity?who=person")
    lines = page.locator(".look").all_inner_texts()
    assert any("U heeft toegang gegeven" in line for line in lines)
    assert any("U heeft toegang gestopt" in line for line in lines)
    context.close()


def test_a_chart_says_in_words_and_in_a_table_what_it_shows(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON, viewport=DESK)
    page = context.new_page()
    site.go(page, "/measurements/blood-pressure?period=month")  # few enough for a table of all
    chart = page.get_by_role("img", name="Bloeddruk, laatste 30 dagen")
    assert "gemiddeld" in (chart.locator("desc").first.text_content() or "").lower()
    rows = page.locator("section[aria-labelledby=table] tbody tr").count()
    assert rows > 0
    assert chart.locator("circle").count() == 2 * rows
    assert chart.locator("rect.band").count() == 2
    assert "mmHg" in (chart.locator("circle title").first.text_content() or "")
    context.close()


def test_a_reader_chooses_english_and_keeps_it(site: Site, browser: Browser) -> None:
    context = site.opened(browser, NOBODY, viewport=DESK)
    page = context.new_page()
    log_in(page, site.demo["staff"][1])  # whose pages no other test reads: the choice is kept with the account
    site.go(page, "/practice")
    page.get_by_role("button", name="Read this in English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("People")
    assert page.url.endswith("/practice")
    site.go(page, "/menu")
    assert page.locator("html").get_attribute("lang") == "en"
    context.close()


def test_the_first_key_leads_to_the_content(site: Site, browser: Browser) -> None:
    context = site.opened(browser, WALKER)
    page = context.new_page()
    site.go(page, "/summary")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Ga naar de inhoud"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    context.close()


def test_who_is_not_logged_in_sees_a_welcome_and_is_sent_to_the_login(site: Site, browser: Browser) -> None:
    context = site.opened(browser, NOBODY)
    page = context.new_page()
    site.go(page, "/")
    assert page.get_by_role("link", name="Inloggen").count() == 1
    for path in PLACES[PERSON][1:]:
        if "{" in path or path == NOT_FOUND:
            continue
        assert "/login?next=" in context.request.get(path).url, path
    context.close()


@pytest.mark.parametrize("path", ["/nowhere", "/measurements/happiness", "/access/none/withdraw"])
def test_what_does_not_exist_gives_a_page_that_helps(site: Site, browser: Browser, path: str) -> None:
    context = site.opened(browser, WALKER)
    page = context.new_page()
    response = page.goto(path)
    assert response is not None
    assert response.status == 404
    assert page.get_by_role("heading", level=1).inner_text() == "Deze pagina bestaat niet"
    page.get_by_role("link", name="Ga naar de eerste pagina").click()
    assert page.url == f"{site.url}/"
    context.close()
