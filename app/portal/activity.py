"""Who looked: the log of a record in plain words."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from app.access.grant import Grantee
from app.audit.events import Event
from app.audit.keys import key_set, published
from app.audit.log import LogEntry
from app.audit.unusual import Unusual, unusual
from app.consent import grants
from app.errors import NotFoundError
from app.identity import practices
from app.identity.instants import to_us
from app.oauth import clients
from app.portal.formats import joined
from app.portal.interactions import LogPage
from app.portal.language import Language, marked
from app.portal.log_filter import DEEDS, WHO, Filter, is_person
from app.portal.login_words import change_words, way_words
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, in_record
from app.portal.view import trace_of
from app.portal.wording import ROLES, type_words

PAGE_SIZE = 40
JSON_LINES = "application/x-ndjson"
REQUEST_LONGEST_US = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOKED = marked("looked at %(what)s")
_SOUGHT = marked("searched for %(what)s, and got to see nothing")
_COMPARED = marked("compared a file with the record, and added nothing")
_WRITES = {
    "create": marked("added data: %(what)s"),
    "update": marked("changed data: %(what)s"),
    "patch": marked("changed data: %(what)s"),
    "delete": marked("removed data: %(what)s"),
    "batch": marked("sent data: %(what)s"),
    "transaction": marked("sent data: %(what)s"),
}
_DEEDS = {
    "logout": marked("logged out"),
    "grant": marked("gave access"),
    "change-grant": marked("changed access"),
    "withdraw": marked("stopped access"),
    "token": marked("opened the connection"),
    "log": marked("looked at this log"),
    "operation-receipt": marked("took a receipt of a line of this log"),
    "operation-request-access": marked("asked you for access"),
    "access-code": marked("made a code for a practice"),
    "decline-request": marked("gave no access to a practice that asked"),
    "reopen-requests": marked("let a practice ask again"),
    "invite": marked("made a code for somebody who helps"),
    "represent": marked("went into the record"),
    "seen": marked("noted that they saw what was new"),
    "alerts": marked("changed which messages come about this list"),
    "export": marked("took a copy of the record"),
    "import": marked("brought in a record"),
    "import-resources": marked("added data from a file"),
    "time-zone": marked("changed the time zone of the record"),
}
_REFUSED = {
    "login": marked("tried to log in, which failed"),
    "login-changed": marked("tried to set another password, which failed"),
    "token": marked("tried to open a connection, which was refused"),
    "grant": marked("asked for access, which you did not allow"),
}

_SIGNS = {
    Unusual.FIRST: marked("First time"),
    Unusual.MANY: marked("Much at once"),
    Unusual.NIGHT: marked("At night"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """One line of the page: what one party did in one request; ``kind`` is person, app, practice, operator or empty."""

    at: datetime
    who: str
    kind: str
    what: str
    is_refused: bool
    ground: str
    numbers: tuple[int, ...]
    request_id: str
    signs: tuple[str, ...] = ()

    @property
    def day(self) -> date:
        """Return the local date."""
        return self.at.date()


def _instant(microseconds: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=microseconds)).astimezone(zone)


def who_words(event: Event, language: Language, *, is_own: bool) -> str:
    """Return who did something, with role and place; ``is_own``: the reader is the person."""
    if is_person(event) and is_own:
        return language.gettext("You")
    name = event.display or language.gettext("Someone who is not known")
    if event.kind == "operator" and event.display:
        name = language.gettext("Who runs this website")
    role = next((language.gettext(name) for role, name in ROLES.items() if role.value == event.role), "")
    about = ", ".join(part for part in (role, event.organisation) if part)
    if about:
        name = f"{name} ({about})"
    if event.on_behalf_of:
        return language.gettext("%(name)s, in the name of %(person)s,") % {"name": name, "person": event.on_behalf_of}
    return name


def _what(events: list[Event], language: Language) -> str:
    """Return what was done in one request, in words; of a look, what was found, and only if that is nothing what was sought."""
    first = events[-1]
    if first.outcome != "success":
        known = _REFUSED.get(first.action)
        if known:
            return language.gettext(known)
        about = type_words(first.resource_type, language) if first.resource_type else language.gettext("the record")
        return language.gettext("asked for %(what)s, which was refused") % {"what": about}
    if first.action == "login":
        return way_words(first.detail, language)
    if first.action == "login-changed":
        return change_words(first.detail, language)
    if first.action == "import-resources" and not any(event.count for event in events):
        return language.gettext(_COMPARED)
    if first.action in _DEEDS and all(event.action == first.action for event in events):
        return language.gettext(_DEEDS[first.action])
    written = next((event.action for event in events if event.action in _WRITES), "")
    shown = [event for event in reversed(events) if not written or event.action == written]
    found = [event for event in shown if event.count or event.action != "search-type"]
    types = [event.resource_type for event in found or shown if event.resource_type]
    kinds = list(dict.fromkeys(type_words(resource_type, language) for resource_type in types))
    about = joined(kinds, language) if kinds else language.gettext("the record")
    return language.gettext(_WRITES.get(written, _LOOKED if found else _SOUGHT)) % {"what": about}


def _deed(event: Event) -> str:
    """Return what is a line of its own, whatever else its request looked at: neither hides the other."""
    return event.action if event.action in _DEEDS and event.action != "log" else ""


def _ground(event: Event, language: Language) -> str:
    if event.ground in ("own record", "own log"):
        return language.gettext("Your own record")
    if event.ground.startswith("representation "):
        return language.gettext("Acts for you")
    if event.ground.startswith("grant "):
        return language.gettext("You gave access")
    if event.ground == "operator":
        return language.gettext("Maintenance of this website")
    return ""


def _signs(event: Event, zone: ZoneInfo, *, is_first: bool) -> tuple[Unusual, ...]:
    return unusual(event, hour=_instant(event.instant, zone).hour, is_first=is_first)


def looks(
    entries: Iterable[LogEntry],
    zone: ZoneInfo,
    language: Language,
    firsts: Container[int] = (),
    *,
    is_own: bool = True,
) -> list[Look]:
    """Return the lines for log entries (newest first): what one request of one party looked at or wrote is one line, as is each deed.

    ``firsts`` are the numbers of entries that are the first of a practice. ``is_own``: the reader is the person.
    The id of a request is the caller's to choose: one that comes again later does not hide how often somebody looked.
    """
    groups: list[list[LogEntry]] = []
    for entry in entries:
        last = groups[-1][-1].event if groups else None
        alike = (
            last is not None
            and entry.event.request_id
            and groups[-1][0].event.instant - entry.event.instant <= REQUEST_LONGEST_US
            and (last.request_id, last.actor, last.outcome, _deed(last))
            == (entry.event.request_id, entry.event.actor, entry.event.outcome, _deed(entry.event))
        )
        if alike:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return [
        Look(
            at=_instant(group[0].event.instant, zone),
            who=who_words(group[0].event, language, is_own=is_own),
            kind=group[0].event.kind if group[0].event.display else "",
            what=_what([entry.event for entry in group], language),
            is_refused=group[0].event.outcome != "success",
            ground=_ground(group[0].event, language) if is_own else "",
            numbers=tuple(entry.n for entry in group),
            request_id=group[0].event.request_id,
            signs=tuple(
                language.gettext(_SIGNS[sign])
                for sign in _signs(
                    msgspec.structs.replace(group[-1].event, count=sum(entry.event.count for entry in group)),
                    zone,
                    is_first=any(entry.n in firsts for entry in group),
                )
                if sign is not Unusual.REFUSED
            ),
        )
        for group in groups
    ]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


async def entries(
    parts: Parts,
    request: Request,
    person: SignedIn,
    wanted: Filter,
    before: str | None = None,
    *,
    most: int,
    after: datetime | None = None,
) -> LogPage:
    """Return at most ``most`` entries that are wanted, newest first, and came ``after`` that; a page that is not full may not be the last."""
    zone = ZoneInfo(parts.settings.time_zone)

    def takes(entry: LogEntry, *, is_first: bool) -> bool:
        if wanted.leaves_out(entry.event):
            return False
        day = _instant(entry.event.instant, zone).date()
        return wanted.takes(entry.event, day, _signs(entry.event, zone, is_first=is_first))

    return await parts.interactions.log_of(
        person.requester(), trace_of(request), before, most, takes, to_us(after) if after else 0
    )


async def parties(parts: Parts, person: SignedIn) -> list[tuple[str, str]]:
    """Return the practices and apps that the person ever gave access, by name: what they are in the log, and the name.

    Who acts for somebody is offered none: what was given to whom is not theirs to see by this.
    """
    if person.acting is not None:
        return []
    reader = parts.database.reader
    given = await grants.of_record(reader, person.record_id)
    known = await practices.of(reader, (one.grantee_id for one in given if one.grantee is Grantee.PRACTICE))
    apps = await clients.names(reader, (one.grantee_id for one in given if one.grantee is Grantee.APP))
    found = [(f"practice:{one.practice_id}", one.name) for one in known.values()]
    found += [(f"app:{client_id}", name) for client_id, name in apps.items()]
    return sorted(found, key=lambda one: one[1].casefold())


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/activity``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)

    @routes.get("/activity")
    async def overview(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        who: str = "others",
        since: str = "",
        until: str = "",
        party: Annotated[str, Query(max_length=128)] = "",
        deed: str = "",
        only: str = "",
        before: str = "",
    ) -> HTMLResponse:
        language = language_of(request)
        known = await parties(parts, person)
        wanted = Filter(
            who if who in dict(WHO) else "others",
            _day(since),
            _day(until),
            party if party in dict(known) else "",
            deed if deed in dict(DEEDS) else "",
            only=bool(only),
        )
        found = await entries(parts, request, person, wanted, before or None, most=PAGE_SIZE)
        kept = {"since": since, "until": until, "party": wanted.party, "deed": wanted.deed, "only": only and "1"}
        return page(
            request,
            "activity.html",
            looks=looks(found.entries, zone, language, found.firsts, is_own=person.acting is None),
            following=found.next,
            wanted=wanted,
            choices=WHO,
            deeds=DEEDS,
            parties=known,
            party=dict(known).get(wanted.party, ""),
            kept=urlencode({name: value for name, value in kept.items() if value}),
            since=since,
            until=until,
            **near(request, parts.clock().astimezone(zone)),
        )

    @routes.get("/.well-known/regie-audit-keys")
    async def keys() -> Response:
        found = await published(parts.database.reader)
        return Response(key_set(found), media_type="application/jwk-set+json")

    @routes.get("/activity/receipt/{number}")
    async def receipt(request: Request, person: Annotated[SignedIn, Depends(in_record)], number: str) -> Response:
        if re.fullmatch(r"[0-9]{1,18}", number) is None:
            message = "There is no such line in the log."
            raise NotFoundError(message)
        lines = await parts.interactions.receipt(person.requester(), trace_of(request), int(number))
        return Response(lines, media_type=JSON_LINES, headers=_file(f"regie-receipt-{number}.ndjson"))

    @routes.get("/activity/log.ndjson")
    async def log_lines(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> StreamingResponse:
        lines = parts.interactions.log_lines(person.requester(), trace_of(request))
        return StreamingResponse(lines, media_type=JSON_LINES, headers=_file("regie-log.ndjson"))

    @routes.get("/activity/log.csv")
    async def log_table(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> StreamingResponse:
        lines = parts.interactions.log_table(person.requester(), trace_of(request))
        return StreamingResponse(lines, media_type="text/csv", headers=_file("regie-log.csv"))

    @routes.get("/activity/check")
    async def check(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        faults = await parts.interactions.log_faults(person.requester(), trace_of(request))
        return page(request, "activity_check.html", faults=faults, now=parts.clock().astimezone(zone))

    return routes
