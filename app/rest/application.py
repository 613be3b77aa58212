"""The way of a FHIR request through Regie, as one ASGI application below a base.

parse -> authenticate -> interaction (which passes the gate) -> bytes out. Whatever goes wrong is an OperationOutcome.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote, unquote

import structlog

from app.access.requester import Requester
from app.audit.events import Trace
from app.errors import (
    AuthenticationError,
    InsufficientScopeError,
    MethodNotAllowedError,
    NonceNeededError,
    NotSupportedError,
    RegieError,
    UnavailableError,
)
from app.fhir.release import Release
from app.fhir.validation.structure import is_resource_type
from app.interactions.context import Context
from app.interactions.gate import Deed
from app.oauth import binding, dpop, nonces, tokens
from app.oauth.binding import Shown
from app.oauth.dpop import ALGORITHMS, BadProofError
from app.oauth.metadata import smart_configuration
from app.oauth.nonces import Nonces
from app.oauth.proofs_of_clients import ASSERTION, NOTHING
from app.rest.call import Call
from app.rest.files import as_file
from app.rest.formats import Format, in_format
from app.rest.outcome import error_body, unforeseen_body
from app.rest.request import FhirRequest, headers_by_name
from app.rest.response import FhirResponse
from app.rest.routes import Route, match, methods
from app.web import cors
from app.web.ends import ANSWERED
from app.web.middleware import HSTS
from app.web.tracing import client_address, id_headers, request_ids

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_log = structlog.get_logger()
_ALWAYS = [
    (b"server", b"Regie"),
    *cors.ANSWER,
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""Nothing of an answer is to be kept, or to act as a page; what apps ask from another origin goes by CORS."""


