"""The rules of FHIR itself: what breaks them, where it is told, and what does not."""

from typing import Any

import msgspec
import pytest

from app.fhir.release import Release
from app.fhir.releases.definitions import DATA
from app.fhir.validation import invariants
from app.fhir.validation.fhirpath import compile_truth
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.structure import parse

BOTH = pytest.mark.parametrize("release", list(Release))
CODE = {"coding": [{"system": "urn:a", "code": "1"}]}
HIDDEN = {"resourceType": "Observation", "id": "it", "status": "final", "code": CODE}


def broken(release: Release, **members: Any) -> list[tuple[str, str | None]]:
    """Return (rule, place) of what an Observation with these members breaks."""
    tree = {"resourceType": "Observation", "status": "final", "code": CODE, **members}
    issues = broken_rules(release, parse(release, msgspec.json.encode(tree)), "Observation")
    assert {(one.severity, one.code) for one in issues} <= {("error", "invariant")}
    return [(one.diagnostics.split()[4], one.expression) for one in issues]


@BOTH
@pytest.mark.parametrize(
    ("members", "rule", "place"),
    [
        ({"valueString": "a", "dataAbsentReason": CODE}, "obs-6", "Observation"),
        ({"valueString": "a", "component": [{"code": CODE}]}, "obs-7", "Observation"),
        ({"valueQuantity": {"value": 1, "code": "kg"}}, "qty-3", "Observation.valueQuantity"),
        ({"effectivePeriod": {"start": "2026-02", "end": "2026-01"}}, "per-1", "Observation.effectivePeriod"),
        ({"referenceRange": [{"age": {"low": {"value": 1}}}]}, "obs-3", "Observation.referenceRange[0]"),
        (
            {"referenceRange": [{"low": {"value": 1, "comparator": "<"}}]},
            "sqty-1",
            "Observation.referenceRange[0].low",
        ),
        (
            {"valueRange": {"high": {"value": 1, "comparator": "<"}}},
            "sqty-1",
            "Observation.valueRange.high",
        ),
        ({"contained": [HIDDEN]}, "dom-3", "Observation.contained[0]"),
        ({"subject": {"reference": "#it"}}, "ref-1", "Observation.subject"),
        ({"extension": [{"url": "urn:x"}]}, "ext-1", "Observation.extension[0]"),
        ({"_status": {"extension": [{"url": "urn:x"}]}}, "ext-1", "Observation.status.extension[0]"),
        (
            {"extension": [{"url": "urn:x", "valueQuantity": {"code": "kg"}}]},
            "qty-3",
            "Observation.extension[0].valueQuantity",
        ),
        (
            {"contained": [{**HIDDEN, "meta": {"versionId": "1"}}], "subject": {"reference": "#it"}},
            "dom-4",
            "Observation",
        ),
        (
            {
                "contained": [{**HIDDEN, "component": [{"code": CODE, "valueQuantity": {"code": "kg"}}]}],
                "device": {"reference": "#it"},
            },
            "qty-3",
            "Observation.contained[0].component[0].valueQuantity",
        ),
    ],
)
def test_a_rule_that_is_broken_is_told_with_its_place(
    release: Release, members: dict[str, Any], rule: str, place: str
) -> None:
    assert broken(release, **members) == [(rule, place)]


@BOTH
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"valueQuantity": {"value": 1, "code": "kg", "system": "urn:a"}},
        {"valueString": "a", "component": [{"code": {"text": "b"}}]},
        {"dataAbsentReason": CODE, "component": [{"code": CODE}]},
        {"effectivePeriod": {"start": "2026", "end": "2026-01"}},
        {"effectivePeriod": {"start": "2026-01-02T12:00:00+01:00", "end": "2026-01-02"}},
        {"referenceRange": [{"low": {"value": 2, "unit": "kg"}, "high": {"value": 1, "unit": "g"}}]},
        {"contained": [HIDDEN], "device": {"reference": "#it"}},
        {"contained": [{**HIDDEN, "subject": {"reference": "#"}}]},
        {"extension": [{"url": "urn:x", "_valueString": {"extension": [{"url": "urn:y", "valueCode": "a"}]}}]},
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}},
    ],
)
def test_what_keeps_the_rules_or_cannot_be_told_is_no_fault(release: Release, members: dict[str, Any]) -> None:
    assert broken(release, **members) == []


