"""``Patient/[id]/$as-seen-by``: what a practice or a helper may see of the record, now or at an instant in the past.

The decision is that of ``policy.decide``, for them with the widest token there is, with the grants as they stood at
that instant; what is shown are the versions that were current then, by the categories that they had then. It is for the person,
and for an app with a scope on all types that may know what others were allowed, as it may of Consents; an app is shown no more
than it may see itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.access.categories import Category
from app.access.giving import CONSENT
from app.access.grant import Grant, Grantee, as_they_stood
from app.access.policy import Wish, decide, representative
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
from app.identity.accounts import name_of
from app.interactions.context import Context, gathered
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import person
from app.store.resources import Stored
from app.store.standing import Counted, count_standing, read_standing

_WIDEST = SmartScopes.of("system/*.cruds")


@dataclass(frozen=True, slots=True)
class SeenBy:
    """Who sees: a practice, or somebody who acts for the person on the representation of ``grant_id``."""

    practice_id: str = ""
    grant_id: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What they may see: ``access`` None is nothing; ``counts`` are of both releases."""

    name: str
    access: RecordAccess | None
    counts: tuple[Counted, ...]


async def as_seen_by(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    patient_id: str,
    seen_by: SeenBy,
    *,
    at: datetime | None,
    after: int,
    count: int,
) -> tuple[list[Stored], int | None]:
    """Return a page of what they may see, and where the next one begins (None: there is none).

    ``at`` None is now. Raises: NotFoundError, AccessDeniedError, BadRequestError (an instant to come).
    """

    async def action(scope: AccessScope) -> tuple[tuple[list[Stored], int | None], Sequence[Touched]]:
        moment = _moment(context, at)
        own = _own(requester, await person(context, scope, release, patient_id))
        _, seen = await _access_of(context, own, seen_by, moment)
        page, more = list[Stored](), False
        if seen is not None:
            page, more = await gathered(
                context,
                own.record_id,
                lambda: read_standing(
                    context.database.reader, seen, release, at=microseconds(moment), after=after, size=count
                ),
            )
        following = page[-1].seq if more else None
        return (page, following), (Touched(own.record_id, own.reason, len(page)),)

    deed = Deed("operation-as-seen-by", release, "Patient", patient_id)
    return await context.gate.look(requester, trace, Wish(Action.READ), deed, action)


async def preview(
    context: Context, requester: Requester, trace: Trace, seen_by: SeenBy, at: datetime | None = None
) -> Preview:
    """Return how much of the record that the requester is about they may see. Raises: as ``as_seen_by``."""

    async def action(scope: AccessScope) -> tuple[Preview, Sequence[Touched]]:
        moment = _moment(context, at)
        access = None if requester.record_id is None else scope.of(requester.record_id)
        own = _own(requester, access)
        name, seen = await _access_of(context, own, seen_by, moment)
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
    """Return the access of the person, or of an app with a scope on all types that may know of grants. Raises: AccessDeniedError."""
    may_know = requester.has_one_record
    if requester.kind is RequesterKind.APP:
        may_know = access is not None and access.covers(CONSENT, int(Category.PERSONAL_DETAILS))
    if requester.kind is RequesterKind.REPRESENTATIVE:
        may_know = access is not None and Power.GIVE in access.powers
    if access is None or not may_know or access.types is not None or access.narrowed:
        message = (
            "What a practice may see is shown to the person, and to an app with a scope such as patient/*.rs that sees "
            "personal details."
        )
        raise AccessDeniedError(message)
    return access


async def _access_of(
    context: Context, own: RecordAccess, seen_by: SeenBy, moment: datetime
) -> tuple[str, RecordAccess | None]:
    """Return the name of who sees and what was open to them, within ``own``; None if nothing was.

    Raises: NotFoundError.
    """
    given = await of_record(context.database.reader, own.record_id)
    if seen_by.grant_id:
        given = [grant for grant in given if grant.grant_id == seen_by.grant_id]
        theirs = await _representative(context, own, given)
    else:
        given = [grant for grant in given if _is_to_practice(grant, seen_by.practice_id)]
        theirs = await _practice(context, seen_by.practice_id)
    try:
        decided = decide(theirs, Wish(Action.READ), as_they_stood(given, moment), moment)
    except AccessDeniedError:
        return theirs.display, None
    seen = decided.of(own.record_id)
    if seen is None:
        return theirs.display, None
    return theirs.display, replace(seen, parts=seen.parts & own.parts, unlocked=seen.unlocked & own.unlocked)


def _is_to_practice(grant: Grant, practice_id: str) -> bool:
    return grant.grantee is Grantee.PRACTICE and grant.grantee_id == practice_id


async def _practice(context: Context, practice_id: str) -> Requester:
    practice = await practices.get(context.database.reader, practice_id)
    if practice is None:
        message = "This practice is not known."
        raise NotFoundError(message)
    return Requester(RequesterKind.PRACTICE, f"practice:{practice_id}", practice.name, _WIDEST, practice_id=practice_id)


async def _representative(context: Context, own: RecordAccess, versions: Sequence[Grant]) -> Requester:
    if not versions or versions[0].mandate is None:
        message = "This representation is not known."
        raise NotFoundError(message)
    account_id, grant_id = versions[0].grantee_id, versions[0].grant_id
    name = await name_of(context.database.reader, account_id) or ""
    return Requester(
        RequesterKind.REPRESENTATIVE, representative(account_id), name, _WIDEST,
        record_id=own.record_id, grant_id=grant_id,
    )  # fmt: skip
