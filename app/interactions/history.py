"""FHIR history: of one resource, of a type, of all of a record; newest first, deletions too.

Of a type or of everything it is the history of one person's record, as ``$delta`` is: who may see several names the patient.
What is hidden now is hidden in all its versions, and a version that was sensitive stays so.

Spec: https://hl7.org/fhir/R4/http.html#history, https://hl7.org/fhir/STU3/http.html#history
"""

from collections.abc import Sequence

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import NotFoundError
from app.fhir.release import Release
from app.interactions.consents import holding
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import person
from app.interactions.read import touched_by, versions
from app.store.history import HistoryWindow, read_history
from app.store.resources import SEQ_MAX, Stored

__all__ = ["SEQ_MAX", "HistoryWindow", "history_of_many", "history_of_one"]

Versions = tuple[list[Stored], bool]


async def history_of_one(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    *,
    window: HistoryWindow,
    count: int,
) -> Versions:
    """Return the versions of a resource in the window, and whether there are more.

    Raises: NotFoundError, when it has none at all.
    """

    async def action(scope: AccessScope) -> tuple[Versions, Sequence[Touched]]:
        held = await holding(context, requester, scope, release, resource_type, resource_id)
        page, more = await versions(held, scope, release, resource_type, resource_id, window, count)
        if not page and window.before == SEQ_MAX:
            everything = HistoryWindow()
            kept, _ = await versions(held, scope, release, resource_type, resource_id, everything, 1)
            if not kept:
                message = f"{resource_type}/{resource_id} is not known."
                raise NotFoundError(message)
        touched = (touched_by(scope, page[0], len(page)),) if page else ()
        return (page, more), touched

    deed = Deed("history-instance", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


async def history_of_many(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str | None,
    *,
    patient_id: str | None,
    window: HistoryWindow,
    count: int,
) -> Versions:
    """Return the versions of a type (None: of every type) in one record, and whether there are more.

    ``patient_id`` None is the one person whose record the requester has. Raises: NotFoundError, BadRequestError.
    """

    async def action(scope: AccessScope) -> tuple[Versions, Sequence[Touched]]:
        access = await person(context, scope, release, patient_id)
        page, more = await read_history(
            context.database.reader, access, release, resource_type, window=window, size=count
        )
        return (page, more), (Touched(access.record_id, access.reason, len(page)),)

    interaction = "history-system" if resource_type is None else "history-type"
    deed = Deed(interaction, release, resource_type or "")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)
