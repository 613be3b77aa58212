"""Results -> bodies and headers. A searchset is the stored bytes, joined.

Spec: https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/STU3/http.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from app.errors import RegieError
from app.fhir.instants import instant_text
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.interactions.bundle_entries import BundleAnswer, Entry
from app.interactions.context import Stored
from app.interactions.operations.delta import Delta
from app.interactions.search import CURSOR, Page
from app.interactions.write import Written
from app.rest.outcome import error_body, outcome_body, outcome_tree

SEQ_URL = "https://regie.example/fhir/StructureDefinition/record-seq"
"""The extension that says which number a change has in the record's log."""

_DONE = Issue("information", "informational", "Done.")
_METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE"}
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class FhirResponse:
    """What goes out; ``body`` empty means none. It is FHIR in JSON, unless a header says what it is."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


def version_headers(version: Stored) -> list[tuple[bytes, bytes]]:
    """Return ETag and Last-Modified of a version."""
    return [
        (b"etag", f'W/"{version.version}"'.encode()),
        (b"last-modified", formatdate(version.instant / 1_000_000, usegmt=True).encode()),
    ]


def location(base: str, version: Stored) -> str:
    """Return the URL of a version."""
    return f"{base}/{version.resource_type}/{version.id}/_history/{version.version}"


def written_response(base: str, release: Release, written: Written, wanted: str | None) -> FhirResponse:
    """Return the answer to a single write, with the number of the change in ``Regie-Seq``."""
    version = written.version
    headers = [*version_headers(version), (b"regie-seq", str(version.seq).encode())]
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
    return outcome_body(release, [_DONE, *warnings])


def meta_parameters(meta: dict[str, Any]) -> bytes:
    """Return the Parameters that ``$meta`` and its kin answer with."""
    parameters = {"parameter": [{"name": "return", "valueMeta": meta}]} if meta else {}
    return _encode({"resourceType": "Parameters", **parameters})


def query_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Return parameters as a query string; what may stand unencoded does, so that links stay readable."""
    return "&".join(f"{quote(name, safe='-_.:')}={quote(value, safe='-_.:/,$')}" for name, value in pairs)


def _links(links: Sequence[tuple[str, str]]) -> bytes:
    return _encode([{"relation": relation, "url": url} for relation, url in links])


