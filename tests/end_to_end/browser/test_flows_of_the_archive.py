"""A record is taken along, erased, and brought into another login: in both languages, at three widths, by keys, without scripts."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.browser.newcomers import newcomer
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Walker, Way, every_way

pytestmark = pytest.mark.browser

FOUND_WITHIN_S = 60
SAID = "Kept. You find it in the chart and in the table."


def taken_along(who: Walker, file: Path) -> None:
    """Keep all of the record in a file, and erase it."""
    who.goes_to("/my-data/archive")
    who.comes_to("Save my record")
    with who.page.expect_download() as kept:
        who.press("Save everything")
    kept.value.save_as(file)
    who.goes_to("/my-data/erase/now")
    who.comes_to("Erase my record now")
    who.fill_own(who.say("Type the word %(word)s", word=who.say("ERASE")), who.say("ERASE"))
    who.press("Erase everything now")
    who.comes_to("Your record has been erased")
    who.is_done()


@every_way
def test_a_person_brings_in_what_they_took_along(site: Site, browser: Browser, way: Way, tmp_path: Path) -> None:
    archive, other = tmp_path / "regie.zip", tmp_path / "other.zip"
    other.write_bytes(b"This is no record.")
    first, _, _ = newcomer(site, browser, way)
    first.goes_to("/measurements/add/weight")
    first.fill("Weight", "93,25")
    first.press("Keep")
    first.is_told(SAID)
    taken_along(first, archive)

    who, _, _ = newcomer(site, browser, way)
    who.goes_to("/my-data")
    who.follow("Bring in a record")
    who.comes_to("Bring in a record")
    for file in (other, archive):
        who.page.get_by_label(who.say("The file (zip)")).set_input_files(file)
        who.press("Bring it in")
        if file is other:
            who.is_warned("This file was not taken in. Nothing was changed.")
            who.comes_to("Bring in a record")
    who.is_told("Your record is here. It takes a moment until everything can be found.")
    who.comes_to("My data")
    until = time.monotonic() + FOUND_WITHIN_S
    value = who.page.locator("td.value", has_text="93" + ("," if way.language == "nl" else ".") + "25")
    who.goes_to("/measurements/weight")
    while not value.count() and time.monotonic() < until:
        who.goes_to("/measurements/weight")
    assert value.count() == 1
    who.is_done()
