"""Stopping all that a practice has in a record at once: what it was given, what its systems hold on that, and what it asks for."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.grant import Grantee
from app.access.smart_scope import Action
from app.audit.events import Event
from app.consent import grants, requests
from app.consent.requests import Answer
from app.db.database import Transaction
from app.errors import NotFoundError
from app.jobs.texts import NoticeKind
from app.portal.connections import accesses, deed_of, end, event_of, newest_of, notify_of
from app.portal.interactions import Leave
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, in_record
from app.portal.view import trace_of
from app.portal.waiting import waiting_for


async def stop_all(parts: Parts, request: Request, person: SignedIn, practice_id: str) -> None:
    """End all that a practice has in the record in view, in one transaction, each with its entry of the log.

    Its requests are declined by the person alone. Raises: AccessDeniedError, for a grant that is not theirs to end; then none does.
    """
    now = parts.clock()

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.DELETE)
        events: list[Event] = []
        for one in await grants.of_practice(transaction, practice_id, now, person.record_id):
            ended = await end(transaction, leave, person, one.grant_id, now)
            if ended is not None:
                if not events:
                    await notify_of(transaction, request, person, NoticeKind.ACCESS_WITHDRAWN, now, ended)
                events.append(event_of(request, person, "withdraw", ended))
        waiting, _ = await requests.of_record(transaction, person.record_id, now)
        for asked in waiting:
            if person.acting is None and asked.practice_id == practice_id:
                await requests.answer(transaction, asked, Answer.DECLINED, now)
                events.append(deed_of(request, person, "decline-request", f"practice:{practice_id}"))
        return events

    await parts.interactions.change_access(person.requester(), trace_of(request), "withdraw", job)


def router(parts: Parts) -> APIRouter:
    """Return the route ``/access/{grant_id}/stop-all``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/access/{grant_id}/stop-all")
    async def confirm(request: Request, person: Annotated[SignedIn, Depends(in_record)], grant_id: str) -> HTMLResponse:
        found = await accesses(parts, request, person)
        access = newest_of(found, grant_id)
        if access.kind is not Grantee.PRACTICE:
            raise NotFoundError("This grant is to no practice.")
        is_own = person.acting is None
        waiting = await waiting_for(parts, person.record_id, language_of(request)) if is_own else []
        return page(
            request,
            "access_stop_all.html",
            access=access,
            ending=[
                one
                for one in found
                if one.kind is Grantee.PRACTICE
                and one.grantee_id == access.grantee_id
                and one.state in ("in-force", "planned")
            ],
            asked=[one for one in waiting if one.practice_id == access.grantee_id],
        )

    @routes.post("/access/{grant_id}/stop-all")
    async def stop(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        _: Annotated[FormData, Depends(checked_form)],
        grant_id: str,
    ) -> Response:
        access = newest_of(await accesses(parts, request, person), grant_id)
        if access.kind is not Grantee.PRACTICE:
            raise NotFoundError("This grant is to no practice.")
        await stop_all(parts, request, person, access.grantee_id)
        return RedirectResponse(f"/access?done=stopped-all&grant={grant_id}", 303)

    return routes
