"""The three grant types as Authlib runs them; what they leave behind is written by ``server.py`` in one transaction.

Specs: https://www.rfc-editor.org/rfc/rfc6749, https://www.rfc-editor.org/rfc/rfc7636 (S256 only, as OAuth 2.1 asks)
"""

import re
from typing import Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    UnsupportedResponseTypeError,
)
from authlib.oauth2.rfc6749 import grants as authlib_grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.errors import RequestNotSupportedError

from app.access.smart_scope import narrowed
from app.db.database import Database
from app.fhir.release import Release
from app.oauth import codes, tokens
from app.oauth.changes import Changes
from app.oauth.clients import Client
from app.oauth.codes import AuthorizationCode
from app.oauth.errors import check_repeated, described
from app.oauth.exchange import Payload, Submitted
from app.oauth.openid import NONCE_LENGTH_MAX, LoginAsked
from app.oauth.proofs_of_clients import CONFIDENTIAL, NOTHING
from app.oauth.smart_scopes import SYSTEM_CONTEXTS, granted, opens_anything
from app.oauth.tokens import Token

_SHA256 = re.compile(r"[A-Za-z0-9_-]{43}")


class Server(Protocol):
    """What the grant types need of the server that runs them."""

    database: Database
    changes: Changes

    def now_us(self) -> int: ...  # noqa: D102
    def query_client(self, client_id: str) -> Client | None: ...  # noqa: D102
    def release_asked(self, payload: Payload) -> Release | None: ...  # noqa: D102


class S256Challenge(CodeChallenge):
    """PKCE, always and with S256: plain, or none at all, is refused, for confidential clients too."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - Authlib's name and type
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012 - Authlib's name and type

    def validate_code_challenge(self, grant: "CodeGrant", redirect_uri: str) -> None:
        """Refuse an authorization request without an S256 challenge."""
        parameters = grant.request.payload.data
        if parameters.get("code_challenge_method") != "S256":
            raise InvalidRequestError(described("code_challenge_method is S256; plain or none is refused."))
        if not _SHA256.fullmatch(parameters.get("code_challenge", "")):
            raise InvalidRequestError(described("code_challenge is missing or no SHA-256 in base64url."))
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(authlib_grants.AuthorizationCodeGrant):
    """A person allows a client something; the client exchanges the code for tokens."""

    TOKEN_ENDPOINT_AUTH_METHODS = [NOTHING, *CONFIDENTIAL]  # noqa: RUF012 - Authlib's name and type
    request: Submitted
    server: Server

    @classmethod
    def check_authorization_endpoint(cls, request: Submitted) -> bool:  # noqa: ARG003 - Authlib's signature
        """Return True: also a wrong response_type is looked at here, after client and redirect URI."""
        return True

    def validate_authorization_request(self) -> str:
        """Return the redirect URI of a request that a person can be asked about.

        Raises: OAuth2Error, with its ``redirect_uri`` set only when the client and the URI are right.
        """
        payload = self.request.payload
        client = self.server.query_client(payload.client_id or "")
        if client is None:
            raise InvalidClientError
        redirect_uri = self.validate_authorization_redirect_uri(self.request, client)
        try:
            check_repeated(payload)
            if client.requires_par and self.request.pushed is None:
                raise InvalidRequestError(described("This client has to push its requests to /par first."))
            if payload.response_type != "code":
                raise UnsupportedResponseTypeError(payload.response_type)
            super().validate_authorization_request()
            self.server.release_asked(payload)
            _check_openid(payload)
            if "dpop_jkt" in payload.data and not _SHA256.fullmatch(payload.data["dpop_jkt"]):
                raise InvalidRequestError(described("dpop_jkt is no thumbprint of a key."))
            if "launch" not in payload.data:
                # An app asks the same however it was opened; on its own it was opened with nothing.
                self.request.scope = " ".join(part for part in self.request.scope.split() if part != "launch")
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            raise
        return redirect_uri

    @staticmethod
    def validate_authorization_redirect_uri(request: Submitted, client: Client) -> str:
        """Return the redirect URI, which is always given and exactly one of the client's."""
        given: str | None = request.payload.redirect_uri
        # Twice, and two readers might take different ones.
        repeated = any(len(request.payload.datalist.get(name, [])) > 1 for name in ("client_id", "redirect_uri"))
        if given is None or repeated or not client.check_redirect_uri(given):
            raise InvalidRequestError(described("The redirect_uri is not one of this client."))
        return given

    @staticmethod
    def validate_no_multiple_request_parameter(request: Submitted) -> None:
        """Do nothing: this is looked at together with the redirect URI, which says where the error may go."""

    def generate_authorization_code(self) -> str:
        """Return a new code."""
        return tokens.new_value()

    def save_authorization_code(self, code: str, request: Submitted) -> None:
        """Write the code together with the grant that the person just gave."""
        self.server.changes.keep_consent(code, request, self.server.release_asked(request.payload))

    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode | None:
        """Return a code that was issued to this client and is good; a used one ends the tokens that it gave."""
        found = codes.read_blocking(self.server.database, code)
        if found is None or found.client_id != client.client_id:
            return None
        if found.used_at is not None:
            self.server.changes.end_reused(found, self.request.trace)
            return None
        return found if found.expires_at > self.server.now_us() else None

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Do nothing: the code is used up in the transaction that writes its tokens, and kept to notice a second use."""

    def authenticate_user(self, authorization_code: AuthorizationCode) -> AuthorizationCode:
        """Return the code: it says whose record and which grant it is about."""
        return authorization_code


def _check_openid(payload: Payload) -> None:
    """Refuse what an OpenID request can't have: an answer in another way, or a nonce or a login that is none."""
    try:
        LoginAsked.of(payload.data)
    except ValueError as error:
        raise InvalidRequestError(described(str(error))) from error
    if "request" in payload.data:
        raise RequestNotSupportedError
    if payload.data.get("response_mode", "query") != "query":
        raise InvalidRequestError(described("The response_mode is query."))
    if len(payload.data.get("nonce", "")) > NONCE_LENGTH_MAX:
        raise InvalidRequestError(described(f"The nonce has more than {NONCE_LENGTH_MAX} characters."))


