"""docs/security.md: each danger has what is done about it, and tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = ["danger", "what is done", "held by"]


def rows() -> list[list[str]]:
    """The cells of all tables, without their lines of dashes."""
    lines = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if set("".join(row)) != {"-"}]


DANGERS = [row for row in rows() if row != HEAD]


def test_there_are_dangers_and_each_is_named_once() -> None:
    named = [row[0] for row in DANGERS]
    assert len(named) > 40
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("row", DANGERS, ids=lambda row: row[0])
def test_what_is_done_about_a_danger_is_held_by_tests_that_are_there(row: list[str]) -> None:
    assert len(row) == len(HEAD)
    assert all(row)
    named = row[2].split(", ")
    for name in named:
        assert re.fullmatch(r"`tests/[\w/]+/test_\w+\.py`", name), name
        assert re.search(r"^(?:async )?def test_", (ROOT / name.strip("`")).read_text(encoding="utf-8"), re.MULTILINE)
