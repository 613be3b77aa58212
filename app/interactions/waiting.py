"""What an operator sent before it was said whose it is: it waits in a record of its own, which nobody else sees.

The fixtures and exports that are imported come in the order of their files, so that a Binary is often sent before the
DocumentReference whose file it is. A record in which something waits has no Patient; as soon as a resource of a person
refers to what is in it, all of it moves to that person's record, and the empty one is removed.
"""

from functools import partial
from typing import Any

from app.access.categories import ALL_PARTS
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY, RecordAccess
from app.db.database import Reader, Transaction
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.sound import named_patients
from app.store.changes import patients_of
from app.store.erase import erase
from app.store.everything import read_everything
from app.store.resources import Stored, records_with

_TOGETHER = 1_000
"""How many resources may wait for the same person's resource."""


async def waits_in(reader: Reader, release: Release, names: tuple[tuple[str, str], ...], record_id: int) -> set[int]:
    """Return the records in which one of ``names``, as (type, id), waits; ``record_id`` is not among them."""
    known = {one for name in names for one in await records_with(reader, release, *name)} - {DIRECTORY, record_id}
    return {one for one in known if not await patients_of(reader, one)}


async def is_placed(
    context: Context, reader: Reader, requester: Requester, before: Stored, tree: dict[str, Any]
) -> bool:
    """Return whether ``tree`` says whose it is of what waits, or waited before it was deleted."""
    if requester.kind is not RequesterKind.OPERATOR or before.record_id == DIRECTORY:
        return False
    local = partial(context.local, before.release)
    is_named = named_patients(local, before.release, before.resource_type, tree)
    return bool(is_named) and not await patients_of(reader, before.record_id)


async def take_out(transaction: Transaction, release: Release, record_id: int) -> list[Stored]:
    """Return what waits in this record, which is removed with all that it holds."""
    whole = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "operator")
    found = [one async for one in read_everything(transaction, whole, release, after=0, limit=_TOGETHER)]
    await erase(transaction, record_id)
    return found
