"""JSON or XML: which of the two a body is in, and which of the two an answer has to be in.

Regie keeps and joins JSON; XML is made where a request comes in and where an answer goes out. What a caller accepts is
weighed as HTTP says: each format counts with the best quality that the header gives it, by its own name, else by a range
such as ``application/*``. JSON wins where both are equal, since it costs nothing.

Spec: https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/STU3/http.html#mime-type, RFC 9110 section 12.5.1
"""

import asyncio
import re
from enum import Enum

from app.errors import MediaTypeError, NotAcceptableError
from app.fhir.release import Release
from app.fhir.xml.read import to_json
from app.fhir.xml.write import to_xml


class Format(Enum):
    """How a resource is written; the value is the media type of answers."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"

    def __init__(self, media_type: str) -> None:
        self.content_type = f"{media_type};charset=utf-8".encode()
        """The header of an answer."""


_NAMES = {
    **dict.fromkeys(("application/fhir+json", "application/json", "application/json+fhir", "text/json"), Format.JSON),
    **dict.fromkeys(("application/fhir+xml", "application/xml", "application/xml+fhir", "text/xml"), Format.XML),
}
_SHORT_NAMES = {"json": Format.JSON, "xml": Format.XML}
_RANGES = {"application/*": 1, "text/*": 1, "*/*": 0}
"""Ranges that both formats are in, the more specific with the higher number; a name comes before them."""
_SPECIFIC = 2
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
LARGE = 64 * 1024
"""From here on, a body is turned into the other format in a thread: others need not wait for it, which takes some 2 ms."""


def format_sent(release: Release, content_type: str) -> Format:
    """Return the format that a Content-Type names.

    Raises: MediaTypeError, for any other, for another release, and for characters that are not UTF-8.
    """
    media_type, parameters = _parts(content_type)
    form = _NAMES.get(media_type)
    if form is None:
        raise MediaTypeError(f"The body has to be sent as {Format.JSON.value} or {Format.XML.value}.")
    if not _is_of(release, parameters):
        raise MediaTypeError(_wrong_version(release))
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise MediaTypeError("The body has to be in UTF-8.")
    return form


def format_asked(release: Release, text: str) -> Format:
    """Return the format that ``_format`` names; a plus sign may have become a space on its way.

    Raises: NotAcceptableError.
    """
    name, separator, rest = text.strip().partition(";")
    media_type, parameters = _parts(f"{name.strip().replace(' ', '+')}{separator}{rest}")
    form = _NAMES.get(media_type) or _SHORT_NAMES.get(media_type)
    if form is None and media_type in _RANGES:
        form = Format.JSON
    if form is None:
        raise _not_acceptable()
    if not _is_of(release, parameters):
        raise NotAcceptableError(_wrong_version(release))
    return form


def format_accepted(release: Release, accept: str) -> Format:
    """Return the format that a header Accept prefers.

    Raises: NotAcceptableError, if it takes neither, or takes them of another release only.
    """
    # For each format how specific the best choice so far is, and its quality.
    best = dict.fromkeys(Format, (-1, 0.0))
    is_of_another = False
    for choice in accept.split(","):
        media_type, parameters = _parts(choice)
        named = _NAMES.get(media_type)
        if named is None and media_type not in _RANGES:
            continue
        if not _is_of(release, parameters):
            is_of_another = True
            continue
        given = parameters.get("q", "1")
        weight = (_RANGES.get(media_type, _SPECIFIC), float(given) if _QUALITY.fullmatch(given) else 1.0)
        for form in (named,) if named else Format:
            best[form] = max(best[form], weight)
    chosen = max(Format, key=lambda form: best[form][1])  # the first of equals, which is JSON
    if best[chosen][1] > 0:
        return chosen
    raise NotAcceptableError(_wrong_version(release)) if is_of_another else _not_acceptable()


def names_format(accept: str) -> bool:
    """Return whether a header Accept names a format of FHIR, and not only others or ranges."""
    return any(_parts(choice)[0] in _NAMES for choice in accept.split(","))


async def as_json(release: Release, form: Format, body: bytes) -> bytes:
    """Return a body that came in ``form`` as JSON. Raises: MalformedError, InvalidResourceError."""
    if form is Format.JSON:
        return body
    if len(body) < LARGE:
        return to_json(release, body)
    return await asyncio.to_thread(to_json, release, body)


async def in_format(release: Release, form: Format, body: bytes) -> bytes:
    """Return a body, which is JSON, in ``form``."""
    if form is Format.JSON:
        return body
    if len(body) < LARGE:
        return to_xml(release, body)
    return await asyncio.to_thread(to_xml, release, body)


def _parts(text: str) -> tuple[str, dict[str, str]]:
    """Return a media type with its parameters, names in lower case."""
    media_type, *rest = text.split(";")
    pairs = (one.partition("=") for one in rest)
    return media_type.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _is_of(release: Release, parameters: dict[str, str]) -> bool:
    """Return whether no other release is named; some name it with all of its numbers, ``4.0.1``."""
    return parameters.get("fhirversion", release.mime_version) in (release.mime_version, release.fhir_version)


def _wrong_version(release: Release) -> str:
    return f"This base is FHIR {release.mime_version}."


def _not_acceptable() -> NotAcceptableError:
    return NotAcceptableError(f"This server answers in {Format.JSON.value} and {Format.XML.value}.")
