"""Erasing a record: every row of it goes, its log of changes too."""

from collections import Counter

from sqlalchemy import BindParameter, bindparam, delete, false, func, select

from app.access.scope import DIRECTORY
from app.db.database import Reader, Transaction
from app.db.dialects import holds
from app.db.erasure import erase_rows
from app.db.rows import removing
from app.db.statements import hot
from app.store.changes import patients_of
from app.store.tables import (
    change,
    current,
    date_index,
    exact_index,
    idempotency,
    locator,
    misfit,
    quantity_index,
    record,
    text_index,
)

_OWN = frozenset(
    table.name
    for table in (exact_index, date_index, quantity_index, text_index, idempotency, misfit, current, change, record)
)

_of_record: BindParameter[int] = bindparam("record_id")
_KEYS = hot(select(current.c.release, current.c.type, current.c.id).where(current.c.record_id == _of_record))
_BY_TYPE = hot(
    select(current.c.type, func.count())
    .where(current.c.record_id == _of_record, current.c.deleted == false())
    .group_by(current.c.type)
    .order_by(current.c.type)
)
_UNLOCATE = removing(locator)
# What practices and operators were answered is kept with the directory, and names the records it was about.
_FORGET_ANSWERS = hot(
    delete(idempotency).where(idempotency.c.record_id == DIRECTORY, holds(idempotency.c.answer, "named"))
)


async def resources_by_type(reader: Reader, record_id: int) -> dict[str, int]:
    """Return how many resources a record has of each type, in both releases, without those that were deleted."""
    return dict(await reader.all(_BY_TYPE, {"record_id": record_id}))


async def erase(transaction: Transaction, record_id: int) -> Counter[str]:
    """Return how many rows were removed of each table: all that the store has of a record, and answers that name it."""
    # The locator's key does not begin with the record: its rows are found through the ids that the record has, one by one.
    keys = [tuple(row) for row in await transaction.all(_KEYS, {"record_id": record_id})]
    keys += [
        (release.value, "Patient", known) for release, known in (await patients_of(transaction, record_id)).items()
    ]
    removed: Counter[str] = Counter()
    (removed["locator"],) = await transaction.change_rows((_UNLOCATE, [(*key, record_id) for key in keys]))
    removed["idempotency"] = await transaction.run(_FORGET_ANSWERS, {"named": f'["version",{record_id},'.encode()})
    return removed + await erase_rows(transaction, "record_id", record_id, _OWN)
