"""The decision, pure: what a requester may touch."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache

import msgspec

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant, Grantee
from app.access.representation import ALL_POWERS, NO_POWERS
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY, AccessScope, RecordAccess, whole_directory
from app.access.smart_scope import LOOK, Action, Narrowed
from app.access.staff import MAY_CHANGE, MAY_SEE, StaffRole
from app.errors import AccessDeniedError, InsufficientScopeError

DIRECTORY_TYPES = frozenset(
    "Organization Practitioner PractitionerRole Location HealthcareService Endpoint Medication Substance Device "
    "Questionnaire PlanDefinition ActivityDefinition".split()
)
"""Types that may live in the shared directory, and that a personal record may hold too."""


class Wish(msgspec.Struct, frozen=True):
    """What is asked: one action on one type (None: on whatever the interaction meets)."""

    action: Action
    resource_type: str | None = None


def decide(requester: Requester, wish: Wish, grants: Iterable[Grant], now: datetime) -> AccessScope:
    """Return what ``requester`` may touch; nothing unless a rule says so.

    ``grants`` are those given to the requester. ``now`` is UTC.
    Raises: AccessDeniedError, when nothing at all is left; whether a record exists makes no difference to that.
    InsufficientScopeError, where the token's scope alone says so.
    """
    types = requester.scopes.types_for(wish.action)
    if wish.resource_type is not None and types is not None and wish.resource_type not in types:
        message = f"The token's scope does not allow this on {wish.resource_type}."
        raise InsufficientScopeError(message)
    if types is not None and not types:
        message = "The token's scope does not allow this."
        raise InsufficientScopeError(message)
    narrowed = requester.scopes.narrowed_for(wish.action)
    visible = DIRECTORY_TYPES if types is None else DIRECTORY_TYPES & types
    directory = (whole_directory(visible, narrowed),) if visible and wish.action in LOOK else ()
    if requester.kind is RequesterKind.OPERATOR:
        everyone = RecordAccess(DIRECTORY, ALL_PARTS, ALL_PARTS, types, "operator", narrowed)
        return AccessScope(directory or (whole_directory(types, narrowed),), everyone)
    if requester.kind is RequesterKind.PERSON:
        own_record = RecordAccess(
            _own(requester), ALL_PARTS, ALL_PARTS, types, "own record", narrowed, powers=ALL_POWERS, is_whole=True
        )
        return AccessScope((own_record, *directory))
    own = _granted(requester, wish, grants, (types, narrowed), now)
    if not own and (requester.has_one_record or wish.resource_type not in DIRECTORY_TYPES or not directory):
        message = "No consent covers this request."
        raise AccessDeniedError(message)
    return AccessScope(own + directory)


def shown_of(grant: Grant, role: StaffRole | None) -> Category:
    """Return what of a grant is shown: to the people of a practice what their role lets them see, else all of it."""
    return grant.categories if role is None else _seen(grant.categories, role)


@cache  # few are different, and of thousands of grants masks take as long to cut as all the rest
def _seen(categories: Category, role: StaffRole) -> Category:
    return categories & MAY_SEE[role]


def opened_by(grant: Grant, role: StaffRole | None, action: Action) -> Category:
    """Return the parts in which a grant lets somebody in this role do ``action``, None for no role; whether it is in force apart."""
    if action not in grant.actions:
        return Category(0)
    shown = shown_of(grant, role)
    return shown if role is None or action in LOOK else shown & MAY_CHANGE[role]


def _own(requester: Requester) -> int:
    if requester.record_id is None:
        message = "This login has no record."
        raise AccessDeniedError(message)
    return requester.record_id


def _granted(
    requester: Requester,
    wish: Wish,
    grants: Iterable[Grant],
    limits: tuple[frozenset[str] | None, tuple[Narrowed, ...]],
    now: datetime,
) -> tuple[RecordAccess, ...]:
    """Return the records that grants in force open, one entry per record; a token that rests on a grant needs that one.

    Of a grant to a practice its people see and change what their role lets them.

    ``limits`` are what the token's scope leaves of each: types, and those of which only a part.
    """
    types, narrowed = limits
    masks: dict[int, tuple[Category, Category]] = {}
    reasons: dict[int, list[str]] = {}
    powers, is_whole = NO_POWERS, False
    for grant in grants:
        if not grant.is_in_force(now) or not _is_theirs(requester, grant):
            continue
        seen = opened_by(grant, requester.staff_role, wish.action)
        if not seen & ALL_PARTS:
            continue
        if grant.mandate is not None:
            powers, is_whole = grant.mandate.powers, grant.is_whole
        parts, unlocked = masks.get(grant.record_id, (Category(0), Category(0)))
        seen_parts = seen & ALL_PARTS
        masks[grant.record_id] = (
            parts | seen_parts,
            unlocked | seen_parts if Category.SENSITIVE in seen else unlocked,
        )
        ground = "grant" if grant.mandate is None else "representation"
        reasons.setdefault(grant.record_id, []).append(f"{ground} {grant.grant_id}")
    return tuple(
        RecordAccess(
            record_id, *opened, types, ", ".join(reasons[record_id]), narrowed, powers=powers, is_whole=is_whole
        )
        for record_id, opened in sorted(masks.items())
    )


def _is_theirs(requester: Requester, grant: Grant) -> bool:
    """Return whether a grant is that of this requester; one who has one record needs the very grant they rest on."""
    if not requester.has_one_record:
        return grant.grantee is Grantee.PRACTICE and requester.only_record in (None, grant.record_id)
    if grant.record_id != requester.record_id or grant.grant_id != requester.grant_id:
        return False
    if requester.kind is RequesterKind.REPRESENTATIVE:
        return grant.mandate is not None and requester.actor == representative(grant.grantee_id)
    return grant.mandate is None


def represents(account_id: str, grant: Grant, now: datetime) -> bool:
    """Return whether the person of an account may act in the record of ``grant`` on the ground of it, at ``now``."""
    return grant.mandate is not None and grant.grantee_id == account_id and grant.is_in_force(now)


def representative(account_id: str) -> str:
    """Return who the person of an account is in the log of another's record."""
    return f"{RequesterKind.REPRESENTATIVE.value}:{account_id}"
