"""docs/rights.md: each right is named with tests that are there, and "My data" leads to what a person can do."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rights.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \d", line)]


def test_every_right_of_the_law_has_a_row() -> None:
    named = {int(number) for row in ROWS for number in re.findall(r"\d+", row[0].split(":")[0].split("(")[0])}
    assert set(range(13, 23)) <= named


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_done_about_a_right_is_held_by_tests_that_are_there(row: list[str]) -> None:
    right, done, _, held = row
    assert right
    assert done
    named = re.findall(r"`(tests/[\w/]+\.py)`", held)
    assert named
    for name in named:
        assert re.search(r"^(?:async )?def test_", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE), name


def test_the_page_of_a_person_leads_to_each_thing_that_they_can_do() -> None:
    page = (ROOT / "app" / "portal" / "templates" / "my_data.html").read_text(encoding="utf-8")
    for path in ("/my-data/archive", "/my-data/corrections", "/my-data/erase", "/access", "/activity"):
        assert f'href="{path}"' in page, path
