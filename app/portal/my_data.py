"""My data: take all of the record along. The page has the place for every right that a person has to the record as a whole."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from app.portal.page import page
from app.portal.parts import Parts
from app.portal.session import SignedIn, freshly_signed_in, signed_in
from app.portal.view import trace_of

HERE = "/my-data"


def router(parts: Parts) -> APIRouter:
    """Return the routes below ``/my-data`` about taking the record along."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(HERE)
    async def overview(request: Request, _: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        return page(request, "my_data.html")

    @routes.get(f"{HERE}/record.ndjson")
    async def record(request: Request, person: Annotated[SignedIn, Depends(freshly_signed_in)]) -> StreamingResponse:
        lines = parts.interactions.export(person.requester(), trace_of(request), person.record_id)
        headers = {"Content-Disposition": 'attachment; filename="regie-record.ndjson"', "Cache-Control": "no-store"}
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)

    return routes
