"""Statements that change many rows of a table: on SQLite one row after the other, on PostgreSQL all at once.

What belongs together is handed over together, such as the rows of a change in each table of the index: for PostgreSQL it is one
statement with a part for each table, and so one round trip. If all rows are of one record, its number is one value, the same in
every part, so that a database that is spread over machines asks the one that has the record.

Sources: https://www.sqlite.org/lang_upsert.html, https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql_dialect

from app.db.access_version import raises_version

Values = tuple[Any, ...]
_PARTITION = "record_id"
_postgresql = postgresql_dialect()  # type: ignore[no-untyped-call]


class RowsStatement:
    """What is done with each of the rows that are given: tuples with the values of ``names``, in that order.

    ``raises`` says that it changes what decides about access.
    """

    __slots__ = ("_after", "_verb", "key", "names", "others", "raises", "sqlite", "table", "types")

    def __init__(self, verb: str, table: Table, names: Iterable[str], after: str = "") -> None:
        self._verb, self._after = verb, after
        self.table = table.name
        self.names = tuple(names)
        self.key = [name for name in self.names if table.c[name].primary_key]
        self.others = [name for name in self.names if name not in self.key]
        self.types = {name: _postgresql.type_compiler_instance.process(table.c[name].type) for name in self.names}
        places = {name: f"?{number}" for number, name in enumerate(self.names, 1)}
        self.sqlite = self._text(f"VALUES ({', '.join(places.values())})", places, "")
        self.raises = raises_version(self.sqlite)

    @property
    def adds(self) -> bool:
        """Whether it adds rows, and takes or removes none."""
        return self._verb == "INSERT"

    def postgresql(self, first: int, *, of_one: bool) -> str:
        """Return the text, with the values of each column as a list, from parameter ``first`` on.

        With ``of_one`` parameter 1 is the record, and has no list.
        """
        lists = [name for name in self.names if not of_one or name != _PARTITION]
        typed = ", ".join(f"${number}::{self.types[name]}[]" for number, name in enumerate(lists, first))
        given = f"unnest({typed}) AS given ({_listed(lists)})"
        values = {name: f'given."{name}"' if name in lists else "$1::BIGINT" for name in self.names}
        return self._text(f"SELECT {', '.join(values.values())} FROM {given}", values, given)

    def _text(self, rows: str, values: dict[str, str], given: str) -> str:
        match = " AND ".join(f'{self.table}."{name}" = {values[name]}' for name in self.key)
        if self._verb == "INSERT":
            return f"INSERT INTO {self.table} ({_listed(self.names)}) {rows}{self._after}"
        if self._verb == "DELETE":
            return f"DELETE FROM {self.table}{given and f' USING {given}'} WHERE {match}"
        set_ = ", ".join(f'"{name}" = {values[name]}' for name in self.others)
        return f"UPDATE {self.table} SET {set_}{given and f' FROM {given}'} WHERE {match}"


Change = tuple[RowsStatement, Sequence[Values]]
"""A statement and its rows."""


def by_record(change: Change) -> list[Change]:
    """Return the rows of each record as a change of its own; ``change`` itself, if its rows are of none."""
    statement, rows = change
    if _PARTITION not in statement.names:
        return [change]
    place, of_each = statement.names.index(_PARTITION), dict[Any, list[Values]]()
    for row in rows:
        of_each.setdefault(row[place], []).append(row)
    return [(statement, of_one) for of_one in of_each.values()]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def adding(table: Table) -> RowsStatement:
    """Return what adds rows, with all columns of the table in its order."""
    return RowsStatement("INSERT", table, table.c.keys())


def adding_new(table: Table) -> RowsStatement:
    """Return what adds rows as far as their keys are not there yet."""
    return RowsStatement("INSERT", table, table.c.keys(), " ON CONFLICT DO NOTHING")


def replacing(table: Table) -> RowsStatement:
    """Return what adds rows, or puts them in the place of those with the same keys."""
    key = _listed(column.name for column in table.primary_key)
    set_ = ", ".join(f'"{one.name}" = excluded."{one.name}"' for one in table.c if not one.primary_key)
    return RowsStatement("INSERT", table, table.c.keys(), f" ON CONFLICT ({key}) DO UPDATE SET {set_}")


def setting(table: Table, *names: str) -> RowsStatement:
    """Return what sets these columns of the rows with the keys that come before them in each tuple."""
    return RowsStatement("UPDATE", table, (*(column.name for column in table.primary_key), *names))


def removing(table: Table) -> RowsStatement:
    """Return what removes the rows with these keys."""
    return RowsStatement("DELETE", table, (column.name for column in table.primary_key))


@cache
def _together(statements: tuple[RowsStatement, ...], of_one: bool) -> str:  # noqa: FBT001 - a form that is kept
    parts, counts, first = [], [], 2 if of_one else 1
    for number, statement in enumerate(statements):
        text = statement.postgresql(first, of_one=of_one)
        first += len(statement.names) - (of_one and _PARTITION in statement.names)
        if statement.adds:
            parts.append(f"part{number} AS ({text})")
        else:
            parts.append(f"part{number} AS ({text} RETURNING 1)")
            counts.append(f"(SELECT count(*) FROM part{number})")
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts) or '1'}"


def together(changes: Sequence[Change]) -> tuple[str, list[Any]]:
    """Return one statement for PostgreSQL that does all ``changes``, and its values.

    Every one of ``changes`` has rows. The answer is a row that tells of each that does not add rows how many it changed.
    """
    columns = [dict(zip(one.names, zip(*rows, strict=True), strict=True)) for one, rows in changes]
    records = {record for of_part in columns for record in of_part.get(_PARTITION, ())}
    of_one = len(records) == 1
    values: list[Any] = list(records) if of_one else []
    for of_part in columns:
        values += [column for name, column in of_part.items() if not of_one or name != _PARTITION]
    return _together(tuple(statement for statement, _ in changes), of_one), values


def counted(changes: Sequence[Change], answer: Iterable[int]) -> list[int]:
    """Return how many rows each of ``changes`` was given, or changed, as the ``answer`` of that statement tells."""
    told = iter(answer)
    return [len(rows) if statement.adds else next(told) for statement, rows in changes]
