"""The log of a record to keep: all of it as sealed lines of JSON or as a table, or one entry as a receipt.

The lines are those of an export of the record; docs/audit.md says how they are checked. Taking the log along is in the log.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Sequence

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import PURPOSES, Event, Trace
from app.audit.links import extent_of, link_of, links_until
from app.audit.seal import sealed
from app.db.database import Reader
from app.errors import NotFoundError
from app.fhir.instants import instant_text
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.log import own_log
from app.interactions.transfer import SealLine, entry_line

COLUMNS = (
    *("number", "time", "action", "outcome", "status", "name", "kind", "role", "organisation", "on_behalf_of", "actor"),
    *("client", "address", "type", "id", "release", "count", "ground", "purpose", "detail", "request"),
)
_encode = msgspec.json.Encoder().encode
_event = msgspec.json.Decoder(Event).decode
_FORMULA = re.compile("(^|[;,|\t\r\n])(?=\\s*[=+@\uff1d\uff0b\uff20\uff0d-])")
"""Where a spreadsheet would begin a formula: also behind what divides cells elsewhere, a semicolon where commas are in numbers."""


async def _last(context: Context, requester: Requester, trace: Trace, deed: Deed) -> tuple[int, int]:
    """Return the requester's own record and its last entry, which is the one that says that the log was taken."""

    async def action(scope: AccessScope) -> tuple[int, Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        return record_id, (Touched(record_id, ground),)

    record_id = await context.gate.look(requester, trace, Wish(Action.READ, "AuditEvent"), deed, action)
    return record_id, (await extent_of(context.database.reader, record_id))[1]


async def log_lines(context: Context, requester: Requester, trace: Trace) -> AsyncIterator[bytes]:
    """Yield the entries about the requester's record, oldest first, and their seal, each as a line of JSON."""
    record_id, last = await _last(context, requester, trace, Deed("log", None, "AuditEvent"))
    reader = context.database.reader
    async for link in links_until(reader, record_id, last):
        yield _encode(entry_line(link)) + b"\n"
    seal = await sealed(reader, context.gate.audit.keys, record_id, last, context.now_us())
    if seal is not None:
        yield _encode(SealLine(seal)) + b"\n"


async def log_table(context: Context, requester: Requester, trace: Trace) -> AsyncIterator[bytes]:
    """Yield the same entries as lines of CSV (RFC 4180), first the names of the columns."""
    record_id, last = await _last(context, requester, trace, Deed("log", None, "AuditEvent"))
    async for line in table_of(context.database.reader, record_id, last):
        yield line


async def table_of(reader: Reader, record_id: int, last: int) -> AsyncIterator[bytes]:
    """Yield the entries about a record up to number ``last`` as lines of CSV; who calls this has decided that they may be seen."""
    yield row(COLUMNS)
    async for link in links_until(reader, record_id, last):
        one = _event(link.body)
        yield row((
            link.n, instant_text(one.instant), one.action, one.outcome, one.status or "", one.display, one.kind,
            one.role or one.kind, one.organisation, one.on_behalf_of, one.actor, one.client, one.address,
            one.resource_type, one.resource_id, one.release, one.count or "", one.ground,
            one.purpose or PURPOSES.get(one.kind, ""), one.detail, one.request_id,
        ))  # fmt: skip


async def receipt(context: Context, requester: Requester, trace: Trace, number: int) -> bytes:
    """Return an entry about the requester's record and its seal, as two lines of JSON. Raises: NotFoundError."""

    async def action(scope: AccessScope) -> tuple[bytes, Sequence[Touched]]:
        record_id, ground = own_log(requester, scope)
        reader = context.database.reader
        link = await link_of(reader, record_id, number)
        seal = await sealed(reader, context.gate.audit.keys, record_id, number, context.now_us())
        if link is None or seal is None:
            message = f"There is no receipt for AuditEvent/{number}."
            raise NotFoundError(message)
        lines = _encode(entry_line(link)) + b"\n" + _encode(SealLine(seal)) + b"\n"
        return lines, (Touched(record_id, ground, 1),)

    deed = Deed("operation-receipt", None, "AuditEvent", str(number))
    return await context.gate.look(requester, trace, Wish(Action.READ, "AuditEvent"), deed, action)


def row(values: Sequence[object]) -> bytes:
    """Return a line; what a spreadsheet would take for a formula gets an apostrophe, for names are chosen by others."""
    line = io.StringIO()
    texts = [str(value) for value in values]
    csv.writer(line).writerow([_FORMULA.sub(r"\1'", text) for text in texts])
    return line.getvalue().encode()
