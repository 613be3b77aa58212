"""Answers to writes with an Idempotency-Key are kept for a time, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.db.database import Transaction
from app.interactions.forget import Forgetter, LogCutter
from app.store.find import answer_to, keep_answer
from app.store.forget import AT_ONCE
from tests.support.in_process import Inside, inside

KEPT = timedelta(days=90)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as made:
        yield made


def cutter(place: Inside) -> LogCutter:
    return LogCutter(place.parts.database, place.parts.audit, timedelta(days=1830))


async def is_replayed(place: Inside, key: str, mark: str) -> bool:
    answer = await place.create(place.observation(mark), **{"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return "Idempotency-Replayed" in answer.headers


async def test_a_key_holds_for_as_long_as_it_is_kept_and_then_it_is_a_new_one(place: Inside) -> None:
    forgetter = Forgetter(place.parts.database, timedelta(hours=10), place.parts.context.now_us, cutter(place))
    assert not await is_replayed(place, "old", "a")
    place.clock.move(hours=9)
    assert not await is_replayed(place, "new", "b")
    assert await forgetter.forget_due() == 0
    assert await is_replayed(place, "old", "a")
    place.clock.move(hours=2)
    assert await forgetter.forget_due() == 1
    assert not await is_replayed(place, "old", "a")
    assert await is_replayed(place, "new", "b")


async def kept(place: Inside, client: str, count: int) -> None:
    async def job(transaction: Transaction) -> None:
        for number in range(count):
            await keep_answer(transaction, place.record_id, client, f"k{number}", bytes(32), 1, b"[]")

    await place.parts.database.write(job)


async def test_a_great_many_are_forgotten_in_one_go(place: Inside) -> None:
    await kept(place, "app", AT_ONCE + 1)
    assert await place.parts.forgetter.forget_due() == AT_ONCE + 1


async def test_it_goes_on_until_it_is_stopped_whatever_happens(place: Inside) -> None:
    stop, calls = asyncio.Event(), 0

    def now_us() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError
        stop.set()
        return 2**50

    await kept(place, "app", 1)
    await Forgetter(place.parts.database, KEPT, now_us, cutter(place)).run_forever(stop, timedelta(milliseconds=1))
    assert calls > 1
    assert await answer_to(place.parts.database.reader, place.record_id, "app", "k0") is None
