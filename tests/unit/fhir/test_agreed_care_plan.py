"""A plan that a practice makes: valid in both releases, kept by its identifier, and changed by what was said and no more."""

from dataclasses import replace
from datetime import date

import pytest

from app.fhir.agreed_care_plan import AgreedPlan, about_of, agreement_of, is_made_here
from app.fhir.agreed_plan import AGREED, AgreedEnd
from app.fhir.own_plan import REACHED, STOPPED, Moment
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse

AT = Moment("2026-03-01T12:00:00+01:00", "Patient/1")
LATER = Moment("2026-04-01T12:00:00+02:00", "Patient/1")
PLAN = AgreedPlan(
    "Weer op adem",
    "COPD",
    "Naar de markt",
    date(2026, 1, 12),
    None,
    ("Bellen", "Wegen"),
    "K. Klaver-Testarts",
    number="n",
)
BOTH = pytest.mark.parametrize("release", Release)


@BOTH
def test_it_is_valid_and_known_as_made_here(release: Release) -> None:
    tree = PLAN.new(release, AT, ["Goal/1", "Task/2"])
    assert parse(release, encode_tree(tree)).resource_type == "CarePlan"
    assert [what for what, kind in AGREED.items() if kind.is_one(tree)] == ["plans"]
    assert PLAN.fits(tree)
    assert not is_made_here({**tree, "identifier": [{"system": "https://his.example/plans", "value": "n"}]})
    assert tree["goal"] == [{"reference": "Goal/1"}]
    assert [agreement_of(one) for one in tree["activity"]] == ["", "Bellen", "Wegen"]
    assert about_of(tree) == "COPD"


@BOTH
def test_what_stood_in_it_and_stands_in_no_form_stays(release: Release) -> None:
    stood = PLAN.new(release, AT, ["Goal/1", "Task/2"])
    walking = {"detail": {"status": "in-progress", "code": {"text": "Wandelen"}, "location": {"display": "Park"}}}
    over = {"detail": {"status": "completed", "description": "Longfoto"}}
    progress = [{"text": "Gaat goed"}]
    again = {**stood["activity"][0], "progress": [{"text": "Gaat beter"}]}
    stood["activity"] = [{**stood["activity"][0], "progress": progress}, *stood["activity"][1:], walking, over, again]
    stood["addresses"].append({"reference": "Condition/1", "display": "COPD, GOLD 2"})
    stood["careTeam"] = [{"display": "Team zonder nummer"}]
    stood["note"] = [{"text": "Een opmerking"}]
    said = replace(PLAN, about="Benauwd", agreements=("Wandelen", "Bellen", "Zwemmen"), goals=("Goal/3", "Goal/1"))
    changed = replace(said, activities=("Task/2",)).amended(stood, release, LATER)
    parse(release, encode_tree(changed))
    assert [one["reference"] for one in changed["goal"]] == ["Goal/1", "Goal/3"]
    kept = [agreement_of(one) for one in changed["activity"]]
    assert kept == ["", "Bellen", "Wandelen", "", "", "Zwemmen"]
    assert again in changed["activity"]
    assert changed["activity"][0]["progress"] == progress
    assert walking in changed["activity"]
    assert over in changed["activity"]
    assert about_of(changed) == "Benauwd"
    assert changed["addresses"][0]["reference"] == "Condition/1"
    assert (changed["careTeam"], changed["note"]) == (stood["careTeam"], stood["note"])
    assert "careTeam" not in replace(said, team="").amended(stood, release, LATER)


@BOTH
@pytest.mark.parametrize("how", [REACHED, STOPPED])
def test_its_end_is_a_status_and_a_last_day(release: Release, how: str) -> None:
    tree = PLAN.new(release, AT)
    over = AgreedEnd(how).amended(tree, release, LATER)
    parse(release, encode_tree(over))
    assert over["status"] in {REACHED: ("completed",), STOPPED: ("revoked", "cancelled")}[how]
    assert over["period"] == {"start": "2026-01-12", "end": "2026-04-01"}
    before = {**tree, "period": {"start": "2026-01-12", "end": "2026-02-01"}}
    assert AgreedEnd(how).amended(before, release, LATER)["period"] == before["period"]
    to_come = {**tree, "period": {"start": "2026-06-01"}}
    assert AgreedEnd(how).amended(to_come, release, LATER)["period"] == {"start": "2026-06-01", "end": "2026-06-01"}


@BOTH
def test_on_hold_is_said_in_the_word_of_the_release(release: Release) -> None:
    tree = replace(PLAN, is_paused=True).amended(PLAN.new(release, AT), release, LATER)
    parse(release, encode_tree(tree))
    assert tree["status"] == {Release.R4: "on-hold", Release.STU3: "suspended"}[release]
    assert PLAN.amended(tree, release, LATER)["status"] == "active"
