"""``python -m tests.benchmarks.soak``: mixed load at a bounded rate for half an hour, and whether anything grows meanwhile.

``--minutes`` and ``--rate`` (requests per second) say how long and how much. It writes ``var/soak.json``, by database, and ends
with 1 if a request was answered otherwise than expected, or if the worker's memory grew.
"""

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.kept import People, people, program_on, served
from tests.benchmarks.measure import say
from tests.benchmarks.places import Place, place
from tests.benchmarks.population import Population
from tests.benchmarks.report import SOAKED, commit, machine
from tests.benchmarks.server import ended_by_signal, memory, open_files, processor_time
from tests.benchmarks.trend import trend
from tests.benchmarks.workloads import WORKLOADS, Call
from tests.support.running import Program

MIX = {"W1": 40, "W3": 20, "W3-lastn": 5, "W2": 2, "W4": 3, "W4b": 30}
"""Of a hundred requests."""

GROWTH_MAX_MIB = 10.0
"""What the worker's own memory may grow by in an hour, less twice the error of its slope."""

WARMING = 6000
"""Requests of the mix, and as many of ten measurements, that are asked before it begins: they fill the caches of pages, which end at 16 MiB
for each connection. With 2,000 they were full after another 26,000 changes, in the 18th minute of half an hour."""

_PEOPLE = 16
_CLIENTS = 8
_SAMPLE_S = 5.0
_MEBIBYTE = 1024 * 1024
_TRENDS = ("resident_mib", "anonymous_mib", "open_files", "log_mib", "connections")


@dataclass(frozen=True, slots=True)
class Sample:
    """What there is at an instant; ``log_mib`` is the database's write-ahead log, ``connections`` those to PostgreSQL."""

    seconds: float
    requests: int
    errors: int
    resident_mib: float
    anonymous_mib: float
    open_files: int
    log_mib: float
    connections: int


@dataclass(slots=True)
class Load:
    """Requests of the mix at ``rate`` per second; ``numbers`` counts those that were begun."""

    program: Program
    calls: Iterator[tuple[Call, int]]
    rate: float
    until: float
    began: float
    numbers: Iterator[int]
    done: int = 0
    errors: int = 0

    async def client(self) -> None:
        """Ask, each time when the next request is due, until the time is over."""
        async with httpx.AsyncClient(base_url=self.program.url, timeout=30) as http:
            while True:
                due = self.began + next(self.numbers) / self.rate
                if due > self.until:
                    return
                await asyncio.sleep(max(due - time.monotonic(), 0))
                call, expected = next(self.calls)
                try:
                    answer = await http.request(
                        call.method, call.path, content=call.body or None, headers=call.headers()
                    )
                    self.errors += answer.status_code != expected
                except httpx.TransportError:
                    self.errors += 1
                self.done += 1


def mixed(population: Population, first: int = 0) -> Iterator[tuple[Call, int]]:
    """Yield requests without end, each with its expected status, so that each hundred is ``MIX``; numbered from ``first`` on."""
    by_name = {workload.name: workload for workload in WORKLOADS}
    # Spread evenly: each workload's k-th request of a hundred is at (k + 1/2) / its share.
    order = sorted(((k + 0.5) / share, name) for name, share in MIX.items() for k in range(share))
    made = {
        name: by_name[name].calls(population, itertools.count(number * 20_000_000 + first))
        for number, name in enumerate(MIX)
    }
    for _, name in itertools.cycle(order):
        yield next(made[name]), by_name[name].status


async def warm(program: Program, population: Population) -> None:
    """Ask as fast as there are answers, until what is kept for later is full."""
    synced = next(one for one in WORKLOADS if one.name == "W4").calls(population, itertools.count(180_000_000))
    calls = itertools.islice(zip(synced, mixed(population, 10_000_000), strict=False), WARMING)

    async def client() -> None:
        async with httpx.AsyncClient(base_url=program.url, timeout=30) as http:
            for first, (second, _) in calls:
                for call in (first, second):
                    answer = await http.request(
                        call.method, call.path, content=call.body or None, headers=call.headers()
                    )
                    answer.raise_for_status()

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))


