"""The end of a client: nothing that it holds is good any more, and what people gave it is withdrawn, as if each had done it.

Its row stays, so that lists and the log can tell who it was.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, null, update

from app.access.requester import RequesterKind
from app.audit.events import Event, Trace
from app.audit.log import AuditLog
from app.consent import grants
from app.db.database import Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.jobs.notices import notify
from app.jobs.texts import NoticeKind
from app.oauth import tokens
from app.oauth.clients import Client
from app.oauth.tables import authorization_code, client, launch, pushed_request

_END = hot(
    update(client)
    .where(client.c.client_id == bindparam("which"), client.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"), registration_hash=null())
)
_FORGET = [
    hot(delete(table).where(table.c.client_id == bindparam("which")))
    for table in (authorization_code, launch, pushed_request)
]


async def end(
    transaction: Transaction, ended: Client, *, audit: AuditLog, trace: Trace, by: RequesterKind, now: datetime
) -> int:
    """Return how many people had given the client something; each is told. ``by`` is who ended it: an operator, or itself."""
    which = {"which": ended.client_id}
    await transaction.run(_END, {**which, "at": to_us(now)})
    await tokens.revoke_of_client(transaction, ended.client_id, to_us(now))
    for statement in _FORGET:
        await transaction.run(statement, which)
    given = await grants.to_app(transaction, ended.client_id, now)
    for grant in given:
        await grants.withdraw(transaction, grant.record_id, grant.grant_id, now)
        await notify(transaction, record_id=grant.record_id, kind=NoticeKind.ACCESS_WITHDRAWN, now_us=to_us(now))
        await audit.record(transaction, _event(trace, ended, by, action="withdraw", record_id=grant.record_id))
    await audit.record(transaction, _event(trace, ended, by, action="token", detail="the client was ended"))
    return len(given)


def _event(trace: Trace, ended: Client, by: RequesterKind, **what: str | int) -> Event:
    actor, display = (
        ("operator", "operator") if by is RequesterKind.OPERATOR else (f"app:{ended.client_id}", ended.name)
    )
    fields: dict[str, Any] = {"kind": by.value, "actor": actor, "display": display, "client": ended.client_id, **what}
    return Event(**msgspec.structs.asdict(trace), **fields)
