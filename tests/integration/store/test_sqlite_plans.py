"""How SQLite goes about a record that may have a hundred thousand changes, for a history and for a search by ids."""

import sqlite3
from typing import Literal

import pytest
from sqlalchemy import create_engine

from app.db.metadata import metadata
from app.db.statements import Statement
from app.store import tables as _tables  # noqa: F401 - puts them into the metadata
from app.store.history import _versions
from app.store.search.conditions import Form
from app.store.search.statement import SearchForm, statement


def steps_of(made: Statement) -> list[str]:
    """Return the steps of a statement's plan."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    opened = engine.raw_connection().driver_connection
    assert isinstance(opened, sqlite3.Connection)
    asked = made.sqlite
    steps = [row[3] for row in opened.execute(f"EXPLAIN QUERY PLAN {asked.text}", [None] * len(asked.names))]
    engine.dispose()
    return steps


@pytest.mark.parametrize("limited_types", [True, False])
@pytest.mark.parametrize("one_id", [True, False])
def test_a_history_looks_up_the_changes_that_it_shows_and_goes_through_no_others(
    *, limited_types: bool, one_id: bool
) -> None:
    steps = steps_of(_versions(limited_types, one_id))
    looks = [step for step in steps if step.startswith(("SEARCH change", "SEARCH older", "SCAN change", "SCAN older"))]
    assert len(looks) == 3
    assert all(step.endswith("(record_id=? AND seq=?)") for step in looks), steps


@pytest.mark.parametrize("limited_types", [True, False])
@pytest.mark.parametrize("shows", ["page", "count", "ids"])
def test_a_search_by_ids_looks_up_these_and_what_else_is_asked_of_each(
    *, limited_types: bool, shows: Literal["page", "count", "ids"]
) -> None:
    asked = (Form("exact", ("both",)), Form("named", ("eq", "eq")))
    steps = steps_of(statement(SearchForm(asked, (), limited_types, shows=shows)))
    looks = {step.split()[1]: step for step in steps if step.startswith(("SEARCH", "SCAN"))}
    assert "(record_id=? AND seq=?)" in looks["change"], steps
    assert "(record_id=? AND release=? AND type=? AND id=?)" in looks["current"], steps
    assert "param=? AND hash=? AND seq=?" in looks["exact_index"], steps
