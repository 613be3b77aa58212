"""Add exact_index.system_hash: a token has one row, with the hash of its system, in place of three.

Step:      expand, 1 of 1. The rows are derived, and their hashes can't be told apart: the table is made anew, empty, and every
           record is of no index rules. `regie migrate` then indexes all, and till a record is done it isn't searched.
Runs with: the code of this release only, older code doesn't know the column.
Locks:     the database while it takes out the old rows.
Tried on:  SQLite, with data of 0.1.   Way back: the table of 0001, and `regie reindex --all` of the older code.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.drop_table("exact_index")
    op.create_table(
        "exact_index",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("param", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("system_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "param", "hash", "seq", "system_hash", name=op.f("pk_exact_index")),
        sqlite_with_rowid=False,
    )
    op.execute("UPDATE record SET index_version = 0, index_target = 0")
