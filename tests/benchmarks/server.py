"""What the server's processes cost: processor time and memory, read from /proc."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in memory; ``anonymous`` leaves out what is in a file too: programs, and the database's pages."""

    resident: int
    anonymous: int


NO_MEMORY = Memory(0, 0)


def processes(root: int) -> list[int]:
    """Return a process and all that it started, directly or not."""
    found = [root]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def processor_time(root: int) -> float:
    """Return the seconds of processor time that a process and its children took so far."""
    return sum(_times(process) for process in processes(root))


def until_idle(root: int) -> None:
    """Wait until the processes have done what was still asked of them when the load ended, half a minute at most."""
    until = time.monotonic() + 30
    before = processor_time(root)
    while time.monotonic() < until:
        time.sleep(0.2)
        now = processor_time(root)
        if now - before <= 0.02:
            return
        before = now


def memory(root: int) -> Memory:
    """Return what the largest of the processes has: the worker."""
    return max((_memory(process) for process in processes(root)), key=lambda found: found.anonymous)


def _times(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(process: int) -> Memory:
    lines = (line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines())
    kibibytes = {line[0]: int(line[1]) for line in lines if line[0] in ("VmRSS:", "RssAnon:")}
    return Memory(kibibytes["VmRSS:"] * 1024, kibibytes["RssAnon:"] * 1024)
