"""Index idempotency.instant: old answers are forgotten by it.

Step:      expand, 1 of 1.
Runs with: the code of this release before it, which never forgets.
Locks:     idempotency while the index is made.
Tried on:  SQLite, with data of 0.1.   Way back: drop the index.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(op.f("ix_idempotency_instant"), "idempotency", ["instant"], unique=False)
