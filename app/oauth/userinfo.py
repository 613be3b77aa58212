"""The UserInfo endpoint: what an app with an access token for ``openid`` may know of the person.

Specs: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo, https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from app.audit.events import Trace
from app.oauth import tokens
from app.oauth.errors import NO_STORE
from app.oauth.exchange import Answer
from app.oauth.openid import OPENID
from app.oauth.server import AuthorizationServer


def userinfo(server: AuthorizationServer, value: str | None, trace: Trace) -> Answer:
    """Return the answer to an access token, None when the request had none; for code in a worker thread."""
    if value is None:
        return _refused("")
    found = tokens.read_blocking(server.database, value)
    if found is None or found.is_refresh or not found.is_active(server.now_us()):
        return _refused("invalid_token")
    if OPENID not in found.scope.split():
        return _refused("insufficient_scope", 403)
    if not server.changes.tell_who(found, trace):
        return _refused("invalid_token")
    return Answer(200, server.identity.claims(server.subject(found), found.scope), dict(NO_STORE))


def _refused(error: str, status: int = 401) -> Answer:
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    return Answer(status, {"error": error} if error else {}, {**NO_STORE, "WWW-Authenticate": challenge})
