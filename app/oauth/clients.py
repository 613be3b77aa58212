"""Clients: apps of people (public) and systems of practices (confidential, with keys).

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-2, https://www.rfc-editor.org/rfc/rfc8252
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin
from joserfc.jwk import KeySetSerialization
from sqlalchemy import Text, bindparam, insert, select, update

from app.access.smart_scope import is_known_scope
from app.db.database import Database, Reader, Row, Transaction
from app.db.dialects import listed
from app.db.statements import hot
from app.errors import BadRequestError
from app.fhir.release import Release
from app.identity.instants import to_us
from app.oauth.proofs_of_clients import ASSERTION, BY_NAME, NOTHING, SELF_SIGNED, check_name
from app.oauth.public_keys import has_certificates, public_keys
from app.oauth.redirect_uris import check_redirect_uri, is_registered
from app.oauth.remote_keys import check_url
from app.oauth.smart_scopes import PERSON_CONTEXTS, granted, opens_anything
from app.oauth.tables import client

_INSERT = hot(insert(client))
_columns = (
    client.c.client_id,
    client.c.name,
    client.c.owner,
    client.c.redirect_uris,
    client.c.launch_uri,
    client.c.scope,
    client.c.is_public,
    client.c.jwks,
    client.c.jwks_uri,
    client.c.practice_id,
    client.c.both_releases,
    client.c.requires_par,
    client.c.is_fapi,
    client.c.certificate,
    client.c.launch_releases,
    client.c.ended_at,
)
_SET_RELEASES = hot(
    update(client).where(client.c.client_id == bindparam("which")).values(both_releases=bindparam("both"))
)
_CHANGE = hot(
    update(client)
    .where(client.c.client_id == bindparam("which"))
    .values(
        redirect_uris=bindparam("new_redirect_uris"),
        launch_uri=bindparam("new_launch_uri"),
        scope=bindparam("new_scope"),
        jwks=bindparam("new_jwks"),
        jwks_uri=bindparam("new_jwks_uri"),
        requires_par=bindparam("new_requires_par"),
        certificate=bindparam("new_certificate"),
        launch_releases=bindparam("new_launch_releases"),
    )
)
_ONE = hot(select(*_columns).where(client.c.client_id == bindparam("client_id"), client.c.ended_at.is_(None)))
_OF_PRACTICE = hot(
    select(*_columns)
    .where(client.c.practice_id == bindparam("practice_id"), client.c.ended_at.is_(None))
    .order_by(client.c.name, client.c.client_id)
)
_SOME = hot(select(*_columns).where(client.c.client_id.in_(listed("ids", Text()))))
_ALL = hot(select(*_columns).order_by(client.c.name, client.c.client_id))


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A client, with the answers that Authlib asks of it.

    ``owner`` is who runs it, as people read it; ``launch_uri`` where the portal opens it, None if it doesn't. ``jwks`` holds the public keys of a confidential client, or
    ``jwks_uri`` says where they are; both are None for a public one. ``practice_id`` is the practice whose system it is, None for an app. ``both_releases``: it reads both FHIR
    releases unless it says otherwise. ``requires_par``: its authorization requests have to be pushed.
    ``is_fapi``: it is held to the FAPI 2.0 Security Profile. ``certificate``: how it proves itself with one, None if it
    doesn't; ``launch_releases`` are the releases in which the portal may open it, the first one it likes best.
    ``ended_at`` is in microseconds UTC, None for one that goes on.
    """

    client_id: str
    name: str
    owner: str
    redirect_uris: tuple[str, ...]
    launch_uri: str | None
    scope: str
    is_public: bool
    jwks: str | None
    jwks_uri: str | None
    practice_id: str | None
    both_releases: bool
    requires_par: bool
    is_fapi: bool
    certificate: str | None
    launch_releases: tuple[Release, ...]
    ended_at: int | None

    @property
    def auth_method(self) -> str:
        """Return how it proves itself, as RFC 7591 calls it."""
        if self.is_public:
            return NOTHING
        if self.certificate is None:
            return ASSERTION
        return SELF_SIGNED if self.certificate == SELF_SIGNED else BY_NAME

    @property
    def certificate_name(self) -> tuple[str, str] | None:
        """Return the kind of name by which its certificate is known, and the name; None if it is not known by one."""
        kind, mark, name = (self.certificate or "").partition("=")
        return (kind, name) if mark else None

    @property
    def key_set(self) -> KeySetSerialization:
        """Return its keys that are kept here."""
        found: KeySetSerialization = json.loads(self.jwks) if self.jwks is not None else {"keys": []}
        return found

    def get_client_id(self) -> str:
        """Return the client_id."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Return None: the redirect URI is always named, so that it is always compared."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the part of ``scope`` that a person may be asked for, None when no resource is left in it."""
        kept = granted(scope, self.scope, PERSON_CONTEXTS)
        return kept if opens_anything(kept) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether this is one of the registered ones."""
        return is_registered(redirect_uri, self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Return False: there are no client secrets."""
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client may prove itself like this; only confidential clients look into tokens."""
        if self.is_public:
            return method in {"none", "refresh_token"} and endpoint != "introspection"
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client may use the authorization endpoint so."""
        return response_type == "code" and bool(self.redirect_uris)

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may get tokens so: a practice's system has its own, an app has those of people."""
        if grant_type == "client_credentials":
            return not self.is_public and self.practice_id is not None
        return grant_type in {"authorization_code", "refresh_token"} and bool(self.redirect_uris)


