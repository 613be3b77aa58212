"""The page with the history of the care plan, for the person and who acts for them."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from app.access.requester import RequesterKind
from app.db.database import Reader
from app.identity import practices
from app.identity.accounts import name_of
from app.oauth import clients
from app.portal.language import Language
from app.portal.own_plan import PLAN
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.plan_history import TYPES, lines_of
from app.portal.session import SignedIn, in_record
from app.portal.view import reading_for

VERSIONS_READ, LINES_SHOWN = 200, 100


async def names_of(reader: Reader, actors: set[str], person: SignedIn, language: Language) -> dict[str, str]:
    """Return who somebody is, by what the log calls them: a practice, an app, or a person by name."""
    known = {one.practice_id: one.name for one in await practices.every(reader)}
    apps = {one.client_id: one.name for one in await clients.every(reader)}
    found = {}
    for actor in actors:
        kind, _, number = actor.partition(":")
        match kind:
            case RequesterKind.PERSON.value:
                acting = person.acting.mandate if person.acting else None
                found[actor] = acting.represented if acting else language.gettext("You")
            case RequesterKind.REPRESENTATIVE.value:
                found[actor] = (
                    language.gettext("You")
                    if number == person.account_id
                    else await name_of(reader, number) or language.gettext("A person")
                )
            case RequesterKind.PRACTICE.value:
                practice_id, _, staff_id = number.partition(":")
                practice = known.get(practice_id, language.gettext("A practice"))
                name = await name_of(reader, staff_id) if staff_id else None
                found[actor] = f"{name}, {practice}" if name else practice
            case RequesterKind.APP.value:
                found[actor] = apps.get(number, language.gettext("An app"))
            case _:
                found[actor] = language.gettext("Who runs this system")
    return found


def router(parts: Parts) -> APIRouter:
    """Return the route ``/care-plan/history``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(f"{PLAN}/history")
    async def history(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        reading, language = reading_for(parts, request, person), language_of(request)
        several = await asyncio.gather(*(reading.history(one, VERSIONS_READ) for one in TYPES))
        versions = [one for found in several for one in found]
        actors = {one.actor for one in versions}
        names = await names_of(parts.database.reader, actors, person, language) if actors else {}
        lines = lines_of(versions, names, reading.zone, language)
        return page(
            request,
            "plan_history.html",
            lines=lines[:LINES_SHOWN],
            is_cut=len(lines) > LINES_SHOWN or any(len(found) >= VERSIONS_READ for found in several),
            **near(request, reading.now),
        )

    return routes
