"""Lines of JSON into records, by an operator: an export of Regie, or FHIR resources of one release.

An export becomes a new record with the resources that were current. Its history, its grants and its log stay behind: they
are about the place it came from. Ids are kept if all of them are free here (the record was erased, or comes from another
server); otherwise all get new ones that follow from the export, and references are rewritten. Resources are written in
transactions of bounded size that are remembered, so that a broken import can be run again and goes on where it was.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO
from uuid import NAMESPACE_URL, uuid5

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.audit.links import extent_of, hash_of
from app.db.database import Transaction
from app.errors import NotSupportedError, RegieError, UnavailableError, UnprocessableError
from app.fhir.issues import Issue
from app.fhir.reference import LiteralReference
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.structure import Parsed, parse
from app.interactions.conditions import NO_CONDITIONS
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event, refusals
from app.interactions.repeat import Outcome, earlier, issues_of, keep, request_hash
from app.interactions.single import create, update, wrote
from app.interactions.transfer import ChangeLine, EntryLine, Head, faults, read_head, read_line
from app.interactions.write import Changes
from app.interactions.written import Written
from app.store.changes import open_record, record_exists, set_patient
from app.store.find import answer_to, keep_answer
from app.store.forget import IMPORTS
from app.store.ids import RECORD_ID_BITS, record_in
from app.store.resources import RELEASES, records_with
from app.store.time_zone import known_zone

GROUP = 100
"""Resources in a transaction, or requests under way at once; fewer when they are large."""

GROUP_BYTES = 4 * 1024 * 1024
_REFERENCE = re.compile(rb'("(?:reference|uri|url|valueUri|valueUrl)"\s*:\s*)("(?:[^"\\]|\\.)*")')
Refused = Callable[[int, tuple[Issue, ...]], None]
Key = tuple[int, str, str]
"""Release, type and id."""


class _Named(msgspec.Struct):
    """What a line of FHIR says about where it belongs."""

    resource_type: str = msgspec.field(name="resourceType")
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import made: the new record's Patients, and how many resources are in."""

    patients: dict[Release, str]
    written: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a resource stands in the file."""

    line: int
    offset: int
    seq: int


@dataclass(frozen=True, slots=True)
class _Resource:
    """A resource on its way in; ``parsed`` is what is wrong with it if it can't be read."""

    line: int
    resource_type: str
    id: str
    parsed: Parsed | RegieError


@dataclass(frozen=True, slots=True)
class _Target:
    """The record that an export goes to; ``keeps_ids`` says whether its ids stay as they were."""

    context: Context
    head: Head
    known: frozenset[Key]
    record_id: int
    keeps_ids: bool

    def new_id(self, key: Key) -> str:
        """Return the id that a resource has from now on: the same one at each try."""
        if self.keeps_ids:
            return key[2]
        return str(uuid5(NAMESPACE_URL, f"{self.head.hash} {key[0]} {key[1]}/{key[2]}"))

    def body(self, line: ChangeLine) -> bytes:
        """Return the body with the new id, and with the new ids of what it refers to; the rest byte for byte."""
        if self.keeps_ids:
            return line.exact_body
        release = RELEASES[line.release]

        def renamed(found: re.Match[bytes]) -> bytes:
            local = self.context.local(release, msgspec.json.decode(found[2]))
            key = (line.release, local.resource_type, local.id) if local is not None else None
            if local is None or key not in self.known:
                return found[0]
            return found[1] + msgspec.json.encode(str(LiteralReference(local.resource_type, self.new_id(key))))

        new = self.new_id((line.release, line.type, line.id))
        # A body begins with its resourceType and id, which the store put there.
        body = line.exact_body.replace(f',"id":"{line.id}"'.encode(), f',"id":"{new}"'.encode(), 1)
        return _REFERENCE.sub(renamed, body)


async def import_export(
    context: Context, operator: Requester, trace: Trace, file: BinaryIO, refused: Refused
) -> Brought:
    """Return what an export brought in; ``refused`` is told of each line whose resource can't be taken.

    Raises: UnprocessableError, when the export is not sound; then nothing is written.
    """
    file.seek(0)
    for fault in islice(faults(file), 1):
        raise UnprocessableError(f"The export is not sound. {fault}")
    file.seek(0)
    head = read_head(file.readline())
    assert head is not None  # it was sound
    places, known, last_entry = _current(file)
    target = await _opened(context, operator, trace, head, known, last_entry)
    at_home = replace(operator, record_id=target.record_id)
    written = 0
    for release, group in _groups(target, places, file):
        written += await _write(target, at_home, trace, release, group, refused)
    patients = {
        release: target.new_id((release.value, "Patient", head.patients[release.path]))
        for release in Release
        if release.path in head.patients
    }
    return Brought(patients, written)


