"""Putting a record back as it was: every change under its own number, with its hash and its bytes.

Who calls this has checked the chain and each resource. The index is made afterwards, by ``reindex.py``: until then a search
of the record is refused, and what it has is read by its id.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from sqlalchemy import bindparam, select, update

from app.db.database import Reader, Transaction
from app.db.rows import adding
from app.db.statements import hot
from app.fhir.release import Release
from app.store.bodies import encode
from app.store.changes import open_record, set_patient
from app.store.ids import record_in
from app.store.rules import Rules, current_rules, mark
from app.store.tables import change, current, locator, misfit, record

AT_ONCE = 500

_CHANGE = adding(change)
_CURRENT = adding(current)
_LOCATE = adding(locator)
_MISFIT = adding(misfit)
_HEAD = hot(
    update(record)
    .where(record.c.record_id == bindparam("of_record"))
    .values(seq=bindparam("new_seq"), hash=bindparam("new_hash"), instant=bindparam("new_instant"))
)
_HASH = hot(select(change.c.hash).where(change.c.record_id == bindparam("record_id"), change.c.seq == bindparam("seq")))
_OTHERS = hot(
    select(change.c.seq).where(change.c.record_id == bindparam("record_id"), change.c.type != "Patient").limit(1)
)


class Kept(NamedTuple):
    """A change as it is put back: the columns of its row but the record, and what its resource breaks, if it stands."""

    seq: int
    release: int
    resource_type: str
    id: str
    version: int
    previous: int
    operation: str
    instant: int
    actor: str
    client: str
    categories: int
    hash: bytes
    body: bytes
    misfit: bytes | None


async def hash_at(reader: Reader, record_id: int, seq: int) -> bytes | None:
    """Return the hash of a change, None if the record does not get that far, or is not there."""
    row = await reader.one(_HASH, {"record_id": record_id, "seq": seq})
    return row[0] if row else None


async def has_only_its_person(reader: Reader, record_id: int) -> bool:
    """Return whether nothing was ever written to a record but the Patient itself."""
    return await reader.one(_OTHERS, {"record_id": record_id}) is None


async def restore(
    transaction: Transaction, record_id: int, time_zone: str, patients: dict[Release, str], changes: Iterable[Kept]
) -> None:
    """Make a record of its changes, which come in order; its index lacks everything."""
    await open_record(transaction, record_id, time_zone)
    for release, patient in patients.items():
        await set_patient(transaction, record_id, release, patient, chosen=record_in(patient) is None)
    standing: dict[tuple[int, str, str], tuple[int, bool, int]] = {}
    head = {"of_record": record_id, "new_seq": 0, "new_hash": bytes(32), "new_instant": 0}
    for group in _groups(changes):
        rows = [(record_id, *one[:-2], encode(one.body)) for one in group]
        misfits = [(record_id, one.seq, one.misfit) for one in group if one.misfit]
        await transaction.change_rows((_CHANGE, rows), (_MISFIT, misfits))
        for one in group:
            key = (one.release, one.resource_type, one.id)
            standing[key] = (one.seq, one.operation == "delete", one.categories)
        head |= {"new_seq": group[-1].seq, "new_hash": group[-1].hash, "new_instant": group[-1].instant}
    known = {(release.value, "Patient", patient) for release, patient in patients.items()}
    chosen = [(*key, record_id) for key in standing if record_in(key[2]) is None and key not in known]
    newest = [(record_id, *key, *what) for key, what in standing.items()]
    await transaction.change_rows((_CURRENT, newest), (_LOCATE, chosen))
    await transaction.run(_HEAD, head)
    await mark(transaction, record_id, Rules.made_of(()), current_rules().version)


def _groups(changes: Iterable[Kept]) -> Iterator[list[Kept]]:
    rest = iter(changes)
    while group := list(islice(rest, AT_ONCE)):
        yield group
