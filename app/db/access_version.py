"""A number that is raised with every change to what decides about access, in whichever process it is made.

Triggers raise it, in the transaction of the change (migration 0025): nothing that changes these tables gets past them (on Citus,
where such tables have none, what this program changes raises it). Who
remembers what was in them keeps the number from before it was read; as long as it is the same, so is what was read.
"""

import re
from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Integer, Table

from app.db.metadata import metadata

access_version = Table(
    "access_version",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row, number 1."""

CAUSES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "access_grant": {"INSERT": (), "UPDATE": (), "DELETE": ()},
    "client": {"UPDATE": (), "DELETE": ()},
    "record": {"UPDATE": ("status",), "DELETE": ()},
    "staff": {"INSERT": (), "UPDATE": (), "DELETE": ()},
    "token": {"UPDATE": ("revoked_at",), "DELETE": ()},
}
"""What raises it: tables, what is done to them, and the columns that it is done to (none named: to any).

What is not there is never remembered, so that a new token or record changes nothing that was. Of a token nothing is altered
but that it is revoked, or was used to refresh; of a record, ``status`` says whether it is there.
"""

RAISE = "UPDATE access_version SET version = version + 1 WHERE number = 1"
"""What the triggers do; a transaction does it itself where tables can't have any (``citus.py``)."""

_CHANGED = re.compile(
    r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)\"?(?:\s+SET\s+(.*?)(?=\s(?:WHERE|FROM)\s|$))?", re.DOTALL
)
_SET = re.compile(r"(?:^|,)\s*\"?(\w+)\"?\s*=")


def raises_version(text: str) -> bool:
    """Return whether a statement, as SQL, is one that raises the version; one that might do so counts."""
    for kind, table, values in _CHANGED.findall(text):
        causes = CAUSES.get(table, {})
        if "ON CONFLICT" in text and table in CAUSES:
            return True
        columns = causes.get(kind.partition(" ")[0])
        if columns is not None and (not columns or {*columns} & {*_SET.findall(values)}):
            return True
    return False
