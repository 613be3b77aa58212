"""Add known_device, account.mail, mail_code and reset_link: browsers known from before, and mail about logging in.

Step:      expand, 1 of 1. A login that is a mail address is where mail goes, as before. No device is known at first: the next
           login from each is told to its person.
Runs with: the code of 0.1, which knows none of it.
Locks:     account for a moment.
Tried on:  SQLite, with data of 0.1.   Way back: drop the tables and the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "known_device",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("device_hash", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "device_hash", name=op.f("pk_known_device")),
    )
    op.create_index(op.f("ix_known_device_last_seen_at"), "known_device", ["last_seen_at"])
    op.add_column("account", sa.Column("mail", sa.Text(), nullable=True))
    op.execute("UPDATE account SET mail = login WHERE login LIKE '%@%'")
    op.create_table(
        "mail_code",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("mail", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_mail_code")),
    )
    op.create_index(op.f("ix_mail_code_expires_at"), "mail_code", ["expires_at"])
    op.create_table(
        "reset_link",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_reset_link")),
    )
    for name in ("account_id", "expires_at"):
        op.create_index(op.f(f"ix_reset_link_{name}"), "reset_link", [name])
