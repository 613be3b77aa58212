"""The one door to personal data: decide, run, record.

A look is recorded before its answer goes out, a change in the same transaction as the change. A refusal is recorded in a
transaction of its own.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec

from app.access.grant import Grant
from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.audit.events import Event, Trace
from app.audit.log import AuditLog
from app.audit.spate import Spate
from app.consent.grants import once_opened_to
from app.db.database import Connection, Inside, Recalled, Transaction
from app.errors import AccessDeniedError, AuthenticationError, RegieError, UnavailableError
from app.fhir.release import Release
from app.interactions.standing import Standing, TokenLookup, read_standing
from app.metrics import REFUSALS
from app.store.changes import record_exists
from app.store.ids import record_in

REFUSALS_PER_MINUTE = 300
"""Refusals of one party at one record that are written one by one; who has no valid token is one party."""

TRIES = 5
"""How often a look is done again because what its requester may see was changed under it."""

T = TypeVar("T")
Decide = Callable[[Wish], Awaitable[AccessScope]]


class Deed(msgspec.Struct, frozen=True):
    """What is done, as the log will say it: the FHIR interaction, and on what."""

    interaction: str
    release: Release | None = None
    resource_type: str = ""
    resource_id: str = ""


class Touched(msgspec.Struct, frozen=True):
    """One record that was looked into or changed; ``count`` resources of it. ``ground`` is what allowed it."""

    record_id: int
    ground: str = ""
    count: int = 0
    resource_type: str = ""
    resource_id: str = ""
    seq: int = 0
    interaction: str = ""


class Gate:
    """Decides with the grants in force at this moment, and sees to the log."""

    def __init__(
        self,
        database: Connection,
        audit: AuditLog,
        clock: Callable[[], datetime],
        now_us: Callable[[], int],
        index_key: bytes,
        of_token: TokenLookup,
    ) -> None:
        self.database = database
        self.audit = audit
        self.clock = clock
        self.now_us = now_us
        self.index_key = index_key
        self.of_token = of_token
        self._spate = Spate(REFUSALS_PER_MINUTE)

    def inside(self, transaction: Transaction) -> "Gate":
        """Return the same door for what is done as a part of a transaction: its entries stand or fall with that."""
        return type(self)(Inside(transaction), self.audit, self.clock, self.now_us, self.index_key, self.of_token)

    async def _standing(self, requester: Requester, access: Recalled, now: datetime) -> Standing:
        """Return what is at rest about who asks. Raises: AuthenticationError, for a token that is over and a record that is gone."""
        if requester.good_until is not None and now >= requester.good_until:
            raise AuthenticationError("A valid access token is needed: Authorization: Bearer [token].")
        return await access.of(
            requester.token_hash or requester, lambda reader: read_standing(reader, requester, now, self.of_token)
        )

    async def grants_of(self, requester: Requester) -> list[Grant]:
        """Return the grants that the requester rests on, in force or not, as they are remembered. Raises: AuthenticationError."""
        return (await self._standing(requester, await self.database.access(), self.clock())).grants

    async def scope(self, requester: Requester, wish: Wish, access: Recalled) -> AccessScope:
        """Return what the requester may touch, by the grants that ``access`` knows. Raises: AccessDeniedError, AuthenticationError."""
        now = self.clock()
        standing = await self._standing(requester, access, now)
        try:
            return standing.scope(requester, wish, now, self.index_key)
        except AccessDeniedError as error:
            if requester.only_record is not None:
                error.about = (requester.only_record,)
            elif requester.practice_id is not None and not any(one.is_in_force(now) for one in standing.grants):
                # Those who opened their record once have to see that it was tried after they closed it.
                error.about = tuple(await once_opened_to(access.reader, requester.practice_id))
            raise

    async def look(
        self,
        requester: Requester,
        trace: Trace,
        wish: Wish,
        deed: Deed,
        action: Callable[[AccessScope], Awaitable[tuple[T, Sequence[Touched]]]],
    ) -> T:
        """Return what ``action`` read within the scope; the log has an entry for every record it touched.

        What is remembered of access is looked at again where the entry is written: ``action`` is run again if it read within
        another scope than holds there.
        """
        for _ in range(TRIES):
            access = await self.database.access()
            scope = None
            try:
                scope = await self.scope(requester, wish, access)
                answer, touched = await action(scope)
            except RegieError as error:
                if await access.is_over() and await self._scope_now(requester, wish) != scope:
                    continue
                await self.refused(requester, trace, deed, error)
                raise
            events = [event(requester, trace, deed, one) for one in touched or (Touched(_own(requester)),)]
            try:
                seen = partial(self._seen, requester, wish, scope, access.version, events)
                if await self.database.write(seen, lane=_own(requester)):
                    return answer
            except UnavailableError:
                raise
            except RegieError as error:
                await self.refused(requester, trace, deed, error)
                raise
        raise UnavailableError("What may be seen changes all the time. Try again later.")

    async def _scope_now(self, requester: Requester, wish: Wish) -> AccessScope | None:
        """Return what the requester may touch by now, None for nothing."""
        try:
            return await self.scope(requester, wish, await self.database.access())
        except (AccessDeniedError, AuthenticationError):
            return None

    async def _seen(
        self,
        requester: Requester,
        wish: Wish,
        scope: AccessScope,
        version: int | None,
        events: Sequence[Event],
        transaction: Transaction,
    ) -> bool:
        """Record a look, and return true; or return false, if it was one within another scope than holds here."""
        access = await transaction.access()
        if (version is None or access.version != version) and await self.scope(requester, wish, access) != scope:
            return False
        transaction.at_commit(self.audit, events)
        return True

    async def hold(self, requester: Requester, trace: Trace, wish: Wish, deed: Deed, shown: RecordAccess) -> None:
        """Do nothing if a record of which more is to be shown is open as it was when the look was recorded.

        Raises: AccessDeniedError, AuthenticationError, with an entry in the log; UnavailableError.
        """
        try:
            for _ in range(TRIES):
                access = await self.database.access()
                scope = await self.scope(requester, wish, access)
                if not await access.is_over():
                    break
            else:
                raise UnavailableError("What may be seen changes all the time. Try again later.")
            if scope.of(shown.record_id) != shown:
                raise AccessDeniedError("What was open when this answer began is not so now.", about=(shown.record_id,))
        except RegieError as error:
            await self.refused(requester, trace, deed, error)
            raise

    async def change(
        self,
        requester: Requester,
        trace: Trace,
        deed: Deed,
        job: Callable[[Transaction, Decide], Awaitable[tuple[T, Sequence[Event]]]],
        *,
        lane: int | None = None,
    ) -> T:
        """Return what ``job`` did, durably, together with the log entries about it; ``lane`` is the record that it keeps to.

        ``job`` is handed the decision as a function, and asks it for each thing that it changes: it is made inside the
        transaction, with the grants as they stand then.
        """

        async def run(transaction: Transaction) -> T:
            await self._standing(requester, await transaction.access(), self.clock())
            known: dict[Wish, AccessScope] = {}

            async def decided(wish: Wish) -> AccessScope:
                if wish not in known:
                    known[wish] = await self.scope(requester, wish, await transaction.access())
                return known[wish]

            answer, events = await job(transaction, decided)
            transaction.at_commit(self.audit, events)
            return answer

        try:
            return await self.database.write(run, lane=lane)
        except UnavailableError:
            raise  # what can't take the change can't take an entry about it either
        except RegieError as error:
            await self.refused(requester, trace, deed, error)
            raise

    async def refused(self, requester: Requester | None, trace: Trace, deed: Deed, error: RegieError) -> None:
        """Record that something was refused: at the records it was about, or at the requester's own.

        What a practice asks for by an id that a record made is about that record, whatever the practice is told.
        """
        made_in = record_in(deed.resource_id)
        if made_in is not None and requester is not None and requester.practice_id is not None:
            # Also where it is known already: how long a refusal takes must not tell whether there is such a record.
            is_there = await record_exists(self.database.reader, made_in)
            error.about = error.about or ((made_in,) if is_there else ())
        events = self._bounded(refusals(requester, trace, deed, error))
        if events:

            async def job(transaction: Transaction) -> None:
                transaction.at_commit(self.audit, events)

            await self.database.write(job, lane=DIRECTORY)
        error.is_recorded = True
        REFUSALS.add(error.issue)

    def _bounded(self, events: list[Event]) -> list[Event]:
        """Return those that are to be written, one by one up to a bound: a flood must not fill the disk."""
        written = []
        now_us = self.now_us()
        for one in events:
            skipped = self._spate.left_out((one.actor, one.client, one.record_id), now_us)
            if skipped is not None:
                detail = f"{one.detail}, {skipped} more left out" if skipped else one.detail
                written.append(msgspec.structs.replace(one, detail=detail))
        return written


def event(requester: Requester, trace: Trace, deed: Deed, touched: Touched) -> Event:
    """Return the log's entry for one record that was touched."""
    return Event(
        touched.interaction or deed.interaction,
        record_id=touched.record_id,
        **_who(requester),
        ground=touched.ground,
        release=deed.release.path if deed.release else "",
        resource_type=touched.resource_type or deed.resource_type,
        resource_id=touched.resource_id or deed.resource_id,
        seq=touched.seq,
        count=touched.count,
        request_id=trace.request_id,
        medmij_request_id=trace.medmij_request_id,
        correlation_id=trace.correlation_id,
        address=trace.address,
    )


