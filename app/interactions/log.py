"""Who looked at a record: the person's own view of the audit log, as entries.

Looking at the log is a look too, and is logged.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.access.policy import Wish
from app.access.representation import Power
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.audit.log import LogEntry, entries_of, entry_of, firsts
from app.audit.verify import faults_of as audit_faults_of
from app.db.database import Reader
from app.errors import AccessDeniedError, BadRequestError, NotFoundError
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.store.verify import faults as record_faults

END = 2**62
LOOKED_MAX = 10_000
"""Entries that one look at the log goes through."""

FAULTS_MAX = 100
BATCH = 500
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


class SoughtEntry(Protocol):
    """Whether somebody wants to see an entry; ``is_first`` says that it is the first of a practice."""

    def __call__(self, entry: LogEntry, *, is_first: bool) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LogPage:
    """Part of a record's log, newest first; ``next`` is the cursor of what came before it, None at the end.

    ``firsts`` are the numbers of entries that are the first of a practice.
    """

    entries: tuple[LogEntry, ...]
    next: str | None
    firsts: frozenset[int]


def own_log(requester: Requester, scope: AccessScope) -> tuple[int, str]:
    """Return the record whose log may be read, and on which ground: by its person, or who may do so for them; by nobody else."""
    access = None if requester.record_id is None else scope.of(requester.record_id)
    if requester.record_id is None or access is None or Power.LOG not in access.powers:
        message = "The log of a record is for the person it is about."
        raise AccessDeniedError(message)
    return requester.record_id, "own log" if requester.kind is RequesterKind.PERSON else access.reason


async def log_of(
    context: Context,
    requester: Requester,
    trace: Trace,
    before: str | None,
    count: int,
    wanted: SoughtEntry | None = None,
    after_us: int = 0,
) -> LogPage:
    """Return the newest ``count`` entries about the requester's record that are ``wanted``, behind the cursor ``before``.

    Those of ``after_us`` (microseconds UTC) and before are not gone through.

    It looks at ``LOOKED_MAX`` entries at most: there may be more behind the cursor of a page that is not full.
    Raises: BadRequestError, for a cursor that was not made here.
    """

    async def action(scope: AccessScope) -> tuple[LogPage, Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        place = (END, END)
        if before is not None:
            given = _CURSOR.fullmatch(before)
            if given is None:
                message = "This _cursor was not made here: follow the next link as it came."
                raise BadRequestError(message)
            place = (int(given[1]), int(given[2]))
        page = await _page(context.database.reader, record_id, place, count, wanted, after_us)
        return page, (Touched(record_id, ground, len(page.entries)),)

    deed = Deed("log", None, "AuditEvent")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, "AuditEvent"), deed, action)


async def _page(
    reader: Reader, record_id: int, place: tuple[int, int], size: int, wanted: SoughtEntry | None, after_us: int
) -> LogPage:
    found: list[LogEntry] = []
    first: frozenset[int] = frozenset()
    looked = 0
    while looked < LOOKED_MAX:
        batch = await entries_of(reader, record_id, place, (size if wanted is None else BATCH) + 1)
        entries = batch[: len(batch) - 1] if len(batch) > (size if wanted is None else BATCH) else batch
        first |= await firsts(reader, record_id, entries)
        for number, entry in enumerate(entries, 1):
            place = (entry.event.instant, entry.n)
            if entry.event.instant <= after_us:
                return LogPage(tuple(found), None, first)
            if wanted is None or wanted(entry, is_first=entry.n in first):
                found.append(entry)
                if len(found) == size:
                    return LogPage(tuple(found), _cursor(place) if number < len(batch) else None, first)
        if len(batch) == len(entries):
            return LogPage(tuple(found), None, first)
        looked += len(entries)
        await asyncio.sleep(0)  # others get their turn
    return LogPage(tuple(found), _cursor(place), first)


def _cursor(place: tuple[int, int]) -> str:
    return f"{place[0]}-{place[1]}"


async def log_faults(context: Context, requester: Requester, trace: Trace) -> list[str]:
    """Return one sentence per fault in the requester's own log and in the chain of the record's changes, ``FAULTS_MAX`` at most."""

    async def action(scope: AccessScope) -> tuple[list[str], Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        reader = context.database.reader
        found: list[str] = []
        for faults in (audit_faults_of(reader, record_id), record_faults(reader, record_id)):
            async for fault in faults:
                found.append(fault)
                if len(found) == FAULTS_MAX:
                    return found, (Touched(record_id, ground),)
        return found, (Touched(record_id, ground),)

    deed = Deed("log", None, "AuditEvent")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, "AuditEvent"), deed, action)


async def log_entry(context: Context, requester: Requester, trace: Trace, number: int) -> LogEntry:
    """Return one entry about the requester's record. Raises: NotFoundError."""

    async def action(scope: AccessScope) -> tuple[LogEntry, Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        found = await entry_of(context.database.reader, record_id, number)
        if found is None:
            message = f"AuditEvent/{number} is not known."
            raise NotFoundError(message)
        return found, (Touched(record_id, ground, 1),)

    deed = Deed("log", None, "AuditEvent", str(number))
    return await context.gate.look(requester, trace, Wish(Action.READ, "AuditEvent"), deed, action)
