"""The quick yes of a rule in FHIRPath never says yes where the rule does not hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.release import Release
from app.fhir.releases.definitions import definitions
from app.fhir.validation.alternatives import alternatives_of, silent_without, surely_holds
from app.fhir.validation.fhirpath import Scope, compile_truth
from app.fhir.validation.profile_run import Item

OBSERVATION = definitions(Release.R4)["Observation"]
PARTS = ("value", "method", "device", "contained")
CONDITIONS = st.builds("{}.{}()".format, st.sampled_from(PARTS), st.sampled_from(["empty", "exists", "exists().not"]))
RULES = st.recursive(
    CONDITIONS,
    lambda inner: st.builds("{} {} {}".format, inner, st.sampled_from(["or", "and", "implies", "xor"]), inner),
    max_leaves=4,
)
MEMBERS: dict[str, Any] = {
    "valueString": "a",
    "_valueString": {"id": "x"},
    "method": {"text": "a"},
    "device": {"display": "a"},
    "contained": [{"resourceType": "Patient", "id": "a"}],
}
TREES = st.sets(st.sampled_from(sorted(MEMBERS))).map(
    lambda names: {"resourceType": "Observation", **{name: MEMBERS[name] for name in sorted(names)}}
)


@given(RULES, TREES)
def test_what_surely_holds_holds(rule: str, tree: dict[str, Any]) -> None:
    if surely_holds(alternatives_of(rule, OBSERVATION), tree):
        item = Item(tree, None, "", "Observation")
        assert compile_truth(rule)(Scope(Release.R4, item, item, item, lambda _: None)) is True


@pytest.mark.parametrize(
    ("rule", "tree"),
    [
        ("value.exists() or method.exists()", {"method": {}}),
        ("value.empty() or method.empty()", {"valueString": "a"}),
        ("value.exists() implies method.exists()", {}),
        ("value.empty() or component.code.where(coding.exists(%resource.code)).empty()", {"valueString": "a"}),
        ("contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()", {"method": {}}),
    ],
)
def test_many_rules_hold_at_a_glance(rule: str, tree: dict[str, Any]) -> None:
    assert surely_holds(alternatives_of(rule, OBSERVATION), tree)


@pytest.mark.parametrize(
    "rule", ["contained.exists()", "contained.where(id = 'a').exists()", "value.exists() and true"]
)
def test_a_rule_that_says_more_is_left_open(rule: str) -> None:
    assert not surely_holds(alternatives_of(rule, OBSERVATION), {"valueString": "a"} if "value" in rule else {})


@pytest.mark.parametrize("names", [(), ("code",), ("component",), ("code", "component")])
@pytest.mark.parametrize("rule", ["value.empty() or code!=component.code", "code!=component.code"])
def test_what_compares_with_nothing_has_no_answer(rule: str, names: tuple[str, ...]) -> None:
    code = {"coding": [{"code": "a"}]}
    whole: dict[str, Any] = {"code": code, "component": [{"code": code}]}
    tree = {"valueString": "a", **{name: whole[name] for name in names}}
    item = Item(tree, None, "", "Observation")
    answer = compile_truth(rule)(Scope(Release.STU3, item, item, item, lambda _: None))
    assert (answer is not False) is surely_holds(silent_without(rule, OBSERVATION), tree)
