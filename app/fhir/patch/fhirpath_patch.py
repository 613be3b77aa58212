"""FHIRPath Patch: a Parameters resource that says what to add, insert, delete, replace and move.

A path is a chain of element names with ``[n]``, ``first()``, ``last()``, ``where(a.b = 'c' and ...)``, ``extension('url')``
and ``ofType(Type)``; the specification asks for no more than such simple paths. JSON keeps the extensions of primitive values
in a member of their own (``_given`` beside ``given``), which goes along.

Spec: https://hl7.org/fhir/R4/fhirpatch.html
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from app.errors import BadRequestError, UnprocessableError
from app.fhir.patch.json_patch import OPERATIONS_MAX, Patch
from app.fhir.patch.paths import Node, Path, parse_path
from app.fhir.release import Release
from app.fhir.releases.definitions import Definitions, Member, definitions

_NEEDED = {
    "add": ("path", "name", "value"),
    "insert": ("path", "value", "index"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation; ``value`` is the part that holds it."""

    number: int
    type: str
    path: Path
    name: str
    value: dict[str, Any]
    index: int
    source: int
    destination: int


def read(release: Release, parameters: dict[str, Any]) -> Patch:
    """Return what a valid Parameters resource does to a tree. Raises: BadRequestError, when it is no FHIRPath Patch."""
    given = parameters.get("parameter", [])
    if not given or len(given) > OPERATIONS_MAX:
        message = f"A FHIRPath Patch has 1 to {OPERATIONS_MAX} parameters named operation."
        raise BadRequestError(message)
    operations = [_operation(number, parameter) for number, parameter in enumerate(given)]

    def apply(tree: dict[str, Any]) -> dict[str, Any]:
        for operation in operations:
            _Patched(definitions(release), tree, operation).do()
        return tree

    return apply


def _operation(number: int, parameter: dict[str, Any]) -> _Operation:
    place = f"Parameters.parameter[{number}]"
    parts = {part["name"]: part for part in parameter.get("part", [])}
    kind = _simple(parts.get("type", {}))
    if parameter["name"] != "operation" or kind not in _NEEDED:
        message = f"This has to be an operation with a type: {', '.join(_NEEDED)}."
        raise BadRequestError(message, expression=place)
    for name in _NEEDED[kind]:
        if name not in parts:
            message = f"The operation {kind} needs a part {name}."
            raise BadRequestError(message, expression=place)
    numbers = {}
    for name in ("index", "source", "destination"):
        value = _simple(parts[name]) if name in parts else 0
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            message = f"The part {name} takes a valueInteger from 0."
            raise BadRequestError(message, expression=place)
        numbers[name] = value
    path, name = _simple(parts["path"]), _simple(parts.get("name", {}))
    if not isinstance(path, str) or (kind == "add" and not isinstance(name, str)):
        message = "The parts path and name take a valueString."
        raise BadRequestError(message, expression=place)
    return _Operation(number, kind, parse_path(path, place), str(name), parts.get("value", {}), **numbers)


def _simple(part: dict[str, Any]) -> Any:
    """Return the ``value[x]`` of a part, None without one."""
    return next((value for name, value in part.items() if name.startswith("value")), None)


