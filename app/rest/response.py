"""Results -> bodies and headers. A searchset is the stored bytes, joined.

Spec: https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/STU3/http.html
"""

import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from app.fhir.instants import http_date, instant_text
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.interactions.context import Stored
from app.interactions.operations.delta import Delta
from app.interactions.operations.everything import Shown
from app.interactions.search import CURSOR, Page
from app.interactions.written import Written
from app.rest.outcome import outcome_body, outcome_tree

SEQ_URL = "https://regie.example/fhir/StructureDefinition/record-seq"
"""The extension that says which number a change has in the record's log."""

DONE = Issue("information", "informational", "Done.")
_METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE"}
_encode = msgspec.json.Encoder().encode
_PLAIN = re.compile(r"[A-Za-z0-9\-_.:~]*=[A-Za-z0-9\-_.:~/,$]*")
"""A parameter in which nothing has to be encoded."""


@dataclass(slots=True)
class FhirResponse:
    """What goes out; ``body`` empty means none. It is FHIR in JSON, unless a header says what it is.

    ``version`` is the one version of a resource that is shown, None where it is something else. ``rest`` are the bytes that come
    after ``body``, of an answer that is too large to be in memory at once; what it raises breaks the answer off.
    """

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    version: Stored | None = None
    rest: AsyncGenerator[bytes, None] | None = None

    async def gather(self) -> None:
        """Have all of the answer in ``body``."""
        if self.rest is not None:
            self.body = b"".join([self.body, *[part async for part in self.rest]])
            self.rest = None


def version_response(base: str, release: Release, version: Stored) -> FhirResponse:
    """Return the answer to a read; of what was translated, the address of the original is in Content-Location."""
    headers = version_headers(version)
    if version.release is not release:
        original = location(held_at(base, release, version), version)
        headers = [(b"etag", etag(release, version).encode()), headers[1], (b"content-location", original.encode())]
    return FhirResponse(200, version.body, headers, version)


def etag(release: Release, version: Stored) -> str:
    """Return the ETag of a version; one that is shown in another release has one that no write takes."""
    return f'W/"{version.version}"' if version.release is release else f'W/"{version.release.path}-{version.version}"'


def held_at(base: str, release: Release, version: Stored) -> str:
    """Return the base of the release that a version is held in; ``base`` is that of ``release``."""
    return base if version.release is release else base.removesuffix(release.path) + version.release.path


def version_headers(version: Stored) -> list[tuple[bytes, bytes]]:
    """Return ETag and Last-Modified of a version."""
    return [
        (b"etag", etag(version.release, version).encode()),
        (b"last-modified", http_date(version.instant).encode()),
    ]


def location(base: str, version: Stored) -> str:
    """Return the URL of a version."""
    return f"{base}/{version.resource_type}/{version.id}/_history/{version.version}"


def written_response(base: str, release: Release, written: Written, wanted: str | None) -> FhirResponse:
    """Return the answer to a single write, with the number of the change in ``Regie-Seq``."""
    version = written.version
    headers = version_headers(version)
    if version.seq:  # a grant has no number among the changes
        headers.append((b"regie-seq", str(version.seq).encode()))
    if not written.interaction:
        headers.append((b"idempotency-replayed", b"true"))
    if version.deleted:
        return FhirResponse(204 if wanted != "OperationOutcome" else 200, _done(release, wanted), headers)
    headers.append((b"location", location(base, version).encode()))
    if wanted == "minimal":
        return FhirResponse(written.status, b"", headers)
    body = _done(release, wanted, written.warnings) or version.body
    return FhirResponse(written.status, body, headers)


def _done(release: Release, wanted: str | None, warnings: Iterable[Issue] = ()) -> bytes:
    if wanted != "OperationOutcome":
        return b""
    return outcome_body(release, [DONE, *warnings])


def meta_parameters(meta: dict[str, Any]) -> bytes:
    """Return the Parameters that ``$meta`` and its kin answer with."""
    parameters = {"parameter": [{"name": "return", "valueMeta": meta}]} if meta else {}
    return _encode({"resourceType": "Parameters", **parameters})


