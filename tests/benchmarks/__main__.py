"""``python -m tests.benchmarks``: measure, print the table, write ``var/bench.json``.

``--database postgresql`` measures on PostgreSQL. QUICK=1 in the environment takes less than two minutes, and leaves out what is
measured inside the process. Names of workloads measure those only; then nothing is written to the file.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.inside import parts_of, parts_table
from tests.benchmarks.measure import FULL, QUICK, measure
from tests.benchmarks.report import RESULTS, table, write, write_parts
from tests.benchmarks.server import ended_by_signal
from tests.benchmarks.workloads import WORKLOADS
from tests.support.closing import closing, closing_line


def main() -> None:
    """Do one run."""
    ended_by_signal()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("workloads", nargs="*")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    is_quick = bool(os.environ.get("QUICK"))
    size, wanted = QUICK if is_quick else FULL, frozenset(asked.workloads)
    known = {workload.name for workload in WORKLOADS} | {"W5", "W6"}
    if wanted - known:
        parser.error(f"workloads are {', '.join(sorted(known))}")
    with tempfile.TemporaryDirectory(prefix="regie-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user
        measured = measure(asked.database, folder / asked.database, size, wanted)
        sys.stdout.write(table(measured))
        if wanted:
            return
        write(measured, RESULTS, is_quick=is_quick)
        if asked.database == "sqlite" and size.observations:
            found = parts_of(folder / "inside", size.observations)
            closed = asyncio.run(closing(folder / "closing"))
            sys.stdout.write(parts_table(found) + closing_line(closed))
            write_parts(found, closed, RESULTS)


if __name__ == "__main__":
    main()
