"""Taking out what is older than it is kept, so that the rest can still be checked.

Only a beginning of the chain is taken out, up to a checkpoint. A signed cut says where and what the hash was there; of each record
that loses entries the last of them is remembered, so that its own numbers go on.
"""

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.events import Event, unpack
from app.audit.keys import AuditKeys
from app.audit.log import STREAM, cut_text
from app.audit.tables import audit, audit_checkpoint, audit_cut, audit_own_cut
from app.db.database import Transaction
from app.db.statements import hot

AT_ONCE = 5000
"""Entries that are taken out in one transaction, if there is a checkpoint among them."""

_FIRST = hot(select(func.min(audit.c.n)).where(audit.c.stream == STREAM))
_point = audit_checkpoint.c
_OLD = (
    select(_point.n, _point.hash)
    .where(_point.stream == STREAM, _point.instant < bindparam("before"), _point.n >= bindparam("first"))
    .limit(1)
)
_LAST_WITHIN = hot(_OLD.where(_point.n <= bindparam("most")).order_by(_point.n.desc()))
_NEXT = hot(_OLD.order_by(_point.n))
_TAKEN = hot(
    select(audit.c.n, audit.c.record_id, audit.c.hash, audit.c.body)
    .where(audit.c.stream == STREAM, audit.c.n <= bindparam("n"), audit.c.record_id > 0)
    .order_by(audit.c.n)
)
_REMEMBER = hot(
    upsert(audit_own_cut)
    .values({name: bindparam(name) for name in ("record_id", "number", "n", "hash")})
    .on_conflict_do_update(
        index_elements=["record_id"], set_={name: bindparam(name) for name in ("number", "n", "hash")}
    )
)
_REMOVE = hot(delete(audit).where(audit.c.stream == STREAM, audit.c.n <= bindparam("last")))
_REMOVE_POINTS = hot(delete(audit_checkpoint).where(_point.stream == STREAM, _point.n <= bindparam("last")))
_REMOVE_CUTS = hot(delete(audit_cut).where(audit_cut.c.stream == STREAM))
_INSERT = hot(insert(audit_cut))
_own_number = msgspec.json.Decoder(Event).decode


async def cut(transaction: Transaction, keys: AuditKeys, before_us: int, now_us: int) -> int:
    """Return how many of the entries from before ``before_us`` were taken out; call it again until there are none."""
    row = await transaction.one(_FIRST, {})
    first = row[0] if row else None
    if first is None:
        return 0
    wanted = {"before": before_us, "first": first}
    point = await transaction.one(_LAST_WITHIN, {**wanted, "most": first + AT_ONCE - 1})
    point = point or await transaction.one(_NEXT, wanted)
    if point is None:
        return 0
    n, digest = point
    remembered = {}
    for at, record_id, stored, body in await transaction.all(_TAKEN, {"n": n}):
        number = _own_number(unpack(body)).own_number
        if number:
            remembered[record_id] = {"record_id": record_id, "number": number, "n": at, "hash": stored}
    for one in remembered.values():
        await transaction.run(_REMEMBER, one)
    removed = await transaction.run(_REMOVE, {"last": n})
    await transaction.run(_REMOVE_POINTS, {"last": n})
    await transaction.run(_REMOVE_CUTS, {})
    signature = (await keys.current(transaction, now_us)).sign(cut_text(STREAM, n, now_us, digest))
    await transaction.run(
        _INSERT, {"stream": STREAM, "n": n, "instant": now_us, "hash": digest, "signature": signature}
    )
    return removed
