"""What the pages show of measurements: a card of the last of each kind; the chart, words and table of one kind. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from app.fhir.elements import Tree
from app.fhir.labels import is_restricted
from app.portal import formats
from app.portal.careplan import range_in_words
from app.portal.chart import (
    Chart,
    Point,
    Range,
    Spark,
    Values,
    averages,
    day_ticks,
    peaks,
    spark,
    time_chart,
    value_axis,
)
from app.portal.day_profile import Shares, Stretch, profile_chart, stretches
from app.portal.formats import joined
from app.portal.kinds import BY_KEY, Kind, Measurement, Target, targets_of
from app.portal.language import Language, marked

DOTS_MAX = 120
"""Dots of a chart; of more values the highest and lowest of each stretch of time are drawn, so that peaks stay."""

SPARK_VALUES = 20
ROWS_MAX = 50
"""Rows of a table, the newest."""


@dataclass(frozen=True, slots=True)
class Period:
    """A choice of how far back a chart looks; the line goes through averages of ``bucket_days``."""

    key: str
    name: str
    days: int
    bucket_days: int


@dataclass(frozen=True, slots=True)
class Card:
    """The last measurement of a kind, as a card; ``state`` as in ``Target.side``, None without a target."""

    kind: Kind
    value: str
    unit: str
    at: datetime
    state: int | None
    target: str
    spark: Spark


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
    place: str
    is_own: bool
    is_sensitive: bool


def written(kind: Kind, values: Sequence[Decimal | None], language: Language) -> str:
    """Return the values of one measurement: ``7,2``, or ``128/76`` where a value that is absent is a dash."""
    shown = values if kind.is_pair else [value for value in values if value is not None]
    return "/".join("\N{EN DASH}" if value is None else formats.number(value, language) for value in shown)


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
    said = [
        (language.gettext(series.name).lower(), range_in_words(target, kind.unit, language))
        for series, target in zip(kind.series, targets, strict=True)
        if target
    ]
    return said[0][1] if len(said) == 1 == len(kind.series) else joined([" ".join(one) for one in said], language)


def cards_of(by_kind: Mapping[str, Sequence[Measurement]], goals: Sequence[Tree], language: Language) -> list[Card]:
    """Return a card for each kind that was measured, in the order in which they are given."""
    cards = []
    for key, measured in by_kind.items():
        kind, last = BY_KEY[key], measured[-1]
        aims = targets_of(kind, goals)
        targets = [aim if last.values[index] is not None else None for index, aim in enumerate(aims)]
        cards.append(
            Card(
                kind=kind,
                value=written(kind, last.values, language),
                unit="%" if kind.unit == "%" else formats.unit(kind.unit, language),
                at=last.at,
                state=state_of(last.values, targets),
                target=target_in_words(kind, targets, language),
                spark=_spark(kind, measured, targets),
            )
        )
    return cards


def _spark(kind: Kind, measured: Sequence[Measurement], targets: Sequence[Target | None]) -> Spark:
    """Return the small drawing of a card: of both series of a pair, else of the series of the last measurement."""
    shown = [index for index in range(len(kind.series)) if kind.is_pair or measured[-1].values[index] is not None]
    series = [
        [value for one in measured if (value := one.values[index]) is not None][-SPARK_VALUES:] for index in shown
    ]
    return spark(series, ranges_of([targets[index] for index in shown]), kind.span_min)


SIDES = {-1: marked("Below target"), 0: "", 1: marked("Above target")}
"""What is said of a measurement by its state."""


def label_of(said: str, at: datetime, state: int | None, today: date, language: Language) -> str:
    """Return what is said on pointing at a measurement: when it was, what it was, and on which side of its target."""
    side = SIDES[state or 0]
    return f"{formats.capital(formats.near_moment(at, today, language))}: {said}" + (
        f". {language.gettext(side)}." if side else ""
    )


def _points(
    kind: Kind,
    index: int,
    measured: Sequence[Measurement],
    targets: Sequence[Target | None],
    today: date,
    language: Language,
) -> Iterator[Point]:
    """Yield the values of a series, each with what is said on pointing at it: of a pair, the whole measurement."""
    for one in measured:
        value = one.values[index]
        if value is None:
            continue
        more = f" ({language.gettext(one.moment)})" if one.moment else ""
        shown = f"{written(kind, one.values, language)}\N{NO-BREAK SPACE}{formats.unit(kind.unit, language)}"
        said = shown if kind.is_pair else formats.quantity(value, kind.unit, language)
        label = label_of(f"{said}{more}", one.at, state_of(one.values, targets), today, language)
        yield Point(one.at, value, label, beyond=state_of([value], [targets[index]]) not in (0, None))


def ranges_of(targets: Sequence[Target | None]) -> list[Range]:
    """Return the targets as ranges of a chart."""
    return [Range(target.low, target.high) for target in targets if target]


def axis_of(
    kind: Kind, points: Iterable[Point], targets: Sequence[Target | None], language: Language
) -> dict[Decimal, str]:
    """Return the ticks of the vertical axis, each with its text."""
    axis = value_axis(
        [point.value for point in points], ranges_of(targets), kind.span_min, Decimal(100) if kind.unit == "%" else None
    )
    return {value: formats.number(value, language) for value in axis}


def draw(
    kind: Kind,
    measured: Sequence[Measurement],
    targets: Sequence[Target | None],
    period: Period,
    last: date,
    today: date,
    language: Language,
    sampled: Sequence[tuple[Sequence[Point], Sequence[Point]]] | None = None,
    marks: Iterable[tuple[datetime, str]] = (),
) -> Chart:
    """Return the chart of the period that ends on ``last``; there is at least one measurement in it, oldest first.

    ``sampled`` are the dots and the averages of each series, where ``measured`` are not all; ``marks`` what else was at a moment.
    """
    start = last - timedelta(days=period.days - 1)
    name_of = formats.month if period.days >= 150 else formats.short_day
    if sampled is None:
        sampled = _sampled(kind, measured, targets, period.bucket_days, today, language)
    series = [
        Values(language.gettext(one.name), dots, means, one.has_line)
        for one, (dots, means) in zip(kind.series, sampled, strict=True)
    ]
    return time_chart(
        series,
        ranges_of(targets),
        start,
        last,
        labels={day: name_of(day, language) for day, _ in day_ticks(start, last)},
        written=axis_of(kind, [point for values in series for point in values.points], targets, language),
        marks=marks,
    )


def _sampled(
    kind: Kind,
    measured: Sequence[Measurement],
    targets: Sequence[Target | None],
    days: int,
    today: date,
    language: Language,
) -> list[tuple[Sequence[Point], Sequence[Point]]]:
    """Return the dots of each series, not too many, and its averages over so many days."""
    present = [[one for one in measured if one.values[index] is not None] for index in range(len(kind.series))]
    most = DOTS_MAX // max(sum(1 for some in present if some), 1)
    found: list[tuple[Sequence[Point], Sequence[Point]]] = []
    for index in range(len(kind.series)):
        plain = [Point(some.at, value) for some in present[index] if (value := some.values[index]) is not None]
        kept = [present[index][place] for place in peaks(plain, most)]
        found.append((list(_points(kind, index, kept, targets, today, language)), averages(plain, days)))
    return found


@dataclass(frozen=True, slots=True)
class Profile:
    """Glucose over the hours of the day: the drawing, its table, over how many days, and how much lies within target."""

    chart: Chart
    stretches: list[Stretch]
    days: int
    shares: Shares


def stretches_said(kind: Kind, of_day: Iterable[Stretch], language: Language) -> list[str]:
    """Return what is said on pointing at each stretch of the day."""
    text = language.gettext("%(begin)s to %(end)s: middle value %(middle)s, most values %(low)s to %(high)s")
    return [
        text
        % {
            "begin": f"{one.begin:02}:00",
            "end": f"{one.end:02}:00",
            "middle": formats.quantity(one.middle, kind.unit, language),
            "low": formats.number(one.low, language),
            "high": formats.number(one.high, language),
        }
        for one in of_day
    ]


def profile_of(
    kind: Kind, measured: Sequence[Measurement], targets: Sequence[Target | None], language: Language
) -> Profile | None:
    """Return the values over the hours of the day, None if no part of the day has enough."""
    points = [Point(one.at, value) for one in measured for value in one.values if value is not None]
    of_day = stretches(points)
    if not of_day:
        return None
    sides = [
        target.side(value)
        for one in measured
        for value, target in zip(one.values, targets, strict=True)
        if value is not None and target is not None
    ]
    return Profile(
        profile_chart(
            points,
            of_day,
            ranges_of(targets),
            axis_of(kind, points, targets, language),
            stretches_said(kind, of_day, language),
        ),
        of_day,
        len({point.at.date() for point in points}),
        Shares(sides.count(-1), sides.count(0), sides.count(1)),
    )


def said_of(
    kind: Kind, measured: Sequence[Measurement], targets: Sequence[Target | None], language: Language
) -> list[Said]:
    """Return what the measurements say in words and numbers, per series."""
    found = []
    for index, series in enumerate(kind.series):
        values = [one.values[index] for one in measured]
        present = [value for value in values if value is not None]
        if not present:
            continue
        target = targets[index]
        digits = _digits(present)
        mean = (sum(present, Decimal(0)) / len(present)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
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


def digits_of(measured: Iterable[Measurement]) -> int:
    """Return how many decimals the most exact value has."""
    return _digits([value for one in measured for value in one.values if value is not None])


def _digits(values: Iterable[Decimal]) -> int:
    return max([0, *(-int(value.as_tuple().exponent) for value in values)])


def rows_of(
    kind: Kind, measured: Sequence[Measurement], targets: Sequence[Target | None], language: Language
) -> list[Row]:
    """Return the table, newest first."""
    return [
        Row(
            at=one.at,
            value=written(kind, one.values, language),
            moment=language.gettext(one.moment) if one.moment else "",
            by=one.by,
            note=one.note,
            state=state_of(one.values, targets),
            place=one.place,
            is_own=one.is_own,
            is_sensitive=is_restricted(one.resource),
        )
        for one in reversed(measured[-ROWS_MAX:])
    ]
