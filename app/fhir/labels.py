"""The label by which a person says that something of theirs is sensitive: of either release; pure.

Spec: https://hl7.org/fhir/R4/security-labels.html, https://hl7.org/fhir/STU3/security-labels.html
"""

from app.fhir.elements import Tree, listed
from app.fhir.release import Release

CONFIDENTIALITY = {
    Release.STU3: "http://hl7.org/fhir/v3/Confidentiality",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
}
_RESTRICTED, _VERY_RESTRICTED = "R", "V"


def is_restricted(tree: Tree) -> bool:
    """Return whether its person said that it is sensitive."""
    labels = listed((tree.get("meta") or {}).get("security"))
    known = {(system, code) for system in CONFIDENTIALITY.values() for code in (_RESTRICTED, _VERY_RESTRICTED)}
    return any((one.get("system"), one.get("code")) in known for one in labels)


def with_label(tree: Tree, release: Release, *, is_sensitive: bool) -> Tree:
    """Return a resource with the label that says it is sensitive, or without; other labels stay."""
    if is_restricted(tree) == is_sensitive:
        return tree
    meta = dict(tree.get("meta") or {})
    others = [one for one in listed(meta.pop("security", None)) if one.get("system") not in CONFIDENTIALITY.values()]
    label = [{"system": CONFIDENTIALITY[release], "code": _RESTRICTED}] if is_sensitive else []
    security = {"security": [*others, *label]} if others or label else {}
    return {**tree, "meta": {**meta, **security}}
