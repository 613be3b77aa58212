"""Add audit_earlier: the logs that a record brings along from where it was before.

Step:      expand, 1 of 1. No record was brought in with its log so far.
Runs with: the code of 0.1, which does not know it.
Locks:     none.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audit_earlier",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "log", "part", name=op.f("pk_audit_earlier")),
    )
