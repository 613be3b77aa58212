"""Every statement of the program is one for both kinds of database."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Integer, bindparam, column, select, table

import app
from app.db.statements import Statement, hot


def statements() -> Iterator[tuple[str, Statement]]:
    """Give the statements that modules hold, alone or in a table of them."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        for name, value in vars(importlib.import_module(module.name)).items():
            held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            for one in held:
                if isinstance(one, Statement):
                    yield f"{module.name}.{name}", one


EVERY = dict(statements())


@pytest.mark.parametrize("name", EVERY)
def test_a_statement_has_the_same_parameters_on_both(name: str) -> None:
    sqlite, postgresql = EVERY[name].sqlite, EVERY[name].postgresql
    written = {name for name, value in postgresql.fixed.items() if type(value) is int and name not in sqlite.fixed}
    assert not written & {*sqlite.names}, "SQLite has its numbers in the text"
    others = {name: value for name, value in postgresql.fixed.items() if name not in written}
    assert others.items() <= sqlite.fixed.items(), "SQLite has the beginning of a LIMIT besides"
    assert {*postgresql.names} - {*postgresql.fixed} <= {*sqlite.names}
    for sign, one in (("?", sqlite), ("$", postgresql)):
        assert {*re.findall(rf"\{sign}(\d+)", one.text)} == {str(number + 1) for number in range(len(one.names))}
    assert "POSTCOMPILE" not in sqlite.text + postgresql.text, "values change from call to call"


def test_a_number_that_a_statement_has_by_itself_stands_in_its_text_on_sqlite() -> None:
    rows = table("rows", column("a", Integer()), column("b", Integer()))
    form = hot(select(rows.c.a).where(rows.c.a == bindparam("asked"), rows.c.b != 7, rows.c.b != bindparam("said", 8)))
    assert "rows.b != 7 AND rows.b != ?2" in form.sqlite.text
    assert form.sqlite.parameters({"asked": 1}) == [1, 8]


def test_there_are_statements_to_look_at() -> None:
    assert len(EVERY) > 150
