"""What each route does: typed values in, an interaction, a response out. No handler decides who may do what."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from app.access.requester import Requester
from app.audit.audit_event import audit_event_tree
from app.errors import BadRequestError, MediaTypeError, NotFoundError, NotSupportedError
from app.fhir.dates import Interval, interval
from app.fhir.instants import instant_text
from app.fhir.patch.reading import PatchForm
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.structure import is_resource_type
from app.interactions import bundle as bundles
from app.interactions import history as histories
from app.interactions import log, single
from app.interactions import read as reads
from app.interactions import search as searches
from app.interactions.context import Context, Stored
from app.interactions.history import SEQ_MAX, HistoryWindow
from app.interactions.operations import delta as deltas
from app.interactions.operations import everything as everythings
from app.interactions.operations import lastn as lastns
from app.interactions.operations import meta as metas
from app.interactions.operations import validate as validates
from app.rest.capabilities import capability_statement
from app.rest.outcome import outcome_body
from app.rest.parameters import parameter_pairs
from app.rest.request import FhirRequest, read_pairs
from app.rest.response import (
    FhirResponse,
    bundle_response,
    delta_bundle,
    everything_bundle,
    history_bundle,
    meta_parameters,
    query_text,
    searchset,
    version_headers,
    written_response,
)

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Call:
    """A request on its way to its handler: what came, who asks, and the named parts of the path."""

    context: Context
    request: FhirRequest
    requester: Requester | None
    named: dict[str, str]
    smart_configuration: dict[str, object]

    @property
    def release(self) -> Release:
        """The release of the base."""
        return self.request.release

    @property
    def base(self) -> str:
        """The base URL."""
        return self.context.fhir_base(self.request.release)

    @property
    def who(self) -> Requester:
        """The requester; a route that is not open has one."""
        if self.requester is None:
            message = "This route was reached without a token."
            raise RuntimeError(message)
        return self.requester

    @property
    def resource_type(self) -> str:
        """The resource type in the path. Raises: NotSupportedError."""
        name = self.named["type"]
        if not is_resource_type(self.release, name) or name in NOT_KEPT:
            message = "This server does not have this resource type."
            raise NotSupportedError(message)
        return name

    @property
    def id(self) -> str:
        """The id in the path. Raises: NotFoundError, for what is no id at all."""
        resource_id = self.named["id"]
        if _ID.fullmatch(resource_id) is None:
            message = "This is not a resource id."
            raise NotFoundError(message)
        return resource_id

    @property
    def kept(self) -> str:
        """What links to further pages keep of the query: ``&_format=...``, or nothing."""
        return "".join(f"&{query_text([pair])}" for pair in self.request.pairs if pair[0] == "_format")

    def number(self, name: str, default: int, most: int) -> int:
        """Return a parameter that is a whole number from 0 to ``most``. Raises: BadRequestError."""
        given = [value for key, value in self.request.pairs if key == name]
        if not given:
            return default
        if len(given) > 1 or not re.fullmatch(r"[0-9]{1,18}", given[0]):
            message = f"{name} takes one whole number."
            raise BadRequestError(message)
        return min(int(given[0]), most)

    def one(self, name: str) -> str | None:
        """Return a parameter that may be given once, None if it is absent. Raises: BadRequestError."""
        given = [value for key, value in self.request.pairs if key == name]
        if len(given) > 1:
            message = f"{name} may be given once."
            raise BadRequestError(message)
        return given[0] if given else None

    def moment(self, name: str) -> Interval | None:
        """Return the first and last microsecond of a parameter that is a date or time. Raises: BadRequestError."""
        given = self.one(name)
        if given is None:
            return None
        try:
            return interval(given, self.context.time_zone)
        except ValueError as error:
            message = f"{name} takes a date or time, such as 2026-11-25 or 2026-11-25T09:30:00Z; a + is written %2B."
            raise BadRequestError(message) from error

    @property
    def page_size(self) -> int:
        """How many entries a page has: ``_count``, within the limits."""
        limits = self.context.limits
        return max(1, self.number("_count", limits.page_size_default, limits.page_size_max))

    @property
    def patient_id(self) -> str | None:
        """The id in the parameter ``patient``, None if it is absent."""
        given = self.one("patient")
        return None if given is None else given.removeprefix("Patient/")

    def only(self, *names: str) -> None:
        """Refuse parameters other than these. Raises: BadRequestError."""
        for name, _ in self.request.pairs:
            if name not in (*names, "_format", "_pretty") and not self.request.lenient:
                message = (
                    f"This takes no other parameters than {', '.join(names)}." if names else "This takes no parameters."
                )
                raise BadRequestError(message)

    @property
    def condition(self) -> str:
        """The query as the condition of a write, without what says how to answer."""
        return urlencode([pair for pair in self.request.pairs if pair[0] not in ("_format", "_pretty")])

    def nothing_asked(self) -> None:
        """Refuse parameters on a write: passed over, a condition would be one that nobody checked.

        Raises: BadRequestError.
        """
        if any(name not in ("_format", "_pretty") for name, _ in self.request.pairs):
            message = "This takes no parameters; the condition of a create goes into the header If-None-Exist."
            raise BadRequestError(message)


Handler = Callable[[Call], Awaitable[FhirResponse]]


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
    call.only()
    version = await reads.read(call.context, call.who, call.request.trace, call.release, call.resource_type, call.id)
    headers = version_headers(version)
    if call.request.has_version(headers[0][1].decode(), version.last_updated):
        return FhirResponse(304, b"", headers)
    return FhirResponse(200, version.body, headers)


async def vread(call: Call) -> FhirResponse:
    """Read of one version."""
    call.only()
    version = await reads.vread(
        call.context, call.who, call.request.trace, call.release, call.resource_type, call.id, call.named["version"]
    )
    return FhirResponse(200, version.body, version_headers(version))


def history_window(call: Call) -> HistoryWindow:
    """Return what ``_since``, ``_at`` and the ``_before`` of a next link ask for. Raises: BadRequestError."""
    since = call.moment("_since")
    at = call.moment("_at")
    before = call.number("_before", SEQ_MAX, SEQ_MAX)
    return HistoryWindow(before, since[0] if since else 0, *(at or (None, None)))


async def history(call: Call) -> FhirResponse:
    """History of one resource, newest first."""
    call.only("_count", "_before", "_since", "_at")
    resource_type, resource_id, count = call.resource_type, call.id, call.page_size
    versions, more = await histories.history_of_one(
        call.context, call.who, call.request.trace, call.release, resource_type, resource_id,
        window=history_window(call), count=count,
    )  # fmt: skip
    return _history_page(call, f"{call.base}/{resource_type}/{resource_id}/_history", versions, count, more=more)


async def history_of_many(call: Call) -> FhirResponse:
    """History of a type, or of everything, in one record."""
    call.only("_count", "_before", "_since", "_at", "patient")
    resource_type, count = call.resource_type if "type" in call.named else None, call.page_size
    versions, more = await histories.history_of_many(
        call.context, call.who, call.request.trace, call.release, resource_type,
        patient_id=call.patient_id, window=history_window(call), count=count,
    )  # fmt: skip
    url = f"{call.base}/{resource_type}/_history" if resource_type else f"{call.base}/_history"
    return _history_page(call, url, versions, count, more=more)


def _history_page(call: Call, url: str, versions: list[Stored], count: int, *, more: bool) -> FhirResponse:
    query = query_text(call.request.pairs)
    links = [("self", f"{url}?{query}" if query else url)]
    if more:
        kept = [pair for pair in call.request.pairs if pair[0] not in ("_count", "_before")]
        following = [*kept, ("_count", str(count)), ("_before", str(versions[-1].seq))]
        links.append(("next", f"{url}?{query_text(following)}"))
    return FhirResponse(200, history_bundle(call.base, call.release, links, versions))


async def search(call: Call) -> FhirResponse:
    """Search by GET."""
    return await _search(call, call.request.pairs)


async def search_by_post(call: Call) -> FhirResponse:
    """Search by POST: a form, so that what is looked for is in no log of an address."""
    given = (call.request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if given != "application/x-www-form-urlencoded":
        message = "_search takes application/x-www-form-urlencoded."
        raise MediaTypeError(message)
    call.request.add_pairs(read_pairs((await call.request.raw_body()).decode("latin-1")))
    call.request.wanted_format()  # the form may have named another, or one that is not known
    return await _search(call, call.request.pairs)


async def _search(call: Call, pairs: list[tuple[str, str]]) -> FhirResponse:
    page = await searches.search(
        call.context,
        call.who,
        call.request.trace,
        call.release,
        call.resource_type,
        pairs,
        lenient=call.request.lenient,
        patient_id=call.id if "id" in call.named else None,
    )
    return FhirResponse(200, searchset(call.base, call.release, page))


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
    page = await lastns.lastn(
        call.context, call.who, call.request.trace, call.release, call.request.pairs, lenient=call.request.lenient
    )
    return FhirResponse(200, searchset(call.base, call.release, page))


async def everything(call: Call) -> FhirResponse:
    """Patient/$everything and Patient/[id]/$everything."""
    call.only("_count", "_after", "_since", "_type", "start", "end")
    patient_id = call.id if "id" in call.named else None
    asked = call.number("_count", 0, everythings.EVERYTHING_MAX)
    after = call.number("_after", 0, SEQ_MAX)
    versions, following = await everythings.everything(
        call.context, call.who, call.request.trace, call.release, patient_id,
        narrowing=_narrowing(call), after=after, count=asked or None,
    )  # fmt: skip
    url = f"{call.base}/Patient/{f'{patient_id}/' if patient_id else ''}$everything"
    kept = "".join(f"&{query_text([pair])}" for pair in call.request.pairs if pair[0] not in ("_count", "_after"))
    next_url = f"{url}?_count={asked}&_after={following}{kept}" if following is not None else None
    query = query_text(call.request.pairs)
    return FhirResponse(200, everything_bundle(call.base, f"{url}?{query}" if query else url, versions, next_url))


def _narrowing(call: Call) -> everythings.Narrowing:
    """Return the part of everything that the parameters ask for. Raises: BadRequestError."""
    named = [name for key, value in call.request.pairs if key == "_type" for name in value.split(",")]
    if not all(is_resource_type(call.release, name) for name in named):
        message = "_type takes resource types that this server has, with commas between them."
        raise BadRequestError(message)
    since, start, end = (call.moment(name) for name in ("_since", "start", "end"))
    return everythings.Narrowing(
        frozenset(named) if named else None,
        since[0] if since else 0,
        start[0] if start else None,
        end[1] if end else None,
    )


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
    call.only("since", "_count", "patient")
    count = max(1, call.number("_count", deltas.DELTA_COUNT, call.context.limits.page_size_max))
    since = call.number("since", 0, SEQ_MAX)
    found = await deltas.delta(
        call.context, call.who, call.request.trace, call.release,
        since=since, count=count, patient_id=call.patient_id,
    )  # fmt: skip
    extra = "".join(f"&{query_text([pair])}" for pair in call.request.pairs if pair[0] in ("_count", "patient"))
    extra += call.kept
    body = delta_bundle(call.base, call.release, f"{call.base}/$delta", since, found, extra)
    return FhirResponse(200, body, [(b"regie-seq", str(found.until).encode())])


async def create(call: Call) -> FhirResponse:
    """Create, also conditional."""
    call.nothing_asked()
    resource_type = call.resource_type
    written = await single.create(
        call.context, call.who, call.request.trace, call.release, resource_type, await call.request.body(),
        conditions=call.request.conditions, idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return written_response(call.base, call.release, written, call.request.wanted_return)


async def update(call: Call) -> FhirResponse:
    """Update, or create under a chosen id."""
    call.nothing_asked()
    resource_type, resource_id = call.resource_type, call.id
    written = await single.update(
        call.context, call.who, call.request.trace, call.release, resource_type, resource_id, await call.request.body(),
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
    body = await (call.request.body() if form is PatchForm.FHIRPATH else call.request.raw_body())
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


async def bundle(call: Call) -> FhirResponse:
    """Batch and transaction."""
    call.nothing_asked()
    answer = await bundles.bundle(
        call.context, call.who, call.request.trace, call.release, await call.request.body(),
        idempotency_key=call.request.idempotency_key,
    )  # fmt: skip
    return bundle_response(call.base, call.release, answer, call.request.wanted_return)


async def audit_events(call: Call) -> FhirResponse:
    """Who looked at the record, newest first, as AuditEvents."""
    call.only("_count", "_cursor")
    count = max(1, call.number("_count", 50, log.LOG_PAGE_MAX))
    page = await log.log_of(call.context, call.who, call.request.trace, call.one("_cursor"), count)
    url = f"{call.base}/AuditEvent"
    links = [{"relation": "self", "url": f"{url}?{query_text(call.request.pairs)}".rstrip("?")}]
    if page.next is not None:
        links.append({"relation": "next", "url": f"{url}?_count={count}&_cursor={page.next}{call.kept}"})
    tree: dict[str, object] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if page.entries:
        tree["entry"] = [
            {
                "fullUrl": f"{url}/{entry.n}",
                "resource": audit_event_tree(call.release, entry, instant_text(entry.event.instant)),
                "search": {"mode": "match"},
            }
            for entry in page.entries
        ]
    return FhirResponse(200, _encode(tree))


async def audit_event(call: Call) -> FhirResponse:
    """One AuditEvent."""
    call.only()
    if re.fullmatch(r"[0-9]{1,18}", call.named["id"]) is None:
        message = "This AuditEvent is not known."
        raise NotFoundError(message)
    entry = await log.log_entry(call.context, call.who, call.request.trace, int(call.named["id"]))
    return FhirResponse(200, _encode(audit_event_tree(call.release, entry, instant_text(entry.event.instant))))
