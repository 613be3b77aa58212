"""Access tokens whose time is over, without waiting for it."""

import contextlib
import sqlite3

from tests.support.running import Program


def let_expire(program: Program, client_id: str) -> None:
    """Let the time of all access tokens of a client be over, in the database of a running server."""
    with contextlib.closing(sqlite3.connect(program.folder / "regie.sqlite3", timeout=10)) as database, database:
        done = database.execute(
            "UPDATE token SET expires_at = issued_at WHERE client_id = ? AND NOT is_refresh", (client_id,)
        )
        assert done.rowcount > 0
