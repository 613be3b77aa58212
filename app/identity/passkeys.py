"""Passkeys: keys in a person's phone, computer or security key that open an account without a password.

One is taken only if the device made sure that it is its owner (a finger, a face, a PIN), so that it is two factors in one.
It is bound to this server's name: a page elsewhere can't use it. The person is found by the key, so that no login name is
typed. A counter that goes back is a copied key, and is refused.

Spec: https://www.w3.org/TR/webauthn-3/
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import bindparam, delete, func, insert, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from app.db.database import Reader, Row, Transaction
from app.db.statements import hot
from app.errors import BadRequestError, ConflictError
from app.identity.instants import from_us, to_us
from app.identity.tables import passkey

SERVER_NAME = "Regie"
MOST = 20
"""Passkeys that one account may have."""

_BROKEN = (WebAuthnException, ValueError, TypeError, LookupError, RecursionError)
"""What the library raises for an answer that is no answer, or wrong."""

_columns = passkey.c
_INSERT = hot(insert(passkey))
_KEY = hot(
    select(_columns.account_id, _columns.public_key, _columns.sign_count).where(
        _columns.credential_id == bindparam("credential_id")
    )
)
_OF_ACCOUNT = hot(
    select(_columns.credential_id, _columns.name, _columns.created_at, _columns.last_used_at)
    .where(_columns.account_id == bindparam("account_id"))
    .order_by(_columns.created_at, _columns.credential_id)
)
_COUNT = hot(select(func.count()).select_from(passkey).where(_columns.account_id == bindparam("account_id")))
_USED = hot(
    update(passkey)
    .where(_columns.credential_id == bindparam("which"))
    .values(sign_count=bindparam("count"), last_used_at=bindparam("used"))
)
_REMOVE = hot(
    delete(passkey).where(
        _columns.account_id == bindparam("account_id"), _columns.credential_id == bindparam("credential_id")
    )
)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its person sees it; ``last_used_at`` is None before the first login with it."""

    credential_id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Passkeys:
    """The passkeys of the server at ``base_url``."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.is_possible = _is_name(self._host) and (parts.scheme == "https" or self._host == "localhost")
        """Browsers have passkeys for a name only, never for an IP address, and over HTTPS or on this machine."""

    async def registration(self, reader: Reader, challenge: bytes, account_id: str, login: str, name: str) -> str:
        """Return what a browser needs to make a passkey, as JSON; it leaves out devices that have one already."""
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=SERVER_NAME,
            user_id=account_id.encode(),
            user_name=login,
            user_display_name=name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(base64url_to_bytes(one.credential_id))
                for one in await of_account(reader, account_id)
            ],
        )
        return options_to_json(options)

    def login(self, challenge: bytes) -> str:
        """Return what a browser needs to use a passkey, as JSON; it names no account."""
        options = generate_authentication_options(
            rp_id=self._host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return options_to_json(options)

    async def add(
        self, transaction: Transaction, credential: str, challenge: bytes, account_id: str, name: str, now: datetime
    ) -> None:
        """Keep the passkey that a browser made.

        Raises: BadRequestError, when it does not answer the challenge; ConflictError, when it is known or there are many.
        """
        made = self._registered(credential, challenge)
        credential_id = bytes_to_base64url(made.credential_id)
        held = await transaction.one(_COUNT, {"account_id": account_id})
        if await transaction.one(_KEY, {"credential_id": credential_id}) is not None or (held and held[0] >= MOST):
            raise ConflictError("This passkey is known already, or there are too many.")
        row = {"credential_id": credential_id, "account_id": account_id, "public_key": made.credential_public_key}
        use = {"sign_count": made.sign_count, "name": name, "created_at": to_us(now), "last_used_at": None}
        await transaction.run(_INSERT, {**row, **use})

    async def owner(self, reader: Reader, credential: str) -> str:
        """Return the account that a credential claims to open, before any proof; empty when there is none."""
        row = await reader.one(_KEY, {"credential_id": _id_in(credential)})
        return "" if row is None else str(row[0])

    async def verify(self, transaction: Transaction, credential: str, challenge: bytes, now: datetime) -> str:
        """Return the account whose passkey answered the challenge, and write its use down; empty when none did."""
        credential_id = _id_in(credential)
        row = await transaction.one(_KEY, {"credential_id": credential_id})
        if row is None:
            return ""
        account_id, public_key, sign_count = row
        used = self._used(credential, challenge, bytes(public_key), sign_count, account_id)
        if used is None:
            return ""
        await transaction.run(_USED, {"which": credential_id, "count": used.new_sign_count, "used": to_us(now)})
        return str(account_id)

    def _registered(self, credential: str, challenge: bytes) -> VerifiedRegistration:
        try:
            return verify_registration_response(
                credential=parse_registration_credential_json(credential),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _BROKEN as error:
            raise BadRequestError("The passkey could not be checked.") from error

    def _used(
        self, credential: str, challenge: bytes, public_key: bytes, sign_count: int, account_id: str
    ) -> VerifiedAuthentication | None:
        try:
            parsed = parse_authentication_credential_json(credential)
            if parsed.response.user_handle != account_id.encode():
                return None
            return verify_authentication_response(
                credential=parsed,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except _BROKEN:
            return None  # whatever is wrong with it: it is no proof


async def of_account(reader: Reader, account_id: str) -> list[Passkey]:
    """Return the passkeys of an account, oldest first."""
    return [_passkey(row) for row in await reader.all(_OF_ACCOUNT, {"account_id": account_id})]


async def remove(transaction: Transaction, account_id: str, credential_id: str) -> bool:
    """Return whether the account had this passkey, which is gone now."""
    return await transaction.run(_REMOVE, {"account_id": account_id, "credential_id": credential_id}) == 1


def _passkey(row: Row) -> Passkey:
    credential_id, name, created_at, last_used_at = row
    used = None if last_used_at is None else from_us(last_used_at)
    return Passkey(credential_id, name, from_us(created_at), used)


def _id_in(credential: str) -> str:
    try:
        return bytes_to_base64url(parse_authentication_credential_json(credential).raw_id)
    except _BROKEN:
        return ""


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False
