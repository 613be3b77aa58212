"""What cannot be written is refused as a whole, with a 503 that says so, and the server goes on when it can again."""

import asyncio
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.access.categories import ALL_PARTS
from app.access.grant import Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import LOOK
from app.consent import grants
from app.db.database import Transaction
from app.db.rows import adding
from app.errors import UnavailableError
from app.fhir.release import Release
from app.oauth import tokens
from app.oauth.tokens import Holder
from app.store.tables import locator
from tests.support import postgres
from tests.support.campaign_http import Person, Server, new_people
from tests.support.database import file_of, kind, migrated, on_sqlite
from tests.support.in_process import Inside, inside
from tests.support.ports import free_port
from tests.support.processes import served, started_by
from tests.support.running import Program
from tests.support.soundness import Soundness
from tests.support.waiting import until

LOCATE = adding(locator)
WHERE = "SELECT pg_tablespace_location(dattablespace) FROM pg_database WHERE datname = current_database()"


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Inside]:
    """A person, on a disk that can become full."""
    if kind() == "sqlite":
        async with inside(tmp_path) as made:
            yield made
        return
    with postgres.server().tablespace(request.getfixturevalue("small_disk")) as tablespace:
        async with inside(tmp_path, migrated(tmp_path, tablespace)) as made:
            yield made


def assert_unavailable(answer: httpx.Response) -> None:
    """Assert that an answer says, as FHIR does, that trying again later may help."""
    assert answer.status_code == 503, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["code"] == "transient"


@contextmanager
def full(world: Inside) -> Iterator[None]:
    """Let the database grow by no page more."""
    if kind() == "postgresql":
        with full_disk(Path(postgres.server().run(WHERE, world.parts.database.url.rpartition("/")[2]))):
            yield
        return
    writer = on_sqlite(world.parts.database)._writer_connection
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count={pages}")
    try:
        yield
    finally:
        writer.execute("PRAGMA max_page_count=4294967294")


