"""What is known of the codes of a value set."""

from typing import Any

from app.fhir.validation.terminology import Terminology

A = {"system": "urn:s", "concept": [{"code": "a"}, {"code": "b"}]}
SYSTEM = {
    "resourceType": "CodeSystem",
    "url": "urn:whole",
    "content": "complete",
    "concept": [{"code": "1", "concept": [{"code": "1.1"}]}],
}


def has(system: str | None, code: str, *, more: tuple[dict[str, Any], ...] = (), **compose: Any) -> bool | None:
    known = {one["url"]: one for one in (*more, {"resourceType": "ValueSet", "url": "urn:it", "compose": compose})}
    found = Terminology(known.get).value_set("urn:it")
    assert found is not None
    return found.has(system, code)


def test_listed_codes_belong_and_no_others() -> None:
    assert has("urn:s", "a", include=[A]) is True
    assert has("urn:s", "c", include=[A]) is False
    assert has("urn:other", "a", include=[A]) is False
    assert has(None, "b", include=[A]) is True


def test_of_a_system_that_is_not_at_hand_or_filtered_nothing_is_known() -> None:
    assert has("urn:t", "x", include=[A, {"system": "urn:t"}]) is None
    assert has("urn:s", "x", include=[A, {"system": "urn:t"}]) is False
    assert (
        has("urn:t", "x", include=[{"system": "urn:t", "filter": [{"property": "p", "op": "=", "value": "v"}]}]) is None
    )


def test_a_complete_code_system_gives_all_its_codes() -> None:
    include = [{"system": "urn:whole"}]
    assert has("urn:whole", "1.1", include=include, more=(SYSTEM,)) is True
    assert has("urn:whole", "2", include=include, more=(SYSTEM,)) is False
    assert has("urn:whole", "2", include=include, more=({**SYSTEM, "content": "fragment"},)) is None


def test_excluded_codes_do_not_belong() -> None:
    assert has("urn:s", "a", include=[A], exclude=[{"system": "urn:s", "concept": [{"code": "a"}]}]) is False
    assert has("urn:s", "a", include=[A], exclude=[{"system": "urn:s"}]) is False


def test_value_sets_include_each_other_and_circles_end() -> None:
    other = {"resourceType": "ValueSet", "url": "urn:other", "compose": {"include": [A, {"valueSet": ["urn:it"]}]}}
    assert has("urn:s", "a", include=[{"valueSet": ["urn:other"]}], more=(other,)) is True
    assert has("urn:s", "c", include=[{"valueSet": ["urn:other"]}], more=(other,)) is None
    assert has("urn:s", "c", include=[{"valueSet": ["urn:unknown"]}]) is None


def test_a_value_set_that_is_only_expanded_is_known_by_that() -> None:
    contains = [{"system": "urn:s", "code": "a", "contains": [{"system": "urn:s", "code": "b"}]}]
    known = {"urn:it": {"resourceType": "ValueSet", "url": "urn:it", "expansion": {"contains": contains}}}
    found = Terminology(known.get).value_set("urn:it")
    assert found is not None
    assert (found.has("urn:s", "b"), found.has("urn:s", "c")) == (True, False)
    assert Terminology(known.get).value_set("urn:other") is None
