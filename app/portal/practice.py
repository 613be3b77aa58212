"""The first page of a login for work: the people that shared something with the practice."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from app.access.categories import PARTS, Category
from app.access.staff import StaffRole
from app.errors import TooCostlyError
from app.fhir.elements import day_of, person_name
from app.interactions.shared import Shared, Sought
from app.portal.connections import Access, access_of
from app.portal.language import Language, marked
from app.portal.navigation import NAVIGATION, PAGES_OF_PARTS
from app.portal.page import language_of, page
from app.portal.session import WORK, AtWork, LoginParts, at_work
from app.portal.view import trace_of
from app.portal.wording import ROLES, category_names

PEOPLE = f"{WORK}/people"
NAME_LENGTH_MAX = 80
PAGE_NAMES = tuple((entry.path, entry.name) for entry in NAVIGATION if entry.path in PAGES_OF_PARTS)
NO_DATE = marked("This is not a date.")


@dataclass(frozen=True, slots=True)
class SharedView:
    """A person as a page shows them; ``closed`` has the codes of the parts that are not open, ``pages`` path and name of those with one open.

    ``is_less`` says that the role leaves out something of what was granted.
    """

    key: str
    name: str
    born: date | None
    grants: tuple[Access, ...]
    parts: list[str]
    closed: frozenset[str]
    is_sensitive: bool
    is_less: bool
    pages: tuple[tuple[str, str], ...]

    @property
    def until(self) -> datetime:
        """Return when the last of the grants ends."""
        return max(one.until for one in self.grants)


def view_of(shared: Shared, now: datetime, zone: ZoneInfo, language: Language) -> SharedView:
    """Return what a page shows of a person."""
    patient = shared.patient.tree() if shared.patient else {}
    granted = Category(0)
    for grant in shared.grants:
        granted |= grant.categories
    return SharedView(
        key=shared.key,
        name=person_name(patient),
        born=day_of(patient.get("birthDate")),
        grants=tuple(access_of(grant, "", "", now, zone, language) for grant in shared.grants),
        parts=category_names(shared.shown, language),
        closed=frozenset(part.code for part in PARTS if part not in shared.shown),
        is_sensitive=Category.SENSITIVE in shared.shown,
        is_less=shared.shown != granted,
        pages=tuple((path, name) for path, name in PAGE_NAMES if PAGES_OF_PARTS[path] & shared.shown),
    )


def router(parts: LoginParts) -> APIRouter:
    """Return the route ``/practice``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(WORK)
    async def people(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        name: Annotated[str, Query(max_length=NAME_LENGTH_MAX)] = "",
        born: Annotated[str, Query(max_length=10)] = "",
        after: Annotated[str | None, Query(max_length=40)] = None,
    ) -> HTMLResponse:
        zone, language = ZoneInfo(parts.settings.time_zone), language_of(request)
        sees_people = who.member.described.role is not StaffRole.NONE
        problem, sought = "", Sought(" ".join(name.split()))
        try:
            sought = replace(sought, birth_date=date.fromisoformat(born) if born else None)
        except ValueError:
            problem = NO_DATE
        found, too_many = None, False
        if sees_people and not problem:
            try:
                found = await parts.interactions.shared_people(who.requester(), trace_of(request), sought, after)
            except TooCostlyError:
                too_many = True
        return page(
            request,
            "practice.html",
            status=422 if problem or too_many else 200,
            who=who,
            role=ROLES[who.member.described.role],
            sees_people=sees_people,
            people=[view_of(one, parts.clock(), zone, language) for one in found.people] if found else [],
            next=found.next if found else None,
            too_many=too_many,
            is_cut=found is not None and found.is_cut,
            name=name,
            born=born,
            problem=problem,
        )

    return routes
