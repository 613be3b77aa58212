"""What the route of each operation does, as in ``handlers.py``."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from app.errors import BadRequestError, UnknownOperationError
from app.fhir.release import Release
from app.fhir.summary.document import BUNDLE_PROFILE, COMPOSITION_PROFILE
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import is_resource_type
from app.interactions import both as boths
from app.interactions import both_lastn, single
from app.interactions.history import SEQ_MAX
from app.interactions.operations import as_seen_by as as_seen
from app.interactions.operations import delta as deltas
from app.interactions.operations import everything as everythings
from app.interactions.operations import meta as metas
from app.interactions.operations import summary as summaries
from app.interactions.operations import validate as validates
from app.interactions.translated import RELEASES
from app.rest.call import Call, Handler
from app.rest.outcome import outcome_body
from app.rest.parameters import parameter_pairs
from app.rest.response import (
    FhirResponse,
    delta_bundle,
    everything_bundle,
    everything_in_parts,
    meta_parameters,
    query_text,
    searchset,
    version_headers,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def posted(operation: Handler) -> Handler:
    """Return an operation that takes its parameters from the body too: many clients call every operation by POST."""

    async def by_post(call: Call) -> FhirResponse:
        body = await call.request.body(may_be_empty=True)
        call.request.add_pairs(parameter_pairs(call.release, body))
        call.request.wanted_format()
        return await operation(call)

    return by_post


async def lastn(call: Call) -> FhirResponse:
    """Observation/$lastn."""
    page = await both_lastn.lastn(
        call.context, call.who, call.request.trace, call.release, call.request.pairs, lenient=call.request.lenient
    )
    return FhirResponse(200, searchset(call.base, call.release, page))


async def everything(call: Call) -> FhirResponse:
    """Patient/$everything and Patient/[id]/$everything."""
    call.only("_count", "_after", "_since", "_type", "start", "end", RELEASES)
    patient_id = call.id if "id" in call.named else None
    asked = call.number("_count", 0, everythings.EVERYTHING_MAX)
    after = call.number("_after", 0, SEQ_MAX)
    url = f"{call.base}/Patient/{f'{patient_id}/' if patient_id else ''}$everything"
    kept = "".join(f"&{query_text([pair])}" for pair in call.request.pairs if pair[0] not in ("_count", "_after"))
    query = query_text(call.request.pairs)
    self_url = f"{url}?{query}" if query else url

    def next_url(following: int | None) -> str | None:
        return f"{url}?_count={asked}&_after={following}{kept}" if following is not None else None

    if call.both_releases:
        versions, following, issues = await boths.everything(
            call.context, call.who, call.request.trace, call.release, patient_id,
            narrow=_narrowing(call), after=after, count=asked or None,
        )  # fmt: skip
        body = everything_bundle(call.base, call.release, self_url, versions, next_url(following), issues)
        return FhirResponse(200, body)
    found = await everythings.everything(
        call.context, call.who, call.request.trace, call.release, patient_id,
        narrow=_narrowing(call), after=after, count=asked or None,
    )  # fmt: skip
    parts, is_small = await found.begun()
    chunks = everything_in_parts(call.base, self_url, parts, next_url(found.following))
    response = FhirResponse(200, await anext(chunks), rest=chunks)
    if is_small:
        await response.gather()
    return response


async def as_seen_by(call: Call) -> FhirResponse:
    """Patient/[id]/$as-seen-by."""
    call.only("practice", "representation", "at", "_count", "_after")
    practice_id, grant_id, at = call.one("practice"), call.one("representation"), call.moment("at")
    if bool(practice_id) is bool(grant_id):
        message = "Name one: practice=[its number], or representation=[the id of its Consent]."
        raise BadRequestError(message, expression="http.practice")
    count, after = call.page_size, call.number("_after", 0, SEQ_MAX)
    versions, following = await as_seen.as_seen_by(
        call.context, call.who, call.request.trace, call.release, call.id, as_seen.SeenBy(practice_id or "", grant_id or ""),
        at=None if at is None else EPOCH + timedelta(microseconds=max(at[0], 0)),
        after=after, count=count,
    )  # fmt: skip
    url = f"{call.base}/Patient/{call.id}/$as-seen-by"
    kept = [pair for pair in call.request.pairs if pair[0] not in ("_count", "_after")]
    pairs = [*kept, ("_count", str(count)), ("_after", str(following))]
    next_url = None if following is None else f"{url}?{query_text(pairs)}"
    self_url = f"{url}?{query_text(call.request.pairs)}"
    return FhirResponse(200, everything_bundle(call.base, call.release, self_url, versions, next_url))


def _narrowing(call: Call) -> everythings.Narrow:
    """Return the part of everything that the parameters ask for, when days are those of a zone. Raises: BadRequestError."""
    named = [name for key, value in call.request.pairs if key == "_type" for name in value.split(",")]
    if not all(is_resource_type(call.release, name) for name in named):
        message = "_type takes resource types that this server has, with commas between them."
        raise BadRequestError(message)

    def in_zone(zone: ZoneInfo) -> everythings.Narrowing:
        since, start, end = (call.moment(name, zone) for name in ("_since", "start", "end"))
        return everythings.Narrowing(
            frozenset(named) if named else None,
            since[0] if since else 0,
            start[0] if start else None,
            end[1] if end else None,
        )

    in_zone(call.context.time_zone)  # what can't be read is refused before anything is looked up
    return in_zone


async def summary(call: Call) -> FhirResponse:
    """Patient/$summary and Patient/[id]/$summary, which R4 has only."""
    if call.release is not Release.R4:
        message = "This server has $summary in R4; it tells of the data in STU3 as well."
        raise UnknownOperationError(message)
    call.only("identifier", "profile")
    profiles = {value.partition("|")[0] for name, value in call.request.pairs if name == "profile"}
    if not profiles <= {BUNDLE_PROFILE, COMPOSITION_PROFILE}:
        message = "The one profile of a summary that this server has is that of the International Patient Summary."
        raise BadRequestError(message)
    identifiers = [value for name, value in call.request.pairs if name == "identifier"]
    patient_id = call.id if "id" in call.named else None
    if len(identifiers) > 1 or (identifiers and patient_id is not None):
        message = "A summary is about one patient: name one, by id or by identifier."
        raise BadRequestError(message)
    made = await summaries.summary(
        call.context, call.who, call.request.trace, patient_id, identifiers[0] if identifiers else None
    )
    return FhirResponse(200, encode_tree(made))


async def validate(call: Call) -> FhirResponse:
    """$validate of what is sent, or of what stands."""
    call.only("mode", "profile")
    resource_type, resource_id = call.resource_type, call.id if "id" in call.named else None
    body = await call.request.body(may_be_empty=True) if call.request.method == "POST" else b""
    issues = await validates.validate(
        call.context, call.who, call.request.trace, call.release, resource_type, resource_id,
        validates.read_question(body or None, call.request.pairs),
    )  # fmt: skip
    return FhirResponse(200, outcome_body(call.release, issues))


async def meta(call: Call) -> FhirResponse:
    """$meta of one resource."""
    call.only()
    found = await metas.meta_of_one(
        call.context, call.who, call.request.trace, call.release, call.resource_type, call.id
    )
    return FhirResponse(200, meta_parameters(found))


async def meta_of_many(call: Call) -> FhirResponse:
    """$meta of a type, or of everything, in one record."""
    call.only("patient")
    resource_type = call.resource_type if "type" in call.named else None
    found = await metas.meta_of_many(
        call.context, call.who, call.request.trace, call.release, resource_type, patient_id=call.patient_id
    )
    return FhirResponse(200, meta_parameters(found))


async def meta_add(call: Call) -> FhirResponse:
    """$meta-add."""
    return await _change_meta(call, adds=True)


async def meta_delete(call: Call) -> FhirResponse:
    """$meta-delete."""
    return await _change_meta(call, adds=False)


async def _change_meta(call: Call, *, adds: bool) -> FhirResponse:
    call.nothing_asked()
    written = await single.change_meta(
        call.context, call.who, call.request.trace, call.release, call.resource_type, call.id, await call.request.body(),
        adds=adds, conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    headers = [*version_headers(written.version), (b"regie-seq", str(written.version.seq).encode())]
    return FhirResponse(200, meta_parameters(written.version.tree()["meta"]), headers)


async def delta(call: Call) -> FhirResponse:
    """$delta."""
    call.only("since", "_count", "patient", "consents")
    count = max(1, call.number("_count", deltas.DELTA_COUNT, call.context.limits.page_size_max))
    since = call.number("since", 0, SEQ_MAX)
    found = await deltas.delta(
        call.context, call.who, call.request.trace, call.release,
        since=since, count=count, patient_id=call.patient_id,
        consents=call.number("consents", 0, SEQ_MAX) if call.one("consents") is not None else None,
    )  # fmt: skip
    extra = "".join(f"&{query_text([pair])}" for pair in call.request.pairs if pair[0] in ("_count", "patient"))
    extra += call.kept
    asked = "".join(f"&{query_text([pair])}" for pair in call.request.pairs if pair[0] == "consents")
    body = delta_bundle(call.base, call.release, f"{call.base}/$delta", since, found, extra, asked)
    return FhirResponse(200, body, [(b"regie-seq", str(found.until).encode())])
