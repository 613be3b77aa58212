"""``$export`` of FHIR Bulk Data Access: what a practice was granted, or all there is, as lines of JSON (NDJSON).

No file is made. A job remembers what was asked and as of when; what it has is found out step by step while its owner asks how far
it is. A file is read when it is fetched, page by page, each with the grants in force at that moment and with its entry in the
log before its bytes leave: so a withdrawal is obeyed between the beginning and the last line.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.db.database import Reader, Transaction
from app.errors import AccessDeniedError, NotFoundError, TooManyRequestsError
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.interactions.operations.deletions import count_of_deletions, deletion, read_deletions
from app.interactions.operations.export_asked import Asked, Level, narrowing_of, records_named, shown_of
from app.interactions.operations.export_filter import chosen
from app.interactions.search import part as part_of
from app.jobs import exports
from app.jobs.exports import Export, ExportPart
from app.store.at_moment import counts_at, read_at, records_after
from app.store.pages import PAGE_BYTES

KEPT = timedelta(hours=24)
"""How long the files of an export can be fetched."""

STANDING_MAX = 5
"""Exports of one client that are not over."""

PART_MAX = 100_000
"""Resources from which on a type goes on in another file; what one record has stays together."""

RECORDS_AT_ONCE = 50
PAGE = 200
DELETED = "Bundle"
"""The type of the parts that tell what was deleted: Bundles are not kept, so that no resources are of this type."""

STEPS_SECONDS = 0.3
"""How long one question for how far it is may take."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the reading of a file is: behind this change of this record."""

    record_id: int
    after: int


def _deed(release: Release) -> Deed:
    return Deed("operation-export", release)


def _owner(requester: Requester) -> str:
    return f"{requester.actor} {requester.client_id}"


def _check(requester: Requester, asked: Asked) -> None:
    """Raise AccessDeniedError, if such a requester exports nothing at this level; NotFoundError for a group of others."""
    if requester.kind is RequesterKind.PRACTICE and not requester.staff_id:
        if asked.level is Level.SYSTEM:
            message = "A practice exports the patients who granted it something: Patient/$export."
            raise AccessDeniedError(message)
    elif requester.kind is not RequesterKind.OPERATOR:
        message = "Bulk export is for the systems of practices and for operators."
        raise AccessDeniedError(message)
    if asked.level is Level.GROUP and requester.practice_id != asked.group:
        message = f"Group/{asked.group} is not known."
        raise NotFoundError(message)


async def begin(context: Context, requester: Requester, trace: Trace, release: Release, asked: Asked) -> str:
    """Return the id of a new export, of what stands now.

    Raises: AccessDeniedError, NotFoundError, TooManyRequestsError.
    """
    owner, job_id = _owner(requester), exports.new_job_id()
    records = await records_named(context.database.reader, release, asked)  # not while others wait to write

    async def job(transaction: Transaction, decide: Decide) -> tuple[str, list[Event]]:
        _check(requester, asked)
        narrowing = narrowing_of(await decide(Wish(Action.SEARCH)), asked, records)
        # In the transaction: what was committed before has no later instant, what comes after none before.
        now = context.now_us()
        await exports.forget_those_over(transaction, now)
        if await exports.standing(transaction, owner, now) >= STANDING_MAX:
            message = f"{STANDING_MAX} exports are standing: delete one, or wait until one is over."
            raise TooManyRequestsError(message)
        until = now + KEPT // timedelta(microseconds=1)
        with_directory = asked.level is Level.SYSTEM
        export = Export(
            job_id, owner, release, asked.request, with_directory, asked.types, asked.since, now // 1000 * 1000, until,
            narrowing,
        )  # fmt: skip
        await exports.add(transaction, export)
        return job_id, [event(requester, trace, _deed(release), Touched(DIRECTORY))]

    return await context.gate.change(requester, trace, _deed(release), job)


async def cancel(context: Context, requester: Requester, trace: Trace, release: Release, job_id: str) -> None:
    """Forget an export. Raises: NotFoundError."""

    async def job(transaction: Transaction, _: Decide) -> tuple[None, list[Event]]:
        await _known(context, requester, release, job_id, transaction)
        await exports.end(transaction, job_id)
        return None, [event(requester, trace, _deed(release), Touched(DIRECTORY))]

    await context.gate.change(requester, trace, _deed(release), job)


async def _known(
    context: Context, requester: Requester, release: Release, job_id: str, transaction: Transaction | None = None
) -> Export:
    """Return an export of the requester. Raises: NotFoundError, for that of somebody else too."""
    reader = transaction or context.database.reader
    found = await exports.one(reader, job_id, _owner(requester), context.now_us())
    if found is None or found.release is not release:
        message = "There is no such export."
        raise NotFoundError(message)
    return found


async def progress(context: Context, requester: Requester, trace: Trace, release: Release, job_id: str) -> Export:
    """Return an export, after going on with it for a while if it is not ready.

    Raises: NotFoundError, AccessDeniedError.
    """
    found = await _known(context, requester, release, job_id)
    began = time.monotonic()
    while not found.is_ready and time.monotonic() - began < STEPS_SECONDS:
        await _step(context, requester, trace, found)
        found = await _known(context, requester, release, job_id)
    return found


