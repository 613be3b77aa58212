"""What a process read of what decides about access, remembered for as long as none of that changed in any process.

Everything is kept under the version of access from before it was read (``access_version.py``). Who decides with it says so in
the transaction that makes the decision count, where the version is read again: if it is another, what was remembered is not
good for that decision. So nothing needs to be told to anybody, and an answer is as exact as if all had been read there.

It is read in the event loop and in the writer's thread: what is replaced is replaced as a whole.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import literal_column, select

from app.db.access_version import access_version
from app.db.database import Reader
from app.db.statements import hot
from app.metrics import MEMORY

T = TypeVar("T")
VERSION = hot(select(access_version.c.version).where(access_version.c.number == literal_column("1")))
"""The statement for the version of access."""

KEPT_MAX = 32_768
"""What the values of one generation weigh. When it is as much, those that were not asked for since the last time are forgotten.

A value weighs 1, or what its ``weight`` says: the grants of a practice are some kilobytes, or megabytes.
"""


async def version_of(reader: Reader) -> int | None:
    """Return the version of access."""
    row = await reader.one(VERSION, {})
    return None if row is None else row[0]


class _Known:
    """What is known under one version, the last two generations of it."""

    __slots__ = ("old", "version", "weight", "young")

    def __init__(self, version: int | None) -> None:
        self.version = version
        self.weight = 0
        self.young: dict[Hashable, Any] = {}
        self.old: dict[Hashable, Any] = {}

    def get(self, key: Hashable) -> Any:
        found = self.young.get(key)
        if found is None:
            found = self.old.get(key)
            if found is not None:
                self.keep(key, found)
        return found

    def keep(self, key: Hashable, value: Any) -> None:
        weight = getattr(value, "weight", 1)
        if self.weight + weight > KEPT_MAX:
            self.old, self.young, self.weight = self.young, {}, 0
        self.young[key] = value
        self.weight += weight


class Remembered:
    """The memory of one process."""

    def __init__(self) -> None:
        self._known = _Known(None)

    def forget(self) -> None:
        """Forget everything: something was changed here."""
        self._known = _Known(None)

    async def beside(self, reader: Reader) -> "View":
        """Return what is remembered, for a decision that is checked in a transaction later."""
        known = self._known
        if known.version is None:
            known = self.at(await version_of(reader))
        return View(self, known, reader)

    def at(self, version: int | None) -> _Known:
        """Return what is remembered under a version that was read, nothing under another one than the last.

        A lower one was read late, or the database lost its last moments: then the number comes again, and means something else.
        """
        known = self._known
        if known.version != version:
            known = self._known = _Known(version)
        return known


class View:
    """What is remembered under one version, and where to read what is not."""

    __slots__ = ("_known", "_remembered", "reader")

    def __init__(self, remembered: Remembered, known: _Known, reader: Reader) -> None:
        self._remembered, self._known, self.reader = remembered, known, reader

    @property
    def version(self) -> int | None:
        """The version that holds for what it gives, if it is still that afterwards; None where nothing is remembered."""
        return self._known.version

    async def of(self, key: Hashable, read: Callable[[Reader], Awaitable[T]]) -> T:
        """Return what is remembered under ``key``, else what ``read`` returns."""
        if self._known.version is None:
            return await read(self.reader)
        found: T = self._known.get(key)
        MEMORY.add("miss" if found is None else "hit")
        if found is None:
            found = await read(self.reader)
            if found is not None:
                self._known.keep(key, found)
        return found

    async def is_over(self) -> bool:
        """Return whether something was changed since what it gave was read."""
        version = self._known.version
        return version is not None and self._remembered.at(await version_of(self.reader)).version != version


class Seen:
    """What a group of transactions sees of access, from when it is first asked for; ``is_over`` once it changed something.

    ``read`` has the version, if it was read when the group began.
    """

    __slots__ = ("_read", "_remembered", "_view", "is_over")

    def __init__(self, remembered: Remembered, *, read: tuple[int | None] | None = None) -> None:
        self._remembered = remembered
        self._read = read
        self._view: View | None = None
        self.is_over = False

    async def view(self, reader: Reader) -> View:
        """Return what is remembered and holds here: nothing where something was changed that is not committed yet."""
        if self.is_over:
            return View(self._remembered, _Known(None), reader)
        if self._view is None:
            version = await version_of(reader) if self._read is None else self._read[0]
            self._view = View(self._remembered, self._remembered.at(version), reader)
        return self._view
