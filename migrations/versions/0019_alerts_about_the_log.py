"""Add audit_watched and audit_alert: people hear by mail that something stands out in their log.

Step:      expand, 1 of 1. What was written before is no news: it begins at the end of the log.
Runs with: the code of 0.1, which knows neither.
Locks:     none.
Tried on:  SQLite, with data of 0.1.   Way back: drop the tables.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audit_watched",
        sa.Column("stream", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_audit_watched")),
    )
    op.create_table(
        "audit_alert",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sign", sa.Text(), nullable=False),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "sign", name=op.f("pk_audit_alert")),
    )
