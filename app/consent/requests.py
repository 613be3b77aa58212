"""What a practice asked a person for, at rest. A request opens nothing: the person answers it with a grant, or not.

A practice must not learn from its requests who has a record here, who declined, or who closed the door on it. So a request
that reaches nobody is kept too, as one of ``NOBODY``, and what it reads of its own is ``State``: to it, one that was
declined waits until its time is over.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, null, or_, select, update

from app.access.categories import Category
from app.access.smart_scope import Action
from app.consent.tables import access_request
from app.db.database import Reader, Row, Transaction
from app.db.statements import hot
from app.errors import ConflictError, NotFoundError, TooManyRequestsError
from app.fhir.dates import microseconds, moment_of


class Answer(StrEnum):
    """What the person said; NONE while they did not."""

    NONE = ""
    ACCEPTED = "accepted"
    DECLINED = "declined"


NOBODY = -1
"""The record of requests that reach nobody."""

WAITS = timedelta(days=30)
"""How long a request waits for its answer."""

TOLD = timedelta(days=90)
"""How long after that a practice still reads it."""

CLOSED = timedelta(days=365)
"""How long a practice can't ask somebody who does not want to be asked again."""

OPEN_MAX = 3
"""Requests of one practice that wait for one person."""

HOURLY_MAX = 60
"""Requests that a practice can make in an hour, so that nobody finds codes by guessing."""

LISTED_MAX = 500

_c = access_request.c
_INSERT = hot(insert(access_request))
_of_practice = select(access_request).where(_c.practice_id == bindparam("practice_id"))
_OF_PRACTICE = hot(
    _of_practice.where(_c.asked_at > bindparam("after")).order_by(_c.asked_at.desc(), _c.request_id).limit(LISTED_MAX)
)
_COUNT_SINCE = hot(
    select(func.count()).where(_c.practice_id == bindparam("practice_id"), _c.asked_at > bindparam("after"))
)
_waiting = (_c.answer == "", _c.waits_until > bindparam("now"))
_STANDING = hot(
    select(
        func.count().filter(*_waiting),
        func.count().filter(_c.closed_until > bindparam("now")),
    ).where(_c.record_id == bindparam("record_id"), _c.practice_id == bindparam("practice_id"))
)
_ONE = hot(
    select(access_request).where(_c.record_id == bindparam("record_id"), _c.request_id == bindparam("request_id"))
)
_OF_RECORD = hot(
    select(access_request)
    .where(_c.record_id == bindparam("record_id"), or_(_waiting[0] & _waiting[1], _c.closed_until > bindparam("now")))
    .order_by(_c.asked_at.desc(), _c.request_id)
)
_ANSWER = hot(
    update(access_request)
    .where(_c.record_id == bindparam("of_record"), _c.request_id == bindparam("which"), *_waiting)
    .values(
        answer=bindparam("new_answer"),
        answered_at=bindparam("now"),
        grant_id=bindparam("new_grant"),
        closed_until=bindparam("closed"),
    )
)
_DECLINE_OTHERS = hot(
    update(access_request)
    .where(_c.record_id == bindparam("of_record"), _c.practice_id == bindparam("of_practice"), *_waiting)
    .values(answer=Answer.DECLINED.value, answered_at=bindparam("now"))
)
_REOPEN = hot(
    update(access_request)
    .where(
        _c.record_id == bindparam("of_record"),
        _c.practice_id == bindparam("of_practice"),
        _c.closed_until.is_not(None),
    )
    .values(closed_until=null())
)
_ERASE = hot(
    update(access_request)
    .where(_c.record_id == bindparam("of_record"))
    .values(record_id=NOBODY, words="", grant_id="", closed_until=null())
)
_FORGET = hot(delete(access_request).where(_c.record_id == NOBODY, _c.waits_until < bindparam("before")))


