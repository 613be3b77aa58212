"""A server on PostgreSQL under load, and all that can break between the two: what was answered is there, once, and the rest is not.

The server is killed, the database is killed or restarted, the database ends the connections, or the way between the two is cut in
the middle of transactions; the server, unless it is itself that was killed, serves again without help. Each trouble comes at a
moment of chance. The seed is printed; REGIE_CAMPAIGN_SEED repeats it, REGIE_CAMPAIGN_KILLS says how often something breaks.
"""

import asyncio
import os
import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.fhir.release import Release
from tests.support import campaign_http, postgres
from tests.support.campaign import Client
from tests.support.cutting import cutting
from tests.support.ports import free_port
from tests.support.running import Process, Program
from tests.support.soundness import Soundness

pytestmark = pytest.mark.own_database

TROUBLES = ("server killed", "database killed", "database restarted", "connections ended", "connections cut")
TIMES = int(os.environ.get("REGIE_CAMPAIGN_KILLS", "0")) or len(TROUBLES)
SEED = int(os.environ.get("REGIE_CAMPAIGN_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
CLIENTS = 8
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'regie'"


@dataclass
class Pair:
    """A server and its database, and the way between them, on which ``cut`` ends all connections."""

    program: Program
    database: postgres.Server
    cut: asyncio.Event
    process: Process

    async def break_by(self, trouble: str, down_s: float) -> None:
        """Let something break; what has to be started again by others is, after ``down_s``."""
        match trouble:
            case "server killed":
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                self.process = await asyncio.to_thread(self.program.spawn)
            case "database killed" | "database restarted":
                await asyncio.to_thread(self.database.kill if "killed" in trouble else self.database.stop)
                await asyncio.sleep(down_s)
                await asyncio.to_thread(self.database.start)
            case "connections ended":
                await asyncio.to_thread(self.database.run, END)
            case _:
                self.cut.set()
                await asyncio.sleep(0)
                self.cut.clear()


@asynccontextmanager
async def pair_in(folder: Path) -> AsyncIterator[tuple[Pair, str]]:
    """Give a server and a database that waits for the disk, and the URL of the database that is never cut."""
    own = Path(tempfile.mkdtemp(prefix="regie-postgresql-"))  # where its own user can come
    database, cut = postgres.made(own), asyncio.Event()
    database.start()
    url = database.new()
    async with cutting(url, lambda: None, [], cut) as through:
        program = Program(folder, free_port(), {"REGIE_DATABASE_URL": through, "REGIE_ACCESS_TOKEN_LIFETIME": "PT10H"})
        await asyncio.to_thread(program.run, "migrate")
        pair = Pair(program, database, cut, await asyncio.to_thread(program.start))
        try:
            yield pair, url
        finally:
            os.killpg(pair.process.pid, signal.SIGKILL)
            pair.process.wait()
    database.stop()
    shutil.rmtree(own)


def test_whatever_breaks_under_load_what_was_answered_is_there_once(tmp_path: Path) -> None:
    asyncio.run(_campaign(tmp_path))


async def _campaign(folder: Path) -> None:
    print(f"REGIE_CAMPAIGN_SEED={SEED}")  # noqa: T201 - shown when the test fails
    chance, broken = random.Random(SEED), Counter[str]()
    async with pair_in(folder) as (pair, url), httpx.AsyncClient(timeout=60) as http:
        there = campaign_http.Server(pair.program.url, http)
        people = await campaign_http.new_people(pair.program, there, 2)
        clients = [
            Client(f"p{n}", there, people[n % 2], tuple(Release)[n % 4 // 2], random.Random(f"{SEED} {n}"))
            for n in range(CLIENTS)
        ]
        soundness = Soundness(url, folder / "secret", pair.program.url)
        done = 0
        while broken.total() < TIMES:
            trouble = TROUBLES[broken.total() % len(TROUBLES)]
            loads = [asyncio.create_task(client.load()) for client in clients]
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            await pair.break_by(trouble, chance.uniform(0, 0.4))
            there.is_ended = True
            await asyncio.gather(*loads)
            await asyncio.to_thread(pair.program.wait_until_ready, pair.process)
            there.is_ended = False
            done += sum([await client.settle() for client in clients])
            await asyncio.gather(*(client.check() for client in clients))
            broken[trouble] += 1
            if broken.total() % 10 == 0:
                await asyncio.to_thread(soundness.check)
        await asyncio.gather(*(client.check(set(client.things)) for client in clients))
        await asyncio.to_thread(soundness.check)
        assert there.answered <= await asyncio.to_thread(soundness.requests)
        assert "sound" in await asyncio.to_thread(pair.program.run, "audit", "verify")
        print(f"{dict(broken)}, {len(there.answered)} answers, {done} done without one")  # noqa: T201 - shown when the test fails
