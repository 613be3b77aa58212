"""A record as lines of JSON: to take along whole, and to check without a database.

The first line tells what follows: every change in order, then every grant, then every entry of the log about the record.
A change and a log entry have their hashes and their exact bytes, so that both chains can be followed in the file:

- a change's hash is the SHA-256 of the hash before it (32 zero bytes for the first), the JSON array of record_id, seq,
  release, type, id, version, previous, operation, instant, actor, client and categories, and the body;
- a log entry's hash is the SHA-256 of ``previous`` and the event. Entries about others lie between, hence ``previous``; the
  event itself says which it is among those about this record, and the hash of the one before. The last line seals where they end.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, BinaryIO

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from app.access.categories import Category
from app.access.grant import Grant
from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.audit.links import Link, extent_of, links_until
from app.audit.log import GENESIS as FIRST_ENTRY
from app.audit.log import STREAM
from app.audit.log import chained as entry_hash
from app.audit.seal import Seal, sealed
from app.consent.grants import of_record
from app.db.database import Row
from app.errors import AccessDeniedError, ConflictError, NotFoundError, UnprocessableError
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.store.changes import GENESIS, chained, patients_of
from app.store.export import Standing, changes_until, standing_of

FORMAT = 2
FORMATS = (1, FORMAT)
"""What can be read: in the first, the versions of a grant had no numbers and stood in the order of their instants."""

LINE_MAX = 64 * 1024 * 1024
"""Bytes in a line: more than any resource that is taken in."""

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Meta(ge=0, le=2**62)]


class Head(Struct, tag_field="line", tag="export", frozen=True):
    """The first line: whose record, and how much of what follows. ``patients`` are ids by release, ``hash`` the last change's."""

    format: int
    record_id: int
    exported_at: Annotated[datetime, Meta(tz=True)]
    time_zone: str
    patients: dict[str, str]
    changes: int
    hash: Hash
    grants: int
    entries: int


class ChangeLine(Struct, tag_field="line", tag="change", omit_defaults=True):
    """A change as it is kept; ``instant`` in microseconds UTC. A body with line breaks is in ``text``, a delete has none.

    ``misfit`` are findings about a version that stands and breaks profiles; the hash does not cover them.
    """

    seq: int
    release: int
    type: str
    id: str
    version: int
    previous: int
    operation: str
    instant: int
    actor: str
    client: str
    categories: int
    hash: Hash
    body: Raw | UnsetType = UNSET
    text: str = ""
    misfit: Raw | UnsetType = UNSET

    @property
    def exact_body(self) -> bytes:
        """Return the body byte for byte."""
        return self.text.encode() if isinstance(self.body, UnsetType) else bytes(self.body)

    def fields(self, record_id: int) -> tuple[object, ...]:
        """Return what the hash covers besides the body."""
        return (
            record_id, self.seq, self.release, self.type, self.id, self.version, self.previous, self.operation,
            self.instant, self.actor, self.client, self.categories,
        )  # fmt: skip


class MandateLine(Struct):
    """As what somebody acts for the person, and what the law's end is reckoned from; ``powers`` is a mask."""

    capacity: str
    represented: str
    powers: int
    birth_date: date | None
    zone: str
    agreed_at: datetime | None


class GrantLine(Struct, tag_field="line", tag="grant"):
    """A version of what was allowed to whom, and until when; ``version`` counts from 1, and is 0 where it was not told."""

    id: str
    grantee: str
    grantee_id: str
    categories: list[str]
    actions: list[str]
    starts_at: datetime
    until: datetime
    purpose: str
    given_at: datetime
    withdrawn_at: datetime | None
    version: int = 0
    mandate: MandateLine | None = None
    rests_on: str | None = None


class EntryLine(Struct, tag_field="line", tag="audit"):
    """An entry of the log as it is kept, and the hash of the entry before it."""

    stream: Number
    n: Number
    previous: Hash
    hash: Hash
    event: Raw


class SealLine(Struct, tag_field="line", tag="seal"):
    """Where the log about the record ends, signed; docs/audit.md says how it is checked."""

    seal: Seal