def _current(file: BinaryIO) -> tuple[dict[Key, _Place], frozenset[Key], EntryLine | None]:
    """Return where the resources stand that are current, the keys of all that ever were, and the last line of the log."""
    places: dict[Key, _Place] = {}
    known: set[Key] = set()
    entry = None
    number, offset = 2, file.tell()
    while text := file.readline():
        line = read_line(text)
        if isinstance(line, ChangeLine):
            key = (line.release, line.type, line.id)
            known.add(key)
            if line.operation == "delete":
                places.pop(key, None)
            else:
                places[key] = _Place(number, offset, line.seq)
        elif isinstance(line, EntryLine):
            entry = line
        number, offset = number + 1, file.tell()
    return places, frozenset(known), entry


def _groups(target: _Target, places: dict[Key, _Place], file: BinaryIO) -> Iterator[tuple[Release, list[_Resource]]]:
    """Yield the current resources in groups for one transaction each, in the order in which they were last changed."""
    for release in Release:
        group: list[_Resource] = []
        size = 0
        wanted = (place for key, place in places.items() if key[0] == release.value)
        for place in sorted(wanted, key=lambda place: place.seq):
            file.seek(place.offset)
            line = read_line(file.readline())
            assert isinstance(line, ChangeLine)  # that is what was found there before
            if len(group) == GROUP or size > GROUP_BYTES:
                yield release, group
                group, size = [], 0
            group.append(_resource(target, place, line))
            size += len(line.exact_body)
        if group:
            yield release, group


