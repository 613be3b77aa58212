"""Any error becomes a page that says what happened and what to do now."""

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.errors import RegieError, UnavailableError
from app.portal.language import marked
from app.portal.page import page
from app.portal.session import ActingEndedError, ClosedPartError, ExpiredFormError, OwnRecordNeededError
from app.portal.view import trace_of


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of an error page."""

    title: str
    text: str
    action: str = marked("Go to the first page")
    target: str = "/"


KNOWN = {
    400: Words(
        marked("We do not understand this"),
        marked("Something in the address or the form is not right. Go back and try again."),
    ),
    401: Words(
        marked("Please log in again"),
        marked("You were logged out, to keep your record safe."),
        marked("Log in"),
        "/login",
    ),
    403: Words(
        marked("This is not open to you"),
        marked("Your login does not give access to this page."),
    ),
    404: Words(
        marked("This page does not exist"),
        marked("Perhaps the address has a mistake in it, or the page has moved."),
    ),
    429: Words(
        marked("That was a bit too often"),
        marked("Wait a few minutes. Then try again."),
    ),
    503: Words(
        marked("This does not work right now"),
        marked("Wait a few minutes. Then try again. Nothing was lost."),
    ),
}
EXPIRED_FORM = Words(
    marked("This form is too old"),
    marked("The page was open for a long time. Nothing was changed. Open it again and send the form once more."),
)
OWN_RECORD_NEEDED = Words(
    marked("This page is about your own record"),
    marked("You are looking in the record of somebody else. Go back to your own record first."),
    marked("Go on in this record"),
)
CLOSED_PART = Words(
    marked("This part was not shared with you"),
    marked("This person shares other parts of the record with you. So you do not see here what is in it."),
    marked("Go on in this record"),
)
ACTING_ENDED = Words(
    marked("You do not look in this record any more"),
    marked("You may not act for this person now. Nothing was changed. You are back in your own record."),
    marked("Go to your own record"),
)
UNFORESEEN = Words(
    marked("Something went wrong on our side"),
    marked("It is not your fault. Try again in a few minutes. Does it stay? Tell us the number below."),
)
_OWN_WORDS = {
    ExpiredFormError: EXPIRED_FORM,
    OwnRecordNeededError: OWN_RECORD_NEEDED,
    ClosedPartError: CLOSED_PART,
    ActingEndedError: ACTING_ENDED,
}
_SAME_WORDS = {408: 503, 405: 404, 410: 404, 409: 400, 412: 400, 413: 400, 415: 400, 422: 400}


def error_page(request: Request, status: int, request_id: str = "") -> HTMLResponse:
    """Return the page for an HTTP status. ``request_id`` is shown for a fault of ours, so that it can be found in the logs."""
    words = KNOWN.get(_SAME_WORDS.get(status, status), UNFORESEEN)
    shown_id = request_id if words is UNFORESEEN else ""
    return page(request, "error.html", status=status, words=words, request_id=shown_id)


def of_regie(request: Request, error: RegieError) -> HTMLResponse:
    """Return the page for an error of the family; a refusal says no more than its status, a form that is too old does."""
    for kind, words in _OWN_WORDS.items():
        if isinstance(error, kind):
            return page(request, "error.html", status=error.status, words=words, request_id="")
    answer = error_page(request, error.status, trace_of(request).request_id)
    if isinstance(error, UnavailableError):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer
