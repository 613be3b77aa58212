"""What processes cost: processor time, memory and open files, read from /proc; and which cores they run on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.process_tree import ENDED, below
from tests.support.running import Process

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in memory; ``anonymous`` leaves out what is in a file too: programs, and the database's pages."""

    resident: int
    anonymous: int


NO_MEMORY = Memory(0, 0)


def processes(root: int) -> list[int]:
    """Return a process and all that it started, directly or not."""
    return [root, *below(root)]


def processor_time(root: int) -> float:
    """Return the seconds of processor time that a process and its children took so far, those that ended included."""
    return sum(_times(process) for process in processes(root))


def serving_time(postgresql: int | None) -> float:
    """Return the seconds that PostgreSQL's processes took which serve a connection, 0 without it.

    What it does on the side, such as checkpoints and statistics, comes when it comes: it would make short measurements unlike.
    """
    if postgresql is None:
        return 0.0
    return sum(_times(process) for process in processes(postgresql) if b"127.0.0.1(" in _command(process))


def until_idle(root: int) -> None:
    """Wait until the processes have done what was still asked of them when the load ended, half a minute at most."""
    until = time.monotonic() + 30
    before = processor_time(root)
    while time.monotonic() < until:
        time.sleep(0.1)
        now = processor_time(root)
        if now - before <= 0.01:
            return
        before = now


def memory(root: int) -> Memory:
    """Return what the largest of the processes has: the worker."""
    return max((_memory(process) for process in processes(root)), key=lambda found: found.anonymous)


def open_files(root: int) -> int:
    """Return how many files and sockets the processes have open."""
    return sum(len([*Path(f"/proc/{process}/fd").iterdir()]) for process in processes(root))


def end(process: Process) -> None:
    """End a process that may have something to finish; it is killed, with all that it started, if that takes too long."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        for one in processes(process.pid):
            with suppress(ProcessLookupError):  # that one ended since it was listed
                os.kill(one, signal.SIGKILL)
        process.wait()


def ended_by_signal() -> None:
    """Let SIGTERM end this process as Ctrl+C does, which a shell takes from what it starts beside itself: what it started is ended first."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def on_cores(cores: frozenset[int] | None) -> Iterator[None]:
    """Let what is started within run on these cores only; None leaves it as it is."""
    before = os.sched_getaffinity(0)
    if cores is not None:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(root: int, cores: Iterable[int]) -> None:
    """Let a process and all that it started, or will start, run on these cores only."""
    for process in processes(root):
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except ENDED:  # since it was listed
        return b""


def _times(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except ENDED:  # since it was listed: it is now in its parent's time
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _memory(process: int) -> Memory:
    try:
        lines = [line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines()]
    except ENDED:  # since it was listed
        return NO_MEMORY
    kibibytes = {line[0]: int(line[1]) for line in lines if line[0] in ("VmRSS:", "RssAnon:")}
    return Memory(kibibytes.get("VmRSS:", 0) * 1024, kibibytes.get("RssAnon:", 0) * 1024)
