"""A week of blood pressures at home, as a GP uses it: two in the morning and two in the evening, the first day left out; pure.

Source: the guideline of the European Society of Hypertension for measuring at home, https://doi.org/10.1038/jhh.2010.54; that at
least twelve measurements have to count, https://doi.org/10.1111/jch.13284.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from app.portal.kinds import Measurement

DAYS = 7
TIMES = 2
"""Measurements of a morning, and of an evening."""

MORNING, EVENING = range(4, 12), range(17, 24)
"""The hours of the day that count as such."""

COUNT_MIN = 12
"""Measurements that a mean needs, those of the first day not counted: three whole days."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of both pressures, rounded, over ``count`` measurements."""

    upper: Decimal
    lower: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class DayOfWeek:
    """One day of the week: how many measurements it has of the two that are asked each time; the first does not count.

    A day that is not over may still get some.
    """

    day: date
    morning: int
    evening: int
    counts: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class PressureWeek:
    """The last week: its days, and the means of mornings, of evenings and of both; None where nothing counts."""

    days: tuple[DayOfWeek, ...]
    morning: Mean | None
    evening: Mean | None
    both: Mean | None

    @property
    def missing(self) -> int:
        """Return how many measurements were left out on the days that are over."""
        return sum(max(TIMES - one.morning, 0) + max(TIMES - one.evening, 0) for one in self.days if one.is_over)

    @property
    def is_enough(self) -> bool:
        """Return whether enough measurements count for the mean to say something."""
        return self.both is not None and self.both.count >= COUNT_MIN


def pressure_week(measured: Iterable[Measurement], today: date) -> PressureWeek | None:
    """Return the week of the newest measurements, None when nobody measures in this way: no day has a morning and an evening.

    It begins on the first day that was measured of the seven that end today, or on the last day before that was measured.
    """
    whole = [one for one in measured if None not in one.values and one.at.date() <= today]
    if not whole:
        return None
    last = max(one.at.date() for one in whole)
    own = [one for one in whole if last - timedelta(days=DAYS - 1) <= one.at.date()]
    first = min(one.at.date() for one in own)
    times = {
        (first + timedelta(days=number), hours): _of_time(own, first + timedelta(days=number), hours)
        for number in range(DAYS)
        for hours in (MORNING, EVENING)
    }
    days = tuple(
        DayOfWeek(day, len(times[day, MORNING]), len(times[day, EVENING]), counts=day != first, is_over=day < today)
        for day in (first + timedelta(days=number) for number in range(DAYS))
    )
    if not any(one.morning and one.evening for one in days):
        return None
    mornings, evenings = (
        [one for (day, hours), found in times.items() if hours is part and day != first for one in found[:TIMES]]
        for part in (MORNING, EVENING)
    )
    return PressureWeek(days, _mean(mornings), _mean(evenings), _mean([*mornings, *evenings]))


def _of_time(measured: Sequence[Measurement], day: date, hours: range) -> list[Measurement]:
    return [one for one in measured if one.at.date() == day and one.at.hour in hours]


def _mean(measured: Sequence[Measurement]) -> Mean | None:
    if not measured:
        return None
    upper, lower = (
        (sum((value for one in measured if (value := one.values[index]) is not None), Decimal(0)) / len(measured))
        for index in (0, 1)
    )
    return Mean(upper.quantize(Decimal(1), ROUND_HALF_UP), lower.quantize(Decimal(1), ROUND_HALF_UP), len(measured))
