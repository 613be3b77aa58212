"""Rules in FHIRPath: what holds, held against a library that knows the whole language, and what is not understood."""

from decimal import Decimal
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from app.fhir.release import Release
from app.fhir.validation.fhirpath import NotUnderstoodError, Scope, compile_rule, compile_truth
from app.fhir.validation.profile_run import Item

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "urn:a", "code": "1"}, {"system": "urn:b", "code": "2"}], "text": "Weight"},
    "valueQuantity": {"value": Decimal("72.50"), "unit": "kg"},
    "issued": "2024-05-01T10:00:00Z",
    "_effectiveDateTime": {"extension": [{"url": "urn:x", "valueCode": "unknown"}]},
    "extension": [{"url": "urn:y", "valueBoolean": False}],
    "component": [{"code": {"text": "a"}, "valueString": "x"}, {"code": {"text": "b"}}],
}
RULES = """
    value.exists()
    value.exists() or component.empty()
    value.empty() and component.exists()
    component.where(code.text = 'a').value.exists()
    component.where(code.text = 'b').value.exists()
    component.all(value.exists())
    component.exists(code.text = 'b')
    component.count() = 2
    component.count() > 2
    code.coding.where(system = 'urn:a').code = '1'
    code.coding.code = '1'
    code.coding.system != code.coding.code
    '1' in code.coding.code
    code.coding.code contains '3'
    status in ('final' | 'amended')
    (status = 'final') implies component.value.exists()
    status = 'preliminary' implies component.empty()
    component.empty() xor value.exists()
    component.exists() xor value.exists()
    value.ofType(Quantity).value >= 72.5
    value.ofType(Quantity).value < 72
    (value as Quantity).unit = 'kg'
    value is Quantity
    value is string
    value.ofType(string).exists()
    extension('urn:y').value = false
    extension.where(url = 'urn:y').value
    effective.extension('urn:x').exists()
    status.matches('^f[a-z]+$')
    status.matches('\\\\d')
    status.length() = 5
    issued.toString().length() >= 8
    code.coding.system.distinct().count() = 2
    code.coding.code.intersect('2' | '3').exists()
    code.coding.code.subsetOf('1' | '2' | '3')
    code.coding.code.subsetOf('1' | '3')
    code.coding[1].code = '2'
    code.coding.first().code = code.coding.last().code
    Observation.status = 'final'
    %resource.status = 'final'
    bodySite.exists().not()
    bodySite.text = 'x' or status = 'final'
    bodySite.text = 'x' and status = 'final'
    {}.empty()
    note.text.empty() and true
    code.children().count() = 3
    code.coding.count() + component.count() = 4
    code.coding.count() + note.count() > 0
    code.coding.select(system).isDistinct()
    code.coding.select(system | code).count() = 4
    (code.coding.code | code.coding.code).isDistinct()
    status.startsWith('fin')
    status.startsWith('x')
    status.contains('ina')
    code.descendants().code.isDistinct()
    code.coding.trace('x').count() = 2
    status is Boolean
""".strip().splitlines()


def holds(rule: str, tree: dict[str, Any], release: Release = Release.R4) -> bool:
    item = Item(tree, None, "", str(tree["resourceType"]))
    return compile_rule(rule)(Scope(release, item, item, item, lambda _: None))


@pytest.mark.parametrize("rule", [rule.strip() for rule in RULES])
def test_a_rule_holds_where_the_library_says_so(rule: str) -> None:
    answer = fhirpathpy.evaluate(OBSERVATION, rule, {"resource": OBSERVATION}, models["r4"])
    assert holds(rule, OBSERVATION) == (answer == [True])


def test_extensions_in_place_of_a_value_are_no_value() -> None:
    assert holds("status.hasValue()", OBSERVATION)
    assert not holds("effective.hasValue()", OBSERVATION)


def test_a_choice_may_be_named_as_in_json() -> None:
    assert holds("valueQuantity.value <= 100", OBSERVATION, Release.STU3)


@pytest.mark.parametrize(
    ("start", "end", "answer"),
    [
        ("2024-01", "2024-02", True),
        ("2024-02-03", "2024-01", False),
        ("2024", "2024", True),
        ("2024", "2024-02", None),
        ("2024-02-01T10:00:00Z", "2024-02-01T10:00:00+01:00", False),
        ("2024-02-01T10:00:00Z", "2024-02-01", None),
        ("2024-02-02T04:30:00Z", "2024-02-01", None),
        ("2024-02-03T04:30:00Z", "2024-02-01", False),
    ],
)
def test_dates_are_compared_as_far_as_they_tell(start: str, end: str, answer: bool | None) -> None:
    item = Item({"start": start, "end": end}, None, "", "Period")
    assert compile_truth("start <= end")(Scope(Release.R4, item, item, item, lambda _: None)) is answer


def test_quantities_are_compared_in_the_same_unit() -> None:
    def answer(low: dict[str, Any], high: dict[str, Any]) -> bool | None:
        item = Item({"low": low, "high": high}, None, "", "Range")
        return compile_truth("low <= high")(Scope(Release.R4, item, item, item, lambda _: None))

    assert answer({"value": 1, "unit": "kg"}, {"value": Decimal("1.5"), "unit": "kg"}) is True
    assert answer({"value": 2, "unit": "kg"}, {"value": 1, "unit": "kg"}) is False
    assert answer({"value": 2, "unit": "kg"}, {"value": 1, "unit": "g"}) is None


def test_a_primitive_goes_by_the_name_that_the_language_has_for_it() -> None:
    assert holds("extension.value is Boolean and extension.value is boolean", OBSERVATION)


def test_what_does_not_exist_does_not_hold() -> None:
    assert not holds("bodySite.text = 'x'", OBSERVATION)
    assert not holds("bodySite", OBSERVATION)


@pytest.mark.parametrize(
    "rule",
    [
        "value * 2 = 2",
        "birthDate > @2020-01-01",
        "code.memberOf('urn:x')",
        "code.coding[x]",
        "value.",
        "(value",
        "value)",
        "value value",
        "{'1','2'}",
        "exists(",
        "%unknown",
        "",
        "(" * 1000 + "true" + ")" * 1000,
    ],
)
def test_a_rule_that_is_not_understood_is_refused(rule: str) -> None:
    with pytest.raises(NotUnderstoodError):
        compile_rule(rule)


@pytest.mark.parametrize("rule", ["code < 1", "status > 'a'", "code.coding.code.matches('1')", "status.matches('(')"])
def test_values_that_cannot_be_compared_are_no_answer(rule: str) -> None:
    with pytest.raises(NotUnderstoodError):
        holds(rule, OBSERVATION)


@pytest.mark.parametrize("pattern", ["(a+)+$", "((a*)b?)*$", "(a{1,9}){1,99}$", "(a|a)*$", "a*a*a*$"])
def test_a_regular_expression_that_could_take_any_time_is_not_tried(pattern: str) -> None:
    with pytest.raises(NotUnderstoodError, match="any time"):
        holds(f"status.matches('{pattern}')", {"resourceType": "Observation", "status": "a" * 500 + "!"})


def test_a_regular_expression_is_not_tried_on_a_long_text() -> None:
    with pytest.raises(NotUnderstoodError):
        holds("status.matches('^a')", {"resourceType": "Observation", "status": "a" * 5000})
