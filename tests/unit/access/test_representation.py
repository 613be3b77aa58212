"""By which rules one person acts for another: the exact day in the record's zone, and what a yes is worth."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.categories import ALL_PARTS, EVERYTHING, Category
from app.access.giving import check_changed, check_given, may_decide
from app.access.grant import Grant, Grantee
from app.access.policy import Wish, decide, representative
from app.access.representation import (
    ALL_POWERS,
    NO_POWERS,
    Capacity,
    Mandate,
    Power,
    ends_by_law,
    may_agree,
    turns,
)
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action, SmartScopes
from app.errors import AccessDeniedError

AMSTERDAM, ARUBA = "Europe/Amsterdam", "America/Aruba"
CHILD, OTHER = 7, 8
BORN = date(2014, 5, 10)
TWELVE = datetime(2026, 5, 9, 22, tzinfo=UTC)
"""Midnight of 10 May 2026 in the Netherlands, where it is summer time."""
SIXTEEN = datetime(2030, 5, 9, 22, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
NAME = "Fenna Zonnestraal-Testpersoon"


def mandate(capacity: Capacity = Capacity.PARENT, powers: Power = ALL_POWERS, **members: object) -> Mandate:
    """Return what makes a grant a representation; of a parent with the birth date of the child."""
    birth_date = BORN if capacity is Capacity.PARENT else None
    return Mandate(capacity, NAME, powers, **{"birth_date": birth_date, "zone": AMSTERDAM} | members)  # type: ignore[arg-type]


def representation(what: Mandate, **members: object) -> Grant:
    """Return a grant to the account ``helper``."""
    usual = {
        "grant_id": "mandate", "record_id": CHILD, "grantee": Grantee.PERSON, "grantee_id": "helper",
        "categories": EVERYTHING, "actions": ALL_ACTIONS, "starts_at": datetime(2020, 1, 1, tzinfo=UTC),
        "until": datetime(2040, 1, 1, tzinfo=UTC), "purpose": "representation",
        "given_at": datetime(2020, 1, 1, tzinfo=UTC), "mandate": what,
    }  # fmt: skip
    return Grant(**(usual | members))  # type: ignore[arg-type]


def helper(account: str = "helper", record_id: int = CHILD, grant_id: str = "mandate") -> Requester:
    """Return the person of an account, acting in a record on a grant."""
    return Requester(
        RequesterKind.REPRESENTATIVE, representative(account), "Moeder Maanlicht-Testpersoon",
        SmartScopes.of("user/*.cruds"), record_id=record_id, grant_id=grant_id, on_behalf_of=NAME,
    )  # fmt: skip


def opened(
    grant: Grant, now: datetime, who: Requester | None = None, action: Action = Action.READ
) -> AccessScope | None:
    """Return what is open, None for nothing."""
    try:
        return decide(who or helper(), Wish(action, "Observation"), [grant], now)
    except AccessDeniedError:
        return None


@pytest.mark.parametrize(
    ("born", "age", "zone", "expected"),
    [
        (BORN, 12, AMSTERDAM, TWELVE),
        (date(2013, 1, 31), 12, AMSTERDAM, datetime(2025, 1, 30, 23, tzinfo=UTC)),
        (BORN, 12, ARUBA, datetime(2026, 5, 10, 4, tzinfo=UTC)),
        (date(2012, 2, 29), 12, AMSTERDAM, datetime(2024, 2, 28, 23, tzinfo=UTC)),
        (date(2012, 2, 29), 16, AMSTERDAM, datetime(2028, 2, 28, 23, tzinfo=UTC)),
        (date(2012, 2, 29), 13, AMSTERDAM, datetime(2025, 2, 28, 23, tzinfo=UTC)),
    ],
    ids=["summer", "winter", "overseas", "leap day to leap year", "leap day at 16", "leap day to a year without"],
)
def test_somebody_gets_older_at_midnight_where_they_live(born: date, age: int, zone: str, expected: datetime) -> None:
    assert turns(born, age, zone) == expected


def test_a_parent_acts_until_the_child_is_twelve() -> None:
    grant = representation(mandate())
    scope = opened(grant, TWELVE - MOMENT)
    assert scope is not None
    assert (scope.personal[0].parts, scope.personal[0].unlocked) == (ALL_PARTS, ALL_PARTS)
    assert scope.personal[0].powers == ALL_POWERS
    assert scope.personal[0].reason == "representation mandate"
    assert opened(grant, TWELVE) is None


def test_from_twelve_a_parent_needs_the_childs_own_yes() -> None:
    agreed = representation(mandate(agreed_at=TWELVE))
    assert opened(agreed, TWELVE) is not None
    assert opened(agreed, SIXTEEN - MOMENT) is not None
    assert opened(agreed, SIXTEEN) is None


def test_a_yes_from_before_the_twelfth_birthday_counts_for_nothing() -> None:
    early = representation(mandate(agreed_at=TWELVE - MOMENT))
    assert opened(early, TWELVE - MOMENT) is not None
    assert opened(early, TWELVE) is None


def test_a_child_may_agree_from_its_twelfth_to_its_sixteenth_birthday() -> None:
    moments = (TWELVE - MOMENT, TWELVE, SIXTEEN - MOMENT, SIXTEEN)
    assert [may_agree(mandate(), now) for now in moments] == [False, True, True, False]
    assert not may_agree(mandate(Capacity.LEGAL), TWELVE)


@pytest.mark.parametrize("capacity", [Capacity.CARER, Capacity.LEGAL])
def test_who_is_no_parent_acts_until_the_end_that_was_set(capacity: Capacity) -> None:
    grant = representation(mandate(capacity), until=SIXTEEN)
    assert opened(grant, SIXTEEN - MOMENT) is not None
    assert opened(grant, SIXTEEN) is None


@pytest.mark.parametrize(
    "who",
    [
        helper("another"),
        helper(record_id=OTHER),
        helper(grant_id="another"),
        Requester(
            RequesterKind.APP, "app:a", "App", SmartScopes.of("patient/*.rs"), record_id=CHILD, grant_id="mandate"
        ),
        Requester(
            RequesterKind.PRACTICE, "practice:helper", "Praktijk", SmartScopes.of("system/*.rs"), practice_id="helper"
        ),
    ],
    ids=["another's representative", "another record", "another grant", "an app", "a practice"],
)
def test_a_representation_is_for_its_own_person_in_its_own_record(who: Requester) -> None:
    assert opened(representation(mandate()), TWELVE - MOMENT, who) is None


def test_a_grant_to_an_app_makes_nobody_a_representative() -> None:
    grant = representation(mandate(), grantee=Grantee.APP, mandate=None)
    assert opened(grant, TWELVE - MOMENT) is None


def test_a_carer_does_no_more_than_was_allowed() -> None:
    what = mandate(Capacity.CARER, NO_POWERS)
    grant = representation(what, categories=Category.MEDICATION, actions=LOOK)
    scope = opened(grant, TWELVE)
    assert scope is not None
    assert (scope.personal[0].parts, scope.personal[0].powers) == (Category.MEDICATION, NO_POWERS)
    assert opened(grant, TWELVE, action=Action.UPDATE) is None


def given_by(grant: Grant, categories: Category = Category.MEDICATION, **what: object) -> None:
    """Let the representative of ``grant`` give a practice this, as far as that is allowed."""
    now = TWELVE - timedelta(days=30)
    scope = decide(helper(), Wish(Action.CREATE, "Consent"), [grant], now)
    may_decide(helper(), Action.CREATE, scope)
    usual = {"grantee": Grantee.PRACTICE, "categories": categories, "actions": LOOK, "until": TWELVE}
    check_given(helper(), grant, **(usual | what))  # type: ignore[arg-type]


def test_a_parent_gives_what_they_have_as_long_as_they_have_it() -> None:
    given_by(representation(mandate()), EVERYTHING)
    with pytest.raises(AccessDeniedError):
        given_by(representation(mandate()), until=TWELVE + MOMENT)


@pytest.mark.parametrize(
    ("powers", "what"),
    [
        (NO_POWERS, {}),
        (Power.LOG, {}),
        (Power.GIVE, {"categories": Category.GP_SUMMARY}),
        (Power.GIVE, {"categories": Category.MEDICATION | Category.SENSITIVE}),
        (Power.GIVE, {"actions": ALL_ACTIONS}),
        (Power.GIVE, {"grantee": Grantee.PERSON}),
    ],
    ids=["no power", "another power", "other parts", "sensitive", "more actions", "to a person"],
)
def test_a_carer_gives_only_what_the_mandate_names(powers: Power, what: dict[str, object]) -> None:
    categories = Category.MEDICATION | Category.SENSITIVE
    grant = representation(
        mandate(Capacity.CARER, powers), categories=categories, actions=LOOK | Action.CREATE, until=TWELVE
    )
    given_by(representation(mandate(Capacity.CARER, Power.GIVE), categories=categories, actions=LOOK | Action.CREATE))
    with pytest.raises(AccessDeniedError):
        given_by(grant, **what)  # type: ignore[arg-type]


def person() -> Requester:
    """Return the person of the record."""
    return Requester(RequesterKind.PERSON, "person", NAME, SmartScopes.of("user/*.cruds"), record_id=CHILD)


def test_a_person_ends_what_they_allowed_and_not_what_the_law_says() -> None:
    check_changed(person(), None, representation(mandate(Capacity.CARER)))
    for capacity in (Capacity.PARENT, Capacity.LEGAL):
        with pytest.raises(AccessDeniedError):
            check_changed(person(), None, representation(mandate(capacity)))


def test_nobody_changes_who_represents_in_anothers_name() -> None:
    own = representation(mandate(Capacity.LEGAL))
    with pytest.raises(AccessDeniedError):
        check_changed(helper(), own, representation(mandate(Capacity.CARER), grant_id="other"))


def test_a_carer_takes_back_only_what_they_gave_themselves() -> None:
    practice = representation(mandate(), grantee=Grantee.PRACTICE, mandate=None, grant_id="practice")
    theirs = representation(mandate(), grantee=Grantee.PRACTICE, mandate=None, grant_id="practice", rests_on="mandate")
    carer, parent = representation(mandate(Capacity.CARER)), representation(mandate())
    check_changed(helper(), carer, theirs)
    check_changed(helper(), parent, practice)
    with pytest.raises(AccessDeniedError):
        check_changed(helper(), carer, practice)


_MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
_MANDATES = st.builds(
    Mandate,
    st.sampled_from(Capacity),
    st.just(NAME),
    st.sampled_from([NO_POWERS, *Power, ALL_POWERS]),
    st.dates(date(1990, 1, 1), date(2040, 1, 1)),
    st.sampled_from([AMSTERDAM, ARUBA, "Pacific/Kiritimati", "UTC"]),
    st.none() | _MOMENTS,
)


def _years(born: date, at: datetime, zone: str) -> int:
    """Return how old somebody is, reckoned as people do: birthdays that were had."""
    today = at.astimezone(ZoneInfo(zone)).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@given(_MANDATES, _MOMENTS, _MOMENTS, st.none() | _MOMENTS)
def test_what_a_representation_opens_is_what_the_naive_rules_say(
    what: Mandate, now: datetime, until: datetime, withdrawn: datetime | None
) -> None:
    grant = representation(what, until=until, starts_at=datetime(1980, 1, 1, tzinfo=UTC), withdrawn_at=withdrawn)
    expected = withdrawn is None and now < until
    if what.capacity is Capacity.PARENT and what.birth_date is not None:
        age = _years(what.birth_date, now, what.zone)
        has_agreed = what.agreed_at is not None and _years(what.birth_date, what.agreed_at, what.zone) >= 12
        expected = expected and (age < 12 or (age < 16 and has_agreed))
    assert (opened(grant, now) is not None) is expected


@given(_MANDATES)
def test_the_law_sets_no_end_but_for_parents(what: Mandate) -> None:
    assert (ends_by_law(what) is not None) is (what.capacity is Capacity.PARENT)
