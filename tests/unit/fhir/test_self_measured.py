"""What is typed keeps Regie's own profiles and the Dutch ones, in both releases; what is corrected keeps what was not touched."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.access.categories import Category
from app.consent.categorize import categorize
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.self_measured import KINDS, OWN, Measured, amended, is_own, observation, taken_back
from app.fhir.tree import encode_tree
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import parse

AT = datetime(2026, 3, 2, 7, 45, tzinfo=ZoneInfo("Europe/Amsterdam"))
BOTH = pytest.mark.parametrize("release", list(Release))
EVERY = pytest.mark.parametrize("kind", sorted(KINDS))


def measured(kind: str, moment: str = "", **other: Any) -> Measured:
    values = (Decimal(128), Decimal(76)) if kind == "blood-pressure" else (Decimal("7.2"),)
    return Measured(kind, **{"values": values, "at": AT, "moment": moment, "note": "na het sporten", **other})


def issues(release: Release, tree: dict[str, Any]) -> list[str]:
    own = Profiles(release, Library(PROFILES / "none", PROFILES).definitions(release).resolved)
    parse(release, encode_tree(tree))
    claimed = [url for url in tree["meta"]["profile"] if url.startswith(OWN)]
    assert claimed
    return [one.diagnostics for one in own.validate({**tree, "meta": {}}, claimed)]


@BOTH
@EVERY
def test_what_is_typed_keeps_its_profile_and_is_the_persons_own(release: Release, kind: str) -> None:
    tree = observation(measured(kind), release, "example")
    assert issues(release, tree) == []
    assert categorize("Observation", tree) is Category.OWN_MEASUREMENTS
    assert is_own(tree)


@BOTH
@EVERY
def test_what_is_corrected_keeps_its_profile_and_has_the_new_values(release: Release, kind: str) -> None:
    tree = observation(measured(kind), release, "example")
    values = (Decimal(130), Decimal(80)) if kind == "blood-pressure" else (Decimal("7.4"),)
    changed = amended(tree, measured(kind, values=values, note=""), release)
    assert issues(release, changed) == []
    assert changed["status"] == "amended"
    quantities = [one["valueQuantity"] for one in [changed, *changed.get("component", [])] if "valueQuantity" in one]
    assert tuple(one["value"] for one in quantities) == values
    assert {"note", "comment"}.isdisjoint(changed)


@BOTH
def test_a_correction_leaves_what_it_is_not_about(release: Release) -> None:
    tree = observation(measured("blood-pressure"), release, "example")
    cuff = {"code": {"coding": [{"code": "8358-4"}]}, "valueCodeableConcept": {"text": "standaard"}}
    tree |= {"component": [*tree["component"], cuff], "bodySite": {"text": "arm"}, "text": {"status": "generated"}}
    tree |= {"valueQuantity": {"value": 97, "unit": "mmHg"}, "interpretation": [{"text": "te hoog"}]}
    tree["component"][0]["interpretation"] = [{"text": "te hoog"}]
    changed = amended(tree, measured("blood-pressure", values=(Decimal(130), Decimal(80))), release)
    assert changed["component"][2] == cuff
    assert [one["valueQuantity"]["value"] for one in changed["component"][:2]] == [130, 80]
    assert changed["valueQuantity"] == {"value": 97, "unit": "mmHg"}, "none of the two that were typed"
    assert "interpretation" not in changed | changed["component"][0]
    assert changed["bodySite"] == {"text": "arm"}
    assert "text" not in changed, "it told the old values"


@pytest.mark.parametrize(
    ("release", "stale"),
    [(Release.STU3, ("effectiveDateTime", "comment")), (Release.R4, ("effectiveInstant", "effectiveDateTime"))],
)
def test_a_correction_leaves_no_extension_of_the_moment_and_note_that_it_replaces(
    release: Release, stale: tuple[str, ...]
) -> None:
    tree = observation(measured("body-weight"), release, "example")
    extended = {"extension": [{"url": "https://regie.example/test", "valueString": "van het oude"}]}
    changed = amended(tree | {f"_{name}": extended for name in stale}, measured("body-weight"), release)
    assert issues(release, changed) == []
    assert [name for name in changed if name.startswith("_")] == []


@BOTH
def test_another_moment_of_the_day_gives_glucose_its_code(release: Release) -> None:
    tree = observation(measured("blood-glucose", "ACM"), release, "example")
    assert tree["code"]["coding"][0]["code"] == "14770-2"
    tree["interpretation"] = {"text": "te hoog"}
    changed = amended(tree, measured("blood-glucose", "HS"), release)
    assert changed["code"]["coding"][0]["code"] == "14743-9"
    assert "interpretation" not in changed
    assert len([one for one in changed["extension"] if "eventTiming" in one["url"]]) == 1


def test_what_is_taken_back_stays_as_a_mistake() -> None:
    tree = observation(measured("body-weight"), Release.R4, "example")
    assert taken_back(tree) == {**tree, "status": "entered-in-error"}


@pytest.mark.parametrize(
    "change",
    [
        {"performer": []},
        {"performer": [{"reference": "Practitioner/1"}]},
        {"performer": [{"reference": "Patient/1"}, {"display": "een verpleegkundige"}]},
        {"extension": [{"url": f"{OWN}measurement-entry", "valueCode": "device"}]},
    ],
)
def test_what_another_measured_or_a_device_sent_is_not_the_persons_to_correct(change: dict[str, Any]) -> None:
    assert not is_own(observation(measured("body-weight"), Release.R4, "1") | change)
