"""The record of a person as such: made, found by its Patient, and which Patients it has. For commands and sign-up."""

import msgspec

from app.access.policy import Wish, decide
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.access.smart_scope import SmartScopes
from app.audit.events import Trace
from app.db.database import Transaction
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.interactions.conditions import NO_CONDITIONS
from app.interactions.context import Context
from app.interactions.gate import Deed
from app.interactions.placement import record_of_patient
from app.interactions.write import Changes
from app.interactions.written import wrote
from app.store.changes import open_record, patients_of, record_exists
from app.store.ids import new_record_id

_OWN = SmartScopes.of("user/*.cruds")


async def new_person(context: Context, transaction: Transaction, name: str, *, made_by: str = "") -> int:
    """Return the number of a new record with the person's Patient in each release, made in the caller's transaction.

    ``made_by`` is the name of the operator who made it, empty for a person who signs up.
    """
    record_id = new_record_id()
    await open_record(transaction, record_id, context.time_zone.key)
    actor = "operator" if made_by else "person"
    requester = Requester(RequesterKind.PERSON, actor, made_by or name, _OWN, record_id=record_id)

    async def decided(wish: Wish) -> AccessScope:
        return decide(requester, wish, (), context.clock())

    body = msgspec.json.encode({"resourceType": "Patient", "active": True, "name": [{"text": name}]})
    for release in Release:
        changes = Changes(context, transaction, requester, Trace.EMPTY, release, decided)
        written = await changes.create(changes.sound(parse(release, body)), NO_CONDITIONS, location="Patient")
        await changes.finish()
        event = wrote(requester, Trace.EMPTY, Deed("create", release, "Patient"), written)
        await context.gate.audit.record(transaction, event)
    return record_id


async def ensure_record(context: Context, record_id: int) -> None:
    """Make an empty record with this number, unless it is there."""

    async def job(transaction: Transaction) -> None:
        if not await record_exists(transaction, record_id):
            await open_record(transaction, record_id, context.time_zone.key)

    await context.database.write(job)


async def patients_in(context: Context, record_id: int) -> dict[Release, str]:
    """Return the ids of the record's Patients, per release."""
    return await patients_of(context.database.reader, record_id)


async def record_with_patient(context: Context, release: Release, patient_id: str) -> int | None:
    """Return the record that a Patient is of, None if there is none."""
    return await record_of_patient(context.database.reader, release, patient_id)