async def add(
    transaction: Transaction,
    *,
    name: str,
    scope: str,
    now: datetime,
    redirect_uris: Sequence[str] = (),
    launch_uri: str | None = None,
    owner: str = "",
    public: bool = False,
    jwks: dict[str, Any] | None = None,
    jwks_uri: str | None = None,
    practice_id: str | None = None,
    client_id: str | None = None,
    both_releases: bool = False,
    requires_par: bool = False,
    is_fapi: bool = False,
    certificate: str | None = None,
    launch_releases: Sequence[Release] = (Release.R4,),
    registration_hash: str | None = None,
) -> str:
    """Return the client_id of the new client, a random one unless it is given.

    Raises: BadRequestError, when the registration makes no sense or would be unsafe.
    """
    _check_proof(certificate, jwks, jwks_uri, public=public)
    if is_fapi and public:
        raise BadRequestError("A client that is held to FAPI has keys or a certificate.")
    if practice_id is not None and public:
        raise BadRequestError("A practice's system has keys; it can't be public.")
    _check(scope, redirect_uris, launch_uri, jwks_uri, practice_id=practice_id)
    client_id = client_id or secrets.token_hex(12)
    await transaction.run(
        _INSERT,
        {
            "client_id": client_id,
            "name": name,
            "owner": owner or name,
            "redirect_uris": json.dumps(list(redirect_uris)),
            "launch_uri": launch_uri,
            "scope": scope,
            "is_public": public,
            "jwks": None if jwks is None else json.dumps(public_keys(jwks)),
            "jwks_uri": jwks_uri,
            "practice_id": practice_id,
            "created_at": to_us(now),
            "both_releases": both_releases,
            "requires_par": requires_par or is_fapi,
            "is_fapi": is_fapi,
            "certificate": certificate,
            "launch_releases": " ".join(release.path for release in launch_releases),
            "registration_hash": registration_hash,
            "ended_at": None,
        },
    )
    return client_id


async def change(
    transaction: Transaction,
    held: Client,
    *,
    scope: str,
    redirect_uris: Sequence[str],
    launch_uri: str | None,
    jwks: dict[str, Any] | None,
    jwks_uri: str | None,
    certificate: str | None,
    requires_par: bool,
    launch_releases: Sequence[Release],
) -> None:
    """Put these in the place of what a client registered. Raises: BadRequestError, as ``add`` does."""
    _check_proof(certificate, jwks, jwks_uri, public=held.is_public)
    _check(scope, redirect_uris, launch_uri, jwks_uri, practice_id=held.practice_id)
    await transaction.run(
        _CHANGE,
        {
            "which": held.client_id,
            "new_redirect_uris": json.dumps(list(redirect_uris)),
            "new_launch_uri": launch_uri,
            "new_scope": scope,
            "new_jwks": None if jwks is None else json.dumps(public_keys(jwks)),
            "new_jwks_uri": jwks_uri,
            "new_requires_par": requires_par or held.is_fapi,
            "new_certificate": certificate,
            "new_launch_releases": " ".join(release.path for release in launch_releases),
        },
    )


