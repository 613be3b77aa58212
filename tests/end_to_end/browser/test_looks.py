"""What somebody chose for their pages: all stays whole, on every page and on paper."""

from itertools import pairwise
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.browser import checks
from tests.end_to_end.browser.asked import ask
from tests.end_to_end.browser.places import PERSON, PLACES, PRACTICE, WALKER
from tests.end_to_end.browser.site import Site

pytestmark = pytest.mark.browser

OUT_OF_ITS_CARD = """() => [...document.querySelectorAll(".card")]
  .filter(card => [...card.querySelectorAll("*:not(polyline)")].some(one => one.getBoundingClientRect().right > card.getBoundingClientRect().right))
  .map(card => card.textContent.trim())"""
OVER_ITS_TEXT = """() => [...document.querySelectorAll(".line")]
  .filter(line => { const words = document.createRange(); words.selectNodeContents(line);
    const next = line.nextElementSibling;
    const low = Math.max(...[...words.getClientRects()].filter(box => box.width && box.height < 40).map(box => box.bottom));
    return next && low > next.getBoundingClientRect().top + 6; })
  .map(line => line.textContent.trim())"""


def chosen(site: Site, browser: Browser, look: str) -> Page:
    """Return a page of a person whose browser keeps a look, on a phone."""
    context = site.opened(browser, PERSON)
    context.add_cookies([{"name": "display", "value": look, "url": site.url}])
    return context.new_page()


def test_large_text_stays_in_its_place(site: Site, browser: Browser) -> None:
    page = chosen(site, browser, "large.more")
    faults: list[str] = []
    for place in PLACES[PERSON]:
        site.go(page, place)
        found = [*checks.layout(page), *page.evaluate(OUT_OF_ITS_CARD), *page.evaluate(OVER_ITS_TEXT)]
        faults += [f"{place}: {fault}" for fault in found]
    assert faults == []
    page.context.close()


def test_on_paper_stands_every_value_and_nothing_to_press(site: Site, browser: Browser) -> None:
    page = chosen(site, browser, "dark")
    page.goto("/measurements/weight?period=year")
    values = page.locator("td.value")
    assert values.count() > 20
    page.emulate_media(media="print")
    for value in (values.first, values.last):
        expect(value).to_be_visible()
    expect(page.get_by_role("link", name="Verbeteren").first).to_be_hidden()
    assert page.locator("body").evaluate("body => getComputedStyle(body).color") == "rgb(0, 0, 0)"
    page.goto("/measurements/blood-pressure")
    week = page.get_by_role("region", name="Een week meten")
    assert week.evaluate("week => getComputedStyle(week).breakInside") == "avoid"
    page.context.close()


def test_the_hours_of_a_day_stand_apart_in_large_print(site: Site, browser: Browser) -> None:
    page = chosen(site, browser, "large.more")
    page.goto("/measurements/glucose")
    boxes = page.locator("section[aria-labelledby=curve] .plot text:not(.minor)", has_text=":00").all()
    sides = sorted((box["x"], box["x"] + box["width"]) for one in boxes if (box := one.bounding_box()))
    assert len(sides) == 5
    assert all(right + 4 < left for (_, right), (left, _) in pairwise(sides))
    page.context.close()


def test_the_letter_to_a_practice_can_be_read_on_a_phone(site: Site, browser: Browser) -> None:
    page = chosen(site, browser, "")
    page.goto("/my-data/corrections/letter")
    expect(page.get_by_text("Wat klopt er niet?")).to_be_visible()
    page.context.close()


def test_what_leads_to_settings_stands_on_lines_of_its_own(site: Site, browser: Browser) -> None:
    page = chosen(site, browser, "")
    page.goto("/menu")
    lines = [
        page.get_by_role("main").get_by_role("link", name=name) for name in ("Instellingen", "Inloggen en apparaten")
    ]
    tops = [line.bounding_box() for line in lines]
    assert tops[0] is not None
    assert tops[1] is not None
    assert tops[0]["y"] + tops[0]["height"] <= tops[1]["y"] + 1
    page.context.close()


