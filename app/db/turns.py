"""Turns of processes that write to one SQLite file: whoever has just committed comes after the one that waits.

SQLite's lock goes to whoever asks first once it is free, which is the process that freed it: it asks again within
microseconds, the others once each ``ASKS_AGAIN_S``. So one who wants to begin takes the turn first, a lock on a small file
beside the database, and gives it up as soon as it has begun. Another that waits to begin holds the turn meanwhile, and the
one that committed waits behind it, but not for ever: the other may be stopped. What is written is guarded by SQLite's own lock,
with or without the file.

Source: https://man7.org/linux/man-pages/man2/flock.2.html (given up by the system when a process ends, however it ends)
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

ASKS_AGAIN_S = 0.001
"""Seconds after which who waits for another process to begin, or to end its transaction, looks again."""


class Turns:
    """The turns at the database at ``path``, which is there, as one of those who write to it sees them.

    ``within_s`` are the seconds after which no turn is waited for: a transaction of another takes a part of one.
    """

    def __init__(self, path: Path, within_s: float = 1.0) -> None:
        self._within_s = within_s
        database = path.stat()
        name, mode = path.with_name(f"{path.name}-turn"), stat.S_IMODE(database.st_mode)
        self._file = os.open(name, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, mode)
        if os.geteuid() == 0:
            # As SQLite does with the files that it makes: a command run as root must not shut out the server, which is not.
            os.fchown(self._file, database.st_uid, database.st_gid)

    def begin(self, attempt: Callable[[], bool], until: float) -> bool:
        """Return whether ``attempt`` returned true, made when it is our turn and again until ``until``, in monotonic seconds.

        It is made once at least, also where no turn came in time.
        """
        turn_until = min(until, time.monotonic() + self._within_s)
        while not self._taken() and time.monotonic() < turn_until:
            time.sleep(ASKS_AGAIN_S)  # the system waits for such a lock without an end only
        try:
            while not (has_begun := attempt()) and time.monotonic() < until:
                time.sleep(ASKS_AGAIN_S)  # as SQLite does, more often
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
