"""Dynamic registration: who was invited registers a client itself.

An invitation is made by who runs the server (``regie client invite``), holds a week, and is good once. It says the most that the
client may ask, and the practice if it is for the system of one.

Spec: https://www.rfc-editor.org/rfc/rfc7591
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from authlib.oauth2 import OAuth2Error
from sqlalchemy import bindparam, delete, insert, select

from app.access.smart_scope import narrowed
from app.audit.events import Trace
from app.db.database import Transaction
from app.db.statements import hot
from app.errors import BadRequestError
from app.fhir.release import Release
from app.identity.instants import to_us
from app.oauth import clients
from app.oauth.clients import Client
from app.oauth.errors import NO_STORE, body, described
from app.oauth.exchange import Answer
from app.oauth.proofs_of_clients import BY_NAME, NAMES, NOTHING, SELF_SIGNED
from app.oauth.server import AuthorizationServer
from app.oauth.tables import invitation
from app.oauth.tokens import hashed, new_value

LIFETIME = timedelta(days=7)
NAME_LENGTH_MAX = 80
UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequestError, OAuth2Error)
"""What reading and checking metadata raises."""

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
_columns = invitation.c
_INSERT = hot(insert(invitation))
_this = (_columns.invitation_hash == bindparam("invitation_hash"), _columns.expires_at > bindparam("now"))
_ONE = hot(select(_columns.scope, _columns.practice_id).where(*_this))
_USE = hot(delete(invitation).where(*_this))
_FORGET = hot(delete(invitation).where(_columns.expires_at <= bindparam("now")))


class ClientMetadata(msgspec.Struct, frozen=True):
    """What a client says of itself; what is not here is passed over (RFC 7591 section 2)."""

    client_name: str
    redirect_uris: list[str] = []
    scope: str = ""
    token_endpoint_auth_method: str = NOTHING
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    launch_uri: str | None = None
    require_pushed_authorization_requests: bool = False
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san_dns: str | None = None
    tls_client_auth_san_uri: str | None = None
    tls_client_auth_san_ip: str | None = None
    tls_client_auth_san_email: str | None = None
    launch_releases: tuple[str, ...] = (Release.R4.path,)

    @property
    def releases(self) -> list[Release]:
        """Return the releases in which the portal may open it. Raises: ClientMetadataError."""
        known = {release.path: release for release in Release}
        if not self.launch_releases or any(path not in known for path in self.launch_releases):
            raise ClientMetadataError(described("The launch_releases are r4, stu3 or both."))
        return [known[path] for path in dict.fromkeys(self.launch_releases)]

    def check_method(self, auth_methods: Sequence[str]) -> None:
        """Refuse a way to prove itself that is not offered here. Raises: ClientMetadataError."""
        if self.token_endpoint_auth_method not in auth_methods:
            raise ClientMetadataError(described(f"The token_endpoint_auth_method is {' or '.join(auth_methods)}."))

    @property
    def certificate(self) -> str | None:
        """Return how it proves itself with a certificate, None if it doesn't. Raises: ClientMetadataError."""
        if self.token_endpoint_auth_method == SELF_SIGNED:
            return SELF_SIGNED
        given = [f"{kind}={name}" for kind in NAMES if (name := getattr(self, kind)) is not None]
        if len(given) != (self.token_endpoint_auth_method == BY_NAME):
            raise ClientMetadataError(
                described("With tls_client_auth comes one name of the certificate, without it none.")
            )
        return given[0] if given else None


class ClientMetadataError(OAuth2Error):
    """What a client says of itself can't be registered."""

    error = "invalid_client_metadata"


class InvitationError(Exception):
    """There is no such invitation, or it is used or over."""


async def invite(transaction: Transaction, *, scope: str, practice_id: str | None, now: datetime) -> str:
    """Return a new invitation, to be handed to one who may register a client."""
    value = new_value()
    await transaction.run(_FORGET, {"now": to_us(now)})
    await transaction.run(
        _INSERT,
        {
            "invitation_hash": hashed(value),
            "scope": scope,
            "practice_id": practice_id,
            "expires_at": to_us(now + LIFETIME),
        },
    )
    return value


