"""Measurements and lines of a diary that a person types: added exactly once, corrected, taken back.

The pages and the form that works offline both end here. The Observations are of the release that the record's Patient is in;
of STU3 where both are, since the Dutch self-measurements are published for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.requester import Requester
from app.audit.events import Trace
from app.db.database import Transaction
from app.errors import AccessDeniedError, PreconditionFailedError, UnprocessableError
from app.fhir.diary import DiaryEntry, diary_amended, diary_observation
from app.fhir.elements import Tree
from app.fhir.release import Release
from app.fhir.self_measured import Measured, amended, is_own, observation, taken_back
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.interactions.conditions import NO_CONDITIONS, Conditions
from app.interactions.context import Context, Stored
from app.interactions.gate import Decide, Deed
from app.interactions.read import read
from app.interactions.repeat import request_hash
from app.interactions.single import update, write_once
from app.interactions.write import Changes
from app.interactions.written import Written
from app.store.changes import patients_of

OBSERVATION = "Observation"
Typed = Measured | DiaryEntry
"""What a person types."""


async def add_measurements(
    context: Context, requester: Requester, trace: Trace, measured: Sequence[Typed], key: str
) -> list[Written]:
    """Return the new Observations, which are written together; with a ``key`` that came before, those of the first time.

    Raises: DuplicateError (that key came with other values), AccessDeniedError, UnprocessableError (the record has no Patient).
    """

    async def act(transaction: Transaction, decide: Decide) -> list[Written]:
        release, patient_id = await _patient(transaction, requester)
        changes = Changes(context, transaction, requester, trace, release, decide)
        written = [
            await changes.create(
                changes.sound(parse(release, encode_tree(_new(one, release, patient_id)))),
                NO_CONDITIONS,
                location=OBSERVATION,
            )
            for one in measured
        ]
        await changes.finish()
        return written

    digest = request_hash("add measurements", *(repr(one) for one in measured))
    return await write_once(context, requester, trace, Deed("create", None, OBSERVATION), act, key, digest)


@dataclass(frozen=True, slots=True)
class Change:
    """What a version of an Observation becomes: what is right, or (``measured`` None) taken back."""

    release: Release
    resource_id: str
    version: int
    measured: Typed | None


async def change_measurement(context: Context, requester: Requester, trace: Trace, change: Change) -> Written:
    """Return the new version of an Observation that its person corrects or takes back.

    Raises: PreconditionFailedError (the version is not the one that stands), AccessDeniedError (somebody else measured it,
    or nothing allows the requester to change it), NotFoundError, GoneError.
    """
    key = (change.release, OBSERVATION, change.resource_id)
    standing = await read(context, requester, trace, *key)
    if standing.version != change.version:
        raise PreconditionFailedError("This measurement was changed in the meantime.")
    body = encode_tree(_changed(standing, change.measured))
    conditions = Conditions(if_match=f'W/"{change.version}"')
    return await update(context, requester, trace, *key, body, conditions=conditions)


def _new(typed: Typed, release: Release, patient_id: str) -> Tree:
    if isinstance(typed, DiaryEntry):
        return diary_observation(typed, release, patient_id)
    return observation(typed, release, patient_id)


def _changed(standing: Stored, measured: Typed | None) -> Tree:
    tree = standing.tree()
    if not is_own(tree):
        raise AccessDeniedError("Who did not measure this can't change it.")
    if measured is None:
        return taken_back(tree)
    if isinstance(measured, DiaryEntry):
        return diary_amended(tree, measured, standing.release)
    return amended(tree, measured, standing.release)


async def _patient(transaction: Transaction, requester: Requester) -> tuple[Release, str]:
    if requester.record_id is None:
        raise AccessDeniedError("Measurements are typed into the record of one person.")
    patients = await patients_of(transaction, requester.record_id)
    for release in (Release.STU3, Release.R4):
        if release in patients:
            return release, patients[release]
    raise UnprocessableError("The record has no Patient.")
