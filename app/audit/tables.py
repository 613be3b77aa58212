"""Tables of the audit log: the chained events, the head of each stream, signed checkpoints, the keys that signed them, and cuts."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text

from app.db.erasure import APART
from app.db.metadata import metadata

audit = Table(
    "audit",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("record_id", BigInteger, nullable=False),
    Column("instant", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_audit_record_id", "record_id", "instant", "n"),
    info={APART: "who did what is kept for as long as the log is (docs/audit.md)"},
    sqlite_with_rowid=False,
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("instant", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
    sqlite_with_rowid=False,
)

audit_key = Table(
    "audit_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("endorsement", LargeBinary(64), nullable=False),
)

audit_cut = Table(
    "audit_cut",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("instant", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)
"""Up to ``n`` the entries were taken out because they were older than they are kept; ``hash`` is that of entry ``n``."""

audit_own_cut = Table(
    "audit_own_cut",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    info={APART: "the numbers of a record's entries go on"},
)
"""The last entry about a record that was taken out: what the next one follows."""

audit_watched = Table(
    "audit_watched",
    metadata,
    Column("stream", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)
"""Up to which entry it was looked whether something stands out."""

audit_alert = Table(
    "audit_alert",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sign", Text, primary_key=True),
    Column("is_off", Boolean, nullable=False),
    Column("told_at", BigInteger, nullable=False),
)
"""For each kind of sign: whether its person wants no mail, and when one was last sent, in microseconds UTC."""

audit_earlier = Table(
    "audit_earlier",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("lines", LargeBinary, nullable=False),
)
"""Logs about a record from where it was before, as sealed lines, in parts."""
