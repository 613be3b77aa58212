"""Errors of the authorization server: an RFC 6749 section 5.2 body, or a redirect where that is safe.

A redirect URI is used only after it was found among those of the client; without one, the person gets a page. The
descriptions help who builds a client and are the same for whatever it was that did not exist.
"""

import re

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError

from app.errors import RegieError, UnavailableError
from app.oauth import nonces
from app.oauth.exchange import Answer, Payload


class UseNonceError(OAuth2Error):
    """A DPoP proof has to hold the nonce that comes with the answer."""

    error = nonces.ERROR


class InvalidProofError(OAuth2Error):
    """The DPoP proof or the certificate of a request proves nothing."""

    error = "invalid_dpop_proof"


NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
DESCRIPTIONS = {
    "access_denied": "The person did not allow this.",
    "consent_required": "The person is always asked on a page.",
    "invalid_client": "The client is unknown or did not prove who it is.",
    "invalid_dpop_proof": "The DPoP proof or the certificate proves nothing.",
    "invalid_grant": "The code or refresh token is unknown, expired, used, revoked or not from this client.",
    "invalid_request": "The request is missing something, repeats something or is malformed.",
    "invalid_scope": "Nothing in the scope can be granted to this client.",
    "request_not_supported": "The parameters are not taken from a request object: push them to /par.",
    "unauthorized_client": "The client may not use this grant type.",
    "unsupported_grant_type": "The grant_type is authorization_code, refresh_token or client_credentials.",
    "unsupported_response_type": "The response_type is code.",
    nonces.ERROR: "The DPoP proof has to hold the nonce in the header DPoP-Nonce.",
}
_SCHEME = re.compile(r"[A-Za-z]{1,20}")
_MARK = "Regie: "
"""Starts the texts that this server's own code gives an error; Authlib's texts are replaced by those of the table."""


def described(text: str) -> str:
    """Return a description that ``body`` shows as it is; plain ASCII without quotes, as RFC 6749 asks."""
    return _MARK + text


def body(error: OAuth2Error) -> dict[str, str]:
    """Return the JSON object of an error."""
    code = error.error or "server_error"
    text = error.description or ""
    shown = text.removeprefix(_MARK) if text.startswith(_MARK) else DESCRIPTIONS.get(code, "")
    return {"error": code, "error_description": shown} if shown else {"error": code}


def answer(error: OAuth2Error) -> Answer:
    """Return the answer of the token, revocation and introspection endpoints."""
    return Answer(400, body(error), dict(NO_STORE))


def of_scheme(answer: Answer, authorization: str) -> Answer:
    """Return the answer to a request with this header Authorization: a client that tried to prove itself there is told so.

    Spec: RFC 6749 section 5.2, invalid_client.
    """
    scheme = authorization.partition(" ")[0]
    if answer.body.get("error") != "invalid_client" or not _SCHEME.fullmatch(scheme):
        return answer
    return Answer(401, answer.body, {**answer.headers, "WWW-Authenticate": f'{scheme} realm="Regie"'})


def of_regie(error: RegieError) -> Answer:
    """Return the answer to an error of the rest of Regie, such as a database that is out of reach."""
    code, headers = "invalid_request", dict(NO_STORE)
    if isinstance(error, UnavailableError):
        code, headers["Retry-After"] = "temporarily_unavailable", str(error.retry_after_s)
    return Answer(error.status, {"error": code, "error_description": str(error)}, headers)


def check_repeated(payload: Payload) -> None:
    """Refuse a parameter that comes twice: two readers might take different ones (RFC 6749 sections 3.1 and 3.2)."""
    if any(len(values) > 1 for values in payload.datalist.values()):
        raise InvalidRequestError(described("A parameter is repeated."))
