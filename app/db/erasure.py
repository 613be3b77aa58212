"""Erasing: every row that names somebody in a column, in whichever table it is.

The tables are gone through, not listed: one that is added later is erased too. One whose rows are not removed in this way says
why, in its ``info``.
"""

from collections import Counter
from functools import cache

from sqlalchemy import bindparam, delete

from app.db.database import Transaction
from app.db.metadata import metadata
from app.db.statements import Statement, hot

APART = "not erased by its column"
"""The key of ``Table.info`` under which a table says why its rows stay, or how else they are found."""


@cache
def _statements(column: str) -> dict[str, Statement]:
    """Return the statement for each table that has the column; asked for when all tables are known."""
    return {
        table.name: hot(delete(table).where(table.c[column] == bindparam("value")))
        for table in metadata.sorted_tables
        if column in table.c and APART not in table.info
    }


async def erase_rows(
    transaction: Transaction,
    column: str,
    value: int | str,
    among: frozenset[str] | None = None,
    but: frozenset[str] = frozenset(),
) -> Counter[str]:
    """Return how many rows were removed of each table: all that have ``value`` in a column of this name.

    ``among`` are the names of the tables that are looked at (None: all), ``but`` of those that are left alone.
    """
    removed: Counter[str] = Counter()
    for table, statement in _statements(column).items():
        if (among is None or table in among) and table not in but:
            removed[table] = await transaction.run(statement, {"value": value})
    return +removed
