"""The record of a person as such: made, found by its Patient, and which Patients it has. For commands and sign-up."""

from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.placement import record_of_patient
from app.store.changes import open_record, patients_of, record_exists


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