def register(server: AuthorizationServer, value: str, content: bytes, trace: Trace) -> Answer:
    """Return the answer to a registration; for code in a worker thread."""
    now = server.now()
    try:
        told = msgspec.json.decode(content, type=ClientMetadata)
        if not 0 < len(told.client_name) <= NAME_LENGTH_MAX or not told.client_name.isprintable():
            raise ClientMetadataError(described(f"The client_name has 1 to {NAME_LENGTH_MAX} printable characters."))
        token = new_value()

        async def job(transaction: Transaction) -> Answer:
            made = await _registered(transaction, value, told, server.auth_methods, token, now)
            await server.changes.note_registration(transaction, made, "was registered by invitation", trace)
            issued = {"client_id_issued_at": int(now.timestamp())}
            return Answer(201, metadata_of(server, made, token) | issued, NO_STORE)

        return server.database.write_blocking(job)
    except InvitationError:
        return refused_token(server, trace)
    except UNFIT as error:
        return refused_metadata(error)


def refused_metadata(error: Exception) -> Answer:
    """Return the answer to metadata that can't be: one of ``UNFIT``."""
    if isinstance(error, BadRequestError):
        return Answer(400, {"error": ClientMetadataError.error, "error_description": str(error)}, NO_STORE)
    if not isinstance(error, OAuth2Error):
        error = ClientMetadataError(described("The body is the metadata of a client, as JSON."))
    return Answer(400, body(error), NO_STORE)


def refused_token(server: AuthorizationServer, trace: Trace) -> Answer:
    """Return the answer to an invitation, or the token of a registration, that is none; it is in the log."""
    server.changes.note_refusal(trace, 401, "invalid_token")
    return Answer(401, {"error": "invalid_token"}, {**NO_STORE, "WWW-Authenticate": 'Bearer error="invalid_token"'})


def metadata_of(server: AuthorizationServer, registered: Client, token: str) -> dict[str, Any]:
    """Return what is registered of a client, with where and by which token it can look after that (RFC 7592 section 3)."""
    kind, name = registered.certificate_name or ("", "")
    told = {
        "client_id": registered.client_id,
        "client_name": registered.name,
        "redirect_uris": list(registered.redirect_uris),
        "scope": registered.scope,
        "grant_types": [one for one in GRANT_TYPES if registered.check_grant_type(one)],
        "response_types": ["code"] if registered.check_response_type("code") else [],
        "token_endpoint_auth_method": registered.auth_method,
        "jwks": registered.key_set if registered.jwks is not None else None,
        "jwks_uri": registered.jwks_uri,
        "launch_uri": registered.launch_uri,
        "launch_releases": [release.path for release in registered.launch_releases],
        "require_pushed_authorization_requests": registered.requires_par,
        "registration_access_token": token,
        "registration_client_uri": f"{server.issuer}/register/{registered.client_id}",
    }
    return {key: value for key, value in {**told, kind: name or None}.items() if value is not None}


async def _registered(
    transaction: Transaction,
    value: str,
    told: ClientMetadata,
    auth_methods: Sequence[str],
    token: str,
    now: datetime,
) -> Client:
    """Register a client and use the invitation up, or neither. Raises: InvitationError, BadRequestError, OAuth2Error."""
    named = {"invitation_hash": hashed(value), "now": to_us(now)}
    found = await transaction.one(_ONE, named)
    if found is None:
        raise InvitationError
    ceiling, practice_id = found
    told.check_method(auth_methods)
    scope = " ".join(narrowed((told.scope or ceiling).split(), ceiling.split()))
    client_id = await clients.add(
        transaction,
        name=told.client_name,
        scope=scope,
        redirect_uris=told.redirect_uris,
        launch_uri=told.launch_uri,
        public=told.token_endpoint_auth_method == NOTHING,
        jwks=told.jwks,
        jwks_uri=told.jwks_uri,
        certificate=told.certificate,
        practice_id=practice_id,
        requires_par=told.require_pushed_authorization_requests,
        launch_releases=told.releases,
        registration_hash=hashed(token),
        now=now,
    )
    await transaction.run(_USE, named)
    made = await clients.get(transaction, client_id)
    if made is None:
        raise InvitationError
    return made
