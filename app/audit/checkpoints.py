"""How long ago the end of the log was signed, for whoever runs the server."""

from sqlalchemy import func, select

from app.audit.tables import audit_checkpoint
from app.db.database import Reader
from app.db.statements import hot

_LAST = hot(select(func.max(audit_checkpoint.c.instant)))


async def last_checkpoint(reader: Reader) -> int | None:
    """Return when the end was last signed, in microseconds since 1970 UTC; None if it never was."""
    row = await reader.one(_LAST, {})
    return None if row is None else row[0]
