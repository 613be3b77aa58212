"""What FHIR says about the elements of every type: read from ``data/``, once per release and type.

A line of ``data/<release>_structure.txt`` is a type with the type that it extends (``Observation: DomainResource``),
or, indented, one element of it: name, types, cardinality and, after ``>``, the resource types that it may refer to::

    performer Reference 0..* > Organization|Patient
    value[x] Quantity|string 0..1

``data/<release>_codes.txt`` names the code lists of required bindings and the elements that have one. The order of the
lines is the order of the elements in the specification, which is also their order in XML.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from app.fhir.release import Release
from app.fhir.releases import r4, stu3

DATA = Path(__file__).parent / "data"
PRIMITIVES = frozenset(
    """
    base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string time
    unsignedInt uri url uuid xhtml
    """.split()
)


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a type; ``value[x]`` is one element with many types.

    ``targets`` are the resource types that a reference may name, empty for any; ``codes`` the codes by system that a
    required binding allows, empty where anything goes. ``has_sibling`` tells that a primitive ``name`` may have
    extensions in ``_name``.
    """

    name: str
    types: tuple[str, ...]
    required: bool
    many: bool
    targets: frozenset[str]
    codes: Mapping[str, frozenset[str]]
    has_sibling: bool

    @property
    def is_choice(self) -> bool:
        """Return whether the type is part of the name in JSON and XML, as in ``valueQuantity``."""
        return self.name.endswith("[x]")

    def members(self) -> Iterator["Member"]:
        """Yield the names under which the element occurs in JSON, each with its type."""
        if not self.is_choice:
            yield Member(self.name, self.types[0], self)
            return
        for kind in self.types:
            yield Member(self.name[:-3] + kind[0].upper() + kind[1:], kind, self)


@dataclass(frozen=True, slots=True)
class Member:
    """An element under one of its names in JSON: ``valueQuantity`` of type ``Quantity``."""

    name: str
    type: str
    element: Element

    @property
    def is_primitive(self) -> bool:
        """Return whether the value is a JSON string, number or boolean."""
        return self.type in PRIMITIVES

    @property
    def has_sibling(self) -> bool:
        """Return whether ``_name`` may hold extensions and an id of the value."""
        return self.is_primitive and self.element.has_sibling


@dataclass(frozen=True)
class TypeDefinition:
    """A resource type, data type or part of one; ``elements`` has the inherited ones first."""

    name: str
    base: str | None
    is_resource: bool
    elements: tuple[Element, ...]

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """Return every name that may occur in JSON, without ``resourceType`` and the ``_name`` siblings."""
        return {member.name: member for element in self.elements for member in element.members()}

    @cached_property
    def counted(self) -> tuple[tuple[Element, tuple[Member, ...]], ...]:
        """Return the elements whose occurrence has a rule (required, or a choice), each with its members."""
        return tuple(
            (element, tuple(element.members())) for element in self.elements if element.required or element.is_choice
        )


class Definitions:
    """The types of one release by name; a type is read when it is first asked for."""

    def __init__(self, release: Release, structure: str, codes: str) -> None:
        self.release = release
        absent = tuple(r4.ABSENT) if release is Release.R4 else ()  # with the parts of each, such as CitationSummary
        self._blocks = {name: block for name, block in _blocks(structure) if not name.startswith(absent)}
        self._sets, self._bindings = _codes(codes)
        self._types: dict[str, TypeDefinition] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._blocks

    def __getitem__(self, name: str) -> TypeDefinition:
        """Return the type. Raises: KeyError, if the release has no such type."""
        if name not in self._types:
            self._types[name] = self._read(name)
        return self._types[name]

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all types."""
        return frozenset(self._blocks)

    @cached_property
    def resource_types(self) -> frozenset[str]:
        """Return every concrete resource type of the release, also those that are not served."""
        abstract = {"Resource", "DomainResource", "MetadataResource"}
        return frozenset(name for name in self._blocks if name not in abstract and self._is_resource(name))

    @cached_property
    def reference_targets(self) -> frozenset[str]:
        """Return every name that stands for a resource type in a reference, also of types unknown here otherwise."""
        named = (line.rpartition(" > ")[2] for block in self._blocks.values() for line in block if " > " in line)
        return self.resource_types | {name for names in named for name in names.split("|")} - {"Resource"}

    def _is_resource(self, name: str) -> bool:
        while name:
            if name == "Resource":
                return True
            name = self._blocks[name][0]
        return False

    def _read(self, name: str) -> TypeDefinition:
        base, *lines = self._blocks[name]
        inherited = self[base].elements if base else ()
        own = tuple(self._element(name, line) for line in lines)
        return TypeDefinition(name, base or None, self._is_resource(name), inherited + own)

    def _element(self, type_name: str, line: str) -> Element:
        name, kinds, cardinality, *rest = line.split()
        types = tuple(kinds.split("|"))
        targets = frozenset(rest[1].split("|")) if rest else frozenset()
        if self.release is Release.R4:
            types, targets = r4.as_in_4_0_1((type_name, name), types, targets)
        codes = self._sets[self._bindings[type_name, name]] if (type_name, name) in self._bindings else {}
        # An id and the url of an Extension are attributes in XML, a narrative is XHTML: no place for extensions.
        has_sibling = name not in {"id", "div"} and (type_name, name) != ("Extension", "url")
        required, many = cardinality[0] == "1", cardinality[-1] == "*"
        return Element(name, types, required, many, targets - {"Resource"}, codes, has_sibling)


def _blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each type's name with the name of its base and its element lines."""
    for block in text.replace("\n  ", "\t").splitlines():
        if block.startswith("#"):
            continue
        head, *lines = block.split("\t")
        name, _, base = head.partition(":")
        yield name, [base.strip(), *lines]


def _codes(text: str) -> tuple[dict[str, Mapping[str, frozenset[str]]], dict[tuple[str, str], str]]:
    """Return the code lists by name, and which element is bound to which."""
    sets_text, _, bindings_text = text.partition("\nbindings:\n")
    sets: dict[str, Mapping[str, frozenset[str]]] = {}
    for line in sets_text.splitlines()[2:]:
        name, *parts = line.split()
        sets[name] = {
            system: frozenset(codes.split("|")) for system, codes in zip(parts[::2], parts[1::2], strict=True)
        }
    bindings = {}
    for line in bindings_text.splitlines():
        type_name, element, name = line.split()
        bindings[type_name, element] = name
    return sets, bindings


@cache
def definitions(release: Release) -> Definitions:
    """Return the types of ``release``, read once per process."""
    structure = (DATA / f"{release.path}_structure.txt").read_text(encoding="utf-8")
    codes = (DATA / f"{release.path}_codes.txt").read_text(encoding="utf-8")
    return Definitions(release, structure, codes)


def served(release: Release) -> frozenset[str]:
    """Return the resource types that Regie serves in ``release``."""
    return stu3.SERVED if release is Release.STU3 else r4.SERVED
