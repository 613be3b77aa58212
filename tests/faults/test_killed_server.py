"""The server is killed again and again while clients write, and nothing is lost, halved or doubled.

SIGKILL to all its processes or to the one that serves, at any moment: within the first millisecond of a commit, while it
starts. One in ten times it is asked to end instead.
The seed of a campaign is printed; REGIE_CAMPAIGN_SEED repeats its requests and moments, REGIE_CAMPAIGN_KILLS deepens it.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.fhir.release import Release
from tests.support.campaign import Client
from tests.support.campaign_http import Follower, Person, Server, Unanswered, new_people
from tests.support.database import kind
from tests.support.outside import parts_beside, person_of
from tests.support.ports import free_port
from tests.support.processes import served, started_by, wait_for_another
from tests.support.running import Process, Program
from tests.support.soundness import Soundness

KILLS = {"sqlite": 50, "postgresql": 15}
"""On PostgreSQL the database lives on, and no moment can be chosen by its files."""

SEED = int(os.environ.get("REGIE_CAMPAIGN_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
LOAD_MAX_S = 0.6


@dataclass
class Campaign:
    """One server that is killed and started, its clients and its followers."""

    program: Program
    random: random.Random
    process: Process | None = None
    starts_s: list[float] = field(default_factory=list)
    kills: int = 0
    killed_worker: int = 0
    may_kill_worker_at: float = 0.0
    """A server whose worker dies again within 5.5 s takes it that something is wrong, and ends."""
    done_unanswered: int = 0

    async def start(self) -> None:
        """See to it that a server is ready: one that is started, or one that starts its only worker anew by itself."""
        if self.process is not None:
            await asyncio.to_thread(wait_for_another, self.process, self.killed_worker, 1)
            await asyncio.to_thread(self.program.wait_until_ready, self.process)
            self.may_kill_worker_at = time.monotonic() + 6
            return
        # Now and then with two workers; one in ten is killed while it starts, and started again.
        self.program.environment["REGIE_WORKERS"] = self.random.choice("11112")
        self.may_kill_worker_at = 0.0
        if self.kills and self.random.random() < 0.1:
            self.process = self.program.spawn()
            await asyncio.sleep(self.random.uniform(0, 0.4))  # killed at any moment of its start
            self.kill()
        before = time.monotonic()
        self.process = await asyncio.to_thread(self.program.start)
        self.starts_s.append(time.monotonic() - before)

    def kill(self) -> None:
        """Kill the server and all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            self.kills += 1

    def stop(self) -> None:
        """End the server as who runs it does: it finishes what it is at."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def kill_worker(self) -> None:
        """Kill the one worker of a server, which is to start another."""
        if self.process is not None:
            (self.killed_worker,) = started_by(self.process)
            os.kill(self.killed_worker, signal.SIGKILL)
            self.kills += 1

    def kill_in_time(self, server: Server) -> None:
        """Wait for the moment that chance has chosen, and kill: at any time, or just after the log file grew."""
        time.sleep(self.random.uniform(0.05, LOAD_MAX_S))
        how, has_one = self.random.random(), self.program.environment["REGIE_WORKERS"] == "1"
        if self.program.database_url.startswith("sqlite") and self.random.random() < 0.7:
            log = Path(f"{self.program.database_url.removeprefix('sqlite:///')}-wal")
            before, until = log.stat().st_mtime_ns, time.monotonic() + 0.2
            while log.stat().st_mtime_ns == before and time.monotonic() < until:
                time.sleep(0.00005)
            time.sleep(self.random.uniform(0, 0.001))
        if how < 0.1:
            self.stop()
        elif how < 0.7 and has_one and time.monotonic() > self.may_kill_worker_at:
            self.kill_worker()
        else:
            self.kill()
        server.is_ended = True


@contextlib.asynccontextmanager
async def campaign_in(folder: Path, seed: int) -> AsyncIterator[Campaign]:
    """Give a campaign with a migrated database; its server is killed at the end."""
    campaign = Campaign(Program(folder, free_port(), {"REGIE_ACCESS_TOKEN_LIFETIME": "PT10H"}), random.Random(seed))
    await asyncio.to_thread(campaign.program.run, "migrate")
    try:
        yield campaign
    except BaseException:
        print(campaign.program.log.read_text()[-8000:])  # noqa: T201 - shown beside the failure
        raise
    finally:
        campaign.kill()


def clients_of(server: Server, people: list[Person], seed: int) -> list[Client]:
    """Return two clients per person and release."""
    return [
        Client(
            f"{number}{release.path}{copy}", server, person, release, random.Random(f"{seed} {number} {release} {copy}")
        )
        for number, person in enumerate(people)
        for release in Release
        for copy in "ab"
    ]


def test_a_server_that_is_killed_at_any_moment_loses_halves_and_doubles_nothing(tmp_path: Path) -> None:
    asyncio.run(_campaign(tmp_path, SEED))


async def _campaign(folder: Path, seed: int) -> None:
    print(f"REGIE_CAMPAIGN_SEED={seed}")  # noqa: T201 - shown when the test fails
    async with campaign_in(folder, seed) as campaign, httpx.AsyncClient(timeout=30) as http:
        program = campaign.program
        server = Server(program.url, http)
        await campaign.start()
        people = await new_people(program, server, 2)
        clients = clients_of(server, people, seed)
        followers = [Follower(server, person, release) for person in people for release in Release]
        soundness = Soundness(program.database_url, program.folder / "secret", program.url)
        kills = int(os.environ.get("REGIE_CAMPAIGN_KILLS", "0")) or KILLS[kind()]
        while campaign.kills < kills:
            await asyncio.gather(
                *(client.load() for client in clients),
                *(follower.follow() for follower in followers),
                asyncio.to_thread(campaign.kill_in_time, server),
            )
            await campaign.start()
            server.is_ended = False
            for done in await asyncio.gather(*(client.settle() for client in clients)):
                campaign.done_unanswered += done
            await asyncio.gather(*(client.check() for client in clients))
            for follower in followers:
                await follower.check(soundness)
            if campaign.kills % 5 == 0:
                await asyncio.to_thread(soundness.check)
        await asyncio.gather(*(client.check(set(client.things)) for client in clients))
        await asyncio.to_thread(soundness.check)
        assert server.answered <= await asyncio.to_thread(soundness.requests)
        await _check_from_the_start(server, people, soundness)
        assert "sound" in await asyncio.to_thread(program.run, "audit", "verify")
        assert campaign.done_unanswered or kind() == "postgresql", (
            "no kill came between a commit and its answer: the campaign is too tame"
        )
        middle = sorted(campaign.starts_s)[len(campaign.starts_s) // 2]
        print(f"{campaign.kills} kills, {len(server.answered)} answers, start in {middle:.2f} s")  # noqa: T201


async def _check_from_the_start(server: Server, people: list[Person], soundness: Soundness) -> None:
    """Assert that who reads ``$delta`` from 0 in pages gets the record's own log, without a gap."""
    for person in people:
        seqs: list[int] = []
        for release in Release:
            follower = Follower(server, person, release, count=300)
            await follower.catch_up()
            seqs += follower.seqs
        assert sorted(seqs) == list(range(1, len(soundness.changes(person.record_id)) + 1))


async def test_a_process_that_dies_is_replaced_while_the_other_goes_on(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "2"})
    limits = httpx.Limits(max_keepalive_connections=0)  # a new connection may meet either process
    with served(program) as process:
        async with httpx.AsyncClient(timeout=30, limits=limits) as http:
            server = Server(program.url, http)
            with parts_beside(program) as parts:
                person = await person_of(parts, server)
            seed = random.SystemRandom().randrange(10**9)
            print(f"seed {seed}")  # noqa: T201 - shown when the test fails
            clients = [Client(f"d{n}", server, person, Release.R4, random.Random(f"{seed} {n}")) for n in range(6)]
            victim = random.Random(seed).choice(started_by(process))

            async def write(client: Client) -> None:
                with contextlib.suppress(Unanswered):
                    for _ in range(40):
                        await client.something()

            asyncio.get_running_loop().call_later(0.4, os.kill, victim, signal.SIGKILL)
            await asyncio.gather(*(write(client) for client in clients))
            await asyncio.to_thread(wait_for_another, process, victim, 2)
            assert process.poll() is None
            for client in clients:
                await client.settle()
                await client.check()
        soundness = Soundness(program.database_url, tmp_path / "secret", program.url)
        await asyncio.to_thread(soundness.check)
