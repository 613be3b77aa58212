"""The routes of ``$export``: how it is begun, asked for, cancelled and fetched.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import msgspec

from app.errors import BadRequestError, MethodNotAllowedError, NotFoundError
from app.fhir.instants import http_date, instant_text
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.structure import is_resource_type
from app.interactions.operations import export as exporting
from app.interactions.operations.export import Asked, Level
from app.rest.call import Call
from app.rest.response import FhirResponse, query_text

LINES = "application/fhir+ndjson"
_FORMATS = frozenset({LINES, "application/ndjson", "ndjson"})
_ASK_AGAIN_S = 1
_encode = msgspec.json.Encoder().encode


async def of_system(call: Call) -> FhirResponse:
    """Begin to export everything."""
    return await _begin(call, Level.SYSTEM, "")


async def of_patients(call: Call) -> FhirResponse:
    """Begin to export all patients."""
    return await _begin(call, Level.PATIENT, "")


async def of_group(call: Call) -> FhirResponse:
    """Begin to export the patients who granted something to a practice."""
    return await _begin(call, Level.GROUP, call.id)


async def _begin(call: Call, level: Level, group: str) -> FhirResponse:
    if call.request.method == "HEAD":
        message = "An export is begun by GET: to ask by HEAD changes nothing."
        raise MethodNotAllowedError(message)
    call.only("_outputFormat", "_since", "_type")
    if not call.request.responds_async:
        message = "An export takes a while: send the header Prefer: respond-async."
        raise BadRequestError(message, expression="http.Prefer")
    form = (call.one("_outputFormat") or LINES).replace(" ", "+")
    if form not in _FORMATS:
        message = f"_outputFormat takes {LINES}."
        raise BadRequestError(message, expression="http._outputFormat")
    named = [name for key, value in call.request.pairs if key == "_type" for name in value.split(",")]
    if not all(is_resource_type(call.release, name) and name not in NOT_KEPT for name in named):
        message = "_type takes resource types that this server keeps, with commas between them."
        raise BadRequestError(message, expression="http._type")
    since = call.moment("_since")
    query = query_text(call.request.pairs)
    url = "/".join([call.base, *call.request.parts]) + (f"?{query}" if query else "")
    asked = Asked(level, url, frozenset(named), since[0] if since else 0, group)
    job_id = await exporting.begin(call.context, call.who, call.request.trace, call.release, asked)
    return FhirResponse(202, b"", [(b"content-location", f"{call.base}/$export/{job_id}".encode())])


async def status(call: Call) -> FhirResponse:
    """How far an export is, or what there is to fetch."""
    call.only()
    found = await exporting.progress(call.context, call.who, call.request.trace, call.release, call.id)
    if not found.is_ready:
        seen = sum(part.count for part in found.parts)
        headers = [(b"x-progress", f"{seen} resources found".encode()), (b"retry-after", str(_ASK_AGAIN_S).encode())]
        return FhirResponse(202, b"", headers)
    files = [
        {"type": part.type, "url": f"{call.base}/$export/{found.job_id}/{number}.ndjson"}
        for number, part in enumerate(found.parts)
    ]
    manifest = {
        "transactionTime": instant_text(found.instant),
        "request": found.request,
        "requiresAccessToken": True,
        "output": [one for one in files if one["type"] != exporting.DELETED],
        "deleted": [one for one in files if one["type"] == exporting.DELETED],
        "error": [],
    }
    until = http_date(found.until)
    headers = [(b"content-type", b"application/json"), (b"expires", until.encode())]
    return FhirResponse(200, _encode(manifest), headers)


async def cancel(call: Call) -> FhirResponse:
    """Cancel an export, or forget one that was fetched."""
    call.only()
    await exporting.cancel(call.context, call.who, call.request.trace, call.release, call.id)
    return FhirResponse(202)


async def file(call: Call) -> FhirResponse:
    """The lines of one file; the first of them are there before the answer begins, so that a refusal can be told."""
    call.only()
    number = call.named["name"].removesuffix(".ndjson")
    if not (number.isascii() and number.isdigit() and len(number) < 6 and call.named["name"].endswith(".ndjson")):
        message = "There is no such file."
        raise NotFoundError(message)
    found = exporting.lines(call.context, call.who, call.request.trace, call.release, call.id, int(number))
    first = await anext(found)
    return FhirResponse(200, first, [(b"content-type", LINES.encode())], rest=found)
