"""What each route does: typed values in, an interaction, a response out. No handler decides who may do what."""

from codecs import BOM_UTF8
from dataclasses import replace

import msgspec

from app.fhir.patch.reading import PatchForm
from app.fhir.search.subset import Shown
from app.interactions import both as boths
from app.interactions import history as histories
from app.interactions import read as reads
from app.interactions import search as searches
from app.interactions import search_of_types as searches_of_types
from app.interactions import single
from app.interactions.context import Stored
from app.interactions.history import SEQ_MAX, HistoryWindow
from app.interactions.translated import RELEASES
from app.rest.call import PARTS, Call
from app.rest.capabilities import capability_statement
from app.rest.files import as_binary, holds_file
from app.rest.response import (
    FhirResponse,
    etag,
    history_bundle,
    query_text,
    searchset,
    version_response,
    written_response,
)

_encode = msgspec.json.Encoder().encode


async def metadata(call: Call) -> FhirResponse:
    """CapabilityStatement."""
    form = call.request.wanted_format()
    body = capability_statement(call.context, call.release, form)
    return FhirResponse(200, body, [(b"content-type", form.content_type)])


async def smart_configuration(call: Call) -> FhirResponse:
    """SMART discovery below the base."""
    return FhirResponse(200, _encode(call.smart_configuration), [(b"content-type", b"application/json")])


async def read(call: Call) -> FhirResponse:
    """Read; 304 where the caller has this version."""
    call.only(RELEASES, *PARTS)
    shown = call.shown
    reading = boths.read if call.both_releases else reads.read
    version = await reading(call.context, call.who, call.request.trace, call.release, call.resource_type, call.id)
    return _shown(call, version, shown)


async def vread(call: Call) -> FhirResponse:
    """Read of one version; 304 where the caller has it."""
    call.only(RELEASES, *PARTS)
    shown = call.shown
    reading = boths.read if call.both_releases else reads.vread
    version = await reading(
        call.context, call.who, call.request.trace, call.release, call.resource_type, call.id, call.named["version"]
    )
    return _shown(call, version, shown)


def _shown(call: Call, version: Stored, shown: Shown | None) -> FhirResponse:
    response = version_response(call.base, call.release, searches.part(version, shown, call.release))
    if call.request.has_condition and call.request.has_version(
        etag(call.release, version).removeprefix("W/"), version.last_updated
    ):
        return replace(response, status=304, body=b"")
    return response


def history_window(call: Call) -> HistoryWindow:
    """Return what ``_since``, ``_at`` and the ``_before`` of a next link ask for. Raises: BadRequestError."""
    since = call.moment("_since")
    at = call.moment("_at")
    before = call.number("_before", SEQ_MAX, SEQ_MAX)
    return HistoryWindow(before, since[0] if since else 0, *(at or (None, None)))


async def history(call: Call) -> FhirResponse:
    """History of one resource, newest first."""
    call.only("_count", "_before", "_since", "_at", *PARTS)
    resource_type, resource_id, count, shown = call.resource_type, call.id, call.page_size, call.shown
    versions, more = await histories.history_of_one(
        call.context, call.who, call.request.trace, call.release, resource_type, resource_id,
        window=history_window(call), count=count,
    )  # fmt: skip
    return _history_page(call, f"{resource_type}/{resource_id}/_history", versions, count, shown, more=more)


async def history_of_many(call: Call) -> FhirResponse:
    """History of a type, or of everything, in one record."""
    is_of_type = "type" in call.named
    call.only("_count", "_before", "_since", "_at", "patient", "_summary", *(("_elements",) if is_of_type else ()))
    resource_type, shown = call.resource_type if is_of_type else None, call.shown
    count = call.page_size
    versions, more = await histories.history_of_many(
        call.context, call.who, call.request.trace, call.release, resource_type,
        patient_id=call.patient_id, window=history_window(call), count=count,
    )  # fmt: skip
    path = f"{resource_type}/_history" if resource_type else "_history"
    return _history_page(call, path, versions, count, shown, more=more)


