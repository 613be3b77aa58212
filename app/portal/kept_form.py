"""What somebody typed while their login ended: kept in their browser, sealed, until they are back.

A form that wants this has a field ``whose`` (``mark_of``), which ties it to the login that opened it: what was typed is shown
to that person in that record only. It is an aid for typing and proves nothing: the form is sent again, with a new token.
"""

import hmac
import zlib
from datetime import timedelta
from hashlib import sha256
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.errors import AuthenticationError, BadRequestError
from app.identity.instants import to_us
from app.identity.seal import Passing, Seal
from app.portal.session import (
    ActingEndedError,
    ExpiredFormError,
    LoggedIn,
    SignedIn,
    checked_form,
    cookie_kind,
    cookie_name,
    maybe_logged_in,
)
from app.settings import Settings

LIFETIME = timedelta(hours=1)
PIECE_LENGTH_MAX = 3500
"""A browser keeps a cookie of 4,096 bytes, its name and attributes counted."""

PIECES_MAX = 2
"""A server in front of this one may take a header of 8 kB and no more; two have room for 6,000 letters. What is longer waits on a page."""


_FIELDS = msgspec.json.Decoder(dict[str, list[str]])


class FormKeptError(AuthenticationError):
    """The login of who sent a form is over; ``sealed`` is what was typed, empty if it is too long to be kept in the browser."""

    def __init__(self, path: str, sealed: str, fields: list[tuple[str, str]], *, is_there: bool) -> None:
        super().__init__("Log in again; what was typed is kept.")
        self.path = path
        self.sealed = sealed
        self.fields = fields
        self.is_there = is_there


class _Typed(Passing, frozen=True):
    whose: str
    path: str
    fields: bytes
    """JSON of the texts by their names, deflated."""


def mark_of(settings: Settings, person: SignedIn) -> str:
    """Return the value of the field ``whose`` in a form that this person opens in the record in view."""
    return own_mark(settings, person.account_id, "" if person.acting is None else person.acting.grant_id)


def own_mark(settings: Settings, account_id: str, opened_in: str = "") -> str:
    """Return the mark of an account in its own record, or in that of the grant ``opened_in``; it tells nothing of either."""
    said = f"typed by {account_id} in {opened_in}"
    return hmac.new(settings.key("whose form"), said.encode(), sha256).hexdigest()


def marks_of(request: Request, person: LoggedIn) -> list[str]:
    """Return the marks of the forms that this login can have opened at this address, in the record that it is in now."""
    settings: Settings = request.app.state.parts.settings
    own = ["", str(request.path_params.get("grant_id", ""))]
    opened_in = own if person.acting is None else [person.acting.grant_id]
    return [own_mark(settings, person.account_id, one) for one in opened_in]


async def kept_form(request: Request) -> FormData:
    """Return a form as ``checked_form`` does; of who is not logged in any more what was typed is kept. A dependency.

    Raises: FormKeptError; ActingEndedError, when the record of another, where it was opened, is closed to them.
    """
    try:
        form = await checked_form(request)
        found = await maybe_logged_in(request)
        if found is not None:
            return form
    except ExpiredFormError:
        form = await request.form()
        found = await maybe_logged_in(request)
        if found is not None and found.has_ended:
            raise ActingEndedError from None
        if found is not None and "whose" not in form:
            raise
    texts = [(name, text) for name, text in form.multi_items() if isinstance(text, str) and name != "csrf_token"]
    raise FormKeptError(request.url.path, _sealed(request, texts), texts, is_there=found is not None)


KeptForm = Annotated[FormData, Depends(kept_form)]
"""What somebody typed, of a page where that is not lost."""


def to_open_again(request: Request, error: FormKeptError) -> Response:
    """Return the way back to the form, over the login if need be."""
    path = error.path if error.is_there else f"/login?next={quote(error.path, safe='/')}"
    response = RedirectResponse(path, status_code=303)
    if error.sealed:
        settings: Settings = request.app.state.parts.settings
        lifetime = int(LIFETIME.total_seconds())
        for at, name in enumerate(_names(settings)):
            piece = error.sealed[at * PIECE_LENGTH_MAX : (at + 1) * PIECE_LENGTH_MAX]
            response.set_cookie(name, piece, max_age=lifetime if piece else 0, **cookie_kind(settings))
    return response


def typed_before(request: Request, person: SignedIn) -> FormData:
    """Return what this person typed in the form of this page when their login ended; empty when there is nothing."""
    return typed_by(request, mark_of(request.app.state.parts.settings, person))


def typed_by(request: Request, whose: str) -> FormData:
    """Return what was typed in the form of this page with the mark ``whose`` when the login ended; empty when there is nothing."""
    parts = request.app.state.parts
    try:
        sealed = "".join(request.cookies.get(name, "") for name in _names(parts.settings))
        typed = _seal(parts.settings).opened(sealed, parts.clock())
    except BadRequestError:
        return FormData()
    if not hmac.compare_digest(typed.whose.encode(), whose.encode()):
        request.state.typed_elsewhere = True
        return FormData()
    if typed.path != request.url.path:
        return FormData()
    fields = _FIELDS.decode(zlib.decompress(typed.fields))
    return FormData([(name, text) for name, texts in fields.items() for text in texts])


def has_typed(request: Request) -> bool:
    """Return whether this browser keeps what somebody typed; whether it can be read is seen after the login."""
    return _names(request.app.state.parts.settings)[0] in request.cookies


def forget_typed(request: Request, response: Response) -> None:
    """Let the browser forget what was typed: it stands in the form again. What was typed in another record waits for that."""
    if getattr(request.state, "typed_elsewhere", False):
        return
    settings: Settings = request.app.state.parts.settings
    for name in _names(settings):
        if name in request.cookies:
            response.delete_cookie(name, **cookie_kind(settings))


def _sealed(request: Request, texts: list[tuple[str, str]]) -> str:
    fields: dict[str, list[str]] = {}
    for name, text in texts:
        fields.setdefault(name, []).append(text)
    fields = {name: several for name, several in fields.items() if any(several)}  # one of several keeps its place
    whose = "".join(fields.pop("whose", []))
    parts = request.app.state.parts
    ends_at = to_us(parts.clock() + LIFETIME)
    packed = zlib.compress(msgspec.json.encode(fields))
    sealed = _seal(parts.settings).sealed(_Typed(ends_at, whose, request.url.path, packed))
    return sealed if whose and len(sealed) <= PIECES_MAX * PIECE_LENGTH_MAX else ""


def _seal(settings: Settings) -> Seal[_Typed]:
    return Seal(settings.key("typed forms"), _Typed)


def _names(settings: Settings) -> list[str]:
    more = [f"typed-{number}" for number in range(2, PIECES_MAX + 1)]
    return [cookie_name(purpose, settings) for purpose in ("typed", *more)]
