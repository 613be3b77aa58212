"""What happens to a form that was sent after the login ended: it opens again with what was typed, or waits on a page.

The page holds the fields as they came. It offers to send them again, with a token only if ``whose`` says that they were typed by
who is logged in now in the record in view: nobody else's page makes anybody send what they did not type, and nothing gets
into another record. Where it says something else, the form waits there however short it is: its long texts are shown, to be
copied, and it can be sent from the right one.
"""

import hmac

from fastapi import Request
from starlette.responses import Response

from app.portal.kept_form import FormKeptError, marks_of, to_open_again
from app.portal.page import page
from app.portal.session import maybe_logged_in

SHOWN_FROM = 40
"""Characters of what is shown to be copied: it is more than what a list of choices sends."""


async def to_send_again(request: Request, error: FormKeptError) -> Response:
    """Return the way back to the form, or the page on which it waits; ``main`` sets it as the handler of ``FormKeptError``."""
    fields = dict(error.fields)
    whose = fields.get("whose", "")
    person = await maybe_logged_in(request)
    is_theirs = person is not None and any(
        hmac.compare_digest(whose.encode(), mark.encode()) for mark in marks_of(request, person)
    )
    if not whose or (error.sealed and (person is None or is_theirs)):
        return to_open_again(request, error)
    return page(
        request,
        "send_again.html",
        status=401 if person is None else 200 if is_theirs else 409,
        path=error.path,
        fields=error.fields,
        texts=[text for name, text in error.fields if name != "whose" and len(text) >= SHOWN_FROM],
        is_there=person is not None,
        is_theirs=is_theirs,
    )
