"""People who help me: who acts for the person, asking somebody to, and the yes of a child of 12 to 15 to its parent."""

import hmac
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import EVERYTHING, Category
from app.access.grant import Grant, Grantee
from app.access.representation import NO_POWERS, Mandate, Power, may_agree
from app.access.smart_scope import Action
from app.audit.events import Event
from app.consent import grants, invitations
from app.consent.invitations import WAITING_MAX, Invitation
from app.db.database import Transaction
from app.errors import DuplicateError, NotFoundError, UnprocessableError
from app.jobs.texts import NoticeKind
from app.portal.access_new import GIVEN_BEFORE
from app.portal.connections import GIVEN, PERIODS, Wish, accesses, deed_of, event_of, fields, named, notify_of, ticked
from app.portal.interactions import Leave
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import Language, marked
from app.portal.open_session import text_of
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, signed_in
from app.portal.type_measurement import key_of
from app.portal.view import trace_of
from app.portal.wording import CAPACITIES, POWERS

HERE = "/helpers"
NAME_LENGTH_MAX = 80
WHAT = (EVERYTHING, GIVEN)
"""The most that a helper may see and do with the record."""

NO_PERIOD = frozenset({""})
"""What a form without a choice of a period says: the law sets it."""

DONE = {
    "withdrawn": marked("The code was taken back. It opens nothing any more."),
    "agreed": marked("Your parent can look along with you now."),
    "not-agreed": marked("Your parent does not look along with you any more."),
}


def powers_of(form: FormData) -> Power:
    """Return what was ticked that a helper may do besides looking and adding."""
    found = NO_POWERS
    for power in Power:
        if (power.name or "").lower() in form:
            found |= power
    return found


Asked = tuple[str, Wish, Power]
"""What somebody asks of a helper: what they call them, what the helper may see and do, and what else."""


def asked_in(form: FormData, language: Language) -> Asked:
    """Return what a form asks; what is missing or not right is among the errors of the wish."""
    called = text_of(form, "called").strip()
    wish = ticked(form, "", "", WHAT, {key for key, _, _ in PERIODS}, language, {})
    if not 0 < len(called) <= NAME_LENGTH_MAX or not called.isprintable():
        wish.errors["called"] = language.gettext("Fill in who it is.")
    return called[:NAME_LENGTH_MAX], wish, powers_of(form)


def offered_powers(chosen: Power) -> list[tuple[str, object, bool]]:
    """Return the powers for a form: name of the field, words, and whether it is ticked."""
    return [((power.name or "").lower(), POWERS[power], power in chosen) for power in Power]


async def invite(
    parts: Parts, request: Request, person: SignedIn, called: str, wish: Wish, powers: Power, key: str
) -> str:
    """Return the code of a new invitation, which is in the log; the same for a form, by its ``key``, that is sent twice.

    Raises: UnprocessableError, when too many wait; DuplicateError, when this key asked something else, or what waits no more.
    """
    now = parts.clock()
    offered = Invitation(person.record_id, person.name, called, wish.categories, wish.actions, powers, wish.until(now))
    said = "\n".join((called, wish.words, str(int(powers))))
    seed = f"{person.record_id} {key} {said}".encode()
    code = invitations.code_from(hmac.digest(parts.settings.key("invitations to help"), seed, "sha256"))

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.CREATE)
        await leave.to_give(Grantee.PERSON, offered.categories, offered.actions, offered.until)
        is_first = await leave.is_first(f"invitation {key}", said)
        if await invitations.find(transaction, code, now) is not None:
            return []  # also of a form that came first so long ago that it is forgotten
        if not is_first:
            raise DuplicateError("What this form asked waits no more.")
        if len(await invitations.of_record(transaction, person.record_id, now)) >= WAITING_MAX:
            raise UnprocessableError("Too many invitations wait.")
        await invitations.make(transaction, offered, code, now)
        return [deed_of(request, person, "invite")]

    await parts.interactions.change_access(person.requester(), trace_of(request), "invite", job)
    return code


async def take_back(parts: Parts, request: Request, person: SignedIn, invitation_id: str) -> None:
    """End an invitation, which is in the log. Raises: NotFoundError, when this record has no such invitation."""

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.DELETE)
        if not await invitations.end(transaction, person.record_id, invitation_id):
            raise NotFoundError("There is no such invitation.")
        return [deed_of(request, person, "withdraw", "invitation")]

    await parts.interactions.change_access(person.requester(), trace_of(request), "withdraw", job)


async def agree(
    parts: Parts, request: Request, person: SignedIn, before: Grant, wish: Wish | None, powers: Power
) -> None:
    """Let a parent look along with what was ticked, or (``wish`` None) not any more.

    Raises: AccessDeniedError, when it is not for this person to say.
    """
    now = parts.clock()

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.UPDATE)
        await leave.to_agree(before)
        grant = await grants.change(
            transaction,
            person.record_id,
            before.grant_id,
            categories=before.categories if wish is None else wish.categories,
            actions=before.actions if wish is None else wish.actions,
            until=before.until,
            now=now,
            mandate=_with_yes(before.mandate, None if wish is None else now, powers),
        )
        await notify_of(transaction, request, person, NoticeKind.ACCESS_CHANGED, now, grant)
        return [event_of(request, person, "change-grant", grant)]

    await parts.interactions.change_access(person.requester(), trace_of(request), "change-grant", job)


