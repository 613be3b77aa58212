"""``Patient/$everything``: all current resources of one person that the requester may see, in the order of change.

Resources of the shared directory that the record refers to are not repeated here: they can be read by their reference.
A resource that says no date of care at all belongs to every period.

Spec: https://hl7.org/fhir/R4/patient-operation-everything.html, https://hl7.org/fhir/STU3/patient-operations.html#everything
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.db.database import Reader
from app.errors import BadRequestError, GoneError, NotFoundError
from app.fhir.dates import MAX_US, MIN_US
from app.fhir.release import Release
from app.fhir.search.definitions import core_definitions
from app.fhir.validation.structure import resource_types
from app.interactions.consents import made_record
from app.interactions.context import Context, gathered
from app.interactions.gate import Deed, Touched
from app.interactions.placement import record_of_patient
from app.store.everything import (
    PART,
    Shown,
    as_shown,
    every_numbered,
    numbers_of_everything,
    read_numbered,
    read_shown,
)
from app.store.pages import PAGE_BYTES
from app.store.resources import Stored
from app.store.time_zone import time_zone_of

__all__ = ["EVERYTHING_MAX", "Everything", "Narrow", "Narrowing", "Shown", "everything", "not_at_all", "person"]

EVERYTHING_MAX = 100_000
T = TypeVar("T")
Read = Callable[[Reader, RecordAccess, Sequence[int]], Awaitable[tuple[list[T], int]]]
"""How a part is read: the first of these numbers, and how many those were."""


@dataclass(frozen=True, slots=True)
class Everything:
    """What was found, to be read in parts, and where the next page begins (None: there is none).

    ``numbers`` are those of the changes that were current when it was asked for: what is changed while the parts are read is
    shown as it was then. ``consents`` are made for this answer: the record in memory that they were in takes a megabyte, and is
    gone before the first byte goes out. ``check`` raises once what was open is not so any more.
    """

    context: Context
    access: RecordAccess
    numbers: Sequence[int]
    following: int | None
    consents: Sequence[Stored]
    check: Callable[[], Awaitable[None]]

    def parts(self) -> AsyncIterator[list[Shown]]:
        """Yield the resources in the order of change; before each part but the first it is looked whether it may be shown still.

        Raises: AccessDeniedError, GoneError.
        """
        return self._parts(read_shown, [as_shown(one) for one in self.consents])

    async def _parts(self, read: Read[T], consents: list[T]) -> AsyncIterator[list[T]]:
        done = 0
        while done < len(self.numbers):
            if done:
                await self.check()
            found, count = await read(self.context.database.reader, self.access, self.numbers[done : done + PART])
            if len(found) < count:
                message = "Something that was there when this answer began is not there any more."
                raise GoneError(message)
            done += count
            yield found
        if consents:
            if done:
                await self.check()
            yield consents

    async def begun(self) -> tuple[AsyncIterator[list[Shown]], bool]:
        """Return ``parts``, of which the first has been read, and whether what is kept is in that. Raises: as ``parts``."""
        parts = self.parts()
        begun = await anext(parts, None)
        first = [] if begun is None else [begun]
        del begun
        is_small = sum(map(len, first)) >= len(self.numbers)

        async def from_the_first() -> AsyncIterator[list[Shown]]:
            while first:
                yield first.pop()
            async for part in parts:
                yield part

        return from_the_first(), is_small

    async def page(self) -> tuple[list[Stored], int | None]:
        """Return what one page has room for, and where the next one begins (None: there is none). Raises: as ``parts``."""
        page: list[Stored] = []
        size = 0
        async for part in self._parts(read_numbered, [*self.consents]):
            page += part
            size += sum(len(version.body) for version in part)
            if size > PAGE_BYTES and len(page) < len(self.numbers) + len(self.consents):
                return page, page[-1].seq
        return page, self.following


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which part of everything is asked for; instants in microseconds UTC, None where nothing was said.

    ``types`` are resource types, ``since`` when a resource was last changed, ``start`` and ``end`` what its dates say.
    """

    types: frozenset[str] | None = None
    since: int = 0
    start: int | None = None
    end: int | None = None

    @property
    def is_dated(self) -> bool:
        """Whether the dates of resources are asked for."""
        return self.start is not None or self.end is not None


Narrow = Callable[[ZoneInfo], Narrowing]
"""From the time zone of a record to what is asked of it: a day is a day there."""


def not_at_all(_: ZoneInfo) -> Narrowing:
    """Ask for everything there is."""
    return Narrowing()


