"""``python -m tests.benchmarks``: measure, print the table, write ``var/bench.json``.

QUICK=1 in the environment takes less than two minutes. Names of workloads as arguments measure those only; then nothing
is written to the file.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.inside import parts_of, parts_table
from tests.benchmarks.measure import FULL, QUICK, measure
from tests.benchmarks.report import table, write
from tests.support.closing import closing, closing_line
from tests.support.running import ROOT


def main() -> None:
    """Do one run."""
    size = QUICK if os.environ.get("QUICK") else FULL
    wanted = frozenset(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="regie-bench-") as folder:
        measured = measure(Path(folder), size, wanted)
        found = [] if wanted else parts_of(Path(folder) / "inside", size.observations)
        closed = None if wanted else asyncio.run(closing(Path(folder) / "closing"))
    sys.stdout.write(table(measured))
    if closed is not None:
        sys.stdout.write(parts_table(found))
        sys.stdout.write(closing_line(closed))
        write(measured, found, closed, ROOT / "var" / "bench.json")


if __name__ == "__main__":
    main()
