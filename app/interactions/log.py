"""Who looked at a record: the person's own view of the audit log, as entries.

Looking at the log is a look too, and is logged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.access.policy import Wish
from app.access.representation import Power
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.audit.log import LogEntry, entries_of, entry_of, firsts
from app.audit.verify import faults_of as audit_faults_of
from app.errors import AccessDeniedError, BadRequestError, NotFoundError
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.store.verify import faults as record_faults

END = 2**62
LOG_PAGE_MAX = 200
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


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


async def log_of(context: Context, requester: Requester, trace: Trace, before: str | None, count: int) -> LogPage:
    """Return the newest ``count`` entries about the requester's record, or those that come after the cursor ``before``.

    Raises: BadRequestError, for a cursor that was not made here.
    """

    async def action(scope: AccessScope) -> tuple[LogPage, Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        place = (END, END)
        if before is not None:
            found = _CURSOR.fullmatch(before)
            if found is None:
                message = "This _cursor was not made here: follow the next link as it came."
                raise BadRequestError(message)
            place = (int(found[1]), int(found[2]))
        size = min(count, LOG_PAGE_MAX)
        entries = await entries_of(context.database.reader, record_id, place, size + 1)
        page = tuple(entries[:size])
        following = f"{page[-1].event.instant}-{page[-1].n}" if len(entries) > size else None
        return LogPage(page, following, await firsts(context.database.reader, record_id, page)), (
            Touched(record_id, ground, len(page)),
        )

    deed = Deed("log", None, "AuditEvent")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, "AuditEvent"), deed, action)


async def log_faults(context: Context, requester: Requester, trace: Trace) -> list[str]:
    """Return one sentence per fault in the requester's own log and in the chain of the record's changes."""

    async def action(scope: AccessScope) -> tuple[list[str], Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        reader = context.database.reader
        found = [fault async for fault in audit_faults_of(reader, record_id)]
        found += [fault async for fault in record_faults(reader, record_id)]
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