def query_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Return parameters as a query string; what may stand unencoded does, so that links stay readable."""
    return "&".join(
        pair if _PLAIN.fullmatch(pair := f"{name}={value}") else _quoted(name, value) for name, value in pairs
    )


def _quoted(name: str, value: str) -> str:
    return f"{quote(name, safe='-_.:')}={quote(value, safe='-_.:/,$')}"


def _links(links: Sequence[tuple[str, str]]) -> bytes:
    return _encode([{"relation": relation, "url": url} for relation, url in links])


def searchset(base: str, release: Release, page: Page) -> bytes:
    """Return the Bundle of a page. A second link is there only if there is a next page."""
    url = f"{base}/{page.resource_type}".removesuffix("/")
    query = query_text(page.used)
    links = [("self", f"{url}?{query}" if query else url)]
    if page.next is not None:
        separator = f"{query}&" if query else ""
        links.append(("next", f"{url}?{separator}{CURSOR}={page.next}"))
    entries = [
        *_entries(base, release, page.matches, b"match"),
        *_entries(base, release, page.included, b"include"),
        *_outcome_entry(release, page.ignored),
    ]
    total = b"" if page.total is None else f'"total":{page.total},'.encode()
    return _searchset(total, links, entries)


def _searchset(total: bytes, links: Sequence[tuple[str, str]], entries: list[bytes]) -> bytes:
    """Return the Bundle; ``entries`` are pieces of bytes, each entry with a comma before it."""
    head = b'{"resourceType":"Bundle","type":"searchset",' + total + b'"link":' + _links(links)
    if not entries:
        return head + b"}"
    entries[0] = entries[0][1:]
    return b"".join((head, b',"entry":[', *entries, b"]}"))


def _outcome_entry(release: Release, issues: Sequence[Issue]) -> list[bytes]:
    """Return the entry that tells what there is to say about an answer, if there is anything."""
    if not issues:
        return []
    outcome = _encode(outcome_tree(release, issues))
    return [f',{{"fullUrl":"{uuid4().urn}","resource":'.encode(), outcome, b',"search":{"mode":"outcome"}}']


def _entries(base: str, release: Release, versions: Iterable[Stored], mode: bytes) -> list[bytes]:
    """Return the entries in pieces, so that a body is copied once: a searchset of 1,000 resources is a megabyte."""
    pieces: list[bytes] = []
    end = b',"search":{"mode":"' + mode + b'"}}'
    for version in versions:
        held = base if version.release is release else held_at(base, release, version)
        begin = f',{{"fullUrl":"{held}/{version.resource_type}/{version.id}","resource":'
        pieces += (begin.encode(), version.body, end)
    return pieces


def everything_bundle(
    base: str,
    release: Release,
    self_url: str,
    versions: Sequence[Stored],
    next_url: str | None,
    issues: Sequence[Issue] = (),
) -> bytes:
    """Return the searchset of ``$everything``."""
    entries = [*_entries(base, release, versions, b"match"), *_outcome_entry(release, issues)]
    return _searchset(b"", _self_and_next(self_url, next_url), entries)


async def everything_in_parts(
    base: str, self_url: str, parts: AsyncIterable[Sequence[Shown]], next_url: str | None
) -> AsyncGenerator[bytes, None]:
    """Yield the searchset of ``$everything`` as its parts are read, all of which are held in the release of ``base``."""
    head = b'{"resourceType":"Bundle","type":"searchset","link":' + _links(_self_and_next(self_url, next_url))
    end = b"}"
    begin, after = f',{{"fullUrl":"{base}/', b',"search":{"mode":"match"}}'
    async for resources in parts:
        pieces: list[bytes | memoryview] = []
        for name, key, body in resources:
            pieces += (f'{begin}{name}/{key}","resource":'.encode(), body, after)
        part = b"".join(pieces)
        if head:
            part = head + b',"entry":[' + part[1:]
            head, end = b"", b"]}"
        del resources, pieces, body  # while a slow reader takes a part, there is one copy of it
        yield part
    yield head + end


def _self_and_next(self_url: str, next_url: str | None) -> list[tuple[str, str]]:
    return [("self", self_url)] + ([("next", next_url)] if next_url else [])


def history_bundle(base: str, release: Release, links: Sequence[tuple[str, str]], versions: Sequence[Stored]) -> bytes:
    """Return the Bundle of a history or of ``$delta``; every entry says what was done, and its number.

    When it was done is in the resource's meta; R4 says it for deletions too, in a response that STU3 forbids here (bdl-4).
    """
    entries = b",".join(_history_entry(base, release, version) for version in versions)
    head = b'{"resourceType":"Bundle","type":"history","link":' + _links(links)
    return head + (b',"entry":[' + entries + b"]}" if entries else b"}")


def _history_entry(base: str, release: Release, version: Stored) -> bytes:
    url = f"{version.resource_type}/{version.id}" if version.operation != "create" else version.resource_type
    numbered = {"extension": [seq_extension(version)]} if version.seq else {}  # a grant has no number
    tail: dict[str, Any] = {"request": {**numbered, "method": _METHODS[version.operation], "url": url}}
    if release is not Release.STU3:
        tail["response"] = {
            "status": {"create": "201", "update": "200", "delete": "204"}[version.operation],
            "etag": f'W/"{version.version}"',
            "lastModified": instant_text(version.instant),
        }
    resource = b'"resource":' + version.body + b"," if not version.deleted else b""
    return f'{{"fullUrl":"{base}/{version.resource_type}/{version.id}",'.encode() + resource + _encode(tail)[1:]


def seq_extension(version: Stored) -> dict[str, str]:
    """Return the extension that says which number a change has in the record's log."""
    return {"url": SEQ_URL, "valueString": str(version.seq)}


def delta_bundle(base: str, release: Release, url: str, since: int, delta: Delta, extra: str, asked: str) -> bytes:
    """Return the changes; the link ``next`` says that there are more already, ``resume`` where to go on later."""
    told = "" if delta.consents is None else f"&consents={delta.consents}"
    links = [("self", f"{url}?since={since}{extra}{asked}")]
    if delta.more:
        links.append(("next", f"{url}?since={delta.until}{extra}{told}"))
    links.append(("resume", f"{url}?since={delta.until}{extra}{told}"))
    return history_bundle(base, release, links, delta.changes)
