"""The simple FHIRPath of a FHIRPath Patch: from a path to the places in a tree that it names.

Spec: https://hl7.org/fhir/R4/fhirpatch.html, https://hl7.org/fhirpath/N1/
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.errors import BadRequestError
from app.fhir.releases.definitions import Definitions, Member

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*|`[A-Za-z_]\w*`)|(?P<text>'(?:[^'\\]|\\['\\])*')"
    r"|(?P<number>-?\d{1,18}(?:\.\d{1,18})?)|(?P<sign>[.()=\[\]]))",
    re.ASCII,
)
_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a tree: ``value`` is there, in ``holder`` under ``member``, at ``index`` of a list.

    The resource itself has no member. ``holder_type`` is the type that has the member.
    """

    value: Any
    type_name: str
    holder: dict[str, Any]
    holder_type: str
    member: Member | None
    index: int | None

    def take_out(self) -> None:
        """Remove it from the tree, with the extensions of a primitive; a list that gets empty goes too."""
        if self.member is None:
            message = "The resource itself is at no place in it."
            raise ValueError(message)
        for name in (self.member.name, f"_{self.member.name}"):
            if name not in self.holder:
                continue
            if self.index is not None and len(self.holder[name]) > 1:
                del self.holder[name][self.index]
            else:
                del self.holder[name]


@dataclass(frozen=True, slots=True)
class Step:
    """An element ``name``, or a ``function``; then ``position``, if that is not None."""

    name: str = ""
    function: str = ""
    argument: str = ""
    criteria: tuple[tuple["Path", Any], ...] = ()
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A chain of steps."""

    steps: tuple[Step, ...]

    def nodes(self, types: Definitions, tree: dict[str, Any]) -> list[Node]:
        """Return the places that the path names, in order."""
        name = tree["resourceType"]
        found = [Node(tree, name, {}, "", None, None)]
        for number, step in enumerate(self.steps):
            if number or step.name != name:
                found = _after(types, found, step)
            if step.position is not None:
                found = found[step.position :][:1]
        return found

    def values(self, types: Definitions, node: Node) -> list[Any]:
        """Return the values that the path names below a node."""
        found = [node]
        for step in self.steps:
            found = _after(types, found, step)
            if step.position is not None:
                found = found[step.position :][:1]
        return [one.value for one in found]


def _after(types: Definitions, found: list[Node], step: Step) -> list[Node]:
    if step.name:
        return [child for node in found for child in _children(types, node, step.name)]
    if step.function in ("first", "last"):
        return found[:1] if step.function == "first" else found[-1:]
    if step.function == "extension":
        inner = [child for node in found for child in _children(types, node, "extension")]
        return [node for node in inner if node.value.get("url") == step.argument]
    if step.function == "ofType":
        return [node for node in found if node.type_name == step.argument]
    return [
        node
        for node in found
        if all(any(_equals(value, wanted) for value in path.values(types, node)) for path, wanted in step.criteria)
    ]


def _equals(value: Any, wanted: Any) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _children(types: Definitions, node: Node, name: str) -> Iterator[Node]:
    """Yield the elements of this name below a node; a choice goes by its name without the type."""
    holder = node.value
    if not isinstance(holder, dict) or node.type_name not in types:
        return
    for member in types[node.type_name].members.values():
        if name not in (member.name, member.element.name.removesuffix("[x]")) or member.name not in holder:
            continue
        value = holder[member.name]
        for index, one in enumerate(value) if isinstance(value, list) else ((None, value),):
            kind = one.get("resourceType", "") if isinstance(one, dict) and member.type == "Resource" else member.type
            yield Node(one, kind, holder, node.type_name, member, index)


def parse_path(text: str, place: str) -> Path:
    """Return the path in ``text``; ``place`` is where it stands. Raises: BadRequestError, when it says more than these do."""
    try:
        parser = _Parser(text)
        path = parser.path()
        parser.take("end")
    except _NotReadError as error:
        message = "A path is made of element names with [n], first(), last(), where(a = 'b'), extension('url') and ofType(Type)."
        raise BadRequestError(message, expression=place) from error
    return path


class _NotReadError(Exception):
    """The path is not one of the form that is understood."""


class _Parser:
    """A recursive-descent parser over the tokens of a path."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        if end > _LENGTH_MAX:
            raise _NotReadError
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise _NotReadError
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        self.tokens.append(("end", ""))
        self.at = 0

    def peek(self) -> str:
        """Return the next token: its text if it is a sign, else its kind."""
        kind, text = self.tokens[self.at]
        return text if kind == "sign" else kind

    def take(self, wanted: str) -> str:
        """Return the text of the next token, which has to be of this kind or this sign."""
        if self.peek() != wanted:
            raise _NotReadError
        self.at += 1
        return self.tokens[self.at - 1][1]

    def path(self) -> Path:
        """Read steps with dots between them."""
        steps = [self.step()]
        while self.peek() == ".":
            self.take(".")
            steps.append(self.step())
        return Path(tuple(steps))

    def step(self) -> Step:
        """Read a name or a function, and the place in brackets after it."""
        name = self.take("name").strip("`")
        if self.peek() != "(":
            return Step(name, position=self.position())
        self.take("(")
        readers: dict[str, Callable[[], tuple[str, tuple[tuple[Path, Any], ...]]]] = {
            "first": lambda: ("", ()),
            "last": lambda: ("", ()),
            "extension": lambda: (self.text(), ()),
            "ofType": lambda: (self.take("name"), ()),
            "where": lambda: ("", self.criteria()),
        }
        if name not in readers:
            raise _NotReadError
        argument, criteria = readers[name]()
        self.take(")")
        return Step("", name, argument, criteria, self.position())

    def position(self) -> int | None:
        """Read ``[n]``, if it is there."""
        if self.peek() != "[":
            return None
        self.take("[")
        number = self.take("number")
        self.take("]")
        if not number.isdigit():
            raise _NotReadError
        return int(number)

    def text(self) -> str:
        """Read a text in quotes."""
        return re.sub(r"\\(.)", r"\1", self.take("text")[1:-1])

    def criteria(self) -> tuple[tuple[Path, Any], ...]:
        """Read comparisons with ``and`` between them."""
        found = [self.comparison()]
        while self.tokens[self.at] == ("name", "and"):
            self.at += 1
            found.append(self.comparison())
        return tuple(found)

    def comparison(self) -> tuple[Path, Any]:
        """Read ``path = value``."""
        path = self.path()
        self.take("=")
        kind = self.peek()
        if kind == "text":
            return path, self.text()
        if kind == "number":
            return path, Decimal(self.take("number"))
        word = self.take("name")
        if word not in ("true", "false"):
            raise _NotReadError
        return path, word == "true"
