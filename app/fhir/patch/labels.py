"""The change that ``$meta-add`` and ``$meta-delete`` make: profiles, security labels and tags, added or taken out.

It is a patch like the others, and makes a new version: a version that was written is never changed here. A security label may
move a resource into another category; who adds or takes one out has to be allowed to change the resource before and after.

Spec: https://hl7.org/fhir/R4/resource-operation-meta-add.html, https://hl7.org/fhir/STU3/resource-operations.html#meta-add
"""

from typing import Any

from app.errors import BadRequestError
from app.fhir.patch.json_patch import Patch
from app.fhir.release import Release
from app.fhir.validation.structure import parse

Meta = dict[str, Any]
_LISTS = ("profile", "security", "tag")


def _key(name: str, label: Any) -> Any:
    """Return what makes two labels the same one: a profile's URL, a coding's system and code."""
    return label if name == "profile" else (label.get("system"), label.get("code"))


def add_labels(meta: Meta, more: Meta) -> None:
    """Add to ``meta`` what it does not have of the labels of ``more``."""
    for name in _LISTS:
        known = {_key(name, label) for label in meta.get(name, ())}
        new = {_key(name, label): label for label in more.get(name, ()) if _key(name, label) not in known}
        if new:
            meta[name] = [*meta.get(name, ()), *new.values()]


def _take_out(meta: Meta, gone: Meta) -> None:
    for name in _LISTS:
        keys = {_key(name, label) for label in gone.get(name, ())}
        left = [label for label in meta.get(name, ()) if _key(name, label) not in keys]
        if left:
            meta[name] = left
        else:
            meta.pop(name, None)


def read(release: Release, body: bytes, *, adds: bool) -> Patch:
    """Return what ``$meta-add`` or ``$meta-delete`` with this body does to a resource's tree.

    Raises: InvalidResourceError, MalformedError, BadRequestError (no parameter ``meta``).
    """
    parameters = parse(release, body, expected_type="Parameters").tree.get("parameter", [])
    given = [one["valueMeta"] for one in parameters if one["name"] == "meta" and "valueMeta" in one]
    if len(given) != 1 or len(parameters) != 1:
        message = "This takes one parameter, meta, with a valueMeta."
        raise BadRequestError(message)
    labels: Meta = given[0]
    if labels.keys() - _LISTS or any(f"_{name}" in labels for name in _LISTS):
        message = "Of a meta profiles, security labels and tags can be added and deleted."
        raise BadRequestError(message)

    def apply(tree: dict[str, Any]) -> dict[str, Any]:
        meta = tree.setdefault("meta", {})
        if adds:
            add_labels(meta, labels)
        else:
            _take_out(meta, labels)
        return tree

    return apply
