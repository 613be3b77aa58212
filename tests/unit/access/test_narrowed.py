"""What a scope with tokens says, and what it leaves out."""

import tracemalloc

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.scope import RecordAccess
from app.access.smart_scope import LOOK, Action, Narrowed, SmartScopes, is_known_scope

VITAL = ("category", "http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")
QUERY = "category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
ROW = (1, 2, 3)


@pytest.mark.parametrize(
    "query",
    [
        "category=vital-signs", "category=|vital-signs", "category=a|", "category=a|b,a|c", "category:in=a|b", "status=a|b",
        "category:not=a|b", "subject=a|b", "_id=a|b", "combo-code=a|b", "date=a|b", "unknown=a|b", "category=a|b|c", "", "x",
        "code=a|b&code=a|c&code=a|d&code=a|e&code=a|f&code=a|g", "category=a$b|c",
    ],
)  # fmt: skip
def test_what_can_not_be_held_to_exactly_is_no_scope(query: str) -> None:
    assert not is_known_scope(f"patient/Observation.rs?{query}")


@pytest.mark.parametrize("scope", ["*.rs", "Observation.read", "AuditEvent.rs", "Consent.rs", "Nothing.rs"])
def test_only_a_stored_type_can_be_narrowed_and_only_in_version_2(scope: str) -> None:
    assert not is_known_scope(f"patient/{scope}?{QUERY}")


def test_a_whole_scope_beside_it_takes_the_narrowing_away_for_what_it_allows() -> None:
    scopes = SmartScopes.of(f"patient/Observation.cruds?{QUERY} patient/Observation.r")
    assert scopes.narrowed_for(Action.READ) == ()
    assert scopes.narrowed_for(Action.SEARCH) == (Narrowed("Observation", frozenset({VITAL})),)
    assert scopes.narrowed_for(LOOK) == (Narrowed("Observation", frozenset({VITAL})),)
    assert scopes.types_for(LOOK) == frozenset({"Observation"})
    assert SmartScopes.of(f"patient/Observation.s?{QUERY} patient/*.rs").narrowed_for(LOOK) == ()


def test_two_narrowed_scopes_do_not_lend_each_other_their_actions() -> None:
    scopes = SmartScopes.of(f"patient/Observation.r?{QUERY} patient/Observation.s?code=http://loinc.org|8867-4")
    assert scopes.narrowed_for(LOOK) == ()
    assert scopes.types_for(LOOK) == frozenset()


def test_until_the_rows_are_known_nothing_is_inside() -> None:
    narrowed = (Narrowed("Observation", frozenset({VITAL})),)
    access = RecordAccess(1, ALL_PARTS, ALL_PARTS, frozenset({"Observation", "Goal"}), "own record", narrowed)
    measured = int(Category.OWN_MEASUREMENTS)
    assert not access.covers("Observation", measured, [ROW])
    assert access.covers("Goal", measured)
    with_rows = RecordAccess(1, ALL_PARTS, ALL_PARTS, access.types, "own record", narrowed, (("Observation", (ROW,)),))
    assert with_rows.covers("Observation", measured, [ROW])
    assert not with_rows.covers("Observation", measured)
    assert not with_rows.covers("Observation", 0, [ROW])


def test_long_scopes_do_not_fill_the_memory() -> None:
    tracemalloc.start()
    for number in range(200):
        text = f"patient/Observation.rs?code=http://loinc.org|{number}" + "x" * 50_000
        assert is_known_scope(text)
        assert "Observation" in (SmartScopes.of(text).types_for(Action.READ) or ())
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1_000_000
