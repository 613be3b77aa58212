"""The quick yes: most valid resources are accepted here in microseconds; everything else is walked by ``issues.py``.

Each type of ``app/fhir/releases/`` is compiled, when it is first met, into a msgspec Struct (closed content,
cardinality, forms of primitives, codes) and a ``_Walk`` (what a Struct can't say: choices, references, narratives,
resources inside resources). Accepting must imply validity; not accepting means nothing yet. So a Struct leaves out
what it can't check cheaply: ``_name`` siblings, base64Binary, days that don't exist in every year.

What neither sees (empty objects, arrays and strings, control characters, repeated names) ``structure.py`` excludes by
looking at the bytes first.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from app.fhir.release import Release
from app.fhir.releases.definitions import Member, TypeDefinition, definitions
from app.fhir.validation.issues import has_allowed_coding, refers_to_allowed_type
from app.fhir.validation.narrative import is_safe_narrative
from app.fhir.validation.primitives import COMMON_PATTERNS, RANGES

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_RESERVED = "resourceType"


def accepts(
    release: Release, body: bytes, tree: dict[str, Any], maximum_depth: int, *, skip_entry_resources: bool = False
) -> bool:
    """Return True if the resource is surely valid; False if it has to be looked at closely.

    ``tree`` is ``body`` decoded, with a resourceType that exists.
    """
    return _compiler(release).accepts(tree[_RESERVED], body, tree, maximum_depth, skip_entry_resources)


@dataclass(slots=True)
class _Step:
    """What to look at in one member; ``choice`` is a bit for each choice of the type, 0 for none."""

    member: Member
    choice: int
    walk: "_Walk | None" = None
    is_reference: bool = False
    is_narrative: bool = False
    is_resource: bool = False
    is_bound: bool = False


@dataclass(slots=True)
class _Walk:
    """The members of a type that need more than a Struct; ``required`` has the bits of choices that must be made."""

    steps: dict[str, _Step] = field(default_factory=dict)
    required: int = 0
    is_needed: bool = True


@lru_cache(maxsize=None)
def _compiler(release: Release) -> "_Compiler":
    return _Compiler(release)


class _Compiler:
    """Structs and walks of one release, made when a type is first met."""

    def __init__(self, release: Release) -> None:
        self.types = definitions(release)
        self.structs: dict[str, type[msgspec.Struct]] = {}
        self.decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self.walks: dict[tuple[str, bool], _Walk] = {}

    def accepts(self, name: str, body: bytes, tree: dict[str, Any], room: int, skip_entry_resources: bool) -> bool:
        """Return whether Struct and walk both accept; ``room`` is how many levels of nesting are left."""
        try:
            self.decoder(name).decode(body)
        except msgspec.ValidationError:
            return False
        has_extensions = b"xtension" in body
        return self.agrees(self.walk(name, has_extensions), tree, room, has_extensions, skip_entry_resources)

    def decoder(self, name: str) -> msgspec.json.Decoder[Any]:
        """Return the decoder whose only use is its verdict."""
        if name not in self.decoders:
            self.decoders[name] = msgspec.json.Decoder(self.struct(name))
        return self.decoders[name]

    def struct(self, name: str) -> type[msgspec.Struct]:
        """Return the Struct of a type, with those of all types that it uses."""
        if name not in self.structs:
            definition = self.types[name]
            members = [member for member in definition.members.values() if member.type != "base64Binary"]
            python_names = {f"f{index}": member for index, member in enumerate(members)}
            fields: list[Any] = [
                (python_name, Any) if member.element.required and not member.element.is_choice else (python_name, Any, None)
                for python_name, member in python_names.items()
            ]
            rename = {python_name: member.name for python_name, member in python_names.items()}
            if definition.is_resource:
                fields.append(("resource_type", Literal[name]))
                rename["resource_type"] = _RESERVED
            made = msgspec.defstruct(name, fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)
            self.structs[name] = made
            # Types refer to each other in circles, so a Struct gets its field types when it exists.
            for python_name, member in python_names.items():
                made.__annotations__[python_name] = self.annotation(member)
        return self.structs[name]

    def annotation(self, member: Member) -> Any:
        """Return the type of a member in a Struct."""
        kind = self.primitive(member) if member.is_primitive else self.complex(member)
        return list[kind] if member.element.many else kind  # type: ignore[valid-type]

    def complex(self, member: Member) -> Any:
        """Return the type of a member that is an object; a resource inside is left to the walk."""
        return dict[str, msgspec.Raw] if member.type == "Resource" else self.struct(member.type)

    def primitive(self, member: Member) -> Any:
        """Return the type of a primitive member; for text, ``structure.py`` has looked at the bytes."""
        kind = member.type
        if kind == "code" and member.element.codes:
            return Literal[tuple(sorted(frozenset[str]().union(*member.element.codes.values())))]
        if kind in RANGES:
            low, high = RANGES[kind]
            return Annotated[int, msgspec.Meta(ge=low, le=high)]
        if kind in COMMON_PATTERNS:
            return Annotated[str, msgspec.Meta(pattern=rf"^(?:{COMMON_PATTERNS[kind]})\Z")]
        return {"boolean": bool, "decimal": float}.get(kind, str)

    def walk(self, name: str, has_extensions: bool) -> _Walk:
        """Return what to look at in a type; if no extensions occur in the body, those needn't be followed."""
        key = (name, has_extensions)
        if key not in self.walks:
            made = self.walks[key] = _Walk()
            self.fill(made, self.types[name], has_extensions)
            made.is_needed = bool(made.steps)
        return self.walks[key]

    def fill(self, walk: _Walk, definition: TypeDefinition, has_extensions: bool) -> None:
        """Put the steps of a type in its walk, and leave out members that hold nothing to look at."""
        bit = 1
        for element in definition.elements:
            if element.is_choice and element.required:
                walk.required |= bit
            for member in element.members():
                step = _Step(member, bit if element.is_choice else 0)
                step.is_reference = member.type == "Reference"
                step.is_narrative = member.type == "xhtml"
                step.is_resource = member.type == "Resource"
                step.is_bound = bool(element.codes) and member.type in {"Coding", "CodeableConcept"}
                is_extension = member.type == "Extension"
                if not (member.is_primitive or step.is_resource or (is_extension and not has_extensions)):
                    inner = self.walk(member.type, has_extensions)
                    step.walk = inner if inner.is_needed else None
                if step.choice or step.walk or step.is_narrative or step.is_resource or step.is_bound:
                    walk.steps[member.name] = step
            bit <<= element.is_choice

    def agrees(self, walk: _Walk, node: dict[str, Any], room: int, has_extensions: bool, skip: bool) -> bool:
        """Return whether nothing under ``node`` breaks a rule that a Struct can't express."""
        if room < 0:
            return False
        seen = 0
        steps = walk.steps
        for name, value in node.items():
            step = steps.get(name)
            if step is None:
                continue
            if step.choice:
                if seen & step.choice:
                    return False
                seen |= step.choice
            if step.walk is None and not (step.is_narrative or step.is_resource or step.is_bound):
                continue
            if not self.holds(step, value, room, has_extensions, skip):
                return False
        return not walk.required & ~seen

    def holds(self, step: _Step, value: Any, room: int, has_extensions: bool, skip: bool) -> bool:
        """Return whether one member with all its repetitions is as it should be."""
        if isinstance(value, list):
            return all(self.holds(step, item, room - 1, has_extensions, skip) for item in value)
        if step.is_narrative:
            return is_safe_narrative(value)
        if step.is_resource:
            return self.resource(step.member, value, room - 1, skip)
        element = step.member.element
        if step.is_bound and not has_allowed_coding(step.member.type, value, element.codes):
            return False
        if step.is_reference:
            reference = value.get("reference")
            if reference is None:
                if not ("display" in value or "identifier" in value):
                    return False
            elif reference.partition("/")[0] not in element.targets and not refers_to_allowed_type(
                reference, element.targets, self.types.reference_targets
            ):
                return False
            if len(value) == 1 or not ("identifier" in value or has_extensions):
                return True
        return step.walk is None or self.agrees(step.walk, value, room - 1, has_extensions, skip)

    def resource(self, member: Member, value: Any, room: int, skip: bool) -> bool:
        """Return whether a resource inside a resource is valid: contained, in a Bundle, or in Parameters."""
        if skip and member.name == "resource":
            return True
        name = value.get(_RESERVED)
        if not isinstance(name, str) or name not in self.types.resource_types:
            return False
        if member.name == "contained" and "contained" in value:
            return False
        return self.accepts(name, _ENCODER.encode(value), value, room, skip)
