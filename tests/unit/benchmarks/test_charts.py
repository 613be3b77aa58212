"""Pictures and tables of the benchmark's figures: whole, readable without seeing them, and of what was measured only."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.benchmarks import charts, page
from tests.benchmarks.picture import Picture

SVG = "{http://www.w3.org/2000/svg}"


def figures(rate: float, ratio: float) -> dict[str, Any]:
    return {"rate": rate, "ratio": ratio}


def searches(*milliseconds: float) -> list[dict[str, Any]]:
    return [{"people": 16 * 8**place, "p99_ms": found} for place, found in enumerate(milliseconds)]


FOUND: dict[str, Any] = {
    "workloads": {
        "W1": {"sqlite": {"16": figures(3500, 0.41)}, "postgresql": {"16": figures(1500, 1.2)}},
        "W5": {"sqlite": {"1": figures(2100, 0.5)}},
        "W6": {
            "sqlite": {
                "16": {
                    "growth": 1.06,
                    "growth_beside_import": 1.1,
                    "alone": searches(9.0, 9.1, 9.5),
                    "beside_import": searches(20, 21, 22),
                }
            }
        },
    }
}
SOAKED: dict[str, Any] = {
    "minutes": 30.0,
    "slopes": {"anonymous_mib": {"per_hour": 0.4, "error": 0.2}},
    "samples": [{"seconds": 60.0 * n, "resident_mib": 140 + n % 2, "anonymous_mib": 112} for n in range(31)],
}


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (charts.ratios(FOUND), "W1 41 % on SQLite (goal 35 %); W1 120 % on PostgreSQL"),
        (charts.peers(FOUND), "W1: Regie, SQLite 3,500, Regie, PostgreSQL 1,500, HAPI 1,330, Helios 14,500"),
        (charts.growth(FOUND), "SQLite: 9.0 ms with 16 people, 9.1 ms with 128 people, 9.5 ms with 1,024 people"),
        (charts.soak({"sqlite": SOAKED}), "SQLite: over 30 minutes the worker's own memory went from 112 to 112 MiB"),
    ],
    ids=["ratios", "peers", "growth", "soak"],
)
def test_a_picture_says_in_words_what_it_shows(picture: Picture, told: str) -> None:
    root = etree.fromstring(picture.svg().encode())
    about = root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert about is not None
    assert told in str(about.text)


def test_nothing_is_drawn_beyond_the_picture() -> None:
    for picture in (charts.ratios(FOUND), charts.peers(FOUND)):
        for bar in etree.fromstring(picture.svg().encode()).iter(f"{SVG}rect"):
            assert 0 < float(str(bar.get("width"))) + float(bar.get("x", 0)) <= 760


def test_words_can_hold_any_characters() -> None:
    picture = Picture("<&>", "a < b", 50)
    picture.text(0, 0, "p99 < 1 & more")
    assert [text.text for text in etree.fromstring(picture.svg().encode()).iter(f"{SVG}text")] == [
        "<&>",
        "p99 < 1 & more",
    ]


def test_a_goal_that_is_not_reached_stands_out() -> None:
    lines = page.goals(FOUND).splitlines()
    assert "| W1: part of the limit's rate | 35 % | 41 % | 120 % |" in lines
    assert "| W5: part of the limit's rate | 50 % | 50 % |  |" in lines
    slower = {"workloads": {"W1": {"sqlite": {"16": figures(90, 0.1)}}}}
    assert "| W1: part of the limit's rate | 35 % | **10 %** |  |" in page.goals(slower)


def test_a_peer_that_is_faster_is_told() -> None:
    assert "| W1 | **3,500** | **1,500** | 1,330 | 14,500 | 0.2 / 0.1 |" in page.beside_peers(FOUND)


def test_every_part_that_is_written_has_its_place_on_the_page(tmp_path: Path) -> None:
    copy = tmp_path / "performance.md"
    shutil.copy(page.PAGE, copy)
    run = {
        "machine": {"processor": "P", "cores": 2, "memory_mib": 1, "load_average_1m": 0.1, "python": "3.11", "system": "L"},
        "commit": "abc", "version": "3", "quick": False, "seconds": 90,
        "data": {"people": 16, "resources": 3300, "bytes_per_resource": 1100, "table_bytes": {"change": 3_300_000}},
        "process": {
            "start_s": 1.5, "memory_at_rest_mib": 140, "memory_after_mib": 150, "anonymous_memory_at_rest_mib": 110,
            "anonymous_memory_after_mib": 120,
        },
    }  # fmt: skip
    page.write(copy, {"runs": {"sqlite": run, "postgresql": run}, "workloads": {}}, {})
    assert copy.read_text().count("`change` 1,000") == 2
    assert copy.read_text().count("3,300 resources, in 1.5 minutes.") == 2
