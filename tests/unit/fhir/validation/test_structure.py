"""What is a valid resource, and what is said about one that isn't."""

import json
from decimal import Decimal
from typing import Any

import pytest

from app.errors import InvalidResourceError, MalformedError
from app.fhir.release import Release
from app.fhir.validation.structure import is_resource_type, parse, resource_types

BOTH = pytest.mark.parametrize("release", list(Release))


def observation(**changes: Any) -> dict[str, Any]:
    """Return a valid Observation with other or more members; None takes one away."""
    whole = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": "Patient/1", "display": "Q. Zonnestraal-Testpersoon"},
        "effectiveDateTime": "2026-03-12T08:30:00+01:00",
        "valueQuantity": {"value": 72.5, "system": "http://unitsofmeasure.org", "code": "kg"},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def found(resource: dict[str, Any], release: Release = Release.R4) -> set[tuple[str, str | None]]:
    """Return code and place of every issue; empty for a valid resource."""
    try:
        parse(release, json.dumps(resource).encode())
    except InvalidResourceError as error:
        return {(issue.code, issue.expression) for issue in error.issues}
    return set()


@BOTH
def test_a_valid_resource_is_returned_with_its_type_id_tree_and_exact_members(release: Release) -> None:
    body = b'{"resourceType":"Observation", "id":"a.1","status":"final","code":{"text":"w"},"valueQuantity":{"value":72.50}}'
    parsed = parse(release, body)
    assert (parsed.resource_type, parsed.id) == ("Observation", "a.1")
    assert str(parsed.tree["valueQuantity"]["value"]) == "72.50"
    assert list(parsed.members) == ["resourceType", "id", "status", "code", "valueQuantity"]
    assert bytes(parsed.members["valueQuantity"]) == b'{"value":72.50}'


def test_decimals_keep_their_digits_and_their_exponent() -> None:
    body = json.dumps(observation()).replace("72.5", "7.250e1").encode()
    assert parse(Release.R4, body).tree["valueQuantity"]["value"] == Decimal("7.250e1")
    assert str(parse(Release.R4, body).tree["valueQuantity"]["value"]) == "72.50"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"resourceType":"Patient",}',
        b'{"resourceType":"Patient","active":NaN}',
        b'{"resourceType":"Patient","gender":"\xff"}',
        b'\xef\xbb\xbf{"resourceType":"Patient"}',
        b'{"resourceType":"Patient","language":"\\ud800"}',
        b"{}",
        b'{"resourceType":7}',
        b'{"resourceType":"Pation"}',
        b'{"resourceType":"Resource"}',
        b'{"resourceType":"Patient"} {"resourceType":"Patient"}',
        b"[" * 100_000,
        b'{"resourceType":"Patient","extension":' * 5_000,
    ],
)
def test_what_is_no_resource_in_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError) as raised:
        parse(Release.R4, body)
    assert len(raised.value.issues) == 1


@pytest.mark.parametrize(
    "repeated",
    [
        '"status":"final","status":"amended"',
        '"status":"final","status" :"amended"',
        '"status":"final","stat\\u0075s":"amended"',
        '"status":"final","note":[{"text":"a","text":"\\u0022:"}]',
        '"status":"final","note":[{"text":"a","text":"\\":"}]',
        '"status":"final","identifier":[{"value":"::","value":""}]',
        '"status":"final","extension":[{"url":"urn:a","valuePeriod":{"start":"2026","start":"2027"}}]',
    ],
)
def test_a_name_that_occurs_twice_in_one_object_is_malformed_at_any_depth(repeated: str) -> None:
    with pytest.raises(MalformedError, match="not valid") as raised:
        parse(Release.R4, f'{{"resourceType":"Observation","code":{{"text":"a"}},{repeated}}}'.encode())
    assert "occurs twice" in raised.value.issues[0].diagnostics


@BOTH
def test_the_type_must_be_the_one_that_was_asked_for(release: Release) -> None:
    with pytest.raises(MalformedError) as raised:
        parse(release, json.dumps(observation()).encode(), expected_type="Patient")
    assert raised.value.issues[0].code == "invalid"


