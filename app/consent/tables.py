"""The table of grants; instants are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from app.db.metadata import metadata

access_grant = Table(
    "access_grant",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("grant_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("grantee", Text, nullable=False),
    Column("grantee_id", Text, nullable=False),
    Column("categories", Integer, nullable=False),
    Column("actions", Integer, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    # What a practice may see is asked with each of its requests; grants that are over are left out by the range.
    Index(None, "grantee", "grantee_id", "ends_at"),
)
