"""Which people have to be told that something stands out in their log, and which kinds they want to hear of.

New entries are gone through in the order of the chain; where it was got to is at rest. Somebody hears of one kind once a day at most.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.events import Event, unpack
from app.audit.log import STREAM, LogEntry, firsts
from app.audit.tables import audit, audit_alert, audit_head, audit_watched
from app.audit.unusual import Unusual, unusual
from app.db.database import Reader, Transaction
from app.db.statements import hot

Found = dict[int, set[Unusual]]
"""What stands out, by record."""

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


async def switched_off(reader: Reader, record_id: int) -> frozenset[Unusual]:
    """Return the kinds of which a person wants no mail."""
    rows = await reader.all(_OF_RECORD, {"record_id": record_id})
    return frozenset(Unusual(sign) for sign, is_off, _ in rows if is_off)


async def told(reader: Reader, record_id: int) -> dict[Unusual, datetime]:
    """Return when a person was told last of each kind, in UTC; nothing of a kind that they never were."""
    rows = await reader.all(_OF_RECORD, {"record_id": record_id})
    return {Unusual(sign): datetime.fromtimestamp(at / 1_000_000, UTC) for sign, _, at in rows if at}


async def switch(transaction: Transaction, record_id: int, off: frozenset[Unusual]) -> None:
    """Keep of which kinds a person wants no mail; of the others they do."""
    told = {sign: at for sign, _, at in await transaction.all(_OF_RECORD, {"record_id": record_id})}
    for sign in Unusual:
        row = {"record_id": record_id, "sign": sign.value, "is_off": sign in off, "told_at": told.get(sign.value, 0)}
        await transaction.run(_KEEP, row)


async def look(reader: Reader, zone: ZoneInfo) -> tuple[int, int, Found]:
    """Return from where to where new entries were gone through, and what stands out in whose record.

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
            found.setdefault(event.record_id, set()).update(unusual(event, hour=hour, is_first=is_first))
    return row[0], last, {record_id: signs for record_id, signs in found.items() if signs}


async def tell(transaction: Transaction, begin: int, end: int, found: Found, now_us: int) -> list[int]:
    """Return whom to tell of what ``look`` found, and keep that they were; nobody if another process was first."""
    row = await transaction.one(_WATCHED, {})
    if (row[0] if row else -1) != begin:
        return []
    await transaction.run(_WATCH, {"n": end})
    told = []
    for record_id, signs in found.items():
        known = {sign: (is_off, at) for sign, is_off, at in await transaction.all(_OF_RECORD, {"record_id": record_id})}
        due = []
        for sign in signs:
            is_off, told_at = known.get(sign.value, (False, 0))
            if not is_off and told_at <= now_us - DAY_US:
                due.append(sign)
        for sign in due:
            row_of_sign = {"record_id": record_id, "sign": sign.value, "is_off": False, "told_at": now_us}
            await transaction.run(_KEEP, row_of_sign)
        if due:
            told.append(record_id)
    return told
