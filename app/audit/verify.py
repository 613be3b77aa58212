"""Checking the chain: finds altered, missing, moved and cut-off entries."""

from collections.abc import AsyncIterator

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, select, union
from sqlalchemy import tuple_ as row_of

from app.audit.events import Event
from app.audit.log import GENESIS, chained, signed_text
from app.audit.tables import audit, audit_checkpoint, audit_head
from app.db.database import Reader
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
_before = audit.alias("before")
_OF_RECORD = hot(
    select(audit.c.n, audit.c.instant, audit.c.record_id, audit.c.hash, audit.c.body, _before.c.hash)
    .select_from(audit.outerjoin(_before, (_before.c.stream == audit.c.stream) & (_before.c.n == audit.c.n - 1)))
    .where(audit.c.record_id == bindparam("record_id"))
    .where(row_of(audit.c.instant, audit.c.n) > row_of(bindparam("instant"), bindparam("n")))
    .order_by(audit.c.instant, audit.c.n)
    .limit(2000)
)
_decode = msgspec.json.Decoder(Event).decode


def _follows(previous: bytes, record_id: int, instant: int, stored: bytes, body: object) -> bool:
    """Return whether an entry is as it was written: it follows ``previous``, and its columns say what its bytes say."""
    if not isinstance(body, bytes) or chained(previous, body) != stored:
        return False
    event = _decode(body)  # bytes with the right hash are those that were encoded here
    return (event.record_id, event.instant) == (record_id, instant)


async def faults(reader: Reader, key: bytes) -> AsyncIterator[str]:
    """Yield one sentence per fault of the whole log, nothing when it is sound; ``key`` is the checkpoints' key."""
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    for (stream,) in await reader.all(_STREAMS, {}):
        checkpoints = {}
        for n, instant, digest, signature in await reader.all(_CHECKPOINTS, {"stream": stream}):
            try:
                public.verify(signature, signed_text(stream, n, instant, digest))
            except InvalidSignature:
                yield f"Stream {stream}: the signature of the checkpoint at entry {n} is not ours."
                continue
            checkpoints[n] = digest
        last, digest = 0, GENESIS
        while chunk := await reader.all(_CHUNK, {"stream": stream, "after": last}):
            for n, record_id, instant, stored, body in chunk:
                if n != last + 1:
                    yield f"Stream {stream}: entries {last + 1} to {n - 1} are missing."
                elif not _follows(digest, record_id, instant, stored, body):
                    yield f"Stream {stream}: entry {n} was altered, or follows another entry than before."
                if n in checkpoints and checkpoints.pop(n) != stored:
                    yield f"Stream {stream}: entry {n} is not the one that was signed."
                last, digest = n, stored
        head = await reader.one(_HEAD, {"stream": stream})
        if head is None or head[0] != last or head[1] != digest:
            yield f"Stream {stream}: the log ends at entry {last}, but its head says {head[0] if head else 'nothing'}."
        for n in checkpoints:
            if n > last:
                yield f"Stream {stream}: entry {n} was signed, but the log ends at {last}."


async def faults_of(reader: Reader, record_id: int) -> AsyncIterator[str]:
    """Yield one sentence per entry about a record that does not follow the one before it in the chain."""
    instant, last = -1, -1
    while chunk := await reader.all(_OF_RECORD, {"record_id": record_id, "instant": instant, "n": last}):
        for n, at, about, stored, body, before in chunk:
            first = before is None
            if first != (n == 1) or not _follows(GENESIS if first else before, about, at, stored, body):
                yield f"Entry {n} of the log was altered, or the entry before it is missing."
            instant, last = at, n
