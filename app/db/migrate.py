"""The schema, brought up to what this code expects, and the question whether it is.

The migrations are in ``migrations/``, beside the package. All that are due run in one transaction: it begins with the
write lock, so of two processes that migrate at once the second waits and finds nothing to do, and one that fails or is
killed leaves the schema as it was.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.pool import NullPool

from app.errors import UnavailableError

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_LOCK_TIMEOUT_S = 60


def migrate(url: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Return the revisions that were applied, oldest first; empty when the schema was current already.

    A SQLite file, and the folder that it is to be in, are made when they are absent.
    Raises: UnavailableError, if the schema is of a newer release than this code; sqlalchemy.exc.OperationalError, if
    another process holds the database.
    """
    config = _config(migrations)
    if folder := _sqlite_folder(url):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # For its owner only, and so is what SQLite puts beside it; one that is there keeps the rights it was given.
        Path(make_url(url).database or "").touch(mode=0o600)
    with opened(url) as connection:
        applied = set(_applied(connection, config))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return [revision for revision in reversed(_applied(connection, config)) if revision not in applied]


def is_current(url: str, migrations: Path = MIGRATIONS) -> bool:
    """Tell whether the schema is exactly what this code expects.

    No tables, an older release, a newer one: each is a no, and a server that finds it does not start.
    """
    folder = _sqlite_folder(url)
    if folder is not None and not Path(make_url(url).database or "").exists():
        return False
    with opened(url, to_write=False) as connection:
        heads = ScriptDirectory.from_config(_config(migrations)).get_heads()
        return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)


@contextmanager
def opened(url: str, *, to_write: bool = True) -> Iterator[Connection]:
    """Give a connection in one transaction: committed at the end, undone by an exception.

    With ``to_write`` it holds the write lock from its beginning.
    """
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin_to_write if to_write else _begin_to_read)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


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
