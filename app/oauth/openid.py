"""OpenID Connect: who the person is to an app that asks for ``openid``, and with ``fhirUser`` which Patient.

Specs: https://openid.net/specs/openid-connect-core-1_0.html,
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from authlib.oidc.core.util import create_half_hash

from app.fhir.release import Release
from app.oauth.signing import ALGORITHM

OPENID = "openid"
FHIR_USER = "fhirUser"
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", FHIR_USER)
NONCE_LENGTH_MAX = 255
NO_PAGE = "none"
"""The prompt that asks for an answer without a page."""

_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class LoginAsked:
    """What an app wants of the login: ``prompts``, and how long ago (``max_age``) a factor may have been shown, None for any time.

    Spec: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
    """

    prompts: frozenset[str] = frozenset()
    max_age: timedelta | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "LoginAsked":
        """Return what a request says. Raises: ValueError, for a ``max_age`` that is none, or ``none`` beside another prompt."""
        prompts = frozenset(parameters.get("prompt", "").split())
        seconds = parameters.get("max_age")
        if NO_PAGE in prompts and len(prompts) > 1:
            raise ValueError("The prompt none stands alone.")
        if seconds is not None and not _SECONDS.fullmatch(seconds):
            raise ValueError("The max_age is a number of seconds.")
        return cls(prompts, None if seconds is None else timedelta(seconds=int(seconds)))

    @property
    def is_told(self) -> bool:
        """Return whether the app learns when the login was."""
        return self.max_age is not None or "login" in self.prompts

    def is_met(self, proven_at: datetime | None, asked_at: datetime | None, now: datetime) -> bool:
        """Return whether a login will do of which a factor was shown at ``proven_at``, None for no login.

        ``asked_at`` is when the person was sent to log in for this very request, None if they were not.
        """
        if proven_at is None:
            return False
        if asked_at is not None and proven_at >= asked_at:
            return True
        return "login" not in self.prompts and (self.max_age is None or timedelta(0) < self.max_age >= now - proven_at)


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
        self,
        subject: Subject,
        *,
        scope: str,
        client_id: str,
        access_token: str,
        nonce: str | None,
        auth_time: datetime | None,
        now: datetime,
    ) -> dict[str, Any]:
        """Return the claims of an id_token, which holds as long as the access token that it comes with.

        ``auth_time`` is when the person showed a factor, None if the app did not ask.
        """
        claims = {
            "iss": self._issuer,
            "aud": client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + self._lifetime).timestamp()),
            "at_hash": create_half_hash(access_token, ALGORITHM).decode(),
            **self.claims(subject, scope),
        }
        if auth_time is not None:
            claims["auth_time"] = int(auth_time.timestamp())
        return claims if nonce is None else {**claims, "nonce": nonce}
