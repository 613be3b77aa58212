"""What every request that is not FHIR passes: its ids, the size of its body, and the headers that protect pages."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

from app.errors import TooLargeError
from app.web import cors
from app.web.ends import ANSWERED, NO_ROUTE
from app.web.tracing import Trace, client_address, id_headers, request_ids

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FORM_SIZE_MAX = 64 * 1024
"""Bytes in the body of a form or an OAuth request."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""The Content-Security-Policy of every page: all that it runs and shows is of this server. A page may add to the end."""
_PROTECTION = [
    (b"server", b"Regie"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_POLICY = (b"content-security-policy", POLICY.encode())
STATIC = "/static"
_NOT_KEPT = (b"cache-control", b"no-store")
HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


class Frame:
    """ASGI middleware around the pages and OAuth; ``large_forms`` are paths that take more bytes than a form has, and how many."""

    def __init__(
        self,
        application: Application,
        *,
        is_https: bool,
        trust_forwarded: bool,
        large_forms: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.application = application
        self.large_forms = large_forms
        self.is_https = is_https
        self.trust_forwarded = trust_forwarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the trace goes into its state."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        ids = request_ids(headers)
        address = client_address(scope, headers, trust_forwarded=self.trust_forwarded)
        scope.setdefault("state", {})["trace"] = Trace(ids[0], address, ids[1], ids[2])
        path = scope["path"]
        # A page that needs another policy, as the consent page does, sends its own; so does what may be kept.
        added = [*_PROTECTION, _POLICY, _NOT_KEPT, *id_headers(*ids)]
        if self.is_https:
            added.append(HSTS)
        is_open = cors.is_open(path)
        scope[ANSWERED] = (NO_ROUTE, 413, ids[0])
        if is_open:
            added += cors.ANSWER
            if scope["method"] == "OPTIONS":
                scope[ANSWERED] = (NO_ROUTE, 204, ids[0])
                await _end(send, 204, [*added, *cors.PREFLIGHT])
                return
        size_max = self.large_forms.get(path, FORM_SIZE_MAX)
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > size_max):
            await _end(send, 413, added)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                scope[ANSWERED] = (_route(scope), message["status"], ids[0])
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = given + [pair for pair in added if pair[0] not in names]
            await send(message)

        await self.application(scope, _limited(receive, size_max), with_headers)


def _route(scope: Scope) -> str:
    """Return the route that a request found, as it is written."""
    if scope["path"].startswith(STATIC):
        return STATIC
    return getattr(scope.get("route"), "path", NO_ROUTE)


def _limited(receive: Receive, size_max: int) -> Receive:
    """Return ``receive`` that raises TooLargeError for a body which is larger than the form may be."""
    size = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > size_max:
            raise TooLargeError("A form is not that large.")
        return message

    return limited


async def _end(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