def _history_page(
    call: Call, path: str, versions: list[Stored], count: int, shown: Shown | None, *, more: bool
) -> FhirResponse:
    url = f"{call.base}/{path}"
    query = query_text(call.request.pairs)
    links = [("self", f"{url}?{query}" if query else url)]
    if more:
        kept = [pair for pair in call.request.pairs if pair[0] not in ("_count", "_before")]
        following = [*kept, ("_count", str(count)), ("_before", str(versions[-1].seq))]
        links.append(("next", f"{url}?{query_text(following)}"))
    return FhirResponse(
        200, history_bundle(call.base, call.release, links, [searches.part(one, shown) for one in versions])
    )


async def search(call: Call) -> FhirResponse:
    """Search by GET."""
    return await _search(call, call.request.pairs)


async def search_of_types(call: Call) -> FhirResponse:
    """Search of the types that ``_type`` names, or of a compartment."""
    page = await searches_of_types.search_of_types(
        call.context, call.who, call.request.trace, call.release, call.request.pairs,
        lenient=call.request.lenient, owner=call.owner,
    )  # fmt: skip
    return FhirResponse(200, searchset(call.base, call.release, page))


async def search_by_post(call: Call) -> FhirResponse:
    """Search by POST: a form, so that what is looked for is in no log of an address."""
    await call.request.take_form()
    return await _search(call, call.request.pairs)


async def search_of_types_by_post(call: Call) -> FhirResponse:
    """The same of several types."""
    await call.request.take_form()
    return await search_of_types(call)


async def _search(call: Call, pairs: list[tuple[str, str]]) -> FhirResponse:
    page = await boths.search(
        call.context,
        call.who,
        call.request.trace,
        call.release,
        call.resource_type,
        pairs,
        lenient=call.request.lenient,
        owner=call.owner,
    )
    return FhirResponse(200, searchset(call.base, call.release, page))


async def _written(call: Call) -> bytes:
    """Return the resource that is to be written, as JSON."""
    return await (as_binary(call.request) if holds_file(call.request) else call.request.body())


async def create(call: Call) -> FhirResponse:
    """Create, also conditional."""
    call.nothing_asked()
    resource_type = call.resource_type
    written = await single.create(
        call.context, call.who, call.request.trace, call.release, resource_type, await _written(call),
        conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)


async def update(call: Call) -> FhirResponse:
    """Update, or create under a chosen id."""
    call.nothing_asked()
    resource_type, resource_id = call.resource_type, call.id
    written = await single.update(
        call.context, call.who, call.request.trace, call.release, resource_type, resource_id, await _written(call),
        conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)


async def update_matching(call: Call) -> FhirResponse:
    """Conditional update."""
    resource_type = call.resource_type
    written = await single.update_matching(
        call.context, call.who, call.request.trace, call.release, resource_type, call.condition,
        await call.request.body(), conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)


async def patch(call: Call) -> FhirResponse:
    """Patch of one resource."""
    call.nothing_asked()
    return await _patch(call, call.resource_type, call.id, by_condition=False)


async def patch_matching(call: Call) -> FhirResponse:
    """Conditional patch."""
    return await _patch(call, call.resource_type, call.condition, by_condition=True)


async def _patch(call: Call, resource_type: str, target: str, *, by_condition: bool) -> FhirResponse:
    sent = (call.request.header(b"content-type") or "").partition(";")[0].strip().lower()
    form = PatchForm(sent) if sent in (PatchForm.JSON, PatchForm.MERGE) else PatchForm.FHIRPATH
    if form is PatchForm.FHIRPATH:
        body = await call.request.body()
    else:
        body = (await call.request.raw_body()).removeprefix(BOM_UTF8)
    written = await single.patch(
        call.context, call.who, call.request.trace, call.release, resource_type, target, form, body,
        by_condition=by_condition, conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)


async def delete(call: Call) -> FhirResponse:
    """Delete."""
    call.nothing_asked()
    written = await single.delete(
        call.context, call.who, call.request.trace, call.release, call.resource_type, call.id,
        conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)


async def delete_matching(call: Call) -> FhirResponse:
    """Conditional delete of one resource."""
    written = await single.delete_matching(
        call.context, call.who, call.request.trace, call.release, call.resource_type, call.condition,
        conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)
