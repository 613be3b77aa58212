"""What is known of the codes of a value set."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import TooCostlyError
from app.fhir.terminology.code_system import code_system, concept_of
from app.fhir.terminology.filters import picked
from app.fhir.terminology.terminology import Terminology

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


ANIMALS = {
    "resourceType": "CodeSystem",
    "url": "urn:animals",
    "version": "2",
    "content": "complete",
    "property": [{"code": "legs", "type": "integer"}],
    "concept": [
        {
            "code": "animal",
            "property": [{"code": "notSelectable", "valueBoolean": True}],
            "concept": [
                {"code": "dog", "display": "Dog", "property": [{"code": "legs", "valueInteger": 4}]},
                {"code": "bird", "concept": [{"code": "owl", "property": [{"code": "legs", "valueInteger": 2}]}]},
            ],
        },
        {"code": "pet"},
        {
            "code": "bat",
            "property": [{"code": "parent", "valueCode": "animal"}, {"code": "parent", "valueCode": "pet"}],
        },
        {"code": "dodo", "property": [{"code": "status", "valueCode": "retired"}]},
    ],
}
ALL = {"animal", "dog", "bird", "owl", "pet", "bat", "dodo"}


def animals(*filters: tuple[str, str, str], **compose: Any) -> set[str] | None:
    """The codes that filters pick; None if that can't be told."""
    part: dict[str, Any] = {"system": "urn:animals"}
    if filters:
        part["filter"] = [{"property": name, "op": operator, "value": value} for name, operator, value in filters]
    definition = {"resourceType": "ValueSet", "compose": {"include": [part], **compose}}
    found = Terminology({"urn:animals": ANIMALS, "urn:animals|2": ANIMALS}.get).expand(definition)
    return set(found.codes["urn:animals"]) if found.is_complete else None


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("concept", "is-a", "animal", {"animal", "dog", "bird", "owl", "bat"}),
        ("code", "descendent-of", "bird", {"owl"}),
        ("concept", "is-not-a", "animal", {"pet", "dodo"}),
        ("concept", "generalizes", "bat", {"bat", "animal", "pet"}),
        ("concept", "in", "dog, owl", {"dog", "owl"}),
        ("concept", "not-in", "dog,owl", ALL - {"dog", "owl"}),
        ("concept", "=", "dog", {"dog"}),
        ("concept", "regex", "b.*|dog", {"bird", "bat", "dog"}),
        ("concept", "regex", "og", set()),
        ("legs", "=", "2", {"owl"}),
        ("legs", "exists", "true", {"dog", "owl"}),
        ("legs", "exists", "false", ALL - {"dog", "owl"}),
        ("parent", "=", "pet", {"bat"}),
        ("child", "exists", "true", {"animal", "bird", "pet"}),
        ("notSelectable", "=", "true", {"animal"}),
        ("display", "regex", "D.g", {"dog"}),
        ("concept", "is-a", "unicorn", None),
        ("legs", "is-a", "4", None),
        ("wings", "=", "2", None),
        ("concept", "like", "dog", None),
        ("concept", "regex", "(a*)*b", None),
        ("concept", "regex", "a*a*a*a*b", None),
        ("concept", "regex", "[a", None),
    ],
)
def test_a_filter_picks_what_the_specification_says(
    name: str, operator: str, value: str, expected: set[str] | None
) -> None:
    assert animals((name, operator, value)) == expected


def test_filters_of_one_include_hold_together() -> None:
    assert animals(("concept", "is-a", "animal"), ("legs", "exists", "true")) == {"dog", "owl"}


def test_filters_can_exclude() -> None:
    below_bird = {"system": "urn:animals", "filter": [{"property": "concept", "op": "is-a", "value": "bird"}]}
    assert animals(exclude=[below_bird]) == ALL - {"bird", "owl"}
    unclear = {"system": "urn:animals", "filter": [{"property": "wings", "op": "=", "value": "2"}]}
    assert animals(exclude=[unclear]) is None


def test_codes_out_of_use_are_left_out_where_the_value_set_says_so() -> None:
    assert animals(inactive=False) == ALL - {"dodo"}


def test_a_version_that_is_not_at_hand_is_not_guessed() -> None:
    find = {"urn:animals": ANIMALS, "urn:animals|2": ANIMALS}.get
    for version, expected in (("2", True), ("3", None)):
        include = [{"system": "urn:animals", "version": version}]
        found = Terminology(find).expand({"resourceType": "ValueSet", "compose": {"include": include}})
        assert found.has("urn:animals", "dog") is expected


