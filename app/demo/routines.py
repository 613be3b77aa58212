"""How people measure over a year: on which days, at what time, and with which scatter around the course they are on.

The seven-day protocol for blood pressure is that of Dutch GPs: two readings in the morning and two in the evening.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.demo.diary import Diary, clock, instant
from app.demo.measurements import (
    AFTER_BREAKFAST,
    AFTER_DINNER,
    AFTER_LUNCH,
    BEFORE_BREAKFAST,
    BEFORE_DINNER,
    BEFORE_LUNCH,
    BEFORE_SLEEP,
    SelfMeasurements,
)

Course = Callable[[float], float]

# Moment, time, and what a meal adds to the glucose of the early morning, in mmol/L.
DAY_CURVE = (
    (BEFORE_BREAKFAST, clock(7, 20), 0.0),
    (AFTER_BREAKFAST, clock(9, 40), 2.6),
    (BEFORE_LUNCH, clock(12, 20), -0.4),
    (AFTER_LUNCH, clock(14, 45), 1.7),
    (BEFORE_DINNER, clock(17, 45), -0.7),
    (AFTER_DINNER, clock(20, 15), 2.9),
    (BEFORE_SLEEP, clock(22, 30), 0.6),
)


@dataclass(frozen=True, slots=True)
class Circulation:
    """The courses of blood pressure (mmHg) and heart rate (per minute); ``irregular`` is the share of such pulses."""

    systolic: Course
    diastolic: Course
    heart_rate: Course
    irregular: float = 0.0


def measure_blood_pressure(
    measurements: SelfMeasurements,
    diary: Diary,
    circulation: Circulation,
    per_week: float,
    protocol_weeks: Sequence[int],
    away: Sequence[range],
) -> None:
    """Add blood pressures with the heart rate that the device shows too, and whole weeks of the protocol.

    ``protocol_weeks`` are the first days of those weeks.
    """
    chance = diary.chance("blood pressure")
    wander, pulse = diary.wander("systolic", 5.5), diary.wander("heart rate", 3.5)
    weeks = [range(first - 6, first + 1) for first in protocol_weeks]

    def reading(days_ago: int, minutes: int, effect: float) -> None:
        top = circulation.systolic(days_ago) + wander[days_ago] + 3 * diary.winter(days_ago) + effect
        bottom = circulation.diastolic(days_ago) + 0.45 * (wander[days_ago] + effect)
        rate = circulation.heart_rate(days_ago) + pulse[days_ago] + 0.3 * effect + chance.gauss(0, 1.5)
        at = instant(diary.day(days_ago), minutes)
        systolic = round(top + chance.gauss(0, 3))
        measurements.blood_pressure(at, systolic, min(round(bottom + chance.gauss(0, 2)), systolic - 25))
        measurements.heart_rate(at, round(rate), regular=chance.random() >= circulation.irregular)

    for days_ago in diary.kept("blood pressure", per_week, (*away, *weeks)):
        in_evening = chance.random() < 0.2
        around = clock(20, 10) if in_evening else clock(7, 40)
        reading(days_ago, around + round(chance.gauss(0, 18)), -2 if in_evening else 1)
    for week in weeks:
        for days_ago in reversed(week):
            for start, effect in ((clock(7, 15), 2.0), (clock(19, 30), -2.0)):
                first = start + chance.randint(-15, 20)
                # The second reading is a little lower: people come to rest.
                reading(days_ago, first, effect + 3)
                reading(days_ago, first + 2, effect - 1)


def measure_weight(
    measurements: SelfMeasurements, diary: Diary, weight: Course, per_week: float, away: Sequence[range]
) -> None:
    """Add weights of the morning."""
    chance, wander = diary.chance("weight"), diary.wander("weight", 0.3)
    for days_ago in diary.kept("weight", per_week, away):
        minutes = clock(7, 5) + round(chance.gauss(0, 14))
        measurements.weight(instant(diary.day(days_ago), minutes), weight(days_ago) + wander[days_ago])


def measure_saturation(
    measurements: SelfMeasurements,
    diary: Diary,
    days: Sequence[tuple[int, int]],
    saturation: Course,
    breathing: Course | None = None,
    heart_rate: Course | None = None,
) -> None:
    """Add oxygen saturations at ``days``, pairs of (days ago, hour), with respiratory and heart rate if they have a course."""
    chance = diary.chance("saturation")
    wander, rate = diary.wander("saturation", 0.8), diary.wander("breathing", 1.1)
    for days_ago, hour in days:
        at = diary.at(days_ago, hour, chance.randint(0, 50))
        percent = saturation(days_ago) + wander[days_ago] + chance.gauss(0, 0.5) - 0.4 * diary.winter(days_ago)
        measurements.saturation(at, min(round(percent), 99))
        if breathing is not None:
            measurements.respiration(at, round(breathing(days_ago) + rate[days_ago] + chance.gauss(0, 0.6)))
        if heart_rate is not None:
            measurements.heart_rate(at, round(heart_rate(days_ago) + 2 * rate[days_ago] + chance.gauss(0, 2)))


def measure_fasting_glucose(
    measurements: SelfMeasurements, diary: Diary, fasting: Course, per_week: float, away: Sequence[range]
) -> None:
    """Add fasting glucoses before breakfast: high at dawn, and higher in the weekend, after a late evening."""
    chance, wander = diary.chance("fasting"), diary.wander("fasting", 0.7)
    for days_ago in diary.kept("fasting", per_week, away):
        day = diary.day(days_ago)
        late = day.weekday() >= 5
        value = fasting(days_ago) + wander[days_ago] + (0.4 if late else 0.0) + chance.gauss(0, 0.3)
        minutes = clock(8, 20) if late else clock(7, 15)
        measurements.glucose(instant(day, minutes + round(chance.gauss(0, 12))), max(value, 4.1), BEFORE_BREAKFAST)


def measure_day_curve(measurements: SelfMeasurements, diary: Diary, days_ago: int, fasting: Course) -> None:
    """Add the glucoses of a seven-point day curve; now and then one is forgotten."""
    chance = diary.chance(f"curve/{days_ago}")
    appetite = max(chance.gauss(1.0, 0.25), 0.4)
    for moment, minutes, rise in DAY_CURVE:
        if chance.random() < 0.05:
            continue
        value = fasting(days_ago) + chance.gauss(0, 0.5) + (rise * appetite if rise > 0 else rise)
        at = instant(diary.day(days_ago), minutes + round(chance.gauss(0, 10)))
        measurements.glucose(at, max(value, 4.0), moment)
