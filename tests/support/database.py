"""A database file with all tables, as the migrations would make it."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from app.db.metadata import metadata
from app.db.sqlite import SqliteDatabase


@contextmanager
def opened(folder: Path, *packages: str) -> Iterator[SqliteDatabase]:
    """Yield an open database in ``folder`` that has the tables of ``packages``, such as ``consent``."""
    for package in packages:
        importlib.import_module(f"app.{package}.tables")
    path = folder / "regie.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    database = SqliteDatabase(path)
    try:
        yield database
    finally:
        database.close()
