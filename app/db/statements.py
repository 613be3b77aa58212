"""SQLAlchemy writes the SQL, the bare driver runs it: a statement is compiled to text once per kind of database, and kept."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.sql.elements import CompilerElement

from app.db.access_version import raises_version

# By name, the driver asks SQLite for the name of each parameter, and gives up its turn each time.
_SQLITE = sqlite_dialect(paramstyle="numeric_dollar")
_POSTGRESQL = postgresql_dialect()  # type: ignore[no-untyped-call]
_NUMBER = re.compile(r"\$(\d+)\b")


@dataclass(frozen=True, slots=True)
class Numbered:
    """SQL text with numbered parameters (``$1``, of SQLite ``?1``), their names in that order, and the values that the statement fixes.

    ``raises`` says that it changes what decides about access.
    """

    text: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    raises: bool

    def parameters(self, given: dict[str, Any]) -> list[Any]:
        """Return the values in the order of their numbers."""
        known = {**self.fixed, **given} if self.fixed else given
        return [known[name] for name in self.names]


class Statement:
    """A statement for each kind of database; its text is made when it is first needed there, of what is handed in as functions.

    What SQLAlchemy makes of a statement takes ten times as much memory as the text.
    """

    def __init__(self, make: Callable[[], CompilerElement], make_on_postgresql: Callable[[], CompilerElement]) -> None:
        self._make, self._make_on_postgresql = make, make_on_postgresql

    @cached_property
    def sqlite(self) -> Numbered:
        """The statement as SQLite takes it."""
        compiled: Any = self._make().compile(dialect=_SQLITE)
        # A number that the statement has by itself stands in its text: it is not handed over with each call.
        own = {name: bound.value for name, bound in compiled.binds.items() if bound.unique and type(bound.value) is int}
        return _numbered(compiled, "?", own)

    @cached_property
    def postgresql(self) -> Numbered:
        """The statement as PostgreSQL takes it."""
        return _numbered(self._make_on_postgresql().compile(dialect=_POSTGRESQL), "$", {})


def _numbered(compiled: Any, sign: str, written: dict[str, int]) -> Numbered:
    """Return what was compiled; ``written`` are values by the names of parameters that stand in the text instead."""
    names = tuple(compiled.positiontup or ())
    left = tuple(name for name in names if name not in written)
    placed = {name: f"{sign}{number}" for number, name in enumerate(left, 1)} | written
    text = _NUMBER.sub(lambda found: str(placed[names[int(found[1]) - 1]]), str(compiled))
    fixed = {name: value for name, value in compiled.params.items() if value is not None and name not in written}
    return Numbered(text, left, fixed, raises_version(text))


def hot(element: CompilerElement, on_postgresql: CompilerElement | None = None) -> Statement:
    """Return ``element`` as a statement, said otherwise ``on_postgresql`` where that is given; call it once, at import.

    Every value that changes from call to call is a ``bindparam("name")``; insert statements name their columns by
    ``insert(table).values(column=bindparam("column"), ...)`` or take all of them with ``insert(table)``.
    """
    said_otherwise = element if on_postgresql is None else on_postgresql
    return Statement(lambda: element, lambda: said_otherwise)
