"""``python -m tests.benchmarks.portal``: what each page takes of a person with more than 20,000 measurements, and of a practice.

In the process, without a network: CPU time of all threads, the entry of the log on disk included.
"""

import asyncio
import gc
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.support.counting import counting
from tests.support.large import PLACES_OF_LARGE, large_in

ROUNDS = 9


async def measured(wanted: str) -> list[str]:
    """Return a line of a table for each page whose path has ``wanted`` in it."""
    lines = [
        "| who | page | cpu ms, median | least | statements | rows | kB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory(prefix="regie-bench-") as name:
        async with large_in(Path(name)) as large:
            gc.freeze()  # what made the record here is not in a server, whose collections need not go through it
            for who, place in PLACES_OF_LARGE:
                if wanted not in place:
                    continue
                taken = []
                async with large.browser(who) as browser:
                    for _ in range(ROUNDS):
                        with counting(large.world.parts.database.reader) as counted:
                            began = time.process_time()
                            answer = await browser.get(large.path(place))
                            taken.append(1000 * (time.process_time() - began))
                assert answer.status_code == 200, (place, answer.status_code, answer.headers)
                size = len(answer.content) / 1000
                line = f"| {who} | `{place}` | {median(taken):.0f} | {min(taken):.0f} | {counted.statements} | {counted.rows} | {size:.0f} |"
                sys.stderr.write(line + "\n")
                lines.append(line)
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(asyncio.run(measured(*sys.argv[1:] or [""]))) + "\n")
