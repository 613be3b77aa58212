"""Authlib's authorization server, assembled: which grant types, how clients prove themselves, what is answered.

Everything here blocks and runs in a worker thread. What is written stands in ``changes.py``.

The server is one class and long, as Authlib asks one object for all of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer as AuthlibServer
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core.errors import ConsentRequiredError, LoginRequiredError

from app.audit.events import Trace
from app.audit.log import AuditLog
from app.db.database import Database
from app.errors import RegieError
from app.fhir.release import Release
from app.identity.instants import from_us, to_us
from app.oauth import binding, clients, errors, pushed, tokens
from app.oauth.assertions import PrivateKeyJwt
from app.oauth.certificates import NOBODY, Authorities, CertificateProofs
from app.oauth.changes import Changes, Decision, Lifetimes
from app.oauth.clients import Client
from app.oauth.codes import AuthorizationCode
from app.oauth.dpop import BadProofError, NonceNeededError
from app.oauth.exchange import Answer, Pairs, Payload, Submitted
from app.oauth.grants import CodeGrant, PracticeGrant, RefreshGrant, S256Challenge, client_of_refresh_token
from app.oauth.nonces import Nonces
from app.oauth.openid import OPENID, Identity, LoginAsked, Subject
from app.oauth.proofs_of_clients import ASSERTION, BY_NAME, CONFIDENTIAL, NOTHING, SELF_SIGNED
from app.oauth.remote_keys import RemoteKeys
from app.oauth.signing import ALGORITHM, FAPI_ALGORITHM, SigningKeys
from app.oauth.smart_scopes import stays
from app.oauth.tokens import Token


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid authorization request, to be shown to the person; ``launch`` is for them to have made, ``login`` to do."""

    client: Client
    scope: str
    redirect_uri: str
    launch: str | None
    login: LoginAsked


