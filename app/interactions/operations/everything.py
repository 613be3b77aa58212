"""``Patient/$everything``: all current resources of one person that the requester may see, in the order of change.

Resources of the shared directory that the record refers to are not repeated here: they can be read by their reference.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html, https://hl7.org/fhir/STU3/patient-operations.html#everything
"""

from collections.abc import Sequence

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import BadRequestError, NotFoundError
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.placement import record_of_patient
from app.store.resources import Stored, read_everything

EVERYTHING_MAX = 100_000


async def everything(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    patient_id: str | None,
    *,
    after: int = 0,
    count: int | None = None,
) -> tuple[list[Stored], int | None]:
    """Return the resources last changed after ``after``, and where to go on (None: that was all).

    ``patient_id`` None is the one person whose record the requester has. Raises: NotFoundError, BadRequestError.
    """

    async def action(scope: AccessScope) -> tuple[tuple[list[Stored], int | None], Sequence[Touched]]:
        access = await person(context, scope, release, patient_id)
        limit = EVERYTHING_MAX if count is None else count
        found = await read_everything(context.database.reader, access, release, after=after, limit=limit + 1)
        page = found[:limit]
        following = page[-1].seq if len(found) > limit and page else None
        return (page, following), (Touched(access.record_id, access.reason, len(page)),)

    deed = Deed("operation-everything", release, "Patient", patient_id or "")
    return await context.gate.look(requester, trace, Wish(Action.READ), deed, action)


async def person(context: Context, scope: AccessScope, release: Release, patient_id: str | None) -> RecordAccess:
    """Return the access to the record of one person.

    Raises: NotFoundError (unknown and not granted alike), BadRequestError (nobody named, and more than one possible).
    """
    if patient_id is None:
        if len(scope.personal) == 1:
            return scope.personal[0]
        message = "Name the patient: Patient/[id]/$everything."
        raise BadRequestError(message)
    record_id = await record_of_patient(context.database.reader, release, patient_id)
    access = scope.of(record_id) if record_id not in (None, DIRECTORY) and record_id is not None else None
    if access is None:
        message = f"Patient/{patient_id} is not known."
        raise NotFoundError(message, about=() if record_id is None else (record_id,))
    return access