class State(StrEnum):
    """How a request stands, as the practice reads it."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a practice asks for: the most that it would get. ``until`` is UTC, ``words`` a line for the person, or empty."""

    categories: Category
    actions: Action
    purpose: str
    until: datetime
    words: str = ""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request, and what became of it; all instants UTC.

    ``asked_by`` is who asked for the practice. ``grant_id`` is the grant that was the answer, empty without one. Until
    ``closed_until`` the practice can't ask this person again.
    """

    record_id: int
    request_id: str
    practice_id: str
    asked_by: str
    wanted: Wanted
    asked_at: datetime
    waits_until: datetime
    answer: Answer
    grant_id: str
    closed_until: datetime | None

    def is_waiting(self, now: datetime) -> bool:
        """Return whether the person can answer."""
        return self.answer is Answer.NONE and now < self.waits_until

    def state(self, now: datetime) -> State:
        """Return what the practice is told."""
        if self.answer is Answer.ACCEPTED:
            return State.ACCEPTED
        return State.WAITING if now < self.waits_until else State.ENDED


async def put(
    transaction: Transaction, record_id: int | None, practice_id: str, asked_by: str, wanted: Wanted, now: datetime
) -> AccessRequest:
    """Return the new request, which reaches nobody if ``record_id`` is None or its person is not to be asked (again).

    Raises: TooManyRequestsError.
    """
    now_us = microseconds(now)
    await transaction.run(_FORGET, {"before": microseconds(now - TOLD)})
    hour = {"practice_id": practice_id, "after": microseconds(now - timedelta(hours=1))}
    if (await transaction.one(_COUNT_SINCE, hour) or (0,))[0] >= HOURLY_MAX:
        message = f"A practice can ask {HOURLY_MAX} times in an hour."
        raise TooManyRequestsError(message)
    about = {"record_id": NOBODY if record_id is None else record_id, "practice_id": practice_id, "now": now_us}
    waiting, closed = await transaction.one(_STANDING, about) or (0, 0)
    reached = record_id if record_id is not None and waiting < OPEN_MAX and not closed else NOBODY
    request = AccessRequest(
        record_id=reached,
        request_id=str(UUID(bytes=secrets.token_bytes(16), version=4)),
        practice_id=practice_id,
        asked_by=asked_by,
        wanted=wanted,
        asked_at=now,
        waits_until=now + WAITS,
        answer=Answer.NONE,
        grant_id="",
        closed_until=None,
    )
    await transaction.run(_INSERT, _row(request))
    return request


async def of_practice(reader: Reader, practice_id: str, now: datetime) -> list[AccessRequest]:
    """Return the newest ``LISTED_MAX`` of what a practice asked for and may still read, the newest first."""
    wanted = {"practice_id": practice_id, "after": microseconds(now - WAITS - TOLD)}
    return [_request(row) for row in await reader.all(_OF_PRACTICE, wanted)]


async def of_record(reader: Reader, record_id: int, now: datetime) -> tuple[list[AccessRequest], list[AccessRequest]]:
    """Return what waits for the person, the newest first, and those after which a practice can't ask again for now."""
    rows = await reader.all(_OF_RECORD, {"record_id": record_id, "now": microseconds(now)})
    found = [_request(row) for row in rows]
    return [one for one in found if one.is_waiting(now)], [one for one in found if not one.is_waiting(now)]


async def one(reader: Reader, record_id: int, request_id: str) -> AccessRequest:
    """Return a request to this person, whatever became of it. Raises: NotFoundError."""
    row = await reader.one(_ONE, {"record_id": record_id, "request_id": request_id})
    if row is None:
        message = "This request is not known."
        raise NotFoundError(message)
    return _request(row)


async def answer(
    transaction: Transaction,
    request: AccessRequest,
    said: Answer,
    now: datetime,
    *,
    grant_id: str = "",
    closes: bool = False,
) -> None:
    """Keep what the person said; ``closes`` keeps the practice from asking again for a year, and declines what else it asked.

    Raises: ConflictError, when it was answered before, or its time is over.
    """
    row = {
        "of_record": request.record_id, "which": request.request_id, "now": microseconds(now), "new_answer": said.value,
        "new_grant": grant_id, "closed": microseconds(now + CLOSED) if closes else None,
    }  # fmt: skip
    if not await transaction.run(_ANSWER, row):
        message = "This request waits for no answer any more."
        raise ConflictError(message)
    if closes:
        others = {"of_record": request.record_id, "of_practice": request.practice_id, "now": microseconds(now)}
        await transaction.run(_DECLINE_OTHERS, others)


async def reopen(transaction: Transaction, record_id: int, practice_id: str) -> bool:
    """Return whether a practice can ask this person again that could not before."""
    return await transaction.run(_REOPEN, {"of_record": record_id, "of_practice": practice_id}) > 0


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many requests of a record are of nobody from now on; their practices don't learn of it."""
    return await transaction.run(_ERASE, {"of_record": record_id})


def _row(request: AccessRequest) -> dict[str, object]:
    return {
        "record_id": request.record_id,
        "request_id": request.request_id,
        "practice_id": request.practice_id,
        "asked_by": request.asked_by,
        "categories": int(request.wanted.categories),
        "actions": int(request.wanted.actions),
        "purpose": request.wanted.purpose,
        "ends_at": microseconds(request.wanted.until),
        "words": request.wanted.words,
        "asked_at": microseconds(request.asked_at),
        "waits_until": microseconds(request.waits_until),
        "answer": request.answer.value,
        "answered_at": None,
        "grant_id": request.grant_id,
        "closed_until": None,
    }


def _request(row: Row) -> AccessRequest:
    (
        record_id, request_id, practice_id, asked_by, categories, actions, purpose, ends_at, words, asked_at, waits_until,
        said, _, grant_id, closed_until,
    ) = row  # fmt: skip
    return AccessRequest(
        record_id=record_id,
        request_id=request_id,
        practice_id=practice_id,
        asked_by=asked_by,
        wanted=Wanted(Category(categories), Action(actions), purpose, moment_of(ends_at), words),
        asked_at=moment_of(asked_at),
        waits_until=moment_of(waits_until),
        answer=Answer(said),
        grant_id=grant_id,
        closed_until=None if closed_until is None else moment_of(closed_until),
    )
