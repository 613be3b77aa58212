"""Glucose over the hours of a day: all days over one another, with the middle value and where most values lie; pure.

The band holds the middle 80 % of the values of each stretch of the day, as the reports of glucose sensors draw it
(https://doi.org/10.2337/dci19-0028, ambulatory glucose profile).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from statistics import median, quantiles

from app.portal.chart import (
    Band,
    Chart,
    Dot,
    Line,
    Point,
    Range,
    Scale,
    Tick,
    bands,
    drawn,
    peaks,
    upwards,
    value_ticks,
)

STRETCH_MIN = 3
"""Values that a stretch of the day has at least, to say something about it."""

DOTS_MAX = 100
_MANY = 240
"""Values from which each hour is told by itself; of fewer, each two or three hours."""

Numbers = tuple[Decimal, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some hours of the day: from and to (hours), the lowest tenth, the middle and the highest tenth, and how many values."""

    begin: int
    end: int
    low: Decimal
    middle: Decimal
    high: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of the values that have a target lie below, inside and above it."""

    below: int
    inside: int
    above: int

    @property
    def count(self) -> int:
        """Return how many values have a target."""
        return self.below + self.inside + self.above

    def percent(self, count: int) -> int:
        """Return a part of the whole, rounded; 0 without values."""
        return round(100 * count / self.count) if self.count else 0


def stretches(points: Sequence[Point]) -> list[Stretch]:
    """Return the stretches of the day that have enough values, in order."""
    hours = 1 if len(points) >= _MANY else 2 if len(points) >= _MANY // 2 else 3
    by_stretch = sorted(points, key=lambda point: point.at.hour // hours)
    found = []
    for place, group in groupby(by_stretch, key=lambda point: point.at.hour // hours):
        values = [point.value for point in group]
        if len(values) >= STRETCH_MIN:
            tenths = quantiles(values, n=10, method="inclusive")
            low, middle, high = (value.quantize(Decimal("0.1")) for value in (tenths[0], median(values), tenths[8]))
            found.append(Stretch(place * hours, (place + 1) * hours, low, middle, high, len(values)))
    return found


def profile_chart(
    points: Sequence[Point],
    of_day: Sequence[Stretch],
    ranges: Sequence[Range],
    written: dict[Decimal, str],
    said: Sequence[str],
) -> Chart:
    """Return the drawing: a band from the lowest to the highest tenth, a line through the middle, and some values as dots.

    ``said`` has the words of each of ``of_day``; the middle of each is a dot with these.
    """
    across, up = Scale(0, 1440), upwards(written)
    kept = sorted(points, key=lambda point: (point.at.hour, point.at.minute))
    dots = []
    for place in _spread(kept):
        point = kept[place]
        x = across.place(point.at.hour * 60 + point.at.minute)
        dots.append(Dot(x, up.place(float(point.value)), "", beyond=False))
    for one, words in zip(of_day, said, strict=True):
        dots.append(Dot(across.place((one.begin + one.end) * 30), up.place(float(one.middle)), words, beyond=False))
    areas, lines = [], []
    for run in _runs(of_day):
        middles = [across.place((one.begin + one.end) * 30) for one in run]
        tops = [(x, up.place(float(one.high))) for x, one in zip(middles, run, strict=True)]
        bottoms = [(x, up.place(float(one.low))) for x, one in zip(middles, run, strict=True)]
        if len(run) > 1:
            areas.append(drawn([*tops, *reversed(bottoms)]))
            lines.append(drawn([(x, up.place(float(one.middle))) for x, one in zip(middles, run, strict=True)]))
    x_ticks = tuple(Tick(across.place(hour * 60), f"{hour:02}:00", hour % 6 != 0) for hour in range(0, 25, 3))
    targets: tuple[Band, ...] = bands(ranges, up)
    return Chart((Line("", tuple(dots), tuple(lines)),), targets, x_ticks, value_ticks(written), tuple(areas))


def _spread(points: Sequence[Point]) -> list[int]:
    """Return the places of the dots: all, or the highest and lowest of each part of the day."""
    if len(points) <= DOTS_MAX:
        return list(range(len(points)))
    day = points[0].at
    on_one_day = [
        Point(day.replace(hour=point.at.hour, minute=point.at.minute, second=0, microsecond=0), point.value)
        for point in points
    ]
    return peaks(on_one_day, DOTS_MAX)


def _runs(of_day: Sequence[Stretch]) -> list[list[Stretch]]:
    """Return the stretches that follow each other without a gap."""
    runs: list[list[Stretch]] = []
    for one in of_day:
        if runs and runs[-1][-1].end == one.begin:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
