"""Everything that is wrong with the structure of a resource, each finding with its place.

This has the last word on validity and is complete: every rule is here, ``acceptance.py`` only answers sooner. A finding
names elements and says what is allowed; it never repeats a value, since a message may end up in a log.

Spec: https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/R4/validation.html, https://hl7.org/fhir/STU3/json.html
"""

import re
from collections.abc import Mapping
from typing import Any

from app.errors import MalformedError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.definitions import Element, Member, TypeDefinition, definitions
from app.fhir.validation.narrative import EXPLANATION, is_safe_narrative
from app.fhir.validation.primitives import FORMS, is_of_json_type, is_valid, json_type
from app.fhir.validation.references import is_absolute, target_type

ISSUES_MAX = 50
CODES_SHOWN_MAX = 20
_SAFE_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")


def find_issues(
    release: Release,
    tree: dict[str, Any],
    *,
    location: str | None = None,
    maximum_depth: int,
    skip_entry_resources: bool = False,
) -> list[Issue]:
    """Return all findings about ``tree``, at most ISSUES_MAX; empty if it is valid. Its resourceType must be known.

    ``skip_entry_resources`` leaves out the resources in a Bundle, for who validates them one by one.
    Raises: MalformedError, if arrays and objects are nested deeper than ``maximum_depth``.
    """
    search = _Search(release, maximum_depth, skip_entry_resources=skip_entry_resources)
    search.resource(tree, location or tree["resourceType"], 1)
    return search.found


