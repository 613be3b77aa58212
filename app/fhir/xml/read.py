"""A FHIR resource in XML -> the same resource in JSON.

The parser is expat, which hands over one tag at a time; the tree of JSON grows along, so that what a body costs is linear
in its size. Nothing outside the body is ever read: a DOCTYPE is refused when it begins, and with it go all entities but
the five of XML. Comments and processing instructions are passed over. A narrative is taken as it stands in the body,
byte for byte, so that from JSON to XML and back it stays the same text.

Spec: https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/STU3/xml.html
"""

import re
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

import msgspec

from app.errors import InvalidResourceError, MalformedError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.primitives import FORMS, RANGES
from app.fhir.xml.shapes import FHIR, XHTML, Child, Kind, Shape, shapes

DEPTH_MAX = 64
"""How deep elements may be nested. It bounds the work here; what a resource may be is for the validation of its JSON."""
ISSUES_MAX = 50
_WHITE_SPACE = " \t\r\n"
_SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
"""The one attribute from elsewhere that is passed over: many writers put it on the root, for their editor."""
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"(0|-[1-9][0-9]*)|\+?([1-9][0-9]*)")  # JSON has no plus sign
_BOOLEANS = {"true": True, "false": False}
_NUMBERS = frozenset({"decimal", *RANGES})
_NARRATIVE_TAG = re.compile(rb"<(?:([^\s:/<>]+):)?div")
_SAFE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_encode = msgspec.json.Encoder().encode
_Frame = tuple[Shape, dict[str, Any], Child, str | None]


def to_json(release: Release, body: bytes, *, maximum_depth: int = DEPTH_MAX) -> bytes:
    """Return the resource in ``body``, which is XML in UTF-8, as JSON with its members in the order of the elements.

    The JSON is still to be validated. Decimals keep their digits.
    Raises: MalformedError (not XML, or not of this release), InvalidResourceError (with the place of each fault).
    """
    if b"\0" in body:  # never part of XML in UTF-8, always of UTF-16, which expat would read too
        raise _malformed("The body is not XML in UTF-8.")
    return _Reading(release, body, maximum_depth).result()


