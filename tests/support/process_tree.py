"""Which processes are there, and which of them started which: read from /proc, where they may end at any moment."""

from contextlib import suppress
from pathlib import Path

ENDED = (FileNotFoundError, ProcessLookupError)
"""What looking in /proc raises of a process or thread that ended: before its file was opened, or before it was read."""


def below(root: int) -> list[int]:
    """Return the ids of all processes that a process started, and those that these started; of one that ended, none."""
    found = [root]
    for pid in found:
        with suppress(*ENDED):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(*ENDED):
                    found += [int(child) for child in (task / "children").read_text().split()]
    return found[1:]


def is_running(pid: int) -> bool:
    """Return whether a process is there that has not ended."""
    with suppress(*ENDED):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
