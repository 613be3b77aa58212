"""The arithmetic of the charts: from values to places in a drawing; pure, knows no HTML.

All places are percentages of the plot, so that the SVG stretches to any width while its letters and dots keep their
size. x grows to the right, y grows downwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import fmean, median

STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
GAP_MIN = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to percentages."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where ``value`` lies between the ends: 0 at ``low``, 100 at ``high``; the middle if they are equal."""
        if self.high == self.low:
            return 50.0
        # Adding 0.0 makes a plain zero of the -0.0 that the end of a falling scale gives.
        return round((value - self.low) / (self.high - self.low) * 100, 2) + 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time; ``label`` is what a reader sees on pointing at it; ``beyond``: outside the target."""

    at: datetime
    value: Decimal
    label: str = ""
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """What to aim for; None is an open end."""

    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis; a minor one may be left out where it is narrow."""

    place: float
    label: str
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """A measured value in the plot; ``beyond`` says that it lies outside the target."""

    x: float
    y: float
    label: str
    beyond: bool


@dataclass(frozen=True, slots=True)
class Band:
    """The target as a strip of the plot."""

    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its dots, and the pieces of line through its averages as lists of points in a square of 1000."""

    name: str
    dots: tuple[Dot, ...]
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """One series to draw: its name, the points that become dots and those that a line goes through, all oldest first."""

    name: str
    points: Sequence[Point]
    through: Sequence[Point] = ()
    has_line: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing ready for the template; ``areas`` are surfaces, as lists of points in a square of 1000.

    ``marks`` stand below the values: what was written down at a moment.
    """

    lines: tuple[Line, ...]
    bands: tuple[Band, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    areas: tuple[str, ...] = ()
    marks: tuple[Tick, ...] = ()


def steps(low: Decimal, high: Decimal, most: int = 7) -> list[Decimal]:
    """Return round numbers that enclose ``low`` to ``high``: at most ``most``, in steps of 1, 2 or 5 times a power of ten."""
    width = high - low
    if width <= 0:
        return [low]
    power = Decimal(10) ** (width.adjusted() - 1)
    while True:
        for step in STEPS:
            size = step * power
            first = (low / size).to_integral_value(rounding="ROUND_FLOOR") * size
            count = int(((high - first) / size).to_integral_value(rounding="ROUND_CEILING")) + 1
            if count <= most:
                return [first + size * index for index in range(count)]
        power *= 10


def value_axis(
    values: Iterable[Decimal], ranges: Iterable[Range], span_min: Decimal, ceiling: Decimal | None = None
) -> list[Decimal]:
    """Return the ticks of the vertical axis: around all values and targets, at least ``span_min`` from end to end.

    The axis goes below zero only if a value does, and above ``ceiling`` likewise.
    """
    every = [*values, *(end for one in ranges for end in (one.low, one.high) if end is not None)]
    low, high = min(every), max(every)
    lacking = max(span_min - (high - low), (high - low) / 10)
    low, high = low - lacking / 2, high + lacking / 2
    if min(every) >= 0:
        low = max(low, Decimal(0))
    if ceiling is not None and max(every) <= ceiling:
        high = min(high, ceiling)
    return steps(low, high)


def averages(points: Sequence[Point], days: int) -> list[Point]:
    """Return one point per stretch of ``days``: the mean of its values at the mean of its times. ``points`` oldest first."""
    if not points:
        return []
    first = points[0].at.date()
    groups: dict[int, list[Point]] = {}
    for point in points:
        groups.setdefault((point.at.date() - first).days // days, []).append(point)
    found = []
    for group in groups.values():
        seconds = fmean((point.at - group[0].at).total_seconds() for point in group)
        mean = sum((point.value for point in group), Decimal(0)) / len(group)
        found.append(Point(group[0].at + timedelta(seconds=seconds), mean))
    return found


def peaks(points: Sequence[Point], most: int) -> list[int]:
    """Return the places of the points that stay when at most ``most`` are drawn: the lowest and highest of each stretch of time.

    ``points`` are oldest first. No stretch loses its extremes, so that what a reader has to see is seen; the last stays too.
    """
    if len(points) <= most:
        return list(range(len(points)))
    stretches = max(most // 2 - 1, 1)
    times = [point.at.timestamp() for point in points]
    width = (times[-1] - times[0]) / stretches or 1.0
    lowest: dict[int, int] = {}
    highest: dict[int, int] = {}
    for place, point in enumerate(points):
        stretch = min(int((times[place] - times[0]) / width), stretches - 1)
        if point.value < points[lowest.setdefault(stretch, place)].value:
            lowest[stretch] = place
        if point.value > points[highest.setdefault(stretch, place)].value:
            highest[stretch] = place
    return sorted({*lowest.values(), *highest.values(), len(points) - 1})


def pieces(points: Sequence[Point]) -> list[list[Point]]:
    """Return ``points`` cut where nothing was measured for long, so that no line claims what nobody knows.

    Long is over ten days, and over three times the usual distance. A piece of one point draws no line.
    """
    if len(points) < 2:
        return [list(points)] if points else []
    distances = [after.at - before.at for before, after in pairwise(points)]
    usual = timedelta(seconds=median(distance.total_seconds() for distance in distances))
    longest = max(GAP_MIN, usual * 3)
    found = [[points[0]]]
    for distance, point in zip(distances, points[1:], strict=True):
        if distance > longest:
            found.append([])
        found[-1].append(point)
    return found


def day_ticks(start: date, end: date) -> list[tuple[date, bool]]:
    """Return the days to name on the horizontal axis, and whether each is minor; the last never is.

    Firsts of months from 150 days on, Mondays every second week from 45 days on, else every fifth day back from the end.
    """
    length = (end - start).days
    every = [start + timedelta(days=index) for index in range(length + 1)]
    if length >= 150:
        marks = [day for day in every if day.day == 1]
    elif length >= 45:
        marks = [day for day in every if day.weekday() == 0][::2]
    else:
        marks = every[::-5][::-1]
    return [(day, (len(marks) - index) % 2 == 0) for index, day in enumerate(marks)]


def bands(ranges: Iterable[Range], scale: Scale) -> tuple[Band, ...]:
    """Return the targets as strips; an open end reaches the edge, and one value to reach is a thin strip."""
    found = []
    for one in ranges:
        top = scale.place(float(one.high)) if one.high is not None else 0.0
        bottom = scale.place(float(one.low)) if one.low is not None else 100.0
        found.append(Band(round(top, 2), round(max(bottom - top, 0.6), 2)))
    return tuple(dict.fromkeys(found))


def drawn(piece: Sequence[tuple[float, float]]) -> str:
    """Return places as the points of a line in a square of 1000."""
    return " ".join(f"{x * 10:.1f},{y * 10:.1f}" for x, y in piece)


def time_chart(
    series: Sequence[Values],
    ranges: Sequence[Range],
    start: date,
    end: date,
    *,
    labels: dict[date, str],
    written: dict[Decimal, str],
    marks: Iterable[tuple[datetime, str]] = (),
) -> Chart:
    """Return the chart of values over the days ``start`` to ``end``, both included, with ``marks`` at their moments.

    There is at least one point. ``labels`` and ``written`` give the texts of the ticks of ``day_ticks`` and ``value_axis``.
    """
    zone = next(point.at.tzinfo for values in series for point in values.points)
    left = datetime.combine(start, time(), zone).timestamp()
    right = datetime.combine(end + timedelta(days=1), time(), zone).timestamp()
    across, up = Scale(left, right), upwards(written)

    def place(point: Point) -> tuple[float, float]:
        return across.place(point.at.timestamp()), up.place(float(point.value))

    lines = []
    for values in series:
        shown = [point for point in values.points if left <= point.at.timestamp() < right]
        through = [
            drawn([place(point) for point in piece])
            for piece in pieces([point for point in values.through if left <= point.at.timestamp() < right])
            if len(piece) > 1
        ]
        dots = tuple(Dot(*place(point), point.label, point.beyond) for point in shown)
        lines.append(Line(values.name, dots, tuple(through) if values.has_line else ()))
    x_ticks = tuple(
        Tick(across.place(datetime.combine(day, time(), zone).timestamp()), labels[day], minor)
        for day, minor in day_ticks(start, end)
    )
    marked = tuple(Tick(across.place(at.timestamp()), text) for at, text in marks if left <= at.timestamp() < right)
    return Chart(tuple(lines), bands(ranges, up), x_ticks, value_ticks(written), marks=marked)


def upwards(written: dict[Decimal, str]) -> Scale:
    """Return the vertical scale: the highest value is at the top, where y is 0."""
    return Scale(float(max(written)), float(min(written)))


def value_ticks(written: dict[Decimal, str]) -> tuple[Tick, ...]:
    """Return the ticks of the vertical axis."""
    scale = upwards(written)
    return tuple(Tick(scale.place(float(value)), text) for value, text in written.items())


@dataclass(frozen=True, slots=True)
class Spark:
    """A small drawing: for each series the points of a line in a square of 1000, empty if it has under two; and the targets."""

    lines: tuple[str, ...]
    bands: tuple[Band, ...] = ()


def spark(series: Sequence[Sequence[Decimal]], ranges: Iterable[Range], span_min: Decimal) -> Spark:
    """Return the small drawing of values, all on one scale; of a target there is what lies in the drawing."""
    every = [value for values in series for value in values]
    if not every:
        return Spark(tuple("" for _ in series))
    middle, half = (max(every) + min(every)) / 2, max(max(every) - min(every), span_min) / 2
    scale = Scale(float(middle + half), float(middle - half))
    lines = tuple(
        drawn(
            [(Scale(0, len(values) - 1).place(index), scale.place(float(value))) for index, value in enumerate(values)]
        )
        if len(values) > 1
        else ""
        for values in series
    )
    return Spark(lines, tuple(inside for one in bands(ranges, scale) if (inside := _cut(one))))


def _cut(band: Band) -> Band | None:
    """Return the part of a strip that lies in the drawing, None without one."""
    top, bottom = max(band.y, 0.0), min(band.y + band.height, 100.0)
    return Band(round(top, 2), round(bottom - top, 2)) if bottom > top else None
