"""Add staff and staff_invitation; account.record_id may be empty: a login for work has no record.

Step:      expand, 1 of 1.
Runs with: the code of 0.1, as long as no login for work was made.
Locks:     account, while it is copied.
Tried on:  SQLite, with data of 0.1.   Way back: drop the tables, and the accounts without a record.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("account") as account:
        account.alter_column("record_id", existing_type=sa.BigInteger(), nullable=True)
    op.create_table(
        "staff",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("practice_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("invited_at", sa.BigInteger(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_staff")),
    )
    op.create_index(op.f("ix_staff_practice_id"), "staff", ["practice_id"])
    op.create_table(
        "staff_invitation",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("practice_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("invited_at", sa.BigInteger(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_invitation")),
    )
    op.create_index(op.f("ix_staff_invitation_practice_id"), "staff_invitation", ["practice_id"])
    op.create_index(op.f("ix_staff_invitation_expires_at"), "staff_invitation", ["expires_at"])
