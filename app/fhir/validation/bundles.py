"""A batch or transaction, taken apart: what each entry asks, and its resource as it was sent.

Spec: https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/STU3/http.html#transaction
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from app.errors import InvalidResourceError, MalformedError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.issues import ISSUES_MAX
from app.fhir.validation.structure import DEPTH_MAX, check, decode


class ParsedEntry(msgspec.Struct, frozen=True):
    """One entry; ``resource`` is not validated yet, None if there is none. Absent parts of the request are None.

    ``plain_tree`` is the resource decoded, as it was with the Bundle, if the bytes of that are plain.
    """

    index: int
    full_url: str | None
    method: str
    url: str
    if_none_exist: str | None
    if_match: str | None
    if_none_match: str | None
    if_modified_since: str | None
    resource: bytes | None
    plain_tree: dict[str, Any] | None

    @property
    def location(self) -> str:
        """Return where the resource stands, for ``parse(..., location=...)``."""
        return f"Bundle.entry[{self.index}].resource"


@dataclass(frozen=True, slots=True)
class ParsedBundle:
    """A batch or transaction; ``type`` tells which, ``entries`` may be empty."""

    type: str
    entries: list[ParsedEntry]


class _Entry(msgspec.Struct):
    resource: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_BUNDLE = msgspec.json.Decoder(_Bundle)


def parse_bundle(release: Release, body: bytes) -> ParsedBundle:
    """Return the entries of a batch or transaction. The Bundle is valid; the resources in it are not looked at yet.

    Raises: MalformedError (not JSON, not a Bundle of these two types), InvalidResourceError (the Bundle's own faults).
    """
    tree = decode(body)
    if tree.get("resourceType") != "Bundle" or tree.get("type") not in ("batch", "transaction"):
        message = "The body must be a Bundle of type batch or transaction."
        raise MalformedError([Issue("error", "invalid", message, "Bundle.type")])
    # A resource stands three levels deep in a Bundle and has DEPTH_MAX levels of its own.
    is_plain = check(release, body, tree, maximum_depth=DEPTH_MAX + 3, skip_entry_resources=True)
    entries = tree.get("entry", [])
    missing = [index for index, entry in enumerate(entries) if not entry.get("request", {}).keys() >= {"method", "url"}]
    if missing:
        message = "Every entry of a batch or transaction needs a request with a method and a url."
        places = [f"Bundle.entry[{index}].request" for index in missing[:ISSUES_MAX]]
        raise InvalidResourceError([Issue("error", "required", message, place) for place in places])
    bodies = _BUNDLE.decode(body).entry
    return ParsedBundle(
        tree["type"], [_entry(index, entries[index], raw, is_plain=is_plain) for index, raw in enumerate(bodies)]
    )


def _entry(index: int, entry: dict[str, Any], raw: _Entry, *, is_plain: bool) -> ParsedEntry:
    request, resource = entry["request"], entry.get("resource")
    return ParsedEntry(
        index=index,
        full_url=entry.get("fullUrl"),
        method=request["method"],
        url=request["url"],
        if_none_exist=request.get("ifNoneExist"),
        if_match=request.get("ifMatch"),
        if_none_match=request.get("ifNoneMatch"),
        if_modified_since=request.get("ifModifiedSince"),
        resource=None if isinstance(raw.resource, msgspec.UnsetType) else bytes(raw.resource),
        plain_tree=resource if is_plain and isinstance(resource, dict) else None,
    )