Line = ChangeLine | GrantLine | EntryLine | SealLine
_encode = msgspec.json.Encoder().encode
_head = msgspec.json.Decoder(Head)
_line: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_event = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that somebody may take along whole, as it stands when the log has said so; ``last`` is its last entry."""

    record_id: int
    scope: AccessScope
    access: RecordAccess
    standing: Standing
    entries: int
    last: int


async def taken(context: Context, requester: Requester, trace: Trace, record_id: int) -> Taken:
    """Return where a record stands that is taken along; the log tells of it.

    Raises: AccessDeniedError, unless all of the record is open to the requester; NotFoundError.
    """
    reader = context.database.reader

    async def action(scope: AccessScope) -> tuple[tuple[AccessScope, RecordAccess, Standing], Sequence[Touched]]:
        access = scope.of(record_id)
        # What an app or a practice was granted has no log in it, even if it is all the rest.
        if access is None or access.types or not (access.is_whole or requester.kind is RequesterKind.OPERATOR):
            raise AccessDeniedError("Only who may see all of a record can take it along.")
        found = await standing_of(reader, record_id)
        if found is None:
            raise NotFoundError("There is no such record.")
        return (scope, access, found), (Touched(record_id, access.reason, found.seq),)

    allowed = await context.gate.look(requester, trace, Wish(Action.READ), Deed("export"), action)
    return Taken(record_id, *allowed, *await extent_of(reader, record_id))


async def export(context: Context, requester: Requester, trace: Trace, record_id: int) -> AsyncIterator[bytes]:
    """Yield the lines of a record, each with its end. The log tells of it before the first line goes out.

    What is changed meanwhile is not in it. Raises: as ``taken`` does; ConflictError, when the record is erased meanwhile.
    """
    async for line in lines_of(context, await taken(context, requester, trace, record_id)):
        yield line


async def lines_of(context: Context, found: Taken) -> AsyncIterator[bytes]:
    """Yield the lines of a record as it stood, each with its end. Raises: ConflictError, when it is erased meanwhile."""
    reader, record_id, standing = context.database.reader, found.record_id, found.standing
    grants = await of_record(reader, record_id)
    patients = {release.path: patient for release, patient in (await patients_of(reader, record_id)).items()}
    yield _encode(
        Head(
            FORMAT, record_id, context.clock(), standing.time_zone, patients, standing.seq, standing.hash.hex(),
            len(grants), found.entries,
        )
    ) + b"\n"  # fmt: skip
    last = 0
    async for row in changes_until(reader, record_id, standing.seq):
        last = row[1]
        yield _encode(_change_line(row)) + b"\n"
    if last != standing.seq:
        raise ConflictError("The record was erased while it was read.")
    for grant in grants:
        yield _encode(_grant_line(grant)) + b"\n"
    async for link in links_until(reader, record_id, found.last):
        yield _encode(entry_line(link)) + b"\n"
    seal = await sealed(reader, context.gate.audit.keys, record_id, found.last, context.now_us())
    if seal is not None:
        yield _encode(SealLine(seal)) + b"\n"


def _change_line(row: Row) -> ChangeLine:
    *fields, body, misfit = row
    line = ChangeLine(*fields[1:])
    line.hash = fields[-1].hex()
    if b"\n" in body or b"\r" in body:  # between its members, as it was sent
        line.text = body.decode()
    elif body:
        line.body = Raw(body)
    if misfit is not None:
        line.misfit = Raw(misfit)
    return line


def _grant_line(grant: Grant) -> GrantLine:
    categories = [category.code for category in Category if category in grant.categories]
    actions = [str(action.name).lower() for action in Action if action in grant.actions]
    mandate = None
    if (told := grant.mandate) is not None:
        powers, born = int(told.powers), told.birth_date
        mandate = MandateLine(told.capacity.value, told.represented, powers, born, told.zone, told.agreed_at)
    return GrantLine(
        grant.grant_id, grant.grantee.value, grant.grantee_id, categories, actions, grant.starts_at, grant.until,
        grant.purpose, grant.given_at, grant.withdrawn_at, grant.version, mandate, grant.rests_on,
    )  # fmt: skip


def entry_line(link: Link) -> EntryLine:
    """Return the line for an entry of the log."""
    return EntryLine(link.stream, link.n, link.previous.hex(), link.hash.hex(), Raw(link.body))


def read_head(line: bytes) -> Head | None:
    """Return the first line of an export that this code can read, None for anything else."""
    try:
        head = _head.decode(line)
    except msgspec.DecodeError:
        return None
    return head if head.format in FORMATS else None


def read_line(line: bytes) -> Line:
    """Return a line after the first. Raises: msgspec.DecodeError."""
    return _line.decode(line)


def lines_within(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file. Raises: UnprocessableError, for one that is longer than ``LINE_MAX``."""
    number = 1
    while line := file.readline(LINE_MAX + 1):
        if len(line) > LINE_MAX:
            raise UnprocessableError(f"Line {number} is too long.")
        yield line
        number += 1


