"""JSON Patch on a resource's tree.

Spec: https://www.rfc-editor.org/rfc/rfc6902, https://hl7.org/fhir/R4/http.html#patch, https://hl7.org/fhir/STU3/http.html#patch
"""

import re
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import msgspec

from app.errors import BadRequestError, UnprocessableError

Patch = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns the tree as the patch makes it. Raises: UnprocessableError, when it can't be applied to this tree."""

OPERATIONS_MAX = 1000
NODES_MAX = 100_000
"""How much all ``copy`` of a patch together may add: each may double what is there."""
_DEPTH_MAX = 60
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_decode = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal).decode
_MEMBERS = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "move": ("from",),
    "copy": ("from",),
    "test": ("value",),
}


def read(body: bytes) -> Patch:
    """Return what a patch document does. Raises: BadRequestError, when it is none."""
    try:
        operations = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = "A JSON Patch is an array of objects."
        raise BadRequestError(message) from error
    if len(operations) > OPERATIONS_MAX:
        message = f"A patch may have {OPERATIONS_MAX} operations here."
        raise BadRequestError(message)
    for number, operation in enumerate(operations):
        _check(number, operation)

    def apply(tree: dict[str, Any]) -> dict[str, Any]:
        document = _Document(tree)
        for number, operation in enumerate(operations):
            document.do(number, operation)
        if not isinstance(document.root, dict):
            message = "The patch leaves no resource."
            raise UnprocessableError(message)
        return document.root

    return apply


def _check(number: int, operation: dict[str, Any]) -> None:
    """Refuse an operation that is not one. Raises: BadRequestError."""
    name = operation.get("op")
    if not isinstance(name, str) or name not in _MEMBERS:
        message = f"Operation {number} has no op that JSON Patch knows."
        raise BadRequestError(message)
    for member in ("path", *_MEMBERS[name]):
        if member not in operation:
            message = f"Operation {number} needs a {member}."
            raise BadRequestError(message)
    for member in ("path", "from"):
        pointer = operation.get(member, "")
        if not isinstance(pointer, str) or (pointer and pointer[0] != "/") or re.search("~(?![01])", pointer):
            message = f"The {member} of operation {number} is not a JSON Pointer."
            raise BadRequestError(message)


def _tokens(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


class _Document:
    """A tree while it is patched."""

    def __init__(self, tree: Any) -> None:
        self.root = tree
        self.room = NODES_MAX

    def do(self, number: int, operation: dict[str, Any]) -> None:
        """Do one operation. Raises: UnprocessableError, with its number."""
        name, path = operation["op"], _tokens(operation["path"])
        try:
            if name == "test":
                if not same(self.get(path), operation["value"]):
                    message = "The value is another one."
                    raise _NotPossibleError(message)
            elif name == "remove":
                self.remove(path)
            elif name == "replace":
                self.get(path)
                self.put(path, deepcopy(operation["value"]), replace=True)
            elif name == "add":
                self.put(path, self.measured(operation["value"], len(path)))
            else:
                source = _tokens(operation["from"])
                if name == "move" and path[: len(source)] == source and path != source:
                    message = "What is moved can't go into itself."
                    raise _NotPossibleError(message)
                value = self.measured(self.get(source), len(path))
                if name == "move":
                    self.remove(source)
                self.put(path, value)
        except _NotPossibleError as error:
            message = f"Operation {number} ({name}) can't be done: {error}"
            raise UnprocessableError(message) from error

    def measured(self, value: Any, above: int) -> Any:
        """Return a copy of a value that is not too large and not too deep for its place."""
        todo = [(value, above)]
        while todo:
            node, depth = todo.pop()
            self.room -= 1
            if self.room < 0 or depth > _DEPTH_MAX:
                message = "The outcome would be too large."
                raise _NotPossibleError(message)
            items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            todo += [(item, depth + 1) for item in items]
        return deepcopy(value)

    def get(self, path: list[str]) -> Any:
        """Return what stands at a path."""
        node = self.root
        for token in path:
            node = _child(node, token)
        return node

    def put(self, path: list[str], value: Any, *, replace: bool = False) -> None:
        """Add a value at a path: into a list before what is there."""
        if not path:
            self.root = value
            return
        holder = self.get(path[:-1])
        if isinstance(holder, dict):
            holder[path[-1]] = value
        elif isinstance(holder, list) and replace:
            holder[_index(path[-1], len(holder))] = value
        elif isinstance(holder, list):
            holder.insert(len(holder) if path[-1] == "-" else _index(path[-1], len(holder) + 1), value)
        else:
            message = "The path leads into a value."
            raise _NotPossibleError(message)

    def remove(self, path: list[str]) -> None:
        """Take out what stands at a path."""
        if not path:
            self.root = None
            return
        holder = self.get(path[:-1])
        _child(holder, path[-1])
        del holder[path[-1] if isinstance(holder, dict) else int(path[-1])]


class _NotPossibleError(Exception):
    """An operation that does not fit the tree."""


def _child(node: Any, token: str) -> Any:
    if isinstance(node, dict) and token in node:
        return node[token]
    if isinstance(node, list):
        return node[_index(token, len(node))]
    message = "There is nothing at the path."
    raise _NotPossibleError(message)


def _index(token: str, length: int) -> int:
    if _INDEX.fullmatch(token) is None or int(token) >= length:
        message = "The list has no such place."
        raise _NotPossibleError(message)
    return int(token)


def same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; numbers by value, and ``true`` is no number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
