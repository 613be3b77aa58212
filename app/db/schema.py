"""The schema of a database: the question whether it is what this code expects, and a transaction on it.

What brings it there is ``migrate.py``; who only asks does without what that loads.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import asyncpg
from sqlalchemy import URL, Connection, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.errors import UnavailableError

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
LOCK = 0x5265676965
"""The number of the advisory lock that a migration holds on PostgreSQL."""

_LOCK_TIMEOUT_S = 60
_SAID = re.compile(r'^(down_revision|revision)\b.*= (?:"(\w+)"|None)$', re.MULTILINE)
T = TypeVar("T")


def is_current(url: str) -> bool:
    """Tell whether the schema is exactly what this code expects.

    No tables, an older release, a newer one: each is a no, and a server that finds it does not start.
    """
    folder = sqlite_folder(url)
    if folder is not None and not Path(make_url(url).database or "").exists():
        return False

    def work(connection: Connection) -> bool:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == revisions()[-1:]

    return in_transaction(url, work, to_write=False)


def revisions(migrations: Path = MIGRATIONS) -> list[str]:
    """Return all revisions that this code knows, the one that it expects last, as the migrations say by themselves."""
    following: dict[str, str] = {}
    for file in (migrations / "versions").glob("*.py"):
        said = dict(_SAID.findall(file.read_text()))
        following[said["down_revision"]] = said["revision"]
    found = [following[""]]
    while found[-1] in following:
        found.append(following[found[-1]])
    return found


def in_transaction(url: str, work: Callable[[Connection], T], *, to_write: bool = True) -> T:
    """Return what ``work`` returned, in one transaction: committed at its end, undone by an exception.

    With ``to_write`` it holds the lock of those who migrate from its beginning.
    Raises: UnavailableError, if a database of PostgreSQL can't be reached.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        # In a thread of its own: whoever calls may have an event loop already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _in_postgresql(parsed, work, to_write=to_write)).result()
    engine = create_engine(parsed, poolclass=NullPool)
    event.listen(engine, "connect", _leave_transactions_alone)
    event.listen(engine, "begin", _begin_to_write if to_write else _begin_to_read)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _in_postgresql(url: URL, work: Callable[[Connection], T], *, to_write: bool) -> T:
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        try:
            connection = await engine.connect()
        except (OSError, asyncpg.PostgresError, DBAPIError) as error:
            message = f"The database can't be reached: {error.orig if isinstance(error, DBAPIError) else error}"
            raise UnavailableError(message) from error
        async with aclosing(connection), connection.begin():
            if to_write:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _leave_transactions_alone(connection: sqlite3.Connection, _record: object) -> None:
    # sqlite3 of Python begins no transaction before CREATE TABLE, which would leave half a migration behind.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_LOCK_TIMEOUT_S * 1000}")


def _begin_to_write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_to_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def sqlite_folder(url: str) -> Path | None:
    """Return the folder of a SQLite file, None for another database and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database)).parent
