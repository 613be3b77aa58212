"""The page with the history of the care plan: for the person and who acts for them, and for a practice that sees the plan."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from app.portal.own_plan import PLAN
from app.portal.page import language_of, near, page
from app.portal.plan_history import TYPES, lines_of
from app.portal.practice import PEOPLE
from app.portal.practice_person import page_about
from app.portal.reading import Reading
from app.portal.session import AtWork, LoginParts, SignedIn, at_work, in_record
from app.portal.view import reading_for
from app.portal.writers import Names, names_at_work, names_of

VERSIONS_READ, LINES_SHOWN = 200, 100


async def show_history(request: Request, reading: Reading, names: Names, **frame: Any) -> HTMLResponse:
    """Return the page of a record; ``names`` gives who somebody is to who reads, by what the log calls them."""
    several = await asyncio.gather(*(reading.history(one, VERSIONS_READ) for one in TYPES))
    versions = [one for found in several for one in found]
    actors = {one.actor for one in versions}
    lines = lines_of(versions, await names(actors) if actors else {}, reading.zone, language_of(request))
    return page(
        request,
        "plan_history.html",
        lines=lines[:LINES_SHOWN],
        is_cut=len(lines) > LINES_SHOWN or any(len(found) >= VERSIONS_READ for found in several),
        **near(request, reading.now),
        **frame,
    )


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/care-plan/history`` and that of a practice."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(f"{PLAN}/history")
    async def history(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        reader, language = parts.database.reader, language_of(request)
        names = partial(names_of, reader, person=person, language=language)
        return await show_history(request, reading_for(parts, request, person), names)

    @routes.get(f"{PEOPLE}/{{grant_id}}{PLAN}/history")
    async def history_at_work(request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str) -> Response:
        names = partial(names_at_work, parts.database.reader, who=who, language=language_of(request))
        return await page_about(parts, request, who, grant_id, show_history, PLAN, names)

    return routes