class _Search:
    """One walk over a resource, and what it found."""

    def __init__(self, release: Release, maximum_depth: int, *, skip_entry_resources: bool) -> None:
        self.types = definitions(release)
        self.maximum_depth = maximum_depth
        self.skip_entry_resources = skip_entry_resources
        self.found: list[Issue] = []

    def add(self, code: str, path: str, diagnostics: str) -> None:
        """Note a finding, as long as there is room."""
        if len(self.found) < ISSUES_MAX:
            self.found.append(Issue("error", code, diagnostics, path))

    def go_deeper(self, path: str, depth: int) -> bool:
        """Return whether there is room for more findings. Raises: MalformedError, if it is too deep."""
        if depth > self.maximum_depth:
            message = f"Objects and arrays are nested deeper than {self.maximum_depth} levels."
            raise MalformedError([Issue("error", "structure", message, path)])
        return len(self.found) < ISSUES_MAX

    def resource(self, node: Any, path: str, depth: int, *, is_contained: bool = False) -> None:
        """Check a resource of whatever type it says it is."""
        if not isinstance(node, dict):
            self.add("structure", path, f"{_last(path)} must be a resource, a JSON object.")
            return
        name = node.get("resourceType")
        if not isinstance(name, str) or name not in self.types.resource_types:
            self.add("structure", path, f"{_last(path)} must have a resourceType of this FHIR release.")
            return
        if is_contained and "contained" in node:
            self.add("structure", f"{path}.contained", "A contained resource can't contain resources itself.")
        self.object(self.types[name], node, path, depth)

    def object(self, kind: TypeDefinition, node: Any, path: str, depth: int) -> None:
        """Check a value of a complex type."""
        if not isinstance(node, dict):
            self.add("structure", path, f"{_last(path)} must be a JSON object.")
            return
        if not node:
            self.add("structure", path, f"{_last(path)} must not be empty.")
            return
        if not self.go_deeper(path, depth):
            return
        for name, value in node.items():
            if name == "resourceType" and kind.is_resource:
                continue
            member = kind.members.get(name)
            if member is not None:
                self.member(member, value, node, f"{path}.{name}", depth)
            elif name.startswith("_") and (sibling := kind.members.get(name[1:])) and sibling.has_sibling:
                self.sibling(sibling, value, f"{path}.{name[1:]}", depth)
            else:
                self.unknown(kind, name, path)
        for element, members in kind.counted:
            self.occurrence(element, members, node, path)
        if kind.name == "Reference":
            self.reference_content(node, path)

    def unknown(self, kind: TypeDefinition, name: str, path: str) -> None:
        """Report a member that the type doesn't have; its name is repeated only if it looks like an element."""
        if _SAFE_NAME.fullmatch(name):
            self.add("structure", f"{path}.{name}", f"{kind.name} has no element {name}.")
        else:
            self.add("structure", path, f"{kind.name} has a member that is not the name of an element.")

    def member(self, member: Member, value: Any, parent: dict[str, Any], path: str, depth: int) -> None:
        """Check one member with all its repetitions."""
        if value is None:
            self.add("structure", path, f"{_last(path)} must not be null: leave it out.")
            return
        if not member.element.many:
            if isinstance(value, list):
                self.add("structure", path, f"{_last(path)} must not be an array: it occurs once.")
            else:
                self.single(member, value, path, depth)
            return
        if not isinstance(value, list):
            self.add("structure", path, f"{_last(path)} must be an array: it may repeat.")
            return
        if not value:
            self.add("structure", path, f"{_last(path)} must not be an empty array.")
        if not self.go_deeper(path, depth + 1):
            return
        siblings = parent.get(f"_{member.name}")
        for index, item in enumerate(value):
            if len(self.found) >= ISSUES_MAX:
                return
            if item is None and member.has_sibling:
                has_partner = isinstance(siblings, list) and index < len(siblings) and siblings[index]
                if not has_partner:
                    self.add(
                        "structure", f"{path}[{index}]", f"null in {_last(path)} needs an object in _{_last(path)}."
                    )
            else:
                self.single(member, item, f"{path}[{index}]", depth + 1)

    def single(self, member: Member, value: Any, path: str, depth: int) -> None:
        """Check one occurrence of a member."""
        if member.is_primitive:
            self.primitive(member, value, path)
        elif member.type == "Resource":
            if not (self.skip_entry_resources and path.startswith("Bundle.entry[") and member.name == "resource"):
                self.resource(value, path, depth + 1, is_contained=member.name == "contained")
        else:
            self.object(self.types[member.type], value, path, depth + 1)
            if isinstance(value, dict):
                self.targets(member, value, path)
                self.concept(member.element, member.type, value, path)

    def primitive(self, member: Member, value: Any, path: str) -> None:
        """Check a string, number or boolean, and its code where a binding is required."""
        if not is_of_json_type(member.type, value):
            self.add("structure", path, f"{_last(path)} must be a JSON {json_type(member.type)}.")
        elif not is_valid(member.type, value):
            self.add("value", path, f"{_last(path)} must be {FORMS[member.type]}.")
        elif member.type == "xhtml" and not is_safe_narrative(value):
            self.add("invalid", path, f"{_last(path)} {EXPLANATION}.")
        elif member.type == "code" and member.element.codes:
            allowed = frozenset[str]().union(*member.element.codes.values())
            if value not in allowed:
                self.add("code-invalid", path, f"{_last(path)} must be one of {_shown(allowed)}.")

    def sibling(self, member: Member, value: Any, path: str, depth: int) -> None:
        """Check ``_name``: the id and extensions of a primitive, or an array of them."""
        element = self.types["Element"]
        if value is None:
            self.add("structure", path, f"_{_last(path)} must not be null: leave it out.")
            return
        if not member.element.many:
            if isinstance(value, dict):
                self.object(element, value, path, depth + 1)
            else:
                self.add("structure", path, f"_{_last(path)} must be a JSON object.")
            return
        if not isinstance(value, list) or not value:
            self.add("structure", path, f"_{_last(path)} must be an array that is not empty.")
            return
        if not any(value):
            self.add("structure", path, f"_{_last(path)} must not hold null only.")
        if not self.go_deeper(path, depth + 1):
            return
        for index, item in enumerate(value):
            if item is not None:
                self.object(element, item, f"{path}[{index}]", depth + 2)

    def occurrence(self, element: Element, members: tuple[Member, ...], node: dict[str, Any], path: str) -> None:
        """Check that a required element is there, and a choice is made only once."""
        present = [member for member in members if member.name in node or f"_{member.name}" in node]
        if len(present) > 1:
            names = ", ".join(member.name for member in present)
            self.add("structure", path, f"Only one of {names} can be present.")
        if element.required and not any(_counts(member, node) for member in present):
            self.add("required", f"{path}.{element.name.removesuffix('[x]')}", f"{element.name} is required.")

    def reference_content(self, node: dict[str, Any], path: str) -> None:
        """Check that a Reference says something about what it refers to."""
        if not node.keys() & {"reference", "_reference", "identifier", "display", "_display", "extension"}:
            self.add("required", path, "A Reference needs a reference, an identifier or a display.")

    def targets(self, member: Member, value: dict[str, Any], path: str) -> None:
        """Check that a literal reference names a type that the element may refer to."""
        reference = value.get("reference")
        if member.type != "Reference" or not isinstance(reference, str):
            return
        if not refers_to_allowed_type(reference, member.element.targets, self.types.reference_targets):
            allowed = f"one of {_shown(member.element.targets)}" if member.element.targets else "a resource type"
            self.add("value", f"{path}.reference", f"{_last(path)} must refer to {allowed}.")

    def concept(self, element: Element, kind: str, value: dict[str, Any], path: str) -> None:
        """Check a required binding of a Coding or CodeableConcept: one of its codings must be from the list."""
        if element.codes and not has_allowed_coding(kind, value, element.codes):
            allowed = frozenset[str]().union(*element.codes.values())
            self.add("code-invalid", path, f"{_last(path)} must have a code that is one of {_shown(allowed)}.")