def _with_yes(mandate: Mandate | None, agreed_at: datetime | None, powers: Power) -> Mandate | None:
    return None if mandate is None else replace(mandate, agreed_at=agreed_at, powers=powers)


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/helpers``."""
    routes = APIRouter(include_in_schema=False)

    def ask_page(
        request: Request,
        person: SignedIn,
        asked: Asked,
        key: str,
        *,
        problem: str = "",
        is_back: bool = False,
    ) -> HTMLResponse:
        called, wish, powers = asked
        shown = fields(wish, PERIODS, purposes=())
        return page(
            request,
            "helper_new.html",
            status=409 if problem else 422 if wish.errors else 200,
            key=key,
            problem=problem,
            whose=mark_of(parts.settings, person),
            is_back=is_back,
            called=called,
            powers=offered_powers(powers),
            **shown,
        )

    @routes.get(HERE)
    async def overview(
        request: Request, person: Annotated[SignedIn, Depends(signed_in)], done: str = ""
    ) -> HTMLResponse:
        found = [one for one in await accesses(parts, request, person) if one.is_person]
        now, zone = parts.clock(), ZoneInfo(parts.settings.time_zone)
        return page(
            request,
            "helpers.html",
            current=[one for one in found if one.state in ("in-force", "planned") or one.awaits_yes],
            past=[one for one in found if one.state not in ("in-force", "planned") and not one.awaits_yes],
            waiting=await invitations.of_record(parts.database.reader, person.record_id, now),
            capacities=CAPACITIES,
            done=DONE.get(done, ""),
            **near(request, now.astimezone(zone)),
        )

    @routes.get(f"{HERE}/new")
    async def ask(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        before = typed_before(request, person)
        asked: Asked = "", Wish("", Category(0), "1-year", Action(0), "", errors={}), NO_POWERS
        if before:
            called, wish, powers = asked_in(before, language_of(request))
            asked = called, replace(wish, errors={}), powers
        answer = ask_page(request, person, asked, key_of(before), is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(f"{HERE}/new")
    async def make(request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(signed_in)]) -> Response:
        called, wish, powers = asked = asked_in(form, language_of(request))
        key = key_of(form)
        if wish.errors:
            return ask_page(request, person, asked, key)
        try:
            code = await invite(parts, request, person, called, wish, powers, key)
        except DuplicateError:
            return ask_page(request, person, asked, key_of(), problem=GIVEN_BEFORE)
        return page(request, "helper_code.html", code=code, called=called)

    @routes.post(f"{HERE}/invitation/{{invitation_id}}/withdraw")
    async def withdraw(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        _: Annotated[FormData, Depends(checked_form)],
        invitation_id: str,
    ) -> Response:
        await take_back(parts, request, person, invitation_id)
        return RedirectResponse(f"{HERE}?done=withdrawn", status_code=303)

    _add_yes(routes, parts)
    return routes


def _add_yes(routes: APIRouter, parts: Parts) -> None:
    async def one_to_agree(person: SignedIn, grant_id: str) -> Grant:
        found = await grants.one(parts.database.reader, person.record_id, grant_id)
        if found is None or found.mandate is None or not may_agree(found.mandate, parts.clock()):
            raise NotFoundError("This grant is not known.")
        return found

    async def agree_page(
        request: Request, person: SignedIn, grant_id: str, wish: Wish, powers: Power, *, is_back: bool = False
    ) -> HTMLResponse:
        return page(
            request,
            "helper_agree.html",
            status=422 if wish.errors else 200,
            access=await named(parts, request, person, grant_id),
            powers=offered_powers(powers),
            problem="",
            whose=mark_of(parts.settings, person),
            is_back=is_back,
            **fields(wish, (), purposes=()),
        )

    @routes.get(f"{HERE}/{{grant_id}}/agree")
    async def ask_yes(request: Request, person: Annotated[SignedIn, Depends(signed_in)], grant_id: str) -> HTMLResponse:
        await one_to_agree(person, grant_id)
        before = typed_before(request, person)
        wish = replace(ticked(before, "", "", WHAT, NO_PERIOD, language_of(request), {}), errors={})
        answer = await agree_page(request, person, grant_id, wish, powers_of(before), is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(f"{HERE}/{{grant_id}}/agree")
    async def say_yes(
        request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(signed_in)], grant_id: str
    ) -> Response:
        before, powers = await one_to_agree(person, grant_id), powers_of(form)
        if "no" in form:
            await agree(parts, request, person, before, None, powers)
            return RedirectResponse(f"{HERE}?done=not-agreed", status_code=303)
        wish = ticked(form, "", "", WHAT, NO_PERIOD, language_of(request), {})
        if wish.errors:
            return await agree_page(request, person, grant_id, wish, powers)
        await agree(parts, request, person, before, wish, powers)
        return RedirectResponse(f"{HERE}?done=agreed", status_code=303)
