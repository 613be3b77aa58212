"""Add access_version, and the triggers that raise it with every change to what decides about access.

Step:      expand, 1 of 1.
Runs with: the code of 0.1, which does not know it; what that changes raises it too.
Locks:     access_grant, client, record, staff and token for a moment.
Tried on:  SQLite and PostgreSQL, with data of 0.1.   Way back: drop the triggers and the table.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

CAUSES = (
    ("access_grant", "INSERT"),
    ("access_grant", "UPDATE"),
    ("access_grant", "DELETE"),
    ("client", "UPDATE"),
    ("client", "DELETE"),
    ("record", "UPDATE OF status"),
    ("record", "DELETE"),
    ("staff", "INSERT"),
    ("staff", "UPDATE"),
    ("staff", "DELETE"),
    ("token", "UPDATE OF revoked_at"),
    ("token", "DELETE"),
)
RAISE = "UPDATE access_version SET version = version + 1 WHERE number = 1"


def upgrade() -> None:
    table = op.create_table(
        "access_version",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_access_version")),
    )
    op.bulk_insert(table, [{"number": 1, "version": 1}])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        op.execute(
            "CREATE FUNCTION raise_access_version() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {RAISE}; RETURN NULL; END $$"
        )
    for name, cause in CAUSES:
        called = f"access_{name}_{cause.partition(' ')[0].lower()}"
        body = "FOR EACH STATEMENT EXECUTE FUNCTION raise_access_version()" if is_postgresql else f"BEGIN {RAISE}; END"
        op.execute(f"CREATE TRIGGER {called} AFTER {cause} ON {name} {body}")
