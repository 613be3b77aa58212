"""The care plan as a person reads it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.portal.careplan import activities, goal_views, members, range_in_words, result_codes
from app.portal.kinds import BY_KEY, Measurement, Target
from app.portal.language import language
from app.portal.start import plan_tasks

DUTCH = language("nl")
TODAY = date(2026, 11, 25)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
TWICE_A_WEEK = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "wk"}}


def request(text: str, timing: dict[str, Any], code: str = "", **more: Any) -> dict[str, Any]:
    coding = [{"system": "http://loinc.org", "code": code}] if code else []
    return {"status": "active", "code": {"text": text, "coding": coding}, "occurrenceTiming": timing, **more}


def weighed(day: int, by: str = "") -> Measurement:
    measured = {"performer": [{"reference": "Practitioner/1", "display": by}]} if by else {}
    return Measurement(datetime(2026, 11, day, 7, 0, tzinfo=AMSTERDAM), (Decimal(70),), resource=measured)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("110", "135", "tussen 110 en 135\u00a0mmHg"),
        (None, "135", "hoogstens 135\u00a0mmHg"),
        ("110", None, "minstens 110\u00a0mmHg"),
        ("120", "120", "120\u00a0mmHg"),
    ],
)
def test_a_target_is_said_in_words(low: str | None, high: str | None, expected: str) -> None:
    target = Target(Decimal(low) if low else None, Decimal(high) if high else None, "")
    assert range_in_words(target, "mm[Hg]", DUTCH) == expected


def test_a_goal_shows_its_words_and_its_last_value() -> None:
    goal = {
        "lifecycleStatus": "active",
        "description": {"text": "Ik weeg 85 kilo of minder."},
        "addresses": [{"display": "Diabetes"}],
        "target": [
            {
                "measure": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
                "detailRange": {"low": {"value": 78, "code": "kg"}, "high": {"value": 85, "code": "kg"}},
                "dueDate": "2027-02-28",
            }
        ],
    }
    last = {"29463-7": (Decimal("86.7"), date(2026, 11, 23))}
    (view,) = goal_views([goal], last, [], DUTCH)
    assert (view.text, view.about, view.due) == ("Ik weeg 85 kilo of minder.", "Diabetes", date(2027, 2, 28))
    (line,) = view.lines
    assert (line.last, line.state) == ("86,7\u00a0kg", 1)
    assert line.low is not None
    assert line.high is not None
    assert line.now is not None
    assert 0 < line.low < line.high < line.now < 100


def test_a_goal_without_a_value_yet_has_no_place_on_the_line() -> None:
    goal = {
        "lifecycleStatus": "active",
        "target": [
            {
                "measure": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
                "detailRange": {"high": {"value": 85, "code": "kg"}},
            }
        ],
    }
    (line,) = goal_views([goal], {}, [], DUTCH)[0].lines
    assert (line.now, line.state, line.last) == (None, None, "")


def test_a_goal_for_a_laboratory_result_is_held_against_the_newest_one() -> None:
    measure = {"coding": [{"system": "http://loinc.org", "code": "59261-8", "display": "HbA1c"}]}
    bounds = {"high": {"value": 53, "code": "mmol/mol"}}
    goal = {"lifecycleStatus": "active", "target": [{"measure": measure, "detailRange": bounds}]}
    results = [
        {
            "code": measure,
            "effectiveDateTime": f"2026-{month}-01",
            "valueQuantity": {"value": value, "code": "mmol/mol"},
        }
        for month, value in (("11", 52), ("05", 68))
    ]
    (line,) = goal_views([goal], {}, results, DUTCH)[0].lines
    assert (line.name, line.last, line.state, line.kind) == ("HbA1c", "52\u00a0mmol/mol", 0, "")


def test_only_what_has_no_page_is_looked_for_as_a_result() -> None:
    hba1c = {"measure": {"coding": [{"system": "http://loinc.org", "code": "59261-8"}]}}
    glucose = {"measure": {"coding": [{"system": "http://loinc.org", "code": "14770-2"}]}}
    goals = [{"lifecycleStatus": "active", "target": [hba1c, glucose, {"dueDate": "2027-01-01"}]}]
    assert result_codes(goals) == ["http://loinc.org|59261-8"]
    assert result_codes([{**goals[0], "lifecycleStatus": "completed"}]) == []


def test_somebody_whose_role_stands_in_the_name_is_shown_with_it_apart() -> None:
    nurse = {"member": {"display": "P. Polsslag, verpleegkundige, Praktijk De Proef"}}
    (one,) = members([{"status": "active", "participant": [nurse]}])
    assert (one.name, one.role) == ("P. Polsslag", "verpleegkundige, Praktijk De Proef")


def test_a_goal_that_is_over_is_not_shown() -> None:
    assert goal_views([{"lifecycleStatus": "completed", "description": {"text": "Klaar"}}], {}, [], DUTCH) == []


def test_activities_come_from_plans_and_requests_alike() -> None:
    plan = {"status": "active", "activity": [{"detail": {"status": "in-progress", "code": {"text": "Wandelen"}}}]}
    found = activities([plan], [request("Wegen", DAILY, "29463-7")], TODAY, DUTCH)
    assert [(one.what, one.when) for one in found] == [("Wegen", "elke dag"), ("Wandelen", "")]
    assert found[0].kind is BY_KEY["weight"]


@pytest.mark.parametrize("status", ["completed", "revoked", "entered-in-error"])
def test_an_activity_that_is_over_is_not_shown(status: str) -> None:
    assert activities([], [request("Wegen", DAILY) | {"status": status}], TODAY, DUTCH) == []


def test_activities_of_a_plan_that_is_over_are_not_shown() -> None:
    plan = {"status": "revoked", "activity": [{"detail": {"status": "in-progress", "code": {"text": "Wandelen"}}}]}
    assert activities([plan], [], TODAY, DUTCH) == []


def test_the_same_activity_is_shown_once() -> None:
    assert len(activities([], [request("Wegen", DAILY), request("Wegen", DAILY)], TODAY, DUTCH)) == 1


def test_a_daily_task_is_done_when_it_was_measured_today() -> None:
    tasks = activities([], [request("Wegen", DAILY, "29463-7")], TODAY, DUTCH)
    assert not plan_tasks(tasks, {"weight": [weighed(24)]}, TODAY)[0].is_done
    assert plan_tasks(tasks, {"weight": [weighed(25)]}, TODAY)[0].is_done


def test_a_weekly_task_counts_from_monday() -> None:
    tasks = activities([], [request("Wegen", TWICE_A_WEEK, "29463-7")], TODAY, DUTCH)
    (task,) = plan_tasks(tasks, {"weight": [weighed(22), weighed(23), weighed(25)]}, TODAY)
    assert (task.done, task.asked, task.is_week, task.is_done) == (2, 2, True, True)


def test_what_the_practice_measured_does_not_tick_the_persons_task() -> None:
    tasks = activities([], [request("Wegen", DAILY, "29463-7")], TODAY, DUTCH)
    assert plan_tasks(tasks, {"weight": [weighed(25, by="P. Polsslag")]}, TODAY)[0].done == 0


def test_what_is_to_be_measured_comes_first_and_what_is_done_last() -> None:
    wishes = [
        request("Voeten bekijken", DAILY),
        request("Wegen", DAILY, "29463-7"),
        request("Hartslag", DAILY, "8867-4"),
    ]
    tasks = plan_tasks(activities([], wishes, TODAY, DUTCH), {"weight": [weighed(25)]}, TODAY)
    assert [task.activity.what for task in tasks] == ["Hartslag", "Voeten bekijken", "Wegen"]


def test_the_team_is_without_the_person_and_names_everyone_once() -> None:
    nurse = {"member": {"reference": "Practitioner/1", "display": "P. Polsslag"}, "role": [{"text": "verpleegkundige"}]}
    me = {"member": {"reference": "Patient/1", "display": "Sterre"}}
    team = {"status": "active", "participant": [me, nurse]}
    assert [(one.name, one.role) for one in members([team, team])] == [("P. Polsslag", "verpleegkundige")]


def test_the_role_of_stu3_is_no_list() -> None:
    nurse = {"member": {"display": "P. Polsslag"}, "role": {"text": "verpleegkundige"}}
    assert members([{"status": "active", "participant": [nurse]}])[0].role == "verpleegkundige"
