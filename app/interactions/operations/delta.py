"""``$delta``: what changed in a record after a number, in order, deletes included; how an app keeps its copy in step.

Every change of a person's record has a number, one higher than the one before. An app asks for all after the highest that
it has, applies them in order, and remembers the number that the answer ends with. Nothing is skipped: a number is given
inside the transaction that makes the change. What is outside the app's scope is left out, its numbers too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.fhir.release import Release
from app.interactions.consents import made_record, versions_after
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import person
from app.store.history import read_changes
from app.store.resources import Stored

DELTA_COUNT = 500


@dataclass(frozen=True, slots=True)
class Delta:
    """Changes in order; ``until`` is the number to ask after next time, ``more`` whether there are others already.

    ``consents`` is how many versions of grants have been told, None if none were asked for.
    """

    changes: list[Stored]
    until: int
    more: bool
    consents: int | None = None


async def delta(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    *,
    since: int,
    count: int = DELTA_COUNT,
    patient_id: str | None = None,
    consents: int | None = None,
) -> Delta:
    """Return at most ``count`` changes numbered above ``since``, and after them the versions of grants above ``consents``.

    Raises: NotFoundError, BadRequestError.
    """

    async def action(scope: AccessScope) -> tuple[Delta, Sequence[Touched]]:
        access = await person(context, scope, release, patient_id)
        page, more = await read_changes(context.database.reader, access, release, after=since, size=count)
        # Not the number of the record's last change: it would tell that something outside the scope was changed.
        until = page[-1].seq if page else since
        told = consents
        if consents is not None and not more:
            made = await made_record(context, requester, scope, release)
            given = list[Stored]()
            if made is not None:
                given, more = await versions_after(made, access, release, consents, count - len(page))
            told, page = consents + len(given), page + given
        return Delta(page, until, more, told), (Touched(access.record_id, access.reason, len(page)),)

    deed = Deed("operation-delta", release)
    return await context.gate.look(requester, trace, Wish(Action.READ), deed, action)
