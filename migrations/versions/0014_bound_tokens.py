"""Add binding to codes and tokens, and client.is_fapi: tokens that are good only with a key or a certificate.

Step:      expand, 1 of 1. No token that is there is bound.
Runs with: the code of 0.1, which would take a bound token without its key: update all processes first.
Locks:     client, authorization_code and token for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("client", sa.Column("is_fapi", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("authorization_code", sa.Column("binding", sa.Text(), nullable=True))
    op.add_column("token", sa.Column("binding", sa.Text(), nullable=True))
