"""The page of a kind that was measured very often: numbers of all values, and whole measurements only for the table; pure.

A sensor measures a few times an hour. The line, the words, the day and the dots are of plain numbers; the dots are the highest
and lowest of each stretch of time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from statistics import median, quantiles

from app.identity.instants import to_us
from app.interactions.series import Values
from app.portal import formats
from app.portal.careplan import range_in_words
from app.portal.chart import Point
from app.portal.day_profile import STRETCH_MIN, Shares, Stretch, profile_chart
from app.portal.kinds import Kind, Measurement, Target, units_of
from app.portal.language import Language
from app.portal.measurements_shown import (
    DOTS_MAX,
    ROWS_MAX,
    Profile,
    Said,
    axis_of,
    label_of,
    ranges_of,
    state_of,
    stretches_said,
)

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TENTH = Decimal("0.1")


def told(kind: Kind, value: float, unit: int) -> float:
    """Return a value of the unit at a place of ``units_of`` in that of its kind."""
    return round(value * float(units_of(kind)[unit][1]), 1) if unit else value


def of_measured(kind: Kind, measured: Sequence[Measurement]) -> list[Values]:
    """Return the values of each series of whole measurements, oldest first; no numbers of changes."""
    found = []
    for index in range(len(kind.series)):
        rows = [(to_us(one.at), float(value)) for one in measured if (value := one.values[index]) is not None]
        found.append(Values([at for at, _ in rows], [value for _, value in rows]))
    return found


def since(start: int, values: Values) -> Values:
    """Return the values from an instant on."""
    place = bisect_left(values.at, start)
    return Values(values.at[place:], values.value[place:], values.seq[place:]) if place else values


def newest(series: Sequence[Values]) -> set[int]:
    """Return the changes that the table shows."""
    return {seq for values in series for seq in values.seq[-ROWS_MAX:]}


def _stretches(at: Sequence[int], width: int, begin: int) -> Iterator[tuple[int, int]]:
    """Yield where each stretch of ``width`` that has instants begins and ends among them; the first began at ``begin``."""
    place = 0
    while place < len(at):
        end = bisect_left(at, begin + ((at[place] - begin) // width + 1) * width, place)
        yield place, end
        place = end


def peaks(values: Values, most: int) -> list[int]:
    """Return the places of the lowest and the highest value of each of ``most / 2`` stretches of time, and the last; of few all."""
    if len(values.at) <= most:
        return list(range(len(values.at)))
    width = (values.at[-1] - values.at[0]) // (most // 2 - 1) or 1
    found = {len(values.at) - 1}
    for begin, end in _stretches(values.at, width, values.at[0]):
        stretch = values.value[begin:end]
        found |= {begin + stretch.index(min(stretch)), begin + stretch.index(max(stretch))}
    return sorted(found)


def means(values: Values, days: int, zone: tzinfo) -> list[Point]:
    """Return one point per stretch of ``days``: the mean of its values at the mean of its times."""
    found = []
    for begin, end in _stretches(values.at, days * DAY_US, values.at[0] if values.at else 0):
        middle, mean = sum(values.at[begin:end]) // (end - begin), sum(values.value[begin:end]) / (end - begin)
        found.append(Point(_local(middle, zone), Decimal(repr(mean))))
    return found


def dots(
    kind: Kind,
    series: Sequence[Values],
    targets: Sequence[Target | None],
    digits: int,
    zone: tzinfo,
    today: date,
    language: Language,
) -> list[list[Point]]:
    """Return what is drawn of each series, with its words: the peaks, with ``digits`` decimals."""
    most = DOTS_MAX // max(sum(1 for values in series if values.at), 1)
    found = []
    for values, target in zip(series, targets, strict=True):
        points = []
        for place in peaks(values, most):
            at, value = _local(values.at[place], zone), _written(values.value[place], digits)
            state = state_of([value], [target])
            label = label_of(formats.quantity(value, kind.unit, language), at, state, today, language)
            points.append(Point(at, value, label, beyond=state not in (0, None)))
        found.append(points)
    return found


def said(
    kind: Kind, series: Sequence[Values], targets: Sequence[Target | None], digits: int, language: Language
) -> list[Said]:
    """Return what the values say in words and numbers, per series; with ``digits`` decimals."""
    found = []
    for one, values, target in zip(kind.series, series, targets, strict=True):
        if not values.value:
            continue
        numbers = values.value
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
    below = sum(map(float(target.low).__gt__, numbers)) if target.low is not None else 0
    above = sum(map(float(target.high).__lt__, numbers)) if target.high is not None else 0
    return below, len(numbers) - below - above, above


def shares(series: Sequence[Values], targets: Sequence[Target | None]) -> Shares:
    """Return how many of all values that have a target lie below, inside and above it."""
    found = [sides(values.value, target) for values, target in zip(series, targets, strict=True) if target is not None]
    below, inside, above = (sum(parts) for parts in zip(*found, strict=True)) if found else (0, 0, 0)
    return Shares(below, inside, above)


def _local(at: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone)


def _ahead(at: int, zone: tzinfo) -> int:
    """Return what the zone is ahead of UTC at an instant, in microseconds."""
    ahead = _local(at, zone).utcoffset()
    return 0 if ahead is None else ahead // _MICROSECOND


def clocks(at: Sequence[int], zone: tzinfo) -> list[int]:
    """Return what the clock of a zone showed at each instant, in microseconds as if it were UTC. It is changed once a day at most."""
    found: list[int] = []
    known: dict[int, int] = {}
    for begin, end in _stretches(at, DAY_US, 0):
        day = at[begin] // DAY_US * DAY_US
        ahead = known[day] if day in known else _ahead(day, zone)
        known[day + DAY_US] = ahead_after = _ahead(day + DAY_US, zone)
        if ahead == ahead_after:
            found += [one + ahead for one in at[begin:end]]
        else:
            found += [one + _ahead(one, zone) for one in at[begin:end]]
    return found


def hours(shown: Sequence[int], values: Sequence[float]) -> list[Stretch]:
    """Return each hour of the day that has enough ``values``; ``shown`` is the hour that the clock showed at each, since 1970."""
    by_hour: list[list[float]] = [[] for _ in range(24)]
    add_to = [numbers.append for numbers in by_hour]
    for hour, value in zip(shown, values, strict=True):
        add_to[hour % 24](value)
    found = []
    for hour, numbers in enumerate(by_hour):
        if len(numbers) >= STRETCH_MIN:
            numbers.sort()
            tenths = quantiles(numbers, n=10, method="inclusive")
            low, middle, high = (Decimal(repr(end)).quantize(_TENTH) for end in (tenths[0], median(numbers), tenths[8]))
            found.append(Stretch(hour, hour + 1, low, middle, high, len(numbers)))
    return found


def together(of_releases: Sequence[Values]) -> Values:
    """Return the values of both releases, oldest first; one that came in both is there once. No numbers of changes."""
    several, *others = sorted(of_releases, key=lambda values: -len(values.at))
    at, value = list(several.at), list(several.value)
    for one in others:
        for instant, number in zip(one.at, one.value, strict=True):
            begin, end = bisect_left(several.at, instant), bisect_right(several.at, instant)
            if number not in several.value[begin:end]:
                at.append(instant)
                value.append(number)
    if len(at) == len(several.at):
        return several
    order = sorted(range(len(at)), key=at.__getitem__)
    return Values(list(map(at.__getitem__, order)), list(map(value.__getitem__, order)))


def profile(
    kind: Kind,
    series: Sequence[Values],
    drawn: Sequence[Sequence[Point]],
    targets: Sequence[Target | None],
    zone: tzinfo,
    language: Language,
) -> Profile | None:
    """Return the values over the hours of the day, None if no hour has enough; the dots are those ``drawn``."""
    shown = [hour for values in series for hour in map(HOUR_US.__rfloordiv__, clocks(values.at, zone))]
    of_day = hours(shown, [value for values in series for value in values.value])
    if not of_day:
        return None
    points = [point for several in drawn for point in several]
    axis, words = axis_of(kind, points, targets, language), stretches_said(kind, of_day, language)
    drawing = profile_chart(points, of_day, ranges_of(targets), axis, words)
    return Profile(drawing, of_day, len({hour // 24 for hour in set(shown)}), shares(series, targets))


def _written(value: float, digits: int) -> Decimal:
    exact = Decimal(repr(value))
    return exact.quantize(Decimal(1).scaleb(-digits)) if -int(exact.as_tuple().exponent) < digits else exact
