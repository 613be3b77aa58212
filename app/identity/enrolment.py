"""A sign-up that is half way: what was filled in travels sealed in the next form, and nothing is kept until it is done.

The seal hides the password's hash and the secret of the one-time code from whoever sees the page's source and
keeps both from being changed. It holds for a quarter of an hour.
"""

from datetime import datetime, timedelta

import pyotp

from app.identity.instants import to_us
from app.identity.seal import Passing

LIFETIME = timedelta(minutes=15)
ISSUER = "Regie"


class Enrolment(Passing, frozen=True):
    """What somebody filled in."""

    login: str
    password_hash: str
    name: str
    totp_secret: str

    @property
    def uri(self) -> str:
        """Return the address that an authenticator app reads from a QR code."""
        return pyotp.TOTP(self.totp_secret).provisioning_uri(name=self.login, issuer_name=ISSUER)

    def has_code(self, code: str, now: datetime) -> bool:
        """Return whether ``code`` is the one of the moment, or one step off."""
        return pyotp.TOTP(self.totp_secret).verify(code.replace(" ", ""), for_time=now, valid_window=1)


def begun(login: str, password_hash: str, name: str, now: datetime) -> Enrolment:
    """Return a new enrolment with a new secret for one-time codes."""
    return Enrolment(to_us(now + LIFETIME), login, password_hash, name, pyotp.random_base32())
