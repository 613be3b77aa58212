"""The program and its schema: `regie migrate` makes it, `regie serve` starts with no other."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from app.db.migrate import migrate
from app.db.schema import MIGRATIONS, is_current
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.search.custom import of_library
from app.fhir.search.definitions import install
from tests.support import forked, postgres
from tests.support.database import file_at
from tests.support.ports import free_port
from tests.support.running import PROGRAM, ROOT, Program
from tests.support.soundness import Soundness


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
    file = file_at(database(program))
    program.run("migrate")
    before = file.read_bytes()
    program.run("migrate")
    assert file.read_bytes() == before
    assert is_current(database(program))


def test_a_server_without_a_schema_does_not_start(program: Program) -> None:
    assert "regie migrate" in refused(program).stderr
    assert not is_current(database(program))


def test_a_file_that_is_no_database_is_told_in_a_line(program: Program) -> None:
    file_at(database(program)).write_bytes(b"none" * 1000)
    assert refused(program).stderr == "The database refused: file is not a database\n"


def test_a_server_on_a_half_migrated_schema_does_not_start(program: Program) -> None:
    program.run("migrate")
    file = file_at(database(program))
    with_older_schema(file)
    assert "regie migrate" in refused(program).stderr


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"REGIE_DATABASE_URL": "mysql://regie:geheim@127.0.0.1/regie"},
            ["REGIE_DATABASE_URL: It has to be sqlite:///"],
        ),
        ({"REGIE_DATABASE_URL": "postgresql://regie:geheim@127.0.0.1:1/regie"}, ["The database can't be reached: "]),
        (
            {"REGIE_WORKERS": "geheim", "REGIE_STOP_WITHIN": "geheim"},
            ["REGIE_WORKERS: Input should be a valid integer", "REGIE_STOP_WITHIN: Input should be a valid timedelta"],
        ),
    ],
)
@pytest.mark.parametrize("command", [("serve",), ("migrate",), ("packages", "list"), ("audit", "verify")])
def test_what_is_wrong_with_the_settings_or_the_database_is_said_in_a_line_each(
    tmp_path: Path, command: tuple[str, ...], environment: dict[str, str], told: list[str]
) -> None:
    program = Program(tmp_path, free_port(), environment)
    if command[0] == "packages" and environment.get("REGIE_DATABASE_URL", "").startswith("postgresql"):
        assert program.run(*command)  # needs no database
        return
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(*command)
    lines = caught.value.stderr.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(begins) for line, begins in zip(lines, told, strict=True))
    assert "geheim" not in caught.value.stderr


def test_a_secret_that_is_none_is_said_in_a_line(program: Program, tmp_path: Path) -> None:
    program.run("migrate")
    (tmp_path / "secret").write_bytes(b"short")
    assert refused(program).stderr.strip() == "REGIE_SECRET_FILE has to hold at least 32 random bytes."
    (tmp_path / "secret").unlink()
    (tmp_path / "secret").mkdir()
    assert refused(program).stderr.strip().endswith(f"Is a directory: '{tmp_path / 'secret'}'")


@pytest.mark.parametrize(
    ("setting", "value"), [("REGIE_CLIENT_CERTIFICATE_AUTHORITIES", "none.pem"), ("REGIE_MAIL_URL", "smtp://")]
)
def test_a_setting_that_the_parts_refuse_is_said_in_a_line(tmp_path: Path, setting: str, value: str) -> None:
    program = Program(tmp_path, free_port(), {})
    program.run("migrate")
    program.environment[setting] = value
    (line,) = refused(program).stderr.strip().splitlines()
    assert line.startswith(setting)


def test_a_database_in_which_no_tables_may_be_made_says_so(tmp_path: Path) -> None:
    server = postgres.server()
    url = server.new()
    server.run("CREATE ROLE guest LOGIN")
    guest = Program(tmp_path, free_port(), {"REGIE_DATABASE_URL": url.replace("//postgres@", "//guest@")})
    try:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            guest.run("migrate")
    finally:
        server.drop(url)
        server.run("DROP ROLE guest")
    assert caught.value.stderr.strip() == "The database refused: permission denied for schema public"


def with_older_schema(file: Path) -> None:
    """Make the file say that its last migration is not done."""
    connection = sqlite3.connect(file)
    connection.execute("DELETE FROM alembic_version")
    connection.commit()
    connection.close()


def test_the_index_of_an_older_database_is_made_anew(program: Program) -> None:
    program.run("migrate")
    program.run("demo")
    file = file_at(database(program))
    fresh = index_of(file)
    records = as_of_the_first_migration(file)
    assert "regie migrate" in refused(program).stderr
    anew, again = (forked.run(("migrate",), program.variables()) for _ in range(2))
    assert f"Indexed anew: {records} records." in anew.stdout
    assert "a server from before answers searches with 503" in anew.stderr
    assert index_of(file) == fresh
    assert (again.stdout.strip(), "503" in again.stderr) == ("The database is up to date.", False)
    assert program.run("reindex") == "The index is up to date."
    library = Library(program.folder / "packages", PROFILES)
    for release in Release:  # as the server did: Regie has search parameters of its own
        install(release, of_library(library, release).parameters)
    Soundness(program.database_url, program.folder / "secret", program.url).check()


def test_indexing_that_was_killed_goes_on_when_it_is_run_again(program: Program) -> None:
    program.run("migrate")
    program.run("demo")
    file = file_at(database(program))
    fresh = index_of(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE record SET index_version = 0")
    process = subprocess.Popen([*PROGRAM, "reindex"], cwd=ROOT, env=program.variables())
    while states(file)[1] == (0, 0):
        assert process.poll() is None
    process.kill()
    process.wait()
    assert len(set(states(file))) > 1, "it was in the middle"
    program.run("reindex")
    assert index_of(file) == fresh
    assert len(set(states(file))) == 1


def as_of_the_first_migration(file: Path) -> int:
    """Make a database what it would have been then, without its index and logins for work; return how many records it has."""
    newer = file.rename(file.with_suffix(".newer"))
    first = file.parent / "migrations"
    (first / "versions").mkdir(parents=True)
    shutil.copy(MIGRATIONS / "env.py", first)
    shutil.copy(next((MIGRATIONS / "versions").glob("0001_*.py")), first / "versions")
    migrate(f"sqlite:///{file}", first)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS newer", (str(newer),))
        for (table,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table != "alembic_version" and not table.endswith("_index"):
                columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
                copied = f"({columns}) SELECT {columns} FROM newer.{table}"  # noqa: S608
                connection.execute(f"INSERT OR IGNORE INTO main.{table} {copied}")
        (records,) = connection.execute("SELECT count(*) FROM main.record").fetchone()
    return int(records)


def index_of(file: Path) -> list[list[tuple[object, ...]]]:
    tables = ("exact_index", "date_index", "quantity_index", "text_index")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]  # noqa: S608


def states(file: Path) -> list[tuple[int, int]]:
    """The version and target of each record."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return connection.execute("SELECT index_version, index_target FROM record ORDER BY record_id").fetchall()
