"""Add staff_invitation.spent_until: until when a link that was used or withdrawn is remembered, so that it is not made good again.

Step:      expand, 1 of 1. 0 for one that was not used.
Runs with: the code of 0.1, which does not know it: one that was used has ``expires_at`` 0, is good for nobody there either, and is
           forgotten there as soon as somebody is invited.
Locks:     staff_invitation for a moment.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    column = sa.Column("spent_until", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    op.add_column("staff_invitation", column)
