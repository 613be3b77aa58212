"""A practice asks a person for access, and reads what became of it.

Whom it asks it names by a code that the person made and told it (``consent/codes.py``). The answer is the same whether
there is such a person or not. Decision: docs/decisions/0020-a-practice-asks.md.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from app.access.categories import ALL_PARTS
from app.access.giving import may_ask
from app.access.grant import Grant
from app.access.requester import Requester
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.consent import codes, grants, requests
from app.consent.grants import LONGEST
from app.consent.requests import NOBODY, AccessRequest, State, Wanted
from app.db.database import Transaction
from app.errors import UnprocessableError
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.store.changes import patients_of

WORDS_MAX = 200
"""Characters of the line for the person."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the practice reads it; ``grant`` is the one it led to while it is in force, with the person's Patients."""

    request: AccessRequest
    state: State
    grant: Grant | None = None
    patients: tuple[tuple[Release, str], ...] = ()


async def request_access(context: Context, requester: Requester, trace: Trace, code: str, wanted: Wanted) -> Asked:
    """Return the request that was made; whether it reaches anybody is not told.

    Raises: AccessDeniedError; UnprocessableError, for what no grant could be; TooManyRequestsError.
    """
    deed = Deed("operation-request-access", None, "Consent")

    async def job(transaction: Transaction, decide: Decide) -> tuple[Asked, list[Event]]:
        del decide  # by no grant: see ``may_ask``
        practice_id = may_ask(requester, Action.CREATE)
        now = context.clock()
        _check(wanted, now)
        record_id = await codes.take(transaction, context.cursor_key, code, now)
        made = await requests.put(transaction, record_id, practice_id, requester.display, wanted, now)
        told = event(requester, trace, deed, Touched(made.record_id))
        return Asked(made, State.WAITING), [msgspec.structs.replace(told, detail=f"request:{made.request_id}")]

    return await context.gate.change(requester, trace, deed, job)


async def access_requests(context: Context, requester: Requester, trace: Trace) -> list[Asked]:
    """Return what the requester's practice asked for in the last months, the newest first. Raises: AccessDeniedError."""
    deed = Deed("operation-access-requests", None, "Consent")

    async def job(transaction: Transaction, decide: Decide) -> tuple[list[Asked], list[Event]]:
        del decide
        practice_id = may_ask(requester, Action.READ)
        now = context.clock()
        found = []
        for request in await requests.of_practice(transaction, practice_id, now):
            grant = await grants.one(transaction, request.record_id, request.grant_id) if request.grant_id else None
            if grant is None or not grant.is_in_force(now):
                found.append(Asked(request, request.state(now)))
                continue
            patients = tuple((await patients_of(transaction, request.record_id)).items())
            found.append(Asked(request, State.ACCEPTED, grant, patients))
        return found, [event(requester, trace, deed, Touched(NOBODY, count=len(found)))]

    return await context.gate.change(requester, trace, deed, job)


def _check(wanted: Wanted, now: datetime) -> None:
    if not wanted.categories & ALL_PARTS:
        raise UnprocessableError("Name at least one part of the record.")
    if not wanted.actions:
        raise UnprocessableError("Name at least one action.")
    if not now < wanted.until <= now + LONGEST:
        raise UnprocessableError("A grant ends in the future, within five years.")
    if len(wanted.words) > WORDS_MAX or not wanted.words.isprintable():
        message = f"The line for the person has {WORDS_MAX} characters at most, and no line breaks."
        raise UnprocessableError(message)
