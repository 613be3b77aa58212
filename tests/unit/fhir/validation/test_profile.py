"""What is reported of a resource that breaks a profile, and what is not."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from app.fhir.release import Release
from app.fhir.validation.profile import Profiles

BOTH = pytest.mark.parametrize("release", list(Release))
CORE = "http://hl7.org/fhir/StructureDefinition/"
URL = "http://example.org/StructureDefinition/"


def profile(name: str, kind: str, *elements: dict[str, Any], base: str | None = None) -> dict[str, Any]:
    """Return a profile; an element has its id, from which its path and the name of its slice follow."""
    return {
        "resourceType": "StructureDefinition",
        "url": f"{URL}{name}",
        "type": kind,
        "baseDefinition": base or f"{CORE}{kind}",
        "differential": {"element": [element_of(one) for one in elements]},
    }


def element_of(element: dict[str, Any]) -> dict[str, Any]:
    path = ".".join(part.partition(":")[0] for part in element["id"].split("."))
    slice_name = element["id"].split(".")[-1].partition(":")[2]
    return {"path": path, **({"sliceName": slice_name} if slice_name else {}), **element}


def value_set(name: str, **compose: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": f"http://example.org/ValueSet/{name}", "compose": compose}


def required(release: Release, name: str) -> dict[str, Any]:
    """Return a required binding to a value set, as each release writes it."""
    member = "valueSet" if release is Release.R4 else "valueSetUri"
    return {"strength": "required", member: f"http://example.org/ValueSet/{name}"}


def found(
    release: Release, tree: dict[str, Any], *known: Mapping[str, Any], name: str = "it"
) -> list[tuple[str, str, str]]:
    by_url = {one["url"]: one for one in known}
    issues = Profiles(release, by_url.get).validate(tree, [f"{URL}{name}"])
    return [(issue.severity, issue.code, str(issue.expression)) for issue in issues]


def observation(**members: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    return {"resourceType": "Observation", "status": "final", "code": code, **members}


def component(code: str, **members: Any) -> dict[str, Any]:
    return {"code": {"coding": [{"system": "urn:test", "code": code}]}, **members}


@BOTH
def test_too_few_and_too_many_are_told_with_their_place(release: Release) -> None:
    known = profile(
        "it", "Observation", {"id": "Observation.subject", "min": 1}, {"id": "Observation.identifier", "max": "1"}
    )
    tree = observation(identifier=[{"value": "1"}, {"value": "2"}])
    assert found(release, tree, known) == [
        ("error", "required", "Observation.subject"),
        ("error", "structure", "Observation.identifier[1]"),
    ]
    assert found(release, observation(subject={"reference": "Patient/1"}), known) == []


@BOTH
def test_an_extension_in_place_of_a_value_counts_as_being_there(release: Release) -> None:
    known = profile("it", "Patient", {"id": "Patient.birthDate", "min": 1})
    absent = {"extension": [{"url": f"{CORE}data-absent-reason", "valueCode": "unknown"}]}
    assert found(release, {"resourceType": "Patient", "_birthDate": absent}, known) == []
    assert found(release, {"resourceType": "Patient"}, known) == [("error", "required", "Patient.birthDate")]


@BOTH
def test_a_base_says_no_less_than_what_is_built_on_it(release: Release) -> None:
    base = profile(
        "base", "Observation", {"id": "Observation.subject", "min": 1}, {"id": "Observation.bodySite", "max": "0"}
    )
    known = profile("it", "Observation", {"id": "Observation.subject", "min": 0, "max": "*"}, base=base["url"])
    assert found(release, observation(), known, base) == [("error", "required", "Observation.subject")]


@BOTH
def test_a_fixed_value_is_all_there_may_be_and_a_pattern_the_least(release: Release) -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    pattern = profile("it", "Observation", {"id": "Observation.code", "patternCodeableConcept": code})
    fixed = profile("it", "Observation", {"id": "Observation.code", "fixedCodeableConcept": code})
    more = observation(code={"coding": [{"system": "urn:test", "code": "a"}, *code["coding"]], "text": "Weight"})
    assert found(release, observation(), pattern) == found(release, observation(), fixed) == []
    assert found(release, more, pattern) == []
    assert found(release, more, fixed) == [("error", "value", "Observation.code")]
    assert found(release, observation(code={"text": "Weight"}), pattern) == [("error", "value", "Observation.code")]


@BOTH
def test_a_value_is_held_against_its_limits_and_its_length(release: Release) -> None:
    known = profile(
        "it",
        "Observation",
        {"id": "Observation.value[x]", "type": [{"code": "Quantity"}], "maxValueQuantity": {"value": 5, "code": "kg"}},
        {"id": "Observation.value[x].value", "minValueDecimal": Decimal("0.5")},
        {"id": "Observation.value[x].unit", "maxLength": 3},
    )
    place = "Observation.valueQuantity"
    good = observation(valueQuantity={"value": Decimal("0.50"), "unit": "kg", "code": "kg"})
    low = observation(valueQuantity={"value": Decimal("0.4"), "unit": "kilo", "code": "kg"})
    high = observation(valueQuantity={"value": 6, "code": "kg"})
    assert found(release, good, known) == []
    assert sorted(found(release, low, known)) == [
        ("error", "value", f"{place}.unit"),
        ("error", "value", f"{place}.value"),
    ]
    assert found(release, high, known) == [("error", "value", place)]


@BOTH
def test_a_choice_is_narrowed_to_the_types_that_the_profile_leaves(release: Release) -> None:
    types = [{"code": "dateTime"}, {"code": "Period"}]
    known = profile("it", "Condition", {"id": "Condition.onset[x]", "type": types})
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    assert found(release, condition | {"onsetDateTime": "2024"}, known) == []
    assert found(release, condition | {"onsetString": "long ago"}, known) == [
        ("error", "structure", "Condition.onsetString")
    ]


@BOTH
@pytest.mark.parametrize(
    ("discriminator", "code_rule"),
    [
        (("value", "code.coding.code"), {"id": "Observation.component:high.code.coding.code", "fixedCode": "high"}),
        (("value", "code"), {"id": "Observation.component:high.code.coding.code", "fixedCode": "high"}),
        (
            ("pattern", "code"),
            {"id": "Observation.component:high.code", "patternCodeableConcept": {"coding": [{"code": "high"}]}},
        ),
        (("value", "code"), {"id": "Observation.component:high.code", "binding": None}),
    ],
)
def test_a_slice_is_known_by_a_value_a_pattern_or_a_value_set(
    release: Release, discriminator: tuple[str, str], code_rule: dict[str, Any]
) -> None:
    kind, path = discriminator
    slicing = {"discriminator": [{"type": kind, "path": path}], "rules": "open"}
    of_release = {"binding": required(release, "high")} if "binding" in code_rule else {}
    known = profile(
        "it",
        "Observation",
        {"id": "Observation.component", "slicing": slicing},
        {"id": "Observation.component:high", "min": 1, "max": "1"},
        {**code_rule, **of_release},
        {"id": "Observation.component:high.value[x]", "min": 1},
    )
    high = value_set("high", include=[{"system": "urn:test", "concept": [{"code": "high"}]}])
    good = component("high", valueString="x")
    assert found(release, observation(component=[component("low"), good]), known, high) == []
    assert found(release, observation(component=[component("low")]), known, high) == [
        ("error", "required", "Observation.component")
    ]
    assert found(release, observation(component=[good, component("high")]), known, high) == [
        ("error", "structure", "Observation.component[1]"),
        ("error", "required", "Observation.component[1].value"),
    ]


def slices(rules: str, **more: Any) -> dict[str, Any]:
    discriminator = [{"type": "value", "path": "system"}]
    return profile(
        "it",
        "Patient",
        {"id": "Patient.identifier", "slicing": {"discriminator": discriminator, "rules": rules, **more}},
        {"id": "Patient.identifier:a"},
        {"id": "Patient.identifier:a.system", "fixedUri": "urn:a"},
        {"id": "Patient.identifier:b"},
        {"id": "Patient.identifier:b.system", "fixedUri": "urn:b"},
    )


def patient(*systems: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": f"urn:{system}"} for system in systems]}


@BOTH
def test_closed_ordered_and_open_at_end_slices_keep_others_out_or_in_their_place(release: Release) -> None:
    place = "Patient.identifier"
    assert found(release, patient("b", "c", "a"), slices("open")) == []
    assert found(release, patient("a", "c"), slices("closed")) == [("error", "structure", f"{place}[1]")]
    assert found(release, patient("b", "a"), slices("open", ordered=True)) == [("error", "structure", f"{place}[1]")]
    assert found(release, patient("c", "a"), slices("openAtEnd")) == [("error", "structure", f"{place}[1]")]
    assert found(release, patient("a", "b", "c"), slices("openAtEnd", ordered=True)) == []


@BOTH
def test_what_is_in_no_slice_is_held_against_the_default_slice(release: Release) -> None:
    known = slices("closed")
    known["differential"]["element"] += [
        element_of({"id": "Patient.identifier:@default.value", "min": 1}),
    ]
    assert found(release, patient("a", "c"), known) == [("error", "required", "Patient.identifier[1].value")]


@BOTH
def test_a_slice_may_be_sliced_again(release: Release) -> None:
    known = slices("open")
    again = {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"}
    known["differential"]["element"] += [
        element_of({"id": "Patient.identifier:a", "slicing": again}),
        element_of({"id": "Patient.identifier:a/official", "max": "1"}),
        element_of({"id": "Patient.identifier:a/official.use", "fixedCode": "official"}),
    ]
    twice = patient("a", "a", "b", "b")
    for identifier in twice["identifier"]:
        identifier["use"] = "official"
    assert found(release, twice, known) == [("error", "structure", "Patient.identifier[1]")]


@BOTH
def test_slices_by_type_and_by_existence(release: Release) -> None:
    by_type = profile("it", "Observation", {"id": "Observation.value[x]:valueQuantity.unit", "min": 1})
    assert found(release, observation(valueQuantity={"value": 1}), by_type) == [
        ("error", "required", "Observation.valueQuantity.unit")
    ]
    assert found(release, observation(valueString="x"), by_type) == []
    slicing = {"discriminator": [{"type": "exists", "path": "period"}], "rules": "open"}
    by_existence = profile(
        "it",
        "Patient",
        {"id": "Patient.identifier", "slicing": slicing},
        {"id": "Patient.identifier:past.period", "min": 1},
        {"id": "Patient.identifier:past.value", "max": "0"},
        {"id": "Patient.identifier:now.period", "max": "0"},
    )
    old, new = {"value": "1", "period": {"end": "2020"}}, {"value": "2"}
    assert found(release, {"resourceType": "Patient", "identifier": [old, new]}, by_existence) == [
        ("error", "structure", "Patient.identifier[0].value")
    ]


@BOTH
def test_a_slice_by_the_profile_of_what_a_reference_leads_to(release: Release) -> None:
    slicing = {"discriminator": [{"type": "profile", "path": "resolve()"}], "rules": "closed"}
    named = profile("named", "Practitioner", {"id": "Practitioner.name", "min": 1})
    target = [{"code": "Reference", "targetProfile": named["url"] if release is Release.STU3 else [named["url"]]}]
    known = profile(
        "it",
        "Observation",
        {"id": "Observation.performer", "slicing": slicing},
        {"id": "Observation.performer:named", "type": target},
    )
    who = {"resourceType": "Practitioner", "id": "a", "name": [{"family": "Zonnestraal"}]}
    nobody = {"resourceType": "Practitioner", "id": "b"}
    to = [{"reference": "#a"}, {"reference": "#b"}]
    assert found(release, observation(contained=[who, nobody], performer=to), known, named) == [
        ("error", "structure", "Observation.performer[1]")
    ]
    elsewhere = [{"reference": "Practitioner/1"}]
    assert found(release, observation(performer=elsewhere), known, named) == []


@BOTH
def test_a_reference_leads_to_the_types_and_profiles_it_may(release: Release) -> None:
    named = profile("named", "Practitioner", {"id": "Practitioner.name", "min": 1})
    target = [{"code": "Reference", "targetProfile": named["url"] if release is Release.STU3 else [named["url"]]}]
    known = profile("it", "Observation", {"id": "Observation.performer", "type": target})
    performer = [{"reference": "Organization/1"}, {"reference": "Practitioner/1"}, {"reference": "#b"}]
    tree = observation(contained=[{"resourceType": "Practitioner", "id": "b"}], performer=performer)
    assert found(release, tree, known, named) == [
        ("error", "value", "Observation.performer[0]"),
        ("error", "structure", "Observation.performer[2]"),
    ]


@BOTH
def test_an_extension_keeps_its_own_profile_wherever_it_stands(release: Release) -> None:
    known = profile(
        "colour",
        "Extension",
        {"id": "Extension", "max": "1"},
        {"id": "Extension.url", "fixedUri": f"{URL}colour"},
        {"id": "Extension.value[x]", "min": 1, "type": [{"code": "string"}]},
    )
    bad = {"url": f"{URL}colour", "valueBoolean": True}
    tree = {"resourceType": "Patient", "name": [{"_family": {"extension": [bad]}}]}
    assert [one for one in found(release, tree, known) if one[0] == "error"] == [
        ("error", "structure", "Patient.name[0].family.extension[0].valueBoolean")
    ]
    good = {"url": f"{URL}colour", "valueString": "blue"}
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}
    reference = known["url"] if release is Release.STU3 else [known["url"]]
    on_patient = profile(
        "it",
        "Patient",
        {"id": "Patient.extension", "slicing": slicing},
        {"id": "Patient.extension:colour", "type": [{"code": "Extension", "profile": reference}]},
    )
    assert found(release, {"resourceType": "Patient", "extension": [good]}, on_patient, known) == []
    assert found(release, {"resourceType": "Patient", "extension": [good, good]}, on_patient, known) == [
        ("error", "structure", "Patient.extension[1]")
    ]


@BOTH
@pytest.mark.parametrize(("strength", "severity"), [("required", "error"), ("extensible", "warning")])
def test_a_code_outside_its_value_set_is_an_error_or_a_warning(release: Release, strength: str, severity: str) -> None:
    name = "http://example.org/ValueSet/it"
    reference = {"valueSet": name} if release is Release.R4 else {"valueSetReference": {"reference": name}}
    known = profile("it", "Observation", {"id": "Observation.code", "binding": {"strength": strength, **reference}})
    codes = value_set("it", include=[{"system": "urn:test", "concept": [{"code": "a"}]}, {"system": "urn:open"}])
    for system, code, is_in in (("urn:test", "a", True), ("urn:test", "b", False), ("urn:open", "b", True)):
        tree = observation(code={"coding": [{"system": system, "code": code}]})
        assert found(release, tree, known, codes) == ([] if is_in else [(severity, "code-invalid", "Observation.code")])


@BOTH
def test_a_type_is_held_against_its_profile(release: Release) -> None:
    name = profile("name", "HumanName", {"id": "HumanName.family", "min": 1})
    reference = name["url"] if release is Release.STU3 else [name["url"]]
    known = profile("it", "Patient", {"id": "Patient.name", "type": [{"code": "HumanName", "profile": reference}]})
    assert found(release, {"resourceType": "Patient", "name": [{"text": "Zonnestraal"}]}, known, name) == [
        ("error", "required", "Patient.name[0].family")
    ]


@BOTH
def test_profiles_that_name_each_other_are_followed_once(release: Release) -> None:
    reference = f"{URL}it" if release is Release.STU3 else [f"{URL}it"]
    known = profile(
        "it",
        "Observation",
        {"id": "Observation.subject", "min": 1},
        {"id": "Observation.device", "type": [{"code": "Reference", "targetProfile": reference}]},
        {"id": "Observation.specimen", "type": [{"code": "Reference", "targetProfile": reference}]},
    )
    tree = observation(id="a", subject={"reference": "Patient/1"}, device={"reference": "#"})
    assert found(release, tree, known) == []


@BOTH
def test_an_element_that_repeats_itself_inside_has_rules_for_each_level(release: Release) -> None:
    known = profile("it", "Questionnaire", {"id": "Questionnaire.item.item.text", "min": 1})
    inner = {"linkId": "2", "type": "group", "item": [{"linkId": "3", "type": "string"}]}
    tree = {
        "resourceType": "Questionnaire",
        "status": "draft",
        "item": [{"linkId": "1", "type": "group", "item": [inner]}],
    }
    assert found(release, tree, known) == [("error", "required", "Questionnaire.item[0].item[0].text")]


@BOTH
def test_the_work_is_bounded_however_large_a_resource_is(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.fhir.validation.profile_run.STEPS_MAX", 100)
    tree = patient(*["a"] * 200)
    assert found(release, tree, slices("open")) == [("warning", "too-costly", "None")]


@BOTH
@pytest.mark.parametrize(("severity", "reported"), [("error", "error"), ("warning", "warning")])
def test_a_rule_in_fhirpath_is_checked_where_it_stands(release: Release, severity: str, reported: str) -> None:
    rule = {"key": "t-1", "severity": severity, "human": "A component has a value.", "expression": "value.exists()"}
    known = profile("it", "Observation", {"id": "Observation.component", "constraint": [rule]})
    tree = observation(component=[component("a", valueString="x"), component("b")])
    assert found(release, tree, known) == [(reported, "invariant", "Observation.component[1]")]


@BOTH
def test_a_rule_that_is_not_understood_is_told_once(release: Release) -> None:
    rule = {"key": "t-1", "severity": "error", "human": "Unknown.", "expression": "value * 2 = 2"}
    known = profile("it", "Observation", {"id": "Observation.component", "constraint": [rule]})
    tree = observation(component=[component("a"), component("b")])
    assert found(release, tree, known) == [("information", "not-supported", "Observation.component[0]")]


@BOTH
def test_a_concept_that_is_text_only_breaks_a_required_binding(release: Release) -> None:
    known = profile("it", "Observation", {"id": "Observation.code", "binding": required(release, "it")})
    codes = value_set("it", include=[{"system": "urn:test", "concept": [{"code": "a"}]}])
    assert found(release, observation(code={"text": "a"}), known, codes) == [
        ("error", "code-invalid", "Observation.code")
    ]


@BOTH
def test_bases_that_go_round_in_circles_are_no_profile(release: Release) -> None:
    known = profile("it", "Observation", base=f"{URL}other")
    other = profile("other", "Observation", base=f"{URL}it")
    assert found(release, observation(), known, other) == [("warning", "not-supported", "Observation")]


@BOTH
def test_what_cannot_be_checked_is_said_and_never_an_error(release: Release) -> None:
    tree = observation(meta={"profile": [f"{URL}unknown"]})
    on_what_is_not_there = profile("it", "Observation", {"id": "Observation.colour", "min": 1})
    assert found(release, tree, on_what_is_not_there) == [
        ("warning", "not-supported", "Observation.meta.profile[0]"),
        ("warning", "not-supported", "Observation"),
    ]


@BOTH
def test_urls_that_anybody_makes_up_are_not_remembered(release: Release) -> None:
    asked: list[str] = []

    def find(url: str) -> None:
        asked.append(url)

    profiles = Profiles(release, find)
    tree = observation(extension=[{"url": "urn:made-up", "valueString": "x"}], meta={"profile": ["urn:made-up"]})
    before = len(profiles._roots) + len(profiles._checks)
    profiles.validate(tree)
    assert asked
    assert len(profiles._roots) + len(profiles._checks) == before


@BOTH
def test_what_is_no_profile_is_like_what_is_not_there(release: Release) -> None:
    known = value_set("it", include=[])
    tree = observation(meta={"profile": [known["url"]]})
    issues = Profiles(release, {known["url"]: known}.get).validate(tree)
    assert [(issue.code, issue.expression) for issue in issues] == [("not-supported", "Observation.meta.profile[0]")]


@BOTH
def test_in_a_bundle_each_resource_keeps_the_profile_that_it_claims(release: Release) -> None:
    known = profile("it", "Observation", {"id": "Observation.subject", "min": 1})
    entry = {"fullUrl": "urn:uuid:1", "resource": observation(meta={"profile": [f"{URL}it"]})}
    tree = {"resourceType": "Bundle", "type": "collection", "entry": [entry, {"resource": observation()}]}
    issues = Profiles(release, {known["url"]: known}.get).validate(tree)
    assert [issue.expression for issue in issues] == ["Bundle.entry[0].resource.subject"]


@BOTH
def test_a_resource_of_another_type_breaks_a_profile(release: Release) -> None:
    known = profile("it", "Observation")
    assert found(release, {"resourceType": "Patient"}, known) == [("error", "structure", "Patient")]
    for url in (f"{CORE}Observation", f"{CORE}Observation|{release.fhir_version}"):
        issues = Profiles(release, lambda _: None).validate({"resourceType": "Patient"}, [url])
        assert [issue.code for issue in issues] == ["structure"]


@BOTH
def test_a_finding_never_repeats_a_value_of_the_resource(release: Release) -> None:
    known = profile("it", "Observation", {"id": "Observation.value[x]", "fixedString": "expected"})
    tree = observation(valueString="Zonnestraal", meta={"profile": ["http://example.org/Zonnestraal"]})
    issues = Profiles(release, {known["url"]: known}.get).validate(tree, [known["url"]])
    assert len(issues) == 2
    assert not any("Zonnestraal" in issue.diagnostics for issue in issues)


def referring(*kinds: str) -> dict[str, Any]:
    """Return a profile of which the subject leads only to where it may."""
    kind = {"code": "Reference", "targetProfile": f"{CORE}Patient", "aggregation": [*kinds]}
    return profile("it", "Observation", {"id": "Observation.subject", "type": [kind]})


@pytest.mark.parametrize(
    ("kinds", "reference", "is_kept"),
    [
        (("contained",), "#a", True),
        (("contained",), "Patient/1", False),
        (("referenced", "bundled"), "#a", False),
        (("referenced",), "Patient/1", True),
        (("bundled",), "Patient/1", True),  # by itself it can't be told
    ],
)
def test_a_reference_leads_to_where_it_may(kinds: tuple[str, ...], reference: str, *, is_kept: bool) -> None:
    tree = observation(subject={"reference": reference}, contained=[{"resourceType": "Patient", "id": "a"}])
    expected = [] if is_kept else [("error", "value", "Observation.subject")]
    assert found(Release.STU3, tree, referring(*kinds)) == expected


@pytest.mark.parametrize(("kinds", "reference"), [(("bundled",), "Patient/2"), (("referenced",), "Patient/1")])
def test_in_a_bundle_it_is_told_whether_a_reference_leads_into_it(kinds: tuple[str, ...], reference: str) -> None:
    entries = [
        {
            "fullUrl": "http://example.org/Observation/1",
            "resource": observation(meta={"profile": [f"{URL}it"]}, subject={"reference": reference}),
        },
        {"fullUrl": "http://example.org/Patient/1", "resource": {"resourceType": "Patient", "id": "1"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    issues = Profiles(Release.STU3, {f"{URL}it": referring(*kinds)}.get).validate(bundle)
    assert [issue.expression for issue in issues] == ["Bundle.entry[0].resource.subject"]


@BOTH
def test_a_value_in_two_slices_is_told(release: Release) -> None:
    slicing = {"discriminator": [{"type": "value", "path": "code"}], "rules": "open"}
    slices = [
        {"id": f"Observation.component:{name}.code", "patternCodeableConcept": {"coding": [{"code": name}]}}
        for name in ("a", "b")
    ]
    known = profile("it", "Observation", {"id": "Observation.component", "slicing": slicing}, *slices)
    both = {"code": {"coding": [{"code": "a"}, {"code": "b"}]}}
    assert found(release, observation(component=[component("a"), both]), known) == [
        ("error", "structure", "Observation.component[1]")
    ]


@BOTH
@pytest.mark.parametrize(
    ("value", "is_kept"), [("2026-03", True), ("2026-02", False), ("2026", True), ("2026-02-28T20:00:00Z", True)]
)
def test_a_date_has_its_limit_as_far_as_it_tells(release: Release, value: str, *, is_kept: bool) -> None:
    known = profile("it", "Observation", {"id": "Observation.effectiveDateTime", "minValueDateTime": "2026-03"})
    expected = [] if is_kept else [("error", "value", "Observation.effectiveDateTime")]
    assert found(release, observation(effectiveDateTime=value), known) == expected
