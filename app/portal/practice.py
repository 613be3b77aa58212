"""The first page of a login for work: the people that shared something with the practice, what is new, and who needs attention.

Whom somebody looks for stands in no URL: the form is posted, and asks for the date of birth.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from app.access.categories import PARTS, Category
from app.access.staff import StaffRole
from app.errors import TooCostlyError
from app.fhir.elements import day_of, person_name, words
from app.identity.instants import to_us
from app.interactions.shared import Shared, SharedPage, Sought
from app.portal.connections import Access, access_of
from app.portal.language import Language, marked
from app.portal.measuring import day_typed
from app.portal.navigation import NAVIGATION, PAGES_OF_PARTS
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.session import WORK, AtWork, LoginParts, at_work, checked_form
from app.portal.view import trace_of
from app.portal.wording import CATEGORIES, ROLES, category_names

PEOPLE = f"{WORK}/people"
NAME_LENGTH_MAX = 80
OWN_PAGES = frozenset({"/diary"})
"""Pages of parts that only the person has."""

PREPARED = marked("Prepared for the visit")
PAGE_NAMES = tuple(
    (entry.path, PREPARED if entry.path == "/visit" else entry.name)
    for entry in NAVIGATION
    if entry.path in PAGES_OF_PARTS and entry.path not in OWN_PAGES
)
"""The pages about a person, with their names: what the person prepares is read here."""

NO_DATE = marked("Fill in the date of birth.")
EVERYBODY, FOUND, IN_NEED = "everybody", "found", "in-need"


@dataclass(frozen=True, slots=True)
class NewsView:
    """What is new about a person: alarms in words, and how many resources changed by the name of their part.

    ``seen_at`` is local, None when the reader never said that they saw the person. ``until`` and ``at``, the moment of the page
    in microseconds UTC, go into the form that says so.
    """

    alarms: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    is_cut: bool
    is_granted_anew: bool
    seen_at: datetime | None
    until: int
    at: int

    @property
    def is_there(self) -> bool:
        """Return whether something changed."""
        return bool(self.counts) or self.is_granted_anew


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
    news: NewsView
    may_add_to_plan: bool
    may_change_plan: bool

    @property
    def is_of_all(self) -> bool:
        """Return whether all parts of the record are open."""
        return len(self.parts) == len(PARTS)

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
        news=_news(shared, now, zone, language),
        may_add_to_plan=Category.CARE_PLAN in shared.addable,
        may_change_plan=Category.CARE_PLAN in shared.changeable,
    )


def _news(shared: Shared, now: datetime, zone: ZoneInfo, language: Language) -> NewsView:
    news = shared.news
    return NewsView(
        alarms=tuple(words(flag.get("code")) or language.gettext("An alarm without words") for flag in news.alarms),
        counts=tuple((language.gettext(CATEGORIES[part].name), count) for part, count in news.counts),
        is_cut=news.is_cut,
        is_granted_anew=shared.is_granted_anew,
        seen_at=news.seen_at.astimezone(zone) if news.seen_at else None,
        until=news.until,
        at=to_us(now),
    )


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form that looks for somebody, and what is wrong with it."""

    name: str = ""
    born: str = ""
    problem: str = ""


NOTHING = Typed()


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/practice``, ``/practice/attention`` and ``/practice/find``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)

    async def shown(
        request: Request,
        who: AtWork,
        view: str,
        wanted: Callable[[], Awaitable[SharedPage]] | None,
        typed: Typed = NOTHING,
    ) -> HTMLResponse:
        """Return the page with the people that are ``wanted``, None for nobody."""
        found, too_many = None, False
        try:
            found = await wanted() if wanted is not None and _sees_people(who) else None
        except TooCostlyError:
            too_many = True
        return page(
            request,
            "practice.html",
            status=422 if typed.problem or too_many else 200,
            who=who,
            role=ROLES[who.member.described.role],
            sees_people=_sees_people(who),
            view=view,
            people=[view_of(one, parts.clock(), zone, language_of(request)) for one in found.people] if found else [],
            next=found.next if found else None,
            too_many=too_many,
            is_cut=found is not None and found.is_cut,
            typed=typed,
        )

    @routes.get(WORK)
    async def people(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        after: Annotated[str | None, Query(max_length=40)] = None,
    ) -> HTMLResponse:
        wanted = partial(parts.interactions.shared_people, who.requester(), trace_of(request), after)
        return await shown(request, who, EVERYBODY, wanted)

    @routes.get(f"{WORK}/attention")
    async def in_need(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> HTMLResponse:
        wanted = partial(parts.interactions.people_in_need, who.requester(), trace_of(request), after)
        return await shown(request, who, IN_NEED, wanted)

    @routes.get(f"{WORK}/find")
    async def not_found_yet(_: Annotated[AtWork, Depends(at_work)]) -> RedirectResponse:
        return RedirectResponse(WORK, 303)

    @routes.post(f"{WORK}/find")
    async def find(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> HTMLResponse:
        name, born = " ".join(text_of(form, "name").split())[:NAME_LENGTH_MAX], text_of(form, "born")[:10]
        day = day_typed(born)
        if day is None:
            return await shown(request, who, FOUND, None, Typed(name, born, NO_DATE))
        wanted = partial(parts.interactions.people_born, who.requester(), trace_of(request), Sought(day, name))
        return await shown(request, who, FOUND, wanted, Typed(name, born))

    return routes


def _sees_people(who: AtWork) -> bool:
    return who.member.described.role is not StaffRole.NONE
