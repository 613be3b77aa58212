"""Erasing a record: every row of it goes, its log of changes too."""

from sqlalchemy import BindParameter, bindparam, delete, select

from app.access.scope import DIRECTORY
from app.db.database import Transaction
from app.db.dialects import holds
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

_of_record: BindParameter[int] = bindparam("record_id")
_KEYS = hot(select(current.c.release, current.c.type, current.c.id).where(current.c.record_id == _of_record))
_UNLOCATE = hot(
    delete(locator).where(*(column == bindparam(f"{column.name}_") for column in locator.primary_key.columns))
)
# What practices and operators were answered is kept with the directory, and names the records it was about.
_FORGET_ANSWERS = hot(
    delete(idempotency).where(idempotency.c.record_id == DIRECTORY, holds(idempotency.c.answer, "named"))
)
_ERASE = [
    hot(delete(table).where(table.c.record_id == _of_record))
    for table in (exact_index, date_index, quantity_index, text_index, idempotency, misfit, current, change, record)
]


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many rows were removed: all that the store has of a record."""
    values = {"record_id": record_id}
    # The locator is not kept by record: its rows are found through the ids that the record has, one by one.
    keys = [tuple(row) for row in await transaction.all(_KEYS, values)]
    keys += [
        (release.value, "Patient", known) for release, known in (await patients_of(transaction, record_id)).items()
    ]
    removed = await transaction.run_many(
        _UNLOCATE,
        [{"release_": key[0], "type_": key[1], "id_": key[2], "record_id_": record_id} for key in keys],
    )
    removed += await transaction.run(_FORGET_ANSWERS, {"named": f'["version",{record_id},'.encode()})
    for statement in _ERASE:
        removed += await transaction.run(statement, values)
    return removed
