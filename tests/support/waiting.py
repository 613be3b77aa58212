"""Waiting for what nothing tells of: a process in ``/proc``, a file, a page of a server, a row of another's."""

import time
from collections.abc import Callable

WITHIN_S = 120


def until(holds: Callable[[], bool], what: str) -> None:
    """Return once something holds. Raises: AssertionError, with ``what`` is wrong, if it doesn't in time."""
    ends = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.01)  # nothing tells when it changes
