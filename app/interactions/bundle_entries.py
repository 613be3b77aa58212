"""The entries of a batch or transaction on their way: what each asks, and what is wrong with it before anything is done."""

from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import unquote

from app.access.smart_scope import Action
from app.errors import (
    BadRequestError,
    InvalidResourceError,
    MethodNotAllowedError,
    NotSupportedError,
    RegieError,
    TooLargeError,
)
from app.fhir.issues import Issue
from app.fhir.patch.json_patch import Patch
from app.fhir.patch.reading import PatchForm, read_patch
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.bundles import ParsedBundle, ParsedEntry, parse_bundle
from app.fhir.validation.primitives import is_valid
from app.fhir.validation.structure import Parsed, is_resource_type, parse
from app.interactions.context import Context
from app.interactions.repeat import issues_of
from app.interactions.sound import FromSource
from app.store.resources import Stored

ACTIONS = {"DELETE": Action.DELETE, "PUT": Action.UPDATE, "PATCH": Action.UPDATE}
"""What is done by the methods that change what stands."""
_METHODS = frozenset({"GET", "HEAD", "POST", *ACTIONS})


@dataclass(slots=True)
class Entry:
    """One entry on its way: what was asked, its resource once read, the id it gets, and what became of it.

    ``looks`` says that it is none of the changes that are done together: it looks, or it calls an operation.
    ``fault`` is what is wrong with the entry itself: nothing is done then. Where the URL has a ``condition`` instead of an id,
    ``found`` is what it found, once ``is_looked_up``. The ``outcome`` is a ``Written`` or a ``RegieError``, or what the answer to
    a look is.
    """

    asked: ParsedEntry
    method: str
    looks: bool
    resource_type: str = ""
    resource_id: str | None = None
    query: str = ""
    condition: str | None = None
    is_looked_up: bool = False
    found: Stored | None = None
    parsed: Parsed | None = None
    sound: FromSource | None = None
    patch: Patch | None = None
    made_id: str | None = None
    fault: RegieError | None = None
    outcome: object = None

    @property
    def location(self) -> str:
        """Where its resource stands in the Bundle."""
        return self.asked.location

    @property
    def deed(self) -> str:
        """What the log calls it."""
        return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(self.method, "operation")

    @property
    def known_id(self) -> str | None:
        """The id of the resource that it is about, None if it is new, or not looked up yet."""
        return self.found.id if self.found is not None else self.resource_id

    @property
    def makes_new(self) -> bool:
        """Whether it makes a resource whose id the server chooses."""
        return self.method == "POST" or (self.method == "PUT" and self.is_looked_up and self.known_id is None)


@dataclass(slots=True)
class BundleAnswer:
    """What became of each entry, in the order in which they came; ``repeated`` says that the Bundle had been here before."""

    type: str
    entries: list[Entry] = field(default_factory=list)
    repeated: bool = False


def prepare(context: Context, release: Release, body: bytes) -> BundleAnswer:
    """Return the entries with their resources read; a transaction with a faulty one is refused as a whole."""
    asked: ParsedBundle = parse_bundle(release, body)
    if len(asked.entries) > context.limits.bundle_entries_max:
        message = f"A Bundle may have {context.limits.bundle_entries_max} entries here."
        raise TooLargeError(message)
    answer = BundleAnswer(asked.type)
    issues: list[Issue] = []
    for one in asked.entries:
        entry = Entry(one, one.method, _looks(one))
        answer.entries.append(entry)
        try:
            _read_entry(context, release, entry)
        except RegieError as error:
            entry.outcome = entry.fault = error
            issues += issues_of(error)
    if asked.type == "transaction":
        if issues:
            raise InvalidResourceError(issues[:50])
        refuse_twice(answer.entries)
    return answer


def _looks(asked: ParsedEntry) -> bool:
    if asked.method == "POST":
        path = f"/{asked.url.partition('?')[0]}"
        return "/$" in path or "/_" in path
    return asked.method in {"GET", "HEAD"}


