"""The ids of a request: taken from its headers if they are harmless, made if there is none, and given back.

Source: the MedMij framework asks for ``MedMij-Request-ID`` and ``X-Correlation-ID`` on every request.
"""

import os
import random
import re
from collections.abc import Mapping
from typing import ClassVar

import msgspec

_HARMLESS = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")
_WITH_PORT = re.compile(rb"\[([0-9A-Fa-f:.]{2,64})\](?::[0-9]{1,5})?|([0-9.]{7,15}):[0-9]{1,5}")
"""An address as some proxies write it. Each connection has another port: with it, it would be another address each time."""
_numbers = random.Random()  # noqa: S311 - an id has to be the only one of its kind, not a secret
# Asking the system for 16 bytes costs more than the rest of this module: a thread that does gives up its turn.
os.register_at_fork(after_in_child=_numbers.seed)
REQUEST_ID, MEDMIJ_REQUEST_ID, CORRELATION_ID = b"x-request-id", b"medmij-request-id", b"x-correlation-id"
_IDS = (REQUEST_ID, MEDMIJ_REQUEST_ID, CORRELATION_ID)
_VERSION_4 = 4 << 76 | 2 << 62
_RANDOM = ~(15 << 76 | 3 << 62)


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


def _new_id() -> str:
    """Return a new UUID of version 4."""
    digits = f"{_numbers.getrandbits(128) & _RANDOM | _VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def request_ids(headers: Mapping[bytes, bytes]) -> tuple[str, str, str]:
    """Return (X-Request-ID, MedMij-Request-ID, X-Correlation-ID); the first is never empty."""
    given = [harmless(headers.get(name)) if name in headers else "" for name in _IDS]
    return given[0] or _new_id(), given[1], given[2]


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
        last = forwarded.rsplit(b",", 1)[-1].strip()
        written = _WITH_PORT.fullmatch(last)
        return harmless(last if written is None else written[1] or written[2])
    client = scope.get("client")
    return str(client[0]) if isinstance(client, tuple | list) and client else ""
