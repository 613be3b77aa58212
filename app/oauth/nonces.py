"""DPoP nonces: a value of this server that a proof has to hold, so that none can be made for later.

A nonce is made of the minute, with a key that all processes derive: nothing is kept, and each knows those of the others. It is
good in its own minute and the two after it.

Spec: https://www.rfc-editor.org/rfc/rfc9449#section-8
"""

import hmac
from base64 import urlsafe_b64encode
from datetime import datetime
from hashlib import sha256

ERROR = "use_dpop_nonce"
SECONDS = 60
GOOD_FOR = 3
"""For how many minutes a nonce is good, its own included."""


class Nonces:
    """The nonces of a server; ``key`` has 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def current(self, now: datetime) -> str:
        """Return the nonce to be used from now on."""
        return self._of(int(now.timestamp()) // SECONDS)

    def is_good(self, nonce: str, now: datetime) -> bool:
        """Return whether a nonce is of this server and of the last minutes."""
        minute = int(now.timestamp()) // SECONDS
        told = nonce.encode(errors="replace")
        return any(hmac.compare_digest(told, self._of(minute - ago).encode()) for ago in range(GOOD_FOR))

    def _of(self, minute: int) -> str:
        return urlsafe_b64encode(hmac.new(self._key, str(minute).encode(), sha256).digest()[:18]).decode()
