"""Requests for access and the codes that name a person: at rest, answered once, ended by time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.access.categories import Category
from app.access.smart_scope import LOOK
from app.consent import codes, requests
from app.consent.requests import NOBODY, AccessRequest, Answer, State, Wanted
from app.consent.tables import access_code
from app.db.database import Database, Transaction
from app.db.statements import hot
from app.errors import ConflictError, NotFoundError, TooManyRequestsError
from tests.support.database import opened

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
KEY = b"k" * 32
WANTED = Wanted(Category.MEDICATION, LOOK, "treatment", NOW + timedelta(days=90), "Voor de controle")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


async def asked(
    database: Database, record_id: int | None = 7, practice: str = "klaproos", now: datetime = NOW
) -> AccessRequest:
    """Return a new request for medication."""
    return await database.write(
        lambda transaction: requests.put(transaction, record_id, practice, "Praktijk De Klaproos-Test", WANTED, now)
    )


async def answered(
    database: Database, request: AccessRequest, said: Answer, now: datetime = NOW, *, closes: bool = False
) -> None:
    """Answer a request as its person."""
    await database.write(lambda transaction: requests.answer(transaction, request, said, now, closes=closes))


async def code_of(database: Database, record_id: int, now: datetime = NOW) -> str:
    """Return a new code."""
    return await database.write(lambda transaction: codes.make(transaction, KEY, record_id, now))


async def taken(database: Database, code: str, now: datetime = NOW) -> int | None:
    """Return whose code it is, which ends it."""
    return await database.write(lambda transaction: codes.take(transaction, KEY, code, now))


async def test_a_code_names_its_record_once_however_it_is_typed(database: Database) -> None:
    code = await code_of(database, 7)
    assert len(code.replace("-", "")) == codes.LENGTH
    assert await taken(database, f" {code.lower().replace('-', ' ')} ") == 7
    assert await taken(database, code) is None


async def test_a_new_code_ends_the_one_before_and_a_day_ends_each(database: Database) -> None:
    first, second = await code_of(database, 7), await code_of(database, 7)
    assert await codes.standing(database.reader, 7, NOW) == NOW + codes.LIFETIME
    assert await taken(database, first) is None
    assert await taken(database, second, NOW + codes.LIFETIME) is None
    assert await codes.standing(database.reader, 7, NOW + codes.LIFETIME) is None
    third = await code_of(database, 7)
    assert await taken(database, third, NOW + codes.LIFETIME - MINUTE) == 7


async def test_a_code_is_not_kept_as_it_is(database: Database) -> None:
    code = (await code_of(database, 7)).replace("-", "")
    rows = await database.reader.all(hot(select(access_code)), {})
    assert len(rows) == 1
    assert code.encode() not in repr(rows).encode()


async def test_a_request_waits_for_its_person_and_ends_by_itself(database: Database) -> None:
    request = await asked(database)
    assert await requests.of_record(database.reader, 7, NOW) == ([request], [])
    assert await requests.one(database.reader, 7, request.request_id) == request
    end = NOW + requests.WAITS
    assert [request.state(at) for at in (NOW, end - MINUTE, end)] == [State.WAITING, State.WAITING, State.ENDED]
    assert await requests.of_record(database.reader, 7, end) == ([], [])
    with pytest.raises(ConflictError):
        await answered(database, request, Answer.ACCEPTED, end)


@pytest.mark.parametrize("second", [Answer.ACCEPTED, Answer.DECLINED])
@pytest.mark.parametrize("first", [Answer.ACCEPTED, Answer.DECLINED])
async def test_a_request_is_answered_once(database: Database, first: Answer, second: Answer) -> None:
    request = await asked(database)
    await answered(database, request, first)
    with pytest.raises(ConflictError):
        await answered(database, request, second)
    assert (await requests.one(database.reader, 7, request.request_id)).answer is first


async def test_a_request_is_of_one_person_only(database: Database) -> None:
    request = await asked(database)
    with pytest.raises(NotFoundError):
        await requests.one(database.reader, 8, request.request_id)
    assert await requests.of_record(database.reader, 8, NOW) == ([], [])


async def test_declined_and_reaching_nobody_look_like_waiting_until_the_time_is_over(database: Database) -> None:
    declined, unknown = await asked(database), await asked(database, None)
    await answered(database, declined, Answer.DECLINED)
    assert unknown.record_id == NOBODY
    for at in (NOW, NOW + requests.WAITS - MINUTE, NOW + requests.WAITS):
        states = [one.state(at) for one in await requests.of_practice(database.reader, "klaproos", at)]
        assert len(states) == 2
        assert len(set(states)) == 1


async def test_who_does_not_want_to_be_asked_again_is_not_for_a_year_and_by_that_practice_only(
    database: Database,
) -> None:
    await answered(database, await asked(database), Answer.DECLINED, closes=True)
    again = await asked(database)
    assert (again.record_id, again.state(NOW)) == (NOBODY, State.WAITING)
    assert (await asked(database, practice="distel")).record_id == 7
    assert (await asked(database, now=NOW + requests.CLOSED - MINUTE)).record_id == NOBODY
    assert (await asked(database, now=NOW + requests.CLOSED)).record_id == 7


async def test_who_closes_the_door_declines_all_that_the_practice_asked(database: Database) -> None:
    first, second, other = await asked(database), await asked(database), await asked(database, practice="distel")
    await answered(database, first, Answer.DECLINED, closes=True)
    waiting, _ = await requests.of_record(database.reader, 7, NOW)
    assert [one.request_id for one in waiting] == [other.request_id]
    assert (await requests.one(database.reader, 7, second.request_id)).state(NOW) is State.WAITING


async def test_the_door_can_be_opened_again(database: Database) -> None:
    await answered(database, await asked(database), Answer.DECLINED, closes=True)
    _, closed = await requests.of_record(database.reader, 7, NOW)
    assert [one.practice_id for one in closed] == ["klaproos"]
    await database.write(lambda transaction: requests.reopen(transaction, 7, "klaproos"))
    assert await requests.of_record(database.reader, 7, NOW) == ([], [])
    assert (await asked(database)).record_id == 7


async def test_three_of_a_practice_wait_for_one_person_at_most(database: Database) -> None:
    reached = [(await asked(database)).record_id for _ in range(requests.OPEN_MAX + 1)]
    assert reached == [7] * requests.OPEN_MAX + [NOBODY]
    assert (await asked(database, 8)).record_id == 8
    waiting, _ = await requests.of_record(database.reader, 7, NOW)
    await answered(database, waiting[0], Answer.DECLINED)
    assert (await asked(database)).record_id == 7


async def test_a_practice_asks_so_often_in_an_hour_whoever_it_reaches(database: Database) -> None:
    for number in range(requests.HOURLY_MAX):
        await asked(database, None if number % 2 else 100 + number)
    with pytest.raises(TooManyRequestsError):
        await asked(database, None)
    assert (await asked(database, practice="distel")).record_id == 7
    assert (await asked(database, now=NOW + timedelta(hours=1))).record_id == 7


async def test_what_was_asked_of_an_erased_person_is_told_on_as_if_it_waited(database: Database) -> None:
    request = await asked(database)
    assert await database.write(lambda transaction: requests.erase(transaction, 7)) == 1
    (told,) = await requests.of_practice(database.reader, "klaproos", NOW)
    assert (told.request_id, told.state(NOW), told.record_id, told.wanted.words) == (
        request.request_id, State.WAITING, NOBODY, "",
    )  # fmt: skip


async def test_what_reached_nobody_is_forgotten_in_time(database: Database) -> None:
    await asked(database, None)
    later = NOW + requests.WAITS + requests.TOLD + MINUTE
    await asked(database, practice="distel", now=later)

    async def all_of_it(transaction: Transaction) -> list[AccessRequest]:
        return await requests.of_practice(transaction, "klaproos", NOW)

    assert await database.write(all_of_it) == []
