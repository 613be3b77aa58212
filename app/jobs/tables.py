"""The table of what must still be delivered; instants are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from app.db.metadata import metadata

outbox = Table(
    "outbox",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index(None, "due"),
    sqlite_with_rowid=False,
)