def refers_to_allowed_type(reference: str, targets: frozenset[str], known: frozenset[str]) -> bool:
    """Return whether a reference may stand where only ``targets`` may (any type if that is empty).

    Only a literal reference tells its type; an absolute URL may also be of a server that names things otherwise.
    """
    name = target_type(reference)
    if name is None:
        return True
    if name not in known:
        return is_absolute(reference)
    return not targets or name in targets


def has_allowed_coding(kind: str, value: dict[str, Any], codes: Mapping[str, frozenset[str]]) -> bool:
    """Return whether a Coding, or one in a CodeableConcept, is from ``codes``; an extension may stand instead of a code.

    A Coding without a system is taken to mean one of the listed systems, as published examples do.
    """
    codings = value.get("coding", []) if kind == "CodeableConcept" else [value]
    if not isinstance(codings, list) or not all(isinstance(coding, dict) for coding in codings):
        return True  # reported as a fault of structure
    every = frozenset[str]().union(*codes.values())
    for coding in codings:
        listed = codes.get(str(coding["system"]), frozenset()) if "system" in coding else every
        if str(coding.get("code")) in listed:
            return True
    return "extension" in value and not any("code" in coding for coding in codings)


def _counts(member: Member, node: dict[str, Any]) -> bool:
    """Return whether the member fulfils "required": a value, or extensions in place of the value of a primitive."""
    if member.name in node:
        return True
    sibling = node.get(f"_{member.name}")
    parts = sibling if isinstance(sibling, list) else [sibling]
    return any(isinstance(part, dict) and "extension" in part for part in parts)


def _last(path: str) -> str:
    """Return the last name of an expression, without an index."""
    return re.sub(r"\[\d+\]$", "", path).rpartition(".")[2] or path


def _shown(names: frozenset[str]) -> str:
    """Return allowed codes or types for a sentence, shortened if there are many."""
    ordered = sorted(names)
    more = ", ..." if len(ordered) > CODES_SHOWN_MAX else ""
    return ", ".join(ordered[:CODES_SHOWN_MAX]) + more