def test_every_issue_is_found_and_has_its_place() -> None:
    wrong = observation(
        status="finished",
        code=None,
        colour="red",
        component=[{"code": {"text": "a"}, "valueQuantity": {"value": 1}}, {"valueQuantity": {"value": "120"}}],
        subject={"reference": "Medication/1"},
        effectivePeriod={"start": "2026-02-30"},
        performer=[],
        interpretation={"text": "high"},
    )
    assert found(wrong) == {
        ("code-invalid", "Observation.status"),
        ("required", "Observation.code"),
        ("structure", "Observation.colour"),
        ("required", "Observation.component[1].code"),
        ("structure", "Observation.component[1].valueQuantity.value"),
        ("value", "Observation.subject.reference"),
        ("structure", "Observation"),
        ("value", "Observation.effectivePeriod.start"),
        ("structure", "Observation.performer"),
        ("structure", "Observation.interpretation"),
    }


def test_expressions_start_with_the_location() -> None:
    with pytest.raises(InvalidResourceError) as raised:
        parse(Release.R4, json.dumps(observation(status=7)).encode(), location="Bundle.entry[3].resource")
    assert raised.value.issues[0].expression == "Bundle.entry[3].resource.status"


def test_a_message_never_repeats_what_was_sent() -> None:
    secret = "zonnestraal geheim"
    wrong = observation(status=secret, issued=secret, subject={"reference": secret}, code={secret: 1, "text": [secret]})
    with pytest.raises(InvalidResourceError) as raised:
        parse(Release.R4, json.dumps(wrong).encode())
    assert len(raised.value.issues) == 4
    assert not any(secret in f"{issue.diagnostics} {issue.expression}" for issue in raised.value.issues)


def test_no_more_than_fifty_issues_are_reported() -> None:
    with pytest.raises(InvalidResourceError) as raised:
        parse(Release.R4, json.dumps(observation(**{f"wrong{number}": 1 for number in range(200)})).encode())
    assert len(raised.value.issues) == 50


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("effectiveDateTime", "2026-02-29"),
        ("effectiveDateTime", "2026-04-31"),
        ("effectiveDateTime", "2026-13"),
        ("effectiveDateTime", "0000"),
        ("effectiveDateTime", "2026-03-12T08:30:00"),
        ("effectiveDateTime", "2026-03-12T08:30Z"),
        ("effectiveDateTime", "2026-03-12T24:00:00Z"),
        ("effectiveDateTime", "2026-03-12T08:30:00+14:01"),
        ("effectiveDateTime", "2026-03-12\n"),
        ("issued", "2026-03-12"),
        ("issued", "2023-02-29T10:00:00Z"),
        ("implicitRules", "http://example.org/a b"),
        ("implicitRules", ""),
        ("language", " nl"),
        ("language", "nl  nl"),
        ("id", "a_1"),
        ("id", "a" * 65),
        ("id", ""),
    ],
)
def test_a_primitive_of_the_wrong_form_is_found(name: str, value: str) -> None:
    wrong = observation(**{name: value})
    assert found(wrong) == {("value", f"Observation.{name}")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("effectiveDateTime", "2026"),
        ("effectiveDateTime", "2026-03"),
        ("effectiveDateTime", "2024-02-29"),
        ("effectiveDateTime", "2016-12-31T23:59:60Z"),
        ("effectiveDateTime", "2026-03-12T08:30:00.123456789-14:00"),
        ("issued", "2024-02-29T10:00:00Z"),
        ("language", "nl NL"),
        ("id", "a" * 64),
    ],
)
def test_a_primitive_of_the_right_form_is_accepted(name: str, value: str) -> None:
    assert found(observation(**{name: value})) == set()


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "a\u0000b", "a\bc", "a\u001bc", "a\ufffe", "\uffffa"])
def test_text_is_not_blank_and_has_no_control_characters(text: str) -> None:
    wrong = observation(valueQuantity=None, valueString=text)
    assert found(wrong) == {("value", "Observation.valueString")}


@pytest.mark.parametrize("character", ["\ufffe", "\uffff"])
def test_characters_that_xml_does_not_have_are_found_unescaped_too(character: str) -> None:
    body = f'{{"resourceType":"Observation","status":"final","code":{{"text":"a{character}"}}}}'
    with pytest.raises(InvalidResourceError):
        parse(Release.R4, body.encode())


