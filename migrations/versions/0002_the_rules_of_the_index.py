"""Add record.index_version, record.index_target and index_rules: by which rules a record is indexed.

Step:      expand, 1 of 1. Every record is of version 0, no rules at all; `regie migrate` then indexes it anew, `regie reindex`
           goes on where that was stopped.
Runs with: the code of 0.1, which ignores both columns.
Locks:     record for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table and the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "index_rules",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_index_rules")),
    )
    for name in ("index_version", "index_target"):
        op.add_column("record", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
