"""FHIR resources of one release into records, by an operator, in any order and of any number.

The lines are put on disk first (``import_spool.py``), so that those of one person go in together whatever their order was. They go in
by chunks: a transaction each, with its entry in the log of every person. A resource comes in once: an import that broke off
is begun again, and one that was done changes nothing. An export of Regie, which is a record as a whole, is brought in by
``restore.py``.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.db.database import Transaction
from app.errors import BadRequestError, NotSupportedError, RegieError, UnavailableError, UnprocessableError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.primitives import is_valid
from app.fhir.validation.structure import is_resource_type
from app.interactions.bringing import AlreadyIn, Bringing
from app.interactions.bundle import bundle
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.interactions.import_checks import Arrival, Checked, Checks
from app.interactions.import_helpers import Helpers
from app.interactions.import_lines import Line, Place, is_together, named, patients_named
from app.interactions.import_spool import Part, Spool, Spooled
from app.interactions.repeat import Outcome, issues_of
from app.interactions.written import Written

CHUNK = 50
"""Resources written in one transaction, for which others wait: twice as many are no faster."""

CHUNK_BYTES = 1024 * 1024
HELPED_FROM = 2_000
"""Lines from which on other processes help, which take a second to start."""

TOGETHER_MAX = 100_000
"""Entries of a batch or transaction in an import, which is written as one."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was not taken, with all that is wrong with it; ``reference`` is ``Type/id`` as far as it says so."""

    place: Place
    reference: str
    issues: tuple[Issue, ...]


@dataclass(slots=True)
class Imported:
    """How many resources were written, were in already, and were rejected."""

    written: int = 0
    already: int = 0
    rejected: int = 0


Told = Callable[[Rejected], None]
Progress = Callable[[str, int, int], None]
"""Is told what is done (``read`` or ``write``), of how many lines so far, and of how many in all (0: not known yet)."""


class _Ready(msgspec.Struct, frozen=True):
    """A line that was read: what is to be written, or what is wrong."""

    spooled: Spooled
    arrival: Arrival | None
    error: RegieError | None = None


_TURNS = 2
"""Of the event loop, until what was begun waits for the writer: its own, and that in which jobs are handed in together."""


class _NothingWrittenError(Exception):
    """All of a chunk was in already, or refused: what was made for it is undone."""


async def import_resources(
    context: Context,
    operator: Requester,
    trace: Trace,
    release: Release,
    lines: Iterable[Line],
    told: Told,
    progress: Progress = lambda *_: None,
    *,
    processes: int = 1,
) -> Imported:
    """Return how many resources are in; each line is an update, or a create if it has no id.

    ``told`` is told of each line that can't be taken; the others go in. With more than one of ``processes``, so many others check
    the lines of a large import while this one writes.
    Raises: UnavailableError, when the database does not take them; then it is begun again with the same lines.
    """
    finds = context.terminology_server is None  # it is asked first, where it is known what comes in together
    checks = Checks(context.setup, release, context.index, context.conformance, finds)
    work = _Import(context, operator, trace, release, checks, told, Imported())
    with Spool() as spool:
        async with Helpers(context.setup, release, processes if finds else 1, spool.file) as helpers:
            for line in lines:
                work.spool(spool, line)
                progress("read", spool.count, 0)
                if spool.count == HELPED_FROM:
                    await helpers.start()
            done = 0

            async def write(ready: Sequence[_Ready]) -> None:
                nonlocal done
                await work.write(ready)
                done += len(ready)
                progress("write", done, spool.count)

            async with _OneBehind() as behind:
                async for chunk, checked in helpers.checked(_chunks(spool.read())):
                    if chunk[0].part is Part.TOGETHER:
                        await behind.end()
                        await work.together(chunk[0], spool.body(chunk[0]))
                        done += 1
                        progress("write", done, spool.count)
                    else:
                        ready = work.read(spool, chunk, checked)
                        await behind.end()
                        await behind.begin(write(ready))
    return work.result


