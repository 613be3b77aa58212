"""Logging in at another party (OpenID Connect): such as a broker of a national login, or a wallet.

Who answers is the party that was asked: each has a redirect URI of its own, ``iss`` in the answer has to name it (RFC 9207),
and the id_token is signed with its keys, for us, for this very login. Only a level that is named in the settings counts, and
counts as two factors.

Specs: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation,
https://www.rfc-editor.org/rfc/rfc9700 (security), https://www.rfc-editor.org/rfc/rfc9207 (mix-up)
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.errors import AuthenticationError, UnavailableError
from app.identity.sessions import FRESH

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384"]
"""Signatures that are taken: no ``none``, and nothing with a shared secret."""

TIMEOUT_S = 10
BODY_BYTES_MAX = 256 * 1024
LEEWAY_S = 60
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384}


class Provider(msgspec.Struct, frozen=True):
    """A party at which people can log in; ``levels`` are the values of ``acr`` that count, and what we call them."""

    key: str
    name: str
    issuer: str
    client_id: str
    client_secret: str
    levels: dict[str, str]
    scope: str = "openid"

    def __post_init__(self) -> None:
        """Refuse what would not be safe. Raises: ValueError."""
        parts = urlsplit(self.issuer)
        is_here = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
        if not self.key.isidentifier() or not self.levels or not (parts.scheme == "https" or is_here):
            raise ValueError(
                "REGIE_OPENID_PROVIDERS: each needs a key of letters, an https issuer and levels that count."
            )


class Flow(msgspec.Struct, frozen=True):
    """A login that is under way, kept with the browser's challenge; ``linking`` is the account to link, empty to log in."""

    provider: str
    state: str
    nonce: str
    verifier: str
    back: str
    linking: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider, and with which level they proved it."""

    issuer: str
    subject: str
    level: str


@cache
def providers_of(text: str) -> dict[str, Provider]:
    """Return the providers of the settings, a JSON list, by key. Raises: ValueError, when it is none or not safe."""
    try:
        found = msgspec.json.decode(text, type=list[Provider])
    except (msgspec.DecodeError, ValueError):
        # Says nothing about what it is instead, which holds a secret.
        raise ValueError("REGIE_OPENID_PROVIDERS is not the list that docs/settings.md describes.") from None
    return {provider.key: provider for provider in found}


def begun(provider: Provider, back: str, linking: str = "") -> Flow:
    """Return a new login with secrets of its own."""
    return Flow(provider.key, _random(), _random(), _random(), back, linking)


class OpenIdClient:
    """Talks to one provider; ``redirect_uri`` is for it alone."""

    def __init__(self, provider: Provider, redirect_uri: str, clock: Callable[[], datetime]) -> None:
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._clock = clock

    async def authorization_url(self, flow: Flow) -> str:
        """Return where the browser goes. Raises: UnavailableError."""
        metadata = await self._metadata()
        parameters = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self.provider.scope,
            "state": flow.state,
            "nonce": flow.nonce,
            "acr_values": " ".join(self.provider.levels),
            # Its own session is not enough: whoever sits at an open screen has that.
            "prompt": "login",
            "max_age": str(int(FRESH.total_seconds())),
            "code_challenge": _base64url(hashlib.sha256(flow.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        endpoint = _text(metadata, "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    async def identity(self, flow: Flow, answer: dict[str, str]) -> Identity:
        """Return who logged in, from the parameters that the browser brought back.

        Raises: AuthenticationError, for anything that is not all right; UnavailableError.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise AuthenticationError("The answer is not to this login.")
        metadata = await self._metadata()
        has_iss = metadata.get("authorization_response_iss_parameter_supported") is True or "iss" in answer
        if has_iss and answer.get("iss") != self.provider.issuer:
            raise AuthenticationError("The answer is from somebody else.")
        if not answer.get("code"):
            raise AuthenticationError("The provider did not log this person in.")
        tokens = await self._exchanged(_text(metadata, "token_endpoint"), answer["code"], flow.verifier)
        keys = await self._json("GET", _text(metadata, "jwks_uri"))
        return self._checked(tokens, keys, flow)

    def _checked(self, tokens: dict[str, Any], keys: dict[str, Any], flow: Flow) -> Identity:
        try:
            token = jwt.decode(_text(tokens, "id_token"), KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise AuthenticationError("The id_token is not signed by the provider.") from error
        claims, now = token.claims, self._clock().timestamp()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        level = self.provider.levels.get(str(claims.get("acr", "")))
        subject, expires, issued = claims.get("sub"), claims.get("exp"), claims.get("iat")
        is_right = (
            claims.get("iss") == self.provider.issuer
            and self.provider.client_id in audiences
            and (len(audiences) == 1 or claims.get("azp") == self.provider.client_id)
            and claims.get("azp", self.provider.client_id) == self.provider.client_id
            and isinstance(expires, int | float)
            and expires > now - LEEWAY_S
            and isinstance(issued, int | float)
            and issued < now + LEEWAY_S
            and claims.get("nonce") == flow.nonce
            and _is_recent(claims.get("auth_time"), now)
            and _fits(claims.get("at_hash"), tokens.get("access_token"), str(token.header["alg"]))
            and isinstance(subject, str)
            and 0 < len(subject) <= 255
        )
        if not is_right:
            raise AuthenticationError("The id_token is not for this login.")
        if level is None:
            raise AuthenticationError("The provider did not prove enough about this person.")
        return Identity(self.provider.issuer, str(subject), level)

    async def _exchanged(self, endpoint: str, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        login = httpx.BasicAuth(self.provider.client_id, self.provider.client_secret)
        return await self._json("POST", endpoint, data=form, auth=login)

    async def _metadata(self) -> dict[str, Any]:
        found = await self._json("GET", f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.provider.issuer:
            raise UnavailableError("The provider names another issuer than the one in the settings.")
        return found

    async def _json(self, method: str, url: str, **sent: Any) -> dict[str, Any]:
        """Return a JSON object; no redirect is followed. Raises: UnavailableError."""
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http,
                http.stream(method, url, **sent) as answer,
            ):
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > BODY_BYTES_MAX:
                        raise UnavailableError("The answer of the provider is too long.")
            if answer.status_code != httpx.codes.OK:
                raise UnavailableError("The provider gave no answer that can be used.")
            return msgspec.json.decode(body, type=dict[str, Any])
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
            raise UnavailableError("The provider can't be reached.") from error


def _is_recent(auth_time: Any, now: float) -> bool:
    """Return whether somebody showed who they are a short time ago; with a ``max_age`` a provider has to tell when.

    None is refused: who sits at an open screen can take ``prompt`` and ``max_age`` out of the address on the way there.
    Spec: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """
    return isinstance(auth_time, int | float) and now - FRESH.total_seconds() - LEEWAY_S <= auth_time <= now + LEEWAY_S


def _fits(at_hash: Any, access_token: Any, algorithm: str) -> bool:
    """Return whether the access token came with the id_token, where the id_token says which one did."""
    if at_hash is None:
        return True
    digest = _HASHES[algorithm[2:]](str(access_token).encode()).digest()
    return hmac.compare_digest(str(at_hash).encode(), _base64url(digest[: len(digest) // 2]).encode())


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise UnavailableError("The answer of the provider lacks something.")
    return value


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _random() -> str:
    return secrets.token_urlsafe(32)
