"""Which people have to be told of what is new in their log, and which kinds they want to hear of: what stands out, what is for them.

New entries are gone through in the order of the chain; where it was got to is at rest. Somebody hears of one kind once a day at most.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.doings import Doing, doing
from app.audit.events import Event, unpack
from app.audit.log import STREAM, LogEntry, firsts
from app.audit.tables import audit, audit_alert, audit_head, audit_watched
from app.audit.unusual import Unusual, unusual
from app.db.database import Reader, Transaction
from app.db.statements import hot

Sign = Unusual | Doing
SIGNS: dict[str, Sign] = {sign.value: sign for kind in (Unusual, Doing) for sign in kind}
"""Each kind that a person can switch off, by what its row calls it."""

Found = dict[int, set[Sign]]
"""What to tell, by record."""

AT_ONCE = 1000
DAY_US = 86_400_000_000

_WATCHED = hot(select(audit_watched.c.n).where(audit_watched.c.stream == STREAM))
_HEAD = hot(select(func.max(audit_head.c.n)).where(audit_head.c.stream == STREAM))
_NEW = hot(
    select(audit.c.n, audit.c.body)
    .where(audit.c.stream == STREAM, audit.c.n > bindparam("after"))
    .order_by(audit.c.n)
    .limit(AT_ONCE)
)
_WATCH = hot(
    upsert(audit_watched)
    .values(stream=STREAM, n=bindparam("n"))
    .on_conflict_do_update(index_elements=["stream"], set_={"n": bindparam("n")})
)
_OF_RECORD = hot(
    select(audit_alert.c.sign, audit_alert.c.is_off, audit_alert.c.told_at).where(
        audit_alert.c.record_id == bindparam("record_id")
    )
)
_KEEP = hot(
    upsert(audit_alert)
    .values({name: bindparam(name) for name in ("record_id", "sign", "is_off", "told_at")})
    .on_conflict_do_update(
        index_elements=["record_id", "sign"], set_={name: bindparam(name) for name in ("is_off", "told_at")}
    )
)
_event = msgspec.json.Decoder(Event).decode


async def switched_off(reader: Reader, record_id: int) -> frozenset[Sign]:
    """Return the kinds of which a person wants no mail."""
    rows = await reader.all(_OF_RECORD, {"record_id": record_id})
    return frozenset(SIGNS[sign] for sign, is_off, _ in rows if is_off and sign in SIGNS)


async def told(reader: Reader, record_id: int) -> dict[Sign, datetime]:
    """Return when a person was told last of each kind, in UTC; nothing of a kind that they never were."""
    rows = await reader.all(_OF_RECORD, {"record_id": record_id})
    return {SIGNS[sign]: datetime.fromtimestamp(at / 1_000_000, UTC) for sign, _, at in rows if at and sign in SIGNS}


async def switch(transaction: Transaction, record_id: int, off: frozenset[Sign]) -> None:
    """Keep of which kinds a person wants no mail; of the others they do."""
    told = {sign: at for sign, _, at in await transaction.all(_OF_RECORD, {"record_id": record_id})}
    for name, sign in SIGNS.items():
        row = {"record_id": record_id, "sign": name, "is_off": sign in off, "told_at": told.get(name, 0)}
        await transaction.run(_KEEP, row)


async def tell_once(transaction: Transaction, record_id: int, sign: str, now_us: int) -> bool:
    """Return whether a person still has to be told of what happens once, such as a birthday; keep that they were."""
    told = {name: at for name, _, at in await transaction.all(_OF_RECORD, {"record_id": record_id})}
    if told.get(sign):
        return False
    await transaction.run(_KEEP, {"record_id": record_id, "sign": sign, "is_off": False, "told_at": now_us})
    return True


async def look(reader: Reader, zone: ZoneInfo) -> tuple[int, int, Found]:
    """Return from where to where new entries were gone through, and what is to be told to whom.

    The first time there is nothing: what was there before is no news. Nothing new gives the same number twice.
    """
    row = await reader.one(_WATCHED, {})
    if row is None:
        head = await reader.one(_HEAD, {})
        return -1, (head and head[0]) or 0, {}
    last = row[0]
    found: Found = {}
    for n, body in await reader.all(_NEW, {"after": last}):
        last, event = n, _event(unpack(body))
        if event.kind in ("practice", "app", "") and event.record_id > 0:
            is_first = n in await firsts(reader, event.record_id, [LogEntry(n, event)])
            hour = datetime.fromtimestamp(event.instant // 1_000_000, zone).hour
            signs = found.setdefault(event.record_id, set())
            signs.update(unusual(event, hour=hour, is_first=is_first))
            if (done := doing(event)) is not None:
                signs.add(done)
    return row[0], last, {record_id: signs for record_id, signs in found.items() if signs}


async def tell(transaction: Transaction, begin: int, end: int, found: Found, now_us: int) -> Found:
    """Return whom to tell of what, and keep that they were told; nobody if another process was first."""
    row = await transaction.one(_WATCHED, {})
    if (row[0] if row else -1) != begin:
        return {}
    await transaction.run(_WATCH, {"n": end})
    told: Found = {}
    for record_id, signs in found.items():
        known = {sign: (is_off, at) for sign, is_off, at in await transaction.all(_OF_RECORD, {"record_id": record_id})}
        for sign in signs:
            is_off, told_at = known.get(sign.value, (False, 0))
            if not is_off and told_at <= now_us - DAY_US:
                row_of_sign = {"record_id": record_id, "sign": sign.value, "is_off": False, "told_at": now_us}
                await transaction.run(_KEEP, row_of_sign)
                told.setdefault(record_id, set()).add(sign)
    return told