class _OneBehind:
    """Work that goes on while the next is made ready: the database answers meanwhile, or its disk."""

    def __init__(self) -> None:
        self._going: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for what goes on."""
        await self.end()

    async def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin ``work``, when the one before has ended."""
        self._going = asyncio.create_task(work)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Wait for what goes on. Raises: what it raises."""
        going, self._going = self._going, None
        if going is not None:
            await going


def _chunks(lines: Iterator[Spooled]) -> Iterator[list[Spooled]]:
    chunk: list[Spooled] = []
    size = 0
    for one in lines:
        is_apart = one.part is Part.TOGETHER or (chunk and chunk[-1].part is not one.part)
        if chunk and (is_apart or len(chunk) == CHUNK or size + one.body.size > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += one.body.size
    if chunk:
        yield chunk


@dataclass(frozen=True, slots=True)
class _Import:
    """One import on its way."""

    context: Context
    operator: Requester
    trace: Trace
    release: Release
    checks: Checks
    told: Told
    result: Imported

    def spool(self, spool: Spool, line: Line) -> None:
        """Put a line on disk, sorted by the person that it names; what is wrong with it is told later."""
        about = named(line.body)
        kind, chosen = about.resource_type, about.id or line.id
        part, person = Part.OF_NOBODY, ""
        if is_together(about):
            part = Part.TOGETHER
        elif kind == "Patient":
            person = chosen or ""
        elif is_resource_type(self.release, kind):
            patients = patients_named(partial(self.context.local, self.release), self.release, kind, line.body)
            person = patients.pop() if len(patients) == 1 else ""
        spool.add(line, Part.OF_A_PERSON if person else part, person, kind, chosen)

    def read(self, spool: Spool, chunk: Sequence[Spooled], checked: Sequence[Checked | None]) -> list[_Ready]:
        """Return a chunk ready to be written; ``checked`` is None for what is still to be checked."""
        return [self._read(spool, *one) for one in zip(chunk, checked, strict=True)]

    async def write(self, ready: Sequence[_Ready]) -> None:
        """Write a chunk in one transaction, and count it."""
        arrivals = [one.arrival for one in ready if one.arrival is not None]
        if self.context.terminology_server is not None:
            await self.context.ask_about(self.operator.kind, self.release, [one.parsed.tree for one in arrivals])
        deed = Deed("import-resources", self.release)
        outcomes: list[Outcome | AlreadyIn] = []

        async def job(transaction: Transaction, decide: Decide) -> tuple[None, list[Event]]:
            changes = Bringing(self.context, transaction, self.operator, self.trace, self.release, decide)
            outcomes[:] = await changes.bring_in(arrivals)
            await changes.finish()
            changed = changes.changed
            if not changed:
                raise _NothingWrittenError
            touched = [Touched(record, "operator", count, seq=seq) for record, (count, seq) in changed.items()]
            touched += [Touched(record, "operator") for record in _compared(outcomes) - changed.keys()]
            return None, [event(self.operator, self.trace, deed, one) for one in touched]

        if arrivals:
            try:
                await self.context.gate.change(self.operator, self.trace, deed, job)
            except _NothingWrittenError:
                await self._looked(deed, _compared(outcomes))
        await self._count(deed, ready, iter(outcomes))

    async def _looked(self, deed: Deed, records: set[int]) -> None:
        """Leave in the log of these records that what came was compared with what is in them."""

        async def action(_: AccessScope) -> tuple[None, list[Touched]]:
            return None, [Touched(record_id, "operator") for record_id in records]

        if records:
            await self.context.gate.look(self.operator, self.trace, Wish(Action.READ), deed, action)

    async def _count(self, deed: Deed, ready: Sequence[_Ready], outcomes: Iterable[Outcome | AlreadyIn]) -> None:
        """Count what became of each line; the log tells once of those that were refused."""
        following = iter(outcomes)
        first: RegieError | None = None
        for one in ready:
            outcome = one.error or next(following)
            if isinstance(outcome, Written):
                self.result.written += 1
            elif isinstance(outcome, AlreadyIn):
                self.result.already += 1
            else:
                self._reject(one.spooled.place, _reference(one.spooled), outcome)
                first = first or outcome
        if first is not None:
            await self.context.gate.refused(self.operator, self.trace, deed, first)

    def _reject(self, place: Place, reference: str, error: RegieError) -> None:
        self.result.rejected += 1
        self.told(Rejected(place, reference, issues_of(error)))

    def _read(self, spool: Spool, one: Spooled, checked: Checked | None) -> _Ready:
        kind = one.resource_type
        try:
            if one.fault:
                raise UnprocessableError(one.fault)
            if kind in NOT_KEPT:
                raise NotSupportedError(f"A {kind} is not kept as a resource of a record.")
            if checked is None:
                checked = self.checks.check(self.checks.parse(spool.body(one)))
            chosen = one.id or self._made_id(one)
            if not is_valid("id", chosen):
                raise BadRequestError("This is no id of a resource.", expression=f"{kind}.id")
            brings = bool(one.person) and spool.has_patient(one.person)
            times = one.times if one.id else 0
            arrival = Arrival(
                self.checks, partial(spool.body, one), (kind, chosen), checked, times=times, brings_patient=brings
            )
            return _Ready(one, arrival)
        except RegieError as error:
            return _Ready(one, None, error)

    def _made_id(self, one: Spooled) -> str:
        """Return the id of what has none: it follows from what is in it, so that it comes in once, and nobody can guess it."""
        text = one.content + f"{self.release.path} {one.times}".encode()
        digest = hashlib.blake2b(text, digest_size=16, key=self.context.index_key[:64]).digest()
        return str(uuid.UUID(bytes=digest, version=5))

    async def together(self, one: Spooled, body: bytes) -> None:
        """Do what a batch or transaction asks, once."""
        key = f"import {hashlib.sha256(body).hexdigest()} {one.times}"
        context = replace(self.context, limits=replace(self.context.limits, bundle_entries_max=TOGETHER_MAX))
        try:
            answer = await bundle(context, self.operator, self.trace, self.release, body, idempotency_key=key)
        except UnavailableError:
            raise
        except RegieError as error:
            self._reject(one.place, "Bundle", error)
            return
        for entry in answer.entries:
            outcome = entry.outcome
            if isinstance(outcome, RegieError):
                self._reject(msgspec.structs.replace(one.place, entry=entry.asked.index), entry.resource_type, outcome)
            elif isinstance(outcome, Written) and outcome.interaction:
                self.result.written += 1
            else:
                self.result.already += 1


def _reference(one: Spooled) -> str:
    return f"{one.resource_type}/{one.id}" if one.id else one.resource_type


def _compared(outcomes: Iterable[Outcome | AlreadyIn]) -> set[int]:
    """Return the records that had what came in."""
    return {one.record_id for one in outcomes if isinstance(one, AlreadyIn)}
