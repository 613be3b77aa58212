"""The keys of clients that publish them at a URL (``jwks_uri``), fetched so that nobody is reached who should not be.

Only https, no redirects, no proxy, no more than a few seconds and bytes. The name is looked up once, all its addresses
have to be public, and the connection goes to one that was looked at, whatever the name says a moment later. Over plain
http only this very machine is reached, and only where ``allow_loopback`` says so.

Specs: https://www.rfc-editor.org/rfc/rfc7517#section-5, https://www.rfc-editor.org/rfc/rfc9700#section-4.12
"""

import ipaddress
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock
from urllib.parse import urlsplit

import httpx
from joserfc.jwk import KeySet

from app.errors import BadRequestError
from app.oauth.public_keys import public_keys

KEPT = timedelta(minutes=10)
AGAIN_AFTER = timedelta(minutes=1)
"""How often one URL is asked at most: for a key that is not known yet, or after it failed."""

BYTES_MAX = 64 * 1024
TIMEOUT_SECONDS = 3.0
DEADLINE_SECONDS = 5.0
SOURCES_MAX = 1000
"""URLs of which the keys are kept; beyond that all are forgotten."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class UnreachableKeysError(Exception):
    """The keys at a URL can't be had; the text is for the log of who builds the client, and tells no address."""


@dataclass(slots=True)
class _Source:
    keys: KeySet | None = None
    fetched_at: datetime | None = None
    asked_at: datetime | None = None
    lock: Lock = field(default_factory=Lock)


def check_url(url: str) -> None:
    """Refuse a ``jwks_uri`` that could never be fetched. Raises: BadRequestError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadRequestError("The jwks_uri is not a URL.") from error
    is_here = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    if not host or "@" in parts.netloc or "#" in url or not url.isascii() or not (parts.scheme == "https" or is_here):
        raise BadRequestError("The jwks_uri is an https URL without user name and fragment.")


class RemoteKeys:
    """What was fetched, by URL; used in worker threads."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        allow_loopback: bool = False,
        resolve: Resolve | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._allow_loopback = allow_loopback
        self._resolve = resolve or _resolved
        self._given = transport
        self._sources: dict[str, _Source] = {}
        self._lock = Lock()

    @cached_property
    def _transport(self) -> httpx.BaseTransport:
        """What is asked by; made when it is needed, as reading the authorities of the system takes 20 ms."""
        # No connection is kept: the next name at the same address has to show its own certificate.
        return self._given or httpx.HTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def keys(self, url: str, kid: str | None) -> KeySet:
        """Return the keys at ``url``; they are fetched again when they are old, or don't have ``kid``.

        Raises: UnreachableKeysError, when there are none.
        """
        source = self._source(url)
        with source.lock:
            now = self._clock()
            is_old = source.fetched_at is None or now - source.fetched_at >= KEPT
            is_unknown = kid is not None and kid not in {key.kid for key in source.keys or ()}
            may_ask = source.asked_at is None or now - source.asked_at >= AGAIN_AFTER
            if (is_old or is_unknown) and may_ask:
                source.asked_at = now
                source.keys = self.fetched(url)
                source.fetched_at = now
            elif is_old:
                source.keys = None
            if source.keys is None:
                raise UnreachableKeysError("The keys of the client could not be fetched a moment ago.")
            return source.keys

    def fetched(self, url: str) -> KeySet:
        """Return the keys that are at ``url`` now. Raises: UnreachableKeysError."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = self._address(parts.scheme, host, port)
        request = httpx.Request(
            "GET",
            httpx.URL(url).copy_with(host=str(address)),
            headers={"Host": parts.netloc, "Accept": "application/json", "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host, "timeout": httpx.Timeout(TIMEOUT_SECONDS).as_dict()},
        )
        try:
            return KeySet.import_key_set(public_keys(json.loads(self._body(request)), ignore_others=True))
        except (httpx.HTTPError, ValueError, RecursionError, BadRequestError) as error:
            raise UnreachableKeysError("The keys of the client could not be fetched, or are no JWK Set.") from error

    def _body(self, request: httpx.Request) -> bytes:
        """Return the body of a 200; a server that sends slowly or without end is left."""
        ends_at = time.monotonic() + DEADLINE_SECONDS
        answer = self._transport.handle_request(request)
        try:
            if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
                raise UnreachableKeysError("The URL of the keys did not answer with 200 and plain JSON.")
            body = b""
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > BYTES_MAX or time.monotonic() > ends_at:
                    raise UnreachableKeysError("The keys are too many, or come too slowly.")
            return body
        finally:
            answer.close()

    def _address(self, scheme: str, host: str, port: int) -> Address:
        """Return the address to connect to. Raises: UnreachableKeysError, when any of the name's is not to be reached."""
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in self._resolve(host, port)]
        except (OSError, ValueError) as error:
            raise UnreachableKeysError("The host of the keys is not known.") from error
        if self._allow_loopback and found and all(one.is_loopback for one in found):
            return found[0]
        if scheme != "https" or not found or not all(map(is_public, found)):
            raise UnreachableKeysError("The host of the keys is not on the public Internet.")
        return found[0]

    def _source(self, url: str) -> _Source:
        with self._lock:
            if len(self._sources) >= SOURCES_MAX and url not in self._sources:
                self._sources.clear()
            return self._sources.setdefault(url, _Source())


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public Internet; of one that wraps another, whether that one is."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address.teredo is not None or address.is_site_local:
            return False
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _resolved(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
