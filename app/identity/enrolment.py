"""A sign-up that is half way: what was filled in travels sealed in the next form, and nothing is kept until it is done.

The seal (AES-GCM) hides the password's hash and the secret of the one-time code from whoever sees the page's source and
keeps both from being changed. It holds for a quarter of an hour.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta

import msgspec
import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import BadRequestError
from app.identity.instants import to_us

LIFETIME = timedelta(minutes=15)
ISSUER = "Regie"
_NONCE_BYTES = 12
_PURPOSE = b"enrolment"


class Enrolment(msgspec.Struct, frozen=True):
    """What somebody filled in; ``ends_at`` in microseconds UTC."""

    login: str
    password_hash: str
    name: str
    totp_secret: str
    ends_at: int

    @property
    def uri(self) -> str:
        """Return the address that an authenticator app reads from a QR code."""
        return pyotp.TOTP(self.totp_secret).provisioning_uri(name=self.login, issuer_name=ISSUER)

    def has_code(self, code: str, now: datetime) -> bool:
        """Return whether ``code`` is the one of the moment, or one step off."""
        return pyotp.TOTP(self.totp_secret).verify(code.replace(" ", ""), for_time=now, valid_window=1)


def begun(login: str, password_hash: str, name: str, now: datetime) -> Enrolment:
    """Return a new enrolment with a new secret for one-time codes."""
    return Enrolment(login, password_hash, name, pyotp.random_base32(), to_us(now + LIFETIME))


class Seal:
    """Seals enrolments with ``key`` (32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def sealed(self, enrolment: Enrolment) -> str:
        """Return the enrolment as text for a hidden field."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, msgspec.json.encode(enrolment), _PURPOSE)).decode()

    def opened(self, text: str, now: datetime) -> Enrolment:
        """Return the enrolment of a hidden field.

        Raises: BadRequestError, when it was changed, made elsewhere or is too old.
        """
        try:
            raw = urlsafe_b64decode(text.encode())
            plain = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _PURPOSE)
        except (ValueError, InvalidTag) as error:
            raise BadRequestError("The form is not one of this server.") from error
        enrolment = msgspec.json.decode(plain, type=Enrolment)
        if enrolment.ends_at <= to_us(now):
            raise BadRequestError("The form is too old.")
        return enrolment