def test_without_scripts_earlier_results_stand_below_what_they_are_of(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON, viewport={"width": 1440, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    page.goto("/summary")
    results = page.locator(".result:has(+ details)").all()
    assert len(results) > 3
    for result in results:
        box, below = result.bounding_box(), result.locator("xpath=following-sibling::details").bounding_box()
        assert box is not None
        assert below is not None
        assert below["y"] >= box["y"] + box["height"]
    context.close()


def test_a_long_list_and_an_amount_fit_the_narrowest_phone_in_large_print_and_stand_still(
    site: Site, browser: Browser
) -> None:
    title = f"Veel landen {uuid4().hex[:8]}"
    options = [{"valueString": f"Land {number}"} for number in range(30)]
    items = [
        {"linkId": "land", "text": "Welk land?", "type": "choice", "answerOption": options},
        {"linkId": "amount", "text": "Hoeveel?", "type": "quantity"},
    ]
    ask(site.program, site.demo["people"][1]["patients"]["r4"], str(uuid4()), title, item=items)
    for has_scripts in (True, False):
        context = site.opened(browser, WALKER, viewport={"width": 320, "height": 900}, java_script_enabled=has_scripts)
        context.add_cookies([{"name": "display", "value": "large.more", "url": site.url}])
        page = context.new_page()
        page.goto("/questionnaires")
        page.locator("li", has_text=title).get_by_role("link", name="Invullen").click()
        expect(page.get_by_label("Welk land?")).to_be_visible()
        expect(page.get_by_label("Zoek in de lijst")).to_be_visible(visible=has_scripts)
        if has_scripts:
            assert [*checks.layout(page), *checks.making(page)] == []
        context.close()


def test_on_a_phone_a_practice_comes_to_the_page_soon_and_sees_which_it_is(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PRACTICE, viewport={"width": 390, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    for part in ("/measurements", "/documents"):
        site.go(page, "/practice/people/{person}" + part)
        heading = page.get_by_role("heading", level=1).bounding_box()
        assert heading is not None
        assert heading["y"] < 340
        present = page.locator(".switch.scroll [aria-current]").bounding_box()
        assert present is not None
        assert present["x"] >= 0
        assert present["x"] + present["width"] <= 390
    told = page.get_by_text("Gegeven op")
    expect(told).to_be_hidden()
    page.get_by_text("Deze persoon gaf uw praktijk toegang.").press("Enter")
    expect(told).to_be_visible()
    site.go(page, "/practice/people/{person}")
    expect(told).to_be_visible()
    context.close()


def test_beside_a_button_the_words_of_what_is_to_be_done_have_room(site: Site, browser: Browser) -> None:
    for width, look in ((390, ""), (390, "large"), (320, "large.more")):
        page = chosen(site, browser, look)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/")
        words = page.locator(".tasks li:has(.button) > div").all()
        assert words
        for one in words:
            box = one.bounding_box()
            assert box is not None
            assert box["width"] > 0.4 * width
        page.context.close()


def test_what_follows_a_button_does_not_touch_it(site: Site, browser: Browser) -> None:
    for width in (390, 1280):
        page = chosen(site, browser, "")
        page.set_viewport_size({"width": width, "height": 900})
        for path, follows in (
            ("/access/new?q=e", "main fieldset legend"),
            ("/access/new?q=bestaatniet", "main .empty"),
            ("/documents/stu3/{document}", "main .on-phone" if width == 390 else "main iframe"),
        ):
            page.goto(path.format(**site.names))
            button = page.locator("main .actions").first.bounding_box()
            after = page.locator(follows).first.bounding_box()
            assert button is not None
            assert after is not None
            assert after["y"] - button["y"] - button["height"] > 8, path
        page.context.close()
