"""msgspec Structs for the types of a release: closed content, cardinality, forms of primitives, codes, in C.

A Struct is made, with those of all types it uses, when its type is first met: milliseconds for a resource type, some
40 ms for a whole release. A few forms it refuses though they may be valid; ``issues.py`` looks at such a resource: days
that don't exist in every year, extensions in place of a required value or in a choice.
"""

from functools import cache
from threading import Lock
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec

from app.fhir.release import Release
from app.fhir.releases.definitions import Member, definitions
from app.fhir.validation.primitives import COMMON_PATTERNS, RANGES


class Structs:
    """The Structs of one release, and a decoder for each, whose only use is its verdict."""

    def __init__(self, release: Release) -> None:
        self.types = definitions(release)
        self._structs: dict[str, type[msgspec.Struct]] = {}
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._lock = Lock()

    def decoder(self, name: str) -> msgspec.json.Decoder[Any]:
        """Return the decoder of a resource type."""
        found = self._decoders.get(name)
        if found is None:
            with self._lock:  # a decoder of what another thread has half made would accept too much, for good
                found = self._decoders[name] = msgspec.json.Decoder(self._struct(name))
        return found

    def _struct(self, name: str) -> type[msgspec.Struct]:
        """Return the Struct of a type; members are numbered, since the name of one may be a word of Python."""
        if name in self._structs:
            return self._structs[name]
        definition = self.types[name]
        members = {f"m{number}": member for number, member in enumerate(definition.members.values())}
        siblings = {f"sibling_{key}": member for key, member in members.items() if has_plain_sibling(member)}
        rename = {key: member.name for key, member in members.items()}
        rename |= {key: f"_{member.name}" for key, member in siblings.items()}
        fields: list[Any] = [
            (key, Any) if _is_required(member) else (key, Any, None) for key, member in members.items()
        ]
        fields += [(key, Any, None) for key in siblings]
        if definition.is_resource:
            fields.append(("resource_type", Literal[name]))
            rename["resource_type"] = "resourceType"
        made = msgspec.defstruct(name, fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)
        self._structs[name] = made
        # Types refer to each other in circles, so a Struct gets the types of its fields when it exists.
        made.__annotations__.update({key: self._annotation(member) for key, member in members.items()})
        made.__annotations__.update({key: self._sibling_annotation(member) for key, member in siblings.items()})
        return made

    def _annotation(self, member: Member) -> Any:
        kind = _primitive(member) if member.is_primitive else self._complex(member)
        return GenericAlias(list, kind) if member.element.many else kind

    def _complex(self, member: Member) -> Any:
        # A resource inside a resource is looked at by the walk, which knows its type.
        return dict[str, msgspec.Raw] if member.type == "Resource" else self._struct(member.type)

    def _sibling_annotation(self, member: Member) -> Any:
        element: Any = self._struct("Element")
        return GenericAlias(list, element | None) if member.element.many else element


@cache
def structs(release: Release) -> Structs:
    """Return the Structs of ``release``, kept for the life of the process."""
    return Structs(release)


def has_plain_sibling(member: Member) -> bool:
    """Return whether a Struct takes ``_name``: not in a choice, where it could stand for the value of another type."""
    return member.has_sibling and not member.element.is_choice


def _is_required(member: Member) -> bool:
    return member.element.required and not member.element.is_choice


def _primitive(member: Member) -> Any:
    """Return the type of a primitive; text is plain str, since ``structure.py`` looks at the bytes of all strings."""
    kind = member.type
    if kind == "code" and member.element.codes:
        return Literal[tuple(sorted(frozenset[str]().union(*member.element.codes.values())))]
    if kind in RANGES:
        low, high = RANGES[kind]
        return Annotated[int, msgspec.Meta(ge=low, le=high)]
    if kind in COMMON_PATTERNS:
        return Annotated[str, msgspec.Meta(pattern=rf"^(?:{COMMON_PATTERNS[kind]})\Z")]
    return {"boolean": bool, "decimal": float}.get(kind, str)
