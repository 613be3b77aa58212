"""A request as typed values: path, query, headers, body.

Spec: https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/STU3/http.html
"""

import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from app.audit.events import Trace
from app.errors import BadRequestError, MediaTypeError, NotAcceptableError, TooLargeError
from app.fhir.release import Release
from app.interactions.conditions import Conditions
from app.rest.formats import Format, as_json, format_accepted, format_asked, format_sent, names_format
from app.web.ends import NO_ROUTE

FORM = b"application/x-www-form-urlencoded"
_AS_IT_IS = b"identity"
_PAIRS_MAX = 500
_QUERY_LENGTH_MAX = 256 * 1024
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(slots=True)
class FhirRequest:
    """One request below a FHIR base; ``parts`` are the segments of the path after the base.

    ``known_at`` is the ``ifModifiedSince`` of an entry of a Bundle, which is exact where the header knows whole seconds only.
    ``route`` is which it was found to be, for figures.
    """

    release: Release
    method: str
    parts: list[str]
    query: str
    headers: Mapping[bytes, bytes]
    trace: Trace
    receive: Receive
    body_size_max: int
    known_at: datetime | None = None
    route: str = NO_ROUTE
    _pairs: list[tuple[str, str]] | None = field(default=None)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query's parameters, decoded, in order. Raises: BadRequestError, when it is not UTF-8 or far too long."""
        if self._pairs is None:
            self._pairs = read_pairs(self.query)
        return self._pairs

    def add_pairs(self, more: list[tuple[str, str]]) -> None:
        """Take parameters that came in the body as if they were in the query too."""
        self._pairs = [*self.pairs, *more]

    def header(self, name: bytes) -> str | None:
        """Return a header as text, None if it is absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def token(self) -> str | None:
        """The access token, None without one (RFC 6750 section 2.1, RFC 9449 section 7.1)."""
        scheme, _, value = self.headers.get(b"authorization", b"").partition(b" ")
        return value.strip().decode("latin-1") if scheme.lower() in (b"bearer", b"dpop") else None

    @property
    def conditions(self) -> Conditions:
        """The conditions of a write. Raises: BadRequestError."""
        try:
            search = self.headers.get(b"if-none-exist", b"").decode()  # some clients escape no letters
        except UnicodeDecodeError as error:
            message = "If-None-Exist is not readable: percent-encoded UTF-8."
            raise BadRequestError(message) from error
        none_exist = search if b"if-none-exist" in self.headers else None
        return Conditions(none_exist, self.header(b"if-match"), self.header(b"if-none-match"))

    @property
    def idempotency_key(self) -> str | None:
        """The key under which this write may come again; quotes around it are part of the header's form."""
        key = self.header(b"idempotency-key")
        return key.strip('"') if key is not None else None

    @property
    def has_condition(self) -> bool:
        """Whether only another version than one that the caller has is asked for."""
        headers = self.headers
        return b"if-none-match" in headers or b"if-modified-since" in headers or self.known_at is not None

    def has_version(self, etag: str, last_updated: datetime) -> bool:
        """Return whether the caller has this version: by ``If-None-Match``, else by ``If-Modified-Since`` (RFC 9110, 13.2.2).

        ``etag`` is the strong form, such as ``"1"``, which names the same version as ``W/"1"``. A date that can't be read says nothing.
        """
        given = self.header(b"if-none-match")
        if given is not None:
            names = {name.strip().removeprefix("W/") for name in given.split(",")}
            return "*" in names or etag in names
        if self.known_at is not None:
            return last_updated <= self.known_at
        since = self.header(b"if-modified-since")
        try:
            return since is not None and last_updated.replace(microsecond=0) <= parsedate_to_datetime(since)
        except (TypeError, ValueError):  # no date, or one without a zone
            return False

    @property
    def lenient(self) -> bool:
        """Whether unknown parameters are to be passed over: ``Prefer: handling=lenient``."""
        return self._preferences.get("handling") == "lenient"

    @property
    def wanted_return(self) -> str | None:
        """``minimal``, ``representation`` or ``OperationOutcome`` of ``Prefer: return=``."""
        return self._preferences.get("return")

    @property
    def responds_async(self) -> bool:
        """Whether the answer may come later: ``Prefer: respond-async``."""
        return "respond-async" in self._preferences

    @property
    def _preferences(self) -> dict[str, str]:
        given = self.header(b"prefer")
        if given is None:
            return {}
        pairs = (part.strip().partition("=") for part in re.split("[;,]", given))
        return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}

    async def take_form(self) -> None:
        """Add the parameters of a form to those of the URL. Raises: MediaTypeError, when it is no form."""
        given = (self.header(b"content-type") or "").partition(";")[0].strip().lower()
        if given != FORM.decode():
            message = f"_search takes {FORM.decode()}."
            raise MediaTypeError(message)
        self.add_pairs(read_pairs((await self.raw_body()).decode("utf-8", "surrogateescape")))
        self.wanted_format()  # the form may have named another, or one that is not known

    async def body(self, *, may_be_empty: bool = False) -> bytes:
        """Return the body as JSON, also if it came in XML.

        The mark of byte order that some systems begin a text with is left out (RFC 8259, 8.1).
        Raises: TooLargeError, before more than the limit was kept; MediaTypeError; MalformedError and
        InvalidResourceError, if it is XML but no resource.
        """
        body = (await self.raw_body()).removeprefix(BOM_UTF8)
        if may_be_empty and not body.strip():
            return b""
        return await as_json(self.release, format_sent(self.release, self.header(b"content-type") or ""), body)

    async def raw_body(self) -> bytes:
        """Return the body whatever it is. Raises: TooLargeError; MediaTypeError, if it was compressed."""
        if self.headers.get(b"content-encoding", _AS_IT_IS).strip().lower() != _AS_IT_IS:
            message = "A body has to be sent as it is, without a Content-Encoding."
            raise MediaTypeError(message)
        message = f"A body may have {self.body_size_max} bytes here."
        length = self.headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self.body_size_max:
            raise TooLargeError(message)
        chunks: list[bytes] = []
        size = 0
        while True:
            event = await self.receive()
            if event["type"] == "http.disconnect":
                message = "The body ended too early."
                raise BadRequestError(message)
            chunk = event.get("body", b"")
            size += len(chunk)
            if size > self.body_size_max:
                raise TooLargeError(message)
            chunks.append(chunk)
            if not event.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def wanted_format(self) -> Format:
        """Return the format of the answer: ``_format`` decides, else Accept. Raises: NotAcceptableError, BadRequestError."""
        if self._pairs is not None or "_format" in self.query:
            asked = [value for name, value in self.pairs if name == "_format"]
            if asked:
                return format_asked(self.release, asked[-1])
        accept = self.headers.get(b"accept")
        if not accept or accept in {b"*/*", b"application/fhir+json"} or self.wants_file or self.is_of_export:
            return Format.JSON
        return format_accepted(self.release, accept.decode("latin-1"))

    @property
    def wants_file(self) -> bool:
        """Return whether a Binary is to be read as the file that it holds: nothing names a format of FHIR."""
        is_read = self.method in ("GET", "HEAD") and len(self.parts) in (2, 4) and not self.query
        return is_read and self.parts[0] == "Binary" and not names_format(self.header(b"accept") or "")

    @property
    def is_of_export(self) -> bool:
        """Return whether it is about an export that was begun, which is told and fetched in JSON and lines of it only."""
        return len(self.parts) > 1 and self.parts[0] == "$export"

    def wanted_format_of_errors(self) -> Format:
        """Return the format of an answer that says what is wrong: JSON, where the caller takes none of this server's."""
        try:
            return self.wanted_format()
        except (NotAcceptableError, BadRequestError):
            return Format.JSON


def headers_by_name(lines: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by name; one that came in several lines has their values with commas between (RFC 9110, 5.3)."""
    found = dict(lines)
    if len(found) < len(lines):
        given: dict[bytes, list[bytes]] = {}
        for name, value in lines:
            given.setdefault(name, []).append(value)
        found = {name: b", ".join(values) for name, values in given.items()}
    return found


def read_pairs(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string or a form, in which some clients escape no letters.

    Raises: BadRequestError, also for bytes that are no UTF-8, which are surrogates here.
    """
    if not query:
        return []
    if len(query) > _QUERY_LENGTH_MAX:
        message = f"A query has at most {_QUERY_LENGTH_MAX} characters, with all that is encoded."
        raise BadRequestError(message)
    try:
        if not query.isascii():
            query.encode()
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_PAIRS_MAX)
    except ValueError as error:
        message = f"The query is not readable: percent-encoded UTF-8, at most {_PAIRS_MAX} parameters."
        raise BadRequestError(message) from error
