"""Whether the database can be read and written at this moment, has the tables that this code expects, and has room.

The look runs on by itself when the time for an answer is over, and who asks next waits for the same one: a database that
hangs is asked once, however often its health is.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from functools import cache

from sqlalchemy import column, select, table

from app.db.database import Database, Reader, Transaction
from app.db.schema import revisions
from app.db.statements import hot

FREE_BYTES_MIN = 64 * 1024 * 1024
"""Room that SQLite needs on its disk: its log of what is not in the file yet, and some of it to spare."""

WITHIN = timedelta(seconds=3)
"""How long an answer may take; who asks (a load balancer) waits little longer."""

_REVISION = hot(select(column("version_num")).select_from(table("alembic_version")))


class Health:
    """The health of one database."""

    def __init__(self, database: Database, within: timedelta = WITHIN) -> None:
        self._database = database
        self._within = within
        self._reading: asyncio.Task[str] | None = None
        self._writing: asyncio.Task[str] | None = None

    async def faults(self) -> list[str]:
        """Return what is wrong, a sentence each, without secrets; empty when all is well."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(_fault(self._read(), "database: can't be read"))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(_fault(self._write(), "writer: nothing can be written"))
        looks = {"database": self._reading, "writer": self._writing}
        await asyncio.wait(looks.values(), timeout=self._within.total_seconds())
        late = f"no answer within {self._within.total_seconds():g} seconds"
        found = [look.result() if look.done() else f"{name}: {late}" for name, look in looks.items()]
        return [fault for fault in (*found, self._room()) if fault]

    def close(self) -> None:
        """Let go of looks that have no answer yet."""
        for look in (self._reading, self._writing):
            if look is not None:
                look.cancel()

    async def _read(self) -> str:
        """Return what is wrong with reading, or with the tables."""
        found = await revision(self._database.reader)
        *before, head = await asyncio.to_thread(_revisions)
        if not found or found in before:
            return f"schema: is at {found or 'nothing'} and has to be at {head}, run regie migrate"
        # One that is not known is newer: migrations run while the version before still serves.
        return ""

    async def _write(self) -> str:
        """Return what is wrong with writing: a commit that changes nothing takes the way of all others."""

        async def nothing(_: Transaction) -> None:
            return

        await self._database.write(nothing)
        return ""

    def _room(self) -> str:
        free_bytes = self._database.free_bytes()
        if free_bytes is None or free_bytes >= FREE_BYTES_MIN:
            return ""
        return f"disk: {free_bytes >> 20} MiB are free, {FREE_BYTES_MIN >> 20} are needed"


async def revision(reader: Reader) -> str:
    """Return the revision of the tables; empty when there is none."""
    row = await reader.one(_REVISION, {})
    return str(row[0]) if row else ""


@cache
def _revisions() -> tuple[str, ...]:
    return tuple(revisions())


async def _fault(look: Awaitable[str], name: str) -> str:
    """Return what a look found; if it failed, that it did and by what kind of error: its message may name secrets."""
    try:
        return await look
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told
        cause = error.__cause__ or error
        return f"{name} ({type(cause).__name__})"
