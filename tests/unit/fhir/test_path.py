"""Compiled expressions give what a FHIRPath engine gives, for every supported search parameter."""

import re
from collections.abc import Iterator
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from app.fhir.path import Equals, RefersTo, Selector, Step, compile_expression
from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter, definitions
from tests.support.examples import published_examples, suite_fixtures

TYPES = {
    "Observation.code": ("CodeableConcept",),
    "Observation.component": ("BackboneElement",),
    "Observation.value[x]": ("Quantity", "string"),
    "Observation.component.value[x]": ("Quantity", "string"),
    "Observation.subject": ("Reference",),
}

# fhirpathpy's "as" takes one item only, and it resolves nothing: both are said in another way, and the latter is done here.
SPELLINGS = (
    (re.compile(r"\.as\((\w+)\)"), r".ofType(\1)"),
    (re.compile(r"\(([\w.]+) as (\w+)\)"), r"\1.ofType(\2)"),
    (re.compile(r"ofType\(DateTime\)"), "ofType(dateTime)"),
    (re.compile(r"ofType\(Date\)"), "ofType(date)"),
    (re.compile(r"ofType\(String\)"), "ofType(string)"),
)
RESOLVED = re.compile(r"\.where\(resolve\(\) is (\w+)\)")


def path_parameters(release: Release, resource_type: str) -> list[SearchParameter]:
    found = definitions(release).of(resource_type).values()
    return [parameter for parameter in found if parameter.selectors]


def evaluated(expression: str, tree: dict[str, Any], release: Release) -> list[Any]:
    """Return what fhirpathpy finds, reference types checked here."""
    found = []
    for part in expression.split(" | "):
        wanted = RESOLVED.search(part)
        text = RESOLVED.sub("", part)
        for pattern, replacement in SPELLINGS:
            text = pattern.sub(replacement, text)
        values = fhirpathpy.evaluate(tree, text, {}, models[release.path])
        found += [value for value in values if wanted is None or refers_to(value, wanted[1])]
    return found


def refers_to(value: dict[str, Any], resource_type: str) -> bool:
    reference = value.get("reference", "")
    return (
        bool(re.search(rf"(^|/){resource_type}/[^/]+(/_history/[^/]+)?$", reference))
        or value.get("type") == resource_type
    )


def selected(parameter: SearchParameter, tree: dict[str, Any]) -> list[Any]:
    return [value for selector in parameter.selectors for value in selector.compile()(tree)]


def comparable(values: list[Any]) -> list[str]:
    return sorted({repr(normal(value)) for value in values})


def normal(value: Any) -> Any:
    """Return a value in which it makes no difference how a number is kept, or in which order members are.

    Extensions of primitives (``_line``) are left out: the engine pairs them with their values, which JSON doesn't.
    """
    if isinstance(value, dict):
        return sorted((name, normal(item)) for name, item in value.items() if not name.startswith("_"))
    if isinstance(value, list):
        return [normal(item) for item in value]
    return value if isinstance(value, bool | str) or value is None else float(value)


def leaf(fhir_type: str) -> Any:
    if fhir_type == "boolean":
        return True
    if fhir_type in ("decimal", "integer", "positiveInt", "unsignedInt"):
        return 1
    if fhir_type == "Reference":
        return {"reference": "Patient/1"}
    if fhir_type in ("date", "dateTime", "instant"):
        return "2024-01-10" if fhir_type == "date" else "2024-01-10T10:00:00Z"
    return {"id": "x"} if fhir_type[0].isupper() else "x"


def filled(selector: Selector, resource_type: str) -> dict[str, Any]:
    """Return a resource with a value where ``selector`` looks, and beside each guard an item that it keeps out."""

    def below(steps: tuple[Step, ...]) -> Any:
        if not steps:
            return leaf(selector.fhir_type)
        step, *rest = steps
        item = below(tuple(rest))
        items = [item]
        if isinstance(step.guard, Equals):
            items = [{**item, step.guard.member: step.guard.value}, {**item, step.guard.member: "other"}]
        if isinstance(step.guard, RefersTo):
            items = [{"reference": f"{step.guard.resource_type}/1"}, {"reference": "Basic/1"}]
        return {step.member: items if len(items) > 1 or rest else item}

    return {"resourceType": resource_type, **below(selector.steps)}


