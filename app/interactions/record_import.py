"""Lines of FHIR resources of one release into records, by an operator.

Each line is an update, or a create if it has no id, and what was sent before is not done again: a broken import can be run again.
An export of Regie, which is a record as a whole, is brought in by ``restore.py``.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from app.access.requester import Requester
from app.audit.events import Trace
from app.errors import NotSupportedError, RegieError, UnavailableError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.interactions.context import Context
from app.interactions.repeat import Outcome, issues_of
from app.interactions.single import create, update
from app.interactions.written import Written

GROUP = 100
"""Requests under way at once; fewer when they are large."""

GROUP_BYTES = 4 * 1024 * 1024
Refused = Callable[[int, tuple[Issue, ...]], None]


class _Named(msgspec.Struct):
    """What a line of FHIR says about where it belongs."""

    resource_type: str = msgspec.field(name="resourceType")
    id: str | None = None


def _refuse_what_is_not_kept(resource_type: str) -> None:
    if resource_type in NOT_KEPT:
        raise NotSupportedError(f"A {resource_type} is not kept as a resource of a record.")


def _told(outcomes: Iterable[tuple["_Sent", Outcome]], refused: Refused) -> int:
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
