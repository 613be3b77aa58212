"""Add client.jwks_uri: a client may publish its keys at a URL.

Step:      expand, 1 of 1.
Runs with: the code of 0.1, which ignores the column.
Locks:     client for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("client", sa.Column("jwks_uri", sa.Text(), nullable=True))
