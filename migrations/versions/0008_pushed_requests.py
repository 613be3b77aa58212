"""Add pushed_request and client.requires_par: authorization requests that the client sends itself.

Step:      expand, 1 of 1. No client that is there has to push.
Runs with: the code of 0.1, which knows neither.
Locks:     client for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table and the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "pushed_request",
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request_hash", name=op.f("pk_pushed_request")),
    )
    op.create_index(op.f("ix_pushed_request_expires_at"), "pushed_request", ["expires_at"])
    op.add_column("client", sa.Column("requires_par", sa.Boolean(), server_default=sa.false(), nullable=False))