async def _step(context: Context, requester: Requester, trace: Trace, export: Export) -> None:
    """Look into some more records: which types of resources each has."""
    reader = context.database.reader

    async def action(
        scope: AccessScope,
    ) -> tuple[tuple[int, dict[int, Sequence[tuple[str, int]]], bool], list[Touched]]:
        records, is_last = await _records(reader, scope, export, export.looked, None)
        found = {access.record_id: await _counts(context, requester, scope, access, export) for access in records}
        touched = [
            Touched(one.record_id, one.reason, sum(count for _, count in found[one.record_id])) for one in records
        ]
        looked = records[-1].record_id if records else export.looked
        return (looked, found, is_last), touched

    looked, found, is_last = await context.gate.look(
        requester, trace, Wish(Action.SEARCH), _deed(export.release), action
    )
    parts = export.parts
    for record_id, counts in found.items():
        for resource_type, count in counts:
            parts = _counted(parts, resource_type, record_id, count)

    async def job(transaction: Transaction) -> None:
        await exports.step(transaction, export, looked, parts, is_ready=is_last)

    await context.database.write(job)


async def _counts(
    context: Context, requester: Requester, scope: AccessScope, access: RecordAccess, export: Export
) -> Sequence[tuple[str, int]]:
    """Return how many resources of each type a record has, and how many deletions."""
    reader = context.database.reader
    found: list[tuple[str, int]] = []
    for resource_type, count in await counts_at(
        reader, access, export.release, instant=export.instant, since=export.since
    ):
        of_type = _of_types(access, frozenset({resource_type}))
        numbers = await chosen(context, scope, of_type, export, resource_type)
        if numbers is None:
            found.append((resource_type, count))
            continue
        found += await counts_at(
            reader, of_type, export.release, instant=export.instant, since=export.since, chosen=numbers
        )
    deleted = await count_of_deletions(reader, requester, access, export)
    return [*found, (DELETED, deleted)] if deleted else found


def _counted(parts: tuple[ExportPart, ...], resource_type: str, record_id: int, count: int) -> tuple[ExportPart, ...]:
    """Return the parts with what one record has of a type."""
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if part.type == resource_type and part.count < PART_MAX:
            longer = ExportPart(resource_type, part.first, record_id, part.count + count)
            return (*parts[:index], longer, *parts[index + 1 :])
    return (*parts, ExportPart(resource_type, record_id, record_id, count))


async def _records(
    reader: Reader, scope: AccessScope, export: Export, after: int, last: int | None
) -> tuple[list[RecordAccess], bool]:
    """Return the next records behind ``after``, to ``last``, that are open now, and whether there are no more."""
    known = export.narrowing.patients
    if known is None and scope.everyone is not None:
        numbers = await records_after(reader, after, RECORDS_AT_ONCE)
    else:
        among = sorted(access.record_id for access in scope.personal) if known is None else scope.inside(known)
        numbers = [number for number in among if number > after][:RECORDS_AT_ONCE]
    is_last = len(numbers) < RECORDS_AT_ONCE
    if last is not None:
        is_last = is_last or numbers[-1] >= last
        numbers = [number for number in numbers if number <= last]
    found = [scope.of(number) for number in numbers if number != DIRECTORY or export.with_directory]
    return [_of_types(access, export.types) for access in found if access is not None], is_last


def _of_types(access: RecordAccess, types: frozenset[str]) -> RecordAccess:
    if not types:
        return access
    return replace(access, types=types if access.types is None else access.types & types)


async def lines(
    context: Context, requester: Requester, trace: Trace, release: Release, job_id: str, number: int
) -> AsyncGenerator[bytes, None]:
    """Yield the lines of one file, some hundred at once. Raises: NotFoundError; AccessDeniedError, before the first."""
    export = await _known(context, requester, release, job_id)
    if not export.is_ready or not 0 <= number < len(export.parts):
        message = "There is no such file."
        raise NotFoundError(message)
    part = export.parts[number]
    of_part = export if part.type == DELETED else replace(export, types=frozenset({part.type}))
    place: _Place | None = _Place(part.first, 0)
    is_begun = False
    while place is not None:
        try:
            found, place = await _page(context, requester, trace, of_part, part, place)
        except AccessDeniedError:
            if not is_begun:
                raise
            return  # nobody is left who granted anything
        is_begun = True
        yield found


async def _page(
    context: Context, requester: Requester, trace: Trace, export: Export, part: ExportPart, place: _Place
) -> tuple[bytes, _Place | None]:
    """Return some lines, and where to go on (None: that was all)."""
    reader = context.database.reader
    is_deleted = part.type == DELETED
    resource_type = "" if is_deleted else part.type
    shown = shown_of(export.narrowing, resource_type)

    async def action(scope: AccessScope) -> tuple[tuple[bytes, _Place | None], list[Touched]]:
        records, is_last = await _records(reader, scope, export, place.record_id - 1, part.last)
        bodies: list[bytes] = []
        size = 0
        touched: list[Touched] = []
        following: _Place | None = None
        for access in records:
            after = place.after if access.record_id == place.record_id else 0
            if is_deleted:
                versions, more = await read_deletions(reader, requester, access, export, after=after, size=PAGE)
            else:
                versions, more = await read_at(
                    reader, access, export.release, instant=export.instant, since=export.since, after=after, size=PAGE,
                    chosen=await chosen(context, scope, access, export, resource_type),
                )  # fmt: skip
            if versions:
                found = [deletion(versions)] if is_deleted else [_line(part_of(one, shown).body) for one in versions]
                bodies += found
                size += sum(map(len, found))
                touched.append(Touched(access.record_id, access.reason, len(versions), resource_type))
            if more:
                following = _Place(access.record_id, versions[-1].seq)
                break
            if len(bodies) >= PAGE or size >= PAGE_BYTES:
                following = _Place(access.record_id + 1, 0)
                break
        else:
            following = None if is_last or not records else _Place(records[-1].record_id + 1, 0)
        return (b"".join(bodies), following), touched

    deed = Deed("operation-export", export.release, resource_type)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type or None), deed, action)


def _line(body: bytes) -> bytes:
    """Return a resource as one line: a line break can stand between the members of what came with some."""
    return body.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
