"""Add misfit: what a kept resource breaks of the profiles that it should keep.

Step:      expand, 1 of 1.
Runs with: the code of 0.1, which does not know the table.
Locks:     nothing that anybody uses yet.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "misfit",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("issues", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "seq", name=op.f("pk_misfit")),
        sqlite_with_rowid=False,
    )
