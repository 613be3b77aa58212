"""A client looks after its own registration: reads it, changes it, ends it, with the token that it got when it registered.

It may ask for less than it did, never for more: that takes another invitation. Its name stays, since people allowed it under that
name, and so does whether it has keys.

Spec: https://www.rfc-editor.org/rfc/rfc7592
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import bindparam, select

from app.access.requester import RequesterKind
from app.access.smart_scope import narrowed
from app.audit.events import Trace
from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.oauth import clients, ending
from app.oauth.clients import Client
from app.oauth.errors import NO_STORE, described
from app.oauth.exchange import Answer
from app.oauth.proofs_of_clients import NOTHING
from app.oauth.registration import (
    UNFIT,
    ClientMetadata,
    ClientMetadataError,
    metadata_of,
    refused_metadata,
    refused_token,
)
from app.oauth.server import AuthorizationServer
from app.oauth.tables import client
from app.oauth.tokens import hashed

_MINE = hot(
    select(client.c.client_id).where(
        client.c.client_id == bindparam("client_id"),
        client.c.registration_hash == bindparam("registration_hash"),
        client.c.ended_at.is_(None),
    )
)


class ChangedMetadata(ClientMetadata, frozen=True):
    """What a client says of itself anew: all of it, with its ``client_id``."""

    client_id: str = ""


class _StrangerError(Exception):
    """The token is not that of this registration."""


def registration(
    server: AuthorizationServer, method: str, client_id: str, value: str, content: bytes, trace: Trace
) -> Answer:
    """Return the answer to GET, PUT or DELETE of a registration; for code in a worker thread."""
    now = server.now()

    async def job(transaction: Transaction) -> Answer:
        held = await _held(transaction, client_id, value)
        if method == "DELETE":
            await ending.end(transaction, held, audit=server.audit, trace=trace, by=RequesterKind.APP, now=now)
            return Answer(204, headers=dict(NO_STORE))
        if method == "PUT":
            told = msgspec.json.decode(content, type=ChangedMetadata)
            await _change(transaction, held, told, server.auth_methods)
            await server.changes.note_registration(transaction, held, "changed its registration", trace)
            held = await _held(transaction, client_id, value)
        return Answer(200, metadata_of(server, held, value), dict(NO_STORE))

    try:
        return server.database.write_blocking(job)
    except _StrangerError:
        return refused_token(server, trace)
    except UNFIT as error:
        return refused_metadata(error)


async def _held(reader: Reader, client_id: str, value: str) -> Client:
    row = await reader.one(_MINE, {"client_id": client_id, "registration_hash": hashed(value)})
    found = None if row is None else await clients.get(reader, client_id)
    if found is None:
        raise _StrangerError
    return found


async def _change(transaction: Transaction, held: Client, told: ChangedMetadata, auth_methods: Sequence[str]) -> None:
    """Put what is told in the place of what was registered. Raises: ClientMetadataError, BadRequestError."""
    if told.client_id != held.client_id:
        raise ClientMetadataError(described("The client_id is that of the registration."))
    if told.client_name != held.name:
        raise ClientMetadataError(described("The client_name stays: people allowed the client under it."))
    told.check_method(auth_methods)
    if (told.token_endpoint_auth_method == NOTHING) != held.is_public:
        raise ClientMetadataError(described("A client without keys stays so, and one with keys too."))
    await clients.change(
        transaction,
        held,
        scope=" ".join(narrowed((told.scope or held.scope).split(), held.scope.split())),
        redirect_uris=told.redirect_uris,
        launch_uri=told.launch_uri,
        jwks=told.jwks,
        jwks_uri=told.jwks_uri,
        certificate=told.certificate,
        requires_par=told.require_pushed_authorization_requests,
        launch_releases=told.releases,
    )