async def _opened(
    context: Context, operator: Requester, trace: Trace, head: Head, known: frozenset[Key], last_entry: EntryLine | None
) -> _Target:
    """Return the new record, empty but for the ids of its Patients; the one of an earlier try if there was one."""
    own = hmac.digest(context.index_key, f"import {head.hash}".encode(), hashlib.sha256)
    derived = int.from_bytes(own[: RECORD_ID_BITS // 8]) or 1
    key = f"export {head.hash}"
    kept = _Target(context, head, known, head.record_id, keeps_ids=True)
    renamed = _Target(context, head, known, derived, keeps_ids=False)

    async def job(transaction: Transaction, decide: Decide) -> tuple[_Target, list[Event]]:
        access = (await decide(Wish(Action.CREATE))).of(derived)
        for target in (kept, renamed):
            if await answer_to(transaction, target.record_id, IMPORTS, key) is not None:
                return target, []
        target = kept if await _are_free(transaction, head, known, last_entry) else renamed
        await open_record(transaction, target.record_id, known_zone(head.time_zone).key)
        for release in Release:
            if patient := head.patients.get(release.path):
                new = target.new_id((release.value, "Patient", patient))
                await set_patient(transaction, target.record_id, release, new, chosen=True)
        await keep_answer(transaction, target.record_id, IMPORTS, key, own, context.now_us(), b"[]")
        touched = Touched(target.record_id, access.reason if access else "")
        return target, [event(operator, trace, Deed("import"), touched)]

    return await context.gate.change(operator, trace, Deed("import"), job)


async def _are_free(transaction: Transaction, head: Head, known: Iterable[Key], last_entry: EntryLine | None) -> bool:
    """Return whether the record's number and all its ids can be had here.

    A number of which the log tells was somebody's: it is given back only to an export that has what the log has.
    """
    record_id = head.record_id
    if not 0 < record_id < 1 << RECORD_ID_BITS or await record_exists(transaction, record_id):
        return False
    entries, _ = await extent_of(transaction, record_id)
    if entries:
        if last_entry is None:
            return False
        digest = await hash_of(transaction, record_id, last_entry.stream, last_entry.n)
        if digest is None or digest.hex() != last_entry.hash:
            return False
    patients = [(release.value, "Patient", head.patients.get(release.path, "")) for release in Release]
    for release, resource_type, resource_id in (*known, *patients):
        if record_in(resource_id) not in (None, record_id) or await records_with(
            transaction, RELEASES[release], resource_type, resource_id
        ):
            return False
    return True


def _resource(target: _Target, place: _Place, line: ChangeLine) -> _Resource:
    parsed: Parsed | RegieError
    try:
        _refuse_what_is_not_kept(line.type)
        depth = target.context.limits.body_depth_max
        parsed = parse(RELEASES[line.release], target.body(line), expected_type=line.type, maximum_depth=depth)
    except RegieError as error:
        parsed = error
    return _Resource(place.line, line.type, target.new_id((line.release, line.type, line.id)), parsed)


def _refuse_what_is_not_kept(resource_type: str) -> None:
    if resource_type in NOT_KEPT:
        raise NotSupportedError(f"A {resource_type} is not kept as a resource of a record.")


async def _write(
    target: _Target, operator: Requester, trace: Trace, release: Release, group: list[_Resource], refused: Refused
) -> int:
    """Return how many of the resources are in the record now; all are written in one transaction, once."""
    context = target.context
    deed = Deed("import", release)
    named = f"{release.path} {group[0].line}-{group[-1].line}"
    key, digest = f"export {target.head.hash} {named}", request_hash(target.head.hash, named)

    async def job(transaction: Transaction, decide: Decide) -> tuple[list[Outcome], list[Event]]:
        async def here(wish: Wish) -> AccessScope:
            return (await decide(wish)).only((target.record_id,))  # it changes nothing in another record

        outcomes = await earlier(transaction, operator, key, digest, here)
        if outcomes is None:
            changes = Changes(context, transaction, operator, release, here)
            outcomes = [await _put(changes, resource, target.record_id) for resource in group]
            await changes.finish()
            await keep(transaction, operator, key, digest, context.now_us(), outcomes)
        events: list[Event] = []
        for resource, outcome in zip(group, outcomes, strict=True):
            about = Deed("update", release, resource.resource_type, resource.id)
            if isinstance(outcome, Written):
                events.append(wrote(operator, trace, about, outcome))
            else:
                events += refusals(operator, trace, about, outcome)
        return outcomes, events

    return _told(zip(group, await context.gate.change(operator, trace, deed, job), strict=True), refused)


async def _put(changes: Changes, resource: _Resource, record_id: int) -> Outcome:
    if isinstance(resource.parsed, RegieError):
        return resource.parsed
    try:
        return await changes.update(
            resource.parsed, resource.id, NO_CONDITIONS, location=resource.resource_type, bundle_record=record_id
        )
    except UnavailableError:
        raise
    except RegieError as error:
        return error


def _told(outcomes: Iterable[tuple[Any, Outcome]], refused: Refused) -> int:
    """Return how many of the outcomes are good; ``refused`` is told of the others."""
    written = 0
    for sent, outcome in outcomes:
        if isinstance(outcome, Written):
            written += 1
        else:
            refused(sent.line, issues_of(outcome))
    return written


@dataclass(frozen=True, slots=True)
class _Sent:
    """A line of FHIR on its way in."""

    line: int
    body: bytes
    named: _Named


async def import_resources(
    context: Context, operator: Requester, trace: Trace, release: Release, lines: Iterable[bytes], refused: Refused
) -> int:
    """Return how many resources are in; each line is an update, or a create if it has no id.

    A line that was sent before, at the same place with the same bytes, is not done twice. ``refused`` is told of each line
    whose resource can't be taken; the others go in.
    """
    written = 0
    group: list[_Sent] = []

    async def send() -> int:
        outcomes = await asyncio.gather(*(_send(context, operator, trace, release, sent) for sent in group))
        return _told(zip(group, outcomes, strict=True), refused)

    for number, line in enumerate(lines, 1):
        body = line.strip()
        if not body:
            continue
        try:
            named = msgspec.json.decode(body, type=_Named)
        except msgspec.DecodeError:
            named = _Named("Resource")  # to be told what is wrong with it
        # Two versions of one resource have to go in one after the other.
        is_again = any((named.resource_type, named.id) == (sent.named.resource_type, sent.named.id) for sent in group)
        size = sum(len(sent.body) for sent in group)
        if (is_again and named.id is not None) or len(group) == GROUP or size > GROUP_BYTES:
            written += await send()
            group = []
        group.append(_Sent(number, body, named))
    return written + await send()


async def _send(context: Context, operator: Requester, trace: Trace, release: Release, sent: _Sent) -> Outcome:
    named = sent.named
    key = f"import {sent.line} {hashlib.sha256(sent.body).hexdigest()}"
    try:
        _refuse_what_is_not_kept(named.resource_type)
        if named.id is None:
            return await create(context, operator, trace, release, named.resource_type, sent.body, idempotency_key=key)
        return await update(
            context, operator, trace, release, named.resource_type, named.id, sent.body, idempotency_key=key
        )
    except UnavailableError:
        raise
    except RegieError as error:
        return error
