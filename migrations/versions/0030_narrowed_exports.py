"""Add bulk_export.narrowing: what an export leaves out of what is open.

Step:      expand, 1 of 1. Empty leaves nothing out, which is so for every export so far.
Runs with: the code of 0.1, which does not know it: of an export that was begun with filters or patients it brings what is open
           without them, as of one that was begun with itself.
Locks:     bulk_export for a moment.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0030"
down_revision: str | None = "0029"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("bulk_export", sa.Column("narrowing", sa.Text(), nullable=False, server_default=sa.text("''")))
