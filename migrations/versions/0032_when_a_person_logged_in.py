"""Add authorization_code.auth_time: when the person showed a factor, for the id_token of a client that asked (OpenID Connect).

Step:      expand, 1 of 1. NULL for a client that did not ask, and in a code of before.
Runs with: the code of 0.1, which does not know it and tells no time.
Locks:     authorization_code for a moment.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("authorization_code", sa.Column("auth_time", sa.BigInteger()))
