"""The people that the benchmark asks about: those of the demo, many times, each with another seed and a smaller routine.

Each has the summary of their practice and two years of measurements at home: blood pressure, heart rate and
weight once a month. Every tenth has a care plan and medication too. One in 64 is as in the demo: a year of measuring every
day, about 1,000 resources; ``$everything`` is asked about these.
"""

from dataclasses import dataclass
from datetime import date

from app.demo.diary import Diary
from app.demo.elements import Entry
from app.demo.identity import cast
from app.demo.measurements import SelfMeasurements
from app.demo.people import STORIES, demo_people
from app.fhir.release import Release

RELEASE = Release.STU3
"""The release that self-measurements are in."""

TODAY = date(2026, 3, 1)
LONG_EVERY = 64
CARE_EVERY = 10
_DAYS = 730


@dataclass(frozen=True, slots=True)
class Invented:
    """One person: resources by release, without ids; ``is_long`` says that they measure every day."""

    number: int
    is_long: bool
    resources: dict[Release, list[Entry]]

    @property
    def count(self) -> int:
        """How many resources there are."""
        return sum(len(found) for found in self.resources.values())


def invented(number: int) -> Invented:
    """Return the person with this number; the same one each time."""
    if number % LONG_EVERY == 0:
        return Invented(number, True, demo_people(TODAY, seed=number)[number // LONG_EVERY % len(STORIES)].resources)
    story = STORIES[number % len(STORIES)]
    diary = Diary(TODAY, number, story.WHO.key)
    measured = cast(story.WHO, RELEASE)
    story.add_gp_summary(measured, diary)
    _at_home(SelfMeasurements(measured), diary)
    found = {RELEASE: measured.entries.pairs}
    if number % CARE_EVERY == 0:
        agreed = cast(story.WHO, Release.R4)
        story.add_care(agreed, diary)
        story.add_medication(agreed, diary)
        found[Release.R4] = agreed.entries.pairs
    return Invented(number, False, found)


def _at_home(measurements: SelfMeasurements, diary: Diary) -> None:
    chance = diary.chance("two years")
    systolic, kilograms = chance.gauss(142, 9), chance.gauss(79, 11)
    for days_ago in range(_DAYS - 1, 15, -30):
        at = diary.at(days_ago - chance.randint(0, 9), 7, chance.randint(5, 55))
        top = round(systolic - 8 * (1 - days_ago / _DAYS) + 4 * diary.winter(days_ago) + chance.gauss(0, 6))
        measurements.blood_pressure(at, top, round(0.58 * top + chance.gauss(0, 3)))
        measurements.heart_rate(at, round(chance.gauss(74, 5)), regular=chance.random() > 0.05)
        measurements.weight(at, kilograms + chance.gauss(0, 0.7))
