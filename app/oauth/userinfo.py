"""The UserInfo endpoint: what an app with an access token for ``openid`` may know of the person.

Specs: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo, https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from app.audit.events import Trace
from app.oauth import binding, nonces, tokens
from app.oauth.binding import Shown
from app.oauth.dpop import BadProofError, NonceNeededError
from app.oauth.errors import NO_STORE
from app.oauth.exchange import Answer
from app.oauth.openid import OPENID
from app.oauth.server import AuthorizationServer
from app.oauth.tokens import Token


def userinfo(server: AuthorizationServer, shown: Shown | None, trace: Trace) -> Answer:
    """Return the answer to an access token, None when the request had none; for code in a worker thread."""
    if shown is None:
        return _refused("")
    found = tokens.read_blocking(server.database, shown.token)
    if found is None or found.is_refresh or not found.is_active(server.now_us()):
        return _refused("invalid_token")
    try:
        if not _is_proven(server, found, shown):
            return _refused("invalid_token")
    except NonceNeededError:
        nonce = "" if server.nonces is None else server.nonces.current(server.now())
        headers = {**NO_STORE, "WWW-Authenticate": f'DPoP error="{nonces.ERROR}"', "DPoP-Nonce": nonce}
        return Answer(401, {"error": nonces.ERROR}, headers)
    if OPENID not in found.scope.split():
        return _refused("insufficient_scope", 403)
    if not server.changes.tell_who(found, trace):
        return _refused("invalid_token")
    return Answer(200, server.identity.claims(server.subject(found), found.scope), dict(NO_STORE))


def _is_proven(server: AuthorizationServer, found: Token, shown: Shown) -> bool:
    """Return whether a token comes with what it is bound to. Raises: NonceNeededError."""
    now = server.now()
    try:
        proof = binding.of_use(found.binding or "", shown, now, server.nonces)
    except NonceNeededError:
        raise
    except BadProofError:
        return False
    return proof is None or server.database.write_blocking(binding.use(proof, now))


def _refused(error: str, status: int = 401) -> Answer:
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    return Answer(status, {"error": error} if error else {}, {**NO_STORE, "WWW-Authenticate": challenge})
