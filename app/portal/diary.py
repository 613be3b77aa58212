"""The diary: complaints and remarks in the person's own words, by day; written once, corrected, taken back.

What is in it is granted with the own measurements, and stands beside them.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.errors import AccessDeniedError, DuplicateError, NotFoundError, PreconditionFailedError
from app.fhir.diary import CODES, DiaryEntry, DiaryKind, diary_kind_of
from app.fhir.elements import effective
from app.fhir.labels import is_restricted
from app.fhir.release import Release
from app.fhir.self_measured import is_own
from app.interactions.self_measured import Change
from app.portal.change_measurement import is_taken_back
from app.portal.interactions import Found
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.kinds import WRONG
from app.portal.language import Language, marked
from app.portal.measuring import Checked, at_typed, day_typed
from app.portal.open_session import text_of
from app.portal.own_plan import CHANGED
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import KEY_LENGTH_MAX, may_add, may_change, may_mark, typed_in
from app.portal.view import reading_for, trace_of

DIARY = "/diary"
SHOWN_MAX, DAY_MAX = 60, 500
"""Lines of a page of several days, and of one day that has more."""

TEXT_LENGTH_MAX = 2000
KINDS = {
    "complaint": (DiaryKind.COMPLAINT, marked("A complaint"), marked("Such as pain, being short of breath or tired.")),
    "remark": (DiaryKind.REMARK, marked("Something else"), marked("Such as a bad night, or a walk that went well.")),
}
"""What can be written down, by the word of the form: the kind, its name, and examples."""

NAMES = {DiaryKind.COMPLAINT: marked("Complaint"), DiaryKind.REMARK: marked("Remark")}
SAVED = {
    "added": marked("Kept. It is in your diary."),
    "corrected": marked("Corrected. The old text is kept in the history."),
    "taken-back": marked("Taken back. It is no longer in your diary."),
}
SENT_BEFORE = marked("This form was kept before, with another text. Keep it again to add this too.")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the diary, at a local instant; ``source`` is the id of its Observation of ``release``."""

    at: datetime
    kind: DiaryKind
    text: str
    source: str
    is_own: bool
    is_sensitive: bool
    release: Release

    @property
    def place(self) -> str:
        """Return the path below the diary at which it is corrected: an id may be in both releases."""
        return f"{self.release.path}/{self.source}"

    @property
    def name(self) -> str:
        """Return what kind it is, as an English text."""
        return NAMES[self.kind]

    @property
    def day(self) -> date:
        """Return the local date."""
        return self.at.date()


def lines_of(resources: Iterable[Found], zone: ZoneInfo) -> list[Line]:
    """Return the lines that these Observations are, newest first."""
    found = []
    for one in resources:
        tree = one.tree()
        kind, at = diary_kind_of(tree), effective(tree, zone)
        if kind is not None and at is not None and tree.get("status") not in WRONG:
            own, hidden = is_own(tree), is_restricted(tree)
            found.append(Line(at, kind, tree["valueString"], tree["id"], own, hidden, one.release))
    return sorted(found, key=lambda line: line.at, reverse=True)


async def newest_lines(reading: Reading, first: date | None, last: date, most: int) -> list[Line]:
    """Return the newest lines of the days from ``first`` (None: whenever) to ``last``, at most ``most``."""
    lines = lines_of(await _newest(reading, first, last, most), reading.zone)
    return [line for line in lines if (first is None or first <= line.day) and line.day <= last][:most]


async def _newest(reading: Reading, first: date | None, last: date, most: int) -> list[Found]:
    """Return at least the ``most`` newest Observations that may be lines of these days, or all."""
    # What was taken back would take the place of a line.
    asked = [("code", CODES), ("status:not", ",".join(sorted(WRONG)))]
    if last < reading.today:  # else the newest are those of the diary: few have its codes, and many its days
        asked += [("date", f"lt{_begin(last + timedelta(days=1), reading.zone)}")]
        asked += [("date", f"ge{_begin(first, reading.zone)}")] if first else []
    return await reading.newest_found("Observation", [asked], most)


async def _newest_days(reading: Reading, last: date) -> tuple[list[Line], date | None]:
    """Return the lines of some whole days, the newest up to ``last``, and the last day of the page before them, if there is one."""
    found = await _newest(reading, None, last, SHOWN_MAX + 1)
    lines = [line for line in lines_of(found, reading.zone) if line.day <= last]
    days = [day for one in found if (at := effective(one.tree(), reading.zone)) and (day := at.date()) <= last]
    if len(found) <= SHOWN_MAX or not days:
        return lines, None
    cut = sorted(days, reverse=True)[: SHOWN_MAX + 1][-1]  # of which there may be more
    if cut == max(days):
        return await newest_lines(reading, cut, cut, DAY_MAX), cut - timedelta(days=1)
    return [line for line in lines if line.day > cut], cut