@pytest.mark.parametrize("comparator", [{}, {"comparator": "<"}])
def test_only_a_simple_quantity_is_without_a_comparator(comparator: dict[str, str]) -> None:
    amount = {"value": 1, **comparator}
    dose = {"doseQuantity": amount, "rateRatio": {"numerator": amount, "denominator": amount}}
    tree = {
        "resourceType": "MedicationStatement",
        "status": "active",
        "subject": {"display": "Zonnestraal"},
        "medicationCodeableConcept": CODE,
        "dosage": [{"doseAndRate": [dose]}],
    }
    found = [one.expression for one in broken_rules(Release.R4, parse(Release.R4, msgspec.json.encode(tree)), "it")]
    assert found == (["it.dosage[0].doseAndRate[0].doseQuantity"] if comparator else [])


@pytest.mark.parametrize(
    ("name", "members", "put_right", "rule"),
    [
        ("Condition", {}, {"clinicalStatus": "active"}, "con-3"),
        ("Condition", {"verificationStatus": "confirmed"}, {"verificationStatus": "entered-in-error"}, "con-3"),
        ("Communication", {"status": "completed", "notDoneReason": CODE}, {"notDone": True}, "com-1"),
        (
            "FamilyMemberHistory",
            {"status": "completed", "relationship": CODE, "notDoneReason": CODE},
            {"notDone": True},
            "fhs-3",
        ),
        (
            "MedicationAdministration",
            {
                "status": "completed",
                "medicationCodeableConcept": CODE,
                "effectiveDateTime": "2026",
                "reasonNotGiven": [CODE],
            },
            {"notGiven": True},
            "mad-2",
        ),
        (
            "FamilyMemberHistory",
            {"status": "completed", "relationship": CODE, "ageAge": {"value": 1}},
            {"ageAge": {"value": 1, "system": "http://unitsofmeasure.org", "code": "a"}},
            "age-1",
        ),
        ("Procedure", {"status": "completed", "code": CODE, "notDoneReason": CODE}, {"notDone": True}, "pro-1"),
        (
            "RiskAssessment",
            {"status": "final", "prediction": [{"outcome": CODE, "probabilityRange": {"low": {"value": 1}}}]},
            {
                "prediction": [
                    {
                        "outcome": CODE,
                        "probabilityRange": {"low": {"value": 1, "system": "http://unitsofmeasure.org", "code": "%"}},
                    }
                ]
            },
            "ras-1",
        ),
    ],
)
def test_a_rule_is_broken_also_where_it_speaks_of_what_is_absent(
    name: str, members: dict[str, Any], put_right: dict[str, Any], rule: str
) -> None:
    whose = "patient" if name == "FamilyMemberHistory" else "subject"
    tree = {"resourceType": name, whose: {"display": "Zonnestraal"}, **members}

    def keys(tree: dict[str, Any]) -> list[str]:
        issues = broken_rules(Release.STU3, parse(Release.STU3, msgspec.json.encode(tree)), name)
        return [one.diagnostics.split()[4] for one in issues]

    assert keys(tree) == [rule]
    assert keys(tree | put_right) == []


@BOTH
def test_every_rule_of_the_specification_that_was_taken_over_is_understood(release: Release) -> None:
    lines = (DATA / f"{release.path}_rules.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) > 70
    for line in lines:
        compile_truth(line.split(" ", 2)[2])


def test_a_repeated_link_id_is_told_once_for_a_questionnaire() -> None:
    items = [
        {"linkId": "1", "type": "string"},
        {"linkId": "2", "type": "group", "item": [{"linkId": "1", "type": "date"}]},
    ]
    tree = {"resourceType": "Questionnaire", "status": "active", "item": items}
    (issue,) = broken_rules(Release.R4, parse(Release.R4, msgspec.json.encode(tree)), "Questionnaire")
    assert "que-2" in issue.diagnostics


def test_rules_that_take_too_long_are_told_as_too_costly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "STEPS_MAX", 1000)
    component = {"code": {"coding": [{"code": str(number)} for number in range(100)]}}
    tree = {
        "resourceType": "Observation",
        "status": "final",
        "code": component["code"],
        "valueString": "a",
        "component": [component] * 50,
    }
    (issue,) = broken_rules(Release.R4, parse(Release.R4, msgspec.json.encode(tree)), "Observation")
    assert (issue.code, issue.expression) == ("too-costly", "Observation")
