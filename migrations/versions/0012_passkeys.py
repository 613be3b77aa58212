"""Add passkey and challenge, and what people see of their sessions; there is an account without a password now.

Step:      expand, 1 of 1. Sessions from before have shown no second factor lately and come from a browser unknown.
Runs with: the code of 0.1, which knows none of it; it can't log in who has passkeys only.
Locks:     portal_session for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the tables and the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_passkey")),
    )
    op.create_index(op.f("ix_passkey_account_id"), "passkey", ["account_id"])
    op.create_table(
        "challenge",
        sa.Column("bound_to", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bound_to", "purpose", name=op.f("pk_challenge")),
    )
    op.create_index(op.f("ix_challenge_expires_at"), "challenge", ["expires_at"])
    op.add_column(
        "portal_session", sa.Column("proven_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    for name in ("way", "device"):
        op.add_column("portal_session", sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index(op.f("ix_portal_session_account_id"), "portal_session", ["account_id"])
