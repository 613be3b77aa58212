"""What Alembic runs for every command: the models' tables, and the database they are held against.

``app.db.migrate`` hands a connection in; the ``alembic`` command itself uses REGIE_DATABASE_URL.
"""

from typing import cast

from alembic import context
from sqlalchemy import Connection

import app.audit.tables
import app.consent.tables
import app.identity.tables
import app.jobs.tables
import app.oauth.tables
import app.store.tables  # noqa: F401 - with this, the metadata knows the tables of every package
from app.db.metadata import metadata
from app.db.schema import in_transaction
from app.settings import Settings


def run(connection: Connection) -> None:
    """Run the migrations that Alembic chose, all in the one transaction that ``connection`` is in."""
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    context.run_migrations()


handed_in = cast("Connection | None", context.config.attributes.get("connection"))
if handed_in is not None:
    run(handed_in)
else:
    in_transaction(Settings().database_url, run)
