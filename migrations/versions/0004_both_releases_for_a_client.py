"""Add client.both_releases: a client may read STU3 and R4 as one without saying so each time.

Step:      expand, 1 of 1. Every client that is there reads one release, as before.
Runs with: the code of 0.1, which ignores the column.
Locks:     client for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("client", sa.Column("both_releases", sa.Boolean(), server_default=sa.false(), nullable=False))
