"""The page of a kind that was measured very often: numbers of all values, and whole measurements only where each is shown; pure.

A sensor measures a few times an hour. The line, the words and the day go through all values, by plain numbers; dots and rows
are the highest and lowest of each stretch of time, and the newest.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from operator import itemgetter
from statistics import median, quantiles

from app.portal import formats
from app.portal.careplan import range_in_words
from app.portal.chart import Point
from app.portal.day_profile import STRETCH_MIN, Shares, Stretch, profile_chart
from app.portal.kinds import Kind, Measurement, Target, units_of
from app.portal.language import Language
from app.portal.measurements_shown import DOTS_MAX, ROWS_MAX, Profile, Said, axis_of, ranges_of, stretches_said

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TENTH = Decimal("0.1")


Plain = tuple[int, float, int, int]
"""A value: when (microseconds UTC), the value, the place of its unit (0: the one of its kind), the number of its change."""


def plain_values(kind: Kind, values: Sequence[Plain]) -> Sequence[Plain]:
    """Return values in the unit of their kind, in the order they came."""
    if not any(unit for _, _, unit, _ in values):
        return values
    factors = [float(factor) for _, factor in units_of(kind)]
    return [(at, round(value * factors[unit], 1) if unit else value, 0, seq) for at, value, unit, seq in values]


def chosen(series: Sequence[Sequence[Plain]]) -> set[int]:
    """Return the changes to read whole: the peaks of each series, and its newest."""
    found = {seq for several in series for _, _, _, seq in several[-ROWS_MAX:]}
    most = DOTS_MAX // max(sum(1 for several in series if several), 1)
    for several in series:
        found |= peaks(several, most)
    return found


def peaks(values: Sequence[Plain], most: int) -> set[int]:
    """Return the changes of the lowest and the highest value of each of ``most / 2`` stretches of time; all, if they are few."""
    if len(values) <= most:
        return {seq for _, _, _, seq in values}
    first, last = values[0][0], values[-1][0]
    width = (last - first) // (most // 2 - 1) or 1
    found = set()
    for _, stretch in groupby(values, key=lambda one: (one[0] - first) // width):
        ordered = sorted(stretch, key=itemgetter(1))
        found |= {ordered[0][3], ordered[-1][3]}
    return found


def means(values: Sequence[Plain], days: int, zone: tzinfo | None) -> list[Point]:
    """Return one point per stretch of ``days``: the mean of its values at the mean of its times."""
    first, found = values[0][0] if values else 0, []
    for _, stretch in groupby(values, key=lambda one: (one[0] - first) // (days * DAY_US)):
        group = list(stretch)
        middle = _EPOCH + timedelta(microseconds=sum([one[0] for one in group]) // len(group))
        mean = Decimal(repr(sum([one[1] for one in group]) / len(group)))
        found.append(Point(middle.astimezone(zone), mean))
    return found


def said(
    kind: Kind, series: Sequence[Sequence[Plain]], targets: Sequence[Target | None], digits: int, language: Language
) -> list[Said]:
    """Return what the values say in words and numbers, per series; the mean with ``digits`` decimals."""
    found = []
    for one, values, target in zip(kind.series, series, targets, strict=True):
        if not values:
            continue
        numbers = [one[1] for one in values]
        mean = Decimal(repr(sum(numbers) / len(numbers))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        lowest, highest = (_written(end, digits) for end in (min(numbers), max(numbers)))
        counts = target is not None and target.low != target.high
        found.append(
            Said(
                name=language.gettext(one.name),
                mean=formats.quantity(mean, kind.unit, language),
                lowest=formats.quantity(lowest, kind.unit, language),
                highest=formats.quantity(highest, kind.unit, language),
                target=range_in_words(target, kind.unit, language) if target else "",
                inside=sides(numbers, target)[1] if target and counts else None,
                count=len(numbers),
            )
        )
    return found


def sides(numbers: Sequence[float], target: Target) -> tuple[int, int, int]:
    """Return how many lie below, inside and above a target."""
    below = sum(1 for one in numbers if one < float(target.low)) if target.low is not None else 0
    above = sum(1 for one in numbers if one > float(target.high)) if target.high is not None else 0
    return below, len(numbers) - below - above, above


def shares(series: Sequence[Sequence[Plain]], targets: Sequence[Target | None]) -> Shares:
    """Return how many of all values that have a target lie below, inside and above it."""
    found = [
        sides([one[1] for one in values], target)
        for values, target in zip(series, targets, strict=True)
        if target is not None
    ]
    below, inside, above = (sum(parts) for parts in zip(*found, strict=True)) if found else (0, 0, 0)
    return Shares(below, inside, above)


def hours(values: Sequence[Plain], zone: tzinfo | None) -> list[Stretch]:
    """Return each local hour of the day that has enough values."""
    by_hour: list[list[float]] = [[] for _ in range(24)]
    for hour, stretch in groupby(values, key=lambda one: one[0] // HOUR_US):
        by_hour[(_EPOCH + timedelta(hours=hour)).astimezone(zone).hour].extend([one[1] for one in stretch])
    found = []
    for hour, numbers in enumerate(by_hour):
        if len(numbers) >= STRETCH_MIN:
            tenths = quantiles(numbers, n=10, method="inclusive")
            low, middle, high = (Decimal(repr(end)).quantize(_TENTH) for end in (tenths[0], median(numbers), tenths[8]))
            found.append(Stretch(hour, hour + 1, low, middle, high, len(numbers)))
    return found


def days(values: Sequence[Plain], zone: tzinfo | None) -> int:
    """Return on how many local days something was measured."""
    return len(
        {(_EPOCH + timedelta(hours=hour)).astimezone(zone).date() for hour in {one[0] // HOUR_US for one in values}}
    )


def together(of_releases: Sequence[Sequence[Plain]]) -> Sequence[Plain]:
    """Return the values of both releases, oldest first; one that came in both is there once."""
    present = [several for several in of_releases if several]
    if len(present) == 1:
        return present[0]
    return sorted({one[:2]: one for several in present for one in several}.values())


def profile(
    kind: Kind,
    series: Sequence[Sequence[Plain]],
    measured: Sequence[Measurement],
    targets: Sequence[Target | None],
    language: Language,
) -> Profile | None:
    """Return the values over the hours of the day, None if no hour has enough; the dots are what was ``measured``."""
    values = [one for several in series for one in several]
    points = [Point(one.at, value) for one in measured for value in one.values if value is not None]
    zone = points[0].at.tzinfo
    of_day = hours(values, zone)
    if not of_day:
        return None
    axis, said = axis_of(kind, points, targets, language), stretches_said(kind, of_day, language)
    drawing = profile_chart(points, of_day, ranges_of(targets), axis, said)
    return Profile(drawing, of_day, days(values, zone), shares(series, targets))


def _written(value: float, digits: int) -> Decimal:
    exact = Decimal(repr(value))
    return exact.quantize(Decimal(1).scaleb(-digits)) if -int(exact.as_tuple().exponent) < digits else exact
