"""Who may see what: the grants of a person, giving one to a practice, and withdrawing one.

It is one module, as all its pages share one form and one way to keep what it says.
"""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import ALL_PARTS, EVERYTHING, PARTS, Category, from_codes
from app.access.giving import check_changed
from app.access.grant import Grant, Grantee
from app.access.representation import Capacity, may_agree
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action
from app.audit.events import Event
from app.consent import grants
from app.db.database import Transaction
from app.errors import AccessDeniedError, NotFoundError
from app.identity import practices
from app.identity.accounts import name_of
from app.identity.instants import to_us
from app.jobs.notices import notify
from app.jobs.reminders import remind
from app.jobs.texts import NoticeKind
from app.oauth import clients, tokens
from app.portal.interactions import Leave
from app.portal.language import Language, marked
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, in_record
from app.portal.view import trace_of
from app.portal.waiting import waiting_for
from app.portal.wording import CATEGORIES, WAYS, action_words, category_names, power_words

PERIODS = (
    ("3-months", marked("3 months"), timedelta(days=92)),
    ("1-year", marked("1 year"), timedelta(days=366)),
    ("2-years", marked("2 years"), timedelta(days=731)),
    ("open", marked("Until I stop it (5 years at most)"), timedelta(days=5 * 365)),
)
AS_IT_IS = ("as-it-is", marked("As it is now"))
AS_ASKED = ("as-asked", marked("As they ask"))
GIVEN = LOOK | Action.CREATE | Action.UPDATE
"""What the pages let a practice do at most; it removes nothing."""

PURPOSES = (
    ("treatment", marked("To treat me")),
    ("coordination", marked("To plan care together with others")),
)
_ENDINGS = {"in-force": 0, "planned": 1, "changed": 2, "withdrawn": 2, "over": 2}


@dataclass(frozen=True, slots=True)
class Access:
    """A grant as the page shows it; instants are local, ``state`` in-force, planned, changed, withdrawn or over."""

    grant_id: str
    grantee_id: str
    name: str
    place: str
    kind: Grantee
    parts: list[str]
    is_sensitive: bool
    actions: str
    given: datetime
    start: datetime
    until: datetime
    withdrawn: datetime | None
    state: str
    purpose: str
    capacity: Capacity | None = None
    powers: tuple[str, ...] = ()
    may_agree: bool = False
    may_end: bool = True
    may_change: bool = True

    @property
    def awaits_yes(self) -> bool:
        """Return whether it is that of a parent whose child, who is 12 to 15, did not say yes."""
        return self.state == "over" and self.may_agree

    @property
    def is_of_all(self) -> bool:
        """Return whether it is for all parts of the record."""
        return len(self.parts) == len(PARTS)

    @property
    def is_app(self) -> bool:
        """Return whether it was given to an app."""
        return self.kind is Grantee.APP

    @property
    def is_person(self) -> bool:
        """Return whether it was given to another person."""
        return self.kind is Grantee.PERSON


def access_of(
    grant: Grant, name: str, place: str, now: datetime, zone: ZoneInfo, language: Language, *, is_newest: bool = True
) -> Access:
    """Return the view of a version of a grant at ``now``; one that is not the newest was changed."""
    if not is_newest:
        state = "changed"
    elif grant.withdrawn_at is not None and grant.withdrawn_at <= now:
        state = "withdrawn"
    elif now >= grant.ends_at:
        state = "over"
    else:
        state = "in-force" if grant.starts_at <= now else "planned"
    return Access(
        grant_id=grant.grant_id,
        grantee_id=grant.grantee_id,
        name=name,
        place=place,
        kind=grant.grantee,
        parts=category_names(grant.categories, language),
        is_sensitive=Category.SENSITIVE in grant.categories,
        actions=action_words(grant.actions, language),
        given=grant.given_at.astimezone(zone),
        start=grant.starts_at.astimezone(zone),
        until=grant.ends_at.astimezone(zone),
        withdrawn=grant.withdrawn_at.astimezone(zone) if grant.withdrawn_at else None,
        state=state,
        purpose=language.gettext(dict(PURPOSES)[grant.purpose]) if grant.purpose in dict(PURPOSES) else "",
        capacity=None if grant.mandate is None else grant.mandate.capacity,
        powers=() if grant.mandate is None else power_words(grant.mandate.powers, language),
        may_agree=grant.mandate is not None and state in ("over", "in-force") and may_agree(grant.mandate, now),
        may_end=grant.mandate is None or not grant.mandate.capacity.is_by_law,
    )


