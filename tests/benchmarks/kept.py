"""Populations that are kept from run to run, below ``var/cache``, and never used once the code that wrote them has changed.

The key covers what writes: the packages of the application below its faces, the settings (keys are derived there), migrations
and profiles, and what makes the people. Only the newest of each kind of database is kept.
"""

import asyncio
import hashlib
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app.db.migrate import migrate
from app.settings import Settings
from app.wiring import Parts, wire
from tests.benchmarks.places import Place
from tests.benchmarks.population import Person, Population, add, new_measurements, read
from tests.benchmarks.routine import invented
from tests.benchmarks.server import end, on_cores
from tests.support.ports import free_port
from tests.support.running import ROOT, Process, Program

CACHE = ROOT / "var" / "cache" / "benchmarks"
_WRITING = (
    "access",
    "audit",
    "consent",
    "db",
    "demo",
    "fhir",
    "identity",
    "interactions",
    "jobs",
    "oauth",
    "settings.py",
    "store",
    "wiring.py",
)
_SOURCES = (
    *(f"app/{name}" for name in _WRITING),
    "migrations",
    "profiles",
    "tests/benchmarks/population.py",
    "tests/benchmarks/routine.py",
)


@dataclass(frozen=True, slots=True)
class People:
    """Databases with the first so many people: in the place, ``name(count)``; ``secret`` is the file of keys of all."""

    place: Place
    population: Population
    secret: Path

    @staticmethod
    def name(count: int) -> str:
        """Return the name of the database with ``count`` people."""
        return f"people{count}"

    def settings(self, url: str, program: Program) -> Settings:
        """Return the settings for a database, as those of ``program`` are."""
        return Settings(database_url=url, secret_file=self.secret, port=program.port, base_url=program.url)


def program_on(url: str, secret: Path, folder: Path) -> Program:
    """Return the program on a database; ``folder`` is made, for its log."""
    folder.mkdir()
    environment = {"REGIE_DATABASE_URL": url, "REGIE_SECRET_FILE": str(secret), "REGIE_WORKERS": "1"}
    return Program(folder, free_port(), environment, loads_itself=True)


@contextmanager
def served(program: Program, cores: frozenset[int] | None = None) -> Iterator[Process]:
    """Give the process of a server that is ready, on ``cores``; it is ended at the end, and killed if it takes too long."""
    with on_cores(cores):
        process = program.start()
    try:
        yield process
    finally:
        end(process)


def people(place: Place, counts: Iterable[int], say: Callable[[str], None], cache: Path = CACHE) -> People:
    """Return databases with so many people each, made now or taken from what was kept."""
    wanted = sorted(counts)
    folder = cache / f"{place.kind}-{key()}"
    files = {count: folder / f"people-{count}{place.suffix}" for count in wanted}
    if not all(path.exists() for path in (*files.values(), folder / "population.json")):
        for old in cache.glob(f"{place.kind}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        _make(place, files, folder, say)
    else:
        say("Bringing back the people")
        for count, path in files.items():
            place.bring_back(path, People.name(count))
    return People(place, read(folder / "population.json").first(wanted[-1]), folder / "secret")


def key() -> str:
    """Return what changes when anything changes that the people in a database depend on."""
    digest = hashlib.sha256(f"{sys.version} {sqlite3.sqlite_version} {date.today().year}".encode())
    for source in _SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _make(place: Place, files: dict[int, Path], folder: Path, say: Callable[[str], None]) -> None:
    """Write the people, and keep the database each time that a count is reached; the list of people comes last."""
    url = place.make("growing")
    secret = folder / "secret"
    migrate(url)
    found: list[Person] = []
    for count, path in files.items():
        began = time.perf_counter()
        parts = wire(Settings(database_url=url, secret_file=secret))
        try:
            found += asyncio.run(_added(parts, range(len(found), count), say))
        finally:
            parts.close()
        say(f"{count} people, {time.perf_counter() - began:.0f} s")
        place.size("growing")  # its log is written back, its statistics are gathered
        place.copy("growing", People.name(count))
        place.keep(People.name(count), path)
    place.drop("growing")
    Population(tuple(found), new_measurements()).write(folder / "population.json")


async def _added(parts: Parts, numbers: Iterable[int], say: Callable[[str], None]) -> list[Person]:
    found = []
    for number in numbers:
        if number % 16 == 0:
            say(f"Writing person {number}")
        found.append(await add(parts, invented(number)))
    return found
