"""How a page is shown to this reader: as their account says, or else the cookie of the browser, or else the device."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from app.identity.display import AS_DEVICE, Display
from app.portal.frame import YEAR_SECONDS

COOKIE, HOST_COOKIE = "display", "__Host-display"
"""The second over HTTPS: no other host can set it."""


def display_of(request: Request) -> Display:
    """Return how the reader of this page wants to see it; once they are logged in, their account says it."""
    person = getattr(request.state, "person", None)
    if person is not None and person.account.display != AS_DEVICE:
        kept: Display = person.account.display
        return kept
    return Display.of(request.cookies.get(HOST_COOKIE, request.cookies.get(COOKIE, "")))


def remember(response: Response, display: Display, *, is_https: bool) -> None:
    """Let the browser keep it for a year, for the pages before a login."""
    kept: dict[str, Any] = {"max_age": YEAR_SECONDS, "httponly": True, "samesite": "lax", "secure": is_https}
    response.set_cookie(HOST_COOKIE if is_https else COOKIE, display.text, **kept)
