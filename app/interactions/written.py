"""What a write did, for the answer and for the log."""

import msgspec

from app.access.requester import Requester
from app.audit.events import Event, Trace
from app.fhir.issues import Issue
from app.interactions.gate import Deed, Touched, event
from app.store.resources import Stored


class Written(msgspec.Struct, frozen=True):
    """What a write did: the version that now stands, the status to answer with, and the ground it was allowed on.

    ``interaction`` is what the log calls it; empty when nothing was changed (the request had been here before).
    ``warnings`` is what it breaks of the profiles that it claims.
    """

    version: Stored
    status: int
    ground: str
    interaction: str
    warnings: tuple[Issue, ...] = ()


def wrote(requester: Requester, trace: Trace, deed: Deed, written: Written) -> Event:
    """Return the log's entry for a write; for one that had been here before, that it was shown again."""
    version = written.version
    touched = Touched(
        version.record_id,
        written.ground,
        1,
        version.resource_type,
        version.id,
        version.seq,
        written.interaction or "read",
    )
    return event(requester, trace, msgspec.structs.replace(deed, release=version.release), touched)
