"""The pages with measurements: an overview of cards, and per kind a chart, what it says in words, and a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain, repeat
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from app.errors import NotFoundError
from app.fhir.elements import LOINC, Tree, words
from app.fhir.release import Release
from app.fhir.search.expression import TokenValue
from app.identity.instants import to_us
from app.interactions.series import Sampled, Series, Values
from app.portal import dense, formats
from app.portal.careplan import called
from app.portal.diary import newest_lines
from app.portal.kinds import BY_KEY, KINDS, WRONG, Kind, Measurement, by_kind, measurements_of, targets_of, units_of
from app.portal.language import marked
from app.portal.measurements_shown import (
    ROWS_MAX,
    SPARK_VALUES,
    Period,
    cards_of,
    digits_of,
    draw,
    profile_of,
    rows_of,
    said_of,
    target_in_words,
)
from app.portal.measuring import FIRST_DAY, day_typed
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.pressure_week import pressure_week
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import may_add, may_change
from app.portal.view import reading_for

PERIODS = (
    Period("fortnight", marked("14 days"), 14, 1),
    Period("month", marked("30 days"), 30, 1),
    Period("quarter", marked("3 months"), 92, 1),
    Period("year", marked("1 year"), 365, 7),
)
USUAL = "quarter"
DENSE = 800
"""Values from which a chart of a period is slow to make and hard to read: then a shorter one is shown first."""

WHOLE = 400
"""Values that are read whole, at most; of more the index tells when they were, and what they are. Beside more in the other release
those of the table are."""

FOREVER_US = 2**62
DIARY_MAX = 20
"""Lines of the diary beside the values of a period, the newest."""

SAVED = {
    "added": marked("Kept. You find it in the chart and in the table."),
    "corrected": marked("Corrected. The old value is kept in the history."),
    "taken-back": marked("Taken back. It does not count any more."),
}
"""What is said after a form, by what was done."""

NO_FORMS = {"saved": "", "may_add": False, "may_change": False, "may_ask": False}
"""What is around a page for who looks only."""

ROWS_OPEN = 14
"""Rows of the table that are shown at once; the others are one click away."""


def codes_of(kind: Kind) -> str:
    """Return the search value that finds a kind, also a pair that came as two separate values."""
    parts = [f"{LOINC}|{series.code}" for series in kind.series] if kind.is_pair else []
    return ",".join([kind.search, *parts])


async def newest_measurements(reading: Reading, back: timedelta, most: int) -> list[Tree]:
    """Return the newest Observations of each kind since ``back`` ago, ``most`` of each."""
    searches = [[("code", codes_of(kind))] for kind in KINDS]
    return await reading.newest("Observation", searches, most, reading.today - back)


async def show_measurements(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page with the last of each kind; ``frame`` has what is around it."""
    language = language_of(request)
    observations = await newest_measurements(reading, timedelta(days=400), SPARK_VALUES)
    cards = cards_of(by_kind(observations, reading.zone), await reading.all("Goal"), language)
    shown = {card.kind.key for card in cards}
    absent = [kind for kind in KINDS if kind.key not in shown]
    return page(
        request, "measurements.html", cards=cards, absent=absent, **near(request, reading.now), **{**NO_FORMS, **frame}
    )


def _since(day: date) -> tuple[str, str]:
    # The day before is asked for too: an instant is compared in UTC, a day of the chart is a local one.
    return "date", f"ge{day - timedelta(days=1)}"


def _periods(key: str) -> tuple[Period, ...]:
    """Return the periods of which one is shown, the longest first: that of this key; for none the usual one or a shorter one.

    Raises: NotFoundError.
    """
    if not key:
        usual = next(one for one in PERIODS if one.key == USUAL)
        return tuple(one for one in reversed(PERIODS) if one.days <= usual.days)
    found = tuple(one for one in PERIODS if one.key == key)
    if not found:
        raise NotFoundError("There is no such period.")
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """What a page of a kind shows: the values of a period that ends on ``last``."""

    period: Period
    last: date

    @property
    def first(self) -> date:
        """Return the first day."""
        return self.last - timedelta(days=self.period.days - 1)

    @property
    def earlier(self) -> date:
        """Return the last day of the period before."""
        return self.first - timedelta(days=1)

    def later(self, today: date) -> date | None:
        """Return the last day of the period after, None if this one ends today."""
        return min(self.last + timedelta(days=self.period.days), today) if self.last < today else None


@dataclass(frozen=True, slots=True)
class Found:
    """The measurements of a window; of very many those of the table only, and (else None) the values of all, for each series."""

    window: Window
    measured: list[Measurement]
    every: list[Values] | None = None


