"""What a practice sees of the record, per part: now, or on a day and at a time in the past."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from app.access.categories import ALL_PARTS, PARTS, Category
from app.access.grant import Grantee
from app.consent import grants
from app.errors import NotFoundError
from app.portal.interactions import CountedSeen
from app.portal.language import Language
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, in_record
from app.portal.view import trace_of
from app.portal.wording import CATEGORIES, type_words


@dataclass(frozen=True, slots=True)
class SeenPart:
    """One part of the record, or what is of several, as a practice sees it: how many things, and how many of each kind in words."""

    name: str
    is_open: bool
    count: int
    kinds: list[tuple[str, int]]


def seen_parts(shown: Category, counted: Iterable[CountedSeen], language: Language) -> list[SeenPart]:
    """Return all parts in the usual order, each with what is of it alone; then what is of several, such as who gives care.

    What is of several parts is seen if one of them is open. It is told once, if there is any: a part's number is of the part.
    """
    parts: dict[Category, Counter[str]] = {part: Counter[str]() for part in PARTS}
    several = Counter[str]()
    for one in counted:
        if one.categories & shown:
            kinds = parts.get(Category(one.categories & ALL_PARTS), several)
            kinds[type_words(one.resource_type, language)] += one.count
    found = [
        _seen(language.gettext(CATEGORIES[part].name), kinds, is_open=bool(part & shown))
        for part, kinds in parts.items()
    ]
    return [*found, *([_seen(language.gettext("Of several parts"), several, is_open=True)] if several else [])]


def _seen(name: str, kinds: Counter[str], *, is_open: bool) -> SeenPart:
    return SeenPart(name, is_open, kinds.total(), sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))


def router(parts: Parts) -> APIRouter:
    """Return the route under ``/access`` that shows what a practice sees."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/access/{grant_id}/seen")
    async def seen(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        grant_id: str,
        at: Annotated[str, Query(max_length=32)] = "",
    ) -> HTMLResponse:
        grant = await grants.one(parts.database.reader, person.record_id, grant_id)
        if grant is None or grant.grantee is Grantee.APP:
            raise NotFoundError("This grant is not known.")
        language, zone = language_of(request), ZoneInfo(parts.settings.time_zone)
        moment, problem = _moment(at, parts.clock().astimezone(zone), language)
        preview = await parts.interactions.preview(person.requester(), trace_of(request), grant, moment)
        shown = Category(0) if preview.access is None else preview.access.parts
        return page(
            request,
            "access_seen.html",
            status=422 if problem else 200,
            grant_id=grant_id,
            name=preview.name,
            found=seen_parts(shown, preview.counts, language),
            is_sensitive=preview.access is not None and bool(preview.access.unlocked),
            is_open=preview.access is not None,
            at=at,
            moment=moment,
            problem=problem,
        )

    return routes


def _moment(text: str, now: datetime, language: Language) -> tuple[datetime | None, str]:
    """Return the local moment of a form, None for now, and what is wrong with it."""
    if not text:
        return None, ""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=now.tzinfo)
    except ValueError:
        return None, language.gettext("Fill in a day and a time.")
    return (moment, "") if moment <= now else (None, language.gettext("Choose a moment that is past."))