@pytest.mark.parametrize("text", ['{}: [] "": "status"', "a\nb\tc", "caf\u00e9 \U0001f600", "\\u0022:", '":":'])
def test_text_may_look_like_json(text: str) -> None:
    assert found(observation(valueQuantity=None, valueString=text)) == set()


def test_text_has_at_most_1048576_characters() -> None:
    assert found(observation(valueQuantity=None, valueString="a" * 1_048_576)) == set()
    wrong = observation(valueQuantity=None, valueString="a" * 1_048_577)
    assert found(wrong) == {("value", "Observation.valueString")}


@pytest.mark.parametrize("number", ["1e301", "1" + "0" * 400, "1." + "0" * 60, "1e-301", "1e999999999"])
def test_a_number_of_unbounded_size_is_refused(number: str) -> None:
    with pytest.raises(InvalidResourceError):
        parse(Release.R4, json.dumps(observation()).replace("72.5", number).encode())


@pytest.mark.parametrize(
    ("number", "is_valid"),
    [
        ("0", False),
        ("1", True),
        ("2147483647", True),
        ("2147483648", False),
        ("1.0", False),
        ('"1"', False),
        ("true", False),
    ],
)
def test_whole_numbers_have_their_range_and_no_fraction(number: str, is_valid: bool) -> None:
    body = f'{{"resourceType":"Appointment","status":"booked","priority":1,"minutesDuration":{number},"participant":[{{"status":"accepted"}}]}}'
    if is_valid:
        assert parse(Release.R4, body.encode()).tree["minutesDuration"] == int(number)
    else:
        with pytest.raises(InvalidResourceError) as raised:
            parse(Release.R4, body.encode())
        assert raised.value.issues[0].expression == "Appointment.minutesDuration"


@pytest.mark.parametrize(
    ("empty", "place"),
    [
        ({"code": {}}, "Observation.code"),
        ({"code": {"coding": [{}]}}, "Observation.code.coding[0]"),
        ({"category": []}, "Observation.category"),
        ({"_status": {}}, "Observation.status"),
        ({"method": [None]}, "Observation.method"),
        ({"category": [None]}, "Observation.category[0]"),
    ],
)
def test_nothing_is_empty(empty: dict[str, Any], place: str) -> None:
    assert found(observation(**empty)) == {("structure", place)}


def test_null_is_no_value() -> None:
    body = json.dumps(observation()).replace('"final"', '"final","method":null').encode()
    with pytest.raises(InvalidResourceError) as raised:
        parse(Release.R4, body)
    assert [issue.expression for issue in raised.value.issues] == ["Observation.method"]


ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}


def test_a_required_primitive_may_be_an_extension_instead() -> None:
    assert found(observation(status=None, _status=ABSENT)) == set()
    assert found(observation(status=None)) == {("required", "Observation.status")}
    assert found(observation(status=None, _status={"id": "a"})) == {("required", "Observation.status")}


def test_a_choice_is_made_once_also_by_an_extension() -> None:
    assert found(observation(valueString="a")) == {("structure", "Observation")}
    assert found(observation(_valueString=ABSENT)) == {("structure", "Observation")}
    assert found(observation(valueQuantity=None, valueString="a", _valueString=ABSENT)) == set()


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [
        ({"given": ["Q.", None], "_given": [None, ABSENT]}, True),
        ({"given": ["Q.", "R."], "_given": [None, ABSENT]}, True),
        ({"_given": [ABSENT]}, True),
        ({"given": ["Q."], "_given": [{"id": "a"}]}, True),
        ({"given": ["Q.", None]}, False),
        ({"given": ["Q.", None], "_given": [ABSENT, None]}, False),
        ({"given": ["Q."], "_given": [None]}, False),
        ({"given": ["Q."], "_given": ABSENT}, False),
        ({"family": "Zonnestraal-Testpersoon", "_family": [ABSENT]}, False),
        ({"family": "Zonnestraal-Testpersoon", "_family": {"value": "a"}}, False),
        ({"family": None}, False),
    ],
)
def test_null_in_an_array_of_primitives_needs_an_extension_at_its_place(name: dict[str, Any], is_valid: bool) -> None:
    assert (found({"resourceType": "Patient", "name": [name]}) == set()) is is_valid


