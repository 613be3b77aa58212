"""Add launch, client.launch_uri, and session_id of codes and tokens: apps that are opened from the portal, and online_access.

Step:      expand, 1 of 1. No token that is there ends with a login.
Runs with: the code of 0.1, which knows none of it.
Locks:     client, authorization_code and token for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table and the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "launch",
        sa.Column("launch_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("launch_hash", name=op.f("pk_launch")),
    )
    op.create_index(op.f("ix_launch_expires_at"), "launch", ["expires_at"])
    op.add_column("client", sa.Column("launch_uri", sa.Text(), nullable=True))
    op.add_column("authorization_code", sa.Column("session_id", sa.Text(), nullable=True))
    op.add_column("token", sa.Column("session_id", sa.Text(), nullable=True))
