"""Every page in both languages and at three widths: for everyone, in light and dark, by keys alone, without scripts."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.end_to_end.browser import checks
from tests.end_to_end.browser.places import NOBODY, PERSON, PLACES, PRACTICE, WALKER
from tests.end_to_end.browser.site import Site
from tests.support.running import ROOT

pytestmark = pytest.mark.browser

SCREENSHOTS = ROOT / "var" / "screenshots"
ALOUD = ROOT / "var" / "aloud"
"""What a screen reader is given of each page, to be read by somebody who looks after it."""

WIDTHS = (390, 768, 1440)
HEIGHT = 900
SEEN_MOST = ("/", "/measurements", "/measurements/blood-pressure", "/care-plan", "/medication")
WIDEST = ("/measurements/glucose", "/access/{grant}/seen", "/access/{grant}/withdraw", "/access/new", "/visit/new")
NARROWEST = 320
"""Pixels: a usual screen at four times its size (WCAG 1.4.10)."""
WHO = (NOBODY, PERSON, PRACTICE)


@pytest.mark.parametrize(("language", "widths"), [("nl", WIDTHS), ("en", WIDTHS[::-1])])
@pytest.mark.parametrize("who", WHO)
def test_every_page_can_be_read_and_used_by_everyone(
    site: Site, browser: Browser, who: str, language: str, widths: tuple[int, ...]
) -> None:
    checks.axe()
    context = site.opened(browser, who, language=language, viewport={"width": widths[0], "height": HEIGHT})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for place in PLACES[who]:
        path = site.go(page, place)
        assert page.locator("h1").count() == 1, path
        assert page.locator("html").get_attribute("lang") == language
        faults += [f"{place}: {fault}" for fault in checks.making(page)]
        for width in widths:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            found = checks.layout(page)
            if width == widths[0]:  # the narrowest in one language, the widest in the other
                found += checks.accessibility(page)
            faults += [f"{place} at {width}: {fault}" for fault in found]
            picture = SCREENSHOTS / language / str(width) / f"{who}{re.sub(r'[^a-z]+', '-', place)}.jpg"
            page.screenshot(path=picture, full_page=True, type="jpeg", quality=80)  # takes a quarter of what a PNG does
        page.set_viewport_size({"width": widths[0], "height": HEIGHT})
    assert faults == []
    # The browser takes its viewer of PDFs out of itself, by addresses of its own.
    assert [address for address in asked if not address.startswith((site.url, "chrome:", "chrome-extension:"))] == []
    assert [text for text in said if "404" not in text] == []
    context.close()


@pytest.mark.parametrize("who", WHO)
def test_every_page_has_a_name_for_all_that_a_screen_reader_tells_of(site: Site, browser: Browser, who: str) -> None:
    context = site.opened(browser, who)
    page = context.new_page()
    faults: list[str] = []
    ALOUD.mkdir(parents=True, exist_ok=True)
    for place in PLACES[who]:
        site.go(page, place)
        told, nameless = checks.aloud(page)
        (ALOUD / f"{who}{re.sub(r'[^a-z]+', '-', place)}.txt").write_text(told, encoding="utf-8")
        faults += [f"{place}: {fault}" for fault in nameless]
    assert faults == []
    context.close()


@pytest.mark.parametrize("display", ["large", "more", "large.more.dark"])
def test_in_large_print_and_high_contrast_nothing_is_cut_off(site: Site, browser: Browser, display: str) -> None:
    checks.axe()
    context = site.opened(browser, PERSON)
    context.add_cookies([{"name": "display", "value": display, "url": site.url}])
    page = context.new_page()
    faults: list[str] = []
    for place in SEEN_MOST:
        site.go(page, place)
        faults += [f"{place}: {fault}" for fault in checks.layout(page) + checks.accessibility(page)]
        page.screenshot(
            path=SCREENSHOTS / display / f"{re.sub(r'[^a-z]+', '-', place)}.jpg", full_page=True, type="jpeg"
        )
    assert faults == []
    context.close()


def test_on_the_narrowest_phone_in_large_print_nothing_is_cut_off(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON, viewport={"width": NARROWEST, "height": HEIGHT})
    context.add_cookies([{"name": "display", "value": "large", "url": site.url}])
    page = context.new_page()
    faults: list[str] = []
    for place in (*SEEN_MOST, *WIDEST):
        site.go(page, place)
        faults += [f"{place}: {fault}" for fault in checks.layout(page)]
    assert faults == []
    context.close()


@pytest.mark.parametrize("who", WHO)
def test_every_page_can_be_walked_through_with_the_tab_key(site: Site, browser: Browser, who: str) -> None:
    context = site.opened(browser, who)
    page = context.new_page()
    faults: list[str] = []
    for place in PLACES[who]:
        site.go(page, place)
        faults += [f"{place}: {fault}" for fault in checks.keyboard(page)]
    assert faults == []
    context.close()


@pytest.mark.parametrize("who", WHO)
def test_every_page_says_the_same_without_scripts(site: Site, browser: Browser, who: str) -> None:
    context = site.opened(browser, who, java_script_enabled=False)
    page = context.new_page()
    for place in PLACES[who]:
        site.go(page, place)
        assert page.locator("h1").count() == 1, place
        for form in page.locator("main form").filter(visible=True).all():
            assert form.locator("button:not([type=button])").count(), place
        assert page.locator("[data-needs-passkeys]").filter(visible=True).count() == 0, place
    context.close()


def on_a_slow_network(context: BrowserContext) -> Page:
    """Return a page that waits 0.4 s for each answer, and gets 50 kB in a second."""
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 25_000}
    tools.send("Network.emulateNetworkConditions", slow)
    return page


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_on_a_slow_network_what_is_pressed_again_and_again_is_kept_once(
    site: Site, browser: Browser, *, has_scripts: bool
) -> None:
    context = site.opened(browser, WALKER, java_script_enabled=has_scripts)
    page = on_a_slow_network(context)
    value = "61,45" if has_scripts else "61,55"
    page.goto("/measurements/add/weight")
    page.get_by_label("Gewicht").fill(value)
    page.get_by_role("button", name="Bewaren", exact=True).click(click_count=3, delay=30, no_wait_after=True)
    expect(page.get_by_role("status").filter(has_text="Bewaard.")).to_be_visible()
    expect(page.locator("td.value", has_text=value)).to_have_count(1)
    context.close()


def test_on_a_slow_network_a_page_waits_for_its_style_and_nothing_else(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON)
    page = on_a_slow_network(context)
    site.go(page, "/measurements/blood-pressure")
    blocking = "performance.getEntriesByType('resource').filter(one => one.renderBlockingStatus === 'blocking')"
    waited_for: list[str] = page.evaluate(f"{blocking}.map(one => one.name)")
    assert [urlsplit(name).path for name in waited_for] == ["/static/regie.css"]
    assert page.get_by_role("img", name="Bloeddruk, laatste 3 maanden").is_visible()
    context.close()
