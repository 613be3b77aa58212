"""What the XML of a type looks like: its children in order, and which of its members are attributes.

Made from ``app/fhir/releases/`` when a type is first met. In XML the id of an element and the url of an Extension are
attributes; everything else is a child element, primitives with the attribute ``value``, narratives as XHTML, and
resources inside an element of their own, as in ``<contained><Patient>...</Patient></contained>``.
"""

from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from app.fhir.release import Release
from app.fhir.releases.definitions import Member, TypeDefinition, definitions

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"


class Kind(Enum):
    """How an element is written."""

    PRIMITIVE = 1
    COMPLEX = 2
    HOLDER = 3
    """It holds a resource: ``contained``, or ``resource`` in a Bundle."""
    NARRATIVE = 4


_INSIDE = {Kind.PRIMITIVE: "Element", Kind.NARRATIVE: "Element"}


@dataclass(slots=True, eq=False)
class Child:
    """A child element: under its name in JSON, with the type of what is in it."""

    name: str
    kind: Kind
    many: bool
    type: str
    is_resource: bool = False
    shape: "Shape | None" = None
    """What may be in it; None until it is first met, see ``Shapes.inside``."""
    sibling: str = field(init=False)
    """The member of JSON that has the id and extensions of a primitive."""
    opening: str = field(init=False)
    closing: str = field(init=False)

    def __post_init__(self) -> None:
        self.sibling = f"_{self.name}"
        self.opening, self.closing = f"<{self.name}", f"</{self.name}>"


@dataclass(slots=True, eq=False)
class Shape:
    """A type as XML; ``children`` by their name in JSON, ``tags`` by the name with namespace that the parser gives."""

    name: str
    attributes: tuple[str, ...] = ()
    children: dict[str, Child] = field(default_factory=dict)
    tags: dict[str, Child] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    """The place of each member of JSON in XML, that of ``_name`` right after ``name``; attributes are first."""


class Shapes:
    """The shapes of one release."""

    def __init__(self, release: Release) -> None:
        self.types = definitions(release)
        self._shapes: dict[str, Shape] = {}
        self.document = Shape("document")
        """The shape of what holds one resource, of any type: a whole document, or an element such as ``contained``."""
        for name in self.types.resource_types:
            child = Child(name, Kind.COMPLEX, many=False, type=name, is_resource=True)
            self.document.children[name] = self.document.tags[f"{FHIR} {name}"] = child

    def inside(self, child: Child) -> Shape:
        """Return the shape of what may be in ``child``."""
        if child.shape is None:
            child.shape = self.document if child.kind is Kind.HOLDER else self[_INSIDE.get(child.kind, child.type)]
        return child.shape

    def __getitem__(self, name: str) -> Shape:
        """Return the shape of a type."""
        if name not in self._shapes:
            self._shapes[name] = self._made(self.types[name])
        return self._shapes[name]

    def _made(self, definition: TypeDefinition) -> Shape:
        shape = Shape(definition.name, _attributes(definition))
        shape.ranks = dict.fromkeys((*shape.attributes, "resourceType"), -1)
        for rank, member in enumerate(definition.members.values()):
            if member.name in shape.attributes:
                continue
            child = shape.children[member.name] = _child(member)
            shape.ranks[child.name] = 2 * rank
            shape.tags[f"{XHTML if child.kind is Kind.NARRATIVE else FHIR} {child.name}"] = child
            if member.has_sibling:
                shape.children[child.sibling] = child
                shape.ranks[child.sibling] = 2 * rank + 1
        return shape


def _child(member: Member) -> Child:
    if member.type == "xhtml":
        return Child(member.name, Kind.NARRATIVE, member.element.many, member.type)
    if member.is_primitive:
        return Child(member.name, Kind.PRIMITIVE, member.element.many, member.type)
    if member.type == "Resource":
        return Child(member.name, Kind.HOLDER, member.element.many, member.type)
    return Child(member.name, Kind.COMPLEX, member.element.many, member.type)


def _attributes(definition: TypeDefinition) -> tuple[str, ...]:
    """Return the members that are attributes; the id of a resource is a child like others."""
    if definition.is_resource:
        return ()
    return ("id", "url") if definition.name == "Extension" else ("id",)


@cache
def shapes(release: Release) -> Shapes:
    """Return the shapes of ``release``, kept for the life of the process."""
    return Shapes(release)
