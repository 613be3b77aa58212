"""An app asks that somebody logs in anew before they decide: with ``prompt=login``, or a ``max_age`` that is over.

That they were sent to log in travels along in the address, sealed with the instant and bound to the request, so that
a login from before does not count and one from after it does.

Spec: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
"""

from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlencode

from fastapi import Request

from app.errors import BadRequestError
from app.identity.instants import from_us, to_us
from app.identity.seal import Passing, Seal
from app.oauth.openid import LoginAsked
from app.portal.session import LoginNeededError, LoginParts, ProofNeededError, maybe_logged_in

NAME = "login_asked"
LIFETIME = timedelta(minutes=15)
"""How long there is to log in and decide; as long as for a request that was pushed."""


class _Sent(Passing, frozen=True):
    at: int
    request: str
    """The hash of the request."""


async def log_in_first(request: Request, wanted: LoginAsked) -> None:
    """Pass who logged in as an app wants it. Raises: LoginNeededError; ProofNeededError, for who did, but too long ago."""
    parts: LoginParts = request.app.state.parts
    now, found = parts.clock(), await maybe_logged_in(request)
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name != NAME]
    seal, digest = Seal(parts.settings.key("login asked"), _Sent), sha256(urlencode(pairs).encode()).hexdigest()
    try:
        sent = seal.opened(request.query_params.get(NAME, ""), now)
        asked_at = from_us(sent.at) if sent.request == digest else None
    except BadRequestError:
        asked_at = None
    if not wanted.is_told or wanted.is_met(None if found is None else found.proven_at, asked_at, now):
        return
    mark = seal.sealed(_Sent(to_us(now + LIFETIME), to_us(now), digest))
    back = f"/authorize?{urlencode([*pairs, (NAME, mark)])}"
    raise LoginNeededError(back) if found is None else ProofNeededError(back)