class _Patched:
    """A tree under one operation."""

    def __init__(self, types: Definitions, tree: dict[str, Any], operation: _Operation) -> None:
        self.types = types
        self.tree = tree
        self.operation = operation

    def do(self) -> None:
        """Do it. Raises: UnprocessableError, when it does not fit the tree."""
        kind = self.operation.type
        if kind == "add":
            self.add()
        elif kind == "delete":
            found = self.operation.path.nodes(self.types, self.tree)
            if found:  # to delete what is not there is no error
                self.single(found).take_out()
        elif kind == "replace":
            self.replace()
        else:
            self.in_list()

    def error(self, text: str) -> UnprocessableError:
        """Return the error that names the operation."""
        return UnprocessableError(text, expression=f"Parameters.parameter[{self.operation.number}]")

    def single(self, found: list[Node]) -> Node:
        """Return the one element that the path names."""
        if len(found) != 1:
            raise self.error(f"The path has to lead to one element; it leads to {len(found)}.")
        if found[0].member is None and self.operation.type != "add":
            raise self.error("The resource as a whole is deleted and replaced by the interactions of these names.")
        return found[0]

    def add(self) -> None:
        """Set an element that is not there, or append to a list."""
        node = self.single(self.operation.path.nodes(self.types, self.tree))
        holder = node.value
        if not isinstance(holder, dict):
            raise self.error("Nothing can be added to a primitive value.")
        member = self.member(node.type_name, self.operation.name, self.operation.value)
        value = self.value(self.operation.value, member)
        if member.element.many:
            holder.setdefault(member.name, []).append(value)
            if (siblings := holder.get(f"_{member.name}")) is not None:
                siblings.append(None)
        elif any(other.name in holder for other in member.element.members()):
            raise self.error(f"There is a {self.operation.name} already; replace it.")
        else:
            holder[member.name] = value

    def replace(self) -> None:
        """Put a value in the place of another; of a choice it may have another type."""
        node = self.single(self.operation.path.nodes(self.types, self.tree))
        old = node.member
        if old is None:
            raise self.error("The resource as a whole can't be replaced.")
        name = old.element.name.removesuffix("[x]")
        member = self.member(node.holder_type, name, self.operation.value)
        value = self.value(self.operation.value, member)
        if node.index is not None:
            node.holder[old.name][node.index] = value
            if (siblings := node.holder.get(f"_{old.name}")) is not None:
                siblings[node.index] = None
            return
        node.take_out()
        node.holder[member.name] = value

    def in_list(self) -> None:
        """Insert into a list, or move within it."""
        *above, last = self.operation.path.steps
        if last.position is not None or last.function:
            raise self.error("The path has to name a list, without a place in it.")
        node = self.single_holder(Path(tuple(above)))
        member = self.member(node.type_name, last.name, self.operation.value)
        if not member.element.many or not isinstance(node.value, dict):
            raise self.error("The path has to name a list.")
        items = node.value.setdefault(member.name, [])
        siblings = node.value.get(f"_{member.name}")
        operation = self.operation
        if operation.type == "insert":
            if operation.index > len(items):
                raise self.error("The list is shorter than that.")
            items.insert(operation.index, self.value(operation.value, member))
            if siblings is not None:
                siblings.insert(operation.index, None)
            return
        if max(operation.source, operation.destination) >= len(items):
            raise self.error("The list is shorter than that.")
        for one in (items, siblings):
            if one is not None:
                one.insert(operation.destination, one.pop(operation.source))

    def single_holder(self, path: Path) -> Node:
        """Return the one element that has the list."""
        found = path.nodes(self.types, self.tree)
        if len(found) != 1:
            raise self.error(f"The path has to lead to one list; it leads to {len(found)}.")
        return found[0]

    def member(self, type_name: str, name: str, part: dict[str, Any]) -> Member:
        """Return the member of a type that a name means; a choice is named by the type of its value."""
        members = self.types[type_name].members if type_name in self.types else {}
        found = members.get(name)
        if found is None:
            suffix = next((key.removeprefix("value") for key in part if key.startswith("value")), "")
            found = members.get(f"{name}{suffix}")
            if found is None or not found.element.is_choice:
                raise self.error(f"There is no such element as {name}, or it does not take this type.")
        return found

    def value(self, part: dict[str, Any], member: Member) -> Any:
        """Return the value in a part: simple, a data type, a resource, or an element made of parts."""
        if "part" in part:
            made: dict[str, Any] = {}
            for inner in part["part"]:
                wanted = self.member(member.type, inner["name"], inner)
                one = self.value(inner, wanted)
                if wanted.element.many:
                    made.setdefault(wanted.name, []).append(one)
                else:
                    made[wanted.name] = one
            return made
        value = part.get("resource", _simple(part))
        if value is None:
            raise self.error("The part value holds no value.")
        return deepcopy(value)
