"""What SQLite and PostgreSQL say in different words: lists as one parameter, and what stands inside a text.

A list is an array of JSON whose items a statement reads, so that its text is the same for any number. SQLite has ``json_each``
and ``json_extract`` (https://www.sqlite.org/json1.html), PostgreSQL ``jsonb_array_elements`` and ``->>``
(https://www.postgresql.org/docs/current/functions-json.html).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeEngine

FEW = 250
"""Rows that are gathered sooner than each of some hundred candidates is looked up among them: it takes some 20 us."""


class _Items(FunctionElement[Any]):
    """The items of an array, as a table with the column ``value``."""

    name = "items"
    inherit_cache = True


class _Member(FunctionElement[Any]):
    """What stands in an array at a place, or in an object under a name; without either, the whole of it."""

    name = "member"
    inherit_cache = False

    def __init__(self, value: ColumnElement[Any], place: str | int | None, kind: TypeEngine[Any]) -> None:
        super().__init__(value)
        self.place = place
        self.type = kind


class _InOne(FunctionElement[str]):
    """All values of a column in one array of JSON, as a text."""

    name = "in_one"
    inherit_cache = True
    type = Text()


class _Place(FunctionElement[int]):
    """Where the second text, or the second bytes, begin in the first, from 1; 0 if they are not in it."""

    name = "place"
    inherit_cache = True
    type = Integer()


class _Either(ColumnElement[bool]):
    """A condition that is said differently on each of the two."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, sqlite: ColumnElement[bool], postgresql: ColumnElement[bool]) -> None:
        self.sqlite, self.postgresql = sqlite, postgresql


@compiles(_Either, "sqlite")
def _either_in_sqlite(element: _Either, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.sqlite, **options)})"


@compiles(_Either, "postgresql")
def _either_in_postgresql(element: _Either, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.postgresql, **options)})"


@compiles(_Items, "sqlite")
def _items_in_sqlite(element: _Items, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Items, "postgresql")
def _items_in_postgresql(element: _Items, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSONB))"


@compiles(_Member, "sqlite")
def _member_in_sqlite(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    if element.place is None:
        return value
    path = f"$.{element.place}" if isinstance(element.place, str) else f"$[{element.place}]"
    return f"json_extract({value}, '{path}')"


@compiles(_Member, "postgresql")
def _member_in_postgresql(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    key = (
        "'{}'"
        if element.place is None
        else f"'{element.place}'"
        if isinstance(element.place, str)
        else str(element.place)
    )
    if isinstance(element.type, JSON):
        return f"({value} -> {key})"
    found = f"({value} {'#>>' if element.place is None else '->>'} {key})"
    return f"CAST({found} AS {compiler.dialect.type_compiler_instance.process(element.type)})"


@compiles(_InOne, "sqlite")
def _in_one_in_sqlite(element: _InOne, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(_InOne, "postgresql")
def _in_one_in_postgresql(element: _InOne, compiler: SQLCompiler, **options: Any) -> str:
    return f"coalesce(CAST(json_agg({compiler.process(element.clauses, **options)}) AS TEXT), '[]')"


@compiles(_Place, "sqlite")
def _place_in_sqlite(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Place, "postgresql")
def _place_in_postgresql(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = element.clauses
    return f"position({compiler.process(part, **options)} IN {compiler.process(whole, **options)})"


def in_one(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return all values of a column in one array of JSON, as a text; two such columns of one statement are in the same order."""
    return _InOne(column)


def holds(whole: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return the condition that a text, or bytes, have in them what the parameter named ``part`` is."""
    return _Place(whole, bindparam(part, type_=whole.type)) > 0


def either(*, sqlite: ColumnElement[bool], postgresql: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition that means the same on both, and is said in the words that each of them does best with."""
    return _Either(sqlite, postgresql)


def looked_up(rows: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that there are such rows, which are looked up for each candidate, one by one.

    PostgreSQL makes a join of any other ``EXISTS``, and may begin it at the wrong end: see ``gathered``.
    """
    return rows.suffix_with("OFFSET 0", dialect="postgresql").exists()


def looked_up_for(table: FromClause, rows: Select[Any]) -> FromClause:
    """Return ``rows`` as a table that PostgreSQL makes for each row of ``table``, one by one, as an index does it."""
    return rows.correlate(table).suffix_with("OFFSET 0", dialect="postgresql").lateral()


def few_or(rows: Select[Any], few: ColumnElement[bool], otherwise: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition ``few`` where there are less than ``FEW`` rows, else ``otherwise``; they are counted once."""
    counted = select(func.count()).select_from(rows.limit(literal_column(str(FEW))).subquery("few")).scalar_subquery()
    return case((counted < literal_column(str(FEW)), few), else_=otherwise)


def in_turn(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that all hold, of which each is only asked where those before it hold.

    SQLite asks in the order in which they stand. PostgreSQL asks first what it takes to cost less, and of two that look up a row
    that is the one with fewer columns, though nearly all rows may meet it.
    """
    *first, found = conditions
    for one in reversed(first):
        found = case((one, found), else_=false())
    return either(sqlite=and_(*conditions), postgresql=found)


def gathered(is_in: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition ``... IN (SELECT ...)`` for which PostgreSQL gathers what is in the list once, and looks it up in that.

    It would make a join of it otherwise. A prepared statement is planned for a record of average size: with ten thousand
    resources in one record and some two hundred in the others, it then went through all rows for each candidate (1 s instead
    of 1 ms). Planning it anew for each record takes longer than running it.
    """
    return _Either(is_in, is_in.is_not(false()))


def items(array: str | ColumnElement[Any], name: str | None = None) -> TableValuedAlias:
    """Return the items of an array, the parameter of that name or a value, as a table with the column ``value``."""
    return _Items(bindparam(array) if isinstance(array, str) else array).table_valued("value", name=name)


def member(value: ColumnElement[Any], place: str | int | None, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return what stands in ``value`` under a name or at a place (None: itself), as a value of ``kind``; JSON is for ``items``."""
    return _Member(value, place, kind)


def listed(parameter: str, kind: TypeEngine[Any]) -> Select[Any]:
    """Return the items of the array that is the parameter of that name, as values of ``kind``."""
    table = items(parameter)
    return select(member(table.c.value, None, kind)).select_from(table)
