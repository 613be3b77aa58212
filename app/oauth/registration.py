"""Dynamic registration: who was invited registers a client itself.

An invitation is made by who runs the server (``regie client invite``), holds a week, and is good once. It says the most that the
client may ask, and the practice if it is for the system of one.

Spec: https://www.rfc-editor.org/rfc/rfc7591
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
from app.identity.instants import to_us
from app.oauth import clients
from app.oauth.errors import NO_STORE, body, described
from app.oauth.exchange import Answer
from app.oauth.proofs_of_clients import BY_NAME, NAMES, NOTHING, SELF_SIGNED
from app.oauth.public_keys import public_keys
from app.oauth.server import AuthorizationServer
from app.oauth.tables import invitation
from app.oauth.tokens import hashed, new_value

LIFETIME = timedelta(days=7)
NAME_LENGTH_MAX = 80
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


@dataclass(frozen=True, slots=True)
class _Registered:
    client_id: str
    scope: str


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
        if not 0 < len(told.client_name) <= NAME_LENGTH_MAX:
            raise ClientMetadataError(described(f"The client_name has 1 to {NAME_LENGTH_MAX} characters."))
        made = server.database.write_blocking(
            lambda transaction: _registered(transaction, value, told, server.auth_methods, now)
        )
    except InvitationError:
        server.changes.note_refusal(trace, 401, "invalid_token")
        return Answer(401, {"error": "invalid_token"}, {**NO_STORE, "WWW-Authenticate": 'Bearer error="invalid_token"'})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Answer(
            400, body(ClientMetadataError(described("The body is the metadata of a client, as JSON."))), NO_STORE
        )
    except BadRequestError as error:
        return Answer(400, {"error": ClientMetadataError.error, "error_description": str(error)}, NO_STORE)
    except OAuth2Error as error:
        return Answer(400, body(error), NO_STORE)
    kept = {name: given for name, given in msgspec.to_builtins(told).items() if given is not None}
    if told.jwks is not None:
        kept["jwks"] = public_keys(told.jwks)
    issued = {"client_id": made.client_id, "client_id_issued_at": int(now.timestamp())}
    return Answer(201, {**kept, "scope": made.scope, **issued}, NO_STORE)


async def _registered(
    transaction: Transaction, value: str, told: ClientMetadata, auth_methods: Sequence[str], now: datetime
) -> _Registered:
    """Register a client and use the invitation up, or neither. Raises: InvitationError, BadRequestError, OAuth2Error."""
    named = {"invitation_hash": hashed(value), "now": to_us(now)}
    found = await transaction.one(_ONE, named)
    if found is None:
        raise InvitationError
    ceiling, practice_id = found
    if told.token_endpoint_auth_method not in auth_methods:
        raise ClientMetadataError(described(f"The token_endpoint_auth_method is {' or '.join(auth_methods)}."))
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
        now=now,
    )
    await transaction.run(_USE, named)
    return _Registered(client_id, scope)
