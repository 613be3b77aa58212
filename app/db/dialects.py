"""What SQLite and PostgreSQL say in different words: lists as one parameter, and what stands inside a text.

A list is an array of JSON whose items a statement reads, so that its text is the same for any number. SQLite has ``json_each``
and ``json_extract`` (https://www.sqlite.org/json1.html), PostgreSQL ``jsonb_array_elements`` and ``->>``
(https://www.postgresql.org/docs/current/functions-json.html).
"""

from typing import Any

from sqlalchemy import JSON, ColumnElement, Integer, Select, TableValuedAlias, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeEngine


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


class _Place(FunctionElement[int]):
    """Where the second text, or the second bytes, begin in the first, from 1; 0 if they are not in it."""

    name = "place"
    inherit_cache = True
    type = Integer()


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


@compiles(_Place, "sqlite")
def _place_in_sqlite(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Place, "postgresql")
def _place_in_postgresql(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    whole, part = element.clauses
    return f"position({compiler.process(part, **options)} IN {compiler.process(whole, **options)})"


def holds(whole: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Return the condition that a text, or bytes, have in them what the parameter named ``part`` is."""
    return _Place(whole, bindparam(part, type_=whole.type)) > 0


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
