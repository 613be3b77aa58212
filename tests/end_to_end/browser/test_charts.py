"""The charts by keys, mouse and finger: the words of one point after another, and nothing moves."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.end_to_end.browser import checks
from tests.end_to_end.browser.places import PERSON, PRACTICE
from tests.end_to_end.browser.site import Site
from tests.support.browser import PHONE

pytestmark = pytest.mark.browser

WIDTHS = (390, 1440)
PRESSURE = re.compile(r"^\w.* om \d\d:\d\d: \d+/\d+\smmHg")
HINT = "Wijs een punt aan, of gebruik de pijltjestoetsen. De waarde staat dan hier."


def words_of(page: Page) -> Locator:
    """Return the line with the words of the first chart."""
    return page.locator(".at-point").first


def height(page: Page) -> int:
    found: int = page.evaluate("document.documentElement.scrollHeight")
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("who", "place"),
    [(PERSON, "/measurements/blood-pressure"), (PRACTICE, "/practice/people/{person}/measurements/blood-pressure")],
)  # of a month, which are few enough for a table of all
def test_the_arrow_keys_go_from_one_measurement_to_the_next(
    site: Site, browser: Browser, who: str, place: str, width: int
) -> None:
    checks.axe()
    context = site.opened(browser, who, viewport={"width": width, "height": 900})
    page = context.new_page()
    site.go(page, f"{place}?period=month")
    slider = page.get_by_role("slider", name="Eén voor één: Bloeddruk")
    expect(words_of(page)).to_have_text(HINT)
    before = height(page)
    slider.focus()
    newest = slider.get_attribute("aria-valuetext") or ""
    assert PRESSURE.match(newest)
    expect(words_of(page)).to_have_text(newest)
    expect(page.locator(".pointer circle")).to_have_count(2)
    count = int(slider.get_attribute("aria-valuemax") or 0)
    said = {newest}
    for _ in range(count - 1):
        page.keyboard.press("ArrowLeft")
        said.add(slider.get_attribute("aria-valuetext") or "")
        assert height(page) == before
    assert len(said) == count == page.locator("section[aria-labelledby=table] tbody tr").count()
    oldest = words_of(page).inner_text()
    page.keyboard.press("ArrowLeft")
    expect(words_of(page)).to_have_text(oldest)
    page.keyboard.press("End")
    expect(words_of(page)).to_have_text(newest)
    page.keyboard.press("Home")
    expect(words_of(page)).to_have_text(oldest)
    assert checks.accessibility(page) == []
    page.keyboard.press("Escape")
    expect(words_of(page)).to_have_text(HINT)
    expect(page.locator(".pointer circle")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(words_of(page)).to_have_text(oldest)
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_mouse_finds_the_nearest_measurement(site: Site, browser: Browser, width: int) -> None:
    context = site.opened(browser, PERSON, viewport={"width": width, "height": 900})
    page = context.new_page()
    site.go(page, "/measurements/blood-pressure")
    page.get_by_role("slider").first.scroll_into_view_if_needed()
    dots = page.locator(".plot .first circle")
    box = dots.nth(3).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(words_of(page)).to_have_text(dots.nth(3).locator("title").text_content() or "")
    expect(page.locator(".pointer circle")).to_have_count(2)
    page.mouse.move(2, 2)
    expect(words_of(page)).to_have_text(HINT)
    context.close()


def test_a_finger_leaves_the_words_of_what_it_touched(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON, viewport=PHONE, has_touch=True)
    page = context.new_page()
    site.go(page, "/measurements/blood-pressure")
    page.get_by_role("slider").first.scroll_into_view_if_needed()
    dots = page.locator(".plot .first circle")
    box = dots.nth(2).bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(words_of(page)).to_have_text(dots.nth(2).locator("title").text_content() or "")
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_day_of_glucose_and_the_course_of_a_result_are_read_alike(site: Site, browser: Browser, width: int) -> None:
    context = site.opened(browser, PERSON, viewport={"width": width, "height": 900})
    page = context.new_page()
    site.go(page, "/measurements/glucose")
    page.get_by_role("slider", name="Eén voor één: Bloedsuiker door de dag heen").focus()
    page.keyboard.press("Home")
    expect(page.locator(".at-point").last).to_have_text(
        re.compile(r"^\d\d:00 tot \d\d:00: middelste waarde [\d,]+\smmol/l, de meeste waarden [\d,]+ tot [\d,]+$")
    )
    site.go(page, "/summary")
    before = height(page)
    page.get_by_role("slider").first.focus()
    expect(words_of(page)).to_have_text(re.compile(r"^\d+\s\w+\s\d{4}: [\d,]+\s\S+"))
    assert height(page) == before
    context.close()


def test_without_scripts_no_line_waits_for_a_point(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON, java_script_enabled=False)
    page = context.new_page()
    site.go(page, "/measurements/blood-pressure")
    expect(page.get_by_role("img", name="Bloeddruk, laatste 3 maanden")).to_be_visible()
    expect(words_of(page)).to_be_hidden()
    assert page.get_by_role("slider").count() == 0
    context.close()