@BOTH
def test_contained_resources_are_validated_in_place(release: Release) -> None:
    scale = {"resourceType": "Device", "id": "s", "manufactureDate": "yesterday"}
    assert found(observation(contained=[scale]), release) == {("value", "Observation.contained[0].manufactureDate")}
    del scale["manufactureDate"]
    assert found(observation(contained=[scale]), release) == set()
    nested = {**scale, "contained": [scale]}
    assert found(observation(contained=[nested]), release) == {("structure", "Observation.contained[0].contained")}
    assert found(observation(contained=[{"id": "s"}]), release) == {("structure", "Observation.contained[0]")}


@pytest.mark.parametrize(
    ("reference", "is_valid"),
    [
        ("Patient/1", True),
        ("Patient/1/_history/2", True),
        ("https://example.org/fhir/Patient/1", True),
        ("https://example.org/fhir/Practitioner/1", False),
        ("https://example.org/records/1", True),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", True),
        ("#subject", True),
        ("Patient?identifier=http://example.org|1", True),
        ("Practitioner?identifier=http://example.org|1", False),
        ("Practitioner/1", False),
        ("Pation/1", False),
    ],
)
def test_a_reference_names_a_type_that_may_stand_there(reference: str, is_valid: bool) -> None:
    expected = set() if is_valid else {("value", "Observation.subject.reference")}
    assert found(observation(subject={"reference": reference})) == expected


def test_a_reference_says_what_it_refers_to() -> None:
    assert found(observation(subject={"id": "a"})) == {("required", "Observation.subject")}
    assert found(observation(subject={"identifier": {"value": "1"}})) == set()


def test_r4_is_4_0_1_where_it_differs_from_the_4_3_0_models() -> None:
    assert found(observation(subject={"reference": "Practitioner/1"})) != set()
    ratio_range = {"url": "urn:a", "valueRatioRange": {"denominator": {"value": 1}}}
    assert found(observation(extension=[ratio_range])) == {("structure", "Observation.extension[0].valueRatioRange")}
    assert found(observation(extension=[{"url": "urn:a", "valueMeta": {"versionId": "1"}}])) == set()


def test_a_required_binding_of_a_codeable_concept_needs_a_code_from_the_list() -> None:
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    place = {("code-invalid", "Condition.clinicalStatus")}
    for coding, expected in [
        ([{"system": clinical, "code": "active"}], set()),
        ([{"system": "http://example.org", "code": "x"}, {"system": clinical, "code": "active"}], set()),
        ([{"system": clinical, "code": "busy"}], place),
        ([{"system": "http://example.org", "code": "active"}], place),
    ]:
        assert found({**condition, "clinicalStatus": {"coding": coding}}) == expected
    assert found({**condition, "clinicalStatus": {"text": "active"}}) == place


@BOTH
def test_nesting_is_bounded_also_inside_references(release: Release) -> None:
    reference: dict[str, Any] = {"display": "end"}
    for _ in range(30):
        reference = {"identifier": {"value": "1", "assigner": reference}}
    with pytest.raises(MalformedError) as raised:
        parse(release, json.dumps(observation(subject=reference)).encode())
    assert "nested deeper" in raised.value.issues[0].diagnostics


def test_the_two_releases_have_their_own_types_and_elements() -> None:
    assert is_resource_type(Release.STU3, "ProcedureRequest")
    assert not is_resource_type(Release.R4, "ProcedureRequest")
    assert is_resource_type(Release.R4, "ServiceRequest")
    assert resource_types(Release.STU3) - resource_types(Release.R4) == {
        "BodySite",
        "ProcedureRequest",
        "ReferralRequest",
    }
    assert found(observation(context={"reference": "Encounter/1"}), Release.STU3) == set()
    assert found(observation(context={"reference": "Encounter/1"}), Release.R4) == {
        ("structure", "Observation.context")
    }


@BOTH
def test_resources_in_a_bundle_are_validated_in_place(release: Release) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": observation(status=7)}]}
    assert found(bundle, release) == {("structure", "Bundle.entry[0].resource.status")}
