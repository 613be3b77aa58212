"""``translate``: a resource of one FHIR release as a resource of the other, and what it does not say any more.

The result is valid in the other release. Ids, versions and times are those of the original; ``meta.tag`` says that it was
translated, and from what.

Spec: https://hl7.org/fhir/R4/versions.html, https://hl7.org/fhir/R4/diff.html
"""

from dataclasses import dataclass
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import definitions
from app.fhir.translate.shape import Loss
from app.fhir.translate.tables import TRANSLATED
from app.fhir.translate.walk import Walk

__all__ = ["TRANSLATED_FROM", "Loss", "Translated", "is_translated", "other", "translate"]

TRANSLATED_FROM = "https://regie.example/fhir/CodeSystem/translated-from"
"""The code system of the tag on what was translated; its codes are ``stu3`` and ``r4``."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A resource in the other release, and what the original says besides."""

    tree: dict[str, Any]
    losses: tuple[Loss, ...]


def other(release: Release) -> Release:
    """Return the release that is not ``release``."""
    return Release.R4 if release is Release.STU3 else Release.STU3


def is_translated(resource_type: str) -> bool:
    """Return whether resources of this type can be told in the other release."""
    return resource_type in TRANSLATED


def translate(tree: dict[str, Any], source: Release, target: Release) -> Translated:
    """Return a valid resource of ``source`` as a valid resource of ``target``; ``tree`` is left as it is.

    Raises: ValueError, for a resource type that is not translated.
    """
    if source is target:
        return Translated(tree, ())
    resource_type = tree["resourceType"]
    if not is_translated(resource_type):
        message = f"{resource_type} is not translated."
        raise ValueError(message)
    known = definitions(target).resource_types
    lost = frozenset(f"#{one.get('id')}" for one in tree.get("contained", ()) if one["resourceType"] not in known)
    walk = Walk(source, target, lost)
    told = walk.resource(tree, resource_type)
    return Translated(_tagged(told, source, target), tuple(walk.losses))


def _tagged(tree: dict[str, Any], source: Release, target: Release) -> dict[str, Any]:
    """Return the resource with the tag that says what it was translated from, and without that of a way back."""
    meta = dict(tree.get("meta", {}))
    came_back = {"system": TRANSLATED_FROM, "code": target.path}
    tags = [tag for tag in meta.get("tag", []) if tag != came_back]
    meta["tag"] = [*tags, {"system": TRANSLATED_FROM, "code": source.path}]
    return {
        **{name: tree[name] for name in ("resourceType", "id") if name in tree},
        "meta": meta,
        **(tree | {"meta": meta}),
    }
