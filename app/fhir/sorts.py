"""What was found out about objects with the same members, remembered by the names of these: most that come in have the same few.

Whoever sends an object chooses which members it has and in which order. So there is one bound for all that is remembered,
whatever it is about: 64 sorts for each of some thousand types were 340 MB.
"""

from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
Names = tuple[str, ...]

SORTS_MAX = 8192
"""How many sorts of objects are remembered in a process: some 6 MB. When there are as many, all are forgotten."""


class Sorts:
    """The dicts that have something in them, and how much they have together."""

    def __init__(self) -> None:
        self._filled: list[dict[Names, Any]] = []
        self._count = 0
        self._lock = Lock()

    def remember(self, known: dict[Names, T], names: Names, found: T) -> T:
        """Return ``found``, which ``known`` has from now on for objects with these members."""
        with self._lock:
            if self._count >= SORTS_MAX:
                for one in self._filled:
                    one.clear()
                self._filled.clear()
                self._count = 0
            if not known:
                self._filled.append(known)
            self._count += names not in known
            known[names] = found
        return found


remember = Sorts().remember
"""For all of the process."""
