"""``python -m tests.benchmarks.check``: fail when a workload's ratio to the limit fell by a third against ``baseline.json``.

What is compared is the ratio of processor times, the limit's to that of a request (server and database together): both are
measured in the same run on the same machine, and neither waits for anybody, so that it holds on a busy machine and on another
one. A workload that fell is measured again, twice at most: it fails when it fell each time. ``--write`` writes the median of three
runs as the baseline.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.measure import Measured, Size, measure
from tests.benchmarks.report import commit, machine
from tests.benchmarks.server import ended_by_signal

BASELINE = Path(__file__).with_name("baseline.json")
KINDS = ("sqlite", "postgresql")
CHECKED = frozenset({"W1", "W2", "W3", "W3-lastn", "W4", "W4b", "W5"})
SIZE = Size((16,), 16, 2, 0.4, 1, 1, 0, clients=(16,))
KEPT = 2 / 3
"""The part of the baseline that a ratio has to keep."""

TIMES = 3
Ratios = dict[str, float]


@dataclass(frozen=True, slots=True)
class Fall:
    """A workload whose ratio is less than it may be, by the best of what was measured."""

    workload: str
    baseline: float
    found: float

    def __str__(self) -> str:
        """Return what people read."""
        return f"{self.workload}: {self.found:.3f} of the limit, {self.baseline:.3f} in the baseline"


def falls(baseline: Ratios, measured: Callable[[frozenset[str]], Ratios]) -> list[Fall]:
    """Return what fell each time; ``measured`` is asked for the ratios of workloads, again for those that fell only."""
    best: Ratios = {}
    left = frozenset(baseline)
    for _ in range(TIMES):
        for workload, ratio in measured(left).items():
            best[workload] = max(ratio, best.get(workload, 0.0))
        left = frozenset(name for name in left if best.get(name, 0.0) < baseline[name] * KEPT)
        if not left:
            break
    return [Fall(name, baseline[name], best.get(name, 0.0)) for name in sorted(left)]


def ratios(found: Measured) -> Ratios:
    """Return the ratio of processor times of each workload."""
    by_name = {name: by_kind[found.kind] for name, by_kind in found.figures.items()}
    ratios = {name: by_clients[max(by_clients)].cpu_ratio for name, by_clients in by_name.items()}
    if found.kind in found.imports:
        ratios["W5"] = found.imports[found.kind].cpu_ratio
    return ratios


def measured(kind: str, wanted: frozenset[str]) -> Ratios:
    """Return the ratios of workloads, measured now."""
    with tempfile.TemporaryDirectory(prefix="regie-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        found = ratios(measure(kind, Path(folder) / kind, SIZE, wanted))
    told = ", ".join(f"{name} {ratio:.3f}" for name, ratio in sorted(found.items()))
    sys.stdout.write(f"Processor time of the limit, part of all, {kind}: {told}\n")
    return found


def _write(kinds: Iterable[str]) -> None:
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    for kind in kinds:
        runs = [measured(kind, CHECKED) for _ in range(TIMES)]
        found = {name: round(statistics.median(run[name] for run in runs), 3) for name in sorted(CHECKED)}
        known[kind] = {"machine": machine(), "commit": commit(), "ratios": found}
    BASELINE.write_text(json.dumps(known, indent=2) + "\n")


def main() -> int:
    """Return 1 if anything fell, 0 otherwise."""
    ended_by_signal()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.check")
    parser.add_argument(
        "kinds", nargs="*", metavar="database", help="sqlite or postgresql; those of the baseline if absent"
    )
    parser.add_argument("--write", action="store_true", help="write what is measured as the new baseline")
    asked = parser.parse_args()
    if asked.write:
        _write(asked.kinds or KINDS)
        return 0
    fallen = False
    for kind in asked.kinds or json.loads(BASELINE.read_text()):
        baseline = json.loads(BASELINE.read_text())[kind]["ratios"]
        for fall in falls(baseline, partial(measured, kind)):
            fallen = True
            sys.stdout.write(f"Slower by a third or more on {kind}: {fall}\n")
    return int(fallen)


if __name__ == "__main__":
    sys.exit(main())
