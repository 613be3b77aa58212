"""Many at once, on one server process and on two that share a database: one wins, and nobody sees a state that never was."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.fhir.release import Release
from app.wiring import Parts
from tests.support.campaign import Client
from tests.support.campaign_http import Follower, Person, Server
from tests.support.outside import granted, logged_in, parts_beside, person_of
from tests.support.running import Program, running
from tests.support.soundness import Soundness

ROUNDS = 8
AT_ONCE = 8


@pytest.fixture(scope="module", params=["1", "2"], ids=["one-process", "two-processes"])
def program(
    database_kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("races"), REGIE_WORKERS=request.param) as program:
        yield program


@asynccontextmanager
async def world(program: Program) -> AsyncIterator[tuple[Parts, Server]]:
    """Give the parts beside the server, and a way to it with many connections; at the end all has to be sound."""
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=0)  # a new connection may meet either process
    with parts_beside(program) as parts:
        async with httpx.AsyncClient(timeout=30, limits=limits) as http:
            yield parts, Server(program.url, http)
    soundness = Soundness(program.database_url, program.folder / "secret", program.url)
    await asyncio.to_thread(soundness.check)


def observation(person: Person, mark: str, *, system: str = "", id_: str = "", kg: str = "72.50") -> bytes:
    """Return a weight that can be found by its mark."""
    own_id = f'"id":"{id_}",' if id_ else ""
    own_system = f'"system":"{system}",' if system else ""
    return (
        f'{{"resourceType":"Observation",{own_id}"identifier":[{{{own_system}"value":"{mark}"}}],"status":"final",'
        '"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category",'
        '"code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},'
        f'"subject":{{"reference":"Patient/{person.patients[Release.R4]}"}},"effectiveDateTime":"2026-03-01",'
        f'"valueQuantity":{{"value":{kg},"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}'
    ).encode()


def statuses(answers: list[httpx.Response]) -> list[int]:
    """Return the statuses in order of size."""
    return sorted(answer.status_code for answer in answers)


@pytest.mark.parametrize("how", ["if-none-exist", "idempotency-key", "business-identifier"])
async def test_of_creates_that_are_the_same_one_makes_the_resource(program: Program, how: str) -> None:
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        for round_ in range(ROUNDS):
            mark = f"{how}-{round_}"
            body = observation(
                person, mark, system="https://regie.example/races" if how == "business-identifier" else ""
            )
            headers = {
                "if-none-exist": {"If-None-Exist": f"identifier={mark}"},
                "idempotency-key": {"Idempotency-Key": mark},
            }
            answers = await asyncio.gather(
                *(
                    server.send(person, Release.R4, "POST", "Observation", body, headers.get(how, {}))
                    for _ in range(AT_ONCE)
                )
            )
            expected = [201] * AT_ONCE if how == "idempotency-key" else [200] * (AT_ONCE - 1) + [201]
            assert statuses(answers) == expected
            assert len({answer.content for answer in answers}) == 1
            replayed = [answer for answer in answers if answer.headers.get("Idempotency-Replayed") == "true"]
            assert len(replayed) == AT_ONCE - 1
            assert len(await server.search(person, Release.R4, "Observation", {"identifier": mark})) == 1


async def test_of_different_requests_with_one_idempotency_key_one_is_done(program: Program) -> None:
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        answers = await asyncio.gather(
            *(
                server.send(
                    person,
                    Release.R4,
                    "POST",
                    "Observation",
                    observation(person, f"key-{number}"),
                    {"Idempotency-Key": "k"},
                )
                for number in range(AT_ONCE)
            )
        )
        assert statuses(answers) == [201] + [409] * (AT_ONCE - 1)


async def test_of_updates_of_one_version_one_wins(program: Program) -> None:
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        made = await server.send(person, Release.R4, "POST", "Observation", observation(person, "versions"))
        path = f"Observation/{made.json()['id']}"
        for version in range(1, ROUNDS + 1):
            bodies = [
                observation(person, "versions", id_=made.json()["id"], kg=f"{version}.{number}0")
                for number in range(AT_ONCE)
            ]
            answers = await asyncio.gather(
                *(server.send(person, Release.R4, "PUT", path, body, {"If-Match": f'W/"{version}"'}) for body in bodies)
            )
            assert statuses(answers) == [200] + [412] * (AT_ONCE - 1)
            (winner,) = (answer for answer in answers if answer.status_code == 200)
            assert winner.headers["ETag"] == f'W/"{version + 1}"'
            assert (await server.send(person, Release.R4, "GET", path)).content == winner.content
        history = (await server.send(person, Release.R4, "GET", f"{path}/_history")).json()["entry"]
        assert len(history) == ROUNDS + 1


async def test_of_a_delete_and_updates_of_one_version_one_wins(program: Program) -> None:
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        for round_ in range(ROUNDS):
            made = await server.send(person, Release.R4, "POST", "Observation", observation(person, f"gone-{round_}"))
            path, same = f"Observation/{made.json()['id']}", {"If-Match": 'W/"1"'}
            body = observation(person, f"gone-{round_}", id_=made.json()["id"], kg="80.00")
            deleted, *updated = await asyncio.gather(
                server.send(person, Release.R4, "DELETE", path, b"", same),
                *(server.send(person, Release.R4, "PUT", path, body, same) for _ in range(3)),
            )
            won = [answer for answer in (deleted, *updated) if answer.is_success]
            assert len(won) == 1, [deleted.status_code, *statuses(updated)]
            read = await server.send(person, Release.R4, "GET", path)
            assert read.status_code == (410 if won == [deleted] else 200)


async def test_of_creates_under_one_chosen_id_one_is_the_first(program: Program) -> None:
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        for round_ in range(ROUNDS):
            chosen = str(uuid.uuid4())
            body = observation(person, f"chosen-{round_}", id_=chosen)
            answers = await asyncio.gather(
                *(
                    server.send(person, Release.R4, "PUT", f"Observation/{chosen}", body, {"If-None-Match": "*"})
                    for _ in range(AT_ONCE)
                )
            )
            assert statuses(answers) == [201] + [412] * (AT_ONCE - 1)


async def test_who_follows_a_record_while_eight_write_misses_nothing(program: Program) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        writers = [
            Client(
                f"w{number}",
                server,
                person,
                Release.R4 if number % 4 else Release.STU3,
                random.Random(f"{seed} {number}"),
            )
            for number in range(8)
        ]
        followers = [Follower(server, person, release, count) for release in Release for count in (1, 7, 100)]
        snapshots: list[tuple[int, list[int]]] = []

        async def write(writer: Client) -> None:
            for _ in range(40):
                await writer.something()

        async def follow(follower: Follower) -> None:
            while not writing.done():
                await follower.step()

        async def read_from_the_start() -> None:
            while not writing.done():
                reader = Follower(server, person, Release.R4, 50)
                await reader.catch_up()
                snapshots.append((reader.since, reader.seqs))

        writing = asyncio.gather(*(write(writer) for writer in writers))
        await asyncio.gather(writing, read_from_the_start(), *(follow(follower) for follower in followers))
        soundness = Soundness(program.database_url, program.folder / "secret", program.url)
        for follower in followers:
            await follower.check(soundness)
        seqs = [one.seq for one in soundness.changes(person.record_id) if one.release == Release.R4.value]
        assert snapshots
        for until, seen in snapshots:
            assert seen == [seq for seq in seqs if seq <= until]
        for writer in writers:
            await writer.check()


async def test_what_one_was_answered_everybody_can_read_at_once(program: Program) -> None:
    async with world(program) as (parts, server):
        person = await person_of(parts, server)
        for round_ in range(ROUNDS * 3):
            made = await server.send(person, Release.R4, "POST", "Observation", observation(person, f"read-{round_}"))
            path = f"Observation/{made.json()['id']}"
            answers = await asyncio.gather(*(server.send(person, Release.R4, "GET", path) for _ in range(4)))
            assert {answer.content for answer in answers} == {made.content}


async def test_after_a_withdrawal_is_answered_no_read_that_starts_succeeds(program: Program) -> None:
    async with world(program) as (parts, server), httpx.AsyncClient(base_url=program.url, timeout=30) as browser:
        person = await person_of(parts, server)
        made = await server.send(person, Release.R4, "POST", "Observation", observation(person, "withdrawn"))
        page = await logged_in(parts, browser, person)
        grant_id, token = await granted(parts, person.record_id, page.practice_id)
        practice = Person(token, 0, {})
        reads: list[tuple[float, int]] = []
        answered = float("inf")
        begun, enough = asyncio.Event(), asyncio.Event()

        async def read_on_and_on() -> None:
            while not enough.is_set():
                started = time.monotonic()
                answer = await server.send(practice, Release.R4, "GET", f"Observation/{made.json()['id']}")
                reads.append((started, answer.status_code))
                if len(reads) == 20:
                    begun.set()
                if sum(started > answered for started, _ in reads) == 30:
                    enough.set()

        reading = asyncio.gather(*(read_on_and_on() for _ in range(6)))
        form = f"/access/{grant_id}/withdraw"
        csrf_token = await page.form_token(form)
        await begun.wait()
        answer = await browser.post(form, data={"csrf_token": csrf_token})
        answered = time.monotonic()
        assert answer.status_code == 303, answer.text
        await reading
        assert {status for _, status in reads[:20]} == {200}
        assert {status for started, status in reads if started > answered} <= {403, 404}


async def test_a_refresh_token_that_comes_twice_at_once_is_good_once_and_ends_its_family(program: Program) -> None:
    async with world(program) as (parts, server), httpx.AsyncClient(base_url=program.url, timeout=30) as browser:
        person = await person_of(parts, server)
        page = await logged_in(parts, browser, person)
        for _ in range(3):
            first = (await (await page.allowed(aud="")).exchanged()).json()
            form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": page.app_id}
            answers = await asyncio.gather(*(server.http.post(f"{program.url}/token", data=form) for _ in range(4)))
            assert statuses(answers) == [200, 400, 400, 400]
            (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
            for token in (first["access_token"], winner["access_token"]):
                read = await server.send(Person(token, 0, {}), Release.R4, "GET", "Observation")
                assert read.status_code == 401, read.text
            again = await server.http.post(
                f"{program.url}/token", data={**form, "refresh_token": winner["refresh_token"]}
            )
            assert again.status_code == 400


async def test_a_code_that_comes_twice_at_once_is_good_once(program: Program) -> None:
    async with world(program) as (parts, server), httpx.AsyncClient(base_url=program.url, timeout=30) as browser:
        page = await logged_in(parts, browser, await person_of(parts, server))
        authorization = await page.allowed(aud="")
        answers = await asyncio.gather(*(authorization.exchanged() for _ in range(4)))
        assert statuses(answers) == [200, 400, 400, 400]
