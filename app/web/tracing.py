"""The ids of a request: taken from its headers if they are harmless, made if there is none, and given back.

Source: the MedMij framework asks for ``MedMij-Request-ID`` and ``X-Correlation-ID`` on every request.
"""

import re
import uuid
from collections.abc import Mapping
from typing import ClassVar

import msgspec

_HARMLESS = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
REQUEST_ID, MEDMIJ_REQUEST_ID, CORRELATION_ID = b"x-request-id", b"medmij-request-id", b"x-correlation-id"


class Trace(msgspec.Struct, frozen=True):
    """What identifies one request: its own id, those of MedMij and of the chain it is in, and where it came from."""

    request_id: str
    address: str = ""
    medmij_request_id: str = ""
    correlation_id: str = ""

    EMPTY: ClassVar["Trace"]


Trace.EMPTY = Trace("")


def harmless(value: bytes | None) -> str:
    """Return an id from a header, or nothing if it has characters that an id does not need."""
    return value.decode() if value and _HARMLESS.fullmatch(value) else ""


def request_ids(headers: Mapping[bytes, bytes]) -> tuple[str, str, str]:
    """Return (X-Request-ID, MedMij-Request-ID, X-Correlation-ID); the first is never empty."""
    request_id = harmless(headers.get(REQUEST_ID)) or str(uuid.uuid4())
    return request_id, harmless(headers.get(MEDMIJ_REQUEST_ID)), harmless(headers.get(CORRELATION_ID))


def id_headers(request_id: str, medmij_request_id: str, correlation_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that give the ids back."""
    headers = [(REQUEST_ID, request_id.encode())]
    if medmij_request_id:
        headers.append((MEDMIJ_REQUEST_ID, medmij_request_id.encode()))
    if correlation_id:
        headers.append((CORRELATION_ID, correlation_id.encode()))
    return headers


def client_address(scope: Mapping[str, object], headers: Mapping[bytes, bytes], *, trust_forwarded: bool) -> str:
    """Return where the request came from; behind a trusted proxy, the last address that it added."""
    if trust_forwarded and (forwarded := headers.get(b"x-forwarded-for")):
        return harmless(forwarded.rsplit(b",", 1)[-1].strip())
    client = scope.get("client")
    return str(client[0]) if isinstance(client, tuple | list) and client else ""
