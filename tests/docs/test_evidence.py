"""docs/fapi.md and docs/asvs.md: each test and file that they name as evidence is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:tests|app|docs)/[\w./-]+|[A-Z]+\.md|Dockerfile|pyproject\.toml)`")


def named(page: str) -> list[str]:
    """Return the files that a page names."""
    return sorted(set(NAMED.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))))


@pytest.mark.parametrize("page", ["fapi.md", "asvs.md"])
def test_what_is_named_as_evidence_is_there(page: str) -> None:
    found = named(page)
    assert len(found) > 10
    for name in found:
        assert (ROOT / name).exists(), name
        if Path(name).name.startswith("test_") and name.endswith(".py"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert re.search(r"^(?:async )?def test_", text, re.MULTILINE), name


SECTIONS = {
    1: (2, 10, 12, 3, 3), 2: (3, 3, 5, 2), 3: (1, 3, 5, 8, 8, 1, 5), 4: (5, 5, 2, 4), 5: (1, 6, 3, 3), 6: (3, 12, 8, 6, 8, 4, 2, 4),
    7: (3, 4, 2, 5, 3, 2), 8: (4, 4, 3, 2), 9: (3, 4), 10: (2, 3, 5, 16, 5, 2, 3), 11: (4, 5, 5, 4, 2, 2, 2), 12: (5, 2, 5),
    13: (4, 6, 4, 7), 14: (2, 8, 3), 15: (5, 5, 7, 4), 16: (1, 5, 4, 3, 4), 17: (2, 8, 2),
}  # fmt: skip
"""How many requirements each section of each chapter of ASVS 5.0.0 has."""

NUMBERS = [
    f"{chapter}.{section}.{number}"
    for chapter, sections in SECTIONS.items()
    for section, count in enumerate(sections, start=1)
    for number in range(1, count + 1)
]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+\.\d+\.\d+ \|", line)
]


def test_every_requirement_of_asvs_has_its_row() -> None:
    assert [row[0] for row in ROWS] == NUMBERS
    assert len(NUMBERS) == 345


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_of_asvs_says_how_and_what_is_met_has_evidence(row: list[str]) -> None:
    _, level, asked, state, how, evidence = row
    assert level in {"1", "2", "3"}
    assert state in {"met", "partly", "no", "deployment", "not here"}
    assert asked
    assert how
    assert state != "met" or NAMED.findall(evidence)
    assert all(NAMED.fullmatch(one) for one in evidence.split(", ") if one)
