"""W6: the search of W3 while the population grows, and while people are imported by another process.

The populations take turns, several rounds of each, so that what else the machine does meets all of them; of the rounds the
median counts.
"""

import itertools
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.kept import People, program_on, served
from tests.benchmarks.lines import write_lines
from tests.benchmarks.load import Load, load, prepare
from tests.benchmarks.places import Place
from tests.benchmarks.routine import RELEASE, invented
from tests.benchmarks.workloads import WORKLOADS
from tests.support.running import PROGRAM, ROOT, Program

CLIENTS = 16
_IMPORTED_FROM = 100_000
"""The number of the first person who is imported beside the searches: nobody who is there already."""

_IMPORTED_IN_A_SECOND = 25
"""People who are imported beside searches, for each second of these: twice as many as are in before it is over."""

_BEGINS_WITHIN_S = 60
_PREPARED = 6000


@dataclass(frozen=True, slots=True)
class Searches:
    """The median of the rounds for one population; ``requests`` is how many there were in all rounds."""

    people: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class Growth:
    """By population, smallest first: searches alone, and beside an import."""

    alone: tuple[Searches, ...]
    beside_import: tuple[Searches, ...]

    @property
    def ratio(self) -> float:
        """How many times the 99th percentile of the smallest population that of the largest is."""
        return self.alone[-1].p99_ms / self.alone[0].p99_ms

    @property
    def ratio_beside_import(self) -> float:
        """The same, while an import runs."""
        return self.beside_import[-1].p99_ms / self.beside_import[0].p99_ms


def growth(
    where: Place, known: People, folder: Path, counts: tuple[int, ...], rounds: int, seconds: int,
    say: Callable[[str], None],
) -> Growth:  # fmt: skip
    """Return how searches do with so many people each."""
    alone: dict[int, list[Load]] = {count: [] for count in counts}
    beside: dict[int, list[Load]] = {count: [] for count in counts}
    count = seconds * _IMPORTED_IN_A_SECOND
    lines = [folder / f"round{number}.ndjson" for number in range(rounds)]
    for number, path in enumerate(lines):
        first = _IMPORTED_FROM + number * count
        write_lines(path, RELEASE, (invented(first + place) for place in range(count)))
    with ExitStack() as stack:
        programs = {count: stack.enter_context(_serving(where, known, count, folder)) for count in counts}
        for number, count in itertools.product(range(rounds), counts):
            say(f"W6 with {count}, round {number + 1} of {rounds}")
            alone[count].append(_ask(programs[count], seconds))
        for number, count in itertools.product(range(rounds), counts):
            say(f"W6 with {count} beside an import, round {number + 1} of {rounds}")
            with _importing(where, f"growth{count}", programs[count], lines[number]):
                beside[count].append(_ask(programs[count], seconds))
    return Growth(_medians(alone), _medians(beside))


@contextmanager
def _serving(where: Place, known: People, count: int, folder: Path) -> Iterator[Program]:
    name = f"growth{count}"
    program = program_on(where.copy(People.name(count), name), known.secret, folder / name)
    (workload,) = (one for one in WORKLOADS if one.name == "W3")
    calls = workload.calls(known.population.first(count), iter(range(_PREPARED)))
    with served(program):
        prepare(program.folder / "requests", f"127.0.0.1:{program.port}", calls)
        _ask(program, 1)  # what is made at the first request is made
        yield program


def _ask(program: Program, seconds: int) -> Load:
    return load(program.url, program.folder / "requests", CLIENTS, seconds)


@contextmanager
def _importing(where: Place, database: str, program: Program, lines: Path) -> Iterator[None]:
    """Let an import write meanwhile. Raises: RuntimeError, if it did not begin, or ended before its time."""
    command = [*PROGRAM, "record", "import", str(lines), "--as-operator", "--release", RELEASE.path, "--processes", "1"]
    changes = where.changes(database)
    with (program.folder / "import.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=program.variables(), stdout=log, stderr=log)
    try:
        until = time.monotonic() + _BEGINS_WITHIN_S
        while where.changes(database) == changes and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        yield
        if process.poll() is not None or where.changes(database) == changes:
            message = f"No import ran beside: {(program.folder / 'import.log').read_text()[-500:]}"
            raise RuntimeError(message)
    finally:
        process.kill()
        process.wait()


def _medians(found: dict[int, list[Load]]) -> tuple[Searches, ...]:
    return tuple(
        Searches(
            people=count,
            rate=statistics.median(one.requests / one.seconds for one in loads),
            p50_ms=statistics.median(one.p50_ms for one in loads),
            p95_ms=statistics.median(one.p95_ms for one in loads),
            p99_ms=statistics.median(one.p99_ms for one in loads),
            requests=sum(one.requests for one in loads),
            errors=sum(one.errors for one in loads),
        )
        for count, loads in found.items()
    )
