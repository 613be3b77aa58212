"""Where the processor's time of a request goes, by layers of the program: ``python -m tests.benchmarks.layers W1 W4 W4b``.

Requests go through the application in this process, 16 at once, on one connection whose transaction stays open, as for the
recording of the limit: without a client, a server of HTTP and commits. Each few milliseconds of processor time the innermost
function of the program that runs is noted, so that the layers together are all of it. What the standard library and the driver do
counts for who calls them.
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

from app.wiring import wire
from tests.benchmarks.kept import People, people, program_on
from tests.benchmarks.measure import Calls, say
from tests.benchmarks.places import place
from tests.benchmarks.recording import Recorder, recorder
from tests.benchmarks.workloads import WORKLOADS, Workload

CLIENTS = 16
PEOPLE = 16
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


def table(found: dict[str, dict[str, float]]) -> str:
    """Return what the page has."""
    lines = [f"| us of CPU for one request | {' | '.join(found)} |", f"| --- |{' --- |' * len(found)}"]
    rows = [(layer, [of_one[layer] for of_one in found.values()]) for layer in (*LAYERS, OUTSIDE)]
    rows.append(("all", [sum(of_one.values()) for of_one in found.values()]))
    lines += [f"| {name} | {' | '.join(f'{one:,.0f}' for one in figures)} |" for name, figures in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table of the workloads that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.layers")
    parser.add_argument("workloads", nargs="+", choices=[workload.name for workload in WORKLOADS])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="regie-layers-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        wanted = [workload for workload in WORKLOADS if workload.name in asked.workloads]
        sys.stdout.write(table(layers(asked.database, wanted, folder)))


if __name__ == "__main__":
    main()
