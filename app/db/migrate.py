"""The schema, brought up to what this code expects.

The migrations are in ``migrations/``, beside the package. All that are due run in one transaction: it begins with a lock, so
of two processes that migrate at once the second waits and finds nothing to do, and one that fails or is killed leaves the
schema as it was.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import Connection, make_url, text

from app.db.schema import MIGRATIONS, in_transaction, sqlite_folder
from app.errors import UnavailableError


def migrate(url: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Return the revisions that were applied, oldest first; empty when the schema was current already.

    A SQLite file, and the folder that it is to be in, are made when they are absent; a database of PostgreSQL has to be there.
    Raises: UnavailableError, if the schema is of a newer release than this code, or the database sorts texts otherwise than
    by their characters' numbers; sqlalchemy.exc.DBAPIError, if another process holds the database.
    """
    config = _config(migrations)
    if folder := sqlite_folder(url):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # For its owner only, and so is what SQLite puts beside it; one that is there keeps the rights it was given.
        Path(make_url(url).database or "").touch(mode=0o600)

    def work(connection: Connection) -> list[str]:
        _check_order(connection)
        applied = set(_applied(connection, config))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return [revision for revision in reversed(_applied(connection, config)) if revision not in applied]

    return in_transaction(url, work)


def _check_order(connection: Connection) -> None:
    """Do nothing if texts sort by their characters' numbers, which searches by a beginning and cursors rely on."""
    if connection.dialect.name != "postgresql":
        return
    if not connection.execute(text("SELECT 'B' < 'a' AND 'z' < 'é'")).scalar():  # no language puts both so
        message = (
            "The database has to be made with LC_COLLATE 'C': CREATE DATABASE regie TEMPLATE template0 LC_COLLATE 'C'."
        )
        raise UnavailableError(message)


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _applied(connection: Connection, config: Config) -> list[str]:
    """Return the revisions that the schema has, newest first."""
    scripts = ScriptDirectory.from_config(config)
    heads = MigrationContext.configure(connection).get_current_heads()
    try:
        return [script.revision for head in heads for script in scripts.iterate_revisions(head, "base")]
    except ResolutionError as error:
        raise UnavailableError("The database is of a newer release than this program.") from error
