"""The chain of events: written with the commit that it is about, read by the person.

An entry's hash covers the hash before it and the entry's bytes, so that an altered, missing or moved entry shows. The
head row says where the chain ends; a checkpoint signs that end now and then (Ed25519, RFC 8032), so that cutting the end
off and mending the head shows too, up to the last checkpoint.

Within the chain of all is one of each record: an event has its number among those about its record, and the hash of the one
before. So a person sees from their own entries alone that none is missing, altered or moved; a seal signs where they end.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import bindparam, func, insert, select
from sqlalchemy import tuple_ as row_of

from app.audit.events import PURPOSES, Event, pack, unpack
from app.audit.keys import AuditKeys
from app.audit.tables import audit, audit_checkpoint, audit_head, audit_own_cut
from app.audit.unusual import ASKED
from app.db.database import Reader, Row, Transaction
from app.db.rows import adding, replacing
from app.db.statements import hot
from app.metrics import LOG_ENTRIES

STREAM = 1
"""All processes on one SQLite file share a stream: its one writer lock puts their entries in order."""

CHECKPOINT_EVERY_US = 60_000_000
REMEMBERED_MAX = 16_384
"""Records of which a process knows the last entry without looking."""

GENESIS = bytes(32)
_LATEST = 1 << 62

_HEAD = hot(
    select(audit_head.c.n, audit_head.c.hash, audit.c.instant)
    .select_from(audit_head.outerjoin(audit, (audit.c.stream == audit_head.c.stream) & (audit.c.n == audit_head.c.n)))
    .where(audit_head.c.stream == bindparam("stream"))
)
_APPEND = adding(audit)
_MOVE_HEAD = replacing(audit_head)
_CHECKPOINT = hot(insert(audit_checkpoint))
_OF_RECORD = hot(
    select(audit.c.instant, audit.c.n, audit.c.body)
    .where(audit.c.record_id == bindparam("record_id"))
    .where(row_of(audit.c.instant, audit.c.n) < row_of(bindparam("instant"), bindparam("n")))
    .order_by(audit.c.instant.desc(), audit.c.n.desc())
    .limit(bindparam("limit"))
)
_ONE = hot(
    select(audit.c.instant, audit.c.n, audit.c.body)
    .where(audit.c.record_id == bindparam("record_id"))
    .where(audit.c.stream == STREAM, audit.c.n == bindparam("n"))
)
_LAST = hot(
    select(audit.c.n, audit.c.hash, audit.c.body)
    .where(audit.c.record_id == bindparam("record_id"))
    .order_by(audit.c.instant.desc(), audit.c.n.desc())
    .limit(1)
)
_COUNT = hot(select(func.count()).where(audit.c.record_id == bindparam("record_id")))
_LAST_CUT = hot(
    select(audit_own_cut.c.number, audit_own_cut.c.n, audit_own_cut.c.hash).where(
        audit_own_cut.c.record_id == bindparam("record_id")
    )
)
_CHUNK = 500
_ASKED = b'"action":"' + ASKED.encode() + b'"'
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An event with its number ``n`` in the chain."""

    n: int
    event: Event


def chained(previous: bytes, body: bytes) -> bytes:
    """Return the hash of an entry that follows ``previous``."""
    return hashlib.sha256(previous + body).digest()


def signed_text(stream: int, n: int, instant: int, digest: bytes) -> bytes:
    """Return the bytes that a checkpoint signs."""
    return f"regie audit checkpoint {stream} {n} {instant} {digest.hex()}".encode()


def cut_text(stream: int, n: int, instant: int, digest: bytes) -> bytes:
    """Return the bytes that a cut signs."""
    return f"regie audit cut {stream} {n} {instant} {digest.hex()}".encode()