def _who(requester: Requester | None) -> dict[str, Any]:
    """Return what an event says of who asked; nothing of who is not known."""
    if requester is None:
        return {}
    return {
        "kind": requester.kind.value,
        "actor": requester.actor,
        "display": requester.display,
        "client": requester.client_id,
        "role": requester.role,
        "organisation": requester.organisation,
        "on_behalf_of": requester.on_behalf_of,
        "assurance": requester.assurance,
    }


def refusals(requester: Requester | None, trace: Trace, deed: Deed, error: RegieError) -> list[Event]:
    """Return the log's entries for something that was refused, one for each record it was about."""
    # Who has a record of their own is refused in their own log: their name has no place in that of somebody else.
    about = error.about if requester is None or requester.record_id is None else ()
    about = about or ((_own(requester),) if requester else (-1,))
    return [
        Event(
            deed.interaction,
            record_id=record_id,
            outcome="refused",
            status=error.status,
            detail=type(error).__name__,
            **_who(requester),
            release=deed.release.path if deed.release else "",
            resource_type=deed.resource_type,
            resource_id=deed.resource_id,
            request_id=trace.request_id,
            medmij_request_id=trace.medmij_request_id,
            correlation_id=trace.correlation_id,
            address=trace.address,
        )
        for record_id in about
    ]


def _own(requester: Requester) -> int:
    """Return the record to log at when none was touched: the requester's own, else the directory's."""
    return DIRECTORY if requester.record_id is None else requester.record_id