async def set_releases(transaction: Transaction, client_id: str, *, both: bool) -> None:
    """Let a client read both FHIR releases unless it says otherwise, or only that of the base it asks."""
    await transaction.run(_SET_RELEASES, {"which": client_id, "both": both})


async def get(reader: Reader, client_id: str) -> Client | None:
    """Return one client, None when there is none."""
    row = await reader.one(_ONE, {"client_id": client_id})
    return None if row is None else _client(row)


async def every(reader: Reader) -> list[Client]:
    """Return all clients, by name."""
    return [_client(row) for row in await reader.all(_ALL, {})]


async def of_practice(reader: Reader, practice_id: str) -> list[Client]:
    """Return the systems of a practice, by name."""
    return [_client(row) for row in await reader.all(_OF_PRACTICE, {"practice_id": practice_id})]


async def of(reader: Reader, client_ids: Iterable[str]) -> dict[str, Client]:
    """Return those of these clients that there are or were, by id."""
    ids = sorted(set(client_ids))
    rows = await reader.all(_SOME, {"ids": json.dumps(ids)}) if ids else ()
    return {row[0]: _client(row) for row in rows}


async def names(reader: Reader, client_ids: Iterable[str]) -> dict[str, str]:
    """Return the name of each of these clients that there is or was, by its id."""
    return {client_id: one.name for client_id, one in (await of(reader, client_ids)).items()}


def find_blocking(database: Database, client_id: str) -> Client | None:
    """Return one client, for code in a worker thread."""
    rows = database.read_blocking(_ONE, {"client_id": client_id})
    return _client(rows[0]) if rows else None


def _client(row: Row) -> Client:
    client_id, name, owner, redirect_uris, launch_uri, scope, is_public, jwks, jwks_uri, practice_id, *rest = row
    *switches, certificate, launch_releases, ended_at = rest
    uris = tuple(json.loads(redirect_uris))
    return Client(
        client_id,
        name,
        owner,
        uris,
        launch_uri,
        scope,
        bool(is_public),
        jwks,
        jwks_uri,
        practice_id,
        *map(bool, switches),
        certificate,
        tuple(release for path in launch_releases.split() for release in Release if release.path == path),
        ended_at,
    )


def _check(
    scope: str, redirect_uris: Sequence[str], launch_uri: str | None, jwks_uri: str | None, *, practice_id: str | None
) -> None:
    """Refuse a registration that makes no sense, or would be unsafe. Raises: BadRequestError."""
    if jwks_uri is not None:
        check_url(jwks_uri)
    if not redirect_uris and practice_id is None:
        raise BadRequestError("A client that is no practice's system needs a redirect URI.")
    for uri in (*redirect_uris, *([] if launch_uri is None else [launch_uri])):
        check_redirect_uri(uri)
    unknown = [part for part in scope.split() if not is_known_scope(part)]
    if unknown or not opens_anything(scope):
        raise BadRequestError(f"The scope names no resource or has unknown parts: {' '.join(unknown)}.")


def _check_proof(certificate: str | None, jwks: Any, jwks_uri: str | None, *, public: bool) -> None:
    """Refuse a registration from which it is not clear how the client proves itself. Raises: BadRequestError."""
    by_name = certificate is not None and certificate != SELF_SIGNED
    if [public, jwks is not None, jwks_uri is not None, by_name].count(True) != 1:
        raise BadRequestError(
            "A client is public, or has keys (a JWK Set, or the URL of one), or a name in a certificate."
        )
    if by_name:
        check_name(*str(certificate).partition("=")[::2])
    if certificate == SELF_SIGNED and (public or (jwks is not None and not has_certificates(jwks))):
        raise BadRequestError("A client with a certificate of its own has it as x5c in its keys.")
