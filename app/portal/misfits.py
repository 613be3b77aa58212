"""What does not fit: data that was kept though it was not written as was agreed, in plain words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from app.portal.interactions import FoundMisfit
from app.portal.language import Language
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, signed_in
from app.portal.view import trace_of
from app.portal.wording import type_words

ISSUES_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One resource: which kind of data, when it came in, and the technical sentences about it, each with its place."""

    what: str
    at: datetime
    details: tuple[tuple[str, str], ...]


def line(misfit: FoundMisfit, zone: ZoneInfo, language: Language) -> Line:
    """Return a resource that does not fit as people read it."""
    details = [(one.expression or "", one.diagnostics) for one in misfit.issues[:ISSUES_SHOWN_MAX]]
    what = type_words(misfit.version.resource_type, language)
    return Line(what, misfit.version.last_updated.astimezone(zone), tuple(details))


def router(parts: Parts) -> APIRouter:
    """Return the route ``/activity/misfits``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)

    @routes.get("/activity/misfits")
    async def overview(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        found = await parts.interactions.misfits_of(person.requester(), trace_of(request))
        lines = [line(one, zone, language_of(request)) for one in found]
        return page(request, "misfits.html", lines=lines, **near(request, parts.clock().astimezone(zone)))

    return routes
