"""A FHIR resource in JSON -> the same resource in XML, its elements in the order of the specification.

Spec: https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/STU3/xml.html
"""

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import msgspec

from app.fhir.release import Release
from app.fhir.validation.narrative import as_xml
from app.fhir.xml.shapes import FHIR, Child, Kind, Shape, Shapes, shapes

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_decode = msgspec.json.Decoder(float_hook=str).decode
_TELLING = re.compile(r'[&<>"\n\r\t]')
# A parser of XML makes spaces of line ends and tabs in an attribute, unless they are written as numbers.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


def to_xml(release: Release, body: bytes) -> bytes:
    """Return the resource in ``body``, which is valid JSON of ``release``, as XML in UTF-8.

    Decimals keep their digits; the order of members in JSON makes no difference.
    Raises: ValueError, if there is a member that the release does not know: nothing is left out in silence.
    """
    tree = _decode(body)
    out = [_HEAD]
    try:
        _Writing(shapes(release), out.append).resource(tree, f' xmlns="{FHIR}"')
    except KeyError as error:
        raise ValueError(f"The body is no resource of FHIR {release.fhir_version}.") from error
    return "".join(out).encode()


class _Writing:
    """The writing of one resource, piece by piece."""

    __slots__ = ("shapes", "write")

    def __init__(self, known: Shapes, write: Callable[[str], object]) -> None:
        self.shapes = known
        self.write = write

    def resource(self, node: dict[str, Any], attributes: str = "") -> None:
        """Write a resource of whatever type it says it is."""
        child = self.shapes.document.children[node["resourceType"]]
        self.write(f"{child.opening}{attributes}>")
        self.children(child.shape or self.shapes.inside(child), node)
        self.write(child.closing)

    def children(self, shape: Shape, node: dict[str, Any]) -> None:
        """Write the child elements of an object, in order."""
        for name in sorted(node, key=shape.ranks.__getitem__):
            child = shape.children.get(name)
            if child is None:
                continue  # an attribute
            value = node[name]
            if child.kind is not Kind.PRIMITIVE:
                for item in value if child.many else (value,):
                    self.complex(child, item)
            elif name != child.name:
                if child.name not in node:
                    self.extended(child, None, value)
            elif child.sibling in node:
                self.extended(child, value, node[child.sibling])
            else:
                for item in value if child.many else (value,):
                    self.write(f'{child.opening} value="{_text(item)}"/>')

    def complex(self, child: Child, value: Any) -> None:
        """Write an element with children: an object, a narrative, or an element that holds a resource."""
        if child.kind is Kind.NARRATIVE:
            self.write(as_xml(value))
            return
        shape = child.shape or self.shapes.inside(child)
        tag = child.opening
        for name in shape.attributes:
            if name in value:
                tag += f' {name}="{_text(value[name])}"'
        self.write(f"{tag}>")
        if child.kind is Kind.HOLDER:
            self.resource(value)
        else:
            self.children(shape, value)
        self.write(child.closing)

    def extended(self, child: Child, value: Any, sibling: Any) -> None:
        """Write a primitive, or all of an array, with ids and extensions; one of value and sibling may be missing."""
        values = value if child.many else [value]
        siblings = sibling if child.many else [sibling]
        for item, own in zip_longest(values or (), siblings):
            tag = child.opening
            if own and "id" in own:
                tag += f' id="{_text(own["id"])}"'
            if item is not None:
                tag += f' value="{_text(item)}"'
            if own and "extension" in own:
                self.write(f"{tag}>")
                self.children(self.shapes["Element"], own)
                self.write(child.closing)
            else:
                self.write(f"{tag}/>")


def _text(value: Any) -> str:
    """Return a value as it stands in an attribute."""
    if not isinstance(value, str):
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    return value.translate(_ESCAPES) if _TELLING.search(value) else value
