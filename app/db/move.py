"""A database that grew out of SQLite, taken over by PostgreSQL: every row of every table, in one transaction.

The tables are gone through, not listed, as in ``erasure.py``. Nobody writes to the file meanwhile, nor to the database.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Boolean, Table, make_url

from app.db.metadata import metadata
from app.db.postgres import WRITER_LOCK
from app.db.schema import LOCK, is_current
from app.errors import UnavailableError

_BUSY_TIMEOUT_MS = 60_000
_KEPT_ANEW = ("record", "account", "audit")
"""A database with a row in one of these is in use: nothing is moved into it."""


def move(source: str, target: str) -> dict[str, int]:
    """Return how many rows came over, by table.

    ``source`` is the URL of a file of SQLite, ``target`` that of a database of PostgreSQL that is migrated and not in use yet. The
    file stays as it is.
    Raises: UnavailableError, if either is not so, or a text can't be kept by PostgreSQL; then nothing was moved.
    """
    if not source.startswith("sqlite:///") or make_url(target).get_backend_name() != "postgresql":
        raise UnavailableError("A database is moved from SQLite (sqlite:///FILE) to PostgreSQL.")
    path = Path(make_url(source).database or "")
    if not path.is_file() or not is_current(source):
        message = f"{path} is not there, or not up to date: run `regie migrate` with it first."
        raise UnavailableError(message)
    opened = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        opened.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        opened.execute("BEGIN IMMEDIATE")  # who serves from the file can't write any more
        return asyncio.run(_moved(opened, target))
    finally:
        opened.close()


async def _moved(source: sqlite3.Connection, target: str) -> dict[str, int]:
    connection = await asyncpg.connect(target)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", WRITER_LOCK)
            for name in _KEPT_ANEW:
                if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):  # noqa: S608 - names of ours
                    raise UnavailableError("The database of PostgreSQL has people in it already.")
            tables = metadata.sorted_tables
            # What migrations put into a new database comes from the old one.
            await connection.execute(f"TRUNCATE {', '.join(_quoted(table) for table in tables)}")
            counts = {table.name: await _copied(source, connection, table) for table in tables}
        await connection.execute("ANALYZE")
    except asyncpg.CharacterNotInRepertoireError as error:
        raise UnavailableError("A text has the character U+0000, which PostgreSQL does not keep.") from error
    finally:
        await connection.close()
    return counts


async def _copied(source: sqlite3.Connection, connection: asyncpg.Connection, table: Table) -> int:
    """Return how many rows of a table were copied. Raises: UnavailableError, if they are not as many as there were."""
    columns = [column.name for column in table.columns]
    listed = ", ".join(f'"{name}"' for name in columns)
    await connection.copy_records_to_table(table.name, records=_rows(source, table, listed), columns=columns)
    (wanted,) = source.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()  # noqa: S608 - as above
    found = await connection.fetchval(f"SELECT count(*) FROM {_quoted(table)}")  # noqa: S608 - as above
    if found != wanted:
        message = f"Of {wanted} rows of {table.name} {found} came over."
        raise UnavailableError(message)
    return int(found)


def _rows(source: sqlite3.Connection, table: Table, listed: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows; SQLite keeps a truth as a number."""
    kinds: list[Callable[[Any], Any] | None] = [
        bool if isinstance(column.type, Boolean) else None for column in table.columns
    ]
    plain = not any(kinds)
    for row in source.execute(f"SELECT {listed} FROM {_quoted(table)}"):  # noqa: S608 - as above
        if plain:
            yield row
        else:
            yield tuple(
                value if kind is None or value is None else kind(value) for kind, value in zip(kinds, row, strict=True)
            )


def _quoted(table: Table) -> str:
    return f'"{table.name}"'
