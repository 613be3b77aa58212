"""Work that takes seconds and much memory: so much of it at once in a process, and once at a time for each record."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import TooManyRequestsError

AT_ONCE = 3


class Turns:
    """Who is at it now."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._records: set[int] = set()

    @contextmanager
    def of(self, record_id: int) -> Iterator[None]:
        """Be at it for a record. Raises: TooManyRequestsError, if it is being done for the record, or for too many others."""
        if record_id in self._records or len(self._records) >= self._at_once:
            message = "A record is being saved or brought in already: wait until that is done."
            raise TooManyRequestsError(message)
        self._records.add(record_id)
        try:
            yield
        finally:
            self._records.remove(record_id)
