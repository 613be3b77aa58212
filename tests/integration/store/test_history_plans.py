"""How SQLite goes about a history: a record may have a hundred thousand changes, and a resource has three."""

import sqlite3

import pytest
from sqlalchemy import create_engine

from app.db.metadata import metadata
from app.store import tables as _tables  # noqa: F401 - puts them into the metadata
from app.store.history import _versions


@pytest.mark.parametrize("limited_types", [True, False])
@pytest.mark.parametrize("one_id", [True, False])
def test_a_history_looks_up_the_changes_that_it_shows_and_goes_through_no_others(
    *, limited_types: bool, one_id: bool
) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    opened = engine.raw_connection().driver_connection
    assert isinstance(opened, sqlite3.Connection)
    asked = _versions(limited_types, one_id).sqlite
    steps = [row[3] for row in opened.execute(f"EXPLAIN QUERY PLAN {asked.text}", [None] * len(asked.names))]
    looks = [step for step in steps if step.startswith(("SEARCH change", "SEARCH older", "SCAN change", "SCAN older"))]
    assert len(looks) == 3
    assert all(step.endswith("(record_id=? AND seq=?)") for step in looks), steps
    engine.dispose()
