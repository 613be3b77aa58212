"""``regie client`` as an operator runs it."""

import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.support.running import Program, free_port

REGISTERED = (
    *("client", "add", "--name", "An app", "--public"),
    *("--redirect-uri", "https://app.example/back", "--scope", "patient/*.rs"),
)


def reads_both(folder: Path, client_id: str) -> bool:
    with sqlite3.connect(next(folder.rglob("*.sqlite3"))) as connection:
        (both,) = connection.execute("SELECT both_releases FROM client WHERE client_id = ?", [client_id]).fetchone()
    return bool(both)


def test_an_operator_says_which_releases_a_client_reads(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {})
    program.run("migrate")
    app, other = program.run(*REGISTERED), program.run(*REGISTERED, "--both-releases")
    assert (reads_both(tmp_path, app), reads_both(tmp_path, other)) == (False, True)
    program.run("client", "releases", app, "both")
    program.run("client", "releases", other, "own")
    assert (reads_both(tmp_path, app), reads_both(tmp_path, other)) == (True, False)
    for arguments, told in ((("nobody", "both"), "no such client"), ((app, "neither"), "Name both, or own")):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            program.run("client", "releases", *arguments)
        assert told in caught.value.stderr
