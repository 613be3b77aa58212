"""Parts of a resource, as ``_summary`` and ``_elements`` ask for: cut out of the stored bytes, so that no digit changes.

What is left is marked SUBSETTED in ``meta.tag``: nobody should take it for the whole and send it back. Elements that every
resource of the type must have stay in, and what may change the meaning of the others does too.

Spec: https://hl7.org/fhir/R4/search.html#summary, https://hl7.org/fhir/STU3/search.html#summary
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Literal

import msgspec

from app.fhir.release import Release
from app.fhir.releases.definitions import definitions as structure
from app.fhir.search.definitions import definitions

Shown = Literal["true", "text", "data"] | frozenset[str]
"""A value of ``_summary``, or the elements that ``_elements`` names."""

_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
_SYSTEM = {
    Release.STU3: "http://hl7.org/fhir/v3/ObservationValue",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
}

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def element_names(release: Release, resource_type: str) -> frozenset[str]:
    """Return what ``_elements`` may name: the elements of a type, a choice as ``value``."""
    return frozenset(element.name.removesuffix("[x]") for element in structure(release)[resource_type].elements)


def subset(release: Release, resource_type: str, body: bytes, shown: Shown) -> bytes:
    """Return the part of a stored body that is to be shown."""
    found = _members(body)
    found["meta"] = _marked(found.get("meta"), release)
    if shown == "data":
        found.pop("text", None)
        return _joined(found)
    if shown == "true":
        return _summary(release, resource_type, found)
    names = {"text"} if shown == "text" else shown
    kept = _required(release, resource_type) | _ALWAYS | _named(release, resource_type, frozenset(names))
    return _joined({name: value for name, value in found.items() if name.removeprefix("_") in kept})


def _marked(meta: msgspec.Raw | None, release: Release) -> msgspec.Raw:
    tag = msgspec.Raw(_encode({"system": _SYSTEM[release], "code": "SUBSETTED"}))
    members = {} if meta is None else _members(meta)
    tags = _items(members["tag"]) if "tag" in members else []
    members["tag"] = _list([*tags, tag])
    return msgspec.Raw(_joined(members))


def _summary(release: Release, type_name: str, members: Mapping[str, msgspec.Raw]) -> bytes:
    """Return the elements of a resource or of a part of one that belong to its summary, and so on inside them."""
    summaries = definitions(release).summaries
    kept = summaries[type_name] | _required(release, type_name) | _ALWAYS
    known = structure(release)[type_name].members
    found = {}
    for name, value in members.items():
        if name.removeprefix("_") not in kept:
            continue
        inner = known[name].type if name in known else ""
        found[name] = _each(value, partial(_summary, release, inner)) if inner in summaries else value
    return _joined(found)


def _each(value: msgspec.Raw, change: Callable[[Mapping[str, msgspec.Raw]], bytes]) -> msgspec.Raw:
    if bytes(value)[:1] == b"[":
        return _list([msgspec.Raw(change(_members(item))) for item in _items(value)])
    return msgspec.Raw(change(_members(value)))


@cache
def _required(release: Release, type_name: str) -> frozenset[str]:
    return frozenset(
        member.name
        for element in structure(release)[type_name].elements
        if element.required
        for member in element.members()
    )


@cache
def _named(release: Release, resource_type: str, names: frozenset[str]) -> frozenset[str]:
    return frozenset(
        member.name
        for element in structure(release)[resource_type].elements
        if element.name.removesuffix("[x]") in names
        for member in element.members()
    )


def _joined(members: Mapping[str, msgspec.Raw]) -> bytes:
    return b"{" + b",".join(_encode(name) + b":" + bytes(value) for name, value in members.items()) + b"}"


def _list(items: list[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(bytes(item) for item in items) + b"]")
