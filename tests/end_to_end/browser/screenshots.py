"""The pictures in docs/portal.md and README.md, made anew: ``make screenshots``.

They are pages of an invented person, as the whole program serves them today, so they change with the pages and the day.
The first visit is walked at the pace of somebody who types and points as most do, and how long it took is printed.
"""

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.end_to_end.browser import first_visit
from tests.end_to_end.browser.asked import HOW_ARE_YOU, ask
from tests.end_to_end.browser.first_visit import Visit
from tests.end_to_end.browser.places import NOBODY
from tests.end_to_end.browser.site import OFFLINE_KEPT, Site, log_in
from tests.support.browser import chromium
from tests.support.running import ROOT, running

PICTURES = ROOT / "docs" / "pictures"
SIZE_MAX = 150_000
DESK = {"width": 1440, "height": 900}
# The keystroke-level model of Card, Moran and Newell (1980): to think 1.35 s, to point 1.1 s, a key 0.28 s.
BEFORE_PRESS_S, PER_KEY_S = 2.45, 0.28


def keep(page: Page, name: str) -> None:
    """Keep a picture of what is in sight. Raises: ValueError, if it is too large."""
    path = PICTURES / f"portal-{name}.png"
    page.screenshot(path=path)
    if path.stat().st_size > SIZE_MAX:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; at most {SIZE_MAX} belong in the repository.")


def first_visit_of(site: Site, phone: BrowserContext) -> None:
    """Log in and give access, at a person's pace, with a picture of each page that matters; print what it took."""
    page = phone.new_page()
    page.goto("/")
    visit = Visit(page, BEFORE_PRESS_S, PER_KEY_S)
    began = time.monotonic()
    first_visit.log_in(visit, site.demo["people"][0])
    keep(page, "today")
    first_visit.choose(visit, site.demo["practices"][0]["name"])
    page.locator("#category").evaluate("parts => parts.scrollIntoView()")
    keep(page, "give-access")
    first_visit.give(visit)
    took = time.monotonic() - began
    sys.stdout.write(f"{visit.presses} presses, {visit.fields} fields, {took:.0f} seconds\n")
    keep(page, "access")
    page.close()


def look_as_practice(site: Site, browser: Browser) -> None:
    """Have somebody of the practice look at what was given, with a picture of what they see first."""
    desk = site.opened(browser, NOBODY, viewport=DESK, color_scheme="light")
    page = desk.new_page()
    log_in(page, site.demo["staff"][0])
    page.goto("/practice")
    page.locator("main a[href^='/practice/people/']").first.click()
    page.get_by_role("main").get_by_role("link", name="Zorgplan").first.click()
    page.get_by_role("heading", level=1, name="Zorgplan").wait_for()
    keep(page, "practice")
    desk.close()


def other_pages(phone: BrowserContext, desk: BrowserContext) -> None:
    """Keep pictures of the list of looks, forms, the care plan, the settings, a chart, and the form without a network."""
    page = phone.new_page()
    page.goto("/")
    first_visit.see_who_looked(Visit(page))
    keep(page, "who-looked")
    page.goto("/measurements/add/blood-pressure")
    page.get_by_label("Bovendruk").fill("128")
    page.get_by_label("Onderdruk").fill("79")
    keep(page, "add-measurement")
    page.goto("/questionnaires")
    page.locator("li", has_text=str(HOW_ARE_YOU["title"])).get_by_role("link", name="Invullen").click()
    page.locator("label", has_text="Soms").check()
    keep(page, "questionnaire")
    page.goto("/settings")
    keep(page, "settings")
    page.goto("/diary/add")
    page.get_by_label("Een klacht").check()
    page.get_by_label("In uw eigen woorden").fill("Vannacht twee keer wakker geworden, en vanmorgen moe opgestaan.")
    keep(page, "diary")
    page.goto("/care-plan")
    keep(page, "care-plan")
    page.wait_for_function(OFFLINE_KEPT)
    phone.set_offline(True)
    page.goto("/measurements")
    page.get_by_label("Wat wilt u opschrijven?").select_option("weight")
    page.get_by_label("Gewicht", exact=True).fill("81,5")
    page.get_by_role("button", name="Op deze telefoon bewaren").click()
    page.get_by_role("heading", name="Gewicht: 81,5").scroll_into_view_if_needed()
    keep(page, "offline")
    chart = desk.new_page()
    chart.goto("/measurements/blood-pressure")
    chart.get_by_role("img").first.wait_for()
    keep(chart, "blood-pressure")


def main() -> None:
    """Make all pictures on a server of their own."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as program, chromium() as browser:
        site = Site(program, Path(folder))
        ask(program, site.demo["people"][0]["patients"]["r4"], "0b7c6b4e-6f0f-4a3a-9c1e-0d8f4c5a1b11")
        looks = {"color_scheme": "light"}
        phone = site.opened(browser, NOBODY, device_scale_factor=1.5, **looks)
        first_visit_of(site, phone)
        look_as_practice(site, browser)
        desk = site.opened(browser, NOBODY, viewport=DESK, storage_state=phone.storage_state(), **looks)
        other_pages(phone, desk)
        desk.close()
        phone.close()


if __name__ == "__main__":
    main()