def test_several_value_sets_in_one_include_are_what_they_have_in_common() -> None:
    more = tuple(
        {"resourceType": "ValueSet", "url": url, "compose": {"include": [{"system": "urn:s", "concept": concepts}]}}
        for url, concepts in (
            ("urn:one", [{"code": "a"}, {"code": "b"}]),
            ("urn:two", [{"code": "b"}, {"code": "c"}]),
        )
    )
    both = [{"valueSet": ["urn:one", "urn:two"]}]
    assert [has("urn:s", code, include=both, more=more) for code in "abc"] == [False, True, False]
    narrowed = [{"valueSet": ["urn:one"], "system": "urn:s", "concept": [{"code": "a"}, {"code": "c"}]}]
    assert [has("urn:s", code, include=narrowed, more=more) for code in "abc"] == [True, False, False]
    unclear = [{"valueSet": ["urn:one"], "system": "urn:s"}]
    assert [has("urn:s", code, include=unclear, more=more) for code in "abc"] == [None, None, False]


def test_a_stored_expansion_helps_where_the_systems_are_not_at_hand() -> None:
    definition: dict[str, Any] = {
        "resourceType": "ValueSet",
        "compose": {"include": [{"system": "urn:t"}]},
        "expansion": {"contains": [{"system": "urn:t", "code": "x"}]},
    }
    found = Terminology(lambda _: None).expand(definition)
    assert (found.has("urn:t", "x"), found.has("urn:t", "y")) == (True, False)
    definition["expansion"]["total"] = 2
    assert Terminology(lambda _: None).expand(definition).has("urn:t", "y") is None


def test_a_value_set_that_takes_too_much_is_not_put_together() -> None:
    whole = {"system": "urn:animals"}
    definition = {"resourceType": "ValueSet", "url": "urn:it", "compose": {"include": [whole] * 200_000}}
    known: dict[str, Any] = {"urn:animals": ANIMALS, "urn:it": definition}
    with pytest.raises(TooCostlyError):
        Terminology(known.get).expand(definition)
    found = Terminology(known.get).value_set("urn:it")
    assert found is not None
    assert (found.is_too_costly, found.has("urn:animals", "dog")) == (True, None)


def test_urls_that_lead_nowhere_are_not_remembered() -> None:
    known: dict[str, Any] = {}
    terminology = Terminology(known.get)
    assert terminology.value_set("urn:it") is None
    known["urn:it"] = {"resourceType": "ValueSet", "url": "urn:it", "compose": {"include": [A]}}
    assert terminology.value_set("urn:it") is not None


def test_a_code_is_shown_in_the_language_that_is_asked() -> None:
    designations = [{"language": "nl", "value": "Hond"}, {"language": "de-AT", "value": "Hund"}]
    concept = concept_of({"code": "dog", "display": "Dog", "designation": designations})
    shown = {language: concept.display_in(language) for language in ("nl", "nl-NL", "de", "en", "fr")}
    assert shown == {"nl": "Hond", "nl-NL": "Hond", "de": "Hund", "en": "Dog", "fr": "Dog"}


CODES = st.sets(st.sampled_from("abcdef"), max_size=6)


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    """An include or exclude of the systems 1 (at hand), 2 (not at hand)."""
    part: dict[str, Any] = {}
    if draw(st.booleans()):
        part["valueSet"] = draw(st.lists(st.sampled_from(["urn:v1", "urn:v2"]), min_size=1, max_size=2))
    if draw(st.booleans()) or not part:
        part["system"] = draw(st.sampled_from(["urn:1", "urn:2"]))
        if draw(st.booleans()):
            exists = set("abc") if part["system"] == "urn:1" else set("abcdef")
            part["concept"] = [{"code": code} for code in sorted(draw(CODES) & exists)]
    return part


def listed(compose: dict[str, Any]) -> set[tuple[str, str]]:
    """The (system, code) that a compose names, which exist then."""
    named = [part for side in compose.values() for part in side if "concept" in part]
    return {(part["system"], one["code"]) for part in named for one in part["concept"]}