def every_type() -> Iterator[tuple[Release, str]]:
    for release in Release:
        for resource_type in sorted(definitions(release).resource_types):
            yield release, resource_type


@pytest.mark.parametrize(("release", "resource_type"), list(every_type()))
def test_each_expression_finds_what_a_fhirpath_engine_finds_where_it_looks(
    release: Release, resource_type: str
) -> None:
    for parameter in path_parameters(release, resource_type):
        for selector in parameter.selectors:
            if selector.fhir_type == "Resource":
                continue
            tree = filled(selector, resource_type)
            found = selected(parameter, tree)
            assert found, f"{parameter.name} finds nothing in {tree}"
            assert comparable(found) == comparable(evaluated(parameter.expression, tree, release)), parameter.name


@pytest.mark.parametrize("release", Release)
def test_each_expression_finds_the_same_as_a_fhirpath_engine_in_the_published_examples(release: Release) -> None:
    compared = 0
    known = definitions(release).resource_types
    for name, tree in published_examples(release):
        if tree["resourceType"] not in known:
            continue
        for parameter in path_parameters(release, tree["resourceType"]):
            found = selected(parameter, tree)
            assert comparable(found) == comparable(evaluated(parameter.expression, tree, release)), (
                name,
                parameter.name,
            )
            compared += bool(found)
    assert compared > 300


@pytest.mark.suites
def test_each_expression_finds_the_same_as_a_fhirpath_engine_in_fixtures_of_the_scripts() -> None:
    seen: set[str] = set()
    compared = 0
    for name, tree in suite_fixtures(Release.STU3):
        # One of each type and profile: they are many, and much alike.
        alike = f"{tree['resourceType']} {tree.get('meta', {}).get('profile')}"
        if alike in seen or tree["resourceType"] not in definitions(Release.STU3).resource_types:
            continue
        seen.add(alike)
        for parameter in path_parameters(Release.STU3, tree["resourceType"]):
            found = selected(parameter, tree)
            assert comparable(found) == comparable(evaluated(parameter.expression, tree, Release.STU3)), (
                name,
                parameter.name,
            )
            compared += bool(found)
    if not seen:
        pytest.skip("The published test scripts are not on this machine (REGIE_CONFORMANCE_SUITES).")
    assert compared > 200


def test_a_choice_without_a_type_is_looked_for_under_each_of_its_names() -> None:
    selectors = compile_expression("Observation.value", TYPES)
    assert [(selector.steps[-1].member, selector.fhir_type) for selector in selectors] == [
        ("valueQuantity", "Quantity"),
        ("valueString", "string"),
    ]


@pytest.mark.parametrize(
    "expression",
    ["Observation.value as Quantity", "(Observation.value as Quantity)", "Observation.value.as(Quantity)"],
)
def test_the_three_spellings_of_as_mean_the_same(expression: str) -> None:
    (selector,) = compile_expression(expression, TYPES)
    assert selector == Selector((Step("valueQuantity"),), "Quantity")


def test_an_index_takes_one_item_and_null_items_are_passed_over() -> None:
    (selector,) = compile_expression("Observation.component[1].value.as(string)", TYPES)
    tree = {"component": [{"valueString": "first"}, {"valueString": "second"}]}
    assert selector.compile()(tree) == ["second"]
    assert selector.compile()({"component": [{"valueString": "first"}, None]}) == []


def test_an_alternative_that_is_there_twice_counts_once() -> None:
    assert len(compile_expression("Observation.code | Observation.code", TYPES)) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "Observation.",
        "Observation.code |",
        "(Observation.code",
        "Observation.code.exists()",
        "Observation.code != 'x'",
        "Observation.unheard",
        "Observation.extension('http://x.example').value",
        "Observation.code 'x'",
    ],
)
def test_an_expression_that_is_not_understood_is_an_error(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compile_expression(expression, TYPES)
