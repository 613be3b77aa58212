"""Closing what is sensitive and was not when it was written: with a version that says the same.

The categories of a version stand in the chain of its record, and can't be changed. Those before it are hidden with the newest.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from uuid import uuid4

from app.access.categories import Category
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import Event, Trace
from app.consent.categorize import categorize
from app.db.database import Transaction
from app.fhir.validation.references import links_of
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.interactions.sound import Name, files_at
from app.store.bodies import content_kept
from app.store.changes import Author, Draft, RecordWriter
from app.store.misfits import carry_misfits
from app.store.reindex import GENTLE, Pace, reindex
from app.store.resources import Stored

_SENSITIVE = int(Category.SENSITIVE)
_PROGRAM = Requester(RequesterKind.OPERATOR, "regie", "Regie", SmartScopes.of("system/*.cruds"))


async def index_anew(context: Context, record_id: int, pace: Pace = GENTLE, *, everything: bool = False) -> None:
    """Bring a record to this program's rules, as ``reindex`` does. Raises: UnavailableError."""
    close = partial(close_sensitive, context)
    await reindex(context.database, record_id, context.index, close, pace, everything=everything)


async def close_sensitive(context: Context, versions: Sequence[Stored]) -> None:
    """Close those of some current versions of one record that are sensitive by now, and the Binaries that hold their files.

    The log of the record tells of each that Regie did it. What is closed already stays as it is. Raises: UnavailableError.
    """
    wanted = dict.fromkeys((one.release, *name) for one in versions for name in _sensitive(context, one))
    if not wanted:
        return
    record_id, deed, trace = versions[0].record_id, Deed("update"), Trace(str(uuid4()))

    async def job(transaction: Transaction, _: Decide) -> tuple[None, list[Event]]:
        writer = await RecordWriter.begin(transaction, record_id, context.now_us(), context.index)
        events = []
        for release, resource_type, resource_id in wanted:
            found = await writer.current(release, resource_type, resource_id)
            if found is None or found[0].deleted or found[1] & _SENSITIVE:
                continue
            written = await write_closed(writer, *found, Author(_PROGRAM.actor, _PROGRAM.client_id))
            touched = Touched(record_id, "operator", 1, resource_type, resource_id, written.seq)
            events.append(event(_PROGRAM, trace, Deed("update", release), touched))
        return None, events

    await context.gate.change(_PROGRAM, trace, deed, job)


async def write_closed(writer: RecordWriter, before: Stored, categories: int, author: Author) -> Stored:
    """Return the version after ``before`` that says the same and is sensitive, written and kept."""
    rows = writer.index(before.release, before.resource_type, before.tree(), writer.time_zone)
    content = content_kept(before.body)
    draft = Draft(before.release, before.resource_type, before.id, content, rows, categories | _SENSITIVE)
    written = writer.write(draft, before, author)
    await writer.flush()
    await carry_misfits(writer.transaction, before, written)
    return written


def _sensitive(context: Context, version: Stored) -> Iterator[Name]:
    """Yield what is sensitive by what a version says: itself, and the Binaries that hold its files; nothing if it is not."""
    tree = version.tree()
    if Category.SENSITIVE in categorize(version.resource_type, tree):
        yield version.resource_type, version.id
        for binary_id in files_at(partial(context.local, version.release), links_of(tree).addresses):
            yield "Binary", binary_id
