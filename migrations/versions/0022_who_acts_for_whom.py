"""Add what makes a grant a representation, helper_invitation, the record that a session acts in, and for whom a token is.

Step:      expand, 1 of 1. No grant that is there is a representation.
Runs with: the code of 0.1, which knows none of it.
Locks:     access_grant, portal_session and token for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table and the columns.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("access_grant", sa.Column("capacity", sa.Text(), nullable=True))
    op.add_column("access_grant", sa.Column("represented", sa.Text(), nullable=True))
    op.add_column("access_grant", sa.Column("powers", sa.Integer(), nullable=True))
    op.add_column("access_grant", sa.Column("birth_date", sa.Text(), nullable=True))
    op.add_column("access_grant", sa.Column("time_zone", sa.Text(), nullable=True))
    op.add_column("access_grant", sa.Column("agreed_at", sa.BigInteger(), nullable=True))
    op.add_column("access_grant", sa.Column("rests_on", sa.Text(), nullable=True))
    op.create_table(
        "helper_invitation",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("represented", sa.Text(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("categories", sa.Integer(), nullable=False),
        sa.Column("actions", sa.Integer(), nullable=False),
        sa.Column("powers", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_helper_invitation")),
    )
    op.create_index(op.f("ix_helper_invitation_record_id"), "helper_invitation", ["record_id"])
    op.add_column("portal_session", sa.Column("acting_record_id", sa.BigInteger(), nullable=True))
    op.add_column("portal_session", sa.Column("acting_grant_id", sa.Text(), nullable=True))
    op.add_column("token", sa.Column("account_id", sa.Text(), nullable=True))
    op.add_column("token", sa.Column("on_behalf_of", sa.Text(), server_default=sa.text("''"), nullable=False))
