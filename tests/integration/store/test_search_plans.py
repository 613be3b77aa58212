"""PostgreSQL plans a search once for all records: it has to be quick in one that is many times larger than the others."""

from collections.abc import Iterator
from contextlib import contextmanager
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
FOR_EACH = 4 * SIZE
"""A few for each resource of the record, which a search that sorts has to look at; never some for each pair of them."""
A_PAGE = 400
"""A few for each resource that is on a page, and one for many of those that an index alone is asked of."""

A_FEW = 40
"""Some for each of two resources."""

DAY_US = 86_400_000_000

_EXACT = Form("exact", ("both",), parameters=1)
_MANY = Form("exact", ("both", "value") * 4, parameters=1)
_NONE_OF_MANY = Form("exact", ("both", "value") * 4, negated=True, parameters=1)
_CURRENT = Form("current", ())
_REFERENCE = Form("exact", ("value",), parameters=1, usual=True)
_MONTH = Form("date", ("ge", "lt"), parameters=1, every=True)
_DATED = Form("present", ("date",), parameters=1)
_BY_DATE = SortForm("date", descending=True)
_NAMED = Form("named", ("eq", "eq"))
_WALK = SearchForm((_EXACT, _REFERENCE), (_BY_DATE,), limited_types=False, walk=True)
_FORMS = {
    "the newest of a code": (_WALK, 3, A_PAGE),
    "the newest of a rare code": (_WALK, 7, A_PAGE),
    "a code": (SearchForm((_EXACT, _REFERENCE), (), limited_types=False), 3, A_PAGE),
    "all": (SearchForm((_REFERENCE,), (), limited_types=False), 3, A_PAGE),
    "all, a further page": (SearchForm((_REFERENCE,), (), limited_types=False, after="key"), 3, A_PAGE),
    "how many have a code": (SearchForm((_EXACT, _REFERENCE), (), limited_types=False, shows="count"), 3, FOR_EACH),
    "how many have a rare code": (SearchForm((_EXACT,), (), limited_types=False, shows="count"), 7, A_PAGE),
    "how many there are of a patient": (SearchForm((_REFERENCE,), (), limited_types=False, shows="count"), 3, A_PAGE),
    "how many there are": (SearchForm((_CURRENT,), (), limited_types=False, shows="count"), 3, A_PAGE),
    "a code, sorted by date": (
        SearchForm((_EXACT, _REFERENCE), (_BY_DATE, SortForm("id", descending=False)), limited_types=False), 3, FOR_EACH,
    ),
    "what has a date": (SearchForm((_REFERENCE, _DATED), (), limited_types=False), 3, A_PAGE),
    "what a code refers to": (SearchForm((_EXACT,), (), limited_types=False, shows="references"), 3, FOR_EACH),
    "a code in a month": (SearchForm((_MONTH, _EXACT, _REFERENCE), (), limited_types=False), 3, A_PAGE),
    "one of many codes in a month": (SearchForm((_MONTH, _MANY, _REFERENCE), (), limited_types=False), 3, A_PAGE),
    "the newest with none of many codes": (
        SearchForm((_NONE_OF_MANY, _REFERENCE), (_BY_DATE,), limited_types=False, walk=True), 7, FOR_EACH,
    ),
    "none of many codes in a month": (SearchForm((_MONTH, _NONE_OF_MANY, _REFERENCE), (), limited_types=False), 7, A_PAGE),
    "none of many codes": (SearchForm((_NONE_OF_MANY, _CURRENT), (), limited_types=False), 7, FOR_EACH),
    "none of many codes, and none of these": (
        SearchForm((_NONE_OF_MANY, _NONE_OF_MANY, _CURRENT), (), limited_types=False), 7, FOR_EACH,
    ),
    "how many have none of many codes": (
        SearchForm((_NONE_OF_MANY, _CURRENT), (), limited_types=False, shows="count"), 7, FOR_EACH,
    ),
    "two by their ids": (SearchForm((_NAMED,), (), limited_types=False), 3, A_FEW),
    "of two by their ids what has a code": (SearchForm((_NAMED, _EXACT, _REFERENCE), (), limited_types=False), 3, A_FEW),
    "how many there are of two ids": (SearchForm((_NAMED,), (), limited_types=False, shows="count"), 3, A_FEW),
}  # fmt: skip
"""Forms, the code that is asked for, and the most blocks that may be looked at."""

