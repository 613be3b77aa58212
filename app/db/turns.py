"""Turns of processes that write to one SQLite file: whoever has just committed comes after the one that waits.

SQLite's lock goes to whoever asks first once it is free, which is the process that freed it: it asks again within
microseconds, the others once each ``ASKS_AGAIN_S``. So one who wants to begin takes the turn first, a lock on a small file
beside the database, and gives it up as soon as it has begun. Another that waits to begin holds the turn meanwhile, and the
one that committed waits behind it. What is written is guarded by SQLite's own lock, with or without the file.

Source: https://man7.org/linux/man-pages/man2/flock.2.html (given up by the system when a process ends, however it ends)
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

ASKS_AGAIN_S = 0.001
"""Seconds after which who waits for another process to begin, or to end its transaction, looks again."""


class Turns:
    """The turns at the database at ``path``, as one of those who write to it sees them."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path.with_name(f"{path.name}-turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def begin(self, attempt: Callable[[], bool], until: float) -> bool:
        """Return whether ``attempt`` returned true, made when it is our turn and again until ``until``, in monotonic seconds.

        It is made once at least, also where no turn came in time.
        """
        while not self._taken() and time.monotonic() < until:
            time.sleep(ASKS_AGAIN_S)
        try:
            while not (has_begun := attempt()) and time.monotonic() < until:
                time.sleep(ASKS_AGAIN_S)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        return has_begun

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
