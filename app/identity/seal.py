"""A seal on what travels through a browser and comes back: who holds it can neither read nor change it (AES-GCM)."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import BadRequestError
from app.identity.instants import to_us

_NONCE_BYTES = 12


class Passing(msgspec.Struct, frozen=True):
    """What can be sealed; ``ends_at`` in microseconds UTC."""

    ends_at: int


Content = TypeVar("Content", bound=Passing)


class Seal(Generic[Content]):
    """Seals things of one ``kind`` with ``key`` (32 bytes), which is for nothing else."""

    def __init__(self, key: bytes, kind: type[Content]) -> None:
        self._cipher = AESGCM(key)
        self._kind = kind

    def sealed(self, content: Content) -> str:
        """Return it as text for a hidden field or a cookie."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, msgspec.json.encode(content), None)).decode()

    def opened(self, text: str, now: datetime) -> Content:
        """Return what was sealed.

        Raises: BadRequestError, when it was changed, made elsewhere or is too old.
        """
        try:
            raw = urlsafe_b64decode(text.encode())
            content = msgspec.json.decode(
                self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None), type=self._kind
            )
        except (ValueError, InvalidTag, msgspec.DecodeError) as error:  # the last: a release before this one sealed it
            raise BadRequestError("The form is not one of this server.") from error
        if content.ends_at <= to_us(now):
            raise BadRequestError("The form is too old.")
        return content
