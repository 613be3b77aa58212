"""The processes of a running program, for tests that do something to them."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.running import Program


@contextmanager
def served(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """Give the process of a migrated server that is ended at the end."""
    program.run("migrate")
    process = program.start()
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def started_by(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the ids of all processes that a process started, and those that these started."""
    found = [process.pid]
    for pid in found:
        with suppress(FileNotFoundError):  # a process that ended meanwhile has no threads any more
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):  # nor has a thread that did any children
                    found += [int(child) for child in (task / "children").read_text().split()]
    return found[1:]


def wait_for_another(process: subprocess.Popen[bytes], gone: int, count: int) -> None:
    """Wait until ``count`` processes stand again, ``gone`` not among them. Raises: TimeoutError."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        standing = started_by(process)
        if len(standing) == count and gone not in standing:
            return
        time.sleep(0.05)
    message = f"{count} processes were expected, {started_by(process)} stand."
    raise TimeoutError(message)
