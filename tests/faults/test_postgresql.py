"""PostgreSQL is killed, restarted, cut off and stopped while it is written to: what was answered is there, once, and the rest is not."""

import asyncio
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, bindparam, func, insert, select, text

from app.db.access_version import access_version
from app.db.database import Transaction
from app.db.health import Health
from app.db.migrate import migrate
from app.db.postgres import OVERWRITING_LOCK, PostgresDatabase
from app.db.postgres_connections import OPTIONS, READERS
from app.db.schema import in_transaction
from app.db.statements import hot
from app.errors import UnavailableError
from tests.support import postgres
from tests.support.cutting import Cut, cutting
from tests.support.postgres import Server
from tests.support.waiting import until

pytestmark = pytest.mark.own_database

KILLS = 4
WRITERS = 8
CUTS = 12
metadata = MetaData()
access_version.to_metadata(metadata)
# Without a key: what is written twice would be there twice.
mark = Table("mark", metadata, Column("n", BigInteger, nullable=False))
ADD = hot(insert(mark))
ALL = hot(select(mark.c.n))


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that waits for the disk, as one has to that people rely on."""
    folder = Path(tempfile.mkdtemp(prefix="regie-postgresql-"))  # where its own user can come
    made = postgres.made(folder)
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def database(server: Server) -> Iterator[PostgresDatabase]:
    url = server.new()
    in_transaction(url, metadata.create_all)
    opened = PostgresDatabase(url)
    yield opened
    opened.close()


async def add(transaction: Transaction, n: int) -> None:
    await transaction.run(ADD, {"n": n})


async def marks(database: PostgresDatabase) -> Counter[int]:
    for _ in range(50):
        try:
            return Counter(n for (n,) in await database.reader.all(ALL, {}))
        except UnavailableError:
            await asyncio.sleep(0.2)
    pytest.fail("The database did not come back.")


async def test_what_was_answered_is_there_once_whenever_the_database_is_killed(
    server: Server, database: PostgresDatabase
) -> None:
    chance = random.Random(5)
    answered: set[int] = set()
    unknown: set[int] = set()
    over = asyncio.Event()

    async def write(first: int) -> None:
        n = first
        while not over.is_set():
            try:
                await database.write(partial(add, n=n))
                answered.add(n)
            except UnavailableError as error:
                if "look whether" in str(error):
                    unknown.add(n)
            n += WRITERS

    writers = [asyncio.create_task(write(first)) for first in range(WRITERS)]
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.to_thread(server.start)
    await asyncio.sleep(0.5)
    over.set()
    await asyncio.gather(*writers)
    found = await marks(database)
    assert len(answered) > WRITERS
    assert not answered - found.keys(), "answered, and lost"
    assert not found.keys() - answered - unknown, "refused, and there all the same"
    assert set(found.values()) == {1}


async def test_a_connection_that_is_cut_while_a_job_writes_is_replaced_and_the_job_done_once(
    server: Server, database: PostgresDatabase
) -> None:
    cuts = 0

    async def cut(transaction: Transaction) -> None:
        nonlocal cuts
        await add(transaction, 1)
        if not cuts:
            cuts += 1
            server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regie'")

    await database.write(cut)
    await database.write(partial(add, n=2))
    assert await marks(database) == {1: 1, 2: 1}


async def test_readers_go_on_after_a_restart(server: Server, database: PostgresDatabase) -> None:
    await database.write(partial(add, n=1))
    assert await marks(database) == {1: 1}
    server.stop()
    with pytest.raises(UnavailableError):
        await database.reader.all(ALL, {})
    server.start()
    assert await marks(database) == {1: 1}


async def test_health_tells_of_a_database_that_is_gone_or_hangs_and_of_its_return(server: Server) -> None:
    url = server.new()
    migrate(url)
    opened = PostgresDatabase(url)
    health = Health(opened)
    assert await health.faults() == []
    server.stop()
    gone = await health.faults()
    assert [fault.split(":")[0] for fault in gone] == ["database", "writer"]
    assert url not in " ".join(gone)
    server.start()
    await until_well(health)
    server.pause()
    asking = asyncio.create_task(health.faults())
    await asyncio.sleep(0)  # its turn, in which it asks both
    assert health._reading is not None
    assert health._writing is not None
    assert not health._reading.done() | health._writing.done(), "one is waited for after the other"
    assert await asking == [f"{name}: no answer within 3 seconds" for name in ("database", "writer")]
    server.go_on()
    await until_well(health)
    health.close()
    opened.close()


async def until_well(health: Health) -> None:
    until = time.monotonic() + 60
    while await health.faults():
        assert time.monotonic() < until
        await asyncio.sleep(0.1)


async def test_a_writer_that_gets_no_turn_says_so_and_changes_nothing(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIONS["server_settings"], "lock_timeout", "500ms")
    other = PostgresDatabase(database.url)
    holding, go_on = threading.Event(), threading.Event()

    async def hold(transaction: Transaction) -> None:
        await add(transaction, 1)
        holding.set()
        go_on.wait(60)

    held = asyncio.create_task(other.write(hold))
    await asyncio.to_thread(holding.wait, 60)
    with pytest.raises(UnavailableError):
        await database.write(partial(add, n=2))
    go_on.set()
    await held
    assert await marks(database) == {1: 1}
    other.close()


@pytest.mark.parametrize("to_client", [False, True], ids=["to-the-database", "from-the-database"])
async def test_wherever_the_connection_is_cut_what_was_answered_is_there_once(
    database: PostgresDatabase, *, to_client: bool
) -> None:
    """Byte by byte through what one write sends and is sent, the commit included."""
    sizes: list[int] = []

    async def write_through(n: int, cut: Cut | None) -> bool | None:
        """Return whether the write was done, None when nobody can tell; only the first connection is cut."""
        cuts = [cut]
        async with cutting(database.url, lambda: cuts.pop() if cuts else None, sizes) as url:
            through = PostgresDatabase(url)
            try:
                await through.write(partial(add, n=n))
            except UnavailableError as error:
                return None if "look whether" in str(error) else False
            finally:
                await asyncio.to_thread(through.close)
        return True

    assert await write_through(0, None)
    last = sizes[to_client]
    places = sorted({1, last - 1, last, *random.Random(3).sample(range(1, last), CUTS)})
    outcomes = {n: await write_through(n, Cut(place, to_client=to_client)) for n, place in enumerate(places, 1)}
    found = await marks(database)
    assert {n for n, outcome in outcomes.items() if outcome} <= found.keys(), "answered, and lost"
    assert not {n for n, outcome in outcomes.items() if outcome is False} & found.keys(), "refused, and there"
    assert set(found.values()) == {1}
    assert sum(outcome is True for outcome in outcomes.values()) > CUTS / 2


async def test_a_database_that_hangs_is_given_up_and_found_again(
    server: Server, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIONS, "command_timeout", 0.5)
    monkeypatch.setitem(OPTIONS, "timeout", 0.5)
    await database.write(partial(add, n=1))
    assert await marks(database) == {1: 1}
    server.pause()
    try:
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await database.reader.all(ALL, {})
        with pytest.raises(UnavailableError):
            await database.write(partial(add, n=2))
        assert time.monotonic() - began < 10
    finally:
        server.go_on()
    await database.write(partial(add, n=3))
    assert await marks(database) == {1: 1, 3: 1}


async def test_a_job_that_overwrites_is_given_up_while_the_database_hangs(
    server: Server, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.postgres.CONNECT_TIMEOUT_S", 0.5)
    assert await database.overwrite()
    holder = await asyncpg.connect(database.url)
    await holder.execute(f"SELECT pg_advisory_lock({OVERWRITING_LOCK})")  # so that it is in the middle of it
    overwriting = asyncio.create_task(database.overwrite())
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    await asyncio.to_thread(until, lambda: server.run(waiting) == "1", "Nobody waits for the lock.")
    server.pause()
    try:
        overwriting.cancel()
        assert await asyncio.wait({overwriting}, timeout=5) == ({overwriting}, set())
    finally:
        server.go_on()
        await holder.close()
    assert await database.overwrite()


async def test_a_statement_that_takes_too_long_is_told_so_and_holds_nobody_up(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIONS["server_settings"], "statement_timeout", "200ms")
    slow = hot(text("SELECT pg_sleep(20)"))
    with pytest.raises(UnavailableError):
        await database.reader.all(slow, {})
    with pytest.raises(UnavailableError):
        await database.write(lambda transaction: transaction.all(slow, {}))
    await database.write(partial(add, n=1))
    assert await marks(database) == {1: 1}


BOTH = hot(text("SELECT count(*) FROM access_version, mark"))
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.mark.parametrize("is_written", [False, True], ids=["read", "written"])
async def test_who_meets_a_migration_in_the_order_of_locks_gets_an_answer(
    server: Server, database: PostgresDatabase, *, is_written: bool
) -> None:
    """PostgreSQL breaks off who looks first whether two wait for each other, each once: the program here, after five seconds."""
    await database.write(partial(add, n=1))
    server.run("ALTER SYSTEM SET deadlock_timeout = '5s'")
    server.run("SELECT pg_reload_conf()")
    migration = await asyncpg.connect(database.url)
    try:
        await migration.execute("SET deadlock_timeout = '1min'")
        async with migration.transaction():
            await migration.execute("LOCK TABLE mark")
            asked: asyncio.Future[Any] = asyncio.ensure_future(
                database.write(partial(add, n=2)) if is_written else database.reader.all(BOTH, {})
            )
            await asyncio.to_thread(until, lambda: server.run(WAITS) == "1", "Nobody waits for the migration.")
            await migration.execute("LOCK TABLE access_version")
        await asked
    finally:
        await migration.close()
        server.run("ALTER SYSTEM RESET deadlock_timeout")
        server.run("SELECT pg_reload_conf()")
    assert await marks(database) == ({1: 1, 2: 1} if is_written else {1: 1})


async def test_a_database_that_is_put_back_under_its_name_is_waited_for(
    server: Server, database: PostgresDatabase
) -> None:
    await database.write(partial(add, n=1))
    name = urlsplit(database.url).path[1:]
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regie'")
    server.run(f"ALTER DATABASE {name} RENAME TO away")
    with pytest.raises(UnavailableError):
        await database.reader.all(ALL, {})
    with pytest.raises(UnavailableError):
        await database.write(partial(add, n=2))
    server.run(f"ALTER DATABASE away RENAME TO {name}")
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await database.write(partial(add, n=3))
    assert await marks(database) == {1: 1, 3: 1}


_REST = hot(select(func.pg_sleep(bindparam("seconds")), func.pg_backend_pid()))


async def test_those_who_read_at_once_share_a_few_connections(database: PostgresDatabase) -> None:
    reader = database.reader
    rests = await asyncio.gather(*(reader.all(_REST, {"seconds": 0.2}) for _ in range(5 * READERS)))
    assert len({pid for ((_, pid),) in rests}) == READERS


@pytest.fixture
def few(server: Server, database: PostgresDatabase) -> Iterator[PostgresDatabase]:
    """The database for somebody to whom it gives three connections."""
    name = database.url.rsplit("/", 1)[-1]
    server.run("CREATE ROLE few LOGIN CONNECTION LIMIT 3")
    server.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO few", name)
    opened = PostgresDatabase(urlsplit(database.url)._replace(netloc=f"few@127.0.0.1:{server.port}").geturl())
    yield opened
    opened.close()
    server.run("DROP OWNED BY few", name)
    server.run("DROP ROLE few")


async def test_who_reads_from_a_database_that_gives_few_connections_waits_for_one_of_them(
    few: PostgresDatabase,
) -> None:
    for _ in range(3):
        rests = await asyncio.gather(*(few.reader.all(_REST, {"seconds": 0.05}) for _ in range(5 * READERS)))
        assert len({pid for ((_, pid),) in rests}) <= 3


@pytest.mark.parametrize("is_busy", [False, True])
async def test_those_who_read_leave_one_of_few_connections_to_the_writer(few: PostgresDatabase, is_busy: bool) -> None:
    async def job(transaction: Transaction) -> object:
        return (await transaction.all(_REST, {"seconds": 0}))[0][1]

    reads = [asyncio.ensure_future(few.reader.all(_REST, {"seconds": 0.2})) for _ in range(2 * READERS)]
    if not is_busy:
        await asyncio.gather(*reads)
    writer = await few.write(job)
    readers = {pid for ((_, pid),) in await asyncio.gather(*reads)}
    assert writer not in readers
    assert await few.write(job) == writer


async def test_whenever_connections_are_cut_who_reads_gets_an_answer_or_is_told_to_come_again(
    server: Server, database: PostgresDatabase
) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regie'"
    outcomes: list[object] = []
    for _ in range(CUTS):
        cutting = asyncio.create_task(asyncio.to_thread(server.run, cut))
        while not cutting.done():
            reads = (database.reader.all(_REST, {"seconds": 0}) for _ in range(READERS))
            outcomes += await asyncio.gather(*reads, return_exceptions=True)
        await cutting
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(one, UnavailableError) for one in refused), refused
    assert len(refused) < len(outcomes) // 10


async def test_who_gives_up_leaves_a_connection_for_others(database: PostgresDatabase) -> None:
    reader = database.reader
    given_up = [asyncio.ensure_future(reader.all(_REST, {"seconds": 30})) for _ in range(2 * READERS)]
    await asyncio.sleep(0.3)
    for one in given_up:
        one.cancel()
    outcomes = await asyncio.gather(*given_up, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    rests = await asyncio.gather(*(reader.all(_REST, {"seconds": 0}) for _ in range(2 * READERS)))
    assert len(rests) == 2 * READERS
