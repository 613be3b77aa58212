"""The URLs of the authorization server that programs call; the page for people is ``portal/authorize.py``."""

from collections.abc import Callable, Mapping
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from app.audit.events import Trace
from app.oauth import errors, metadata, upkeep
from app.oauth.binding import SCHEMES, Shown
from app.oauth.exchange import Answer, Pairs
from app.oauth.registration import register
from app.oauth.server import AuthorizationServer
from app.oauth.signing import KEPT
from app.oauth.userinfo import userinfo

FORM = "application/x-www-form-urlencoded"
Endpoint = Callable[[Pairs, Mapping[str, str], Trace], Answer]


class Parts(Protocol):
    """What the routes need of the application."""

    @property
    def oauth(self) -> AuthorizationServer: ...  # noqa: D102 - the server of this process


def router(parts: Parts) -> APIRouter:
    """Return the routes of tokens and of who they are about, and the discovery documents at the root."""
    server = parts.oauth
    routes = APIRouter(tags=["oauth"])

    @routes.post("/token")
    async def token(request: Request) -> JSONResponse:
        """Exchange a code, a refresh token or a client's own proof for an access token (RFC 6749)."""
        return await _answer(request, server.token)

    @routes.post("/par")
    async def push(request: Request) -> JSONResponse:
        """Keep an authorization request for the browser to name (RFC 9126)."""
        return await _answer(request, server.push)

    @routes.post("/revoke")
    async def revoke(request: Request) -> JSONResponse:
        """Give a token back (RFC 7009)."""
        return await _answer(request, server.revocation)

    @routes.post("/introspect")
    async def introspect(request: Request) -> JSONResponse:
        """Tell a confidential client about its own token (RFC 7662)."""
        return await _answer(request, server.introspection)

    @routes.post("/register")
    async def registration(request: Request) -> JSONResponse:
        """Register a client of somebody who was invited (RFC 7591)."""
        trace = getattr(request.state, "trace", Trace.EMPTY)
        answer = await run_in_threadpool(register, server, _bearer(request), await request.body(), trace)
        return JSONResponse(answer.body, answer.status, answer.headers)

    @routes.get("/register/{client_id}")
    @routes.put("/register/{client_id}")
    @routes.delete("/register/{client_id}")
    async def own_registration(request: Request, client_id: str) -> Response:
        """Let a client read, change or end its registration (RFC 7592)."""
        trace = getattr(request.state, "trace", Trace.EMPTY)
        asked = (request.method, client_id, _bearer(request), await request.body(), trace)
        answer = await run_in_threadpool(upkeep.registration, server, *asked)
        if answer.status == 204:
            return Response(status_code=204, headers=answer.headers)
        return JSONResponse(answer.body, answer.status, answer.headers)

    @routes.get("/userinfo")
    @routes.post("/userinfo")
    async def who(request: Request) -> JSONResponse:
        """Tell an app who the person is that allowed it to know (OpenID Connect)."""
        trace = getattr(request.state, "trace", Trace.EMPTY)
        answer = await run_in_threadpool(userinfo, server, _shown(request, server), trace)
        return JSONResponse(answer.body, answer.status, answer.headers)

    @routes.get("/jwks")
    async def jwks() -> JSONResponse:
        """Tell the keys that id_tokens are signed with (RFC 7517)."""
        kept = {"Cache-Control": f"public, max-age={int(KEPT.total_seconds())}"}
        return JSONResponse(await run_in_threadpool(server.keys.published), headers=kept)

    @routes.get("/.well-known/oauth-authorization-server")
    @routes.get("/.well-known/openid-configuration")
    async def oauth_metadata() -> JSONResponse:
        """Tell where the endpoints are and what they support (RFC 8414, OpenID Connect Discovery)."""
        return JSONResponse(metadata.authorization_server(server.issuer, server.auth_methods))

    @routes.get("/.well-known/smart-configuration")
    async def smart_configuration() -> JSONResponse:
        """Tell the same to SMART clients."""
        return JSONResponse(metadata.smart_configuration(server.issuer, server.auth_methods))

    return routes


def _bearer(request: Request) -> str:
    """Return the token in the Authorization header, empty when there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _shown(request: Request, server: AuthorizationServer) -> Shown | None:
    """Return the access token in the Authorization header with what is shown beside it, None when there is none."""
    headers = request.headers
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() not in SCHEMES or not value.strip():
        return None
    url = f"{server.issuer}{request.url.path}"
    proof, certificate = headers.get("dpop", ""), server.certificate_of(headers)
    return Shown(scheme.lower(), value.strip(), proof, certificate, request.method, url)


async def _answer(request: Request, endpoint: Endpoint) -> JSONResponse:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        body = {"error": "invalid_request", "error_description": f"The body is {FORM}."}
        return JSONResponse(body, 400, {"Cache-Control": "no-store"})
    form = await request.form()
    pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    trace = getattr(request.state, "trace", Trace.EMPTY)
    answered = await run_in_threadpool(endpoint, pairs, request.headers, trace)
    answer = errors.of_scheme(answered, request.headers.get("authorization", ""))
    return JSONResponse(answer.body, answer.status, answer.headers)