class AuthorizationServer(AuthlibServer):
    """The authorization server of one process.

    ``secret`` gives a key of 32 bytes for a purpose, ``remote_keys`` those of clients.
    ``certificate_header`` is where a proxy puts the certificate of a client, empty for nowhere; ``authorities`` say whose it
    is. ``nonces`` are those that DPoP proofs have to hold, None for none. ``record_patients`` gives the ids of a record's
    Patient per release; it is called in a worker thread.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        issuer: str,
        lifetimes: Lifetimes,
        secret: Callable[[str], bytes],
        remote_keys: RemoteKeys,
        certificate_header: str = "",
        authorities: Authorities = NOBODY,
        nonces: Nonces | None = None,
        record_patients: Callable[[int], Mapping[Release, str]],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self.database = database
        self.issuer = issuer
        self.audit = audit
        self.changes = Changes(database, audit, lifetimes, clock)
        self.keys = SigningKeys(database, secret("signing keys"), lifetimes.access_token, clock)
        self.identity = Identity(issuer, secret("subjects"), lifetimes.access_token)
        self.certificate_header = certificate_header
        self.nonces = nonces
        self.auth_methods = [NOTHING, ASSERTION]
        if certificate_header:
            self.auth_methods += [SELF_SIGNED, BY_NAME] if authorities else [SELF_SIGNED]
        self._lifetimes = lifetimes
        self._record_patients = record_patients
        self._clock = clock
        self.register_grant(CodeGrant, [S256Challenge(required=True)])
        self.register_grant(RefreshGrant)
        self.register_grant(PracticeGrant)
        audiences = [issuer, f"{issuer}/", f"{issuer}/token", f"{issuer}/par"]
        self.register_client_auth_method(ASSERTION, PrivateKeyJwt(database, audiences, remote_keys, clock))
        shown = CertificateProofs(
            lambda request: self.certificate_of(request.headers or {}), authorities, remote_keys, clock
        )
        self.register_client_auth_method(SELF_SIGNED, shown.self_signed)
        self.register_client_auth_method(BY_NAME, shown.by_name)
        self.register_client_auth_method("refresh_token", lambda _, request: client_of_refresh_token(self, request))
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    # ------------------------------------------------------------------------------------ the authorization endpoint

    def asked(self, pairs: Pairs, trace: Trace) -> Asked | Answer:
        """Return what a person is to be asked, or the answer to a request that can't be shown to them.

        An answer without ``location`` is for a page: then it is not known whether the redirect URI can be trusted.
        """
        try:
            grant = self.get_consent_grant(self._opened(pairs, trace))
        except OAuth2Error as error:
            return self.handle_error_response(None, error)
        payload = grant.request.payload
        login = LoginAsked.of(payload.data)
        return Asked(grant.request.client, grant.request.scope, payload.redirect_uri, payload.data.get("launch"), login)

    def without_page(self, pairs: Pairs, trace: Trace, *, is_logged_in: bool) -> Answer:
        """Return the redirect to a client that wants an answer without a page: there is none, as a person decides each time."""
        try:
            grant = self.get_consent_grant(self._opened(pairs, trace))
            if grant.request.pushed is not None:
                self.changes.use_pushed(grant.request.pushed)
        except OAuth2Error as error:
            return self.handle_error_response(None, error)
        kind = ConsentRequiredError if is_logged_in else LoginRequiredError
        payload = grant.request.payload
        return self.handle_error_response(None, kind(state=payload.state, redirect_uri=payload.redirect_uri))

    def decided(self, pairs: Pairs, decision: Decision | None, trace: Trace) -> Answer:
        """Return the redirect to the client after the person allowed something, or nothing (None)."""
        try:
            grant = self.get_consent_grant(self._opened(pairs, trace))
            if decision is None and grant.request.pushed is not None:
                self.changes.use_pushed(grant.request.pushed)
        except OAuth2Error as error:
            return self.handle_error_response(None, error)
        answer: Answer = self.create_authorization_response(grant.request, grant_user=decision, grant=grant)
        return answer

    def push(self, pairs: Pairs, headers: Mapping[str, str], trace: Trace) -> Answer:
        """Return the answer of the endpoint for pushed requests: where the request is kept, for how many seconds."""
        request = self.submitted("POST", "/par", pairs, trace, headers)
        request.pushed = ""

        def run() -> Answer:
            bound_to = self._binding(headers, "/par")
            client: Client = self.authenticate_client(request, Revocation.CLIENT_AUTH_METHODS, "par")
            request.payload.data["client_id"] = client.client_id
            self.get_consent_grant(request)
            kept = [pair for pair in pairs if not pair[0].startswith("client_")] + [("client_id", client.client_id)]
            if bound_to is not None and bound_to.startswith(binding.KEY):
                if binding.bound_to_key(request.payload) not in (None, bound_to):
                    raise errors.InvalidProofError(errors.described("dpop_jkt names another key than the proof."))
                kept.append(("dpop_jkt", bound_to.removeprefix(binding.KEY)))
            if "request_uri" in request.payload.data or sum(map(len, chain(*kept))) > pushed.LENGTH_MAX:
                raise InvalidRequestError(
                    errors.described("A pushed request has no request_uri, and is not that long.")
                )
            where = pushed.keep(self.database, client.client_id, kept, self._clock())
            lifetime = int(pushed.TO_OPEN.total_seconds())
            return Answer(201, {"request_uri": where, "expires_in": lifetime}, dict(errors.NO_STORE))

        return self._answered(run, pairs, trace)

    def _opened(self, pairs: Pairs, trace: Trace) -> Submitted:
        """Return the authorization request that a browser brought, or that it names by its ``request_uri``.

        Raises: InvalidRequestError, without a redirect URI, when there is no such request.
        """
        brought = self.submitted("GET", "/authorize", pairs, trace)
        request_uri = brought.payload.data.get("request_uri")
        if request_uri is None:
            return brought
        errors.check_repeated(brought.payload)
        found = pushed.opened(self.database, request_uri, brought.payload.data.get("client_id", ""), self._clock())
        if found is None:
            raise InvalidRequestError(errors.described("The request_uri is unknown, used, or its time is over."))
        request = self.submitted("GET", "/authorize", found.pairs, trace)
        request.pushed = found.request_hash
        return request

    def release_asked(self, payload: Payload) -> Release | None:
        """Return the release of the FHIR base that the client names as ``aud`` or ``resource``; None if it names none.

        Raises: InvalidRequestError, when it means another server: its tokens must not come from here.
        """
        named = payload.data.get("aud") or payload.data.get("resource")
        if named is None or named.rstrip("/") == self.issuer:
            return None
        for release in Release:
            if named.rstrip("/") == f"{self.issuer}/fhir/{release.path}":
                return release
        raise InvalidRequestError(errors.described("The aud is not a FHIR base of this server."))

    # -------------------------------------------------------------------------------------------- the token endpoint

    def token(self, pairs: Pairs, headers: Mapping[str, str], trace: Trace) -> Answer:
        """Return the answer of the token endpoint."""
        request = self.submitted("POST", "/token", pairs, trace, headers)

        def run() -> Answer:
            if not request.payload.grant_type:
                raise InvalidRequestError(errors.described("The grant_type is missing."))
            request.binding = self._binding(headers, "/token")
            answer: Answer = self.create_token_response(request)
            return answer

        return self._answered(run, pairs, trace)

    def certificate_of(self, headers: Mapping[str, str]) -> str:
        """Return the client's certificate as the proxy handed it on, empty for none."""
        return headers.get(self.certificate_header, "") if self.certificate_header else ""

    def _binding(self, headers: Mapping[str, str], path: str) -> str | None:
        """Return what a token is to be bound to. Raises: InvalidProofError, UseNonceError."""
        now = self._clock()
        try:
            found, proof = binding.of_token_request(
                headers.get("dpop", ""), self.certificate_of(headers), self.issuer + path, now, self.nonces
            )
        except NonceNeededError as error:
            raise errors.UseNonceError from error
        except BadProofError as error:
            raise errors.InvalidProofError(errors.described(str(error))) from error
        if proof is not None and not self.database.write_blocking(binding.use(proof, now)):
            raise errors.InvalidProofError(errors.described("The jti of the proof was used before."))
        return found

    def generate_token(
        self,
        grant_type: str,  # noqa: ARG002
        client: Client,  # noqa: ARG002
        user: AuthorizationCode | Token | None = None,
        scope: str | None = None,
        expires_in: int | None = None,  # noqa: ARG002
        include_refresh_token: bool = True,  # noqa: FBT001, FBT002 - as Authlib has it
    ) -> dict[str, Any]:
        """Return a token answer with new random values; ``save_token`` makes it true."""
        answer: dict[str, Any] = {
            "access_token": tokens.new_value(),
            "token_type": "Bearer",
            "expires_in": int(self._lifetimes.access_token.total_seconds()),
            "scope": scope or "",
        }
        if user is None or user.record_id is None:
            return answer
        if include_refresh_token and stays(user.scope):
            answer["refresh_token"] = tokens.new_value()
        patient = self.subject(user).patient
        if patient is not None:
            answer["patient"] = patient
        return answer

    def subject(self, held: AuthorizationCode | Token) -> Subject:
        """Return whose record a code or token of an app is about, with the Patient at the base that was asked for."""
        record_id = held.record_id or 0
        patients = self._record_patients(record_id)
        for release in (held.release,) if held.release is not None else (Release.R4, Release.STU3):
            if release in patients:
                return Subject(record_id, release, patients[release])
        return Subject(record_id)

    def launch_release(self, client: Client, record_id: int) -> Release:
        """Return the release in which the portal opens an app: of those that it knows, the first with a Patient of the record."""
        patients = self._record_patients(record_id)
        return next((one for one in client.launch_releases if one in patients), client.launch_releases[0])

    def save_token(self, token: dict[str, Any], request: Submitted) -> None:
        """Make the tokens of an answer true, and use up what they were given for.

        Raises: InvalidGrantError, when the code or refresh token was used meanwhile or its grant is over.
        """
        earlier: AuthorizationCode | Token | None = request.authorization_code or request.refresh_token
        if request.client.is_fapi and request.binding is None:
            raise InvalidRequestError(errors.described("This client has to show a DPoP proof or a certificate."))
        if request.binding is not None and request.binding.startswith(binding.KEY):
            token |= {"token_type": "DPoP"}
        if earlier is not None:
            if earlier.binding not in (None, request.binding):
                raise InvalidGrantError
            if not self.changes.exchange(earlier, token, request):
                raise InvalidGrantError
            if isinstance(earlier, AuthorizationCode) and OPENID in token["scope"].split():
                token["id_token"] = self._id_token(earlier, token, request.client)
        elif not self.changes.give_to_practice(token, request):
            raise UnauthorizedClientError

    def _id_token(self, code: AuthorizationCode, answer: Mapping[str, str], client: Client) -> str:
        claims = self.identity.id_token_claims(
            self.subject(code),
            scope=answer["scope"],
            client_id=code.client_id,
            access_token=answer["access_token"],
            nonce=code.nonce,
            auth_time=None if code.auth_time is None else from_us(code.auth_time),
            now=self._clock(),
        )
        return self.keys.signed(claims, FAPI_ALGORITHM if client.is_fapi else ALGORITHM)

    # --------------------------------------------------------------------------- revocation and introspection endpoint

    def revocation(self, pairs: Pairs, headers: Mapping[str, str], trace: Trace) -> Answer:
        """Return the answer of the revocation endpoint."""
        return self._answered(
            lambda: self.create_endpoint_response(
                Revocation.ENDPOINT_NAME, self.submitted("POST", "/revoke", pairs, trace, headers)
            ),
            pairs,
            trace,
        )

    def introspection(self, pairs: Pairs, headers: Mapping[str, str], trace: Trace) -> Answer:
        """Return the answer of the introspection endpoint."""
        return self._answered(
            lambda: self.create_endpoint_response(
                Introspection.ENDPOINT_NAME, self.submitted("POST", "/introspect", pairs, trace, headers)
            ),
            pairs,
            trace,
        )

    def introspected(self, token: Token) -> dict[str, Any]:
        """Return what a client may know about its own token (RFC 7662 section 2.2)."""
        answer: dict[str, Any] = {
            "active": True,
            "client_id": token.client_id,
            "scope": token.scope,
            "token_type": "Bearer",
            "iss": self.issuer,
            "iat": token.issued_at // 1_000_000,
            "exp": token.expires_at // 1_000_000,
        }
        if token.record_id is not None:
            subject = self.subject(token)
            answer |= {} if subject.patient is None else {"patient": subject.patient}
            if OPENID in token.scope.split():
                answer |= self.identity.claims(subject, token.scope)
        if token.binding is not None:
            answer |= binding.told(token.binding)
        return answer

    # ---------------------------------------------------------------------------------------- what Authlib's core asks

    def submitted(
        self, method: str, path: str, pairs: Pairs, trace: Trace, headers: Mapping[str, str] | None = None
    ) -> Submitted:
        """Return a request to one of the endpoints."""
        return Submitted(method, self.issuer + path, pairs, trace, headers)

    def now(self) -> datetime:
        """Return the present instant."""
        return self._clock()

    def now_us(self) -> int:
        """Return the present instant in microseconds UTC."""
        return to_us(self._clock())

    def query_client(self, client_id: str) -> Client | None:
        """Return a client, None when there is none."""
        return clients.find_blocking(self.database, client_id)

    def create_oauth2_request(self, request: Submitted) -> Submitted:
        """Return the request as it is: the routes make it in the right type."""
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing: nobody listens."""

    def handle_response(self, status: int, body: dict[str, Any] | str, headers: list[tuple[str, str]]) -> Answer:
        """Return an answer; a redirect says which server it comes from (RFC 9207)."""
        location = dict(headers).get("Location")
        if location is not None:
            # 303, so that the person's form is never sent on to the client (RFC 9700 section 4.12).
            return Answer(
                303, headers=dict(errors.NO_STORE), location=add_params_to_uri(location, {"iss": self.issuer})
            )
        return Answer(status, body if isinstance(body, dict) else {}, dict(errors.NO_STORE))

    def handle_error_response(self, request: Submitted | None, error: OAuth2Error) -> Answer:  # noqa: ARG002
        """Return the answer to an error: a redirect where the client is known to be at that URI."""
        if error.redirect_uri is None:
            return errors.answer(error)
        parameters = errors.body(error) | ({"state": error.state} if error.state else {})
        return self.handle_response(303, "", [("Location", add_params_to_uri(error.redirect_uri, parameters))])

    def _answered(self, run: Callable[[], Answer | None], pairs: Pairs, trace: Trace) -> Answer:
        try:
            answer = self._run(run, pairs)
            if answer.status >= 400:
                self.changes.note_refusal(trace, answer.status, str(answer.body.get("error", "")))
        except RegieError as error:
            return errors.of_regie(error)
        if self.nonces is not None:
            answer.headers["DPoP-Nonce"] = self.nonces.current(self._clock())
        return answer

    @staticmethod
    def _run(run: Callable[[], Answer | None], pairs: Pairs) -> Answer:
        try:
            errors.check_repeated(Payload(pairs))
            return run() or errors.answer(InvalidRequestError())
        except OAuth2Error as error:
            return errors.answer(error)


class _AnyHint:
    """What kind of token a client says that it sends makes no difference (RFC 7009 section 2.2)."""

    @staticmethod
    def check_params(request: Submitted, client: Client) -> None:  # noqa: ARG004 - Authlib's signature
        """Refuse a request without a token."""
        if "token" not in request.form:
            raise InvalidRequestError


class Revocation(_AnyHint, RevocationEndpoint):
    """RFC 7009: a client gives a token back."""

    CLIENT_AUTH_METHODS = [NOTHING, *CONFIDENTIAL]  # noqa: RUF012 - Authlib's name and type
    server: AuthorizationServer

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:  # noqa: ARG002
        """Return the token, whatever the hint says: its hash finds both kinds."""
        return tokens.read_blocking(self.server.database, token_string)

    def revoke_token(self, token: Token, request: Submitted) -> None:
        """Revoke it; a refresh token takes its family along."""
        self.server.changes.revoke(token, request.trace)


class Introspection(_AnyHint, IntrospectionEndpoint):
    """RFC 7662, for confidential clients and their own tokens: others' look as if they did not exist."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL
    server: AuthorizationServer

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:  # noqa: ARG002
        """Return the token, whatever the hint says."""
        return tokens.read_blocking(self.server.database, token_string)

    def check_permission(self, token: Token, client: Client, request: Submitted) -> bool:  # noqa: ARG002
        """Return whether the token is the client's own and good, and what it rests on is there still."""
        is_good = token.check_client(client) and token.is_active(self.server.now_us())
        return is_good and self.server.changes.opens(token)

    def create_introspection_payload(self, token: Token | None) -> dict[str, Any]:
        """Return the answer's body."""
        return {"active": False} if token is None else self.server.introspected(token)
