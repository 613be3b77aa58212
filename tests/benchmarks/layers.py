"""Where the processor's time of a request goes, by layers of the program: ``python -m tests.benchmarks.layers W1 W4 W5``.

Requests go through the application in this process, 16 at once, on one connection whose transaction stays open, as for the
recording of the limit: without a client, a server of HTTP and commits. Each few milliseconds of processor time the innermost
function of the program that runs is noted, so that the layers together are all of it. What the standard library and the driver do
counts for who calls them. Of W5, the import, the same is told of one resource, all of it in this process.
"""

import argparse
import itertools
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from app.db.migrate import migrate
from app.settings import Settings
from app.wiring import wire
from tests.benchmarks.importing import EMPTY, Files, files
from tests.benchmarks.kept import People, people, program_on
from tests.benchmarks.measure import Calls, say
from tests.benchmarks.places import Place, place
from tests.benchmarks.recording import Recorder, recorder
from tests.benchmarks.workloads import WORKLOADS, Workload

IMPORT = "W5"
CLIENTS = 16
PEOPLE = 16
IMPORTED = range(1, 25)
ROUNDS = 5
SECONDS = 3.0
"""Of processor time for each round, about."""

_EACH_S = 0.004
LAYERS = {
    "statements and their driver": "db/",
    "JSON and structure": "fhir/validation/structure fhir/validation/acceptance fhir/validation/narrative "
    "fhir/validation/primitives fhir/validation/structs fhir/validation/issues fhir/validation/bundles",
    "rules of FHIR": "fhir/validation/invariants fhir/validation/fhirpath fhir/validation/alternatives "
    "fhir/validation/service_rules",
    "profiles and terminology": "fhir/validation/profile fhir/packages fhir/terminology fhir/snapshot interactions/conformance",
    "references and categories": "fhir/validation/references fhir/reference fhir/compartment interactions/sound "
    "interactions/placement interactions/bundle_names consent/categorize",
    "index rows": "store/indexing store/index_values store/hashes fhir/dates fhir/units fhir/search",
    "sent before": "interactions/sent_before interactions/repeat store/find",
    "the version: body, hash, id": "store/bodies store/changes store/ids store/rules fhir/instants",
    "access": "access/ consent/ oauth/ interactions/gate interactions/standing",
    "the log": "audit/",
    "HTTP and the answer": "rest/ web/",
    "lines on disk": "interactions/import_spool interactions/import_lines",
    "the way between them": "interactions/ store/ fhir/ metrics errors wiring",
}
"""The beginnings of the names of modules, in ``app/``; the first that fits counts."""

_BEGINNINGS = [(beginning, layer) for layer, listed in LAYERS.items() for beginning in listed.split()]
OUTSIDE = "the event loop, and the benchmark"


def layer_of(frame: FrameType | None) -> str:
    """Return the layer of the innermost function of the program."""
    while frame is not None:
        _, is_ours, name = frame.f_code.co_filename.rpartition("/app/")
        if is_ours:
            return next((layer for beginning, layer in _BEGINNINGS if name.startswith(beginning)), OUTSIDE)
        frame = frame.f_back
    return OUTSIDE


@contextmanager
def noting(noted: Counter[str]) -> Iterator[None]:
    """Count where the time goes within; for the main thread."""

    def note(_: int, frame: FrameType | None) -> None:
        noted[layer_of(frame)] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, _EACH_S, _EACH_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def layers(kind: str, workloads: list[Workload], folder: Path) -> dict[str, dict[str, float]]:
    """Return for each workload the microseconds of each layer for one request, in the round that took least."""
    found = {}
    with place(kind, folder / "place") as where:
        known = people(where, (PEOPLE,), say)
        program = program_on(where.copy(People.name(PEOPLE), "layers"), known.secret, folder / "program")
        parts = wire(known.settings(program.environment["REGIE_DATABASE_URL"], program))
        calls = Calls(known.population, workloads)
        with recorder(parts) as recording:
            for workload in workloads:
                say(workload.name)
                each, noted = _least(recording, calls, workload)
                share = 1_000_000 * each / max(1, noted.total())
                found[workload.name] = {layer: share * noted[layer] for layer in (*LAYERS, OUTSIDE)}
        parts.close()
    say("")
    return found


def _least(recording: Recorder, calls: Calls, workload: Workload) -> tuple[float, Counter[str]]:
    """Return the seconds of a request, and what was noted, in the round that took least."""
    rounds = []
    count = 10 * CLIENTS
    for _ in range(ROUNDS + 1):  # the first tells how many requests take so long
        asked = list(itertools.islice(calls.next(workload, count), count))
        noted: Counter[str] = Counter()
        began = time.process_time()
        with noting(noted):
            recording.record(asked, workload.status, CLIENTS)
        each = (time.process_time() - began) / count
        rounds.append((each, noted))
        count = max(CLIENTS, int(SECONDS / each) // CLIENTS * CLIENTS)
    return min(rounds[1:], key=lambda one: one[0])


def of_import(kind: str, folder: Path) -> dict[str, float]:
    """Return the microseconds of each layer for one resource that is imported: what the round that took least took, shared as in all."""
    rounds = []
    with place(kind, folder / "place") as where:
        url = where.make(EMPTY)
        migrate(url)
        settings = Settings(database_url=url, secret_file=folder / "secret")
        imported = files(folder, "imported", IMPORTED)
        for number in range(ROUNDS):
            say(f"{IMPORT}, round {number + 1}")
            rounds.append(_imported(where, settings, imported, f"round{number}"))
    say("")
    least, noted = min(each for each, _ in rounds), sum((of_one for _, of_one in rounds), Counter[str]())
    share = 1_000_000 * least / max(1, noted.total())
    return {layer: share * noted[layer] for layer in (*LAYERS, OUTSIDE)}


def _imported(where: Place, settings: Settings, imported: Files, name: str) -> tuple[float, Counter[str]]:
    """Return the seconds of a resource, and what was noted, of an import into a new database."""
    noted: Counter[str] = Counter()
    took = 0.0
    parts = wire(settings.model_copy(update={"database_url": where.copy(EMPTY, name)}))
    with recorder(parts) as recording:

        async def work() -> None:
            nonlocal took
            began = time.process_time()
            with noting(noted):
                await imported.into(recording.context)
            took = time.process_time() - began

        recording.record_work([work], 1)
    parts.close()
    return took / imported.resources, noted


def table(found: dict[str, dict[str, float]]) -> str:
    """Return what the page has."""
    lines = [f"| us of CPU for one request, or resource | {' | '.join(found)} |", f"| --- |{' --- |' * len(found)}"]
    rows = [(layer, [of_one[layer] for of_one in found.values()]) for layer in (*LAYERS, OUTSIDE)]
    rows.append(("all", [sum(of_one.values()) for of_one in found.values()]))
    lines += [f"| {name} | {' | '.join(f'{one:,.0f}' for one in figures)} |" for name, figures in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table of the workloads that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.layers")
    parser.add_argument("workloads", nargs="+", choices=[*(workload.name for workload in WORKLOADS), IMPORT])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="regie-layers-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        wanted = [workload for workload in WORKLOADS if workload.name in asked.workloads]
        found = layers(asked.database, wanted, folder) if wanted else {}
        if IMPORT in asked.workloads:
            (folder / IMPORT).mkdir(mode=0o755)
            found[IMPORT] = of_import(asked.database, folder / IMPORT)
        sys.stdout.write(table(found))


if __name__ == "__main__":
    main()