def _begin(day: date, zone: ZoneInfo) -> str:
    """Return when a local day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC).isoformat()


def checked_entry(
    texts: Mapping[str, str], now: datetime, language: Language
) -> tuple[DiaryEntry | None, dict[str, str]]:
    """Return what was typed, None if something is wrong with it; and what is wrong with each field."""
    found = Checked()
    at = at_typed("diary", texts, now, found, language)
    text = "\n".join(" ".join(line.split()) for line in texts.get("text", "").strip().splitlines())
    if not text or not all(one.isprintable() or one == "\n" for one in text):
        found.errors["text"] = language.gettext("Write in your own words what it is.")
    if len(text) > TEXT_LENGTH_MAX:
        found.errors["text"] = language.gettext("This is too long. Say it in fewer words.")
    if texts.get("kind") not in KINDS:
        found.errors["kind"] = language.gettext("Choose what you write down.")
    if found.errors or at is None:
        return None, found.errors
    return DiaryEntry(KINDS[texts["kind"]][0], text, at, "sensitive" in texts), {}


def _form(
    request: Request,
    parts: Parts,
    person: SignedIn,
    typed: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    *,
    problem: str = "",
    stands: str = "",
    changes: str = "",
    is_back: bool = False,
) -> HTMLResponse:
    return page(
        request,
        "type_diary.html",
        status=422 if problem or errors else 200,
        kinds=KINDS,
        typed=typed,
        errors=errors or {},
        problem=problem,
        stands=stands,
        text_length_max=TEXT_LENGTH_MAX,
        may_mark=may_mark(person),
        whose=mark_of(parts.settings, person),
        changes=changes,
        is_back=is_back,
    )


async def _own(reading: Reading, release: str, resource_id: str) -> tuple[Found, dict[str, str]]:
    """Return a line that the person may correct, and its fields. Raises: NotFoundError, when there is none."""
    for one in await reading.known(release, ["Observation"], resource_id):
        for line in lines_of([one], reading.zone):
            if line.is_own:
                word = next(word for word, (kind, _, _) in KINDS.items() if kind is line.kind)
                fields = {"kind": word, "text": line.text, "day": str(line.day), "clock": f"{line.at:%H:%M}"}
                return one, fields | ({"sensitive": "on"} if line.is_sensitive else {})
    raise NotFoundError("There is no such line in the diary.")


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/diary``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(DIARY)
    async def overview(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], until: str = "", saved: str = ""
    ) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        last = min(day_typed(until) or reading.today, reading.today)
        lines, earlier = await _newest_days(reading, last)
        return page(
            request,
            "diary.html",
            days=[(day, list(group)) for day, group in groupby(lines, key=lambda line: line.day)],
            earlier=earlier,
            is_now=last == reading.today,
            saved=SAVED.get(saved, ""),
            may_add=may_add(person),
            may_change=may_change(person),
            **near(request, reading.now),
        )

    @routes.get(f"{DIARY}/add")
    async def form_of(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        if not may_add(person):
            raise AccessDeniedError("The diary is not open to this login for writing.")
        empty = {"key": secrets.token_urlsafe(16), "day": str(reading.today), "clock": f"{reading.now:%H:%M}"}
        before = typed_in(typed_before(request, person))
        answer = _form(request, parts, person, before or empty, is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(f"{DIARY}/add")
    async def add(request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(in_record)]) -> Response:
        reading, typed = reading_for(parts, request, person), typed_in(form)
        entry, errors = checked_entry(typed, reading.now, language_of(request))
        own_key = typed["key"] = typed.get("key", "")[:KEY_LENGTH_MAX] or secrets.token_urlsafe(16)
        if entry is None:
            return _form(request, parts, person, typed, errors)
        try:
            await parts.interactions.add_measurements(
                person.requester(), trace_of(request), [entry], f"diary {own_key}"
            )
        except DuplicateError:
            typed["key"] = secrets.token_urlsafe(16)
            return _form(request, parts, person, typed, problem=SENT_BEFORE)
        return RedirectResponse(f"{DIARY}?saved=added", 303)

    _add_corrections(routes, parts)
    return routes


def _add_corrections(routes: APIRouter, parts: Parts) -> None:
    @routes.get(f"{DIARY}/{{release}}/{{resource_id}}")
    async def correct_form(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], release: str, resource_id: str
    ) -> HTMLResponse:
        one, fields = await _own(reading_for(parts, request, person), release, resource_id)
        if not may_change(person):
            raise AccessDeniedError("The diary can't be changed by this login.")
        before = typed_in(typed_before(request, person))
        is_back = bool(before) and before.get("do") != "take-back"
        typed = before if is_back else {**fields, "version": str(one.version)}
        answer = _form(request, parts, person, typed, changes=f"{release}/{resource_id}", is_back=is_back)
        forget_typed(request, answer)
        return answer

    @routes.post(f"{DIARY}/{{release}}/{{resource_id}}")
    async def correct(
        request: Request,
        form: KeptForm,
        person: Annotated[SignedIn, Depends(in_record)],
        release: str,
        resource_id: str,
    ) -> Response:
        reading, typed = reading_for(parts, request, person), typed_in(form)
        takes_back, place = typed.get("do") == "take-back", f"{release}/{resource_id}"
        done = RedirectResponse(f"{DIARY}?saved={'taken-back' if takes_back else 'corrected'}", 303)
        if takes_back and await is_taken_back(reading, release, resource_id):
            return done  # sent twice, the first time took it back
        one, fields = await _own(reading, release, resource_id)
        entry, errors = (None, {}) if takes_back else checked_entry(typed, reading.now, language_of(request))
        if errors:
            return _form(request, parts, person, typed, errors, changes=place)
        try:
            if text_of(form, "version") != str(one.version):
                raise PreconditionFailedError("This was changed in the meantime.")
            change = Change(one.release, resource_id, one.version, entry)
            await parts.interactions.change_measurement(person.requester(), trace_of(request), change)
        except PreconditionFailedError:
            if takes_back and await is_taken_back(reading, release, resource_id):
                return done  # sent twice at once
            one, fields = await _own(reading, release, resource_id)
            stands, _ = checked_entry(fields, reading.now, language_of(request))
            if entry is None or entry != stands:  # else it was sent twice
                shown = {**(fields if takes_back else typed), "version": str(one.version)}
                return _form(request, parts, person, shown, problem=CHANGED, stands=fields["text"], changes=place)
        return done
