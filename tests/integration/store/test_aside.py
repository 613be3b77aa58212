"""A record in memory has what was put into it, and nothing of those before it and beside it."""

import sqlite3
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from app.access.categories import Category
from app.db.database import Reader, Transaction
from app.db.sqlite import run_now
from app.db.statements import hot
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.structure import members_of
from app.store.aside import SPARE_MAX, Generated, aside
from app.store.bodies import content_in
from app.store.changes import Draft
from app.store.indexing import IndexRows, index_rows
from app.store.tables import change, current, date_index, exact_index, locator, record, text_index

ZONE = "Europe/Amsterdam"
RECORDS = hot(select(record.c.record_id))
COUNTS = [
    hot(select(func.count()).select_from(table))
    for table in (change, current, date_index, exact_index, locator, text_index)
]


def index(release: Release, resource_type: str, tree: dict[str, object], time_zone: ZoneInfo) -> IndexRows:
    return index_rows(release, resource_type, tree, time_zone=time_zone, key=b"a key for tests", base_urls=())


def version(number: int) -> Generated:
    """Return a version of a Goal."""
    body = msgspec.json.encode(
        {
            "resourceType": "Goal", "id": "goal", "lifecycleStatus": "active", "startDate": f"2026-03-{number:02}",
            "description": {"text": f"Zonnestraal-Testpersoon walks {number} km"}, "subject": {"reference": "Patient/a"},
        }
    )  # fmt: skip
    rows = index(Release.R4, "Goal", decode_tree(body), ZoneInfo(ZONE))
    return Generated(
        Draft(Release.R4, "Goal", "goal", content_in(members_of(body)), rows, int(Category.PERSONAL_DETAILS)), number
    )


def made(record_id: int, versions: int) -> Transaction:
    return run_now(aside(record_id, ZONE, index, [version(number + 1) for number in range(versions)]))


def inside(reader: Reader) -> tuple[list[int], list[int]]:
    """Return the records that are in it, and how many rows each of the other tables has."""
    return (
        [row[0] for row in run_now(reader.all(RECORDS, {}))],
        [run_now(reader.all(count, {}))[0][0] for count in COUNTS],
    )


def test_nothing_of_a_record_is_in_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    opened: list[sqlite3.Connection] = []

    def noted(name: str, **options: Any) -> sqlite3.Connection:
        opened.append(connect(name, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    for number in range(1, 20):
        filled = made(number, 3)
        records, counts = inside(filled)
        assert records == [number]
        assert counts[:2] == [3, 1]
        del filled
        empty = made(number + 100, 0)
        assert inside(empty) == ([number + 100], [0] * len(COUNTS))
        del empty
    assert len(opened) <= 1, "they take turns in one database"


def test_records_that_are_there_together_are_apart() -> None:
    together = [made(number, number % 3) for number in range(1, 3 * SPARE_MAX)]
    for number, one in enumerate(together, 1):
        records, counts = inside(one)
        assert (records, counts[0]) == ([number], number % 3)


def test_nothing_is_left_of_a_record_that_could_not_be_made() -> None:
    wrong = Generated(replace(version(2).draft, content=()), 2)
    with pytest.raises(AttributeError):
        run_now(aside(1, ZONE, index, [version(1), wrong]))
    assert inside(made(2, 0)) == ([2], [0] * len(COUNTS))