def faults(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield one sentence per fault in the lines of an export, nothing when it is sound and whole."""
    rest = iter(lines)
    head = read_head(next(rest, b""))
    if head is None:
        yield "This does not begin as an export of Regie in a form that is known here."
        return
    check = _Check(head)
    for number, line in enumerate(rest, 2):
        try:
            found = read_line(line)
        except msgspec.DecodeError:
            yield f"Line {number} can't be read."
            continue
        match found:
            case ChangeLine():
                yield from check.change(found)
            case EntryLine():
                yield from check.entry(found)
            case SealLine():
                check.seals.append(found.seal)
            case GrantLine():
                check.grants += 1
    yield from check.end()


@dataclass(slots=True)
class _Check:
    """Where the chains stand while an export is read: the last change and the last entry of the log."""

    head: Head
    grants: int = 0
    entries: int = 0
    seq: int = 0
    hash: str = GENESIS.hex()
    last_entries: dict[int, tuple[int, str]] = field(default_factory=dict)
    seals: list[Seal] = field(default_factory=list)
    own_number: int = 0

    def change(self, line: ChangeLine) -> Iterator[str]:
        expected = chained(bytes.fromhex(self.hash), line.fields(self.head.record_id), line.exact_body)
        if line.seq != self.seq + 1:
            yield f"Change {line.seq} does not follow change {self.seq}: some are missing or moved."
        elif expected.hex() != line.hash:
            yield f"Change {line.seq} was altered."
        self.seq, self.hash = line.seq, line.hash

    def entry(self, line: EntryLine) -> Iterator[str]:
        n, before = self.last_entries.get(line.stream, (0, FIRST_ENTRY.hex()))
        body = bytes(line.event)
        if line.n <= n:
            yield f"Entry {line.n} of the log does not follow entry {n}."
        elif entry_hash(bytes.fromhex(line.previous), body).hex() != line.hash or (
            line.n == n + 1 and line.previous != before
        ):
            yield f"Entry {line.n} of the log was altered."
        elif not self._takes_event(body):
            yield f"Entry {line.n} of the log is not about this record."
        self.entries += 1
        self.last_entries[line.stream] = line.n, line.hash

    def _takes_event(self, body: bytes) -> bool:
        """Return whether an event is about this record, and remember its number."""
        try:
            event = _event.decode(body)
        except msgspec.DecodeError:
            return False
        self.own_number = event.own_number
        return event.record_id == self.head.record_id

    def end(self) -> Iterator[str]:
        if (self.seq, self.hash) != (self.head.changes, self.head.hash):
            yield f"The changes end at {self.seq}, but there have to be {self.head.changes}, or the last is another."
        if self.grants != self.head.grants:
            yield f"There are {self.grants} grants, but there have to be {self.head.grants}."
        if self.entries != self.head.entries:
            yield f"There are {self.entries} entries of the log, but there have to be {self.head.entries}."
        ends = [(seal.n, seal.hash) for seal in self.seals]
        if ends != ([self.last_entries.get(STREAM)] if self.own_number else []):
            yield "The seal of the log is missing, or that of another entry than the last."
