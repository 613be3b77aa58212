"""Own goals and actions: what was typed becomes a resource, and a resource becomes what stands in the form."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.fhir.own_plan import REACHED, STOPPED, Ended, Moment, OwnAction, OwnGoal, is_own
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.portal.careplan import activities, goal_views
from app.portal.kinds import BY_KEY, targets_of
from app.portal.language import language
from app.portal.own_goals import MEASURES, action_fields, action_typed, goal_fields, goal_typed

DUTCH = language("nl")
TODAY = date(2026, 11, 26)
NOW = Moment("2026-11-26T11:30:00+01:00", "Patient/example")
BOTH = pytest.mark.parametrize("release", list(Release))


def kept(words: OwnGoal | OwnAction, release: Release) -> dict[str, Any]:
    tree = words.new(release, NOW)
    parse(release, encode_tree(tree))
    return tree | {"id": "1"}


@BOTH
@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_a_goal_with_any_measure_comes_back_into_its_form(release: Release, measure: str) -> None:
    low, high = (str(end) for end in MEASURES[measure].possible)
    texts = {
        "text": "Beter slapen",
        "why": "Voor mijn werk",
        "due": "2027-03-01",
        "measure": measure,
        "low": low,
        "high": high,
    }
    found = goal_typed(texts, TODAY, DUTCH)
    assert isinstance(found.words, OwnGoal), found.errors
    tree = kept(found.words, release)
    assert is_own(tree)
    assert goal_fields(tree, DUTCH) == (texts | {"due-before": "2027-03-01"}, True)
    kind = MEASURES[measure].kind
    assert any(target is not None for target in targets_of(kind, [tree]))


@BOTH
def test_an_action_comes_back_into_its_form(release: Release) -> None:
    texts = {"text": "Wandelen", "why": "", "often": "day", "due": "2027-03-01"}
    found = action_typed(texts, TODAY, DUTCH)
    assert isinstance(found.words, OwnAction), found.errors
    tree = kept(found.words, release)
    assert is_own(tree)
    assert action_fields(tree) == (texts | {"due-before": "2027-03-01"}, True)
    (shown,) = activities([], [tree], TODAY, DUTCH)
    assert (shown.what, shown.when, shown.due, shown.own, shown.who) == ("Wandelen", "elke dag", 1, "actions/r4/1", "")


def test_an_action_with_another_rhythm_keeps_it() -> None:
    rhythm = [
        {"type": {"text": "wanneer"}, "valueTiming": {"repeat": {"frequency": 2, "period": 3, "periodUnit": "d"}}}
    ]
    tree = kept(OwnAction("Wandelen"), Release.R4) | {"input": rhythm}
    texts, fits = action_fields(tree)
    assert not fits
    found = action_typed(texts | {"text": "Fietsen"}, TODAY, DUTCH, keeps_timing=True)
    assert isinstance(found.words, OwnAction)
    changed = found.words.amended(tree, Release.R4, NOW)
    assert (changed["description"], changed["input"]) == ("Fietsen", rhythm)


def test_another_input_of_an_action_stays_when_its_timing_changes() -> None:
    other = {"type": {"text": "waar"}, "valueString": "in het park"}
    tree = kept(OwnAction("Wandelen", often="day"), Release.R4)
    tree["input"] = [other, *tree["input"]]
    changed = OwnAction("Wandelen", often="week-2").amended(tree, Release.R4, NOW)
    assert changed["input"][0] == other
    assert changed["input"][1]["valueTiming"]["repeat"]["frequency"] == 2
    assert OwnAction("Wandelen").amended(tree, Release.R4, NOW)["input"] == [other]


@pytest.mark.parametrize(
    "target",
    [
        {"measure": {"text": "HbA1c"}, "detailString": "lager"},
        {
            "measure": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "detailQuantity": {"value": 80, "code": "kg"},
        },
        {
            "measure": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "detailRange": {"high": {"value": 170, "code": "[lb_av]"}},
        },
    ],
)
def test_a_target_that_the_form_can_not_show_is_left_alone(target: dict[str, Any]) -> None:
    tree = kept(OwnGoal("Afvallen"), Release.R4) | {"target": [target]}
    texts, fits = goal_fields(tree, DUTCH)
    assert not fits
    found = goal_typed(texts | {"text": "Fit zijn"}, TODAY, DUTCH, keeps_target=True)
    assert isinstance(found.words, OwnGoal)
    assert found.words.amended(tree, Release.R4, NOW)["target"] == [target]


def test_a_day_that_went_by_may_stay_and_no_other_day_that_went_by() -> None:
    texts = {"text": "Afvallen", "due": "2026-11-01", "due-before": "2026-11-01"}
    assert goal_typed(texts, TODAY, DUTCH).errors == {}
    assert set(goal_typed(texts | {"due": "2026-11-02"}, TODAY, DUTCH).errors) == {"due"}


@BOTH
@pytest.mark.parametrize("how", [REACHED, STOPPED])
def test_what_ended_is_valid_and_not_shown(release: Release, how: str) -> None:
    for words in (OwnGoal("Afvallen"), OwnAction("Wandelen")):
        ended = Ended(how).amended(kept(words, release), release, NOW)
        parse(release, encode_tree(ended))
        assert goal_views([ended] if ended["resourceType"] == "Goal" else [], {}, [], DUTCH) == []
        assert activities([], [ended] if ended["resourceType"] == "Task" else [], TODAY, DUTCH) == []


def test_a_target_that_was_agreed_counts_before_an_own_one() -> None:
    typed = goal_typed({"text": "Afvallen", "measure": "29463-7", "high": "70"}, TODAY, DUTCH)
    assert isinstance(typed.words, OwnGoal)
    own = kept(typed.words, Release.R4)
    agreed = {**own, "expressedBy": {"reference": "Practitioner/1"}}
    agreed["target"] = [{**own["target"][0], "detailRange": {"high": {"value": 85, "unit": "kg", "code": "kg"}}}]
    for goals in ([own, agreed], [agreed, own]):
        (target,) = targets_of(BY_KEY["weight"], goals)
        assert target is not None
        assert target.high == Decimal(85)
        assert [one.own for one in goal_views(goals, {}, [], DUTCH)] == ["", "goals/r4/1"]


@pytest.mark.parametrize(
    "changed",
    [
        {"requester": {"reference": "Practitioner/1"}},
        {"owner": {"reference": "Practitioner/1"}},
        {"requester": {"display": "Iemand"}},
        {"owner": None},
    ],
)
def test_a_task_that_another_asks_or_does_is_not_own(changed: dict[str, Any]) -> None:
    tree = {name: value for name, value in (kept(OwnAction("Wandelen"), Release.R4) | changed).items() if value}
    assert not is_own(tree)


def test_a_correction_asked_of_a_practice_is_no_action_of_ones_own() -> None:
    patient = {"reference": "Patient/example"}
    assert not is_own({"resourceType": "Task", "requester": patient, "owner": {"reference": "Organization/1"}})
    assert not is_own({"resourceType": "CarePlan", "requester": patient, "owner": patient})
