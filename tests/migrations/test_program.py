"""The program and its schema: `regie migrate` makes it, `regie serve` starts with no other."""

import sqlite3
import subprocess
from pathlib import Path

import pytest

from app.db.migrate import is_current
from tests.support.running import Program, free_port


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, free_port())


def database(program: Program) -> str:
    return program.variables()["REGIE_DATABASE_URL"]


def refused(program: Program) -> subprocess.CalledProcessError:
    """The end of a `regie serve` that must not serve."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run("serve")
    return caught.value


def test_migrate_twice_is_migrate_once(program: Program) -> None:
    program.run("migrate")
    file = Path(database(program).removeprefix("sqlite:///"))
    before = file.read_bytes()
    program.run("migrate")
    assert file.read_bytes() == before
    assert is_current(database(program))


def test_a_server_without_a_schema_does_not_start(program: Program) -> None:
    assert "regie migrate" in refused(program).stderr
    assert not is_current(database(program))


def test_a_server_on_a_half_migrated_schema_does_not_start(program: Program) -> None:
    program.run("migrate")
    file = Path(database(program).removeprefix("sqlite:///"))
    with_older_schema(file)
    assert "regie migrate" in refused(program).stderr


def with_older_schema(file: Path) -> None:
    """Make the file say that its last migration is not done."""
    connection = sqlite3.connect(file)
    connection.execute("DELETE FROM alembic_version")
    connection.commit()
    connection.close()
