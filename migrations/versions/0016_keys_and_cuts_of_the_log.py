"""Add audit_key, audit_cut and audit_own_cut: keys that people can check the log with, and an end to how long it is kept.

Step:      expand, 1 of 1. The first key is that which signed until now; it is written down when it signs next.
Runs with: the code of 0.1, which knows none of it. Its entries have no numbers of their own; later ones count them.
Locks:     none.
Tried on:  SQLite, with data of 0.1.   Way back: drop the tables, if nothing was cut.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audit_key",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("endorsement", sa.LargeBinary(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_key")),
    )
    op.create_table(
        "audit_cut",
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instant", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.PrimaryKeyConstraint("stream", "n", name=op.f("pk_audit_cut")),
    )
    op.create_table(
        "audit_own_cut",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_audit_own_cut")),
    )
