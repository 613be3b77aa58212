"""The history of a care plan in words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.fhir.release import Release
from app.portal.language import language
from app.portal.plan_history import Difference, Line, facts, lines_of, status_of

DUTCH = language("nl")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@dataclass
class Version:
    """A version as the store gives it."""

    body: dict[str, Any]
    seq: int
    version: int = 1
    deleted: bool = False
    release: Release = Release.R4
    id: str = "1"
    last_updated: datetime = field(default_factory=lambda: datetime(2026, 11, 26, 8, 30, tzinfo=UTC))
    resource_type: str = "Goal"

    def tree(self) -> dict[str, Any]:
        """Return the body."""
        return self.body


@dataclass
class Authored:
    """A version and who wrote it."""

    version: Version
    actor: str = "person"


def told(*versions: Version) -> list[Line]:
    return lines_of([Authored(one) for one in versions], {"person": "U"}, AMSTERDAM, DUTCH)


def goal(text: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": text}, **more}


def test_the_newest_change_comes_first_at_the_local_time_and_by_whom() -> None:
    changed, added = told(Version(goal("Fietsen"), 1), Version(goal("Vaker fietsen"), 2, 2))
    assert (added.deed, added.what, added.by, added.differences) == ("Doel toegevoegd", "Fietsen", "U", ())
    assert changed.deed == "Doel veranderd"
    assert changed.differences == (Difference("Doel", "Fietsen", "Vaker fietsen"),)
    assert f"{changed.at:%H:%M}" == "09:30"


def test_a_version_in_which_nothing_shown_changed_is_left_out() -> None:
    lines = told(Version(goal("Fietsen"), 1), Version(goal("Fietsen", startDate="2026-01-01"), 2, 2))
    assert [line.deed for line in lines] == ["Doel toegevoegd"]


def test_a_version_of_which_the_one_before_is_not_read_is_a_change_without_details() -> None:
    (line,) = told(Version(goal("Fietsen"), 9, 3))
    assert (line.deed, line.differences) == ("Doel veranderd", ())


def test_what_was_deleted_is_called_as_it_was() -> None:
    removed, _ = told(Version(goal("Fietsen"), 1), Version({}, 2, 2, deleted=True))
    assert (removed.deed, removed.what) == ("Doel verwijderd", "Fietsen")
    assert told(Version({}, 2, 2, deleted=True)) == []


def test_one_id_in_two_releases_is_two_things() -> None:
    stu3 = {"resourceType": "Goal", "status": "in-progress", "description": {"text": "Wandelen"}}
    lines = told(Version(goal("Fietsen"), 1), Version(stu3, 2, release=Release.STU3))
    assert [line.deed for line in lines] == ["Doel toegevoegd", "Doel toegevoegd"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"lifecycleStatus": "completed"}, "reached"),
        ({"lifecycleStatus": "cancelled"}, "stopped"),
        ({"lifecycleStatus": "proposed"}, "open"),
        ({"lifecycleStatus": "on-hold"}, "open"),
        ({"lifecycleStatus": "", "status": "achieved"}, "reached"),
    ],
)
def test_how_a_goal_stands(status: dict[str, str], expected: str) -> None:
    assert status_of(goal("Fietsen", **status)) == expected


def test_a_target_is_told_in_words_also_of_what_has_no_page() -> None:
    targets = [
        {"measure": {"coding": [{"code": "8480-6"}]}, "detailRange": {"high": {"value": 135, "code": "mm[Hg]"}}},
        {"measure": {"text": "HbA1c"}, "detailQuantity": {"value": 53, "comparator": "<=", "code": "mmol/mol"}},
        {"measure": {"text": "Slapen"}, "detailString": "beter"},
    ]
    text = facts(goal("Gezond", target=targets), DUTCH)["Target"]
    assert text == "Bovendruk hoogstens 135\u00a0mmHg en HbA1c hoogstens 53\u00a0mmol/mol"


def test_the_parts_of_a_plan_and_a_team_are_told() -> None:
    plan = {
        "resourceType": "CarePlan",
        "title": "Mijn plan",
        "activity": [{"detail": {"description": "Wandelen"}}, {"reference": {"reference": "Task/1"}}],
    }
    assert facts(plan, DUTCH) == {"Name": "Mijn plan", "What is done": "Wandelen"}
    team = {"resourceType": "CareTeam", "participant": [{"member": {"display": "P. Polsslag-Testverpleegkundige"}}]}
    assert facts(team, DUTCH) == {"Who": "P. Polsslag-Testverpleegkundige"}