async def soaked(program: Program, process: int, where: Place, load: Load) -> list[Sample]:
    """Return what was there from time to time, while the clients asked."""
    clients = [asyncio.create_task(load.client()) for _ in range(_CLIENTS)]
    samples: list[Sample] = []
    while not all(client.done() for client in clients):
        found = await asyncio.to_thread(_sample, process, where, load)
        samples.append(found)
        say(f"{found.seconds:.0f} s, {found.requests} requests, {found.errors} errors, {found.anonymous_mib:.0f} MiB")
        await asyncio.wait(clients, timeout=_SAMPLE_S)
    await asyncio.gather(*clients)
    return samples


def _sample(process: int, where: Place, load: Load) -> Sample:
    found = memory(process)
    return Sample(
        seconds=round(time.monotonic() - load.began, 1),
        requests=load.done,
        errors=load.errors,
        resident_mib=round(found.resident / _MEBIBYTE, 1),
        anonymous_mib=round(found.anonymous / _MEBIBYTE, 1),
        open_files=open_files(process),
        log_mib=round(where.log_size("served") / _MEBIBYTE, 1),
        connections=where.connections("served"),
    )


def result(samples: list[Sample], rate: float, cpu_seconds: float) -> dict[str, Any]:
    """Return what is written: the samples, and the slope of each figure after the first quarter of the time."""
    later = [one for one in samples if one.seconds >= samples[-1].seconds / 4]
    slopes = {}
    for name in _TRENDS:
        found = trend([(one.seconds / 3600, float(getattr(one, name))) for one in later])
        slopes[name] = {"per_hour": round(found.slope, 2), "error": round(found.error, 2)}
    return {
        "machine": machine(),
        "commit": commit(),
        "minutes": round(samples[-1].seconds / 60, 1),
        "rate": rate,
        "mix_percent": MIX,
        "requests": samples[-1].requests,
        "errors": samples[-1].errors,
        "cpu_seconds": round(cpu_seconds, 1),
        "slopes": slopes,
        "samples": [asdict(one) for one in samples],
    }


def is_flat(found: dict[str, Any]) -> bool:
    """Return whether the worker's own memory did not grow, as far as can be told."""
    slope = found["slopes"]["anonymous_mib"]
    return bool(slope["per_hour"] - 2 * slope["error"] <= GROWTH_MAX_MIB)


def _run(kind: str, folder: Path, minutes: float, rate: float) -> dict[str, Any]:
    folder.mkdir()
    with place(kind, folder / "place") as where:
        known = people(where, (_PEOPLE,), say)
        program = program_on(where.copy(People.name(_PEOPLE), "served"), known.secret, folder / "served")
        with served(program) as process:
            say("Filling the caches")
            asyncio.run(warm(program, known.population))
            began = time.monotonic()
            load = Load(program, mixed(known.population), rate, began + 60 * minutes, began, itertools.count())
            samples = asyncio.run(soaked(program, process.pid, where, load))
            return result(samples, rate, processor_time(process.pid))


def main() -> int:
    """Return 1 if anything was wrong or grew, 0 otherwise."""
    ended_by_signal()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="regie-soak-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        found = _run(asked.database, Path(folder) / asked.database, asked.minutes, asked.rate)
    known = json.loads(SOAKED.read_text()) if SOAKED.exists() else {}
    SOAKED.parent.mkdir(parents=True, exist_ok=True)
    SOAKED.write_text(json.dumps({**known, asked.database: found}, indent=1) + "\n")
    slope = found["slopes"]["anonymous_mib"]
    say("")
    sys.stdout.write(
        f"{found['requests']} requests in {found['minutes']} minutes, {found['errors']} answered otherwise than expected; the "
        f"worker's own memory: {slope['per_hour']:+.1f} MiB an hour, give or take {slope['error']:.1f}\n"
    )
    return int(found["errors"] > 0 or not is_flat(found))


if __name__ == "__main__":
    sys.exit(main())
