"""What of a record does not keep the profiles that it should: kept when it came in, shown to the person."""

from collections.abc import Sequence

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.store.misfits import Misfit, misfits

SHOWN_MAX = 100


async def misfits_of(context: Context, requester: Requester, trace: Trace) -> list[Misfit]:
    """Return what stands in the requester's own record and breaks something, newest first, at most SHOWN_MAX."""

    async def action(scope: AccessScope) -> tuple[list[Misfit], Sequence[Touched]]:
        found: list[Misfit] = []
        touched = []
        for access in scope.personal:
            of_record = await misfits(context.database.reader, access, SHOWN_MAX)
            found += of_record
            touched.append(Touched(access.record_id, access.reason, len(of_record)))
        return found, touched

    return await context.gate.look(requester, trace, Wish(Action.READ), Deed("operation-validate"), action)
