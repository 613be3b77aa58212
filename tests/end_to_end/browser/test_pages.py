"""Every page in both languages and at three widths: for everyone, in light and dark, by keys alone, without scripts."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.browser import checks
from tests.end_to_end.browser.places import NOBODY, PERSON, PLACES, PRACTICE
from tests.end_to_end.browser.site import Site
from tests.support.running import ROOT

pytestmark = pytest.mark.browser

SCREENSHOTS = ROOT / "var" / "screenshots"
WIDTHS = (390, 768, 1440)
WHO = (NOBODY, PERSON, PRACTICE)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("who", WHO)
def test_every_page_can_be_read_and_used_by_everyone(
    site: Site, browser: Browser, who: str, language: str, width: int
) -> None:
    checks.axe()
    context = site.opened(browser, who, language=language, viewport={"width": width, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    folder = SCREENSHOTS / language / str(width)
    folder.mkdir(parents=True, exist_ok=True)
    for place in PLACES[who]:
        path = site.go(page, place)
        assert page.locator("h1").count() == 1, path
        assert page.locator("html").get_attribute("lang") == language
        found = checks.layout(page)
        if language == "nl" or width == WIDTHS[0]:  # other words make no other tree of the page
            found += checks.accessibility(page)
        faults += [f"{place}: {fault}" for fault in found]
        page.screenshot(path=folder / f"{who}{re.sub(r'[^a-z]+', '-', place)}.png", full_page=True)
    assert faults == []
    assert [address for address in asked if not address.startswith(site.url)] == []
    assert [text for text in said if "404" not in text] == []
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
        for form in page.locator("main form").all():
            assert form.locator("button:not([type=button])").count(), place
    context.close()


def test_on_a_slow_network_a_page_waits_for_its_style_and_nothing_else(site: Site, browser: Browser) -> None:
    context = site.opened(browser, PERSON)
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 25_000}
    tools.send("Network.emulateNetworkConditions", slow)
    site.go(page, "/measurements/blood-pressure")
    blocking = "performance.getEntriesByType('resource').filter(one => one.renderBlockingStatus === 'blocking')"
    waited_for: list[str] = page.evaluate(f"{blocking}.map(one => one.name)")
    assert [urlsplit(name).path for name in waited_for] == ["/static/regie.css"]
    assert page.get_by_role("img", name="Bloeddruk, laatste 3 maanden").is_visible()
    context.close()
