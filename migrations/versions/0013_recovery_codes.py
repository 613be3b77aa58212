"""Add recovery_code, and portal_session.session_id: a session keeps its id when its cookie gets another value.

Step:      expand, 1 of 1. Sessions from before keep the id that they had, the start of their hash.
Runs with: the code of 0.1, whose sessions have no id then: they can't be ended from the page.
Locks:     portal_session for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the table and the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "code_hash", name=op.f("pk_recovery_code")),
    )
    op.add_column("portal_session", sa.Column("session_id", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.execute("UPDATE portal_session SET session_id = substr(session_hash, 1, 16)")
    op.create_index(op.f("ix_portal_session_session_id"), "portal_session", ["session_id"])
