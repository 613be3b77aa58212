"""What an export tells to delete: what its requester could have seen when it was deleted, and could see now if it were still there.

The decision is that of ``policy.decide``, made once more with the grants as they stood then. Between two moments at which a grant
begins or ends it is the same for every deletion, so that it stands in the statement as every scope does. A change has its instant
to the millisecond, cut off: what is deleted in the millisecond in which a grant begins is not told, and nobody could have had it.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from app.access.grant import Grant, Grantee, as_they_stood
from app.access.policy import Wish, decide
from app.access.requester import Requester, RequesterKind
from app.access.scope import RecordAccess
from app.access.smart_scope import Action
from app.consent.grants import of_record
from app.db.database import Reader
from app.errors import AccessDeniedError
from app.fhir.dates import microseconds, moment_of
from app.jobs.exports import Export
from app.store.at_moment import Window, count_of_deletions_at, deletions_at
from app.store.resources import Stored

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Span:
    """What was open in the time of a window, and is open now."""

    window: Window
    access: RecordAccess


async def count_of_deletions(reader: Reader, requester: Requester, access: RecordAccess, export: Export) -> int:
    """Return how many resources of a record an export tells to delete; none where it does not ask what changed since a moment."""
    window = _window(export)
    if not export.since or not await count_of_deletions_at(reader, access, export.release, window):
        return 0
    spans = await _spans(reader, requester, access, window)
    counts = [await count_of_deletions_at(reader, one.access, export.release, one.window) for one in spans]
    return sum(counts)


async def read_deletions(
    reader: Reader, requester: Requester, access: RecordAccess, export: Export, *, after: int, size: int
) -> tuple[list[Stored], bool]:
    """Return the first deletions that are told of a record, those of changes above ``after``; and whether there may be more."""
    spans = await _spans(reader, requester, access, _window(export))
    for number, one in enumerate(spans, 1):
        found, more = await deletions_at(reader, one.access, export.release, one.window, after=after, size=size)
        if found:
            return found, more or number < len(spans)
    return [], False


def deletion(deleted: Sequence[Stored]) -> bytes:
    """Return the line that deletes some resources: a transaction."""
    entries = [{"request": {"method": "DELETE", "url": one.reference}} for one in deleted]
    return _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n"


def _window(export: Export) -> Window:
    return Window(export.since, export.instant + 1, export.instant)


async def _spans(reader: Reader, requester: Requester, access: RecordAccess, window: Window) -> list[_Span]:
    """Return the parts of a window in which something was open that is open now, in order."""
    if requester.kind is RequesterKind.OPERATOR:
        return [_Span(window, access)]
    given = [grant for grant in await of_record(reader, access.record_id) if _is_to(grant, requester)]
    turns = {microseconds(moment) for grant in given for moment in _turns(grant)}
    begins = [window.since, *sorted(turn for turn in turns if window.since < turn < window.before)]
    spans: list[_Span] = []
    for begin, end in zip(begins, [*begins[1:], window.before], strict=True):
        opened = _then(requester, access, given, begin)
        if opened is None:
            continue
        if spans and spans[-1].access == opened and spans[-1].window.before == begin:
            begin = spans.pop().window.since  # noqa: PLW2901 - two spans that are one
        spans.append(_Span(replace(window, since=begin, before=end), opened))
    return spans


def _is_to(grant: Grant, requester: Requester) -> bool:
    return grant.grantee is Grantee.PRACTICE and grant.grantee_id == requester.practice_id


def _turns(grant: Grant) -> tuple[datetime, ...]:
    """Return the moments at which a version of a grant may begin or end to open something."""
    ended = () if grant.withdrawn_at is None else (grant.withdrawn_at,)
    return (grant.given_at, grant.starts_at, grant.ends_at, *ended)


def _then(requester: Requester, access: RecordAccess, given: Sequence[Grant], at: int) -> RecordAccess | None:
    """Return what of ``access`` was open at an instant, or None."""
    moment = moment_of(at)
    try:
        opened = decide(requester, Wish(Action.SEARCH), as_they_stood(given, moment), moment).of(access.record_id)
    except AccessDeniedError:
        return None
    if opened is None:
        return None
    return replace(access, parts=access.parts & opened.parts, unlocked=access.unlocked & opened.unlocked)
