"""The outbox: jobs at rest, from the transaction that puts one to the delivery that ends it.

``due`` is when a job may be tried. Claiming moves it into the future by a lease, in a transaction of its own, so that
two deliverers never hold one job and a deliverer that was killed lets go of it by doing nothing. A job whose ``due``
has moved since it was read belongs to somebody else.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.jobs.tables import outbox

T = TypeVar("T")

_PUT = hot(insert(outbox))
_DUE = hot(
    select(outbox.c.record_id, outbox.c.job_id, outbox.c.kind, outbox.c.body, outbox.c.due, outbox.c.tries)
    .where(outbox.c.due <= bindparam("now"))
    .order_by(outbox.c.due)
    .limit(bindparam("limit"))
)
_IS_DUE = hot(select(outbox.c.due).where(outbox.c.due <= bindparam("now")).limit(1))
_SEEN = (
    outbox.c.record_id == bindparam("record"),
    outbox.c.job_id == bindparam("job"),
    outbox.c.due == bindparam("seen_due"),
)
_CLAIM = hot(update(outbox).where(*_SEEN).values(due=bindparam("next_due"), tries=bindparam("next_tries")))
_POSTPONE = hot(update(outbox).where(*_SEEN).values(due=bindparam("next_due"), error=bindparam("next_error")))
_END = hot(delete(outbox).where(outbox.c.record_id == bindparam("record"), outbox.c.job_id == bindparam("job")))
_WAITING = hot(
    select(
        func.count(),
        func.count().filter(outbox.c.error != ""),
        func.coalesce(func.max(outbox.c.tries), 0),
        func.min(outbox.c.due),
    )
    .select_from(outbox)
    .where(or_(outbox.c.due <= bindparam("now"), outbox.c.tries > 0))
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was claimed: ``due_us`` is the end of the lease, ``tries`` counts this try too.

    ``job_id`` stays the same through all tries, so that what is delivered twice can be seen to be one thing.
    """

    record_id: int
    job_id: str
    kind: str
    body: bytes
    due_us: int
    tries: int

    def decoded(self, of: type[T]) -> T:
        """Return the body as a value of type ``of``. Raises: msgspec.ValidationError."""
        return msgspec.json.decode(self.body, type=of)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many ``jobs`` are not delivered, how many of them are ``failing``, the most tries that one had, and which is due first."""

    jobs: int
    failing: int
    tries_max: int
    first_due_us: int | None = field(default=None, compare=False)


async def put(
    transaction: Transaction, *, record_id: int, kind: str, body: msgspec.Struct | dict[str, Any], now_us: int
) -> str:
    """Return the id of a new job, which exists when ``transaction`` commits and only then."""
    job_id = secrets.token_hex(16)
    row = {"record_id": record_id, "job_id": job_id, "kind": kind, "body": msgspec.json.encode(body)}
    await transaction.run(_PUT, {**row, "due": now_us, "tries": 0, "error": ""})
    return job_id


async def is_due(reader: Reader, now_us: int) -> bool:
    """Tell whether a job may be claimed: a look that takes no lock, for between the claims."""
    return await reader.one(_IS_DUE, {"now": now_us}) is not None


async def claim(transaction: Transaction, *, now_us: int, lease_us: int, limit: int) -> list[Job]:
    """Return jobs that are due, longest waiting first, and that are the caller's for ``lease_us`` microseconds."""
    leased_until = now_us + lease_us
    claimed = []
    for record_id, job_id, kind, body, due, tries in await transaction.all(_DUE, {"now": now_us, "limit": limit}):
        job = Job(record_id, job_id, kind, body, leased_until, tries + 1)
        key = {"record": record_id, "job": job_id, "seen_due": due}
        if await transaction.run(_CLAIM, {**key, "next_due": leased_until, "next_tries": job.tries}):
            claimed.append(job)
    return claimed


async def end(transaction: Transaction, job: Job) -> None:
    """Remove a job that was delivered, whoever holds it now."""
    await transaction.run(_END, {"record": job.record_id, "job": job.job_id})


async def postpone(transaction: Transaction, job: Job, *, due_us: int, error: str) -> bool:
    """Tell whether ``job`` was put off until ``due_us``; not so if its lease ran out and somebody else holds it.

    ``error`` is the name of what went wrong, never its message, which may repeat an address.
    """
    key = {"record": job.record_id, "job": job.job_id, "seen_due": job.due_us}
    return await transaction.run(_POSTPONE, {**key, "next_due": due_us, "next_error": error}) > 0


async def waiting(reader: Reader, now_us: int) -> Waiting:
    """Return how much is not delivered that was due by ``now_us``, for whoever watches over the server."""
    row = await reader.one(_WAITING, {"now": now_us})
    assert row is not None  # an aggregate without GROUP BY is one row
    return Waiting(*row)
