"""``Patient/[id]/$as-seen-by``: what a practice may see of the record, now or at an instant in the past.

The decision is that of ``policy.decide``, for the practice with the widest token there is, with the grants as they stood at
that instant; what is shown are the versions that were current then, by the categories that they had then. It is for the person,
and for an app with a scope on all types; an app is shown no more than it may see itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.access.grant import Grantee, as_they_stood
from app.access.policy import Wish, decide
from app.access.representation import Power
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action, SmartScopes
from app.audit.events import Trace
from app.consent.grants import of_record
from app.errors import AccessDeniedError, BadRequestError, NotFoundError
from app.fhir.dates import microseconds
from app.fhir.release import Release
from app.identity import practices
from app.interactions.context import Context, gathered
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import person
from app.store.resources import Stored
from app.store.standing import Counted, count_standing, read_standing

_WIDEST = SmartScopes.of("system/*.cruds")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a practice may see: ``access`` None is nothing; ``counts`` are of both releases."""

    practice: str
    access: RecordAccess | None
    counts: tuple[Counted, ...]


async def as_seen_by(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    patient_id: str,
    practice_id: str,
    *,
    at: datetime | None,
    after: int,
    count: int,
) -> tuple[list[Stored], int | None]:
    """Return a page of what the practice may see, and where the next one begins (None: there is none).

    ``at`` None is now. Raises: NotFoundError, AccessDeniedError, BadRequestError (an instant to come).
    """

    async def action(scope: AccessScope) -> tuple[tuple[list[Stored], int | None], Sequence[Touched]]:
        moment = _moment(context, at)
        own = _own(requester, await person(context, scope, release, patient_id))
        _, seen = await _access_of(context, own, practice_id, moment)
        found: list[Stored] = []
        if seen is not None:
            found = await gathered(
                context,
                own.record_id,
                lambda: read_standing(
                    context.database.reader, seen, release, at=microseconds(moment), after=after, limit=count + 1
                ),
            )
        page = found[:count]
        following = page[-1].seq if len(found) > count and page else None
        return (page, following), (Touched(own.record_id, own.reason, len(page)),)

    deed = Deed("operation-as-seen-by", release, "Patient", patient_id)
    return await context.gate.look(requester, trace, Wish(Action.READ), deed, action)


async def preview(
    context: Context, requester: Requester, trace: Trace, practice_id: str, at: datetime | None = None
) -> Preview:
    """Return how much of the requester's own record the practice may see. Raises: as ``as_seen_by``."""

    async def action(scope: AccessScope) -> tuple[Preview, Sequence[Touched]]:
        moment = _moment(context, at)
        access = None if requester.record_id is None else scope.of(requester.record_id)
        own = _own(requester, access)
        name, seen = await _access_of(context, own, practice_id, moment)
        counts: list[Counted] = []
        if seen is not None:
            counts = await gathered(
                context,
                own.record_id,
                lambda: count_standing(context.database.reader, seen, at=microseconds(moment)),
            )
        shown = Preview(name, seen, tuple(counts))
        return shown, (Touched(own.record_id, own.reason, sum(one.count for one in counts)),)

    deed = Deed("operation-as-seen-by", None, "Patient")
    return await context.gate.look(requester, trace, Wish(Action.READ), deed, action)


def _moment(context: Context, at: datetime | None) -> datetime:
    now = context.clock()
    if at is not None and at > now:
        message = "at takes an instant that is past: what comes is not known."
        raise BadRequestError(message)
    return at or now


def _own(requester: Requester, access: RecordAccess | None) -> RecordAccess:
    """Return the access of the person, or of their app with a scope on all types. Raises: AccessDeniedError."""
    may_know = requester.has_one_record
    if requester.kind is RequesterKind.REPRESENTATIVE:
        may_know = access is not None and Power.GIVE in access.powers
    if access is None or not may_know or access.types is not None or access.narrowed:
        message = "What a practice may see is shown to the person, and to an app with a scope such as patient/*.rs."
        raise AccessDeniedError(message)
    return access


async def _access_of(
    context: Context, own: RecordAccess, practice_id: str, moment: datetime
) -> tuple[str, RecordAccess | None]:
    """Return the name of the practice and what was open to it, within ``own``; None if nothing was.

    Raises: NotFoundError.
    """
    reader = context.database.reader
    practice = await practices.get(reader, practice_id)
    if practice is None:
        message = "This practice is not known."
        raise NotFoundError(message)
    given = [
        grant
        for grant in await of_record(reader, own.record_id)
        if grant.grantee is Grantee.PRACTICE and grant.grantee_id == practice_id
    ]
    theirs = Requester(
        RequesterKind.PRACTICE, f"practice:{practice_id}", practice.name, _WIDEST, practice_id=practice_id
    )
    try:
        decided = decide(theirs, Wish(Action.READ), as_they_stood(given, moment), moment)
    except AccessDeniedError:
        return practice.name, None
    seen = decided.of(own.record_id)
    if seen is None:
        return practice.name, None
    return practice.name, replace(seen, parts=seen.parts & own.parts, unlocked=seen.unlocked & own.unlocked)