def searchset(base: str, release: Release, page: Page) -> bytes:
    """Return the Bundle of a page. A second link is there only if there is a next page."""
    url = f"{base}/{page.resource_type}"
    query = query_text(page.used)
    links = [("self", f"{url}?{query}" if query else url)]
    if page.next is not None:
        separator = f"{query}&" if query else ""
        links.append(("next", f"{url}?{separator}{CURSOR}={page.next}"))
    entries = [_entry(base, version, b"match") for version in page.matches]
    entries += [_entry(base, version, b"include") for version in page.included]
    if page.ignored:
        outcome = _encode(outcome_tree(release, page.ignored))
        entries.append(f'{{"fullUrl":"{uuid4().urn}","resource":'.encode() + outcome + b',"search":{"mode":"outcome"}}')
    total = b"" if page.total is None else f'"total":{page.total},'.encode()
    head = b'{"resourceType":"Bundle","type":"searchset",' + total + b'"link":' + _links(links)
    return b"".join((head, b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}"))


def _entry(base: str, version: Stored, mode: bytes) -> bytes:
    return (
        f'{{"fullUrl":"{base}/{version.resource_type}/{version.id}","resource":'.encode()
        + version.body
        + b',"search":{"mode":"'
        + mode
        + b'"}}'
    )


def everything_bundle(base: str, self_url: str, versions: Sequence[Stored], next_url: str | None) -> bytes:
    """Return the searchset of ``$everything``."""
    links = [("self", self_url)] + ([("next", next_url)] if next_url else [])
    entries = b",".join(_entry(base, version, b"match") for version in versions)
    head = b'{"resourceType":"Bundle","type":"searchset","link":' + _links(links)
    return head + (b',"entry":[' + entries + b"]}" if entries else b"}")


def history_bundle(base: str, release: Release, links: Sequence[tuple[str, str]], versions: Sequence[Stored]) -> bytes:
    """Return the Bundle of a history or of ``$delta``; every entry says what was done, and its number.

    When it was done is in the resource's meta; R4 says it for deletions too, in a response that STU3 forbids here (bdl-4).
    """
    entries = b",".join(_history_entry(base, release, version) for version in versions)
    head = b'{"resourceType":"Bundle","type":"history","link":' + _links(links)
    return head + (b',"entry":[' + entries + b"]}" if entries else b"}")


def _history_entry(base: str, release: Release, version: Stored) -> bytes:
    url = f"{version.resource_type}/{version.id}" if version.operation != "create" else version.resource_type
    tail: dict[str, Any] = {
        "request": {"extension": [_seq(version)], "method": _METHODS[version.operation], "url": url}
    }
    if release is not Release.STU3:
        tail["response"] = {
            "status": {"create": "201", "update": "200", "delete": "204"}[version.operation],
            "etag": f'W/"{version.version}"',
            "lastModified": instant_text(version.instant),
        }
    resource = b'"resource":' + version.body + b"," if not version.deleted else b""
    return f'{{"fullUrl":"{base}/{version.resource_type}/{version.id}",'.encode() + resource + _encode(tail)[1:]


def _seq(version: Stored) -> dict[str, str]:
    return {"url": SEQ_URL, "valueString": str(version.seq)}


def delta_bundle(base: str, release: Release, url: str, since: int, delta: Delta, extra: str) -> bytes:
    """Return the changes; the link ``next`` says that there are more already, ``resume`` where to go on later."""
    links = [("self", f"{url}?since={since}{extra}")]
    if delta.more:
        links.append(("next", f"{url}?since={delta.until}{extra}"))
    links.append(("resume", f"{url}?since={delta.until}{extra}"))
    return history_bundle(base, release, links, delta.changes)


def bundle_response(base: str, release: Release, answer: BundleAnswer, wanted: str | None) -> FhirResponse:
    """Return the answer to a batch or transaction, an entry for each that came."""
    named: set[str] = set()
    entries = b",".join(_answer_entry(base, release, entry, wanted, named) for entry in answer.entries)
    body = f'{{"resourceType":"Bundle","type":"{answer.type}-response"'.encode()
    body += b',"entry":[' + entries + b"]}" if entries else b"}"
    seqs = [entry.outcome.version.seq for entry in answer.entries if isinstance(entry.outcome, Written)]
    headers = [(b"regie-seq", str(max(seqs)).encode())] if seqs else []
    if answer.repeated:
        headers.append((b"idempotency-replayed", b"true"))
    return FhirResponse(200, body, headers)


_REASONS = {200: "200 OK", 201: "201 Created", 204: "204 No Content"}


def _answer_entry(base: str, release: Release, entry: Entry, wanted: str | None, named: set[str]) -> bytes:
    """Return one entry of an answer; ``named`` are the full URLs so far, as each may be there only once (bdl-7)."""
    outcome = entry.outcome
    if isinstance(outcome, RegieError):
        return f'{{"response":{{"status":"{outcome.status}","outcome":'.encode() + error_body(release, outcome) + b"}}"
    if isinstance(outcome, Page):
        return b'{"resource":' + searchset(base, release, outcome) + b',"response":{"status":"200 OK"}}'
    if isinstance(outcome, Stored):
        if _is_known(entry, outcome):
            return _encode({"response": {"status": "304 Not Modified", "etag": f'W/"{outcome.version}"'}})
        return _with_response(base, release, outcome, 200, "representation", named, is_read=True)
    if isinstance(outcome, Written):
        return _with_response(
            base, release, outcome.version, outcome.status, wanted, named, is_read=False, warnings=outcome.warnings
        )
    message = "An entry of a Bundle was left without an outcome."
    raise TypeError(message)


def _is_known(entry: Entry, version: Stored) -> bool:
    """Return whether a read in a Bundle names the version that the caller has already."""
    if entry.asked.if_none_match is not None:
        return entry.asked.if_none_match.strip().removeprefix("W/") == f'"{version.version}"'
    since = entry.asked.if_modified_since
    return since is not None and version.last_updated <= datetime.fromisoformat(since)


def _with_response(
    base: str,
    release: Release,
    version: Stored,
    status: int,
    wanted: str | None,
    named: set[str],
    *,
    is_read: bool,
    warnings: Iterable[Issue] = (),
) -> bytes:
    response: dict[str, Any] = {
        "status": _REASONS[204 if version.deleted else status],
        "location": f"{version.resource_type}/{version.id}/_history/{version.version}",
        "etag": f'W/"{version.version}"',
        "lastModified": instant_text(version.instant),
    }
    if not is_read:
        response = {"extension": [_seq(version)], **response}
    if wanted == "OperationOutcome" or warnings:
        response["outcome"] = outcome_tree(release, [_DONE, *warnings])
    if version.deleted:
        del response["location"]
        return _encode({"response": response})
    full_url = f"{base}/{version.resource_type}/{version.id}"
    head = b"{" if full_url in named else f'{{"fullUrl":"{full_url}",'.encode()
    named.add(full_url)
    resource = b'"resource":' + version.body + b"," if wanted == "representation" and version.body else b""
    return head + resource + b'"response":' + _encode(response) + b"}"
