"""A Binary as the file that it holds, for who reads or writes it without naming a format of FHIR, as a browser does.

The file is somebody's: it is handed out to be kept, never to be shown or run as a page of this server.

Spec: https://hl7.org/fhir/R4/binary.html#rest, https://hl7.org/fhir/STU3/binary.html#rest
"""

import asyncio
import base64
import re
from dataclasses import replace
from typing import Any

import msgspec

from app.errors import BadRequestError
from app.fhir.release import Release
from app.rest.formats import LARGE, names_format
from app.rest.request import FhirRequest
from app.rest.response import FhirResponse

_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(; ?charset=[A-Za-z0-9_.-]{1,40})?", re.ASCII
)
_UNKNOWN = "application/octet-stream"
_HEADERS = [
    (b"content-disposition", b"attachment"),
    (b"vary", b"Accept"),
]


_encode = msgspec.json.Encoder().encode


class _Binary(msgspec.Struct, rename={"content_type": "contentType"}):
    """What a Binary holds: ``content`` in STU3, ``data`` in R4."""

    content_type: str = _UNKNOWN
    content: str = ""
    data: str = ""


def as_file(response: FhirResponse) -> FhirResponse:
    """Return the answer to a read of a Binary with its file as the body; as it is, if there is no body or no file in it."""
    version = response.version
    if version is None or version.resource_type != "Binary" or not response.body:
        return response
    held = msgspec.json.decode(response.body, type=_Binary)
    if not (held.content or held.data):
        return response
    kind = held.content_type if _MEDIA_TYPE.fullmatch(held.content_type) else _UNKNOWN
    headers = [*response.headers, *_HEADERS, (b"content-type", kind.encode())]
    return replace(response, body=base64.b64decode(held.content or held.data), headers=headers)


def holds_file(request: FhirRequest) -> bool:
    """Return whether a write of a Binary has the file itself as its body: its Content-Type is none of FHIR's."""
    sent = request.header(b"content-type") or ""
    return request.parts[0] == "Binary" and _MEDIA_TYPE.fullmatch(sent) is not None and not names_format(sent)


async def as_binary(request: FhirRequest) -> bytes:
    """Return the Binary that holds the file in the body; ``X-Security-Context`` is its ``securityContext``.

    Raises: TooLargeError, MediaTypeError; BadRequestError, if there is nothing in it.
    """
    file = await request.raw_body()
    if not file:
        message = "A file has at least one byte."
        raise BadRequestError(message)
    context = request.header(b"x-security-context")
    named = {
        "resourceType": "Binary",
        **({"id": request.parts[1]} if len(request.parts) > 1 else {}),
        "contentType": request.header(b"content-type"),
        **({"securityContext": {"reference": context}} if context else {}),
    }
    member = "content" if request.release is Release.STU3 else "data"
    return (
        _holding(named, member, file) if len(file) < LARGE else await asyncio.to_thread(_holding, named, member, file)
    )


def _holding(named: dict[str, Any], member: str, file: bytes) -> bytes:
    return _encode({**named, member: base64.b64encode(file).decode()})
