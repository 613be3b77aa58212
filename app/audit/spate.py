"""How many refusals are written in the log one by one.

Requests that nobody has to answer for cost nothing to send, and each would leave a line for ever: what comes above a bound
is counted, and the next line says how many were left out. Per process, since the start.
"""

from collections.abc import Hashable

MINUTE_US = 60_000_000
KEYS_MAX = 10_000


class Spate:
    """At most ``most`` entries a minute for each key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[
            Hashable, list[int]
        ] = {}  # key -> [when the minute began, entries in it, left out since the last]

    def left_out(self, key: Hashable, now_us: int) -> int | None:
        """Return how many were left out since the last entry of ``key``; None if this one is to be left out too."""
        if len(self._seen) >= KEYS_MAX and key not in self._seen:
            self._seen.clear()
        minute = self._seen.setdefault(key, [now_us, 0, 0])
        if not 0 <= now_us - minute[0] < MINUTE_US:
            minute[0], minute[1] = now_us, 0
        if minute[1] >= self._most:
            minute[2] += 1
            return None
        minute[1] += 1
        skipped, minute[2] = minute[2], 0
        return skipped
