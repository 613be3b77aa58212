"""Grants at rest: given, changed, withdrawn, found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.representation import ALL_POWERS, Capacity, Mandate
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import LOOK, SmartScopes
from app.consent import grants
from app.db.database import Database, Transaction
from app.errors import NotFoundError, UnprocessableError
from tests.support.database import opened

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
YEAR = timedelta(days=365)
ALL = SmartScopes.of("patient/*.cruds")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


async def given(
    database: Database,
    record_id: int = 7,
    grantee_id: str = "klaproos",
    *,
    grantee: Grantee = Grantee.PRACTICE,
    categories: Category = Category.CARE_PLAN,
    lifetime: timedelta = YEAR,
    now: datetime = NOW,
) -> Grant:
    """Return a grant of the care plan to a practice."""

    async def job(transaction: Transaction) -> Grant:
        return await grants.give(
            transaction,
            record_id=record_id,
            grantee=grantee,
            grantee_id=grantee_id,
            categories=categories,
            actions=LOOK,
            until=now + lifetime,
            purpose="care",
            now=now,
        )

    return await database.write(job)


async def withdrawn(database: Database, grant: Grant, at: datetime) -> Grant:
    """Return the grant after its person withdrew it."""

    async def job(transaction: Transaction) -> Grant:
        return await grants.withdraw(transaction, grant.record_id, grant.grant_id, at)

    return await database.write(job)


async def test_a_grant_is_read_back_as_it_was_given(database: Database) -> None:
    grant = await given(database)
    assert await grants.one(database.reader, 7, grant.grant_id) == grant
    assert await grants.one(database.reader, 8, grant.grant_id) is None


async def test_a_practice_has_the_grants_of_all_people_who_said_yes_to_it(database: Database) -> None:
    first, second = await given(database, 7), await given(database, 8)
    await given(database, 9, "andere-praktijk")
    await given(database, 10, lifetime=timedelta(seconds=1))
    later = NOW + timedelta(seconds=1)
    assert await grants.of_practice(database.reader, "klaproos", later) == [first, second]
    assert await grants.of_practice(database.reader, "klaproos", later, 8) == [second]


async def test_a_withdrawn_grant_is_history_and_opens_nothing(database: Database) -> None:
    grant = await given(database)
    at = NOW + timedelta(days=1)
    ended = await withdrawn(database, grant, at)
    assert ended.withdrawn_at == at
    assert not ended.is_in_force(at)
    assert await grants.of_practice(database.reader, "klaproos", at) == []
    assert await grants.of_record(database.reader, 7) == [ended]


async def test_withdrawing_twice_keeps_the_first_instant(database: Database) -> None:
    grant = await given(database)
    first = await withdrawn(database, grant, NOW + timedelta(days=1))
    assert await withdrawn(database, grant, NOW + timedelta(days=2)) == first


async def test_nobody_withdraws_the_grant_of_another_record(database: Database) -> None:
    grant = await given(database)

    async def job(transaction: Transaction) -> Grant:
        return await grants.withdraw(transaction, 8, grant.grant_id, NOW)

    with pytest.raises(NotFoundError):
        await database.write(job)
    assert await grants.one(database.reader, 7, grant.grant_id) == grant


async def test_a_changed_grant_is_a_new_version_and_the_one_before_is_withdrawn(database: Database) -> None:
    old = await given(database)
    later = NOW + timedelta(days=1)

    async def job(transaction: Transaction) -> Grant:
        return await grants.change(
            transaction,
            7,
            old.grant_id,
            categories=Category.CARE_PLAN | Category.MEDICATION,
            actions=LOOK,
            until=later + YEAR,
            now=later,
        )

    new = await database.write(job)
    assert (new.grant_id, new.version) == (old.grant_id, 2)
    assert await grants.one(database.reader, 7, old.grant_id) == new
    assert await grants.of_practice(database.reader, "klaproos", later) == [new]
    history = await grants.of_record(database.reader, 7)
    assert [grant.withdrawn_at for grant in history] == [None, later]
    assert await grants.versions(database.reader, 7, old.grant_id) == history


@pytest.mark.parametrize(
    ("categories", "lifetime"),
    [
        (Category.SENSITIVE, YEAR),
        (Category(0), YEAR),
        (Category.CARE_PLAN, timedelta(0)),
        (Category.CARE_PLAN, 6 * YEAR),
    ],
)
async def test_a_grant_of_nothing_or_without_a_sensible_end_is_refused(
    database: Database, categories: Category, lifetime: timedelta
) -> None:
    with pytest.raises(UnprocessableError):
        await given(database, categories=categories, lifetime=lifetime)
    assert await grants.of_record(database.reader, 7) == []


async def test_an_app_rests_on_its_own_grant_a_practice_on_all_of_its_own_a_person_on_none(
    database: Database,
) -> None:
    of_app = await given(database, grantee=Grantee.APP, grantee_id="app")
    of_practice = await given(database)
    app = Requester(RequesterKind.APP, "app:app", "App", ALL, record_id=7, grant_id=of_app.grant_id)
    practice = Requester(RequesterKind.PRACTICE, "practice:klaproos", "Klaproos", ALL, practice_id="klaproos")
    person = Requester(RequesterKind.PERSON, "person", "Zonnestraal-Testpersoon", ALL, record_id=7)
    assert await grants.candidates(database.reader, app, NOW) == [of_app]
    assert await grants.candidates(database.reader, practice, NOW) == [of_practice]
    assert await grants.candidates(database.reader, person, NOW) == []


async def test_what_somebody_gave_for_another_ends_when_they_are_forgotten(database: Database) -> None:
    mandate = Mandate(Capacity.CARER, "Zonnestraal-Testpersoon", ALL_POWERS)

    async def job(transaction: Transaction) -> list[Grant]:
        terms: dict[str, Any] = {
            "record_id": 7,
            "categories": Category.CARE_PLAN,
            "actions": LOOK,
            "until": NOW + YEAR,
            "purpose": "care",
            "now": NOW,
        }
        own = await grants.give(transaction, grantee=Grantee.PERSON, grantee_id="helper", mandate=mandate, **terms)
        other = await grants.give(transaction, grantee=Grantee.PERSON, grantee_id="another", mandate=mandate, **terms)
        resting = [
            await grants.give(transaction, grantee=Grantee.PRACTICE, grantee_id="klaproos", rests_on=one, **terms)
            for one in (own.grant_id, other.grant_id, None)
        ]
        await grants.forget_person(transaction, "helper", NOW)
        return resting

    _, *standing = await database.write(job)
    left = await grants.of_practice(database.reader, "klaproos", NOW)
    assert {one.grant_id for one in left} == {one.grant_id for one in standing}
