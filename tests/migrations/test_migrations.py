"""The schema, from nothing to what the models say, and what must not happen on the way."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from app.db.metadata import metadata
from app.db.migrate import migrate
from app.db.schema import MIGRATIONS, in_transaction, is_current, revisions
from app.errors import UnavailableError
from tests.support import postgres

ROOT = MIGRATIONS.parent


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'made' / 'regie.sqlite3'}"


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """A folder with two migrations of its own: the first is sound, the second fails after its first table."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text(
        "from alembic import context\n"
        "context.configure(connection=context.config.attributes['connection'])\n"
        "context.run_migrations()\n"
    )
    body = "revision = {!r}\ndown_revision = {!r}\nfrom alembic import op\ndef upgrade():\n    {}\n"
    first = 'op.execute("CREATE TABLE one (n INTEGER)")'
    second = 'op.execute("CREATE TABLE two (n INTEGER)"); op.execute("INSERT INTO nowhere VALUES (1)")'
    (versions / "0001_one.py").write_text(body.format("0001", None, first))
    (versions / "0002_two.py").write_text(body.format("0002", "0001", second))
    return tmp_path / "migrations"


def names_of_tables(url: str) -> set[str]:
    return in_transaction(url, lambda connection: set(inspect(connection).get_table_names()))


def table_options(url: str) -> set[tuple[str, int, int]]:
    """What Alembic does not compare: WITHOUT ROWID and STRICT."""

    def work(connection: Connection) -> set[tuple[str, int, int]]:
        rows = connection.execute(text("PRAGMA table_list")).mappings()
        return {
            (row["name"], row["wr"], row["strict"])
            for row in rows
            if not row["name"].startswith("sqlite_") and row["name"] != "alembic_version"
        }

    return in_transaction(url, work)


def differences(connection: Connection) -> list[Any]:
    """What the models have that the database has not, and the other way round."""
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


def say_revision(url: str, revision: str) -> None:
    spelled = text("UPDATE alembic_version SET version_num = :revision").bindparams(revision=revision)
    in_transaction(url, lambda connection: connection.execute(spelled).rowcount)


def test_an_empty_database_that_is_migrated_equals_the_models(url: str, tmp_path: Path) -> None:
    migrate(url)
    assert in_transaction(url, differences) == []
    from_models = f"sqlite:///{tmp_path / 'models.sqlite3'}"
    engine = create_engine(from_models)
    metadata.create_all(engine)
    engine.dispose()
    assert table_options(url) == table_options(from_models)


def test_migrating_again_changes_nothing(url: str) -> None:
    assert migrate(url) != []
    file = Path(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    assert migrate(url) == []
    assert file.read_bytes() == before


def test_a_database_is_current_only_after_all_migrations(url: str) -> None:
    assert not is_current(url)
    assert not Path(url.removeprefix("sqlite:///")).exists(), "asking makes no database"
    migrate(url)
    assert is_current(url)


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_a_schema_of_another_release_is_not_current(url: str, revision: str) -> None:
    migrate(url)
    say_revision(url, revision)
    assert not is_current(url)


def test_the_revisions_that_the_code_knows_are_those_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert revisions() == [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def test_a_schema_of_a_newer_release_is_left_alone(url: str) -> None:
    migrate(url)
    say_revision(url, "9999")
    before = names_of_tables(url)
    with pytest.raises(UnavailableError, match="newer release"):
        migrate(url)
    assert names_of_tables(url) == before


def test_migrations_that_fail_halfway_leave_the_schema_as_it_was(url: str, trial: Path) -> None:
    with pytest.raises(Exception, match="nowhere"):
        migrate(url, trial)
    assert names_of_tables(url) == set()
    (trial / "versions" / "0002_two.py").unlink()
    assert migrate(url, trial) == ["0001"]
    assert names_of_tables(url) == {"one", "alembic_version"}


def test_of_two_processes_that_migrate_at_once_one_does_it_and_the_other_waits(url: str) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    file.parent.mkdir()
    program = "import sys; from app.db.migrate import migrate; print(len(migrate(sys.argv[1])))"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    both = [subprocess.Popen([sys.executable, "-c", program, url], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    holder.execute("ROLLBACK")
    holder.close()
    applied = sorted(int(process.communicate(timeout=60)[0]) for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert applied == [0, len(list((MIGRATIONS / "versions").glob("*.py")))]


def test_postgresql_gets_the_same_tables() -> None:
    url = postgres.server().new()
    try:
        assert not is_current(url)
        assert migrate(url) != []
        assert is_current(url)
        assert in_transaction(url, differences) == []
        assert migrate(url) == []
    finally:
        postgres.server().drop(url)


def test_a_database_that_sorts_texts_as_a_language_does_is_refused() -> None:
    server = postgres.server()
    server.run("CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'nl'")
    try:
        with pytest.raises(UnavailableError, match="LC_COLLATE"):
            migrate(server.url("sorted"))
    finally:
        server.drop(server.url("sorted"))
