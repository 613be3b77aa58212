"""Add account.display: how somebody wants to see the pages.

Step:      expand, 1 of 1. Empty is as the device has it, which is what everybody sees so far.
Runs with: the code of 0.1, which does not know it.
Locks:     account for a moment.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("account", sa.Column("display", sa.Text(), nullable=False, server_default=sa.text("''")))
