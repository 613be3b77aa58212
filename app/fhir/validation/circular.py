"""What is made of each type when it is first met, where types lead to each other in circles: nobody meets what is half made.

What is large is checked in a thread, beside what the event loop checks meanwhile.
"""

from collections.abc import Callable
from threading import RLock
from typing import TypeVar

T = TypeVar("T")


class Circular(dict[str, T]):
    """What was made, by name; a name that is asked for first is made, with all that it leads to.

    ``begin`` makes it empty, which is what ``fill`` finds of those that are under way. ``fill`` gets its name too.
    """

    def __init__(self, begin: Callable[[str], T], fill: Callable[[T, str], None]) -> None:
        super().__init__()
        self._begin, self._fill = begin, fill
        self._under_way: dict[str, T] = {}
        self._lock = RLock()

    def __missing__(self, name: str) -> T:
        """Return what is made now, or was by the thread that this one waited for; to ``fill``, what is under way."""
        with self._lock:
            for known in (self, self._under_way):
                if name in known:
                    return known[name]
            is_first = not self._under_way
            made = self._under_way[name] = self._begin(name)
            try:
                self._fill(made, name)
                if is_first:
                    self.update(self._under_way)
            finally:
                if is_first:
                    self._under_way.clear()
            return made
