"""Jobs from the outbox to their handler: at least once, one at a time, ever more rarely, never lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from app.db.database import Database, Transaction
from app.errors import UnavailableError
from app.jobs import outbox
from app.jobs.deliver import FIRST_DELAY, Deliverer, delay_after
from app.jobs.outbox import Job, Waiting
from app.wiring import open_database
from tests.support.database import file_of

if TYPE_CHECKING:
    from tests.integration.jobs.conftest import Clock

T = TypeVar("T")
LEASE = timedelta(minutes=5)
MOMENT = timedelta(microseconds=1)


class Handler:
    """Counts what it delivered; fails as long as it is told to."""

    def __init__(self) -> None:
        self.delivered: Counter[str] = Counter()
        self.failure: Exception | None = None

    async def __call__(self, job: Job) -> None:
        """Deliver, or raise the failure."""
        if self.failure is not None:
            raise self.failure
        self.delivered[job.body.decode()] += 1


class Breaking:
    """A database of which some writes fail, as if the process or the disk had gone just before."""

    def __init__(self, database: Database, fails: Callable[[int], bool]) -> None:
        self._database = database
        self._fails = fails
        self._writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """Write, or fail without having written."""
        self._writes += 1
        if self._fails(self._writes):
            raise UnavailableError("The disk is full.")
        return await self._database.write(job)


async def put(database: Database, clock: "Clock", n: int = 1, kind: str = "letter") -> None:
    """Put jobs 1 to ``n`` for as many records."""

    async def job(transaction: Transaction) -> None:
        for number in range(1, n + 1):
            await outbox.put(transaction, record_id=number, kind=kind, body={"n": number}, now_us=clock())

    await database.write(job)


def deliverer(database: Any, clock: "Clock", handler: Callable[[Job], Awaitable[None]], **more: Any) -> Deliverer:
    return Deliverer(database, {"letter": handler}, now_us=clock, lease=LEASE, **more)


async def test_a_job_is_delivered_once_and_then_gone(database: Database, clock: "Clock") -> None:
    handler = Handler()
    await put(database, clock)
    works = deliverer(database, clock, handler)
    assert [await works.deliver_due() for _ in range(2)] == [1, 0]
    assert handler.delivered == {'{"n":1}': 1}
    assert await works.waiting() == Waiting(0, 0, 0)


async def test_a_change_that_is_undone_leaves_no_job(database: Database, clock: "Clock") -> None:
    async def change(transaction: Transaction) -> None:
        await outbox.put(transaction, record_id=7, kind="letter", body={}, now_us=clock())
        raise UnavailableError("The change can't be made.")

    with pytest.raises(UnavailableError):
        await database.write(change)
    assert (await outbox.waiting(database.reader, 2**60)).jobs == 0


async def test_each_failure_is_kept_and_doubles_the_wait(database: Database, clock: "Clock") -> None:
    handler = Handler()
    handler.failure = ConnectionRefusedError("zonnestraal@example.test")
    await put(database, clock)
    works = deliverer(database, clock, handler)
    for tries in range(1, 6):
        assert await works.deliver_due() == 1
        assert await works.waiting() == Waiting(1, 1, tries)
        clock.move(delay_after(tries) - MOMENT)
        assert await works.deliver_due() == 0
        clock.move(MOMENT)
    handler.failure = None
    assert await works.deliver_due() == 1
    assert handler.delivered == {'{"n":1}': 1}
    assert await works.waiting() == Waiting(0, 0, 0)


async def test_of_a_failure_only_its_name_is_kept(database: Database, clock: "Clock") -> None:
    handler = Handler()
    handler.failure = ConnectionRefusedError("zonnestraal@example.test")
    await put(database, clock)
    await deliverer(database, clock, handler).deliver_due()
    path = file_of(database)
    written = path.read_bytes() + path.with_name(f"{path.name}-wal").read_bytes()
    assert b"ConnectionRefusedError" in written
    assert b"zonnestraal" not in written


async def test_a_failing_job_does_not_hold_up_the_others(database: Database, clock: "Clock") -> None:
    delivered = []

    async def handler(job: Job) -> None:
        if job.record_id == 2:
            raise ValueError
        delivered.append(job.record_id)

    await put(database, clock, 5)
    works = deliverer(database, clock, handler)
    assert await works.deliver_due() == 5
    assert sorted(delivered) == [1, 3, 4, 5]
    assert await works.waiting() == Waiting(1, 1, 1)


async def test_a_job_of_an_unknown_kind_waits_for_a_release_that_knows_it(database: Database, clock: "Clock") -> None:
    await put(database, clock, kind="of-tomorrow")
    handler = Handler()
    await deliverer(database, clock, handler).deliver_due()
    assert await outbox.waiting(database.reader, 2**60) == Waiting(1, 1, 1)
    clock.move(FIRST_DELAY)
    await Deliverer(database, {"of-tomorrow": handler}, now_us=clock).deliver_due()
    assert handler.delivered == {'{"n":1}': 1}


async def test_killed_after_the_delivery_it_is_delivered_again_after_the_lease(
    database: Database, clock: "Clock"
) -> None:
    handler = Handler()
    await put(database, clock)
    gone = Breaking(database, fails=lambda write: write == 2)  # the claim is written, the end is not
    with pytest.raises(UnavailableError):
        await deliverer(gone, clock, handler).deliver_due()
    works = deliverer(database, clock, handler)
    clock.move(LEASE - MOMENT)
    assert await works.deliver_due() == 0
    clock.move(MOMENT)
    assert await works.deliver_due() == 1
    assert handler.delivered == {'{"n":1}': 2}
    assert (await works.waiting()).jobs == 0


async def test_an_end_that_is_not_written_breaks_off_no_other_job(database: Database, clock: "Clock") -> None:
    handler = Handler()
    await put(database, clock, 4)
    broken = Breaking(database, fails=lambda write: write == 3)
    with pytest.raises(UnavailableError):
        await deliverer(broken, clock, handler).deliver_due()
    assert handler.delivered.total() == 4
    assert (await outbox.waiting(database.reader, 2**60)).jobs == 1


async def test_many_deliverers_at_once_never_hold_the_same_job(database: Database, clock: "Clock") -> None:
    held: set[str] = set()
    delivered: Counter[str] = Counter()

    async def handler(job: Job) -> None:
        assert job.job_id not in held
        held.add(job.job_id)
        await asyncio.sleep(0)
        held.remove(job.job_id)
        delivered[job.job_id] += 1

    await put(database, clock, 60)
    elsewhere = open_database(database.url)  # as another process would have it
    works = [deliverer(place, clock, handler, at_once=4) for place in (database, elsewhere) for _ in range(3)]

    async def until_nothing_is_due(one: Deliverer) -> None:
        while await one.deliver_due():
            pass

    await asyncio.gather(*(until_nothing_is_due(one) for one in works))
    await until_nothing_is_due(works[0])
    elsewhere.close()
    assert set(delivered.values()) == {1}
    assert len(delivered) == 60


async def test_who_lost_the_lease_does_not_move_the_job_of_who_has_it(database: Database, clock: "Clock") -> None:
    async def claim(transaction: Transaction) -> list[Job]:
        return await outbox.claim(transaction, now_us=clock(), lease_us=LEASE // MOMENT, limit=8)

    await put(database, clock)
    (first,) = await database.write(claim)
    assert await database.write(claim) == []
    clock.move(LEASE)
    (second,) = await database.write(claim)
    assert (second.job_id, second.tries) == (first.job_id, 2)

    async def postpone(transaction: Transaction) -> tuple[bool, bool]:
        late = await outbox.postpone(transaction, first, due_us=0, error="Late")
        return late, await outbox.postpone(transaction, second, due_us=clock() + 1, error="InTime")

    assert await database.write(postpone) == (False, True)


async def test_a_handler_out_of_time_keeps_its_lease_before_the_next_try(database: Database, clock: "Clock") -> None:
    async def stuck(_job: Job) -> None:
        await asyncio.Event().wait()

    await put(database, clock)
    handler = Handler()
    await deliverer(database, clock, stuck, time_limit=timedelta(milliseconds=5)).deliver_due()
    works = deliverer(database, clock, handler)
    clock.move(LEASE + FIRST_DELAY - MOMENT)
    assert await works.deliver_due() == 0
    clock.move(MOMENT)
    assert await works.deliver_due() == 1
    assert handler.delivered.total() == 1


def test_a_handler_may_not_outlive_its_lease(database: Database) -> None:
    with pytest.raises(ValueError, match="outlive its lease"):
        Deliverer(database, {}, lease=timedelta(minutes=1), time_limit=timedelta(minutes=1))


async def test_it_runs_until_told_to_stop_and_finishes_what_is_in_hand(database: Database, clock: "Clock") -> None:
    stop, begun, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    finished = []

    async def slow(job: Job) -> None:
        begun.set()
        await go_on.wait()
        finished.append(job.record_id)

    running = asyncio.create_task(deliverer(database, clock, slow, pause=timedelta(0)).run_forever(stop))
    await put(database, clock)
    async with asyncio.timeout(60):
        await begun.wait()
        stop.set()
        go_on.set()
        await running
    assert finished == [1]
    assert (await outbox.waiting(database.reader, 2**60)).jobs == 0


async def test_an_outage_of_the_database_does_not_end_the_loop(database: Database, clock: "Clock") -> None:
    stop = asyncio.Event()
    delivered = []

    async def last(job: Job) -> None:
        delivered.append(job.record_id)
        stop.set()

    await put(database, clock)
    flaky = Breaking(database, fails=lambda write: write <= 3)
    async with asyncio.timeout(60):
        await deliverer(flaky, clock, last, pause=timedelta(0)).run_forever(stop)
    assert delivered == [1]
    assert (await outbox.waiting(database.reader, 2**60)).jobs == 0


async def test_a_look_that_finds_nothing_does_not_ask_the_writer(database: Database, clock: "Clock") -> None:
    await put(database, clock)
    before_it_is_due = type(clock)(clock() - 1)
    writes_nothing = Breaking(database, fails=lambda _write: True)
    assert await deliverer(writes_nothing, before_it_is_due, Handler()).deliver_due() == 0