def naive(definitions: dict[str, Any], definition: dict[str, Any], system: str, code: str, extra: set[str]) -> bool:
    """Whether a code belongs, by the words of the specification, where system 2 has the codes ``extra``."""
    exists = {"urn:1": set("abc"), "urn:2": extra}

    def named(part: dict[str, Any]) -> bool:
        if "system" in part:
            listed = {one["code"] for one in part["concept"]} if "concept" in part else exists[part["system"]]
            if system != part["system"] or code not in listed:
                return False
        return all(naive(definitions, definitions[url], system, code, extra) for url in part.get("valueSet", ()))

    compose = definition["compose"]
    return any(map(named, compose["include"])) and not any(map(named, compose.get("exclude", ())))


@given(
    st.lists(
        st.tuples(st.lists(parts(), min_size=1, max_size=3), st.lists(parts(), max_size=2)), min_size=3, max_size=3
    )
)
def test_what_is_said_to_belong_does_whatever_is_in_systems_that_are_not_at_hand(composes: Any) -> None:
    plain = [[{name: one for name, one in part.items() if name != "valueSet"} for part in side] for side in composes[0]]
    plain = [[part for part in side if part] for side in plain]
    known: dict[str, Any] = {
        "urn:1": {"resourceType": "CodeSystem", "content": "complete", "concept": [{"code": code} for code in "abc"]}
    }
    for url, (include, exclude) in zip(("urn:v1", "urn:v2", "urn:it"), [plain, *composes[1:]], strict=True):
        for part in (*include, *exclude):
            if url == "urn:v2" and "valueSet" in part:
                part["valueSet"] = ["urn:v1"]
        compose = {"include": include, "exclude": exclude}
        known[url] = {"resourceType": "ValueSet", "url": url, "compose": compose}
    found = Terminology(known.get).value_set("urn:it")
    assert found is not None
    for system in ("urn:1", "urn:2"):
        for code in "abcdef":
            named = any((system, code) in listed(one["compose"]) for one in known.values() if "compose" in one)
            worlds = ({code},) if named else ({code}, set[str]())
            possible = {naive(known, known["urn:it"], system, code, extra) for extra in worlds}
            verdict = found.has(system, code)
            assert possible == {verdict} if verdict is not None else not found.is_complete


FOREST = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15)
"""Pairs of a code and one above it; there may be circles."""


@given(FOREST, st.integers(0, 9), st.sampled_from(["is-a", "descendent-of", "is-not-a", "generalizes"]))
def test_filters_by_hierarchy_are_what_walking_from_code_to_code_finds(
    pairs: list[tuple[int, int]], start: int, operator: str
) -> None:
    concepts = [
        {
            "code": str(code),
            "property": [{"code": "parent", "valueCode": str(above)} for one, above in pairs if one == code],
        }
        for code in range(10)
    ]
    system = code_system({"resourceType": "CodeSystem", "content": "complete", "concept": concepts})

    def is_below(code: int, above: int, seen: frozenset[int] = frozenset()) -> bool:
        parents = {parent for one, parent in pairs if one == code} - seen
        return above in parents or any(is_below(one, above, seen | {one}) for one in parents)

    tests: dict[str, Callable[[int], bool]] = {
        "is-a": lambda code: code == start or is_below(code, start),
        "descendent-of": lambda code: code != start and is_below(code, start),
        "is-not-a": lambda code: code != start and not is_below(code, start),
        "generalizes": lambda code: code == start or is_below(start, code),
    }
    meets = tests[operator]
    assert picked(system, "concept", operator, str(start)) == {str(code) for code in range(10) if meets(code)}


@pytest.mark.parametrize("pattern", ["[[ab]", "[^[a]b]", "[a--b]", "[a&&b]", "[a||b]", "[a~~b]"])
def test_a_set_of_sets_is_not_known_as_languages_read_it_otherwise(pattern: str) -> None:
    system = code_system({"resourceType": "CodeSystem", "content": "complete", "concept": [{"code": "a"}]})
    assert picked(system, "code", "regex", pattern) is None
    assert picked(system, "code", "regex", r"[\[ab]") == {"a"}


@given(st.text("ab*+?{}()[]|\\.^$1,-", max_size=12), st.text("ab", max_size=30))
def test_a_regular_expression_takes_the_whole_value_or_is_not_known(pattern: str, text: str) -> None:
    system = code_system({"resourceType": "CodeSystem", "content": "complete", "concept": [{"code": text or "a"}]})
    found = picked(system, "code", "regex", pattern)
    assert found is None or found == ({text or "a"} if re.fullmatch(pattern, text or "a") else set())
