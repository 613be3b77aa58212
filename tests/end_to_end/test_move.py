"""``regie migrate --from``: what began on a laptop goes on in PostgreSQL, with every row and every chain."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db.metadata import metadata
from app.db.schema import in_transaction
from tests.support import postgres
from tests.support.ports import free_port
from tests.support.running import Program


def on(folder: Path, url: str) -> Program:
    return Program(folder, free_port(), {"REGIE_DATABASE_URL": url, "REGIE_MAIL_URL": f"file:{folder / 'mail'}"})


def counts(url: str) -> dict[str, int]:
    return in_transaction(
        url,
        lambda connection: {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        },
        to_write=False,
    )


def exported(program: Program, patient: str, file: Path) -> list[bytes]:
    """What a record has of its person's data: the lines before those of the log, to which each export adds one."""
    program.run("record", "export", "--patient", patient, "--output", str(file))
    return [line for line in file.read_bytes().splitlines() if b'"body"' in line or b'"text"' in line]


@pytest.fixture(scope="module")
def grown(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, dict[str, Any]]:
    """A program on SQLite, with the people of the demo."""
    if database_kind == "postgresql":
        pytest.skip("is about both databases at once")
    folder = tmp_path_factory.mktemp("grown")
    program = on(folder, f"sqlite:///{folder / 'regie.sqlite3'}")
    program.run("migrate")
    return program, json.loads(program.run("demo", "--json"))


def test_a_database_comes_over_whole_and_once(grown: tuple[Program, dict[str, Any]], tmp_path: Path) -> None:
    small, demo = grown
    patient = demo["people"][0]["patients"]["r4"]
    before = exported(small, patient, tmp_path / "before.ndjson")
    source, target = small.environment["REGIE_DATABASE_URL"], postgres.server().new()
    large = on(small.folder, target)

    told = large.run("migrate", "--from", source)
    assert told.splitlines()[-1].startswith(f"Rows that came over: {sum(counts(source).values())}")
    assert counts(target) == counts(source)
    assert large.run("audit", "verify") == "The audit log and all records are sound."
    assert exported(large, patient, tmp_path / "after.ndjson") == before
    assert before
    assert large.run("token", "issue", "--patient", patient)

    with pytest.raises(subprocess.CalledProcessError) as caught:
        large.run("migrate", "--from", source)
    assert "has people in it already" in caught.value.stderr
    assert large.run("audit", "verify") == "The audit log and all records are sound."


def test_what_can_not_come_over_leaves_nothing_behind(grown: tuple[Program, dict[str, Any]], tmp_path: Path) -> None:
    source, target = tmp_path / "odd.sqlite3", postgres.server().new()
    large = on(grown[0].folder, target)
    with sqlite3.connect(grown[0].folder / "regie.sqlite3") as old, sqlite3.connect(source) as copy:
        old.backup(copy)
    with sqlite3.connect(source) as connection:
        connection.execute("UPDATE practice SET name = 'a' || char(0) || 'b'")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        large.run("migrate", "--from", f"sqlite:///{source}")
    assert "U+0000" in caught.value.stderr
    assert not any(number for name, number in counts(target).items() if name in ("record", "account", "change"))
    for wrong in (f"sqlite:///{tmp_path / 'none.sqlite3'}", target):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            large.run("migrate", "--from", wrong)
        assert "Traceback" not in caught.value.stderr
