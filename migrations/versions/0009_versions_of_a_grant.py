"""Add access_grant.version to the key: a changed grant keeps its id, so that tokens and references to it stay good.

Step:      expand, 1 of 1. Each grant that is there is its own first version; the table is made anew, as its key changes.
Runs with: the code of this release only, older code doesn't know the column.
Locks:     access_grant while it is copied.
Tried on:  SQLite, with data of 0.1; PostgreSQL, empty.   Way back: none once a grant was changed; before that, copy the table back.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_COLUMNS = (
    "record_id, grant_id, grantee, grantee_id, categories, actions, starts_at, ends_at, purpose, given_at, withdrawn_at"
)


def upgrade() -> None:
    op.drop_index(op.f("ix_access_grant_grantee_grantee_id_ends_at"), "access_grant")
    op.rename_table("access_grant", "access_grant_before")
    if op.get_context().dialect.name == "postgresql":  # where a key keeps its name, which is the new one's too
        op.execute("ALTER TABLE access_grant_before RENAME CONSTRAINT pk_access_grant TO pk_access_grant_before")
    op.create_table(
        "access_grant",
        sa.Column("record_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("grantee", sa.Text(), nullable=False),
        sa.Column("grantee_id", sa.Text(), nullable=False),
        sa.Column("categories", sa.Integer(), nullable=False),
        sa.Column("actions", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", "grant_id", "version", name=op.f("pk_access_grant")),
    )
    op.execute(
        f"INSERT INTO access_grant ({_COLUMNS}, version) SELECT {_COLUMNS}, 1 FROM access_grant_before"  # noqa: S608
    )
    op.drop_table("access_grant_before")
    op.create_index(
        op.f("ix_access_grant_grantee_grantee_id_ends_at"),
        "access_grant",
        ["grantee", "grantee_id", "ends_at"],
        unique=False,
    )
