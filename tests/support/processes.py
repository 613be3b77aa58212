"""The processes of a running program, for tests that do something to them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.process_tree import below
from tests.support.running import Process, Program


@contextmanager
def served(program: Program) -> Iterator[Process]:
    """Give the process of a migrated server that is ended at the end."""
    program.run("migrate")
    process = program.start()
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def started_by(process: Process) -> list[int]:
    """Return the ids of all processes that a process started, and those that these started."""
    return below(process.pid)


def wait_for_another(process: Process, gone: int, count: int) -> None:
    """Wait until ``count`` processes stand again, ``gone`` not among them. Raises: TimeoutError, at once if all has ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        standing = started_by(process)
        if len(standing) == count and gone not in standing:
            return
        time.sleep(0.05)
    message = f"{count} processes were expected, {started_by(process)} stand."
    raise TimeoutError(message)
