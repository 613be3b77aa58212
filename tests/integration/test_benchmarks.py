"""The benchmark itself, with few people: what it asks is answered, and what it recorded can be run again by the driver alone."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wiring import wire
from tests.benchmarks.importing import imports
from tests.benchmarks.kept import People, people, program_on
from tests.benchmarks.measure import Calls
from tests.benchmarks.places import Place, PostgresPlace, SqlitePlace
from tests.benchmarks.recording import recorder
from tests.benchmarks.replay import replay
from tests.benchmarks.workloads import WORKLOADS
from tests.support import postgres
from tests.support.database import kind
from tests.support.process_tree import is_running
from tests.support.running import ROOT

COUNT = 2
NAMES = ("growing", People.name(COUNT), "before", "recorded", "empty", "replayed", "imported")


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Place]:
    if kind() == "sqlite":
        yield SqlitePlace(tmp_path)
        return
    place = PostgresPlace(postgres.server())
    yield place
    for name in NAMES:
        place.server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """Give a folder of which every parent may be entered by the user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="regie-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_each_workload_does_can_be_done_again_without_the_server(where: Place, tmp_path: Path) -> None:
    known = people(where, (COUNT,), lambda _: None, tmp_path / "kept")
    name = People.name(COUNT)
    where.copy(name, "before")
    program = program_on(where.copy(name, "recorded"), known.secret, tmp_path / "program")
    calls = Calls(known.population, list(WORKLOADS))
    parts = wire(known.settings(where.url("recorded"), program))
    with recorder(parts) as recording:
        recorded = {one.name: recording.record(calls.next(one, 6), one.status, 3) for one in WORKLOADS}
    parts.close()
    assert {name: [one.requests for one in commits if one.requests] for name, commits in recorded.items()} == {
        one.name: [3, 3] for one in WORKLOADS
    }
    for commits in recorded.values():
        assert replay(where.url("before"), commits, where.process).rate > 0
    written = 6 * sum(one.writes for one in WORKLOADS)
    assert where.changes("before") == where.changes("recorded") == where.changes(name) + written


def test_people_that_were_kept_are_brought_back_as_they_were(where: Place, tmp_path: Path) -> None:
    first = people(where, (COUNT,), lambda _: None, tmp_path / "kept")
    name = People.name(COUNT)
    changes = where.changes(name)
    where.drop(name)
    again = people(where, (COUNT,), lambda _: None, tmp_path / "kept")
    assert again.population == first.population
    assert where.changes(name) == changes == first.population.resources


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_leaves_no_server_and_no_database_behind(
    readable_folder: Path, number: signal.Signals
) -> None:
    run = f"""
from pathlib import Path
from app.db.migrate import migrate
from tests.benchmarks.kept import program_on, served
from tests.benchmarks.places import place
from tests.benchmarks.server import ended_by_signal, processes
ended_by_signal()
folder = Path({str(readable_folder)!r})
with place({kind()!r}, folder / "place") as where:
    migrate(where.make("regie"))
    with served(program_on(where.url("regie"), folder / "secret", folder / "served")) as process:
        print(*processes(process.pid), where.process or "", flush=True)
        process.wait()
"""
    with subprocess.Popen([sys.executable, "-c", run], cwd=ROOT, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        started = [int(pid) for pid in running.stdout.readline().split()]
        running.send_signal(number)
        assert running.wait(30) != 0
    assert len(started) >= 2
    assert [pid for pid in started if is_running(pid)] == []


def test_an_import_has_its_limit_beside_it(where: Place, tmp_path: Path) -> None:
    found = imports(where, tmp_path / "import", range(2, 4)).imported("imported", COUNT)
    assert found.errors == 0
    assert found.rate > 0
    assert found.limit > 0
