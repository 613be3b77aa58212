"""The demo people: who they are, how they log in, and their record in both releases."""

from dataclasses import dataclass
from datetime import date

from app.demo import copd, diabetes, heart_failure
from app.demo.diary import Diary
from app.demo.elements import Entry
from app.demo.identity import cast
from app.demo.questionnaires import add_questionnaires
from app.fhir.release import Release

STORIES = (diabetes, copd, heart_failure)
PASSWORD = "proefpersoon-zonder-geheimen"


@dataclass(frozen=True)
class DemoPerson:
    """An invented person; ``resources`` are pairs of a ``urn:uuid:`` full url and a resource without id.

    References inside are full urls of earlier pairs of the same release, so that each list can go into one transaction
    Bundle, or be cut into several. ``about`` is one line of Dutch. The Patient is among the resources, once per release.
    """

    login: str
    password: str
    name: str
    birth_date: date
    about: str
    resources: dict[Release, list[Entry]]


def demo_people(today: date, seed: int = 7) -> list[DemoPerson]:
    """Return the three people with a year of data until the day before ``today``; equal arguments, equal people."""
    people = []
    for story in STORIES:
        diary = Diary(today, seed, story.WHO.key)
        measured, agreed = cast(story.WHO, Release.STU3), cast(story.WHO, Release.R4)
        story.add_gp_summary(measured, diary)
        story.add_measurements(measured, diary)
        story.add_documents(measured, diary)
        add_questionnaires(measured, diary, story.ANSWERS)
        story.add_care(agreed, diary)
        story.add_medication(agreed, diary)
        people.append(
            DemoPerson(
                login=f"{story.WHO.key}@example.test",
                password=PASSWORD,
                name=story.WHO.name,
                birth_date=story.WHO.birth_date,
                about=story.ABOUT,
                resources={Release.STU3: measured.entries.pairs, Release.R4: agreed.entries.pairs},
            )
        )
    return people
