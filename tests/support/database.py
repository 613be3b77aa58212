"""Databases for tests, of the kind that REGIE_TEST_DATABASE names: ``sqlite`` unless it says ``postgresql``."""

import importlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import cast

import psycopg
import pytest
from sqlalchemy import text

from app.db.database import Database, Transaction
from app.db.metadata import metadata
from app.db.migrate import in_transaction
from app.db.sqlite import SqliteDatabase
from app.db.statements import hot
from app.wiring import open_database
from tests.support import postgres

ON_POSTGRESQL = os.environ.get("REGIE_TEST_DATABASE", "sqlite") == "postgresql"


def new_url(folder: Path) -> str:
    """Return the URL of a new, empty database."""
    return postgres.server().new() if ON_POSTGRESQL else f"sqlite:///{folder / 'regie.sqlite3'}"


@cache
def url_in(folder: Path) -> str:
    """Return the URL of the one database that goes with a folder."""
    return new_url(folder)


def copied(url: str, folder: Path) -> str:
    """Return the URL of a copy of a database that nobody has open."""
    if ON_POSTGRESQL:
        return postgres.server().new(url)
    shutil.copy(url.removeprefix("sqlite:///"), folder / "regie.sqlite3")
    return new_url(folder)


def taken_away(url: str) -> None:
    """Take a database away that would outlive the test's folder."""
    if ON_POSTGRESQL:
        postgres.server().drop(url)


def file_of(database: Database) -> Path:
    """Return the file of a database of SQLite; a test that asks for it is skipped on another."""
    return on_sqlite(database).path


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
def opened(folder: Path, *packages: str) -> Iterator[Database]:
    """Yield an open database that has the tables of ``packages``, such as ``consent``."""
    for package in packages:
        importlib.import_module(f"app.{package}.tables")
    url = new_url(folder)
    in_transaction(url, metadata.create_all)
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()
        taken_away(url)
