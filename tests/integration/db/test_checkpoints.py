"""SQLite's pages go from the write-ahead log to the file without anybody who writes doing it."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import Column, MetaData, Table, Text, insert
from structlog.testing import capture_logs

from app.db.checkpoints import AGAIN_PAGES, Checkpoints, checkpoint
from app.db.database import Transaction
from app.db.schema import in_transaction
from app.db.sqlite import SqliteDatabase
from app.db.statements import hot
from tests.support.waiting import until

pytestmark = pytest.mark.own_database

WITHIN_S = 60
LONG = AGAIN_PAGES * 4096
metadata = MetaData()
kept = Table("kept", metadata, Column("body", Text))
ADD = hot(insert(kept))


def is_in_the_file(path: Path, body: str) -> bool:
    return body.encode() in path.read_bytes()


def connected(path: Path) -> sqlite3.Connection:
    """Return a connection that leaves the log alone."""
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode=WAL", "busy_timeout=0", "wal_autocheckpoint=0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond a mebibyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_what_was_committed_is_in_the_file_soon(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite3"
    in_transaction(f"sqlite:///{path}", metadata.create_all)
    database = SqliteDatabase(path)

    async def add(transaction: Transaction, body: str) -> None:
        await transaction.run(ADD, {"body": body})

    try:
        for body in ("the first", "the second"):
            await database.write(partial(add, body=body))
            until(partial(is_in_the_file, path, body), "It is not in the file.")
    finally:
        database.close()


def test_a_long_log_is_begun_anew_once_all_of_it_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite3"
    writer, beside = connected(path), connected(path)
    writer.execute("CREATE TABLE kept (body)")
    writer.execute("INSERT INTO kept VALUES (zeroblob(?))", (LONG,))
    size = Path(f"{path}-wal").stat().st_size
    for body in ("the first", "the second", "the third"):
        checkpoint(beside)
        writer.execute("INSERT INTO kept VALUES (zeroblob(?)), (?)", (LONG // 2, body))
        assert Path(f"{path}-wal").stat().st_size == size
    checkpoint(beside)
    assert is_in_the_file(path, "the third")
    writer.close()
    beside.close()


def test_who_reads_on_keeps_the_pages_that_they_see(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite3"
    writer, beside, reader = connected(path), connected(path), connected(path)
    writer.execute("CREATE TABLE kept (body)")
    reader.execute("BEGIN")
    assert reader.execute("SELECT body FROM kept").fetchall() == []
    writer.execute("INSERT INTO kept VALUES (zeroblob(?)), ('the first')", (LONG,))
    checkpoint(beside)
    assert reader.execute("SELECT body FROM kept").fetchall() == []
    assert not is_in_the_file(path, "the first")
    reader.execute("COMMIT")
    checkpoint(beside)
    assert is_in_the_file(path, "the first")
    for connection in (writer, beside, reader):
        connection.close()


def test_what_a_checkpoint_could_not_write_is_logged_and_written_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite3"
    writer = connected(path)
    writer.execute("CREATE TABLE kept (body)")
    writer.execute("INSERT INTO kept VALUES (zeroblob(?)), ('the first')", (LONG,))
    checkpoints = Checkpoints(path)
    try:
        with capture_logs() as logged, small_files():
            checkpoints.due()
            until(lambda: bool(logged), "Nothing is told of the fault.")
        assert logged == [{"event": "checkpoint failed", "error": "OperationalError", "log_level": "warning"}]
        checkpoints.due()
        until(partial(is_in_the_file, path, "the first"), "It is not in the file.")
    finally:
        checkpoints.close()
        writer.close()


def test_who_closes_while_a_checkpoint_is_about_to_begin_waits_for_no_other_commit(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "kept.sqlite3")
    forget = checkpoints._due.clear

    def close_and_forget() -> None:
        checkpoints._ends.set()
        checkpoints._due.set()
        forget()

    with patch.object(checkpoints._due, "clear", close_and_forget):
        checkpoints.due()
        checkpoints._thread.join(WITHIN_S)
        was_over = not checkpoints._thread.is_alive()
    checkpoints.close()
    assert was_over
