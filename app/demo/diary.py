"""The days and hours of a demo year, and chance that comes out the same each time.

Days are counted back from the day on which the data is made: 1 is yesterday, the last day on which anything happened.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

HOME = ZoneInfo("Europe/Amsterdam")
YEAR = 365


def instant(day: date, minutes: int) -> str:
    """Return the FHIR instant ``minutes`` after midnight in the Netherlands, with the offset of that day."""
    at = datetime.combine(day, time(), HOME) + timedelta(minutes=minutes)
    return at.isoformat(timespec="seconds")


def clock(hours: int, minutes: int = 0) -> int:
    """Return a time of day in minutes after midnight."""
    return hours * 60 + minutes


class Diary:
    """One person's year until yesterday."""

    def __init__(self, today: date, seed: int, person: str) -> None:
        self.today = today
        self.seed = seed
        self.person = person

    def day(self, days_ago: int) -> date:
        """Return a day; a negative number is in the future."""
        return self.today - timedelta(days=days_ago)

    def at(self, days_ago: int, hours: int, minutes: int = 0) -> str:
        """Return an instant on a day."""
        return instant(self.day(days_ago), clock(hours, minutes))

    def days(self, first: int = YEAR, last: int = 1) -> Iterator[int]:
        """Yield the days from ``first`` days ago to ``last`` days ago, oldest first."""
        yield from range(first, last - 1, -1)

    def chance(self, name: str) -> Random:
        """Return a source of chance that depends on the seed, the person and ``name`` only."""
        return Random(f"{self.seed}/{self.person}/{name}")

    def winter(self, days_ago: int) -> float:
        """Return how much it is winter: 1 at the end of January, -1 at the end of July."""
        return math.cos(2 * math.pi * (self.day(days_ago).timetuple().tm_yday - 28) / 365.25)

    def wander(self, name: str, size: float, memory: float = 0.6) -> list[float]:
        """Return a deviation for each day (index: days ago) that keeps ``memory`` of the day before.

        ``size`` is the standard deviation; what is true of people holds here: a bad day is often followed by another.
        """
        chance = self.chance(name)
        step = size * math.sqrt(1 - memory**2)
        values, value = [0.0] * (YEAR + 1), chance.gauss(0, size)
        for days_ago in range(YEAR, -1, -1):
            value = memory * value + chance.gauss(0, step)
            values[days_ago] = max(-2.5 * size, min(2.5 * size, value))
        return values

    def kept(self, name: str, per_week: float, away: Sequence[range] = ()) -> list[int]:
        """Return the days on which somebody measures who means to do so ``per_week`` times; none while ``away``."""
        chance = self.chance(name)
        chosen = [days_ago for days_ago in self.days() if chance.random() < per_week / 7]
        return [days_ago for days_ago in chosen if not any(days_ago in days for days in away)]


def course(days_ago: float, *points: tuple[float, float]) -> float:
    """Return the value on a day, on straight lines between ``points`` of (days ago, value), oldest first."""
    before = points[0]
    if days_ago >= before[0]:
        return before[1]
    for after in points[1:]:
        if days_ago >= after[0]:
            share = (before[0] - days_ago) / (before[0] - after[0])
            return before[1] + share * (after[1] - before[1])
        before = after
    return before[1]
