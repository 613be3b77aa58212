"""URL and method -> interaction. The one list of what there is below a FHIR base.

The access tests walk this list: a route without a row in their matrix fails them.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from app.errors import MethodNotAllowedError, NotFoundError, RegieError, UnknownOperationError
from app.rest import access_requests, audit_events, bundles, exports, handlers, operations, terminology
from app.rest.call import Handler


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below the base.

    ``{type}`` is a resource type, ``{owner}`` one that has compartments, ``{id}`` and ``{version}`` are ids, ``{name}`` is that
    of a file. ``interaction`` is what the log calls it. ``open`` says that it can be had without a token, and has no entry there.
    What does not pass the gate, or not always, has its token looked up anew: nobody looks at it again.
    """

    method: str
    path: str
    handler: Handler
    interaction: str = ""
    open: bool = False
    passes_gate: bool = True
    parts: tuple[str, ...] = field(init=False)
    """The segments of the path."""
    named: tuple[tuple[str, int], ...] = field(init=False)
    """The names of those that are not written out, and the place of each."""

    def __post_init__(self) -> None:
        parts = tuple(part for part in self.path.split("/") if part)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "named", tuple((part[1:-1], at) for at, part in enumerate(parts) if part[0] == "{"))


ROUTES = (
    Route("GET", "/metadata", handlers.metadata, open=True),
    Route("GET", "/.well-known/smart-configuration", handlers.smart_configuration, open=True),
    Route("POST", "/", bundles.bundle, "batch", passes_gate=False),
    Route("GET", "/", handlers.search_of_types, "search-system"),
    Route("POST", "/_search", handlers.search_of_types_by_post, "search-system"),
    Route("GET", "/$delta", operations.delta, "operation-delta"),
    Route("GET", "/_history", handlers.history_of_many, "history-system"),
    Route("GET", "/AuditEvent", audit_events.audit_events, "log"),
    Route("POST", "/AuditEvent/_search", audit_events.audit_events_by_post, "log"),
    Route("GET", "/AuditEvent/{id}", audit_events.audit_event, "log"),
    Route("GET", "/AuditEvent/{id}/$receipt", audit_events.receipt, "operation-receipt"),
    Route("GET", "/$export", exports.of_system, "operation-export"),
    Route("POST", "/$export", exports.of_system, "operation-export"),
    Route("GET", "/Patient/$export", exports.of_patients, "operation-export"),
    Route("POST", "/Patient/$export", exports.of_patients, "operation-export"),
    Route("GET", "/Group/{id}/$export", exports.of_group, "operation-export"),
    Route("POST", "/Group/{id}/$export", exports.of_group, "operation-export"),
    Route("GET", "/$export/{id}", exports.status, "operation-export", passes_gate=False),
    Route("DELETE", "/$export/{id}", exports.cancel, "operation-export"),
    Route("GET", "/$export/{id}/{name}", exports.file, "operation-export", passes_gate=False),
    Route("GET", "/Observation/$lastn", operations.lastn, "operation-lastn"),
    Route("GET", "/Patient/$everything", operations.everything, "operation-everything"),
    Route("GET", "/Patient/{id}/$everything", operations.everything, "operation-everything"),
    Route("GET", "/Patient/{id}/$as-seen-by", operations.as_seen_by, "operation-as-seen-by"),
    Route(
        "POST",
        "/Consent/$request-access",
        operations.posted(access_requests.request_access),
        "operation-request-access",
    ),
    Route("GET", "/Consent/$access-requests", access_requests.access_requests, "operation-access-requests"),
    Route("GET", "/Patient/$summary", operations.summary, "operation-summary"),
    Route("GET", "/Patient/{id}/$summary", operations.summary, "operation-summary"),
    Route("POST", "/Patient/$summary", operations.posted(operations.summary), "operation-summary"),
    Route("POST", "/Patient/{id}/$summary", operations.posted(operations.summary), "operation-summary"),
    Route("POST", "/$delta", operations.posted(operations.delta), "operation-delta"),
    Route("POST", "/Observation/$lastn", operations.posted(operations.lastn), "operation-lastn"),
    Route("POST", "/Patient/$everything", operations.posted(operations.everything), "operation-everything"),
    Route("POST", "/Patient/{id}/$everything", operations.posted(operations.everything), "operation-everything"),
    Route("POST", "/Patient/{id}/$as-seen-by", operations.posted(operations.as_seen_by), "operation-as-seen-by"),
    Route("POST", "/{type}/$validate", operations.validate, "operation-validate"),
    Route("GET", "/{type}/{id}/$validate", operations.validate, "operation-validate"),
    Route("POST", "/{type}/{id}/$validate", operations.validate, "operation-validate"),
    Route("GET", "/$meta", operations.meta_of_many, "operation-meta"),
    Route("GET", "/{type}/$meta", operations.meta_of_many, "operation-meta"),
    Route("GET", "/{type}/{id}/$meta", operations.meta, "operation-meta"),
    Route("POST", "/$meta", operations.posted(operations.meta_of_many), "operation-meta"),
    Route("POST", "/{type}/$meta", operations.posted(operations.meta_of_many), "operation-meta"),
    Route("POST", "/{type}/{id}/$meta", operations.posted(operations.meta), "operation-meta"),
    Route("POST", "/{type}/{id}/$meta-add", operations.meta_add, "operation-meta-add"),
    Route("POST", "/{type}/{id}/$meta-delete", operations.meta_delete, "operation-meta-delete"),
    Route("GET", "/ValueSet/$expand", terminology.expand, "operation-expand", passes_gate=False),
    Route("POST", "/ValueSet/$expand", terminology.expand, "operation-expand", passes_gate=False),
    Route(
        "GET",
        "/ValueSet/$validate-code",
        terminology.validate_code_in_value_set,
        "operation-validate-code",
        passes_gate=False,
    ),
    Route(
        "POST",
        "/ValueSet/$validate-code",
        terminology.validate_code_in_value_set,
        "operation-validate-code",
        passes_gate=False,
    ),
    Route(
        "GET",
        "/CodeSystem/$validate-code",
        terminology.validate_code_in_system,
        "operation-validate-code",
        passes_gate=False,
    ),
    Route(
        "POST",
        "/CodeSystem/$validate-code",
        terminology.validate_code_in_system,
        "operation-validate-code",
        passes_gate=False,
    ),
    Route("GET", "/CodeSystem/$lookup", terminology.lookup, "operation-lookup", passes_gate=False),
    Route("POST", "/CodeSystem/$lookup", terminology.lookup, "operation-lookup", passes_gate=False),
    Route("GET", "/CodeSystem/$subsumes", terminology.subsumes, "operation-subsumes", passes_gate=False),
    Route("POST", "/CodeSystem/$subsumes", terminology.subsumes, "operation-subsumes", passes_gate=False),
    Route("POST", "/{type}/_search", handlers.search_by_post, "search-type"),
    Route("GET", "/{type}", handlers.search, "search-type"),
    Route("POST", "/{type}", handlers.create, "create"),
    Route("PUT", "/{type}", handlers.update_matching, "update"),
    Route("PATCH", "/{type}", handlers.patch_matching, "patch"),
    Route("DELETE", "/{type}", handlers.delete_matching, "delete"),
    Route("GET", "/{type}/{id}", handlers.read, "read"),
    Route("PUT", "/{type}/{id}", handlers.update, "update"),
    Route("PATCH", "/{type}/{id}", handlers.patch, "patch"),
    Route("DELETE", "/{type}/{id}", handlers.delete, "delete"),
    Route("GET", "/{type}/_history", handlers.history_of_many, "history-type"),
    Route("GET", "/{type}/{id}/_history", handlers.history, "history-instance"),
    Route("GET", "/{type}/{id}/_history/{version}", handlers.vread, "vread"),
    Route("GET", "/{owner}/{id}/*", handlers.search_of_types, "search-system"),
    Route("POST", "/{owner}/{id}/*/_search", handlers.search_of_types_by_post, "search-system"),
    Route("GET", "/{owner}/{id}/{type}", handlers.search, "search-type"),
    Route("POST", "/{owner}/{id}/{type}/_search", handlers.search_by_post, "search-type"),
)


