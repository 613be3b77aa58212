"""What is new about a person for somebody of a practice: what changed since they last said that they saw it, and alarms.

All of it is read within the scope of the look that it is a part of. What the reader changed themselves is not news to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.access.categories import ALL_PARTS, PARTS, Category
from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.db.database import Transaction
from app.errors import AccessDeniedError
from app.fhir.elements import Tree, day_of
from app.fhir.release import Release
from app.identity.staff_looks import StaffLook, last_look, saw
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.interactions.prepared import ready
from app.store.news import read_changed
from app.store.search.run import Run, read_matches

FLAG = "Flag"
FLAGS_MAX = 500
"""Flags of a release that are read of one person, the newest; no search tells which of them are over."""

CHANGES_MAX = 200
"""Changes that are counted; of more it is only said that there are more."""


@dataclass(frozen=True, slots=True)
class News:
    """What is new about one person.

    ``seen_at`` is when the reader last said that they saw it, None for never: then nothing is counted. ``counts`` has how many
    resources changed by part, in the usual order; ``is_cut``: there are more. ``until`` is the number of the last change that
    was counted, or up to which was seen before. ``alarms`` are the Flags that hold today.
    """

    seen_at: datetime | None
    counts: tuple[tuple[Category, int], ...]
    is_cut: bool
    until: int
    alarms: tuple[Tree, ...]

    @property
    def count(self) -> int:
        """Return how many resources changed."""
        return sum(count for _, count in self.counts)


def flags(context: Context) -> tuple[Run, ...]:
    """Return the searches for Flags, made once for all the people of a look."""
    return tuple(ready(context, release, FLAG, [], lenient=False).run for release in Release)


async def news_of(context: Context, requester: Requester, access: RecordAccess, searches: Sequence[Run]) -> News:
    """Return what is new in a record for the one of a practice who asks; ``searches`` are ``flags``."""
    reader = context.database.reader
    look = await last_look(reader, access.record_id, requester.staff_id)
    changed = await read_changed(reader, access, look.seq if look else 0, CHANGES_MAX + 1 if look else 1)
    until = changed[0].seq if changed else look.seq if look else 0
    shown = access.parts | access.unlocked
    resources = {
        (one.resource_type, one.resource_id): one.categories & shown
        for one in reversed(changed[:CHANGES_MAX])  # of a resource the newest counts
        if look is not None and one.actor != requester.actor
    }
    # What belongs to several parts is of all of them, such as who gives care: it says nothing by itself.
    counts = {part: sum(1 for one in resources.values() if one & ALL_PARTS == part) for part in PARTS}
    return News(
        seen_at=look.seen_at if look else None,
        counts=tuple((part, count) for part, count in counts.items() if count),
        is_cut=look is not None and len(changed) > CHANGES_MAX,
        until=until,
        alarms=tuple(await _alarms(context, access, searches)),
    )


async def mark_seen(context: Context, requester: Requester, trace: Trace, look: StaffLook) -> None:
    """Keep that the requester saw what changed of the person that they look at, as far as their page showed it.

    Raises: AccessDeniedError, when nothing is shared (any more).
    """
    record_id = requester.only_record or DIRECTORY
    deed = Deed("seen")

    async def job(transaction: Transaction, decide: Decide) -> tuple[None, Sequence[Event]]:
        access = (await decide(Wish(Action.READ))).of(record_id)
        if access is None:
            raise AccessDeniedError("No consent covers this request.", about=(record_id,))
        before = await last_look(transaction, record_id, requester.staff_id)
        newest = await read_changed(transaction, access, 0, 1)
        seen = max(min(look.seq, newest[0].seq if newest else 0), before.seq if before else 0)
        at = min(look.seen_at, context.clock())
        at = max(at, before.seen_at) if before else at
        await saw(transaction, record_id, requester.staff_id, StaffLook(seen, at))
        return None, [event(requester, trace, deed, Touched(record_id, access.reason))]

    await context.gate.change(requester, trace, deed, job)


async def _alarms(context: Context, access: RecordAccess, searches: Sequence[Run]) -> list[Tree]:
    today = context.clock().astimezone(context.time_zone).date()
    found: list[Tree] = []
    for run in searches:
        matches = await run.page(context.database.reader, AccessScope((access,)), None, FLAGS_MAX)
        read, _ = await read_matches(matches)
        found += [one.version.tree() for one in read]
    return [one for one in found if holds(one, today)]


def holds(flag: Tree, today: date) -> bool:
    """Return whether a Flag is active, and its period not over or still to come."""
    period = flag.get("period") or {}
    start, end = day_of(period.get("start")), day_of(period.get("end"))
    return flag.get("status") == "active" and (start is None or start <= today) and (end is None or today <= end)
