"""What somebody typed while their login ended: kept in their browser, sealed, until they are back.

A form that wants this has a field ``whose`` (``mark_of``), which ties it to the login that opened it: what was typed is shown
to that person in that record only. It is an aid for typing and proves nothing: the form is sent again, with a new token.
"""

import base64
import binascii
import hmac
import os
from hashlib import sha256
from urllib.parse import quote

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.errors import AuthenticationError
from app.portal.session import ExpiredFormError, SignedIn, checked_form, maybe_logged_in
from app.settings import Settings

LIFETIME_S = 3600
TYPED_BYTES_MAX = 2500
"""A browser keeps a cookie of 4,096 bytes; sealed and written as text, this fits."""

_NONCE_BYTES = 12


class FormKeptError(AuthenticationError):
    """The login of who sent a form is over; ``sealed`` is what was typed, empty if it can't be kept."""

    def __init__(self, path: str, sealed: str, *, is_there: bool) -> None:
        super().__init__("Log in again; what was typed is kept.")
        self.path = path
        self.sealed = sealed
        self.is_there = is_there


class _Typed(msgspec.Struct, array_like=True):
    whose: str
    path: str
    at: float
    fields: dict[str, str]


def mark_of(settings: Settings, person: SignedIn) -> str:
    """Return the value of the field ``whose`` in a form that this person opens in the record in view."""
    return own_mark(settings, person.account_id, "" if person.acting is None else person.acting.grant_id)


def own_mark(settings: Settings, account_id: str, opened_in: str = "") -> str:
    """Return the mark of an account in its own record, or in that of the grant ``opened_in``; it tells nothing of either."""
    said = f"typed by {account_id} in {opened_in}"
    return hmac.new(settings.key("forms"), said.encode(), sha256).hexdigest()


async def kept_form(request: Request) -> FormData:
    """Return a form as ``checked_form`` does; of who is not logged in any more what was typed is kept. A dependency.

    Raises: FormKeptError.
    """
    try:
        form = await checked_form(request)
        is_there = await maybe_logged_in(request) is not None
        if is_there:
            return form
    except ExpiredFormError:
        form = await request.form()
        is_there = await maybe_logged_in(request) is not None
        if is_there and "whose" not in form:
            raise
    raise FormKeptError(request.url.path, _sealed(request, form), is_there=is_there)


def to_open_again(request: Request, error: FormKeptError) -> Response:
    """Return the way back to the form, over the login if need be; ``main`` sets it as the handler of ``FormKeptError``."""
    path = error.path if error.is_there else f"/login?next={quote(error.path, safe='/')}"
    response = RedirectResponse(path, status_code=303)
    if error.sealed:
        settings: Settings = request.app.state.parts.settings
        response.set_cookie(
            _name(settings),
            error.sealed,
            max_age=LIFETIME_S,
            httponly=True,
            samesite="lax",
            secure=settings.is_https,
            path="/",
        )
    return response


def typed_before(request: Request, person: SignedIn) -> dict[str, str] | None:
    """Return what this person typed in the form of this page when their login ended, None when there is nothing."""
    parts = request.app.state.parts
    sealed = request.cookies.get(_name(parts.settings), "")
    try:
        raw = base64.urlsafe_b64decode(sealed.encode())
        plain = AESGCM(parts.settings.key("typed forms")).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
        typed = msgspec.json.decode(plain, type=_Typed)
    except (ValueError, binascii.Error, InvalidTag, msgspec.DecodeError):
        return None
    is_fresh = parts.clock().timestamp() - typed.at < LIFETIME_S
    is_whose = hmac.compare_digest(typed.whose.encode(), mark_of(parts.settings, person).encode())
    return typed.fields if is_fresh and is_whose and typed.path == request.url.path else None


def has_typed(request: Request) -> bool:
    """Return whether this browser keeps what somebody typed; whether it can be read is seen after the login."""
    return _name(request.app.state.parts.settings) in request.cookies


def forget_typed(request: Request, response: Response) -> None:
    """Let the browser forget what was typed: it stands in the form again."""
    settings: Settings = request.app.state.parts.settings
    if _name(settings) in request.cookies:
        response.delete_cookie(_name(settings), httponly=True, samesite="lax", secure=settings.is_https, path="/")


def _sealed(request: Request, form: FormData) -> str:
    fields = {name: value for name, value in form.items() if isinstance(value, str) and name != "csrf_token"}
    whose = fields.pop("whose", "")
    parts = request.app.state.parts
    plain = msgspec.json.encode(_Typed(whose, request.url.path, parts.clock().timestamp(), fields))
    if not whose or len(plain) > TYPED_BYTES_MAX:
        return ""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(parts.settings.key("typed forms")).encrypt(nonce, plain, None)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def _name(settings: Settings) -> str:
    return "__Host-regie-typed" if settings.is_https else "regie-typed"
