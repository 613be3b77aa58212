"""Add bulk_export: what bulk exports were asked for, and how far they are.

Step:      expand, 1 of 1. Nobody could ask for one so far.
Runs with: the code of 0.1, which does not know it.
Locks:     none.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the table.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "bulk_export",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("release", sa.SmallInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("with_directory", sa.Boolean(), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("looked", sa.BigInteger(), nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("parts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_bulk_export")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_bulk_export_owner"), "bulk_export", ["owner"])
    op.create_index(op.f("ix_bulk_export_until"), "bulk_export", ["until"])
