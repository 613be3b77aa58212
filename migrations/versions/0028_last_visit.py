"""Add account.seen_at and portal_session.seen_before: when somebody was here last.

Step:      expand, 1 of 1. Empty is never yet, so that the first page says of nothing that it is new.
Runs with: the code of 0.1, which does not know them.
Locks:     account and portal_session for a moment.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("account", sa.Column("seen_at", sa.BigInteger()))
    op.add_column("portal_session", sa.Column("seen_before", sa.BigInteger()))
