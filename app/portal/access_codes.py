"""The code by which a practice can ask for access, and the practices that can't ask for now."""

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from app.audit.events import Event
from app.consent import codes, requests
from app.db.database import Transaction
from app.identity import practices
from app.portal.page import page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, signed_in
from app.portal.view import trace_of


def told_of(request: Request, person: SignedIn, action: str, detail: str) -> Event:
    """Return the entry of the log for what a person did beside giving access."""
    requester = person.requester()
    return Event(
        action, record_id=person.record_id, kind=requester.kind.value, actor=requester.actor,
        display=requester.display, ground="own record", resource_type="Consent", detail=detail,
        **msgspec.structs.asdict(trace_of(request)),
    )  # fmt: skip


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/access/code``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)
    key = parts.settings.key("cursor")

    async def code_page(request: Request, person: SignedIn, code: str = "") -> HTMLResponse:
        reader, now = parts.database.reader, parts.clock()
        until = await codes.standing(reader, person.record_id, now)
        _, closed = await requests.of_record(reader, person.record_id, now)
        ends = {one.practice_id: one.closed_until for one in reversed(closed) if one.closed_until}
        known = await practices.of(reader, ends)
        return page(
            request,
            "access_code.html",
            code=code,
            until=until.astimezone(zone) if until else None,
            closed=[
                (practice_id, known[practice_id].name, end.astimezone(zone))
                for practice_id, end in ends.items()
                if practice_id in known
            ],
        )

    @routes.get("/access/code")
    async def show_code(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        return await code_page(request, person)

    @routes.post("/access/code")
    async def make_code(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> HTMLResponse:
        async def job(transaction: Transaction) -> str:
            await parts.audit.record(transaction, told_of(request, person, "access-code", ""))
            return await codes.make(transaction, key, person.record_id, parts.clock())

        return await code_page(request, person, await parts.database.write(job))

    @routes.post("/access/code/reopen")
    async def reopen(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> RedirectResponse:
        practice_id = str(form.get("practice", ""))

        async def job(transaction: Transaction) -> None:
            if await requests.reopen(transaction, person.record_id, practice_id):
                told = told_of(request, person, "reopen-requests", f"practice:{practice_id}")
                await parts.audit.record(transaction, told)

        await parts.database.write(job)
        return RedirectResponse("/access/code", 303)

    return routes
