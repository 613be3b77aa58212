"""One page view: who looks, with which trace, at what local time."""

from zoneinfo import ZoneInfo

from fastapi import Request

from app.audit.events import Trace
from app.portal.navigation import PAGES_OF_PARTS
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import ClosedPartError, SignedIn


def trace_of(request: Request) -> Trace:
    """Return what identifies this request in the log."""
    found = getattr(request.state, "trace", None)
    return found if isinstance(found, Trace) else Trace.EMPTY


def reading_for(parts: Parts, request: Request, person: SignedIn) -> Reading:
    """Return the record in view, to be read for this page. Raises: ClosedPartError, for a page of parts that the person may not see."""
    parts_of_page = PAGES_OF_PARTS.get("/" + request.url.path.split("/")[1])
    if parts_of_page is not None and not person.sees(parts_of_page):
        raise ClosedPartError
    zone = ZoneInfo(parts.settings.time_zone)
    return Reading(parts.interactions, person.requester(), trace_of(request), parts.clock().astimezone(zone), zone)
