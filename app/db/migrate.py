"""The schema, brought up to what this code expects, and the question whether it is.

The migrations are in ``migrations/``, beside the package. All that are due run in one transaction: it begins with a lock, so
of two processes that migrate at once the second waits and finds nothing to do, and one that fails or is killed leaves the
schema as it was.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.errors import UnavailableError

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
LOCK = 0x5265676965
"""The number of the advisory lock that a migration holds on PostgreSQL."""

_LOCK_TIMEOUT_S = 60
T = TypeVar("T")


def migrate(url: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Return the revisions that were applied, oldest first; empty when the schema was current already.

    A SQLite file, and the folder that it is to be in, are made when they are absent; a database of PostgreSQL has to be there.
    Raises: UnavailableError, if the schema is of a newer release than this code, or the database sorts texts otherwise than
    by their characters' numbers; sqlalchemy.exc.DBAPIError, if another process holds the database.
    """
    config = _config(migrations)
    if folder := _sqlite_folder(url):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # For its owner only, and so is what SQLite puts beside it; one that is there keeps the rights it was given.
        Path(make_url(url).database or "").touch(mode=0o600)

    def work(connection: Connection) -> list[str]:
        _check_order(connection)
        applied = set(_applied(connection, config))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return [revision for revision in reversed(_applied(connection, config)) if revision not in applied]

    return in_transaction(url, work)


def is_current(url: str, migrations: Path = MIGRATIONS) -> bool:
    """Tell whether the schema is exactly what this code expects.

    No tables, an older release, a newer one: each is a no, and a server that finds it does not start.
    """
    folder = _sqlite_folder(url)
    if folder is not None and not Path(make_url(url).database or "").exists():
        return False
    heads = ScriptDirectory.from_config(_config(migrations)).get_heads()

    def work(connection: Connection) -> bool:
        return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)

    return in_transaction(url, work, to_write=False)


def revisions(migrations: Path = MIGRATIONS) -> list[str]:
    """Return all revisions that this code knows, the one that it expects last."""
    scripts = ScriptDirectory.from_config(_config(migrations))
    return [script.revision for script in scripts.walk_revisions()][::-1]


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


def _check_order(connection: Connection) -> None:
    """Do nothing if texts sort by their characters' numbers, which searches by a beginning and cursors rely on."""
    if connection.dialect.name != "postgresql":
        return
    if not connection.execute(text("SELECT 'B' < 'a' AND 'z' < 'é'")).scalar():  # no language puts both so
        message = (
            "The database has to be made with LC_COLLATE 'C': CREATE DATABASE regie TEMPLATE template0 LC_COLLATE 'C'."
        )
        raise UnavailableError(message)


def _leave_transactions_alone(connection: sqlite3.Connection, _record: object) -> None:
    # sqlite3 of Python begins no transaction before CREATE TABLE, which would leave half a migration behind.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_LOCK_TIMEOUT_S * 1000}")


def _begin_to_write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_to_read(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _applied(connection: Connection, config: Config) -> list[str]:
    """Return the revisions that the schema has, newest first."""
    scripts = ScriptDirectory.from_config(config)
    heads = MigrationContext.configure(connection).get_current_heads()
    try:
        return [script.revision for head in heads for script in scripts.iterate_revisions(head, "base")]
    except ResolutionError as error:
        raise UnavailableError("The database is of a newer release than this program.") from error


def _sqlite_folder(url: str) -> Path | None:
    """Return the folder of a SQLite file, None for another database and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database)).parent
