"""What happens to a form that was sent after the login ended: it opens again with what was typed, or, too long for that, waits on a page.

The page holds the fields as they came. It offers to send them again, with a token only if ``whose`` says that they were typed by
who is logged in now: nobody else's page makes anybody send what they did not type.
"""

import hmac

from fastapi import Request
from starlette.responses import Response

from app.portal.kept_form import FormKeptError, marks_of, to_open_again
from app.portal.page import page
from app.portal.session import maybe_logged_in


async def to_send_again(request: Request, error: FormKeptError) -> Response:
    """Return the way back to the form, or the page on which it waits; ``main`` sets it as the handler of ``FormKeptError``."""
    fields = dict(error.fields)
    whose = fields.get("whose", "")
    person = await maybe_logged_in(request)
    is_theirs = person is None or any(
        hmac.compare_digest(whose.encode(), mark.encode()) for mark in marks_of(request, person)
    )
    if error.sealed or not whose or not is_theirs:
        return to_open_again(request, error)
    status = 401 if person is None else 200
    return page(
        request, "send_again.html", status=status, path=error.path, fields=error.fields, is_there=error.is_there
    )
