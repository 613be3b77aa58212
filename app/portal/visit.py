"""Prepare my visit: what is prepared for the practices, earlier visits, and one of them to print."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from app.errors import NotFoundError
from app.fhir.release import Release
from app.portal.language import marked
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.view import reading_for
from app.portal.visit_changes import VISIT, may_edit, may_prepare
from app.portal.visits import visits_of
from app.portal.writers import Names, names_of

SAVED = {
    "prepared": marked("Your visit is prepared. The practice can see it."),
    "changed": marked("Your changes are kept. The practice sees them too."),
    "withdrawn": marked("This is withdrawn. The practice does not see it on its page any more."),
}
"""What the list says after a form was kept, by ``saved`` in its URL."""


async def show_visits(
    request: Request, reading: Reading, names: Names, practice_id: str | None = None, **frame: Any
) -> HTMLResponse:
    """Return the page with what is prepared, for one practice if it is given; ``frame`` has what is around it.

    ``names`` gives who somebody is to who reads, by what the log calls them.
    """
    visits = await visits_of(reading, language_of(request), names, practice_id)
    return page(
        request,
        "visits.html",
        coming=[one for one in visits if not one.prepared.is_over(reading.today)],
        earlier=[one for one in visits if one.prepared.is_over(reading.today)],
        **near(request, reading.now),
        **{"may_prepare": False, "may_edit": False, "saved": "", **frame},
    )


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/visit`` and ``/visit/{release}/{resource_id}``, of before without release: an id may be in both."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(VISIT)
    async def overview(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], saved: Annotated[str, Query()] = ""
    ) -> HTMLResponse:
        return await show_visits(
            request,
            reading_for(parts, request, person),
            partial(names_of, parts.database.reader, person=person, language=language_of(request)),
            may_prepare=may_prepare(person),
            may_edit=may_edit(person),
            saved=SAVED.get(saved, ""),
        )

    @routes.get(f"{VISIT}/{{resource_id}}")
    @routes.get(f"{VISIT}/{{release}}/{{resource_id}}")
    async def to_print(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], resource_id: str, release: str = ""
    ) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        names = partial(names_of, parts.database.reader, person=person, language=language_of(request))
        visits = await visits_of(reading, language_of(request), names)
        places = [f"{one.path}/{resource_id}" for one in Release if release in ("", one.path)]
        found = next((visit for visit in visits if visit.prepared.place in places), None)
        if found is None:
            raise NotFoundError("There is no such visit.")
        return page(request, "visit.html", visit=found, may_edit=may_edit(person), **near(request, reading.now))

    return routes
