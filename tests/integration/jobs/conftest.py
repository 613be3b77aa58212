"""A database with an outbox, and a clock that stands still until it is moved."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from app.db.database import Database
from tests.support.database import opened


@dataclass
class Clock:
    """Says ``at_us``, microseconds since 1970 UTC."""

    at_us: int = 1_772_366_400_000_000  # 2026-03-01 12:00 UTC

    def __call__(self) -> int:
        """Return the time."""
        return self.at_us

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self.at_us += by // timedelta(microseconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database
