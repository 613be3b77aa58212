"""A copy is taken while the server works, and is put back after the disk was lost; a replica takes over from its primary.

SQLite is copied by its own program. PostgreSQL is copied with ``pg_basebackup`` and its log is archived, so that it is put back as it
was at one moment.

Sources: https://www.sqlite.org/backup.html, https://www.postgresql.org/docs/current/continuous-archiving.html,
https://www.postgresql.org/docs/current/warm-standby.html
"""

import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest

from app.fhir.release import Release
from tests.support import campaign_http, postgres
from tests.support.campaign import Client
from tests.support.database import beside
from tests.support.ports import free_port
from tests.support.postgres import Server
from tests.support.processes import served
from tests.support.running import Program
from tests.support.soundness import Soundness
from tests.support.waiting import until

_REPLICATED = {"wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder where PostgreSQL's own user can come."""
    made = Path(tempfile.mkdtemp(prefix="regie-postgresql-"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made)


def is_writable(server: Server) -> bool:
    return server.run("SELECT NOT pg_is_in_recovery()") == "True"


@pytest.fixture
def archived(database_kind: str, folder: Path) -> Iterator[Server]:
    if database_kind != "postgresql":
        pytest.skip("is about PostgreSQL")
    (folder / "archive").mkdir()
    (folder / "archive").chmod(0o777)
    (folder / "primary").mkdir()
    server = postgres.made(folder / "primary")
    server.start(**_REPLICATED, archive_mode="on", archive_command=f"cp %p {folder}/archive/%f")
    yield server
    server.stop()


class Lost:
    """A program whose database is lost after one was erased, a copy was taken, another was erased, and one was exported."""

    def __init__(self, folder: Path, url: str) -> None:
        own = {
            "REGIE_DATABASE_URL": url,
            "REGIE_ERASED_LIST": str(folder / "erased"),
            "REGIE_MAIL_URL": f"file:{folder}/mail",
        }
        self.folder, self.program = folder, Program(folder, free_port(), own)
        self.later = folder / "later.ndjson"

    def live(self, copy: Callable[[], None]) -> None:
        """Do all that, with ``copy`` taking the copy."""
        with served(self.program):
            people = json.loads(self.program.run("demo", "--json"))["people"]
            self.before, self.after, self.stays = [one["patients"]["r4"] for one in people[:3]]
            self._erase(self.before, 1)
            copy()
            self._erase(self.after, 2)
            self.program.run("record", "export", "--patient", self.stays, "--output", str(self.later))

    def _erase(self, patient: str, number: int) -> None:
        self.program.run(
            "record",
            "erase",
            "--patient",
            patient,
            "--release",
            "r4",
            "--yes",
            "--proof",
            str(self.folder / f"proof{number}"),
        )
        erased = self.folder / "erased"
        until(
            lambda: erased.is_file() and len(erased.read_text().splitlines()) == number, "It was not put on the list."
        )

    def check_what_was_put_back(self, url: str) -> None:
        """Check that a database is the copy, erase again, and serve from it."""
        self.program.environment["REGIE_DATABASE_URL"] = url
        assert self.program.run("audit", "verify") == "The audit log and all records are sound."
        with pytest.raises(subprocess.CalledProcessError):  # what came after the copy is missing, and that shows
            self.program.run("audit", "verify", "--export", str(self.later))
        assert self._is_there(self.after)
        assert not self._is_there(self.before)
        self.program.run("record", "erase", "--again", str(self.folder / "erased"), "--yes")
        assert not self._is_there(self.after)
        assert self._is_there(self.stays)
        assert self.program.run("audit", "verify") == "The audit log and all records are sound."
        with served(self.program):
            assert httpx.get(f"{self.program.url}/health/ready").is_success

    def _is_there(self, patient: str) -> bool:
        with closing(beside(self.program.environment["REGIE_DATABASE_URL"])) as connection:
            found = connection.execute(f"SELECT count(*) FROM record WHERE patient_r4 = '{patient}'").fetchone()  # noqa: S608
        return bool(found[0])


def test_a_file_that_was_copied_while_it_was_written_to_is_put_back_whole(database_kind: str, tmp_path: Path) -> None:
    if database_kind != "sqlite":
        pytest.skip("is about SQLite")
    file, copy = tmp_path / "regie.sqlite3", tmp_path / "copy.sqlite3"
    lost = Lost(tmp_path, f"sqlite:///{file}")

    def take() -> None:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

    lost.live(take)
    for gone in tmp_path.glob("regie.sqlite3*"):
        gone.unlink()
    copy.rename(file)
    lost.check_what_was_put_back(f"sqlite:///{file}")


def test_a_database_is_put_back_as_it_was_at_a_moment(archived: Server, folder: Path, tmp_path: Path) -> None:
    url, moments, copies = archived.new(), list[str](), list[Server]()
    copies.append(archived.copied(folder / "copy"))
    lost = Lost(tmp_path, url)
    lost.live(lambda: moments.append(archived.run("SELECT clock_timestamp()")))
    archived.run("SELECT pg_switch_wal()")
    last = archived.run("SELECT pg_walfile_name(pg_switch_wal())")
    until(lambda: archived.run("SELECT last_archived_wal FROM pg_stat_archiver") >= last, "The log was not archived.")
    archived.kill()

    (copies[0].folder / "data" / "recovery.signal").touch()
    copies[0].start(
        restore_command=f"cp {folder}/archive/%f %p", recovery_target_time=moments[0], recovery_target_action="promote"
    )
    try:
        until(lambda: is_writable(copies[0]), "It was not put back.")
        lost.check_what_was_put_back(copies[0].url(url.rsplit("/", 1)[-1]))
    finally:
        copies[0].stop()


async def test_a_replica_takes_over_and_what_was_answered_is_there_once(
    database_kind: str, folder: Path, tmp_path: Path
) -> None:
    if database_kind != "postgresql":
        pytest.skip("is about PostgreSQL")
    (folder / "primary").mkdir()
    primary = postgres.made(folder / "primary")
    primary.start(**_REPLICATED, synchronous_standby_names="replica")
    replica = primary.copied(folder / "replica", "replica")
    replica.start(**_REPLICATED)
    name = primary.new().rsplit("/", 1)[-1]
    both = f"postgresql://postgres@/{name}?host=127.0.0.1,127.0.0.1&port={primary.port},{replica.port}&target_session_attrs=primary"
    program = Program(tmp_path, free_port(), {"REGIE_DATABASE_URL": both, "REGIE_ACCESS_TOKEN_LIFETIME": "PT10H"})
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    try:
        with served(program) as process:
            async with httpx.AsyncClient(timeout=60) as http:
                there = campaign_http.Server(program.url, http)
                people = await campaign_http.new_people(program, there, 2)
                clients = [
                    Client(f"k{n}", there, people[n % 2], Release.R4, random.Random(f"{seed} {n}")) for n in range(4)
                ]
                loads = [asyncio.create_task(client.load()) for client in clients]
                await asyncio.sleep(0.7)
                await asyncio.to_thread(primary.kill)
                there.is_ended = True
                with psycopg.connect(replica.url("postgres"), autocommit=True) as connection:
                    connection.execute("SELECT pg_promote()")
                await asyncio.gather(*loads)
                there.is_ended = False
                await asyncio.to_thread(program.wait_until_ready, process)
                for client in clients:
                    await client.settle()
                    await client.check(set(client.things))
        soundness = Soundness(replica.url(name), tmp_path / "secret", program.url)
        await asyncio.to_thread(soundness.check)
        assert there.answered <= await asyncio.to_thread(soundness.requests)
    finally:
        primary.stop()
        replica.stop()
