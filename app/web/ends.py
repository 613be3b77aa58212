"""The end of each request, seen in one place: counted, timed, and told in the log.

Who answers leaves in the ASGI scope, under ``ANSWERED``, which route it was (as it is written, without what stood in its place),
with which status, and the id of the request. The log has these and nothing else: no address, no path, no query.
"""

import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from app.logs import scrub
from app.metrics import DURATION, REQUESTS

ANSWERED = "regie.answered"
NO_ROUTE = "(none)"
"""The route of what no route fits."""

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
"""Those that are told by name; another may be any word of its caller's."""

_CLASSES = tuple(f"{first}xx" for first in range(6))
_LINES_MAX = 500
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Ends:
    """Sees each request end; ``has_log`` says whether a line is written for each."""

    def __init__(self, *, has_log: bool) -> None:
        self.in_flight = 0
        self._has_log = has_log
        self._lines: list[str] = []

    def begin(self) -> float:
        """Return when a request began; it is in flight until ``end``."""
        self.in_flight += 1
        return perf_counter()

    def end(self, scope: MutableMapping[str, Any], began: float) -> None:
        """Take in that a request ended; one that was left without an answer is not counted."""
        self.in_flight -= 1
        answered = scope.get(ANSWERED)
        if answered is None:
            return
        route, status, request_id = answered
        seconds = perf_counter() - began
        method = scope["method"]
        if method not in METHODS:
            method = "other"
        REQUESTS.add(method, route, _CLASSES[status // 100])
        DURATION.observe(seconds, method, route)
        if self._has_log:
            self._tell(method, route, status, request_id, seconds)

    def _tell(self, method: str, route: str, status: int, request_id: str, seconds: float) -> None:
        # An id that another made up may hold anything; to look for that takes longer than all the rest.
        told_id = request_id if _UUID.fullmatch(request_id) else scrub(request_id)
        # No value has a character that JSON would write otherwise: an id is harmless, and the rest is our own.
        self._lines.append(
            f'{{"request_id":"{told_id}","method":"{method}","route":"{route}","status":{status},'
            f'"duration_ms":{seconds * 1000:.2f},"event":"request answered","level":"info",'
            f'"timestamp":"{datetime.now(UTC).isoformat(timespec="microseconds")[:26]}Z"}}\n'
        )
        if len(self._lines) >= _LINES_MAX:
            self.write()

    def write(self) -> None:
        """Write the lines that were gathered: a call for each would make every request wait for its turn."""
        if self._lines:
            lines, self._lines = self._lines, []
            with suppress(
                OSError
            ):  # whoever read the log is gone: there is nobody to tell, and people are still to be answered
                sys.stderr.write("".join(lines))
                sys.stderr.flush()
