"""What a write did, for the answer and for the log."""

import msgspec

from app.fhir.issues import Issue
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
