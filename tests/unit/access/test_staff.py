"""What each role of a practice sees of a grant: never more than was granted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.categories import ALL_PARTS, EVERYTHING, PARTS, Category
from app.access.grant import Grant, Grantee
from app.access.policy import Wish, decide, shown_of
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action, SmartScopes
from app.access.staff import MAY_CHANGE, MAY_SEE, StaffRole
from app.errors import AccessDeniedError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def grant(record_id: int, categories: Category) -> Grant:
    return Grant(
        f"g{record_id}",
        record_id,
        Grantee.PRACTICE,
        "p",
        categories,
        LOOK,
        NOW,
        NOW + timedelta(days=1),
        "treatment",
        NOW,
    )


def member(role: StaffRole, only_record: int | None = None) -> Requester:
    return Requester(
        RequesterKind.PRACTICE, "practice:p:a", "Klaver-Testmedewerker", SmartScopes.of("user/*.rs"), practice_id="p",
        staff_id="a", staff_role=role, only_record=only_record,
    )  # fmt: skip


def test_every_role_has_a_rule() -> None:
    assert MAY_SEE.keys() == MAY_CHANGE.keys() == set(StaffRole)
    assert all(MAY_CHANGE[role] & ~MAY_SEE[role] == 0 for role in StaffRole), "who changes something sees it"


@pytest.mark.parametrize(
    ("role", "parts"),
    [
        (StaffRole.GP, EVERYTHING),
        (StaffRole.PRACTICE_NURSE, ALL_PARTS),
        (
            StaffRole.ASSISTANT,
            Category.APPOINTMENTS | Category.MESSAGES | Category.PERSONAL_DETAILS | Category.OWN_MEASUREMENTS,
        ),
    ],
)
def test_of_all_that_is_granted_a_role_sees_its_part(role: StaffRole, parts: Category) -> None:
    scope = decide(member(role), Wish(Action.SEARCH, "Patient"), [grant(7, EVERYTHING)], NOW)
    access = scope.of(7)
    assert access is not None
    assert access.parts == parts & ALL_PARTS
    assert (access.unlocked != Category(0)) == (Category.SENSITIVE in parts)


def test_who_has_no_role_in_care_sees_nobody() -> None:
    with pytest.raises(AccessDeniedError):
        decide(member(StaffRole.NONE), Wish(Action.SEARCH, "Patient"), [grant(7, EVERYTHING)], NOW)


@given(st.sampled_from(StaffRole), st.sets(st.sampled_from((*PARTS, Category.SENSITIVE))))
def test_a_role_adds_nothing_to_what_was_granted(role: StaffRole, given_parts: set[Category]) -> None:
    granted = Category(sum(given_parts))
    assert shown_of(grant(7, granted), role) & ~granted == 0
    assert shown_of(grant(7, granted), None) == granted


@given(st.sampled_from([StaffRole.GP, StaffRole.PRACTICE_NURSE, StaffRole.ASSISTANT]), st.sampled_from([1, 2, 3]))
def test_who_looks_at_one_person_reaches_no_other(role: StaffRole, record_id: int) -> None:
    grants = [grant(one, EVERYTHING) for one in (1, 2)]
    try:
        scope = decide(member(role, record_id), Wish(Action.SEARCH, "Patient"), grants, NOW)
    except AccessDeniedError:
        assert record_id == 3
    else:
        assert [access.record_id for access in scope.personal] == [record_id]


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.DELETE])
@pytest.mark.parametrize("role", StaffRole)
def test_a_role_changes_the_care_plan_at_most_and_only_by_a_grant_that_says_so(role: StaffRole, action: Action) -> None:
    writer = replace(member(role), scopes=SmartScopes.of("user/*.cruds"))
    with pytest.raises(AccessDeniedError):
        decide(writer, Wish(action, "Goal"), [grant(7, EVERYTHING)], NOW)  # which lets them look
    given = [replace(grant(7, EVERYTHING), actions=ALL_ACTIONS)]
    if role not in (StaffRole.GP, StaffRole.PRACTICE_NURSE):
        with pytest.raises(AccessDeniedError):
            decide(writer, Wish(action, "Goal"), given, NOW)
        return
    access = decide(writer, Wish(action, "Goal"), given, NOW).of(7)
    assert access is not None
    assert access.parts == Category.CARE_PLAN
    assert access.unlocked == (Category.CARE_PLAN if role is StaffRole.GP else Category(0))
    without = [replace(grant(7, EVERYTHING & ~Category.CARE_PLAN), actions=ALL_ACTIONS)]
    with pytest.raises(AccessDeniedError):
        decide(writer, Wish(action, "Goal"), without, NOW)


def test_people_of_a_practice_change_nothing_by_a_login_that_looks() -> None:
    with pytest.raises(AccessDeniedError):
        decide(
            member(StaffRole.GP), Wish(Action.CREATE, "Goal"), [replace(grant(7, EVERYTHING), actions=ALL_ACTIONS)], NOW
        )
