"""Erasing a record: every row of it goes, its log of changes too."""

from sqlalchemy import BindParameter, bindparam, delete, func, or_, select, tuple_

from app.access.scope import DIRECTORY
from app.db.database import Transaction
from app.db.statements import hot
from app.store.tables import (
    change,
    current,
    date_index,
    exact_index,
    idempotency,
    locator,
    quantity_index,
    record,
    text_index,
)

_of_record: BindParameter[int] = bindparam("record_id")
# The locator is not kept by record: its rows are found through the ids that the record has.
_UNLOCATE = hot(
    delete(locator).where(
        locator.c.record_id == _of_record,
        tuple_(locator.c.release, locator.c.type, locator.c.id).in_(
            select(current.c.release, current.c.type, current.c.id).where(current.c.record_id == _of_record)
        ),
    )
)
_UNLOCATE_PATIENTS = hot(
    delete(locator).where(
        locator.c.record_id == _of_record,
        locator.c.type == "Patient",
        or_(
            locator.c.id == select(record.c.patient_stu3).where(record.c.record_id == _of_record).scalar_subquery(),
            locator.c.id == select(record.c.patient_r4).where(record.c.record_id == _of_record).scalar_subquery(),
        ),
    )
)
# What practices and operators were answered is kept with the directory, and names the records it was about.
_FORGET_ANSWERS = hot(
    delete(idempotency).where(
        idempotency.c.record_id == DIRECTORY, func.instr(idempotency.c.answer, bindparam("named")) > 0
    )
)
_ERASE = [
    hot(delete(table).where(table.c.record_id == _of_record))
    for table in (exact_index, date_index, quantity_index, text_index, idempotency, current, change, record)
]


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many rows were removed: all that the store has of a record."""
    values = {"record_id": record_id}
    removed = await transaction.run(_UNLOCATE, values) + await transaction.run(_UNLOCATE_PATIENTS, values)
    removed += await transaction.run(_FORGET_ANSWERS, {"named": f'["version",{record_id},'.encode()})
    for statement in _ERASE:
        removed += await transaction.run(statement, values)
    return removed
