"""The tables of grants, of invitations to help and of requests for access; instants are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from app.db.erasure import APART
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
    # Of what is given to a person: as what they act, for whom, and what the law's end is reckoned from.
    Column("capacity", Text),
    Column("represented", Text),
    Column("powers", Integer),
    Column("birth_date", Text),
    Column("time_zone", Text),
    Column("agreed_at", BigInteger),
    # The grant of the representative who gave this one.
    Column("rests_on", Text),
    # What a practice may see is asked with each of its requests; grants that are over are left out by the range.
    Index(None, "grantee", "grantee_id", "ends_at"),
)

helper_invitation = Table(
    "helper_invitation",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("record_id", BigInteger, nullable=False),
    Column("represented", Text, nullable=False),
    Column("called", Text, nullable=False),
    Column("categories", Integer, nullable=False),
    Column("actions", Integer, nullable=False),
    Column("powers", Integer, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "record_id"),
)
"""Invitations that wait for the person who is to help; ``called`` is what the one who invites calls them."""

access_request = Table(
    "access_request",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", Text, primary_key=True),
    Column("practice_id", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("categories", Integer, nullable=False),
    Column("actions", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("waits_until", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),
    Column("answered_at", BigInteger),
    Column("grant_id", Text, nullable=False),
    Column("closed_until", BigInteger),
    # A practice reads its own requests, and how many it made in the last hour is counted with each.
    Index(None, "practice_id", "asked_at"),
    info={APART: "what a practice asked stays its own, about nobody: requests.erase"},
)

access_code = Table(
    "access_code",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "code_hash", unique=True),
)