def _may_change(person: SignedIn, grant: Grant) -> bool:
    """Return whether to offer to change or stop a grant; whether it is allowed is decided when it is done, by the same rule."""
    try:
        check_changed(person.requester(), person.acting, grant)
    except AccessDeniedError:
        return False
    return True


async def accesses(parts: Parts, request: Request, person: SignedIn) -> list[Access]:
    """Return all grants of the record in view: those in force first, then by the day they were given, newest first."""
    reader, zone, language = parts.database.reader, ZoneInfo(parts.settings.time_zone), language_of(request)
    given = await parts.interactions.grants_of(person.requester(), trace_of(request))
    known = await practices.of(reader, (one.grantee_id for one in given if one.grantee is Grantee.PRACTICE))
    apps = await clients.of(reader, (one.grantee_id for one in given if one.grantee is Grantee.APP))
    found, newest = [], set[str]()
    for grant in given:
        if grant.grantee is Grantee.PRACTICE:
            practice = known.get(grant.grantee_id)
            name, place = (practice.name, practice.city) if practice else (language.gettext("A practice"), "")
        elif grant.grantee is Grantee.PERSON:
            name, place = await name_of(reader, grant.grantee_id) or language.gettext("A person"), ""
        else:
            app = apps.get(grant.grantee_id)
            name, place = (app.name, app.owner) if app else (language.gettext("An app"), "")
        is_newest = grant.grant_id not in newest
        newest.add(grant.grant_id)
        shown = access_of(grant, name, place, parts.clock(), zone, language, is_newest=is_newest)
        found.append(replace(shown, may_change=_may_change(person, grant)))
    return sorted(found, key=lambda one: (_ENDINGS[one.state], -one.given.timestamp()))


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody filled in to give access; ``errors`` by field, empty when it can be given."""

    practice_id: str
    categories: Category
    period: str
    actions: Action
    purpose: str
    errors: dict[str, str]

    @property
    def words(self) -> str:
        """Return all that was chosen in one text."""
        return f"{self.practice_id} {int(self.categories)} {int(self.actions)} {self.period} {self.purpose}"

    def until(self, now: datetime, before: datetime | None = None) -> datetime:
        """Return when the chosen period ends; ``before`` is when it ended so far, or is asked to end."""
        if before is not None and self.period in (AS_IT_IS[0], AS_ASKED[0]):
            return before
        return now + next(length for key, _, length in PERIODS if key == self.period)


def wish_of(form: FormData, known: Container[str], language: Language, changed: Grant | None = None) -> Wish:
    """Return what a form says; what is not there or not known becomes an error text at its field.

    ``known`` are the numbers of practices that there are. ``changed`` is the grant that is to be changed, which stays with whom it was given to.
    """
    practice_id = str(form.get("practice", "")) if changed is None else changed.grantee_id
    purpose = str(form.get("purpose", "treatment"))
    errors = {}
    if changed is None and practice_id not in known:
        errors["practice"] = language.gettext("Choose a practice.")
    if changed is not None and changed.grantee is not Grantee.PRACTICE:
        purpose = changed.purpose
    elif purpose not in dict(PURPOSES):
        errors["purpose"] = language.gettext("Choose what it is for.")
    periods = {key for key, _, _ in PERIODS} | ({AS_IT_IS[0]} if changed else set())
    allowed = GIVEN if changed is None else may_have(changed)
    return ticked(form, practice_id, purpose, (EVERYTHING, allowed), periods, language, errors)


def may_have(grant: Grant) -> Action:
    """Return what a grant can be made to allow: an app never gets more than it asked for."""
    return grant.actions if grant.grantee is Grantee.APP else GIVEN | grant.actions


def most_of(own: Grant | None) -> tuple[Category, Action]:
    """Return the most that may be given by who rests on ``own`` in the record of another; None is the person."""
    if own is None or own.mandate is None:
        return EVERYTHING, ALL_ACTIONS
    categories = own.categories if own.mandate.capacity.is_by_law else own.categories & ~Category.SENSITIVE
    return categories, own.actions


def ticked(
    form: FormData,
    practice_id: str,
    purpose: str,
    most: tuple[Category, Action],
    periods: Container[str],
    language: Language,
    errors: dict[str, str],
) -> Wish:
    """Return the parts, actions and period that a form says, ``most`` at most; ``errors`` are those of other fields."""
    offered = {category.code for category in Category if category in most[0]}
    categories = from_codes([str(code) for code in form.getlist("category") if code in offered])
    keys, period = form.getlist("action"), str(form.get("period", ""))
    actions = Action(0)
    for way in WAYS:
        if way.key in keys:
            actions |= way.actions & most[1]
    if not categories & ALL_PARTS:
        errors["category"] = language.gettext("Choose at least one part.")
    if not actions:
        errors["action"] = language.gettext("Choose what they may do.")
    if period not in periods:
        errors["period"] = language.gettext("Choose a period.")
    return Wish(practice_id, categories, period, actions, purpose, errors)


def event_of(request: Request, person: SignedIn, action: str, grant: Grant) -> Event:
    """Return the entry of the log for what was done with a grant of the record in view."""
    done = deed_of(request, person, action, f"{grant.grantee.value}:{grant.grantee_id}")
    return msgspec.structs.replace(done, resource_type="Consent", resource_id=grant.grant_id)


def deed_of(request: Request, person: SignedIn, action: str, detail: str = "") -> Event:
    """Return the entry of the log for what was done about access to the record in view."""
    requester = person.requester()
    return Event(
        **msgspec.structs.asdict(trace_of(request)),
        action=action,
        record_id=person.record_id,
        kind=requester.kind.value,
        actor=requester.actor,
        display=requester.display,
        role=requester.role,
        on_behalf_of=requester.on_behalf_of,
        ground="own record" if requester.grant_id is None else f"representation {requester.grant_id}",
        detail=detail,
    )


async def notify_of(
    transaction: Transaction, request: Request, person: SignedIn, kind: NoticeKind, now: datetime, grant: Grant
) -> None:
    """Have the person told by mail, in the language of the page, if the transaction commits; and when the grant ends."""
    language, now_us = language_of(request).code, to_us(now)
    await notify(transaction, record_id=person.record_id, kind=kind, now_us=now_us, language=language)
    if grant.withdrawn_at is None:
        await remind(
            transaction,
            record_id=person.record_id,
            grant_id=grant.grant_id,
            version=grant.version,
            ends_us=to_us(grant.ends_at),
            now_us=now_us,
            language=language,
        )


async def stop_access(parts: Parts, request: Request, person: SignedIn, grant_id: str) -> None:
    """Withdraw a grant, with its log entry and its mail; nothing changes if it was over already.

    Raises: NotFoundError, when this record has no such grant.
    """
    now = parts.clock()

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.DELETE)
        found = await end(transaction, leave, person, grant_id, now)
        if found is not None:
            await notify_of(transaction, request, person, NoticeKind.ACCESS_WITHDRAWN, now, found)
        return [] if found is None else [event_of(request, person, "withdraw", found)]

    await parts.interactions.change_access(person.requester(), trace_of(request), "withdraw", job)


async def end(transaction: Transaction, leave: Leave, person: SignedIn, grant_id: str, now: datetime) -> Grant | None:
    """Return a grant that ended now, with what rested on it, None if it was over before. Raises: NotFoundError, AccessDeniedError."""
    before = await grants.one(transaction, person.record_id, grant_id)
    if before is not None:
        await leave.to_change(before)
    grant = await grants.withdraw(transaction, person.record_id, grant_id, now)
    if grant.withdrawn_at != now:
        return None
    await tokens.revoke_of_grant(transaction, person.record_id, grant_id, now)
    return grant


async def named(parts: Parts, request: Request, person: SignedIn, grant_id: str) -> Access:
    """Return one grant as it is now. Raises: NotFoundError, when this record has no such grant."""
    return newest_of(await accesses(parts, request, person), grant_id)


def newest_of(found: Iterable[Access], grant_id: str) -> Access:
    """Return the newest version of a grant. Raises: NotFoundError, when there is none."""
    for access in found:
        if access.grant_id == grant_id and access.state != "changed":
            return access
    raise NotFoundError("This grant is not known.")


def beside(found: Iterable[Access], grant_id: str) -> list[Access]:
    """Return what else the same practice, app or person may do now: stopping this grant does not stop that."""
    whose = {(one.kind, one.grantee_id) for one in found if one.grant_id == grant_id}
    return [
        one
        for one in found
        if (one.kind, one.grantee_id) in whose and one.grant_id != grant_id and one.state in ("in-force", "planned")
    ]


def fields(
    wish: Wish,
    periods: Sequence[tuple[str, str, timedelta]],
    *,
    most: tuple[Category, Action] = (EVERYTHING, GIVEN),
    purposes: Sequence[tuple[str, str]] = PURPOSES,
    ends: datetime | None = None,
) -> dict[str, Any]:
    """Return what the fields of a form about access show.

    ``most`` is what there is to choose from; ``ends`` the local end of a period that is told by its day.
    """
    return {
        "wish": wish,
        "errors": wish.errors,
        "offered": [
            (category.code, CATEGORIES[category], category in wish.categories)
            for category in PARTS
            if category in most[0]
        ],
        "sensitive": CATEGORIES[Category.SENSITIVE] if Category.SENSITIVE in most[0] else None,
        "sensitive_chosen": Category.SENSITIVE in wish.categories,
        "ways": [(way, bool(way.actions & wish.actions)) for way in WAYS if way.actions & most[1]],
        "periods": periods,
        "purposes": purposes,
        "ends": ends,
    }


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/access``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/access")
    async def overview(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], done: str = "", grant: str = ""
    ) -> HTMLResponse:
        found = await accesses(parts, request, person)
        now = parts.clock().astimezone(ZoneInfo(parts.settings.time_zone))
        current = [access for access in found if access.state in ("in-force", "planned")]
        past = [access for access in found if access not in current]
        is_own = person.acting is None
        waiting = await waiting_for(parts, person.record_id, language_of(request)) if is_own else []
        of_practices = [one for one in current if one.may_change and one.kind is Grantee.PRACTICE]
        has = Counter([*(one.grantee_id for one in of_practices), *(one.practice_id for one in waiting)])
        first = {one.grantee_id: one.grant_id for one in reversed(of_practices)}
        return page(
            request,
            "access.html",
            current=current,
            past=past,
            waiting=waiting,
            of_practice=next(
                (one.grantee_id for one in found if one.grant_id == grant and one.kind is Grantee.PRACTICE), ""
            ),
            several={practice_id: grant_id for practice_id, grant_id in first.items() if has[practice_id] > 1},
            may_see_log=is_own,
            done=done,
            others=beside(found, grant),
            **near(request, now),
        )

    @routes.get("/access/{grant_id}/withdraw")
    async def confirm(request: Request, person: Annotated[SignedIn, Depends(in_record)], grant_id: str) -> HTMLResponse:
        found = await accesses(parts, request, person)
        return page(request, "access_withdraw.html", access=newest_of(found, grant_id), others=beside(found, grant_id))

    @routes.post("/access/{grant_id}/withdraw")
    async def withdraw(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        _: Annotated[FormData, Depends(checked_form)],
        grant_id: str,
    ) -> Response:
        await stop_access(parts, request, person, grant_id)
        return RedirectResponse(f"/access?done=withdrawn&grant={grant_id}", status_code=303)

    return routes
