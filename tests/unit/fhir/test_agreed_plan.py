"""What a practice writes in a care plan: valid in both releases, by its profile, and never the person's own."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.fhir.agreed_plan import AGREED, AgreedAction, AgreedEnd, AgreedGoal, AskedMeasuring
from app.fhir.own_plan import REACHED, STOPPED, Moment, New, OwnAction, OwnGoal, Range, is_own
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse

BY = "K. Klaver-Testmedewerker, Praktijk Zonnestraal"
AT = Moment("2026-03-01T12:00:00+01:00", "Patient/1")
LATER = Moment("2026-04-01T12:00:00+02:00", "Patient/1")
UPPER = Range(("http://loinc.org", "8480-6", "Bovendruk"), ("mm[Hg]", "mm[Hg]"), None, Decimal(140))
GOAL = AgreedGoal(OwnGoal("Goede bloeddruk", "Samen afgesproken", date(2026, 9, 1), UPPER), BY)
ACTION = AgreedAction(OwnAction("Wandelen", "", "week-5"), BY)
MEASURING = AskedMeasuring(("http://loinc.org", "85354-9", "Bloeddruk"), "week-2", BY, "Zit stil", date(2026, 9, 1))
WRITTEN: dict[str, New] = {"goals": GOAL, "actions": ACTION, "measuring": MEASURING}


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("what", WRITTEN)
def test_it_is_valid_and_known_as_a_practices(what: str, release: Release) -> None:
    tree = WRITTEN[what].new(release, AT)
    assert parse(release, encode_tree(tree)).resource_type in AGREED[what].types
    assert [kind for kind, one in AGREED.items() if one.is_one(tree)] == [what]
    assert not is_own(tree)
    assert BY in str(tree)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("how", [REACHED, STOPPED])
@pytest.mark.parametrize("what", WRITTEN)
def test_its_end_is_a_status(what: str, how: str, release: Release) -> None:
    tree = WRITTEN[what].new(release, AT)
    end = AgreedEnd(how)
    assert end.fits(tree)
    over = end.amended(tree, release, LATER)
    parse(release, encode_tree(over))
    status = "lifecycleStatus" if (what, release) == ("goals", Release.R4) else "status"
    assert (
        over[status]
        in {
            REACHED: ("completed", "achieved"),
            STOPPED: ("cancelled", "revoked"),
        }[how]
    )


@pytest.mark.parametrize("release", Release)
def test_a_changed_request_stays_about_the_same_measurement(release: Release) -> None:
    tree = {**MEASURING.new(release, AT), "reasonReference": [{"display": "Hoge bloeddruk"}]}
    changed = AskedMeasuring(("", "", ""), "day", BY, "", None).amended(tree, release, LATER)
    parse(release, encode_tree(changed))
    assert changed["code"] == tree["code"]
    assert changed["reasonReference"] == tree["reasonReference"]
    assert changed["occurrenceTiming"]["repeat"]["frequency"] == 1
    assert "Zit stil" not in str(changed)
    kept = replace(MEASURING, often="", keeps_timing=True).amended(tree, release, LATER)
    assert kept["occurrenceTiming"] == tree["occurrenceTiming"]


@pytest.mark.parametrize("release", Release)
def test_what_begins_later_begins_then_after_its_words_were_changed(release: Release) -> None:
    timing = {"repeat": {"boundsPeriod": {"start": "2026-06-01"}, "frequency": 1, "period": 1, "periodUnit": "d"}}
    measuring = {**MEASURING.new(release, AT), "occurrenceTiming": timing}
    action = {**ACTION.new(release, AT), "input": [{"type": {"text": "wanneer"}, "valueTiming": timing}]}
    asked = AskedMeasuring(MEASURING.measure, "day", BY, "Zit stil").amended(measuring, release, LATER)
    done = AgreedAction(OwnAction("Fietsen", "", "day"), BY).amended(action, release, LATER)
    for tree in (asked, done):
        parse(release, encode_tree(tree))
    assert asked["occurrenceTiming"] == done["input"][0]["valueTiming"] == timing


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("what", ["goals", "actions"])
def test_words_that_stay_keep_their_codes_and_who_wrote_them(what: str, release: Release) -> None:
    by_another = [{"text": "Samen", "authorString": "H. Testarts"}, {"text": "afgesproken"}]
    coded = {"text": "Goede bloeddruk", "coding": [{"system": "http://snomed.info/sct", "code": "135840009"}]}
    goal = replace(GOAL, goal=replace(GOAL.goal, due=None))
    action = replace(ACTION, action=replace(ACTION.action, why="Samen afgesproken", often="day"))
    tree = {**WRITTEN[what].new(release, AT), "note": by_another} | ({"description": coded} if what == "goals" else {})
    changed = (goal if what == "goals" else action).amended(tree, release, LATER)
    parse(release, encode_tree(changed))
    assert (changed["description"], changed["note"]) == (tree["description"], by_another)
    other = replace(goal, goal=replace(goal.goal, text="Lager", why="Op eigen verzoek")).amended(tree, release, LATER)
    assert (other["description"], other["note"]) == ({"text": "Lager"}, [{"text": "Op eigen verzoek"}])


@pytest.mark.parametrize("release", Release)
def test_what_the_person_wrote_is_not_a_practices(release: Release) -> None:
    for words in (GOAL.goal, ACTION.action):
        tree = words.new(release, AT)
        assert not any(one.is_one(tree) for one in AGREED.values())
        assert not AgreedEnd(STOPPED).fits(tree)
        assert not GOAL.fits(tree)
        assert not ACTION.fits(tree)
        assert not MEASURING.fits(tree)


def test_a_task_that_asks_for_answers_is_not_one_of_the_plan() -> None:
    assert not ACTION.fits({"resourceType": "Task", "description": "Vragenlijst", "code": {"text": "vragenlijst"}})
    asked = [{"type": {"text": "Questionnaire"}, "valueReference": {"reference": "Questionnaire/1"}}]
    assert not ACTION.fits({"resourceType": "Task", "description": "Vragenlijst", "input": asked})