def _read_entry(context: Context, release: Release, entry: Entry) -> None:
    """Fill in what the entry asks and its resource. Raises: RegieError, with the place in the Bundle."""
    place = f"Bundle.entry[{entry.asked.index}].request"
    if entry.method not in _METHODS:
        message = f"{entry.method} can't be done in a Bundle here."
        raise MethodNotAllowedError(message, expression=f"{place}.method")
    if entry.looks:
        return
    parts, entry.query = address(context, release, entry)
    name = parts[0] if parts else ""
    if not is_resource_type(release, name) or name in NOT_KEPT:
        message = "The URL has to begin with a resource type that this server has."
        raise NotSupportedError(message, expression=f"{place}.url")
    entry.resource_type = name
    if len(parts) > 1:
        if not is_valid("id", parts[1]):
            message = "The second part of the URL is not a resource id."
            raise BadRequestError(message, expression=f"{place}.url")
        entry.resource_id = parts[1]
    by_condition = len(parts) == 1 and bool(entry.query) and entry.method in ACTIONS
    expected = {"POST": 1, "PUT": 2, "PATCH": 2, "DELETE": 2}.get(entry.method)
    if by_condition:
        entry.condition = entry.query
    elif expected is not None and (len(parts) != expected or entry.query):
        message = (
            f"The URL of a {entry.method} takes the form {'Type' if expected == 1 else 'Type/id or Type?condition'}."
        )
        raise BadRequestError(message, expression=f"{place}.url")
    if entry.method in ("POST", "PUT", "PATCH") and entry.asked.resource is None:
        message = f"A {entry.method} needs a resource."
        raise InvalidResourceError([Issue("error", "required", message, entry.location)])
    if entry.method == "PATCH" and entry.asked.resource is not None:
        entry.patch = _read_patch(context, release, entry.asked.resource, entry.location)
    if entry.method in ("POST", "PUT") and entry.asked.resource is not None:
        entry.parsed = parse(
            release,
            entry.asked.resource,
            expected_type=entry.resource_type,
            location=entry.location,
            maximum_depth=context.limits.body_depth_max,
            plain_tree=entry.asked.plain_tree,
        )


def address(context: Context, release: Release, entry: Entry) -> tuple[list[str], str]:
    """Return the segments of the entry's URL below the base, and its query."""
    path, _, query = entry.asked.url.removeprefix(f"{context.fhir_base(release)}/").partition("?")
    return [unquote(part) for part in path.split("/") if part], query


def _read_patch(context: Context, release: Release, resource: bytes, location: str) -> Patch:
    """Return the patch in an entry's resource: Parameters, or a Binary that holds a JSON Patch or merge patch.

    Raises: RegieError, with the place in the Bundle.
    """
    sent = parse(release, resource, location=location, maximum_depth=context.limits.body_depth_max).tree
    try:
        if sent["resourceType"] == "Parameters":
            return read_patch(release, PatchForm.FHIRPATH, resource)
        if sent["resourceType"] == "Binary" and sent.get("contentType") in (PatchForm.JSON, PatchForm.MERGE):
            return read_patch(
                release, PatchForm(sent["contentType"]), b64decode(sent.get("data", sent.get("content", "")))
            )
    except BadRequestError as error:
        error.expression = location
        raise
    message = "A PATCH takes Parameters, or a Binary whose contentType is that of a JSON Patch or a merge patch."
    raise BadRequestError(message, expression=location)


def refuse_twice(entries: list[Entry]) -> None:
    """Refuse a transaction that changes one resource more than once, or names two entries alike."""
    seen: set[str] = set()
    for entry in entries:
        names = []
        if entry.method in ACTIONS and entry.known_id is not None:
            names.append(f"{entry.resource_type}/{entry.known_id}")
        if entry.asked.full_url and entry.method in ("POST", "PUT"):
            names.append(entry.asked.full_url)
        for name in names:
            if name in seen:
                message = "A transaction may name a resource only once."
                raise InvalidResourceError([Issue("error", "invalid", message, f"Bundle.entry[{entry.asked.index}]")])
            seen.add(name)
