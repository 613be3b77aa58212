"""Add staff_look: up to which change of a record somebody of a practice said that they saw it.

Step:      expand, 1 of 1. Without a row all that was shared is new to them.
Runs with: the code of 0.1, which does not know it.
Locks:     nothing that is there.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the table.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "staff_look",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "account_id", name=op.f("pk_staff_look")),
    )
    op.create_index(op.f("ix_staff_look_account_id"), "staff_look", ["account_id"])
