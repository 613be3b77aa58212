"""PostgreSQL plans a search once for all records: it has to be quick in one that is many times larger than the others."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.db.migrate import migrate
from app.store.search.conditions import Form
from app.store.search.statement import SearchForm, SortForm, statement
from tests.support import postgres

LARGE, SIZE = 1000, 4000
CODE, PATIENT, DATE = 1, 2, 3
BLOCKS_MAX = 4 * SIZE
"""A few for each resource of the record, which a search that sorts has to look at; never some for each pair of them."""

DAY_US = 86_400_000_000

_EXACT = Form("exact", ("both",), parameters=1)
_REFERENCE = Form("exact", ("value",), parameters=1)
_MONTH = Form("date", ("ge", "lt"), parameters=1, every=True)
_DATED = Form("present", ("date",), parameters=1)
_FORMS = {
    "the newest of a code": SearchForm(
        (_EXACT, _REFERENCE), (SortForm("date", descending=True),), limited_types=False, walk=True
    ),
    "a code": SearchForm((_EXACT, _REFERENCE), (), limited_types=False),
    "a code, sorted by date": SearchForm(
        (_EXACT, _REFERENCE), (SortForm("date", descending=True), SortForm("id", descending=False)), limited_types=False
    ),
    "what has a date": SearchForm((_REFERENCE, _DATED), (), limited_types=False),
    "what a code refers to": SearchForm((_EXACT,), (), limited_types=False, shows="references"),
    "a code in a month": SearchForm((_MONTH, _EXACT, _REFERENCE), (), limited_types=False),
}
_ROWS = """
INSERT INTO record SELECT r, 'active', 'Europe/Amsterdam', 0, ''::bytea, 0, NULL, NULL, 7, 0 FROM unnest(%(records)s::bigint[]) r;
INSERT INTO change SELECT r, n, 4, 'Observation', r || '-' || n, 1, 0, 'create', n, '', '', 1, ''::bytea, ''::bytea
    FROM unnest(%(records)s::bigint[]) r, generate_series(1, CASE r WHEN %(large)s THEN %(size)s ELSE 40 END) n;
INSERT INTO exact_index SELECT record_id, 1, mod(seq, 4), seq, 9 FROM change;
INSERT INTO exact_index SELECT record_id, 2, 5, seq, 0 FROM change;
INSERT INTO date_index SELECT record_id, 3, seq * %(day)s, seq * %(day)s, seq FROM change;
ANALYZE
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[Any]]:
    url = postgres.server().new()
    migrate(url)
    with psycopg.connect(url, autocommit=True) as opened:
        values = {"records": [*range(1, 81), LARGE], "large": LARGE, "size": SIZE, "day": DAY_US}
        for line in _ROWS.split(";"):
            names = {name: value for name, value in values.items() if f"%({name})s" in line}
            opened.execute(line.encode(), names or None)
        opened.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
        yield opened
    postgres.server().drop(url)


def _values(form: SearchForm) -> dict[str, Any]:
    given: dict[str, Any] = {
        "record_id": LARGE, "release": 4, "type": "Observation", "parts": 1, "unlocked": 1, "limit": 21, "s0_0": DATE, "refers": PATIENT,
    }  # fmt: skip
    for number, criterion in enumerate(form.criteria):
        if criterion == _DATED:
            given[f"p{number}_0"] = DATE
        elif criterion == _MONTH:
            bounds = {"0_low": 3000, "0_high": 3000, "1_low": 3030, "1_high": 3030}
            given |= {f"c{number}_{name}": day * DAY_US for name, day in bounds.items()} | {f"p{number}_0": DATE}
        else:
            is_code = criterion == _EXACT
            given |= {f"c{number}_0": 3 if is_code else 5, f"c{number}_0_system": 9}
            given[f"p{number}_0"] = CODE if is_code else PATIENT
    return given


@pytest.mark.parametrize("name", list(_FORMS))
def test_a_search_in_a_large_record_looks_at_little_though_it_is_planned_for_small_ones(
    connection: psycopg.Connection[Any], name: str
) -> None:
    made = statement(_FORMS[name]).postgresql
    connection.execute(f"PREPARE asked AS {made.text}".encode())
    values = sql.SQL(", ").join(sql.Literal(value) for value in made.parameters(_values(_FORMS[name])))
    explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked({})").format(values)
    ((((plan,),),),) = [connection.execute(explain).fetchall()]
    connection.execute("DEALLOCATE asked")
    assert plan["Plan"]["Actual Rows"] >= 1
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < BLOCKS_MAX
