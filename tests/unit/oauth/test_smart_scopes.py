"""Scopes: asked, allowed, chosen."""

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.smart_scope import ALL_ACTIONS, CHANGE, LOOK, Action, Narrowed
from app.oauth.smart_scopes import (
    PERSON_CONTEXTS,
    SYSTEM_CONTEXTS,
    actions_of,
    categories_of,
    granted,
    kinds_of,
    opens_anything,
    reduced,
)

SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL = f"Observation.rs?category={SYSTEM}|vital-signs"


@pytest.mark.parametrize(
    ("asked", "allowed", "expected"),
    [
        ("patient/Observation.rs", "patient/*.cruds", "patient/Observation.rs"),
        ("patient/Observation.rs patient/Goal.rs", "patient/Observation.cruds", "patient/Observation.rs"),
        (
            "openid patient/Goal.rs offline_access",
            "openid patient/Goal.rs offline_access",
            "openid patient/Goal.rs offline_access",
        ),
        ("system/Goal.rs", "system/*.cruds patient/*.rs", ""),
        ("patient/Goal.rs patient/Goal.rs", "patient/*.rs", "patient/Goal.rs"),
        ("patient/Goal.rs nonsense", "patient/*.rs", "patient/Goal.rs"),
        ("patient/Goal.rs?subject=a|b", "patient/*.rs", ""),
        (f"patient/{VITAL}", "patient/*.rs", f"patient/{VITAL}"),
        (f"patient/{VITAL}", f"patient/{VITAL}", f"patient/{VITAL}"),
        (
            f"patient/{VITAL}&code=http://loinc.org|1-8",
            f"patient/{VITAL}",
            f"patient/{VITAL}&code=http://loinc.org|1-8",
        ),
        ("patient/Observation.rs", f"patient/{VITAL}", ""),
        (f"patient/{VITAL}", "patient/Observation.rs?code=http://loinc.org|1-8", ""),
        (None, "patient/*.rs launch/patient", "patient/*.rs launch/patient"),
        ("", "patient/*.rs", "patient/*.rs"),
    ],
)
def test_a_person_is_asked_for_what_the_client_wants_and_may_have(
    asked: str | None, allowed: str, expected: str
) -> None:
    assert granted(asked, allowed, PERSON_CONTEXTS) == expected


def test_a_system_has_system_scopes() -> None:
    assert granted("system/Goal.rs patient/Goal.rs", "system/*.rs patient/*.rs", SYSTEM_CONTEXTS) == "system/Goal.rs"


@pytest.mark.parametrize(("scope", "expected"), [("", False), ("offline_access", False), ("patient/Goal.r", True)])
def test_a_scope_without_a_resource_opens_nothing(scope: str, expected: bool) -> None:
    assert opens_anything(scope) == expected


def test_categories_and_actions_are_those_of_all_parts_together() -> None:
    scope = "patient/Goal.rs patient/MedicationRequest.c launch/patient"
    assert categories_of(scope) == Category.CARE_PLAN | Category.MEDICATION
    assert actions_of(scope) == LOOK | Action.CREATE
    assert Category.SENSITIVE not in categories_of("patient/*.rs")


@pytest.mark.parametrize(
    ("scope", "categories", "actions", "expected"),
    [
        ("patient/Goal.rs patient/Observation.rs", Category.CARE_PLAN, ALL_ACTIONS, "patient/Goal.rs"),
        ("patient/Goal.cruds", Category.CARE_PLAN, LOOK, "patient/Goal.rs"),
        ("patient/Goal.cruds", Category.CARE_PLAN, CHANGE, "patient/Goal.cud"),
        ("patient/Goal.*", Category.CARE_PLAN, LOOK, "patient/Goal.read"),
        ("patient/Goal.*", Category.CARE_PLAN, CHANGE, "patient/Goal.write"),
        ("patient/Goal.write", Category.CARE_PLAN, LOOK, ""),
        (f"patient/{VITAL.replace('.rs', '.cruds')}", Category.OWN_MEASUREMENTS, LOOK, f"patient/{VITAL}"),
        ("patient/*.rs offline_access", Category.ALLERGIES, LOOK, "patient/*.rs offline_access"),
    ],
)
def test_what_a_person_leaves_out_goes_from_the_scope(
    scope: str, categories: Category, actions: Action, expected: str
) -> None:
    assert reduced(scope, categories, actions, kinds_of(scope)) == expected


def test_kinds_are_what_only_scopes_with_tokens_open() -> None:
    vital = Narrowed("Observation", frozenset({("category", SYSTEM, "vital-signs")}))
    assert kinds_of(f"patient/{VITAL} patient/{VITAL.replace('.rs', '.c')} patient/Goal.rs") == {
        vital: LOOK | Action.CREATE
    }
    assert kinds_of(f"patient/{VITAL} patient/Observation.rs") == {}
    assert kinds_of(f"patient/{VITAL} patient/*.cruds") == {}
    assert kinds_of(f"patient/{VITAL} patient/Observation.cud") == {vital: LOOK}


def test_a_kind_that_is_left_out_goes_from_the_scope() -> None:
    survey = VITAL.replace("vital-signs", "survey")
    scope = f"patient/{VITAL} patient/{survey} patient/Goal.rs"
    (vital, _) = kinds_of(scope)
    assert reduced(scope, ALL_PARTS, LOOK, {vital}) == f"patient/{VITAL} patient/Goal.rs"
    assert reduced(scope, ALL_PARTS, LOOK, ()) == "patient/Goal.rs"
