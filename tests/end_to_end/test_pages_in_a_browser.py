"""The pages in a real browser, served by the whole program with its invented people."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.running import running

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PATHS = (
    "/",
    "/measurements",
    "/measurements/blood-pressure",
    "/measurements/glucose?period=year",
    "/measurements/weight?period=month",
    "/measurements/height?period=month",
    "/care-plan",
    "/medication",
    "/summary",
    "/access",
    "/access/new",
    "/activity?who=all",
    "/activity/check",
    "/activity/misfits",
    "/menu",
    "/login-and-devices",
    "/my-data/erase",
    "/my-data/corrections",
    "/my-data/corrections/letter",
)
# The contrast of every text with what is behind it (WCAG 2.2, 1.4.3), and what is too low.
LOW_CONTRAST = """() => {
  const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const found = parts(getComputedStyle(element).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found.slice(0, 3);
    }
    return parts(getComputedStyle(document.documentElement).backgroundColor);
  };
  const low = [];
  for (const element of document.querySelectorAll('body *:not(svg *, svg)')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('.unseen, .skip')) continue;
    const style = getComputedStyle(element);
    const pair = [light(parts(style.color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) low.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""
# What is pressed with a finger and is no link inside a sentence is at least 44 pixels high.
SMALL_TARGETS = """() => [...document.querySelectorAll('button, .button, nav a, summary, .more, .back, .brand, .choice')]
  .filter(element => element.checkVisibility() && element.getBoundingClientRect().height < 44)
  .map(element => `${element.textContent.trim()}: ${element.getBoundingClientRect().height}`)"""
NAMELESS = """() => [
  ...[...document.querySelectorAll('input:not([type=hidden]), select')].filter(one => !one.labels.length),
  ...[...document.querySelectorAll('a, button')].filter(one => !one.textContent.trim()),
  ...[...document.querySelectorAll('svg:not([aria-hidden=true])')]
    .filter(one => !one.parentElement.closest('svg') && !one.ariaLabel && !one.querySelector('title')),
].map(one => one.outerHTML.slice(0, 120))"""
HEADING_JUMPS = """() => [...document.querySelectorAll('h1, h2, h3, h4')].filter(one => one.checkVisibility())
  .map(one => +one.tagName[1]).filter((level, index, all) => level > (index ? all[index - 1] + 1 : 1))"""
TWICE = """() => [...document.querySelectorAll('[id]')].map(one => one.id)
  .filter((id, index, all) => all.indexOf(id) !== index)"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of a server with the demo people, and what ``regie demo --json`` says of them."""
    with running(tmp_path_factory.mktemp("site")) as program:
        program.run("demo")
        yield program.url, json.loads(program.run("demo", "--json"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("Chromium is not installed: run `make chromium`.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def login(site: tuple[str, dict[str, Any]], browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of the first demo person, who logged in through the pages."""
    url, demo = site
    context = browser.new_context(base_url=url, locale="nl-NL")
    page = context.new_page()
    log_in(page, demo["people"][0])
    assert page.get_by_role("heading", level=1).inner_text() == "Wie mag wat zien"
    kept = tmp_path_factory.mktemp("login") / "cookies.json"
    context.storage_state(path=kept)
    context.close()
    return kept


def log_in(page: Page, person: dict[str, Any]) -> None:
    page.goto("/access")
    page.get_by_label("Inlognaam").fill(person["login"])
    page.get_by_label("Wachtwoord").fill(person["password"])
    page.get_by_role("button", name="Verder").click()
    page.get_by_label("Code van 6 cijfers").fill(pyotp.TOTP(person["totp_secret"]).now())
    page.get_by_role("button", name="Inloggen").click()


def opened(browser: Browser, url: str, login: Path | None, **options: Any) -> BrowserContext:
    context = browser.new_context(
        base_url=url, locale="nl-NL", **{"viewport": PHONE, **options}, storage_state=login and str(login)
    )
    context.set_default_timeout(5000)
    return context


def go(page: Page, path: str) -> None:
    response = page.goto(path)
    assert response is not None
    assert response.status == 200, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_can_be_read_and_used_by_everyone(
    site: tuple[str, dict[str, Any]], browser: Browser, login: Path, viewport: dict[str, int], scheme: str
) -> None:
    url, _ = site
    context = opened(browser, url, login, viewport=viewport, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for path in PATHS:
        go(page, path)
        assert page.locator("h1").count() == 1, path
        assert page.locator("html").get_attribute("lang") == "nl"
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
        for check in (LOW_CONTRAST, SMALL_TARGETS, NAMELESS, HEADING_JUMPS, TWICE):
            faults += [f"{path}: {found}" for found in page.evaluate(check)]
    assert faults == []
    assert [address for address in asked if not address.startswith(url)] == []
    assert said == []
    context.close()


def test_a_person_gives_and_stops_access_without_javascript(
    site: tuple[str, dict[str, Any]], browser: Browser, login: Path
) -> None:
    url, demo = site
    practice = demo["practices"][0]["name"]
    context = opened(browser, url, login, java_script_enabled=False)
    page = context.new_page()
    go(page, "/access/new")
    page.get_by_role("button", name="Toegang geven", exact=True).click()
    assert "Kies minstens één onderdeel." in page.locator(".notice").inner_text()
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
    go(page, "/activity?who=person")
    lines = page.locator(".look").all_inner_texts()
    assert any("U heeft toegang gegeven" in line for line in lines)
    assert any("U heeft toegang gestopt" in line for line in lines)
    context.close()


def test_a_chart_says_in_words_and_in_a_table_what_it_shows(
    site: tuple[str, dict[str, Any]], browser: Browser, login: Path
) -> None:
    context = opened(browser, site[0], login, viewport=DESK)
    page = context.new_page()
    go(page, "/measurements/blood-pressure")
    chart = page.get_by_role("img", name="Bloeddruk, laatste 3 maanden")
    assert "gemiddeld" in chart.locator("desc").first.text_content().lower()  # type: ignore[union-attr]
    rows = page.locator("tbody tr").count()
    assert rows > 0
    assert chart.locator("circle").count() == 2 * rows
    assert chart.locator("rect.band").count() == 2
    assert "mmHg" in (chart.locator("circle title").first.text_content() or "")
    context.close()


def test_a_reader_chooses_english_and_keeps_it(site: tuple[str, dict[str, Any]], browser: Browser, login: Path) -> None:
    context = opened(browser, site[0], login, viewport=DESK)
    page = context.new_page()
    go(page, "/care-plan")
    page.get_by_role("button", name="Read this in English").click()
    assert page.url.endswith("/care-plan")
    assert page.get_by_role("heading", level=1).inner_text() == "Care plan"
    go(page, "/medication")
    assert page.locator("html").get_attribute("lang") == "en"
    context.close()


def test_the_first_key_leads_to_the_content(site: tuple[str, dict[str, Any]], browser: Browser, login: Path) -> None:
    context = opened(browser, site[0], login)
    page = context.new_page()
    go(page, "/summary")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Ga naar de inhoud"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    context.close()


def test_who_is_not_logged_in_sees_a_welcome_and_is_sent_to_the_login(
    site: tuple[str, dict[str, Any]], browser: Browser
) -> None:
    context = opened(browser, site[0], None)
    page = context.new_page()
    go(page, "/")
    assert page.get_by_role("link", name="Inloggen").count() == 1
    assert page.evaluate(LOW_CONTRAST) == []
    for path in PATHS[1:]:
        page.goto(path)
        assert "/login?next=" in page.url, path
    context.close()


@pytest.mark.parametrize("path", ["/nowhere", "/measurements/happiness", "/access/none/withdraw"])
def test_what_does_not_exist_gives_a_page_that_helps(
    site: tuple[str, dict[str, Any]], browser: Browser, login: Path, path: str
) -> None:
    context = opened(browser, site[0], login)
    page = context.new_page()
    response = page.goto(path)
    assert response is not None
    assert response.status == 404
    assert page.get_by_role("heading", level=1).inner_text() == "Deze pagina bestaat niet"
    page.get_by_role("link", name="Ga naar de eerste pagina").click()
    assert page.url == f"{site[0]}/"
    context.close()


def test_a_double_click_erases_once_and_leaves_the_person_with_the_proof(
    site: tuple[str, dict[str, Any]], browser: Browser
) -> None:
    url, demo = site
    context = opened(browser, url, None)
    page = context.new_page()
    log_in(page, demo["people"][-1])
    go(page, "/my-data/erase/now")
    page.get_by_label("Typ het woord").fill("WISSEN")
    page.get_by_role("button", name="Alles nu wissen").dblclick(delay=80)
    page.get_by_role("heading", level=1, name="Uw dossier is gewist").wait_for()
    assert page.get_by_role("link", name="Het bewijs bewaren").count() == 1
    context.close()
