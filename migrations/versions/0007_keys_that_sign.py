"""Add signing_key, and authorization_code.nonce: apps may ask who a person is (OpenID Connect).

Step:      expand, 1 of 1. The first key is made when it is needed.
Runs with: the code of 0.1, which knows neither.
Locks:     authorization_code for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table and the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "signing_key",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("signs_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_signing_key")),
    )
    op.add_column("authorization_code", sa.Column("nonce", sa.Text(), nullable=True))
