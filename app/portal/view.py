"""One page view: who looks, with which trace, at what local time."""

from zoneinfo import ZoneInfo

from fastapi import Request

from app.audit.events import Trace
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn


def trace_of(request: Request) -> Trace:
    """Return what identifies this request in the log."""
    found = getattr(request.state, "trace", None)
    return found if isinstance(found, Trace) else Trace.EMPTY


def reading_for(parts: Parts, request: Request, person: SignedIn) -> Reading:
    """Return the person's record, to be read for this page."""
    zone = ZoneInfo(parts.settings.time_zone)
    return Reading(parts.interactions, person.requester(), trace_of(request), parts.clock().astimezone(zone), zone)
