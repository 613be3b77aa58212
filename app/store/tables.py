"""Tables of the record. Each primary key starts with ``record_id``: a person's data is one range, on one node.

Two are not about one person: ``locator`` answers where a chosen id is, ``index_rules`` what a version of the index means.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, SmallInteger, Table, Text, text

from app.db.erasure import APART
from app.db.metadata import metadata


def _record_id() -> Column[int]:
    return Column("record_id", BigInteger, primary_key=True, autoincrement=False)


def _key(name: str, kind: type[BigInteger | Integer | Text | Float[float] | SmallInteger]) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


record = Table(
    "record",
    metadata,
    _record_id(),
    Column("status", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("instant", BigInteger, nullable=False),
    Column("patient_stu3", Text),
    Column("patient_r4", Text),
    Column("index_version", BigInteger, nullable=False, server_default=text("0")),
    Column("index_target", BigInteger, nullable=False, server_default=text("0")),
)

index_rules = Table(
    "index_rules",
    metadata,
    _key("version", BigInteger),
    Column("rules", LargeBinary, nullable=False),
)

change = Table(
    "change",
    metadata,
    _record_id(),
    _key("seq", BigInteger),
    Column("release", SmallInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("instant", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("categories", Integer, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    # With a rowid, unlike the others: without one SQLite keeps a quarter of a page of each row and gives the rest a page of
    # its own (4.5 kB per resource instead of 3.3). On SQLite the key is one range then, and bodies lie as they were written.
)

current = Table(
    "current",
    metadata,
    _record_id(),
    _key("release", SmallInteger),
    _key("type", Text),
    _key("id", Text),
    Column("seq", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("categories", Integer, nullable=False),
    sqlite_with_rowid=False,
)

exact_index = Table(
    "exact_index",
    metadata,
    _record_id(),
    _key("param", Integer),
    _key("hash", BigInteger),
    _key("seq", BigInteger),
    _key("system_hash", BigInteger),
    sqlite_with_rowid=False,
)

date_index = Table(
    "date_index",
    metadata,
    _record_id(),
    _key("param", Integer),
    _key("low", BigInteger),
    _key("high", BigInteger),
    _key("seq", BigInteger),
    sqlite_with_rowid=False,
)

quantity_index = Table(
    "quantity_index",
    metadata,
    _record_id(),
    _key("param", Integer),
    _key("low", Float),
    _key("high", Float),
    _key("seq", BigInteger),
    _key("code_hash", BigInteger),
    _key("system_code_hash", BigInteger),
    sqlite_with_rowid=False,
)

text_index = Table(
    "text_index",
    metadata,
    _record_id(),
    _key("param", Integer),
    _key("value", Text),
    _key("seq", BigInteger),
    sqlite_with_rowid=False,
)

misfit = Table(
    "misfit",
    metadata,
    _record_id(),
    _key("seq", BigInteger),
    Column("issues", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

locator = Table(
    "locator",
    metadata,
    _key("release", SmallInteger),
    _key("type", Text),
    _key("id", Text),
    _key("record_id", BigInteger),
    info={APART: "the key does not begin with the record: rows are found by the ids that the record has"},
    sqlite_with_rowid=False,
)

idempotency = Table(
    "idempotency",
    metadata,
    _record_id(),
    _key("client", Text),
    _key("key", Text),
    Column("request_hash", LargeBinary(32), nullable=False),
    Column("instant", BigInteger, nullable=False, index=True),
    Column("answer", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