_WRITTEN = frozenset(part for route in ROUTES for part in route.parts if part[0] != "{")
_LONGEST = max(len(route.parts) for route in ROUTES)


def match(method: str, parts: list[str]) -> tuple[Route, dict[str, str]]:
    """Return the route for a request and the parts of its path by name.

    Raises: NotFoundError, when no path is like this; MethodNotAllowedError, when the path is there with other methods;
    UnknownOperationError.
    """
    routes = _by_shape(_shape(parts))
    found = routes.get("GET" if method == "HEAD" else method)
    if found is None:
        raise _refusal(method, parts, routes)
    return found, {name: parts[place] for name, place in found.named}


def methods(parts: list[str]) -> list[str]:
    """Return the methods that a path can be asked with, for the header Allow."""
    found = _by_shape(_shape(parts))
    return sorted({*found, *(("HEAD",) if "GET" in found else ())})


def _shape(parts: list[str]) -> tuple[str, ...]:
    """Return what of a path makes a difference to which route it is: shapes are small, so that nobody fills the memory."""
    # A list first: a generator takes twice as long, and each request comes here.
    return tuple([part if part in _WRITTEN else part[0] if part[0] in "$_" else "" for part in parts[: _LONGEST + 1]])


def _refusal(method: str, parts: list[str], routes: dict[str, Route]) -> RegieError:
    """Return why there is no such route, in words that tell a client's author what to do instead."""
    if any(part[0] == "$" for part in parts):
        return UnknownOperationError("This server does not have this operation here.")
    if routes and parts[-1:] == ["_search"]:
        return MethodNotAllowedError(
            f"{method} can't be done here. A search is POST with its parameters as a form, or GET without _search in the address."
        )
    if routes:
        return MethodNotAllowedError(f"{method} can't be done here.")
    return NotFoundError("There is nothing at this address.")


@lru_cache(maxsize=1024)
def _by_shape(shape: tuple[str, ...]) -> dict[str, Route]:
    """Return the routes that a path of this shape can be, by method; of two, the one that stands first above."""
    found: dict[str, Route] = {}
    for route in ROUTES:
        if len(route.parts) == len(shape) and all(map(_fits, route.parts, shape)):
            found.setdefault(route.method, route)
    return found


def _fits(wanted: str, given: str) -> bool:
    """Return whether a segment can be what a route wants there; operations and ``_history`` are no ids."""
    return given == wanted or (wanted[0] == "{" and given[:1] not in {"$", "_"})