class _Reading:
    """One walk along the tags of a body.

    ``stack`` has the open elements: the shape of what may be in each, the object of JSON that it becomes (for a primitive
    its id and extensions, for what holds a resource an object with that alone), and the value of a primitive.
    """

    def __init__(self, release: Release, body: bytes, maximum_depth: int) -> None:
        self.body = body
        self.maximum_depth = maximum_depth
        self.shapes = shapes(release)
        self.found: list[Issue] = []
        self.declared: dict[str | None, int] = {}
        self.passing = 0
        self.narrative = 0
        document: dict[str, Any] = {}
        root = Child("", Kind.HOLDER, many=False, type="Resource", shape=self.shapes.document)
        self.stack: list[_Frame] = [(self.shapes.document, document, root, None)]
        self.document = document
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartNamespaceDeclHandler = self.declare
        self.parser.XmlDeclHandler = _check_encoding
        self.parser.StartDoctypeDeclHandler = _refuse_doctype

    def result(self) -> bytes:
        """Return the JSON."""
        try:
            self.parser.Parse(self.body, True)  # noqa: FBT003 - it takes no names
        except expat.ExpatError as error:
            place = f"line {error.lineno}, column {error.offset + 1}"
            raise _malformed(f"The body is not well-formed XML in UTF-8 ({place}).") from error
        finally:
            del self.parser  # it refers to this object: without it there is no circle to be collected later
        if self.found:
            raise InvalidResourceError(self.found)
        (resource,) = self.document.values()
        return _encode(resource)

    def start(self, name: str, attributes: Sequence[str]) -> None:
        """Open an element."""
        shape, node, _, _ = self.stack[-1]
        child = shape.tags.get(name)
        if child is None:
            self.refuse(name)
            return
        kind = child.kind
        inside = child.shape or self.shapes.inside(child)
        own: dict[str, Any] = {}
        value = None
        if kind is Kind.PRIMITIVE:
            if len(attributes) == 2 and attributes[0] == "value":
                self.stack.append((inside, own, child, attributes[1]))
                return
            attributes = list(attributes)
            if "value" in attributes[::2]:
                at = attributes[::2].index("value") * 2
                value = attributes[at + 1]
                del attributes[at : at + 2]
        elif kind is Kind.COMPLEX:
            if child.many:
                node.setdefault(child.name, []).append(own)
            elif child.name in node or (child.is_resource and node):
                self.report("structure", f"{child.name} must not occur more than once here.", self.place(child))
            else:
                node[child.name] = own
            if child.is_resource:
                own["resourceType"] = child.name
        if len(self.stack) > self.maximum_depth:
            raise _malformed(f"Elements are nested deeper than {self.maximum_depth} levels.", self.place())
        self.stack.append((inside, own, child, value))
        if kind is Kind.NARRATIVE:
            self.open_narrative()
        elif attributes:
            self.take_attributes(attributes)

    def end(self, _name: str) -> None:
        """Close the element that was opened last."""
        _, own, child, text = self.stack.pop()
        kind = child.kind
        if kind is Kind.COMPLEX:
            return
        node = self.stack[-1][1]
        value: Any
        if kind is Kind.PRIMITIVE:
            value = text if text is None else self.value(child, text)
            if value is None and not own:
                self.report("structure", f"{child.name} needs a value or extensions.", self.place(child))
                return
        else:
            value = next(iter(own.values()), None)
            if value is None:
                self.report("structure", f"{child.name} must hold a resource.", self.place(child))
                return
            own = {}
        if child.many:
            self.add(node, child, value, own)
            return
        if child.name in node or child.sibling in node:
            self.report("structure", f"{child.name} must not occur more than once.", self.place(child))
        if value is not None:
            node[child.name] = value
        if own:
            node[child.sibling] = own

    def add(self, node: dict[str, Any], child: Child, value: Any, own: dict[str, Any]) -> None:
        """Put one of many values in its array, and its id and extensions at the same place in an array of their own."""
        values = node.setdefault(child.name, [])
        if own:
            siblings = node.setdefault(child.sibling, [])
            siblings.extend([None] * (len(values) - len(siblings)))
            siblings.append(own)
        elif child.sibling in node:
            node[child.sibling].append(None)
        values.append(value)

    def value(self, child: Child, text: str) -> Any:
        """Return the value of a primitive as JSON has it; None, and a finding, if its text has not the form for that."""
        if child.type in _NUMBERS:
            match = (_DECIMAL if child.type == "decimal" else _INTEGER).fullmatch(text)
            if match is not None:
                return msgspec.Raw(match[match.lastindex or 0].encode())
        elif child.type != "boolean":
            return text
        elif text in _BOOLEANS:
            return _BOOLEANS[text]
        self.report("value", f"{child.name} must be {FORMS[child.type]}.", self.place(child))
        return msgspec.Raw(b"null")

    def take_attributes(self, attributes: Sequence[str]) -> None:
        """Take the attributes of the element that was just opened."""
        shape, own, child, _ = self.stack[-1]
        allowed = () if child.kind is Kind.HOLDER else shape.attributes
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            if name in allowed:
                own[name] = value
            elif name != _SCHEMA_LOCATION:
                shown = f" {name}" if _SAFE_NAME.fullmatch(name) else " of this name"
                self.report("structure", f"{child.name} has no attribute{shown}.", self.place())

    def text(self, data: str) -> None:
        """Refuse text: values are in attributes."""
        if data.strip(_WHITE_SPACE):
            self.report("structure", "Text may stand in a narrative only: values are in attributes.", self.place())

    def refuse(self, name: str) -> None:
        """Report an element that may not stand here, and pass over what is in it."""
        shape, _, child, _ = self.stack[-1]
        namespace, _, local = name.rpartition(" ")
        shown = local if _SAFE_NAME.fullmatch(local) else None
        if len(self.stack) == 1:
            raise _malformed(f"The root must be a resource of this FHIR release, in the namespace {FHIR}.")
        place = self.place()
        if namespace not in (FHIR, XHTML) or (namespace == XHTML) != (local == "div" and shape.name == "Narrative"):
            expected = XHTML if local == "div" and shape.name == "Narrative" else FHIR
            self.report("structure", f"Elements must be in the namespace {expected}.", place)
        elif shape is self.shapes.document:
            self.report("structure", f"{child.name} must hold a resource of this FHIR release.", place)
        elif shown is None:
            self.report("structure", f"{shape.name} has an element of a name that it does not have.", place)
        else:
            self.report("structure", f"{shape.name} has no element {shown}.", f"{place}.{shown}")
        self.pass_over()

    def pass_over(self) -> None:
        """Let everything up to the end of this element pass."""
        self.passing = 1
        self.parser.StartElementHandler = self.start_passing
        self.parser.EndElementHandler = self.end_passing
        self.parser.CharacterDataHandler = None

    def start_passing(self, _: str, __: Sequence[str]) -> None:
        """Count an element inside one that passes."""
        self.passing += 1

    def end_passing(self, _: str) -> None:
        """Go back to work where the element that passes ends."""
        self.passing -= 1
        if not self.passing:
            self.parser.StartElementHandler = self.start
            self.parser.EndElementHandler = self.end
            self.parser.CharacterDataHandler = self.text
            if self.narrative:
                self.close_narrative()

    def declare(self, prefix: str | None, _: str | None) -> None:
        """Note where the last declaration of a prefix is, by its tag; None is the prefix of names without one."""
        self.declared[prefix] = self.parser.CurrentByteIndex

    def open_narrative(self) -> None:
        """Note where a narrative begins; what is in it passes."""
        self.narrative = self.parser.CurrentByteIndex + 1  # 0 stands for none
        self.pass_over()

    def close_narrative(self) -> None:
        """Put the text of the narrative in its place."""
        _, _, child, _ = self.stack.pop()
        node = self.stack[-1][1]
        start, end = self.narrative - 1, self.parser.CurrentByteIndex
        self.narrative = 0
        if self.body.startswith(b"</", end):
            end = self.body.index(b">", end) + 1
        if child.name in node:
            self.report("structure", f"{child.name} must not occur more than once.", self.place(child))
        node[child.name] = self.standing_alone(start, end).decode()

    def standing_alone(self, start: int, end: int) -> bytes:
        """Return the bytes of a narrative with its own namespace in it, also if it was declared further out."""
        tag = _NARRATIVE_TAG.match(self.body, start)
        if tag is None:
            raise _malformed("The body is not XML in UTF-8.", self.place())
        prefix = tag[1]
        if self.declared[prefix.decode() if prefix else None] == start:
            return self.body[start:end]
        declaration = (b' xmlns:%b="%b"' % (prefix, XHTML.encode())) if prefix else b' xmlns="%b"' % XHTML.encode()
        return tag[0] + declaration + self.body[tag.end() : end]

    def report(self, code: str, diagnostics: str, place: str) -> None:
        """Note a finding. Raises: InvalidResourceError, when there are enough of them."""
        self.found.append(Issue("error", code, diagnostics, place))
        if len(self.found) >= ISSUES_MAX:
            raise InvalidResourceError(self.found)

    def place(self, last: Child | None = None) -> str:
        """Return where the parser is, as FHIRPath; ``last`` is a child of the element that was opened last."""
        names: list[str] = []
        children = [child for _, _, child, _ in self.stack[1:]] + ([last] if last else [])
        for (_, node, _, _), child in zip(self.stack, children, strict=False):
            if child.is_resource and names:
                continue
            index = ""
            if child.many:
                values = node.get(child.name, ())
                index = f"[{len(values) - (child.kind is Kind.COMPLEX)}]"
            names.append(f"{child.name}{index}")
        return ".".join(names)


def _check_encoding(_: str, encoding: str | None, __: int) -> None:
    if encoding is not None and encoding.lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise _malformed("The body must be XML in UTF-8.")


def _refuse_doctype(*_: object) -> None:
    raise _malformed("The body must have no DOCTYPE, and so no entities but those of XML itself.")


def _malformed(diagnostics: str, place: str | None = None) -> MalformedError:
    return MalformedError([Issue("error", "structure", diagnostics, place or None)])
