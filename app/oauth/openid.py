"""OpenID Connect: who the person is to an app that asks for ``openid``, and with ``fhirUser`` which Patient.

Specs: https://openid.net/specs/openid-connect-core-1_0.html,
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from authlib.oidc.core.util import create_half_hash

from app.fhir.release import Release
from app.oauth.signing import ALGORITHM

OPENID = "openid"
FHIR_USER = "fhirUser"
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", FHIR_USER)
NONCE_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class Subject:
    """The person of a record: ``patient`` is their Patient at the base of ``release``, None when there is none."""

    record_id: int
    release: Release | None = None
    patient: str | None = None


class Identity:
    """What the server ``issuer`` tells about people; ``key`` makes numbers of them that tell nothing else."""

    def __init__(self, issuer: str, key: bytes, lifetime: timedelta) -> None:
        self._issuer = issuer
        self._key = key
        self._lifetime = lifetime

    def claims(self, subject: Subject, scope: str) -> dict[str, Any]:
        """Return what a scope with ``openid`` tells of a person: ``sub``, the same for ever, and ``fhirUser`` if asked."""
        digest = hmac.new(self._key, str(subject.record_id).encode(), sha256)
        told: dict[str, Any] = {"sub": digest.hexdigest()[:32]}
        if FHIR_USER in scope.split() and subject.release is not None and subject.patient is not None:
            told[FHIR_USER] = f"{self._issuer}/fhir/{subject.release.path}/Patient/{subject.patient}"
        return told

    def id_token_claims(
        self, subject: Subject, *, scope: str, client_id: str, access_token: str, nonce: str | None, now: datetime
    ) -> dict[str, Any]:
        """Return the claims of an id_token, which holds as long as the access token that it comes with."""
        claims = {
            "iss": self._issuer,
            "aud": client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + self._lifetime).timestamp()),
            "at_hash": create_half_hash(access_token, ALGORITHM).decode(),
            **self.claims(subject, scope),
        }
        return claims if nonce is None else {**claims, "nonce": nonce}
