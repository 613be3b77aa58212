"""The tables of what must still be delivered, and of bulk exports; instants are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text, text

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

bulk_export = Table(
    "bulk_export",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("release", SmallInteger, nullable=False),
    Column("request", Text, nullable=False),
    Column("with_directory", Boolean, nullable=False),
    Column("types", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("instant", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
    Column("looked", BigInteger, nullable=False),
    Column("is_ready", Boolean, nullable=False),
    Column("parts", LargeBinary, nullable=False),
    Column("narrowing", Text, nullable=False, server_default=text("''")),
    sqlite_with_rowid=False,
)