@contextmanager
def full_disk(folder: Path, left_bytes: int = 0) -> Iterator[None]:
    """Let the file system of ``folder`` have this much room."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))
    os.truncate(ballast, ballast.stat().st_size - left_bytes)
    try:
        yield
    finally:
        ballast.unlink()


async def test_a_create_that_the_disk_has_no_room_for_changes_nothing_and_can_come_again(world: Inside) -> None:
    kept = await world.create(world.observation("before"))
    large = world.observation("large", padding=200_000)
    with full(world):
        assert_unavailable(await world.create(large, **{"Idempotency-Key": "large"}))
        assert len(world.soundness.changes(world.record_id)) == 2
    assert await world.found("large") == []
    again = await world.create(large, **{"Idempotency-Key": "large"})
    assert again.status_code == 201, again.text
    assert len(await world.found("large")) == 1
    read = await world.http.get(f"/Observation/{kept.json()['id']}", headers=world.headers)
    assert read.content == kept.content
    await asyncio.to_thread(world.soundness.check)


async def test_a_transaction_that_the_disk_has_no_room_for_is_not_half_there(world: Inside) -> None:
    entries = [
        b'{"request":{"method":"POST","url":"Observation"},"resource":'
        + world.observation(f"entry-{number}", padding=padding)
        + b"}"
        for number, padding in enumerate((0, 0, 200_000))
    ]
    body = b'{"resourceType":"Bundle","type":"%s","entry":[' + b",".join(entries) + b"]}"
    with full(world):
        for kind in (b"transaction", b"batch"):
            assert_unavailable(await world.http.post("/", content=body.replace(b"%s", kind), headers=world.headers))
    assert [await world.found(f"entry-{number}") for number in range(3)] == [[], [], []]
    await asyncio.to_thread(world.soundness.check)


async def test_what_commits_along_with_a_write_that_has_no_room_is_there_or_refused_as_a_whole(world: Inside) -> None:
    with full(world):
        answers = await asyncio.gather(
            *(world.create(world.observation(f"along-{number}", padding=number % 2 * 100_000)) for number in range(8))
        )
    for number, answer in enumerate(answers):
        found = await world.found(f"along-{number}")
        if answer.status_code == 201:
            assert [one["id"] for one in found] == [answer.json()["id"]]
        else:
            assert_unavailable(answer)
            assert found == []
    assert all(answer.status_code == 503 for answer in answers[1::2])
    await asyncio.to_thread(world.soundness.check)


async def test_a_statement_that_finds_no_room_is_no_fault_of_the_job_that_runs_it(world: Inside) -> None:
    """SQLite undoes this statement only, not the transaction: what is refused must not look like a fault of ours."""
    rows = [(4, "Observation", f"chosen-{n}", 7) for n in range(20_000)]

    async def job(transaction: Transaction) -> None:
        await transaction.change_rows((LOCATE, rows))

    with full(world), pytest.raises(UnavailableError):
        await world.parts.database.write(job)
    await world.parts.database.write(job)
    await asyncio.to_thread(world.soundness.check)


async def test_nothing_is_shown_while_the_log_cannot_take_it(world: Inside) -> None:
    kept = (await world.create(world.observation("seen"))).json()["id"]
    with full(world):
        for _ in range(400):
            answer = await world.http.get(f"/Observation/{kept}", headers=world.headers)
            if answer.status_code != 200:
                break
    assert_unavailable(answer)
    assert b"72.50" not in answer.content
    again = await world.http.get(f"/Observation/{kept}", headers=world.headers)
    assert again.status_code == 200
    await asyncio.to_thread(world.soundness.check)


async def test_a_database_that_another_process_holds_is_a_503_until_it_lets_go(world: Inside) -> None:
    on_sqlite(world.parts.database).turn_within_s = 0.1
    other = sqlite3.connect(file_of(world.parts.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    body = world.observation("held")
    try:
        assert_unavailable(await world.create(body))
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert await world.found("held") == []
    assert (await world.create(body)).status_code == 201
    await asyncio.to_thread(world.soundness.check)


async def test_a_write_takes_the_short_turn_that_a_busy_process_leaves(world: Inside) -> None:
    """An import holds the file nearly all the time: who asks ever more seldom would miss its turn again and again."""
    path, is_over, turns, missed = file_of(world.parts.database), threading.Event(), 0, []

    def hold() -> None:
        nonlocal turns
        other = sqlite3.connect(path, isolation_level=None)
        while not is_over.is_set():
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.06)
            other.execute("COMMIT")
            turns += 1
            time.sleep(0.003)
        other.close()

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        for number in range(12):
            before = turns
            assert (await world.create(world.observation(f"turn-{number}"))).status_code == 201
            missed.append(turns - before)
    finally:
        is_over.set()
        holding.join()
    assert statistics.mean(missed) < 4, missed


async def test_a_write_waits_for_another_process_that_lets_go_in_time(world: Inside) -> None:
    other = sqlite3.connect(file_of(world.parts.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.3, other.execute, "ROLLBACK")
    answer = await world.create(world.observation("waited"))
    other.close()
    assert answer.status_code == 201, answer.text


async def test_a_clock_that_is_turned_back_turns_back_neither_the_record_nor_the_log(world: Inside) -> None:
    first = await world.create(world.observation("clock", kg="71.00"))
    resource_id = first.json()["id"]
    world.clock.move(hours=-3)
    next_body = world.observation("clock", id_=resource_id, kg="72.00")
    second = await world.http.put(f"/Observation/{resource_id}", content=next_body, headers=world.headers)
    assert second.status_code == 200, second.text
    world.clock.move(hours=3, seconds=1)
    third = await world.create(world.observation("later"))
    updated = [answer.json()["meta"]["lastUpdated"] for answer in (first, second, third)]
    assert updated == sorted(updated)
    assert updated[2] > updated[0]
    log = (await world.http.get("/AuditEvent", params={"_count": "50"}, headers=world.headers)).json()["entry"]
    numbers = [int(entry["resource"]["id"]) for entry in log]
    assert numbers == sorted(numbers, reverse=True)
    recorded = [entry["resource"]["recorded"] for entry in log]
    assert recorded == sorted(recorded, reverse=True)
    await asyncio.to_thread(world.soundness.check)


async def test_a_clock_that_is_turned_back_does_not_open_a_withdrawn_grant_again(world: Inside) -> None:
    kept = (await world.create(world.observation("withdrawn"))).json()["id"]

    async def give(transaction: Transaction) -> tuple[str, str]:
        now = world.clock.now
        grant = await grants.give(
            transaction,
            record_id=world.record_id,
            grantee=Grantee.APP,
            grantee_id="app",
            categories=ALL_PARTS,
            actions=LOOK,
            until=now + timedelta(days=30),
            purpose="app",
            now=now,
        )
        holder = Holder(RequesterKind.APP, "Meetmaatje-Test", "app", record_id=world.record_id, grant_id=grant.grant_id)
        lifetime = timedelta(days=1)
        return grant.grant_id, await tokens.issue(transaction, holder, scope="patient/*.rs", lifetime=lifetime, now=now)

    async def withdraw(transaction: Transaction) -> None:
        await grants.withdraw(transaction, world.record_id, grant_id, world.clock.now)

    async def read() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await world.http.get(f"/Observation/{kept}", headers=headers)).status_code

    grant_id, token = await world.parts.database.write(give)
    world.clock.move(hours=3)
    assert await read() == 200
    await world.parts.database.write(withdraw)
    assert await read() == 403
    world.clock.move(hours=-2)
    assert await read() == 403


async def test_a_log_file_that_lost_its_end_holds_whole_changes_only(world: Inside, tmp_path: Path) -> None:
    """What a power cut may take is what nobody was told of: the log file is synced before an answer."""
    writer = on_sqlite(world.parts.database)._writer_connection
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    database = file_of(world.parts.database)
    assert await world.parts.database.overwrite(0)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        # Pages go to the file once the log that has them is synced, and not while somebody reads what was before: all is in the log.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM change").fetchone()
        for number in range(12):
            assert (await world.create(world.observation(f"whole-{number}", padding=number * 3000))).status_code == 201
        whole = world.soundness.changes(world.record_id)
        main, log = database.read_bytes(), database.with_name(f"{database.name}-wal").read_bytes()
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance, kept = random.Random(seed), set()
    for number in range(25):
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        copy = folder / "regie.sqlite3"
        copy.write_bytes(main)
        cut = chance.randrange(len(log))
        tail = (
            bytes(len(log) - cut) if chance.random() < 0.5 else b""
        )  # a file system may leave zeros where it wrote not
        copy.with_name(f"{copy.name}-wal").write_bytes(log[:cut] + tail)
        opened = sqlite3.connect(copy)
        opened.execute("SELECT count(*) FROM change").fetchone()
        left = Soundness(f"sqlite:///{copy}", world.soundness.secret_file, world.soundness.base_url)
        await asyncio.to_thread(left.check)
        changes = left.changes(world.record_id)
        assert changes == whole[: len(changes)]
        kept.add(len(changes))
        opened.close()
    assert len(kept) > 3, "the cuts were all alike"


# On the real program --------------------------------------------------------------------------------------------------


async def write_until_refused(server: Server, person: Person) -> tuple[list[httpx.Response], httpx.Response]:
    """Return the answers to creates that were done, and the first that was refused."""
    done: list[httpx.Response] = []
    for number in range(2000):
        body = (
            f'{{"resourceType":"Observation","identifier":[{{"value":"disk-{number}"}}],"status":"final",'
            f'"code":{{"text":"Weging"}},"valueString":"{random.Random(number).randbytes(10_000).hex()}"}}'
        )
        answer = await server.send(person, Release.R4, "POST", "Observation", body.encode())
        if not answer.is_success:
            return done, answer
        done.append(answer)
    raise AssertionError("there was always room")


async def check_after(server: Server, person: Person, done: list[httpx.Response], soundness: Soundness) -> None:
    """Assert that all that was answered is there and that writing goes on."""
    refused = f"disk-{len(done)}"
    assert await server.search(person, Release.R4, "Observation", {"identifier": refused}) == []
    for answer in (done[0], done[-1]):
        read = await server.send(person, Release.R4, "GET", f"Observation/{answer.json()['id']}")
        assert read.content == answer.content
    body = done[0].content.replace(b'"disk-0"', b'"disk-again"')
    assert (await server.send(person, Release.R4, "POST", "Observation", body)).status_code == 201
    await asyncio.to_thread(soundness.check)


async def test_a_server_whose_files_may_not_grow_refuses_and_goes_on_when_they_may(tmp_path: Path) -> None:
    if kind() != "sqlite":
        pytest.skip("the server has no files that grow")
    program = Program(tmp_path, free_port())
    with served(program) as process:
        async with httpx.AsyncClient(timeout=60) as http:
            server = Server(program.url, http, shows_503=True)
            (person,) = await new_people(program, server, 1)
            for pid in started_by(process):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
            done, refused = await write_until_refused(server, person)
            assert_unavailable(refused)
            for pid in started_by(process):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            soundness = Soundness(f"sqlite:///{tmp_path / 'regie.sqlite3'}", tmp_path / "secret", program.url)
            await check_after(server, person, done, soundness)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system with a little more room than a server asks for before it is ready."""
    folder = Path(tempfile.mkdtemp(prefix="regie-disk-"))  # where PostgreSQL's own user can come
    folder.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("a small file system can be made by root only")
    yield folder

    def is_free() -> bool:  # a process that was ended, or one of PostgreSQL's, closes its last file in its own time
        return not subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode

    until(is_free, "Somebody goes on using the small file system.")
    folder.rmdir()


@pytest.fixture
def url_on_small_disk(small_disk: Path) -> Iterator[str]:
    """A database that can become full."""
    if kind() == "sqlite":
        yield f"sqlite:///{small_disk / 'regie.sqlite3'}"
        return
    with postgres.server().tablespace(small_disk) as tablespace:
        url = postgres.server().new(tablespace=tablespace)
        yield url
        postgres.server().drop(url)


async def test_a_server_on_a_full_disk_refuses_and_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, url_on_small_disk: str
) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_DATABASE_URL": url_on_small_disk})
    with served(program):
        async with httpx.AsyncClient(timeout=60) as http:
            server = Server(program.url, http, shows_503=True)
            (person,) = await new_people(program, server, 1)
            with full_disk(small_disk, left_bytes=1_000_000):
                done, refused = await write_until_refused(server, person)
                assert_unavailable(refused)
            await check_after(server, person, done, Soundness(url_on_small_disk, tmp_path / "secret", program.url))
