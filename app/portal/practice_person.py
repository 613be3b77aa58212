"""The pages of a practice about one person: what they shared, shown by the pages that they have themselves.

Each look goes through the interactions as the one who looks, held to what this person granted and to the role. There is no way
around a grant, in an emergency neither.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.requester import Requester
from app.errors import AccessDeniedError, BadRequestError
from app.identity.instants import from_us
from app.identity.staff_looks import StaffLook
from app.portal.document_pages import add_addresses, file_of, show_document, show_documents
from app.portal.measurements import show_kind, show_measurements
from app.portal.open_session import text_of
from app.portal.other_data import show_other
from app.portal.page import language_of, page
from app.portal.plan_proposals import SAVED
from app.portal.practice import PEOPLE, view_of
from app.portal.reading import Reading
from app.portal.record import show_care_plan, show_medication, show_medication_list, show_summary
from app.portal.session import AtWork, LoginParts, at_work, checked_form
from app.portal.view import trace_of
from app.portal.visit import show_visits
from app.portal.writers import Names, names_at_work

NUMBER = re.compile(r"[0-9]{1,15}")
INSTANT = re.compile(r"[0-9]{16}")

Show = Callable[..., Awaitable[Response]]
"""Makes a page, or a file, of a request and a record; the rest of its arguments is the frame."""


async def _overview(request: Request, _: Reading, **frame: Any) -> HTMLResponse:
    return page(request, "practice_person.html", is_seen=request.query_params.get("done") == "seen", **frame)


async def _care_plan(request: Request, reading: Reading, names: Names, **frame: Any) -> Response:
    saved = SAVED.get(request.query_params.get("saved", ""), "")
    return await show_care_plan(request, reading, names, saved=saved, **frame)


async def looking_at(parts: LoginParts, who: AtWork, key: str) -> Requester:
    """Return who is at work, held to the one person that a grant names. Raises: NotFoundError."""
    record_id = await parts.interactions.record_of_key(who.practice.practice_id, key)
    return replace(who.requester(), only_record=record_id)


async def page_about(
    parts: LoginParts, request: Request, who: AtWork, key: str, show: Show, part: str = "", *more: Any
) -> Response:
    """Return a page about one person, or a calm one when it is not open (any more); ``part`` is the path of a page that has to be."""
    requester, trace = await looking_at(parts, who, key), trace_of(request)
    zone = ZoneInfo(parts.settings.time_zone)
    now = parts.clock().astimezone(zone)
    try:
        shared = view_of(await parts.interactions.shared_person(requester, trace), now, zone, language_of(request))
        if part and part not in dict(shared.pages):
            raise AccessDeniedError("This part was not shared.")
        reading = Reading(parts.interactions, requester, trace, now, zone)
        return await show(request, reading, *more, shared=shared, closed=shared.closed, base=f"{PEOPLE}/{key}")
    except AccessDeniedError as error:
        return page(request, "practice_ended.html", status=error.status)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/practice/people``."""
    routes = APIRouter(include_in_schema=False)

    def add(path: str, show: Show, part: str | None = None) -> None:
        async def one(request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str) -> Response:
            return await page_about(parts, request, who, grant_id, show, path if part is None else part)

        routes.add_api_route(f"{PEOPLE}/{{grant_id}}{path}", one, methods=["GET"], response_model=None)

    add("", _overview)
    add("/measurements", show_measurements)
    add("/medication", show_medication)
    add("/medication/list", show_medication_list, "/medication")
    add("/summary", show_summary)
    add("/documents", show_documents)
    add("/other", show_other)

    @routes.get(f"{PEOPLE}/{{grant_id}}/care-plan")
    async def care_plan(request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str) -> Response:
        names = partial(names_at_work, parts.database.reader, who=who, language=language_of(request))
        return await page_about(parts, request, who, grant_id, _care_plan, "/care-plan", names)

    @routes.get(f"{PEOPLE}/{{grant_id}}/visit")
    async def visits(request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str) -> Response:
        names = partial(names_at_work, parts.database.reader, who=who, language=language_of(request))
        return await page_about(parts, request, who, grant_id, show_visits, "/visit", names, who.practice.practice_id)

    @routes.get(f"{PEOPLE}/{{grant_id}}/measurements/{{key}}")
    async def kind(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        grant_id: str,
        key: str,
        period: Annotated[str, Query()] = "",
    ) -> Response:
        return await page_about(parts, request, who, grant_id, show_kind, "/measurements", key, period)

    @routes.post(f"{PEOPLE}/{{grant_id}}/seen")
    async def seen(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        form: Annotated[FormData, Depends(checked_form)],
        grant_id: str,
    ) -> Response:
        until, at = text_of(form, "until"), text_of(form, "at")
        if NUMBER.fullmatch(until) is None or INSTANT.fullmatch(at) is None:
            raise BadRequestError("This is not the number of a change and a moment.")
        look = StaffLook(int(until), from_us(int(at)))
        try:
            await parts.interactions.mark_seen(await looking_at(parts, who, grant_id), trace_of(request), look)
        except AccessDeniedError as error:
            return page(request, "practice_ended.html", status=error.status)
        return RedirectResponse(f"{PEOPLE}/{grant_id}?done=seen", 303)

    def add_file(path: str, *, is_shown: bool) -> None:
        async def one(
            request: Request,
            who: Annotated[AtWork, Depends(at_work)],
            grant_id: str,
            resource_id: str,
            release: str = "",
            place: Annotated[int, Query(ge=0, le=99)] = 0,
        ) -> Response:
            show = partial(file_of, is_shown=is_shown)
            return await page_about(parts, request, who, grant_id, show, "/documents", release, resource_id, place)

        add_addresses(routes, f"{PEOPLE}/{{grant_id}}/documents", path, one)

    add_file("/shown", is_shown=True)
    add_file("/file", is_shown=False)

    async def document(
        request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str, resource_id: str, release: str = ""
    ) -> Response:
        return await page_about(parts, request, who, grant_id, show_document, "/documents", release, resource_id)

    add_addresses(routes, f"{PEOPLE}/{{grant_id}}/documents", "", document)

    return routes
