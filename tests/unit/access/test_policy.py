"""Who may do what."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant, Grantee, as_they_stood
from app.access.policy import DIRECTORY_TYPES, Wish, decide
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action, SmartScopes
from app.errors import AccessDeniedError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HER, HIM = 11, 22


def requester(
    kind: RequesterKind, scope: str, *, record_id: int | None = None, grant_id: str | None = None
) -> Requester:
    return Requester(
        kind,
        kind.value,
        "Testpersoon",
        SmartScopes.of(scope),
        record_id=record_id,
        practice_id="p1" if kind is RequesterKind.PRACTICE else None,
        grant_id=grant_id,
    )


def grant(
    record_id: int,
    categories: Category,
    *,
    actions: Action = LOOK,
    grant_id: str = "g1",
    starts_at: datetime = NOW - timedelta(days=1),
    until: datetime = NOW + timedelta(days=1),
    withdrawn_at: datetime | None = None,
) -> Grant:
    return Grant(
        grant_id,
        record_id,
        Grantee.PRACTICE,
        "p1",
        categories,
        actions,
        starts_at,
        until,
        "treatment",
        starts_at,
        withdrawn_at,
    )


def decided(who: Requester, action: Action, resource_type: str | None, grants: Iterable[Grant] = ()) -> AccessScope:
    return decide(who, Wish(action, resource_type), grants, NOW)


def test_a_person_may_do_anything_with_their_own_record_and_nothing_with_another() -> None:
    scope = decided(requester(RequesterKind.PERSON, "patient/*.cruds", record_id=HER), Action.UPDATE, "Observation")
    assert [access.record_id for access in scope.records] == [HER]
    assert scope.records[0].unlocked == ALL_PARTS
    assert scope.of(HIM) is None


def test_a_person_reads_the_directory_too_but_does_not_write_it() -> None:
    who = requester(RequesterKind.PERSON, "patient/*.cruds", record_id=HER)
    directory = decided(who, Action.READ, "Organization").of(DIRECTORY)
    assert directory is not None
    assert directory.types == DIRECTORY_TYPES
    assert decided(who, Action.CREATE, "Organization").of(DIRECTORY) is None


@pytest.mark.parametrize(
    "what",
    [
        grant(HER, ALL_PARTS, until=NOW),
        grant(HER, ALL_PARTS, until=NOW - timedelta(microseconds=1)),
        grant(HER, ALL_PARTS, starts_at=NOW + timedelta(microseconds=1)),
        grant(HER, ALL_PARTS, withdrawn_at=NOW),
    ],
    ids=["ends now", "ended", "not yet begun", "withdrawn now"],
)
def test_a_grant_that_is_not_in_force_opens_nothing(what: Grant) -> None:
    practice = requester(RequesterKind.PRACTICE, "system/*.cruds")
    with pytest.raises(AccessDeniedError):
        decided(practice, Action.READ, "Observation", [what])
    assert decided(practice, Action.READ, "Observation", [grant(HER, ALL_PARTS)]).of(HER) is not None


def test_a_grant_opens_its_categories_for_its_actions_only() -> None:
    practice = requester(RequesterKind.PRACTICE, "system/*.cruds")
    held = [grant(HER, Category.CARE_PLAN), grant(HER, Category.MEDICATION, actions=Action.CREATE, grant_id="g2")]
    looking = decided(practice, Action.SEARCH, "CarePlan", held).of(HER)
    writing = decided(practice, Action.CREATE, "MedicationStatement", held).of(HER)
    assert looking is not None
    assert writing is not None
    assert (looking.parts, looking.reason) == (Category.CARE_PLAN, "grant g1")
    assert (writing.parts, writing.reason) == (Category.MEDICATION, "grant g2")


def test_two_grants_for_the_same_action_add_up() -> None:
    practice = requester(RequesterKind.PRACTICE, "system/*.rs")
    held = [
        grant(HER, Category.CARE_PLAN),
        grant(HER, Category.MEDICATION, grant_id="g2"),
        grant(HIM, Category.ALLERGIES),
    ]
    scope = decided(practice, Action.READ, None, held)
    found = {access.record_id: (access.parts, access.reason) for access in scope.personal}
    assert found == {
        HER: (Category.CARE_PLAN | Category.MEDICATION, "grant g1, grant g2"),
        HIM: (Category.ALLERGIES, "grant g1"),
    }


def test_what_is_sensitive_is_hidden_unless_it_was_named() -> None:
    practice = requester(RequesterKind.PRACTICE, "system/*.rs")
    without = decided(practice, Action.READ, None, [grant(HER, Category.GP_SUMMARY)]).of(HER)
    named = decided(practice, Action.READ, None, [grant(HER, Category.GP_SUMMARY | Category.SENSITIVE)]).of(HER)
    assert without is not None
    assert named is not None
    sensitive = Category.GP_SUMMARY | Category.SENSITIVE
    assert not without.covers("Condition", sensitive)
    assert without.covers("Condition", Category.GP_SUMMARY)
    assert named.covers("Condition", sensitive)
    assert not named.covers("MedicationRequest", Category.MEDICATION | Category.SENSITIVE)


def test_a_grant_that_names_sensitive_things_unlocks_its_own_parts_only() -> None:
    practice = requester(RequesterKind.PRACTICE, "system/*.rs")
    held = [
        grant(HER, Category.GP_SUMMARY | Category.SENSITIVE),
        grant(HER, Category.MEDICATION | Category.CARE_PLAN, grant_id="g2"),
    ]
    for given in (held, held[::-1]):
        both = decided(practice, Action.READ, None, given).of(HER)
        assert both is not None
        assert both.covers("Condition", Category.GP_SUMMARY | Category.SENSITIVE)
        assert both.covers("MedicationRequest", Category.MEDICATION)
        assert not both.covers("MedicationRequest", Category.MEDICATION | Category.SENSITIVE)


def test_an_app_needs_the_very_grant_that_its_token_rests_on() -> None:
    app = requester(RequesterKind.APP, "patient/*.rs", record_id=HER, grant_id="g1")
    assert decided(app, Action.READ, "Goal", [grant(HER, ALL_PARTS)]).of(HER) is not None
    for other in (grant(HER, ALL_PARTS, grant_id="g2"), grant(HIM, ALL_PARTS)):
        with pytest.raises(AccessDeniedError):
            decided(app, Action.READ, "Goal", [other])


def test_a_token_opens_no_more_than_its_scope() -> None:
    who = requester(RequesterKind.PERSON, "patient/Observation.rs patient/Goal.r", record_id=HER)
    scope = decided(who, Action.READ, None)
    assert scope.records[0].types == frozenset({"Observation", "Goal"})
    for action, resource_type in ((Action.READ, "Condition"), (Action.SEARCH, "Goal"), (Action.DELETE, "Observation")):
        with pytest.raises(AccessDeniedError):
            decided(who, action, resource_type)
    with pytest.raises(AccessDeniedError):
        decided(who, Action.CREATE, None)


def test_a_practice_without_any_grant_may_look_at_the_directory_and_at_nothing_else() -> None:
    practice = requester(RequesterKind.PRACTICE, "system/*.rs")
    assert decided(practice, Action.SEARCH, "Organization").of(DIRECTORY) is not None
    for resource_type in ("Observation", "Patient", None):
        with pytest.raises(AccessDeniedError):
            decided(practice, Action.SEARCH, resource_type)


def test_an_operator_may_go_into_every_record_and_the_directory() -> None:
    scope = decided(requester(RequesterKind.OPERATOR, "system/*.cruds"), Action.CREATE, "Organization")
    assert scope.personal == ()
    everyone, directory = scope.of(HER), scope.of(DIRECTORY)
    assert everyone is not None
    assert directory is not None
    assert (everyone.record_id, everyone.unlocked) == (HER, ALL_PARTS)
    assert [access.record_id for access in scope.only([HER, HIM]).records] == [HER, HIM]


def test_v1_and_v2_scopes_say_the_same() -> None:
    for old, new in (("patient/Goal.read", "patient/Goal.rs"), ("patient/Goal.write", "patient/Goal.cud")):
        assert SmartScopes.of(old) == SmartScopes.of(new)
    assert SmartScopes.of("patient/*.*").types_for(ALL_ACTIONS) is None


def test_what_was_withdrawn_or_given_later_is_as_it_stood_then() -> None:
    later, given = NOW + timedelta(hours=1), NOW - timedelta(days=1)
    withdrawn = grant(HER, Category.CARE_PLAN, withdrawn_at=later)
    assert [one.is_in_force(NOW) for one in as_they_stood([withdrawn], NOW)] == [True]
    assert [one.is_in_force(later) for one in as_they_stood([withdrawn], later)] == [False]
    assert as_they_stood([withdrawn], given - timedelta(microseconds=1)) == []
