"""Proof of a confidential client: a short-lived JWT signed with its private key, good once.

Specs: https://www.rfc-editor.org/rfc/rfc7523#section-3,
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeyFlexible, KeySet
from joserfc.jwt import JWTClaimsRegistry

from app.db.database import Database
from app.oauth.clients import Client
from app.oauth.errors import described
from app.oauth.exchange import Submitted
from app.oauth.remote_keys import RemoteKeys, UnreachableKeysError
from app.oauth.replay import first_use

ALGORITHMS = ["ES384", "RS384", "ES256", "PS256", "RS256"]
FAPI_ALGORITHMS = frozenset({"ES256", "PS256"})
LIFETIME_MAX = timedelta(minutes=5)
LEEWAY = timedelta(seconds=30)
ASSERTION_LENGTH_MAX = 8192


class PrivateKeyJwt(JWTBearerClientAssertion):
    """The client authentication method ``private_key_jwt``; ``audiences`` are the names by which this server is called."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(
        self, database: Database, audiences: list[str], remote_keys: RemoteKeys, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(leeway=int(LEEWAY.total_seconds()))
        self._database = database
        self._audiences = audiences
        self._remote_keys = remote_keys
        self._clock = clock

    def __call__(self, query_client: Callable[[str], Client | None], request: Submitted) -> Client | None:
        """Return the client that signed the assertion in the request; None when there is no assertion.

        Raises: InvalidClientError, in the same words for every fault that shows before the signature is checked.
        """
        if len(request.form.get("client_assertion", "")) > ASSERTION_LENGTH_MAX:
            raise InvalidClientError
        try:
            found: Client | None = super().__call__(query_client, request)
        except (RecursionError, UnicodeError) as error:  # nested a thousand deep, or half a character
            raise InvalidClientError from error
        if found is not None and request.form.get("client_id", found.client_id) != found.client_id:
            raise InvalidClientError(described("client_id and the subject of the assertion differ."))
        if found is not None and found.is_fapi:
            headers, claims = self.extract_assertion(request.form["client_assertion"])
            if headers["alg"] not in FAPI_ALGORITHMS or claims["aud"] != self._audiences[0]:
                raise InvalidClientError(described("With FAPI the aud is the issuer, and the alg ES256 or PS256."))
        return found

    def resolve_client_public_key(self, client: Client) -> KeyFlexible:
        """Return the registered keys, or what fetches them for the assertion's ``kid``.

        Raises: InvalidClientError, for a client that has none.
        """
        url, kept = client.jwks_uri, None
        if client.jwks is not None:
            kept = KeySet.import_key_set(client.key_set)
        if url is None:
            if kept is None:
                raise InvalidClientError
            return kept

        def found(signed: Any) -> KeySet:
            """Return the keys kept here if one of them is meant, else those at the URL: both are good during a change."""
            kid = signed.headers().get("kid")
            if kept is not None and any(kid in (key.kid, key.thumbprint()) for key in kept.keys):
                return kept
            return self._remote_keys.keys(url, kid)

        return found

    def process_assertion_claims(self, assertion: str, resolve_key: KeyFlexible) -> dict[str, Any]:
        """Return the claims after checking signature and claims. Raises: InvalidClientError."""
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=ALGORITHMS).claims
        except UnreachableKeysError as error:
            raise InvalidClientError(described(str(error))) from error
        except (JoseError, ValueError, TypeError) as error:  # also keys that don't fit the algorithm
            raise InvalidClientError from error
        self.verify_claims(claims)
        return claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        """Check who signed it, for whom, how long it holds, and that it comes for the first time."""
        now = self._clock()
        registry = JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=self.leeway,
            iss={"essential": True, "value": str(claims.get("sub"))},
            sub={"essential": True},
            aud={"essential": True, "values": self._audiences},
            exp={"essential": True},
            jti={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise InvalidClientError(described("The assertion has expired.")) from error
        except JoseError as error:
            raise InvalidClientError(
                described("The assertion needs iss and sub (the client_id), aud (this server), exp and jti.")
            ) from error
        if not claims["exp"] <= (now + LIFETIME_MAX + LEEWAY).timestamp():  # so that NaN is not within it
            raise InvalidClientError(described("The assertion holds for more than five minutes."))
        if not self.validate_jti(claims, claims["jti"]):
            raise InvalidClientError(described("The jti of the assertion was used before."))

    def validate_jti(self, claims: dict[str, Any], jti: str) -> bool:
        """Return whether this is the first assertion with this jti; remembered on disk until it has expired."""
        now = self._clock()
        job = first_use(claims["sub"], jti, now + LIFETIME_MAX + 2 * LEEWAY, now)
        return self._database.write_blocking(job)
