"""Checking the chain: finds altered, missing, moved and cut-off entries, and a chain that was told differently before."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
from sqlalchemy import bindparam, func, select, union
from sqlalchemy import tuple_ as row_of

from app.audit.events import Event, unpack
from app.audit.keys import AuditKeys, PublicKey, endorsed_text, from_base64url, key_of, published
from app.audit.log import GENESIS, chained, cut_text, signed_text
from app.audit.seal import Seal, sealed_text
from app.audit.tables import audit, audit_checkpoint, audit_cut, audit_head
from app.db.database import Reader
from app.db.packed import UNREADABLE
from app.db.statements import hot

_STREAMS = hot(union(select(audit.c.stream), select(audit_head.c.stream), select(audit_checkpoint.c.stream)))
_CHUNK = hot(
    select(audit.c.n, audit.c.record_id, audit.c.instant, audit.c.hash, audit.c.body)
    .where(audit.c.stream == bindparam("stream"), audit.c.n > bindparam("after"))
    .order_by(audit.c.n)
    .limit(5000)
)
_HEAD = hot(select(audit_head.c.n, audit_head.c.hash).where(audit_head.c.stream == bindparam("stream")))
_CHECKPOINTS = hot(
    select(audit_checkpoint.c.n, audit_checkpoint.c.instant, audit_checkpoint.c.hash, audit_checkpoint.c.signature)
    .where(audit_checkpoint.c.stream == bindparam("stream"))
    .order_by(audit_checkpoint.c.n)
)
_CUT = hot(
    select(audit_cut.c.n, audit_cut.c.instant, audit_cut.c.hash, audit_cut.c.signature)
    .where(audit_cut.c.stream == bindparam("stream"))
    .order_by(audit_cut.c.n.desc())
    .limit(1)
)
_before = audit.alias("before")
_OF_RECORD = hot(
    select(
        audit.c.n,
        audit.c.instant,
        audit.c.record_id,
        audit.c.hash,
        audit.c.body,
        func.coalesce(_before.c.hash, audit_cut.c.hash),
    )
    .select_from(
        audit.outerjoin(_before, (_before.c.stream == audit.c.stream) & (_before.c.n == audit.c.n - 1)).outerjoin(
            audit_cut, (audit_cut.c.stream == audit.c.stream) & (audit_cut.c.n == audit.c.n - 1)
        )
    )
    .where(audit.c.record_id == bindparam("record_id"))
    .where(row_of(audit.c.instant, audit.c.n) > row_of(bindparam("instant"), bindparam("n")))
    .order_by(audit.c.instant, audit.c.n)
    .limit(2000)
)
_decode = msgspec.json.Decoder(Event).decode


def _follows(previous: bytes, record_id: int, instant: int, stored: bytes, body: object) -> bool:
    """Return whether an entry is as it was written: it follows ``previous``, and its columns say what its bytes say."""
    try:
        plain = unpack(body) if isinstance(body, bytes) else b""
    except UNREADABLE:
        return False
    if chained(previous, plain) != stored:
        return False
    event = _decode(plain)  # bytes with the right hash are those that were encoded here
    return (event.record_id, event.instant) == (record_id, instant)


async def faults(reader: Reader, keys: AuditKeys, seals: Sequence[Seal] = ()) -> AsyncIterator[str]:
    """Yield one sentence per fault of the whole log, nothing when it is sound.

    ``seals`` are some that people were given before: what they sealed has to be there still.
    """
    found = await published(reader)
    for fault in _key_faults(found, keys):
        yield fault
    known = [key for key in found if keys.made(key)] or [keys.first()]
    for (stream,) in await reader.all(_STREAMS, {}):
        signed = _Signed(stream, known)
        await signed.read(reader)
        signed.take(seals)
        last, digest = signed.cut
        while chunk := await reader.all(_CHUNK, {"stream": stream, "after": last}):
            for n, record_id, instant, stored, body in chunk:
                if n != last + 1:
                    yield f"Stream {stream}: entries {last + 1} to {n - 1} are missing."
                elif not _follows(digest, record_id, instant, stored, body):
                    yield f"Stream {stream}: entry {n} was altered, or follows another entry than before."
                if not signed.hashes.pop(n, {stored}) <= {stored}:
                    yield f"Stream {stream}: entry {n} is not the one that was signed."
                last, digest = n, stored
        head = await reader.one(_HEAD, {"stream": stream})
        if head is None or head[0] != last or head[1] != digest:
            yield f"Stream {stream}: the log ends at entry {last}, but its head says {head[0] if head else 'nothing'}."
        for n in sorted(signed.hashes):
            signed.faults.append(f"Stream {stream}: entry {n} was signed, but is not there; the log ends at {last}.")
        for fault in signed.faults:
            yield fault


class _Signed:
    """What was signed about a stream: the hash that an entry has to have, and where the chain was cut."""

    def __init__(self, stream: int, known: Sequence[PublicKey]) -> None:
        self._stream = stream
        self._known = known
        self.cut = (0, GENESIS)
        self.hashes: dict[int, set[bytes]] = {}
        self.faults: list[str] = []

    async def read(self, reader: Reader) -> None:
        """Take the checkpoints and the cut that the database has."""
        stream = self._stream
        for n, instant, digest, signature in await reader.all(_CHECKPOINTS, {"stream": stream}):
            if self._is_ours(signature, instant, signed_text(stream, n, instant, digest), f"checkpoint at entry {n}"):
                self.hashes.setdefault(n, set()).add(digest)
        row = await reader.one(_CUT, {"stream": stream})
        if row is not None:
            n, instant, digest, signature = row
            if self._is_ours(signature, instant, cut_text(stream, n, instant, digest), f"cut at entry {n}"):
                self.cut = (n, digest)

    def take(self, seals: Sequence[Seal]) -> None:
        """Take what people were given before; what has been cut off since needs nothing any more."""
        for one in seals:
            if one.stream != self._stream or one.n <= self.cut[0]:
                continue
            text = sealed_text(one.stream, one.n, one.record_id, one.number, one.instant, one.hash)
            if self._is_ours(from_base64url(one.signature), one.instant, text, f"seal at entry {one.n}"):
                self.hashes.setdefault(one.n, set()).add(bytes.fromhex(one.hash))

    def _is_ours(self, signature: bytes, instant: int, text: bytes, what: str) -> bool:
        if key_of(self._known, instant).verifies(signature, text):
            return True
        self.faults.append(f"Stream {self._stream}: the signature of the {what} is not ours.")
        return False


def _key_faults(known: Sequence[PublicKey], keys: AuditKeys) -> Iterator[str]:
    """Yield what is wrong with the published keys: one that is not ours, or that the one before does not vouch for."""
    for number, key in enumerate(known, 1):
        before = known[number - 2] if number > 1 else None
        if key.number != number or not keys.made(key):
            yield f"The published key {key.number} is not ours."
        elif before and not before.verifies(key.endorsement, endorsed_text(key.since, key.raw)):
            yield f"The published key {number} is not vouched for by the one before it."


async def faults_of(reader: Reader, record_id: int) -> AsyncIterator[str]:
    """Yield one sentence per entry about a record that does not follow the one before it in the chain."""
    instant, last = -1, -1
    while chunk := await reader.all(_OF_RECORD, {"record_id": record_id, "instant": instant, "n": last}):
        for n, at, about, stored, body, before in chunk:
            first = before is None
            if first != (n == 1) or not _follows(GENESIS if first else before, about, at, stored, body):
                yield f"Entry {n} of the log was altered, or the entry before it is missing."
            instant, last = at, n
        await asyncio.sleep(0)  # others get their turn
