"""A server that may open no more files tells so with a 503, and goes on when it may again, its log and figures included."""

import asyncio
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from app.db.sqlite import SqliteReader
from app.errors import UnavailableError
from app.store.time_zone import time_zone_of
from tests.support.database import kind, on_sqlite
from tests.support.in_process import inside
from tests.support.ports import free_port
from tests.support.processes import served, started_by
from tests.support.running import Program
from tests.support.waiting import until


async def test_a_thread_that_can_open_no_file_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind() != "sqlite":
        pytest.skip("threads share connections")
    async with inside(tmp_path) as world:

        def look() -> object:
            return asyncio.run(time_zone_of(world.parts.database.reader, world.record_id))

        with monkeypatch.context() as used_up:
            used_up.setattr("app.db.sqlite.sqlite3.connect", _no_file)
            with pytest.raises(UnavailableError):
                await asyncio.to_thread(look)
        assert await asyncio.to_thread(look)


def _no_file(*_: object, **__: object) -> sqlite3.Connection:
    return sqlite3.Connection("file:/not/there?mode=ro", uri=True)  # SQLite itself says so


async def test_what_can_not_be_read_now_is_a_503(tmp_path: Path) -> None:
    if kind() != "sqlite":
        pytest.skip("is about SQLite's file")
    async with inside(tmp_path) as world:
        kept = (await world.create(world.observation("kept"))).json()["id"]
        database = on_sqlite(world.parts.database)
        reader = database.reader
        with closing(_out_of_reach(tmp_path / "elsewhere")) as connection:
            database._local.reader = SqliteReader(connection)
            answer = await world.http.get(f"/Observation/{kept}", headers=world.headers)
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")
            assert int(answer.headers["retry-after"]) > 0
        database._local.reader = reader
        assert (await world.http.get(f"/Observation/{kept}", headers=world.headers)).status_code == 200


def _out_of_reach(folder: Path) -> sqlite3.Connection:
    """Return a connection whose log can't be opened beside its file any more."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "file")) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE one (a)")
    connection = sqlite3.connect(folder / "file", isolation_level=None)
    folder.rename(folder.with_name("gone"))
    return connection


def test_a_server_without_files_left_goes_on_telling_when_it_has_some(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port())
    with served(program) as process, httpx.Client(base_url=program.url) as http:
        pid = started_by(process)[-1]
        assert http.get("/health/live").status_code == 200
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        opened = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (opened, before[1]))
        until(lambda: "figures not left" in program.log.read_text(), "It had files to open.")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        told = program.log.read_text().count("request answered")
        assert http.get("/health/live").status_code == 200
        until(lambda: program.log.read_text().count("request answered") > told, "The log ends.")