class AuditLog:
    """Appends events in the transaction that they are about; one per process. ``secret`` is that of its keys."""

    def __init__(self, secret: bytes, now_us: Callable[[], int]) -> None:
        self.keys = AuditKeys(secret)
        self._now_us = now_us
        self._checkpoint_due = 0
        self._written = (0, GENESIS)
        self._last: dict[int, tuple[int, int, str]] = {}

    async def record(self, transaction: Transaction, event: Event) -> None:
        """Append ``event`` when ``transaction`` commits, and only then."""
        transaction.at_commit(self, (event,))

    async def flush(self, transaction: Transaction, items: list[Event]) -> None:
        """Chain and write the events of a group of transactions that commit together."""
        head = await transaction.one(_HEAD, {"stream": STREAM})
        n, digest, last = head or (0, GENESIS, 0)
        if (n, digest) != self._written:  # by another process, or what this one wrote was not committed
            self._last.clear()
        # A clock that was turned back does not turn back the log: in the order of time is in the order of the chain.
        now = max(self._now_us(), last or 0)
        rows = []
        standing: dict[int, tuple[int, int, str]] = {}
        for item in items:
            about = item.record_id
            if about not in standing:
                known = self._last.pop(about, None) if item.outcome == "success" else None
                standing[about] = known or await _standing(transaction, about)
            number, previous, before = standing[about]
            event = msgspec.structs.replace(
                item,
                instant=now,
                purpose=item.purpose or PURPOSES.get(item.kind, ""),
                own_number=number + 1 if about > 0 else 0,
                own_previous=previous,
                own_hash=before,
            )
            body = _encode(event)
            n += 1
            digest = chained(digest, body)
            standing[about] = (number + 1, n, digest.hex()) if about > 0 else (0, 0, "")
            rows.append((STREAM, n, event.record_id, event.instant, digest, pack(body)))
        await transaction.change_rows((_APPEND, rows), (_MOVE_HEAD, [(STREAM, n, digest)]))
        LOG_ENTRIES.add(amount=len(rows))
        self._remember(standing, (n, digest))
        if now >= self._checkpoint_due:
            self._checkpoint_due = now + CHECKPOINT_EVERY_US
            key = await self.keys.current(transaction, now)
            signature = key.sign(signed_text(STREAM, n, now, digest))
            await transaction.run(
                _CHECKPOINT, {"stream": STREAM, "n": n, "instant": now, "hash": digest, "signature": signature}
            )

    def _remember(self, standing: dict[int, tuple[int, int, str]], written: tuple[int, bytes]) -> None:
        """Keep the last entry about each record, for as long as the log ends with what was ``written`` here."""
        self._written = written
        for about, last in standing.items():
            self._last.pop(about, None)
            self._last[about] = last
        while len(self._last) > REMEMBERED_MAX:
            del self._last[next(iter(self._last))]


async def _standing(reader: Reader, record_id: int) -> tuple[int, int, str]:
    """Return how many entries there were about a record, and number and hash of the last; of before they were counted too.

    What is about nobody has no chain of its own. For a refusal it is looked up all the same, and so is what is remembered: how
    long a refusal takes must not tell whose log it went to.
    """
    last = await reader.one(_LAST, {"record_id": record_id})
    if record_id <= 0:
        return 0, 0, ""
    if last is None:
        cut = await reader.one(_LAST_CUT, {"record_id": record_id})
        return (cut[0], cut[1], cut[2].hex()) if cut else (0, 0, "")
    n, digest, body = last
    number = _decode(unpack(body)).own_number
    if not number:
        row = await reader.one(_COUNT, {"record_id": record_id})
        number = row[0] if row else 0
    return number, n, digest.hex()


async def entries_of(reader: Reader, record_id: int, before: tuple[int, int], limit: int) -> list[LogEntry]:
    """Return the newest entries about a record that come before ``(instant, n)``, newest first."""
    rows = await reader.all(_OF_RECORD, {"record_id": record_id, "instant": before[0], "n": before[1], "limit": limit})
    return [LogEntry(n, _decode(unpack(body))) for _, n, body in rows]


async def entries_holding(reader: Reader, record_id: int, mark: bytes) -> list[LogEntry]:
    """Return the entries about a record, however old, that have ``mark`` in their text, newest first; it reads all of them."""
    texts = _texts_before(reader, record_id, (_LATEST, _LATEST))
    return [LogEntry(n, _decode(text)) async for n, text in texts if mark in text]


async def _texts_before(reader: Reader, record_id: int, place: tuple[int, int]) -> AsyncIterator[tuple[int, bytes]]:
    """Yield number and bytes of the entries about a record that come before ``(instant, n)``, newest first; others get their turn."""
    rows: Sequence[Row] = [place]
    while rows:
        instant, n = rows[-1][:2]
        rows = await reader.all(_OF_RECORD, {"record_id": record_id, "instant": instant, "n": n, "limit": _CHUNK})
        for _, number, body in rows:
            yield number, unpack(body)
        await asyncio.sleep(0)


async def entry_of(reader: Reader, record_id: int, n: int) -> LogEntry | None:
    """Return entry ``n`` if it is about this record."""
    row = await reader.one(_ONE, {"record_id": record_id, "n": n})
    return LogEntry(row[1], _decode(unpack(row[2]))) if row else None


def _is_look(event: Event) -> bool:
    """Return whether it may be the first look of a practice."""
    return event.kind == "practice" and event.action != ASKED


def practice_of(actor: str) -> str:
    """Return the practice of an actor such as ``practice:<practice_id>:<account_id>``, without who of its people it is."""
    return ":".join(actor.split(":")[:2])


async def firsts(reader: Reader, record_id: int, entries: Sequence[LogEntry]) -> frozenset[int]:
    """Return the numbers of those of ``entries`` (newest first) before which the same practice had none about this record."""
    oldest = {practice_of(entry.event.actor): entry for entry in entries if _is_look(entry.event)}
    found = set()
    for actor, entry in oldest.items():
        # Within a text of JSON a quote has a backslash before it: this can only be the member itself. Its end is left open:
        # the first look of a colleague is not the first of the practice.
        mark = b'"actor":' + msgspec.json.encode(actor).rstrip(b'"')
        async for _, text in _texts_before(reader, record_id, (entry.event.instant, entry.n)):
            if mark in text and _ASKED not in text:
                break
        else:
            found.add(entry.n)
    return frozenset(found)