async def everything(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    patient_id: str | None,
    *,
    narrow: Narrow = not_at_all,
    after: int = 0,
    count: int | None = None,
    releases: Sequence[Release] = (),
) -> Everything:
    """Return the resources last changed after ``after``, to be read in parts.

    ``patient_id`` None is the one person whose record the requester has. ``releases`` are those whose resources are
    looked for, ``release`` alone if none is named; a person is known by their Patient in any of them.
    Raises: NotFoundError, BadRequestError.
    """
    sought = releases or (release,)

    wish = Wish(Action.READ)
    deed = Deed("operation-everything", release, "Patient", patient_id or "")

    async def action(scope: AccessScope) -> tuple[Everything, Sequence[Touched]]:
        access = await _person_in_any(context, scope, sought, patient_id)
        zone = await time_zone_of(context.database.reader, access.record_id)
        narrowing = narrow(zone or context.time_zone)
        limit = EVERYTHING_MAX if count is None else count
        made = await made_record(context, requester, scope, release, is_searched=narrowing.is_dated)
        look = partial(_numbers, access=access, narrowing=narrowing, after=after, limit=limit + 1)
        kept = await gathered(context, access.record_id, partial(look, context, sought))
        told = [] if made is None else await look(context, sought[:1], made)
        page, open_types = sorted(kept)[:limit], _of_types(access, narrowing.types)
        shown = told[: limit - len(page)]
        consents = [] if made is None else [one async for one in every_numbered(made, open_types, shown)]
        last = shown[-1] if shown else page[-1] if page else None
        following = last if len(kept) + len(told) > limit else None
        check = partial(context.gate.hold, requester, trace, wish, deed, access)
        found = Everything(context, open_types, page, following, consents, check)
        return found, (Touched(access.record_id, access.reason, len(page) + len(consents)),)

    return await context.gate.look(requester, trace, wish, deed, action)


async def _numbers(
    context: Context,
    releases: Sequence[Release],
    made: Reader | None = None,
    *,
    access: RecordAccess,
    narrowing: Narrowing,
    after: int,
    limit: int,
) -> list[int]:
    """Return the numbers of what is asked for, ``limit`` at most of each release; of what is kept, or what was ``made``."""
    found: list[int] = []
    for release in releases:
        dates = None
        if narrowing.is_dated:
            start = MIN_US if narrowing.start is None else narrowing.start
            dates = (_care_dates(release), start, MAX_US if narrowing.end is None else narrowing.end)
        found += await numbers_of_everything(
            made or context.database.reader, _of_types(access, narrowing.types), release,
            after=after, limit=limit, since=narrowing.since, dates=dates,
        )  # fmt: skip
    return found


def _of_types(access: RecordAccess, types: frozenset[str] | None) -> RecordAccess:
    """Return the part of an access that is of these types."""
    if types is None:
        return access
    return replace(access, types=types if access.types is None else access.types & types)


@cache
def _care_dates(release: Release) -> tuple[int, ...]:
    """Return the numbers of the date parameters that tell when care was given: not when somebody was born or died."""
    known = core_definitions(release)
    numbers = {
        stored.number
        for name in resource_types(release)
        for parameter in known.supported(name).values()
        if parameter.kind == "date" and parameter.name not in ("_lastUpdated", "birthdate", "death-date")
        for stored in parameter.stored_in
    }
    return tuple(sorted(numbers))


async def _person_in_any(
    context: Context, scope: AccessScope, releases: Sequence[Release], patient_id: str | None
) -> RecordAccess:
    """Return the access to the record of one person, named by the id of their Patient in any of the releases."""
    refused: list[NotFoundError] = []
    for release in releases:
        try:
            return await person(context, scope, release, patient_id)
        except NotFoundError as error:
            refused.append(error)
    refused[0].about = tuple(sorted({record for error in refused for record in error.about}))
    raise refused[0]


async def person(context: Context, scope: AccessScope, release: Release, patient_id: str | None) -> RecordAccess:
    """Return the access to the record of one person.

    Raises: NotFoundError (unknown and not granted alike), BadRequestError (nobody named, and more than one possible).
    """
    if patient_id is None:
        if len(scope.personal) == 1:
            return scope.personal[0]
        message = "Name the patient: Patient/[id]/$everything."
        raise BadRequestError(message)
    record_id = await record_of_patient(context.database.reader, release, patient_id)
    access = scope.of(record_id) if record_id not in (None, DIRECTORY) and record_id is not None else None
    if access is None:
        message = f"Patient/{patient_id} is not known."
        raise NotFoundError(message, about=() if record_id is None else (record_id,))
    return access