class RefreshGrant(authlib_grants.RefreshTokenGrant):
    """A client trades its refresh token in for new tokens."""

    TOKEN_ENDPOINT_AUTH_METHODS = [NOTHING, *CONFIDENTIAL, "refresh_token"]  # noqa: RUF012 - Authlib's name and type
    request: Submitted
    server: Server

    @property
    def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:  # noqa: N802 - Authlib's name
        """Return whether the refresh token changes with its use; one that is held by who has keys stays with FAPI."""
        return not self.request.client.is_fapi

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        """Return a refresh token that is good; one that was used ends its whole family."""
        found = tokens.read_blocking(self.server.database, refresh_token)
        if found is None or not found.is_refresh:
            return None
        if found.used_at is not None:
            self.server.changes.end_reused(found, self.request.trace)
            return None
        return found if found.is_active(self.server.now_us()) else None

    def _validate_token_scope(self, token: Token) -> None:
        """Refuse a scope that opens more than the token: as SMART has it, one may be part of another."""
        asked = (self.request.payload.scope or "").split()
        if narrowed(asked, token.scope.split()) != asked:
            raise InvalidScopeError(described("The scope may not open more than was granted."))

    def authenticate_user(self, refresh_token: Token) -> Token:
        """Return the token: it says whose record and which grant it is about."""
        return refresh_token

    def revoke_old_credential(self, refresh_token: Token) -> None:
        """Do nothing: the old token is used up in the transaction that writes the new ones."""


class PracticeGrant(authlib_grants.ClientCredentialsGrant):
    """A practice's system gets a token of its own; people's grants decide what it opens."""

    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL
    request: Submitted

    def validate_requested_scope(self) -> None:
        """Keep what the client may have of the scope. Raises: InvalidScopeError, when that is nothing."""
        kept = granted(self.request.payload.scope, self.request.client.scope, SYSTEM_CONTEXTS)
        if not opens_anything(kept):
            raise InvalidScopeError(described("The scope of a practice's system is made of system/... scopes."))
        self.request.payload.data["scope"] = kept


def client_of_refresh_token(server: Server, request: Submitted) -> Client | None:
    """Return the public client of the refresh token in the request: an app need not repeat its client_id."""
    value = request.form.get("refresh_token")
    if value is None or "client_id" in request.form or "client_assertion" in request.form:
        return None
    found = tokens.read_blocking(server.database, value)
    return None if found is None else server.query_client(found.client_id)