_ROWS = """
INSERT INTO record SELECT r, 'active', 'Europe/Amsterdam', 0, ''::bytea, 0, NULL, NULL, 7, 0 FROM unnest(%(records)s::bigint[]) r;
INSERT INTO change SELECT r, n, 4, 'Observation', r || '-' || n, 1, 0, 'create', n, '', '', 1, ''::bytea, ''::bytea
    FROM unnest(%(records)s::bigint[]) r, generate_series(1, CASE r WHEN %(large)s THEN %(size)s ELSE 40 END) n;
INSERT INTO current SELECT record_id, release, type, id, seq, false, categories FROM change;
INSERT INTO exact_index SELECT record_id, 1, CASE mod(seq, 1000) WHEN 1 THEN 7 ELSE mod(seq, 4) END, seq, 9 FROM change;
INSERT INTO exact_index SELECT record_id, 2, 5, seq, 0 FROM change;
INSERT INTO date_index SELECT record_id, 3, seq * %(day)s, seq * %(day)s, seq FROM change
"""


_UNCOUNTED = [name for name in _FORMS if "many codes" in name]
"""What has to be as quick before the database has counted its rows, as after an import."""


@contextmanager
def _filled() -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with a large record among small ones, whose rows nobody has counted."""
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


@pytest.fixture(scope="module")
def uncounted() -> Iterator[psycopg.Connection[Any]]:
    with _filled() as opened:
        yield opened


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[Any]]:
    with _filled() as opened:
        opened.execute("ANALYZE")
        opened.execute("VACUUM")
        yield opened


def _values(form: SearchForm, code: int) -> dict[str, Any]:
    given: dict[str, Any] = {
        "record_id": LARGE, "release": 4, "type": "Observation", "parts": 1, "unlocked": 1, "limit": 21, "inline": 1000, "s0_0": DATE,
        "refers": PATIENT, "after_seq": SIZE // 2,
    }  # fmt: skip
    for number, criterion in enumerate(form.criteria):
        if criterion == _DATED:
            given[f"p{number}_0"] = DATE
        elif criterion in (_MANY, _NONE_OF_MANY):
            # All but the rare code.
            codes = {f"c{number}_{i}": (0, 1, 2, 3, 11, 12, 13, 14)[i] for i in range(len(criterion.operators))}
            given |= codes | {f"{name}_system": 9 for name in codes} | {f"p{number}_0": CODE}
        elif criterion == _NAMED:
            given |= {f"c{number}_{i}": f"{LARGE}-{seq}" for i, seq in enumerate((3, 2000))}
        elif criterion == _MONTH:
            bounds = {"0_low": 3000, "0_high": 3000, "1_low": 3030, "1_high": 3030}
            given |= {f"c{number}_{name}": day * DAY_US for name, day in bounds.items()} | {f"p{number}_0": DATE}
        else:
            is_code = criterion == _EXACT
            given |= {f"c{number}_0": code if is_code else 5, f"c{number}_0_system": 9}
            given[f"p{number}_0"] = CODE if is_code else PATIENT
    return given


@pytest.mark.parametrize("name", list(_FORMS))
def test_a_search_in_a_large_record_looks_at_little_though_it_is_planned_for_small_ones(
    connection: psycopg.Connection[Any], name: str
) -> None:
    _assert_little(connection, name)


@pytest.mark.parametrize("name", _UNCOUNTED)
def test_many_codes_are_looked_for_as_quickly_before_anything_was_counted(
    uncounted: psycopg.Connection[Any], name: str
) -> None:
    _assert_little(uncounted, name)


def _assert_little(connection: psycopg.Connection[Any], name: str) -> None:
    form, code, blocks_max = _FORMS[name]
    made = statement(form).postgresql
    connection.execute(f"PREPARE asked AS {made.text}".encode())
    values = sql.SQL(", ").join(sql.Literal(value) for value in made.parameters(_values(form, code)))
    explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked({})").format(values)
    ((((plan,),),),) = [connection.execute(explain).fetchall()]
    connection.execute("DEALLOCATE asked")
    assert plan["Plan"]["Actual Rows"] >= 1
    looked_at = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    assert looked_at < blocks_max
