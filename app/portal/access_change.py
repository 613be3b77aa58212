"""Changing a grant: other parts, actions, purpose or end; with whom it is stays."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.grant import Grant, Grantee
from app.access.smart_scope import Action
from app.audit.events import Event
from app.consent import grants
from app.db.database import Transaction
from app.errors import NotFoundError
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
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, in_record
from app.portal.view import trace_of


async def change_access(parts: Parts, request: Request, person: SignedIn, before: Grant, wish: Wish) -> None:
    """Put what was filled in in the place of a grant, with its log entry and its mail.

    Raises: NotFoundError, when the grant is over.
    """
    now = parts.clock()
    until = wish.until(now, before.until)
    if person.acting is not None:
        until = min(until, person.acting.ends_at)

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.UPDATE)
        await leave.to_change(before)
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


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/access`` that change a grant."""
    routes = APIRouter(include_in_schema=False)

    async def open_one(person: SignedIn, grant_id: str) -> Grant:
        found = await grants.one(parts.database.reader, person.record_id, grant_id)
        if found is None or found.withdrawn_at is not None or found.ends_at <= parts.clock():
            raise NotFoundError("This grant is not known.")
        return found

    def change_page(request: Request, person: SignedIn, access: Access, before: Grant, wish: Wish) -> HTMLResponse:
        categories, actions = most_of(person.acting)
        shown = fields(
            wish,
            ((*AS_IT_IS, timedelta()), *PERIODS),
            most=(categories, actions & may_have(before)),
            purposes=PURPOSES if before.grantee is Grantee.PRACTICE else (),
            ends=access.until,
        )
        return page(request, "access_change.html", status=422 if wish.errors else 200, access=access, **shown)

    @routes.get("/access/{grant_id}/change")
    async def ask_change(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], grant_id: str
    ) -> HTMLResponse:
        before = await open_one(person, grant_id)
        wish = Wish(before.grantee_id, before.categories, AS_IT_IS[0], before.actions, before.purpose, errors={})
        return change_page(request, person, await named(parts, request, person, grant_id), before, wish)

    @routes.post("/access/{grant_id}/change")
    async def change(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        form: Annotated[FormData, Depends(checked_form)],
        grant_id: str,
    ) -> Response:
        before = await open_one(person, grant_id)
        wish = wish_of(form, [], language_of(request), before)
        if wish.errors:
            return change_page(request, person, await named(parts, request, person, grant_id), before, wish)
        await change_access(parts, request, person, before, wish)
        return RedirectResponse("/access?done=changed", status_code=303)

    return routes
