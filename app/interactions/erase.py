"""Erasing a person's record: all at once, or not at all. What the log said stays, and it says that the record was erased."""

from collections.abc import Awaitable, Callable, Sequence

from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY
from app.access.smart_scope import Action
from app.audit import alerts, earlier
from app.audit.events import Event, Trace
from app.consent import erase as consent
from app.db.database import Transaction
from app.errors import AccessDeniedError, NotFoundError
from app.identity import erase as identity
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.jobs import erase as jobs
from app.store.changes import record_exists
from app.store.erase import erase

Eraser = Callable[[Transaction, int], Awaitable[int]]
"""Removes what one package has of a record, and returns how many rows that were."""


async def erase_record(
    context: Context, requester: Requester, trace: Trace, record_id: int, others: Sequence[Eraser]
) -> int:
    """Return how many rows were removed; ``others`` are the erasers of the packages that stand above this one.

    Raises: NotFoundError, AccessDeniedError (a record is not erased in part).
    """
    deed = Deed("erase")

    async def job(transaction: Transaction, decide: Decide) -> tuple[int, list[Event]]:
        access = (await decide(Wish(Action.DELETE))).of(record_id)
        is_asked_by_right = requester.kind in (RequesterKind.PERSON, RequesterKind.OPERATOR)
        if not is_asked_by_right or access is None or access.types or record_id == DIRECTORY:
            raise AccessDeniedError("This record can't be erased.")
        if not await record_exists(transaction, record_id):
            raise NotFoundError("There is no such record.")
        removed = 0
        for one in (erase, consent.erase, identity.erase, jobs.erase, alerts.erase, earlier.erase, *others):
            removed += await one(transaction, record_id)
        return removed, [event(requester, trace, deed, Touched(record_id, access.reason))]

    return await context.gate.change(requester, trace, deed, job)
