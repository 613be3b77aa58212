"""Changing a grant: other parts, actions, purpose or end; with whom it is stays."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.smart_scope import Action
from app.audit.events import Event
from app.consent import grants
from app.db.database import Transaction
from app.errors import NotFoundError, PreconditionFailedError
from app.jobs.texts import NoticeKind
from app.portal.connections import (
    AS_IT_IS,
    PERIODS,
    PURPOSES,
    Access,
    Wish,
    event_of,
    fields,
    may_have,
    most_of,
    named,
    notify_of,
    wish_of,
)
from app.portal.interactions import Leave
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import Language, marked
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, in_record
from app.portal.view import trace_of
from app.portal.wording import CATEGORIES

CHANGED = marked("This access was changed in the meantime. Look at what you chose. Then press the button again.")


async def change_access(parts: Parts, request: Request, person: SignedIn, before: Grant, wish: Wish) -> None:
    """Put what was filled in in the place of ``before``, with its log entry and its mail.

    Raises: NotFoundError, when the grant is over; PreconditionFailedError, when it was changed meanwhile.
    """
    now = parts.clock()
    until = _until(person, wish, before, now)

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.UPDATE)
        await leave.to_change(before)
        standing = await grants.one(transaction, person.record_id, before.grant_id)
        if standing is not None and standing.version != before.version:
            raise PreconditionFailedError("The grant was changed meanwhile.")
        await leave.to_give(before.grantee, wish.categories, wish.actions, until)
        grant = await grants.change(
            transaction,
            person.record_id,
            before.grant_id,
            categories=wish.categories,
            actions=wish.actions,
            until=until,
            now=now,
            purpose=wish.purpose,
            rests_on=leave.rests_on,
        )
        await notify_of(transaction, request, person, NoticeKind.ACCESS_CHANGED, now, grant)
        return [event_of(request, person, "change-grant", grant)]

    await parts.interactions.change_access(person.requester(), trace_of(request), "change-grant", job)


def _until(person: SignedIn, wish: Wish, before: Grant, now: datetime) -> datetime:
    until = wish.until(now, before.until)
    return until if person.acting is None else min(until, person.acting.ends_at)


def is_done(person: SignedIn, wish: Wish, standing: Grant) -> bool:
    """Return whether a grant is what was chosen already, and until when: then the form came twice."""
    is_same = replace(wish, period=AS_IT_IS[0]) == as_it_stands(standing)
    return is_same and standing.until == _until(person, wish, standing, standing.given_at)


def as_it_stands(grant: Grant) -> Wish:
    """Return the form for a grant as it is."""
    return Wish(grant.grantee_id, grant.categories, AS_IT_IS[0], grant.actions, grant.purpose, errors={})


def stands_of(access: Access, language: Language) -> str:
    """Return in words what a grant opens now."""
    sensitive = [language.gettext(CATEGORIES[Category.SENSITIVE].name)] if access.is_sensitive else []
    return f"{', '.join([*access.parts, *sensitive])} · {access.actions}"


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/access`` that change a grant."""
    routes = APIRouter(include_in_schema=False)

    async def open_one(person: SignedIn, grant_id: str) -> Grant:
        found = await grants.one(parts.database.reader, person.record_id, grant_id)
        if found is None or found.withdrawn_at is not None or found.ends_at <= parts.clock():
            raise NotFoundError("This grant is not known.")
        return found

    async def change_page(
        request: Request, person: SignedIn, before: Grant, wish: Wish, *, problem: str = "", is_back: bool = False
    ) -> HTMLResponse:
        access = await named(parts, request, person, before.grant_id)
        categories, actions = most_of(person.acting)
        shown = fields(
            wish,
            ((*AS_IT_IS, timedelta()), *PERIODS),
            most=(categories, actions & may_have(before)),
            purposes=PURPOSES if before.grantee is Grantee.PRACTICE else (),
            ends=access.until,
        )
        return page(
            request,
            "access_change.html",
            status=409 if problem else 422 if wish.errors else 200,
            access=access,
            version=before.version,
            problem=problem,
            stands=stands_of(access, language_of(request)) if problem else "",
            whose=mark_of(parts.settings, person),
            is_back=is_back,
            **shown,
        )

    @routes.get("/access/{grant_id}/change")
    async def ask_change(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], grant_id: str
    ) -> HTMLResponse:
        before = await open_one(person, grant_id)
        wish, typed = as_it_stands(before), typed_before(request, person)
        problem = ""
        if typed:
            wish = replace(wish_of(typed, (), language_of(request), before), errors={})
            problem = "" if text_of(typed, "version") == str(before.version) else CHANGED
        answer = await change_page(request, person, before, wish, problem=problem, is_back=bool(typed))
        forget_typed(request, answer)
        return answer

    @routes.post("/access/{grant_id}/change")
    async def change(
        request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(in_record)], grant_id: str
    ) -> Response:
        before = await open_one(person, grant_id)
        wish = wish_of(form, (), language_of(request), before)
        if wish.errors:
            return await change_page(request, person, before, wish)
        if is_current := text_of(form, "version") == str(before.version):
            try:
                await change_access(parts, request, person, before, wish)
            except PreconditionFailedError:
                is_current, before = False, await open_one(person, grant_id)
        if not is_current and not is_done(person, wish, before):
            return await change_page(request, person, before, wish, problem=CHANGED)
        return RedirectResponse("/access?done=changed", status_code=303)

    return routes
