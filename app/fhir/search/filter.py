"""The text of ``_filter`` -> a tree of tests, as they were written: what they mean for a type is worked out in ``parse.py``.

``and`` and ``or`` have no precedence: they are taken from left to right, as the specification says.

Spec: https://hl7.org/fhir/R4/search_filter.html, https://hl7.org/fhir/STU3/search_filter.html
"""

import json
import re
from dataclasses import dataclass
from typing import Literal

from app.errors import BadRequestError

MAXIMUM_DEPTH = 10
MAXIMUM_COMPARISONS = 50
"""How deep a filter may go, and how much it may ask; beyond, it is refused."""

OPERATORS = frozenset("eq ne co sw ew gt lt ge le ap sa eb pr po ss sb in ni re".split())

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(:[A-Za-z]+)?")
_WORD = re.compile(r"[a-z]+")
_STRING = re.compile(r'"([^"\\]|\\.)*"', re.DOTALL)
_TOKEN = re.compile(r"[^\s)\]]+")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Step:
    """A name on the way to the values, and what has to be true of the resource that it refers to."""

    name: str
    meets: "Node | None"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A path, an operator and a value, as in ``subject.name co "zon"``."""

    path: tuple[Step, ...]
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Logical:
    """Two or more nodes with ``and`` or ``or`` between them, or one after ``not``."""

    operator: Literal["and", "or", "not"]
    parts: tuple["Node", ...]


Node = Comparison | Logical


def read_filter(text: str) -> Node:
    """Return what a filter says. Raises: BadRequestError, for one that can't be read, with the place in the text."""
    reader = _Reader(text)
    node = reader.filter(0)
    reader.skip()
    if reader.position < len(text):
        raise reader.error("and, or, or the end")
    return node


def comparisons_in(node: Node) -> int:
    """Return how many tests a filter has."""
    if isinstance(node, Logical):
        return sum(comparisons_in(part) for part in node.parts)
    return sum(comparisons_in(step.meets) for step in node.path if step.meets is not None) + 1


class _Reader:
    """A filter, and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0

    def error(self, wanted: str) -> BadRequestError:
        return BadRequestError(
            f"_filter can't be read at character {self.position + 1}: wanted {wanted}.", expression="http._filter"
        )

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.position)
        self.position = found.end() if found else self.position

    def take(self, pattern: re.Pattern[str], wanted: str) -> str:
        """Return what ``pattern`` finds here, and go behind it."""
        self.skip()
        found = pattern.match(self.text, self.position)
        if found is None:
            raise self.error(wanted)
        self.position = found.end()
        return found[0]

    def takes(self, character: str) -> bool:
        """Return whether ``character`` comes next, and if so go behind it."""
        self.skip()
        is_next = self.text.startswith(character, self.position)
        self.position += is_next
        return is_next

    def filter(self, depth: int) -> Node:
        if depth > MAXIMUM_DEPTH:
            message = f"_filter goes at most {MAXIMUM_DEPTH} deep."
            raise BadRequestError(message, expression="http._filter")
        node = self.term(depth)
        while operator := self.connective():
            node = Logical(operator, (node, self.term(depth)))
        return node

    def connective(self) -> Literal["and", "or"] | None:
        self.skip()
        found = _WORD.match(self.text, self.position)
        if found is None or found[0] not in ("and", "or"):
            return None
        self.position = found.end()
        return "and" if found[0] == "and" else "or"

    def term(self, depth: int) -> Node:
        if self.takes("("):
            return self.inside(")", depth)
        start = self.position
        name = self.take(_NAME, "a parameter, not or (")
        if name == "not" and self.takes("("):
            return Logical("not", (self.inside(")", depth),))
        self.position = start
        return self.test(depth)

    def inside(self, end: str, depth: int) -> Node:
        node = self.filter(depth + 1)
        if not self.takes(end):
            raise self.error(f"and, or, or {end}")
        return node

    def test(self, depth: int) -> Comparison:
        path: list[Step] = []
        while not path or self.takes("."):
            name = self.take(_NAME, "a parameter")
            path.append(Step(name, self.inside("]", depth) if self.takes("[") else None))
        operator = self.take(_WORD, "an operator")
        if operator not in OPERATORS:
            self.position -= len(operator)
            raise self.error(f"one of {', '.join(sorted(OPERATORS))}")
        return Comparison(tuple(path), operator, self.value())

    def value(self) -> str:
        if not self.takes('"'):
            return self.take(_TOKEN, "a value")
        self.position -= 1
        written = self.take(_STRING, "the end of a string")
        try:
            value = str(json.loads(written, strict=False))
            value.encode()  # half a surrogate pair is no text
        except ValueError as error:
            self.position -= len(written)
            raise self.error("a JSON string") from error
        return value
