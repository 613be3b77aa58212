"""The first page of a login for work."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from app.access.staff import StaffRole
from app.portal.language import marked
from app.portal.page import page
from app.portal.session import WORK, AtWork, LoginParts, at_work

ROLES = {
    StaffRole.GP: marked("GP"),
    StaffRole.PRACTICE_NURSE: marked("Practice nurse"),
    StaffRole.ASSISTANT: marked("Assistant"),
    StaffRole.NONE: marked("No role in care"),
}
"""The roles in words."""


def router(_: LoginParts) -> APIRouter:
    """Return the route ``/practice``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(WORK)
    async def show(request: Request, who: Annotated[AtWork, Depends(at_work)]) -> HTMLResponse:
        return page(request, "practice.html", who=who, role=ROLES[who.member.described.role])

    return routes
