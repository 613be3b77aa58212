"""SQLite's checkpoints: pages go from the write-ahead log to the file in a thread of their own, soon after their commit.

SQLite by itself does it within the commit that makes the log long enough: who waits for that one, and all who ask meanwhile,
wait until hundreds of pages all over the file are on disk. Beside the writer, nobody waits for it.

Source: https://www.sqlite.org/wal.html#ckpt
"""

import sqlite3
import threading
from pathlib import Path

import structlog

EACH_S = 0.1
"""Seconds from a commit to the checkpoint that takes it along: pages that many commits change are written once for all of these."""

AGAIN_PAGES = 1000
"""Pages in the log from which on it is begun anew as soon as all of it is in the file."""

_log = structlog.get_logger()


class Checkpoints:
    """The thread, and its connection to the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA busy_timeout=0")  # it comes again
        self._due = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoints", daemon=True)
        self._thread.start()

    def due(self) -> None:
        """Say that something was committed."""
        self._due.set()

    def close(self) -> None:
        """End the thread; what it left is done when the last connection to the file is closed."""
        self._ends.set()
        self._due.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while self._due.wait() and not self._ends.wait(EACH_S):
            self._due.clear()
            if self._ends.is_set():  # just now: what was cleared was to say so
                break
            try:
                checkpoint(self._connection)
            except sqlite3.Error as error:  # the pages are safe in the log, and the next commit comes here again
                _log.warning("checkpoint failed", error=type(error).__name__)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Write to the file what was committed, as far as nobody reads what was before it; do nothing while another process does."""
    (is_busy, pages, _) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if not is_busy and pages >= AGAIN_PAGES:
        # The log is begun anew only where all of it is in the file: who writes waits for the few pages that came meanwhile.
        connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
