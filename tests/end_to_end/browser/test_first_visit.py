"""The first visit in docs/portal.md takes as many presses as the page says."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.browser import first_visit
from tests.end_to_end.browser.first_visit import Visit
from tests.end_to_end.browser.places import NOBODY
from tests.end_to_end.browser.site import Site
from tests.support.browser import chromium
from tests.support.running import ROOT, running

pytestmark = pytest.mark.browser


def test_a_first_visit_takes_as_many_presses_as_is_written(tmp_path: Path) -> None:
    written = (ROOT / "docs" / "portal.md").read_text(encoding="utf-8")
    with running(tmp_path) as program, chromium() as browser:
        site = Site(program, tmp_path)
        phone = site.opened(browser, NOBODY)
        page = phone.new_page()
        page.goto("/")
        visit = Visit(page)
        first_visit.log_in(visit, site.demo["people"][0])
        first_visit.choose(visit, site.demo["practices"][0]["name"])
        first_visit.give(visit)
        assert re.findall(r"(\d+) presses and (\d+) fields", written) == [(str(visit.presses), str(visit.fields))]
        looking = Visit(page)
        first_visit.see_who_looked(looking)
        assert re.findall(r"in (\d+) presses, from any page", written) == [str(looking.presses)]
        phone.close()
