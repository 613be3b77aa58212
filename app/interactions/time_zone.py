"""Giving a record another time zone; the log says so, since days in it mean other moments from then on."""

from zoneinfo import ZoneInfo

from app.access.requester import Requester
from app.audit.events import Event, Trace
from app.db.database import Transaction
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.store.time_zone import set_time_zone


async def change_time_zone(context: Context, operator: Requester, trace: Trace, record_id: int, zone: ZoneInfo) -> None:
    """Give a record a zone; its index has to be made again after that."""
    deed = Deed("time-zone")

    async def job(transaction: Transaction, _: Decide) -> tuple[None, list[Event]]:
        await set_time_zone(transaction, record_id, zone)
        return None, [event(operator, trace, deed, Touched(record_id))]

    await context.gate.change(operator, trace, deed, job)
