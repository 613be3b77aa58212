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
ANY_TO_IT = {"extension": [{"url": "urn:x", "valueReference": {"reference": "#it"}}]}


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
        (
            {"contained": [{"resourceType": "Patient"}], "valueString": "#None"},
            "dom-3",
            "Observation.contained[0]",
        ),
        ({"subject": {"reference": "#it"}}, "ref-1", "Observation.subject"),
        ({"extension": [{"url": "urn:x"}]}, "ext-1", "Observation.extension[0]"),
        ({"_status": {"extension": [{"url": "urn:x"}]}}, "ext-1", "Observation.status.extension[0]"),
        (
            {"extension": [{"url": "urn:x", "valueQuantity": {"code": "kg"}}]},
            "qty-3",
            "Observation.extension[0].valueQuantity",
        ),
        (
            {"contained": [{**HIDDEN, "meta": {"versionId": "1"}}], **ANY_TO_IT},
            "dom-4",
            "Observation",
        ),
        (
            {
                "contained": [{**HIDDEN, "component": [{"code": CODE, "valueQuantity": {"code": "kg"}}]}],
                **ANY_TO_IT,
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
        {"contained": [HIDDEN], **ANY_TO_IT},
        {"contained": [{**HIDDEN, **ANY_TO_IT}]},
        {"contained": [{**HIDDEN, "extension": [{"url": "urn:x", "valueReference": {"reference": "#"}}]}]},
        {"extension": [{"url": "urn:x", "_valueString": {"extension": [{"url": "urn:y", "valueCode": "a"}]}}]},
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}},
    ],
)
def test_what_keeps_the_rules_or_cannot_be_told_is_no_fault(release: Release, members: dict[str, Any]) -> None:
    assert broken(release, **members) == []


@BOTH
def test_two_contained_resources_do_not_share_an_id(release: Release) -> None:
    def found(*medications: dict[str, Any]) -> list[str | None]:
        tree = {
            "resourceType": "MedicationStatement",
            "status": "active",
            "contained": medications,
            "subject": {"display": "Zonnestraal"},
            "medicationReference": {"reference": "#a"},
            "reasonReference": [{"reference": "#b"}],
            **({"taken": "y"} if release is Release.STU3 else {}),
        }
        return [one.expression for one in broken_rules(release, parse(release, msgspec.json.encode(tree)), "it")]

    medication = {"resourceType": "Medication", "id": "a", "code": CODE}
    assert found(medication, {**HIDDEN, "id": "b"}) == []
    assert found(medication, {**HIDDEN, "id": "b"}, {**medication, "code": {"text": "b"}}) == ["it.contained[2]"]


@BOTH
@pytest.mark.parametrize(
    ("contained", "members", "place"),
    [
        ({"resourceType": "Patient", "id": "a"}, {"subject": {"reference": "#a"}}, None),
        ({"resourceType": "Practitioner", "id": "a"}, {"subject": {"reference": "#a"}}, "it.subject"),
        ({"resourceType": "Device", "id": "a"}, {"performer": [{"display": "b"}, {"reference": "#a"}]}, "it.performer[1]"),
        ({**HIDDEN, "specimen": {"reference": "#"}}, {}, "it.contained[0].specimen"),
        ({**HIDDEN, "extension": [{"url": "urn:x", "valueReference": {"reference": "#"}}]}, {}, None),
        ({**HIDDEN, "id": "a", "subject": {"reference": "#a"}}, {}, "it.contained[0].subject"),
    ],
)  # fmt: skip
def test_what_is_contained_is_of_a_type_that_may_stand_where_it_is_referred_to(
    release: Release, contained: dict[str, Any], members: dict[str, Any], place: str | None
) -> None:
    tree = {"resourceType": "Observation", "status": "final", "code": CODE, "contained": [contained], **members}
    found = [one.expression for one in broken_rules(release, parse(release, msgspec.json.encode(tree)), "it")]
    assert found == ([] if place is None else [place])


@pytest.mark.parametrize(
    ("reference", "said", "is_right"),
    [
        ("Patient/1", "Patient", True),
        ("Patient/1", "http://hl7.org/fhir/StructureDefinition/Patient", True),
        ("Patient/1", "Group", False),
        ("Patient/1", "http://hl7.org/fhir/StructureDefinition/Group", False),
        ("https://example.org/fhir/Patient/1/_history/2", "Group", False),
        ("Patient/1", "Resource", True),
        ("Patient/1", "http://example.org/StructureDefinition/Group", True),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "Group", True),
        ("https://example.org/group", "Group", True),
        ("#it", "Patient", True),
        ("#it", "Group", False),
        (None, "Group", True),
    ],
)
@pytest.mark.parametrize("in_extension", [False, True])
def test_a_reference_says_the_type_that_it_leads_to(
    reference: str | None, said: str, is_right: bool, in_extension: bool
) -> None:
    link = {"type": said, "display": "b"} | ({"reference": reference} if reference else {})
    members: dict[str, Any] = {"subject": link}
    if in_extension:
        members = {"extension": [{"url": "urn:x", "valueReference": link}]}
    if reference == "#it":
        members["contained"] = [{"resourceType": "Patient", "id": "it"}]
    tree = {"resourceType": "Observation", "status": "final", "code": CODE, **members}
    place = "it.extension[0].valueReference" if in_extension else "it.subject"
    found = [one.expression for one in broken_rules(Release.R4, parse(Release.R4, msgspec.json.encode(tree)), "it")]
    assert found == ([] if is_right else [place])


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
