"""The pages with measurements: an overview of cards, and per kind a chart, what it says in words, and a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from app.errors import NotFoundError
from app.portal import formats
from app.portal.careplan import range_in_words
from app.portal.chart import Chart, Point, Range, day_curve, day_ticks, sparkline, time_chart, value_axis
from app.portal.elements import Tree
from app.portal.kinds import BY_KEY, KINDS, Kind, Measurement, Target, measurements_of, targets_of
from app.portal.language import Language, marked
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, signed_in
from app.portal.view import reading_for


@dataclass(frozen=True, slots=True)
class Period:
    """A choice of how far back a chart looks; the line goes through averages of ``bucket_days``."""

    key: str
    name: str
    days: int
    bucket_days: int


PERIODS = (
    Period("month", marked("30 days"), 30, 1),
    Period("quarter", marked("3 months"), 92, 1),
    Period("year", marked("1 year"), 365, 7),
)
CURVE_MIN = 4
"""Values that a day has at least to be drawn as a curve."""
CURVES_MAX = 7
ROWS_OPEN = 14
"""Rows of the table that are shown at once; the others are one click away."""


@dataclass(frozen=True, slots=True)
class Card:
    """The last measurement of a kind, as a card; ``state`` as in ``Target.side``, None without a target."""

    kind: Kind
    value: str
    unit: str
    at: datetime
    state: int | None
    target: str
    sparks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What the chart says, for one series: texts."""

    name: str
    mean: str
    lowest: str
    highest: str
    target: str
    inside: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement in the table."""

    at: datetime
    value: str
    moment: str
    by: str
    note: str
    state: int | None


def written(values: Sequence[Decimal | None], language: Language) -> str:
    """Return the values of one measurement: ``128/76``; one that is absent is a dash."""
    return "/".join("–" if value is None else formats.number(value, language) for value in values)


def state_of(values: Sequence[Decimal | None], targets: Sequence[Target | None]) -> int | None:
    """Return 0 if every value with a target is inside it, else the side of the first that is not; None without targets."""
    sides = [
        target.side(value)
        for value, target in zip(values, targets, strict=True)
        if value is not None and target is not None and target.low != target.high
    ]
    return next((side for side in sides if side), 0) if sides else None


def target_in_words(kind: Kind, targets: Sequence[Target | None], language: Language) -> str:
    """Return the targets of a kind as one phrase, empty without any."""
    said = [range_in_words(target, kind.unit, language) for target in targets if target]
    return ", ".join(dict.fromkeys(said))


def cards_of(observations: Iterable[Tree], goals: Iterable[Tree], reading: Reading, language: Language) -> list[Card]:
    """Return a card for each kind that was measured, in the order of ``KINDS``."""
    observations, goals = list(observations), list(goals)
    cards = []
    for kind in KINDS:
        measured = measurements_of(kind, observations, reading.zone)
        if not measured:
            continue
        last, targets = measured[-1], targets_of(kind, goals)
        series = [[one.values[index] for one in measured[-20:]] for index in range(len(kind.series))]
        cards.append(
            Card(
                kind=kind,
                value=written(last.values, language),
                unit="%" if kind.unit == "%" else formats.unit(kind.unit, language),
                at=last.at,
                state=state_of(last.values, targets),
                target=target_in_words(kind, targets, language),
                sparks=tuple(sparkline([value for value in values if value is not None]) for values in series),
            )
        )
    return cards


def every_code() -> str:
    """Return the search value that finds all kinds, also blood pressures that came as two separate values."""
    return ",".join([*(kind.search for kind in KINDS), "http://loinc.org|8480-6", "http://loinc.org|8462-4"])


def _points(kind: Kind, index: int, measured: Sequence[Measurement], today: date, language: Language) -> list[Point]:
    points = []
    for one in measured:
        value = one.values[index]
        if value is not None:
            moment = formats.near_moment(one.at, today, language)
            said = formats.quantity(value, kind.unit, language)
            more = f" ({language.gettext(one.moment)})" if one.moment else ""
            points.append(Point(one.at, value, f"{formats.capital(moment)}: {said}{more}"))
    return points


def _range(target: Target | None) -> Range | None:
    return Range(target.low, target.high) if target else None


def draw(
    kind: Kind,
    measured: Sequence[Measurement],
    targets: Sequence[Target | None],
    period: Period,
    today: date,
    language: Language,
) -> Chart:
    """Return the chart of a period; ``measured`` has at least one measurement, oldest first."""
    start = today - timedelta(days=period.days - 1)
    ranges = [_range(target) for target in targets]
    values = [value for one in measured for value in one.values if value is not None]
    axis = value_axis(values, [one for one in ranges if one], kind.span_min)
    name_of = formats.month if period.days >= 150 else formats.short_day
    return time_chart(
        [
            (language.gettext(series.name), _points(kind, index, measured, today, language), ranges[index])
            for index, series in enumerate(kind.series)
        ],
        start,
        today,
        bucket_days=period.bucket_days,
        span_min=kind.span_min,
        labels={day: name_of(day, language) for day, _ in day_ticks(start, today)},
        written={value: formats.number(value, language) for value in axis},
        with_line=kind.key != "glucose",
    )


def curves(
    kind: Kind, measured: Sequence[Measurement], target: Target | None, today: date, language: Language
) -> tuple[Chart, date, int] | None:
    """Return the day curves (newest in front), the day in front and how many days there are; None if no day has enough."""
    days: dict[date, list[Measurement]] = {}
    for one in measured:
        days.setdefault(one.at.date(), []).append(one)
    full = [day for day, values in sorted(days.items(), reverse=True) if len(values) >= CURVE_MIN][:CURVES_MAX]
    if not full:
        return None
    drawn = [(formats.day(day, language), _points(kind, 0, days[day], today, language)) for day in full]
    values = [point.value for _, points in drawn for point in points]
    one = _range(target)
    axis = value_axis(values, [one] if one else [], kind.span_min)
    chart = day_curve(drawn, one, written={value: formats.number(value, language) for value in axis})
    return chart, full[0], len(full)


def said_of(kind: Kind, measured: Sequence[Measurement], targets: Sequence[Target | None], language: Language) -> list[Said]:
    """Return what the measurements say in words and numbers, per series."""
    found = []
    for index, series in enumerate(kind.series):
        values = [one.values[index] for one in measured]
        present = [value for value in values if value is not None]
        if not present:
            continue
        target = targets[index]
        digits = max(-int(value.as_tuple().exponent) for value in present)
        mean = (sum(present, Decimal(0)) / len(present)).quantize(Decimal(1).scaleb(-max(digits, 0)), ROUND_HALF_UP)
        counts = target is not None and target.low != target.high
        found.append(
            Said(
                name=language.gettext(series.name),
                mean=formats.quantity(mean, kind.unit, language),
                lowest=formats.quantity(min(present), kind.unit, language),
                highest=formats.quantity(max(present), kind.unit, language),
                target=range_in_words(target, kind.unit, language) if target else "",
                inside=sum(1 for value in present if target and target.side(value) == 0) if counts else None,
                count=len(present),
            )
        )
    return found


def rows_of(measured: Sequence[Measurement], targets: Sequence[Target | None], language: Language) -> list[Row]:
    """Return the table, newest first."""
    return [
        Row(
            at=one.at,
            value=written(one.values, language),
            moment=language.gettext(one.moment) if one.moment else "",
            by=one.by,
            note=one.note,
            state=state_of(one.values, targets),
        )
        for one in reversed(measured)
    ]


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/measurements`` and ``/measurements/{kind}``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/measurements")
    async def overview(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        reading, language = reading_for(parts, request, person), language_of(request)
        since = ("date", f"ge{reading.today - timedelta(days=400)}")
        observations = await reading.all("Observation", ("code", every_code()), since)
        cards = cards_of(observations, await reading.all("Goal"), reading, language)
        shown = {card.kind.key for card in cards}
        absent = [kind for kind in KINDS if kind.key not in shown]
        return page(request, "measurements.html", cards=cards, absent=absent, **near(request, reading.now))

    @routes.get("/measurements/{key}")
    async def one_kind(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        key: str,
        period: Annotated[str, Query()] = "quarter",
    ) -> HTMLResponse:
        kind = BY_KEY.get(key)
        asked = next((one for one in PERIODS if one.key == period), None)
        if kind is None or asked is None:
            raise NotFoundError("There is no such kind of measurement or period.")
        reading, language = reading_for(parts, request, person), language_of(request)
        first = reading.today - timedelta(days=asked.days - 1)
        # The day before is asked for too: an instant is compared in UTC, a day of the chart is a local one.
        since = ("date", f"ge{first - timedelta(days=1)}")
        codes = kind.search if len(kind.series) == 1 else f"{kind.search},http://loinc.org|8480-6,http://loinc.org|8462-4"
        found = await reading.all("Observation", ("code", codes), since)
        start = datetime.combine(first, time(), reading.zone)
        measured = [one for one in measurements_of(kind, found, reading.zone) if one.at >= start]
        targets = targets_of(kind, await reading.all("Goal"))
        rows = rows_of(measured, targets, language)
        return page(
            request,
            "measurement.html",
            kind=kind,
            period=asked,
            periods=PERIODS,
            unit="%" if kind.unit == "%" else formats.unit(kind.unit, language),
            chart=draw(kind, measured, targets, asked, reading.today, language) if measured else None,
            curve=curves(kind, measured, targets[0], reading.today, language) if kind.key == "glucose" else None,
            said=said_of(kind, measured, targets, language),
            target=target_in_words(kind, targets, language),
            goals=list(dict.fromkeys(target.goal for target in targets if target and target.goal)),
            rows=rows,
            rows_open=ROWS_OPEN,
            **near(request, reading.now),
        )

    return routes