async def _found(reading: Reading, kind: Kind, periods: Sequence[Period], last: date) -> Found:
    """Return what was measured in the first of the periods of which a chart can be read, else the last; it ends on ``last``."""
    if kind.is_pair:
        window = Window(periods[0], last)
        upto = [("date", f"le{last + timedelta(days=1)}")] if last < reading.today else []
        found = await reading.found("Observation", ("code", codes_of(kind)), _since(window.first), *upto)
        trees, of = [one.tree() for one in found], [one.release for one in found]
        return Found(window, _within(window, measurements_of(kind, trees, reading.zone, of), reading.today))
    windows = [Window(period, last) for period in periods]
    starts = [to_us(datetime.combine(window.first, time(), reading.zone)) for window in windows]
    tokens = [[TokenValue(LOINC, one.code)] for one in kind.series]
    end = to_us(datetime.combine(last + timedelta(days=1), time(), reading.zone))

    def wanted(release: Release, before: Sequence[Sampled]) -> Series:
        return Series(
            release,
            tokens if len(tokens) > 1 else [[TokenValue(*code) for code in kind.codes]],
            sorted(WRONG),
            [unit for unit, _ in units_of(kind)],
            partial(dense.told, kind),
            starts,
            FOREVER_US if last == reading.today else end - 1,
            DENSE,
            WHOLE if all(one.is_whole for one in before) else ROWS_MAX,
        )

    sampled = await reading.series(wanted, dense.newest)
    start = max(one.start for one in sampled)
    window = windows[starts.index(start)]
    bodies = [[one.tree() for one in of_release.chosen] for of_release in sampled]
    values: list[Sequence[Values]] = []
    if not all(one.is_whole for one in sampled):
        for place, of_release in enumerate(sampled):
            if of_release.is_whole:
                own = measurements_of(kind, bodies[place], reading.zone)
                values.append(dense.of_measured(kind, own))
                bodies[place] = [one.resource for one in own[-ROWS_MAX:]]
            else:
                values.append(of_release.values)
    releases = chain(*(repeat(release, len(own)) for release, own in zip(Release, bodies, strict=True)))
    measured = _within(window, measurements_of(kind, chain(*bodies), reading.zone, releases), reading.today)
    every = [dense.since(start, dense.together(several)) for several in zip(*values, strict=True)]
    return Found(window, measured, every if any(one.at for one in every) else None)


def _within(window: Window, measured: Iterable[Measurement], today: date) -> list[Measurement]:
    """Return what was measured in a window; one that ends today has what is later too."""
    first, last = window.first, date.max if window.last == today else window.last
    return [one for one in measured if first <= one.at.date() <= last]


async def show_kind(request: Request, reading: Reading, key: str, period: str, **frame: Any) -> HTMLResponse:
    """Return the page of one kind of measurement. Raises: NotFoundError, for a kind or period that there is not."""
    kind, language = BY_KEY.get(key), language_of(request)
    if kind is None:
        raise NotFoundError("There is no such kind of measurement.")
    until = day_typed(request.query_params.get("until", ""))
    last = min(until, reading.today) if until and until >= FIRST_DAY else reading.today
    found = await _found(reading, kind, _periods(period), last)
    window, measured, every = found.window, found.measured, found.every
    goals = await reading.all("Goal")
    targets, names = targets_of(kind, goals), {words(one.get("description")): called(one, language) for one in goals}
    diary = await newest_lines(reading, window.first, last, DIARY_MAX)
    marks = [
        (line.at, f"{formats.capital(formats.near_moment(line.at, reading.today, language))}: {line.text}")
        for line in diary
    ]
    chart, profile = None, None
    if every is None and measured:
        chart = draw(kind, measured, targets, window.period, last, reading.today, language, marks=marks)
        profile = profile_of(kind, measured, targets, language) if kind.key == "glucose" else None
    elif every is not None:
        dots = dense.dots(kind, every, targets, digits_of(measured), reading.zone, reading.today, language)
        means = [dense.means(values, window.period.bucket_days, reading.zone) for values in every]
        sampled = list(zip(dots, means, strict=True))
        chart = draw(kind, measured, targets, window.period, last, reading.today, language, sampled, marks)
        profile = dense.profile(kind, every, dots, targets, reading.zone, language) if kind.key == "glucose" else None
    return page(
        request,
        "measurement.html",
        kind=kind,
        window=window,
        later=window.later(reading.today),
        periods=PERIODS,
        unit="%" if kind.unit == "%" else formats.unit(kind.unit, language),
        chart=chart,
        diary=diary,
        profile=profile,
        week=pressure_week(measured, reading.today) if kind.key == "blood-pressure" else None,
        said=said_of(kind, measured, targets, language)
        if every is None
        else dense.said(kind, every, targets, digits_of(measured), language),
        target=target_in_words(kind, targets, language),
        goals=list(dict.fromkeys(names[one.goal] for one in targets if one and one.goal)),
        rows=rows_of(kind, measured, targets, language),
        rows_open=ROWS_OPEN,
        rows_left=max((len(measured) if every is None else sum(len(one.at) for one in every)) - ROWS_MAX, 0),
        **near(request, reading.now),
        **{**NO_FORMS, **frame},
    )


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/measurements`` and ``/measurements/{kind}``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/measurements")
    async def overview(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_measurements(request, reading_for(parts, request, person), may_add=may_add(person))

    @routes.get("/measurements/{key}")
    async def one_kind(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        key: str,
        period: Annotated[str, Query()] = "",
        saved: Annotated[str, Query()] = "",
    ) -> HTMLResponse:
        return await show_kind(
            request,
            reading_for(parts, request, person),
            key,
            period,
            saved=SAVED.get(saved, ""),
            may_add=may_add(person),
            may_change=may_change(person),
            may_ask=person.acting is None,
        )

    return routes