class FhirApplication:
    """The FHIR base of one release."""

    def __init__(
        self,
        context: Context,
        release: Release,
        *,
        body_size_max: int,
        trust_forwarded: bool,
        certificate_header: str = "",
        auth_methods: Sequence[str] = (NOTHING, ASSERTION),
        nonces: Nonces | None = None,
    ) -> None:
        self.context = context
        self.release = release
        self.prefix = f"/fhir/{release.path}"
        self.body_size_max = body_size_max
        self.trust_forwarded = trust_forwarded
        self.certificate_header = certificate_header.lower().encode()
        self.nonces = nonces
        self.always = [*_ALWAYS, HSTS] if context.base_url.startswith("https://") else _ALWAYS
        self.smart_configuration: dict[str, object] = dict(smart_configuration(context.base_url, auth_methods))
        self.challenges = (f'Bearer realm="{context.fhir_base(release)}"', f'DPoP algs="{" ".join(ALGORITHMS)}"')

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; ``scope["path"]`` is the whole path."""
        headers = headers_by_name(scope["headers"])
        ids = request_ids(headers)
        address = client_address(scope, headers, trust_forwarded=self.trust_forwarded)
        path = scope["path"][len(self.prefix) :]
        request = FhirRequest(
            self.release,
            scope["method"],
            [unquote(part) if "%" in part else part for part in path.split("/") if part],
            scope["query_string"].decode("utf-8", "surrogateescape"),  # what is none is refused when it is read
            headers,
            Trace(ids[0], address, ids[1], ids[2]),
            receive,
            self.body_size_max,
        )
        response = await self._answer(request)
        scope[ANSWERED] = (request.route, response.status, ids[0])
        await self._send(send, request, response, ids)

    async def _answer(self, request: FhirRequest) -> FhirResponse:
        if request.method == "OPTIONS":
            return FhirResponse(204, b"", list(cors.PREFLIGHT))
        try:
            route, named = match(request.method, request.parts)
            request.route = self.prefix + route.path
            requester = None if route.open else await self._authenticate(request, route)
            call = Call(self.context, request, requester, named, self.smart_configuration, self.ask)
            response = await self._handled(call, route)
            return await self._formatted(as_file(response) if request.wants_file else response, request.wanted_format())
        except RegieError as error:
            response = FhirResponse(error.status, error_body(self.release, error), self._error_headers(request, error))
        except Exception:  # noqa: BLE001 - a fault of ours is logged, and its caller told where to ask
            _log.exception("unforeseen", request_id=request.trace.request_id)
            response = FhirResponse(500, unforeseen_body(self.release, request.trace.request_id))
        return await self._formatted(response, request.wanted_format_of_errors())

    async def _formatted(self, response: FhirResponse, form: Format) -> FhirResponse:
        """Return the response in the format that its caller wants, unless it says itself what it is in."""
        if response.body and not _has(response.headers, b"content-type"):
            if form is Format.XML:
                await response.gather()
            response.body = await in_format(self.release, form, response.body)
            response.headers.append((b"content-type", form.content_type))
        return response

    async def ask(self, context: Context, request: FhirRequest, requester: Requester | None) -> FhirResponse:
        """Return the answer, in JSON, to a further request of somebody who is known already.

        Raises: RegieError, as its route does; NotFoundError and MethodNotAllowedError, where there is none.
        """
        if request.is_of_export or request.parts[-1:] == ["$export"]:
            message = "An export is asked for alone."
            raise NotSupportedError(message)
        route, named = match(request.method, request.parts)
        call = Call(context, request, requester, named, self.smart_configuration, self.ask)
        response = await self._handled(call, route)
        await response.gather()
        return response

    async def _handled(self, call: Call, route: Route) -> FhirResponse:
        """Return the answer of the route; what is refused before it comes to the gate has its entry in the log too."""
        try:
            call.request.wanted_format()  # refused before anything is done
            return await route.handler(call)
        except UnavailableError:
            raise
        except RegieError as error:
            if call.requester is not None and not error.is_recorded:
                name = call.named.get("type", "")
                deed = Deed(route.interaction, self.release, name if is_resource_type(self.release, name) else "")
                await call.context.gate.refused(call.requester, call.request.trace, deed, error)
            raise

    def _error_headers(self, request: FhirRequest, error: RegieError) -> list[tuple[bytes, bytes]]:
        if isinstance(error, AuthenticationError):
            told = "" if request.token is None else ', error="invalid_token"'
            if isinstance(error, NonceNeededError):
                told = f', error="{nonces.ERROR}"'
            return self._challenged(told)
        if isinstance(error, InsufficientScopeError):
            return self._challenged(', error="insufficient_scope"')
        if isinstance(error, MethodNotAllowedError):
            allowed = [method for method in methods(request.parts) if method != request.method]
            return [(b"allow", ", ".join(allowed).encode())]
        if isinstance(error, UnavailableError):
            return [(b"retry-after", str(error.retry_after_s).encode())]
        return []

    def _challenged(self, told: str) -> list[tuple[bytes, bytes]]:
        return [(b"www-authenticate", f"{challenge}{told}".encode()) for challenge in self.challenges]

    async def _authenticate(self, request: FhirRequest, route: Route) -> Requester:
        """Return who asks. Raises: AuthenticationError, with the same words whatever is wrong with the token."""
        token, database, now = request.token, self.context.database, self.context.clock()
        found = None
        if token is not None and route.passes_gate:
            found = await tokens.recall(await database.access(), token, now)
        elif token is not None:
            found = await tokens.find(database.reader, token, now)
        try:
            if found is None or (
                _is_to_prove(request, found) and not await self._is_proven(request, token or "", found)
            ):
                raise AuthenticationError("A valid access token is needed: Authorization: Bearer [token].")
        except AuthenticationError as error:
            await self.context.gate.refused(None, request.trace, Deed("authenticate", self.release), error)
            raise
        return found

    async def _is_proven(self, request: FhirRequest, token: str, found: Requester) -> bool:
        """Return whether a token comes with the key or certificate that it is bound to. Raises: NonceNeededError."""
        headers = request.headers
        now = self.context.clock()
        shown = Shown(
            headers[b"authorization"].partition(b" ")[0].decode("latin-1").lower(),
            token,
            headers.get(b"dpop", b"").decode("latin-1"),
            headers.get(self.certificate_header, b"").decode("latin-1"),
            request.method,
            "/".join([self.context.fhir_base(self.release), *(quote(part, safe="") for part in request.parts)]),
        )
        try:
            proof = binding.of_use(found.bound_to, shown, now, self.nonces)
        except dpop.NonceNeededError as error:
            raise NonceNeededError("The proof needs the nonce in the header DPoP-Nonce.") from error
        except BadProofError:
            return False
        return proof is None or await self.context.database.write(binding.use(proof, now))

    async def _send(self, send: Send, request: FhirRequest, response: FhirResponse, ids: tuple[str, str, str]) -> None:
        headers = [*self.always, *id_headers(*ids), *response.headers]
        if self.nonces is not None and b"dpop" in request.headers:
            headers.append((b"dpop-nonce", self.nonces.current(self.context.clock()).encode()))
        if response.status not in (204, 304) and response.rest is None:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.rest is None or request.method == "HEAD":
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})
        else:
            await self._send_all(send, request, response, response.rest)

    async def _send_all(
        self, send: Send, request: FhirRequest, response: FhirResponse, rest: AsyncGenerator[bytes, None]
    ) -> None:
        """Send an answer part by part, as long as there is somebody to take it.

        Raises: what ``rest`` does, so that the server breaks the connection off: an answer that was broken off is none, it lacks
        the end that tells its reader that it is whole.
        """
        gone = asyncio.ensure_future(_until_gone(request.receive))
        try:
            await send({"type": "http.response.body", "body": response.body, "more_body": True})
            response.body = b""
            async with aclosing(rest):
                async for following in rest:
                    await asyncio.sleep(0)  # others have their turn
                    if gone.done():  # a server tells nobody who sends: nothing more is read, nor told in the log
                        return
                    await send({"type": "http.response.body", "body": following, "more_body": True})
        except RegieError as error:
            _log.info("broken off", request_id=request.trace.request_id, error=type(error).__name__)
            raise
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    """Return when the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_to_prove(request: FhirRequest, found: Requester) -> bool:
    """Return whether something has to be shown with the token: it is bound, or came in another way than one that is not."""
    return bool(found.bound_to) or request.headers[b"authorization"][:1] not in b"bB"


def _has(headers: list[tuple[bytes, bytes]], name: bytes) -> bool:
    return name in dict(headers)


def base_of(path: str, applications: Mapping[str, FhirApplication]) -> FhirApplication | None:
    """Return the application that a path belongs to; ``applications`` by ``/fhir/stu3`` and so on."""
    found = applications.get(path[:10]) or applications.get(path[:8])
    return found if found is not None and path[len(found.prefix) :][:1] in ("", "/") else None
