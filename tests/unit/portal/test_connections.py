"""Grants as a page shows them, and what a form asks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from starlette.datastructures import FormData

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.smart_scope import ALL_ACTIONS, CHANGE, LOOK, Action
from app.portal.connections import access_of, wish_of
from app.portal.language import language
from app.portal.wording import CATEGORIES, TYPES, action_words, category_names

DUTCH = language("nl")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PRACTICES = {"p1"}


def grant(starts: int = -10, ends: int = 10, withdrawn: int | None = None) -> Grant:
    return Grant(
        "g1",
        1,
        Grantee.PRACTICE,
        "p1",
        Category.MEDICATION | Category.SENSITIVE,
        LOOK,
        NOW + timedelta(days=starts),
        NOW + timedelta(days=ends),
        "treatment",
        NOW - timedelta(days=20),
        None if withdrawn is None else NOW + timedelta(days=withdrawn),
    )


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (grant(), "in-force"),
        (grant(starts=1), "planned"),
        (grant(ends=0), "over"),
        (grant(withdrawn=0), "withdrawn"),
        (grant(ends=-1, withdrawn=-3), "withdrawn"),
    ],
)
def test_a_grant_says_whether_it_is_in_force(one: Grant, state: str) -> None:
    access = access_of(one, "Praktijk", "Stad", NOW, AMSTERDAM, DUTCH)
    assert access.state == state
    assert (state == "in-force") == one.is_in_force(NOW)


def test_a_grant_names_its_parts_and_the_sensitive_mark_apart() -> None:
    access = access_of(grant(), "Praktijk", "Stad", NOW, AMSTERDAM, DUTCH)
    assert (access.parts, access.is_sensitive) == (["Medicijnen"], True)


def form(*pairs: tuple[str, str]) -> FormData:
    return FormData(list(pairs))


def test_a_complete_form_is_a_wish_without_errors() -> None:
    filled = form(
        ("practice", "p1"),
        ("category", "medication"),
        ("category", "sensitive"),
        ("period", "1-year"),
        ("action", "look"),
        ("action", "change"),
    )
    wish = wish_of(filled, PRACTICES, DUTCH)
    assert wish.errors == {}
    assert wish.categories == Category.MEDICATION | Category.SENSITIVE
    assert wish.actions == LOOK | Action.UPDATE


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        ([], {"practice", "category", "action", "period"}),
        ([("practice", "p9"), ("category", "medication"), ("action", "add"), ("period", "1-year")], {"practice"}),
        ([("practice", "p1"), ("category", "sensitive"), ("action", "add"), ("period", "1-year")], {"category"}),
        ([("practice", "p1"), ("category", "nonsense"), ("action", "add"), ("period", "1-year")], {"category"}),
        ([("practice", "p1"), ("category", "medication"), ("action", "add"), ("period", "forever")], {"period"}),
    ],
)
def test_what_is_missing_is_said_at_its_field(pairs: list[tuple[str, str]], wrong: set[str]) -> None:
    assert wish_of(form(*pairs), PRACTICES, DUTCH).errors.keys() == wrong


def test_every_category_has_words() -> None:
    assert CATEGORIES.keys() == set(Category)
    assert len(category_names(Category(sum(Category)), DUTCH)) == len(Category) - 1
    assert "Observation" in TYPES


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (LOOK, "Mag kijken"),
        (ALL_ACTIONS, "Mag kijken, gegevens toevoegen en gegevens veranderen"),
        (LOOK | Action.CREATE, "Mag kijken en gegevens toevoegen"),
        (CHANGE, "Mag gegevens toevoegen en gegevens veranderen"),
        (Action.UPDATE, "Mag gegevens veranderen"),
    ],
)
def test_actions_are_said_in_words(actions: Action, expected: str) -> None:
    assert action_words(actions, DUTCH) == expected
