"""Batch and transaction over HTTP: what an entry looks at is asked of the routes, as if it had come alone.

Spec: https://hl7.org/fhir/R4/http.html#transaction-response, https://hl7.org/fhir/STU3/http.html#transaction-response
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import msgspec

from app.errors import BadRequestError, NotAcceptableError, RegieError
from app.fhir.instants import instant_text
from app.fhir.release import Release
from app.interactions import bundle as bundles
from app.interactions.bundle_entries import BundleAnswer, Entry, address
from app.interactions.context import Context, Stored
from app.interactions.written import Written
from app.rest.call import Call
from app.rest.outcome import error_body, outcome_tree
from app.rest.receipts import receipts
from app.rest.request import FORM, FhirRequest
from app.rest.response import DONE, FhirResponse, etag, held_at, location, seq_extension

_FHIR_JSON = b"application/fhir+json"
_encode = msgspec.json.Encoder().encode


async def bundle(call: Call) -> FhirResponse:
    """Batch and transaction."""
    call.nothing_asked()

    async def look(context: Context, entry: Entry) -> FhirResponse:
        response = await call.ask(context, _request(call, entry), call.requester)
        if dict(response.headers).get(b"content-type", _FHIR_JSON).partition(b";")[0] != _FHIR_JSON:
            message = "A Bundle holds resources only, all in its own format."
            raise NotAcceptableError(message, expression=f"Bundle.entry[{entry.asked.index}].request.url")
        return response

    answer = await bundles.bundle(
        call.context, call.who, call.request.trace, call.release, await call.request.body(),
        look=look, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return bundle_response(call.base, call.release, answer, call.request.wanted_return)


def _request(call: Call, entry: Entry) -> FhirRequest:
    """Return an entry that looks as the request that it stands for. Raises: BadRequestError."""
    asked = entry.asked
    parts, query = address(call.context, call.release, entry)
    sent = asked.resource or b""
    if parts[-1:] == ["_search"] and sent:
        message = "A _search in a Bundle has its parameters in the URL."
        raise BadRequestError(message, expression=asked.location)
    headers = {b"content-type": FORM if parts[-1:] == ["_search"] else _FHIR_JSON}
    if asked.if_none_match is not None:
        headers[b"if-none-match"] = asked.if_none_match.encode()
    if b"prefer" in call.request.headers:
        headers[b"prefer"] = call.request.headers[b"prefer"]
    key = call.request.idempotency_key
    if key is not None:  # that of a Bundle holds for each of its operations too
        headers[b"idempotency-key"] = sha256(f"{key} {asked.index}".encode()).hexdigest().encode()

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": sent}

    known_at = None if asked.if_modified_since is None else datetime.fromisoformat(asked.if_modified_since)
    return FhirRequest(
        call.release,
        entry.method,
        parts,
        query,
        headers,
        call.request.trace,
        receive,
        call.request.body_size_max,
        known_at,
    )


def bundle_response(base: str, release: Release, answer: BundleAnswer, wanted: str | None) -> FhirResponse:
    """Return the answer to a batch or transaction, an entry for each that came, then receipts."""
    named: set[str] = set()
    answered = [_answer_entry(base, release, entry, wanted, named) for entry in answer.entries]
    entries = b",".join(answered + receipts(answer.entries))
    body = f'{{"resourceType":"Bundle","type":"{answer.type}-response"'.encode()
    body += b',"entry":[' + entries + b"]}" if entries else b"}"
    seqs = [entry.outcome.version.seq for entry in answer.entries if isinstance(entry.outcome, Written)]
    headers = [(b"regie-seq", str(max(seqs)).encode())] if seqs else []
    if answer.repeated:
        headers.append((b"idempotency-replayed", b"true"))
    return FhirResponse(200, body, headers)


def _answer_entry(base: str, release: Release, entry: Entry, wanted: str | None, named: set[str]) -> bytes:
    """Return one entry of an answer; ``named`` are the full URLs so far, as each may be there only once (bdl-7)."""
    outcome = entry.outcome
    if isinstance(outcome, RegieError):
        return f'{{"response":{{"status":"{outcome.status}","outcome":'.encode() + error_body(release, outcome) + b"}}"
    if isinstance(outcome, FhirResponse):
        shown = b"" if entry.method == "HEAD" else outcome.body
        return _joined(base, release, outcome.version, shown, {"status": _status(outcome.status)}, named)
    if isinstance(outcome, Written):
        version = outcome.version
        response: dict[str, Any] = {
            "extension": [seq_extension(version)],
            "status": _status(204 if version.deleted else outcome.status),
        }
        if wanted == "OperationOutcome" or outcome.warnings:
            response["outcome"] = outcome_tree(release, [DONE, *outcome.warnings])
        shown = version.body if wanted == "representation" and not version.deleted else b""
        return _joined(base, release, version, shown, response, named)
    message = "An entry of a Bundle was left without an outcome."
    raise TypeError(message)


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _joined(
    base: str, release: Release, version: Stored | None, shown: bytes, response: dict[str, Any], named: set[str]
) -> bytes:
    """Return an entry that shows a resource and says what became of it."""
    head = b"{"
    if version is not None:
        response |= {"etag": etag(release, version), "lastModified": instant_text(version.instant)}
        held = held_at(base, release, version)
        full_url = f"{held}/{version.resource_type}/{version.id}"
        if not version.deleted:
            address = location(held, version)
            response["location"] = address.removeprefix(f"{base}/")
            if full_url not in named:
                named.add(full_url)
                head = f'{{"fullUrl":"{full_url}",'.encode()
    resource = b'"resource":' + shown + b"," if shown else b""
    return head + resource + b'"response":' + _encode(response) + b"}"
