"""A record with a quarter of a million values of glucose: a few thousand are imported, and their rows then copied back in time.

The copies have all rows of an index, each a body (with the id of its original in it), and the hash of their original: the chain of the
record does not hold.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Table, bindparam, func, insert, literal, select, update

from app.db.database import Transaction
from app.db.statements import Statement, hot
from app.store.tables import change, current, date_index, exact_index, quantity_index, record
from app.wiring import Parts
from tests.support.importing import imported
from tests.support.large import glucose

COPIED = (change, current, date_index, exact_index, quantity_index)
STEP = timedelta(minutes=2)
"""Between two values: a quarter of a million of them are most of a year."""


def _copy(table: Table) -> Statement:
    """Return the statement that copies the rows of the changes from number ``first`` on to others, earlier by ``back`` microseconds."""
    moved = {
        "seq": table.c.seq + bindparam("shift"),
        "id": table.c.get("id", literal("")) + "-" + bindparam("name"),
        "low": table.c.get("low", literal(0)) - bindparam("back"),
        "high": table.c.get("high", literal(0)) - bindparam("back"),
    }
    stays = {"low", "high"} if table is quantity_index else set()
    columns = [moved[one.name] if one.name in moved.keys() - stays else one for one in table.c]
    rows = select(*columns).where(table.c.record_id == bindparam("record_id"))
    rows = rows.where(table.c.seq.between(bindparam("first"), bindparam("last")))
    return hot(insert(table).from_select([one.name for one in table.c], rows))


_COPIES = [_copy(table) for table in COPIED]
_LAST = hot(select(func.max(change.c.seq)).where(change.c.record_id == bindparam("record_id")))
_MOVE_HEAD = hot(update(record).where(record.c.record_id == bindparam("of_record")).values(seq=bindparam("last")))


async def measured_for_long(
    parts: Parts, record_id: int, patient: str, values: Sequence[float], times: int, end: datetime
) -> None:
    """Put ``values`` into a record that belongs to ``patient``, ``times`` times one after the other, each ``STEP`` apart, until ``end``."""
    reader = parts.database.reader
    ((before,),) = await reader.all(_LAST, {"record_id": record_id})
    length = len(values)
    bodies = [glucose(patient, end - STEP * (length - place), value) for place, value in enumerate(values, 1)]
    assert (await imported(parts, bodies)).counts == (length, 0, 0)
    ((last,),) = await reader.all(_LAST, {"record_id": record_id})
    own = {"record_id": record_id, "first": before + 1, "last": last}
    back = STEP // timedelta(microseconds=1) * length

    async def copy(transaction: Transaction) -> None:
        for n in range(1, times):
            for statement in _COPIES:
                moved = {"shift": n * (last - before), "name": str(n), "back": n * back}
                await transaction.run(statement, own | moved)
        await transaction.run(_MOVE_HEAD, {"of_record": record_id, "last": last + (times - 1) * (last - before)})

    await parts.database.write(copy)
