"""Databases for tests, of the kind that the running test is for (``tests/conftest.py`` sets it).

One with all tables is made once per kind and process, and copied from then on.
"""

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import psycopg
import pytest
from sqlalchemy import text

from app.db.database import Database, Transaction
from app.db.migrate import migrate
from app.db.sqlite import SqliteDatabase
from app.db.statements import hot
from app.wiring import open_database
from tests.support import citus, postgres

KINDS = ("sqlite", "postgresql")


@dataclass
class _Chosen:
    kind: str = KINDS[0]
    is_spread: bool = False


_chosen = _Chosen()
_templates: dict[str, str] = {}


def choose(kind: str) -> None:
    """Have databases of this kind made from here on; ``citus`` is PostgreSQL with the stand-in, where records are spread."""
    _chosen.is_spread = kind == "citus"
    _chosen.kind = "postgresql" if _chosen.is_spread else kind


def kind() -> str:
    """Return the kind of the databases that are made."""
    return _chosen.kind


def new_url(folder: Path) -> str:
    """Return the URL of a new, empty database."""
    return postgres.server().new() if kind() == "postgresql" else f"sqlite:///{folder / 'regie.sqlite3'}"


@cache
def url_in(folder: Path) -> str:
    """Return the URL of the one database that goes with a folder."""
    return new_url(folder)


def migrated(folder: Path, tablespace: str = "pg_default") -> str:
    """Return the URL of a new database that has all tables; ``tablespace`` is where PostgreSQL keeps it."""
    if kind() not in _templates:
        template = Path(tempfile.mkdtemp(prefix="regie-template-"))
        atexit.register(shutil.rmtree, template, ignore_errors=True)
        url = new_url(template)
        migrate(url)
        _templates[kind()] = url
    return copied(_templates[kind()], folder, tablespace)


def copied(url: str, folder: Path, tablespace: str = "pg_default") -> str:
    """Return the URL of a copy of a database that nobody has open; ``tablespace`` is where PostgreSQL keeps it."""
    if url.startswith("postgresql"):
        made = postgres.server().new(url, tablespace)
        if _chosen.is_spread:
            citus.spread_over_machines(made)
        return made
    copy = folder / "regie.sqlite3"
    shutil.copy(url.removeprefix("sqlite:///"), copy)
    return f"sqlite:///{copy}"


def taken_away(url: str) -> None:
    """Take a database away that would outlive the test's folder."""
    if url.startswith("postgresql"):
        postgres.server().drop(url)


def file_of(database: Database) -> Path:
    """Return the file of a database of SQLite; a test that asks for it is skipped on another."""
    return on_sqlite(database).path


def file_at(url: str) -> Path:
    """Return the file of a database of SQLite; a test that asks for it is skipped on another."""
    if not url.startswith("sqlite"):
        pytest.skip("is about SQLite")
    return Path(url.removeprefix("sqlite:///"))


def on_sqlite(database: Database) -> SqliteDatabase:
    """Return the database, if it is one of SQLite; a test that asks for it is skipped on another."""
    if not isinstance(database, SqliteDatabase):
        pytest.skip("is about SQLite")
    return database


def beside(url: str) -> sqlite3.Connection:
    """Return a connection that reads one state of a database, apart from the application; psycopg's is used in the same way."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection.execute("PRAGMA busy_timeout=20000")
        connection.execute("BEGIN")
        return connection
    opened = psycopg.connect(url)
    opened.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    opened.read_only = True
    return cast("sqlite3.Connection", opened)


def tamper(database: Database, *statements: str) -> None:
    """Run SQL behind the application's back; each statement has to change something."""

    async def job(transaction: Transaction) -> None:
        for statement in statements:
            assert await transaction.run(hot(text(statement)), {}) >= 1, statement

    database.write_blocking(job)


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    """Yield an open database that has all tables."""
    url = migrated(folder)
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()
        taken_away(url)
