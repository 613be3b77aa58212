"""The time zone of a record: a date in it, or in a search of it, that names no zone is a day of this one.

The index holds moments, so that in another zone it has to be made again: see ``reindex.py``.
"""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import bindparam, select, update

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.errors import UnprocessableError
from app.store.rules import Rules, current_rules, mark
from app.store.tables import record

_ZONE = hot(select(record.c.time_zone).where(record.c.record_id == bindparam("record_id")))
_SET = hot(update(record).where(record.c.record_id == bindparam("of_record")).values(time_zone=bindparam("time_zone")))

_known = cache(available_timezones)


def known_zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database. Raises: UnprocessableError, for a name that it does not have."""
    if name not in _known():
        message = "This is no time zone of the IANA database, such as Europe/Amsterdam."
        raise UnprocessableError(message)
    return ZoneInfo(name)


async def time_zone_of(reader: Reader, record_id: int) -> ZoneInfo | None:
    """Return the zone of a record, None if there is no such record."""
    row = await reader.one(_ZONE, {"record_id": record_id})
    return ZoneInfo(row[0]) if row else None


async def set_time_zone(transaction: Transaction, record_id: int, zone: ZoneInfo) -> None:
    """Give a record another zone; none of its index is right from then on, until it is made again."""
    await transaction.run(_SET, {"of_record": record_id, "time_zone": zone.key})
    await mark(transaction, record_id, Rules.made_of(()), current_rules().version)
