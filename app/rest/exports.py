"""The routes of ``$export``: how it is begun, asked for, cancelled and fetched.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from app.errors import BadRequestError, MethodNotAllowedError, NotFoundError, UnknownParameterError
from app.fhir.instants import http_date, instant_text
from app.fhir.issues import Issue
from app.fhir.search.results import shown
from app.interactions.operations import export as exporting
from app.interactions.operations.export_asked import (
    Asked,
    Level,
    read_elements,
    read_filters,
    read_patients,
    read_types,
)
from app.rest.call import Call
from app.rest.outcome import outcome_body
from app.rest.parameters import parameter_pairs
from app.rest.response import FhirResponse, query_text

LINES = "application/fhir+ndjson"
_FORMATS = frozenset({LINES, "application/ndjson", "ndjson"})
_TAKEN = frozenset({"_outputFormat", "_since", "_type", "_typeFilter", "_elements", "_format", "_pretty"})
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
    query = query_text(call.request.pairs)  # the parameters in a body are no part of the URL
    if call.request.method == "POST":
        body = await call.request.body(may_be_empty=True)
        call.request.add_pairs(parameter_pairs(call.release, body))
        call.request.wanted_format()
    if not call.request.responds_async:
        message = "An export takes a while: send the header Prefer: respond-async."
        raise BadRequestError(message, expression="http.Prefer")
    passed_over = [_not_known(call, level, name) for name, _ in call.request.pairs if not _takes(call, level, name)]
    if passed_over and not call.request.lenient:
        raise UnknownParameterError(passed_over[0].diagnostics, expression=passed_over[0].expression)
    url = "/".join([call.base, *call.request.parts]) + (f"?{query}" if query else "")
    job_id = await exporting.begin(
        call.context, call.who, call.request.trace, call.release, _asked(call, level, group, url)
    )
    told = outcome_body(call.release, passed_over) if passed_over else b""
    return FhirResponse(202, told, [(b"content-location", f"{call.base}/$export/{job_id}".encode())])


def _takes(call: Call, level: Level, name: str) -> bool:
    is_for_patients = name == "patient" and level is not Level.SYSTEM and call.request.method == "POST"
    return name in _TAKEN or is_for_patients


def _not_known(call: Call, level: Level, name: str) -> Issue:
    """Return what is said of a parameter that an export like this does not take."""
    why = "is not supported"
    if name == "patient":
        why = "is not for an export of everything" if level is Level.SYSTEM else "goes into a body, by POST"
    return Issue("warning", "not-supported", f"The parameter {shown(name)} {why}.", _place(call, name))


def _place(call: Call, name: str) -> str:
    """Return where a parameter stands, as issues say it."""
    if call.request.method == "POST":
        return f"Parameters.parameter.where(name='{shown(name)}')"
    return f"http.{shown(name)}"


@contextmanager
def _reading(call: Call, name: str) -> Iterator[Sequence[str]]:
    """Give the values of a parameter; what is wrong with them is told with its place."""
    try:
        yield [value for key, value in call.request.pairs if key == name]
    except BadRequestError as error:
        error.expression = _place(call, name)
        raise


def _asked(call: Call, level: Level, group: str, url: str) -> Asked:
    """Return what the parameters ask for. Raises: BadRequestError."""
    with _reading(call, "_outputFormat"):
        _check_format(call.one("_outputFormat") or LINES)
    with _reading(call, "_since"):
        since = call.moment("_since")
    with _reading(call, "_type") as texts:
        types = read_types(call.release, texts)
    with _reading(call, "_typeFilter") as texts:
        filters = read_filters(call.context, call.release, texts, types)
    with _reading(call, "_elements") as texts:
        elements = read_elements(call.release, texts, types)
    patients = None
    if _takes(call, level, "patient"):
        with _reading(call, "patient") as texts:
            patients = read_patients(texts) if texts else None
    return Asked(level, url, types, since[0] if since else 0, group, filters, elements, patients)


def _check_format(asked: str) -> None:
    if asked.replace(" ", "+") not in _FORMATS:
        message = f"_outputFormat takes {LINES}."
        raise BadRequestError(message)


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
