"""How many statements are read, and how many rows they return."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from app.db.database import Reader


@dataclass
class Counted:
    """What was read since the counting began."""

    statements: int = 0
    rows: int = 0


@contextmanager
def counting(reader: Reader) -> Iterator[Counted]:
    """Give what is read by readers like this one from here on."""
    counted, kind = Counted(), type(reader)
    own_all, own_one = kind.all, kind.one

    async def every(self: Reader, statement: Any, parameters: dict[str, Any]) -> Any:
        found = await own_all(self, statement, parameters)
        counted.statements += 1
        counted.rows += len(found)
        return found

    async def first(self: Reader, statement: Any, parameters: dict[str, Any]) -> Any:
        found = await own_one(self, statement, parameters)
        counted.statements += 1
        counted.rows += found is not None
        return found

    with patch.object(kind, "all", every), patch.object(kind, "one", first):
        yield counted
