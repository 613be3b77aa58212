"""Where the log of one record ends, signed: with it a person alone can check their own entries, without the server.

A seal names the last entry about the record: its place and hash in the chain of all, and which one it is among their own. As each
own entry has the hash of the one before, a seal covers them all; as each hash covers the whole chain before it, so does the
seal: two people's seals can't both hold if the chain was told differently to each.
"""

from msgspec import Struct
from sqlalchemy import select

from app.audit.keys import AuditKeys, base64url, from_base64url, key_of, keys_of, published
from app.audit.links import hash_of
from app.audit.log import STREAM, entry_of
from app.audit.tables import audit_cut
from app.db.database import Reader
from app.db.statements import hot

_CUT = hot(
    select(audit_cut.c.n, audit_cut.c.instant, audit_cut.c.hash, audit_cut.c.signature)
    .where(audit_cut.c.stream == STREAM)
    .order_by(audit_cut.c.n.desc())
    .limit(1)
)


class Cut(Struct, frozen=True):
    """Entries up to ``n`` of the chain were taken out at ``instant``, because they were older than they are kept."""

    n: int
    instant: int
    hash: str
    signature: str


class Seal(Struct, frozen=True):
    """The signed end: entry ``n`` is the last about ``record_id``, its ``number``-th. ``keys`` is a JWK Set's list."""

    stream: int
    n: int
    record_id: int
    number: int
    instant: int
    hash: str
    kid: str
    signature: str
    keys: list[dict[str, str | int]]
    cut: Cut | None = None


def sealed_text(stream: int, n: int, record_id: int, number: int, instant: int, digest: str) -> bytes:
    """Return the bytes that a seal signs."""
    return f"regie audit seal {stream} {n} {record_id} {number} {instant} {digest}".encode()


async def sealed(reader: Reader, keys: AuditKeys, record_id: int, last: int, now_us: int) -> Seal | None:
    """Return the seal of the entries about a record of which ``last`` is the last.

    None if there is none, or if it was written before entries had numbers of their own.
    """
    entry = await entry_of(reader, record_id, last)
    digest = await hash_of(reader, record_id, STREAM, last)
    known = await published(reader)
    if entry is None or digest is None or not entry.event.own_number or not known:
        return None
    number, key = entry.event.own_number, key_of(known, now_us)
    text = sealed_text(STREAM, last, record_id, number, now_us, digest.hex())
    signature = base64url(keys.private(key.number).sign(text))
    cut = await reader.one(_CUT, {})
    return Seal(
        STREAM, last, record_id, number, now_us, digest.hex(), key.thumbprint, signature,
        [one.as_jwk() for one in known],
        Cut(cut[0], cut[1], cut[2].hex(), base64url(cut[3])) if cut else None,
    )  # fmt: skip


def is_sound(seal: Seal) -> bool:
    """Return whether a seal was signed by the key that it names, which follows from those before it; whose it is is not said."""
    try:
        key = key_of(keys_of(seal.keys), seal.instant)
        signature = from_base64url(seal.signature)
    except ValueError:
        return False
    text = sealed_text(seal.stream, seal.n, seal.record_id, seal.number, seal.instant, seal.hash)
    return key.thumbprint == seal.kid and key.verifies(signature, text)
