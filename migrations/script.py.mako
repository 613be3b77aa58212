"""${message}

Step:      expand | move | contract, and which of how many.
Runs with: the code of which releases, before and after.
Locks:     what, and for how long; lock_timeout 4 s, then it fails and can be run again.
Tried on:  SQLite and PostgreSQL, holding data of which release.   Way back: how.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
