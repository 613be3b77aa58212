"""Add certificate, registration_hash, launch_releases and ended_at to client.

Clients that prove themselves with a certificate, that look after their registration, that are opened in the release that
they know, and that are ended.

Step:      expand, 1 of 1. Every client that is there proves itself as it did, and is opened in R4.
Runs with: the code of 0.1, which would let a client go on that was ended: update all processes first.
Locks:     client for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("client", sa.Column("certificate", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("registration_hash", sa.Text(), nullable=True))
    op.add_column("client", sa.Column("launch_releases", sa.Text(), server_default="r4", nullable=False))
    op.add_column("client", sa.Column("ended_at", sa.BigInteger(), nullable=True))
