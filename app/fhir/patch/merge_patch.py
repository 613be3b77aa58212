"""JSON Merge Patch on a resource's tree: members are set, ``null`` takes one out, lists are replaced as a whole.

Spec: https://www.rfc-editor.org/rfc/rfc7396
"""

from typing import Any

from app.errors import BadRequestError, MalformedError
from app.fhir.patch.json_patch import Patch
from app.fhir.validation.structure import DEPTH_MAX, decode


def read(body: bytes) -> Patch:
    """Return what a merge patch does. Raises: BadRequestError, when it is no object, or too deep."""
    try:
        patch = decode(body)
    except MalformedError as error:
        message = "A merge patch is a JSON object."
        raise BadRequestError(message) from error
    if body.count(b"{") > DEPTH_MAX and _depth(patch) > DEPTH_MAX:
        message = "Objects are nested too deep."
        raise BadRequestError(message)

    def apply(tree: dict[str, Any]) -> dict[str, Any]:
        return _merged(tree, patch)

    return apply


def _depth(patch: dict[str, Any]) -> int:
    """Return how many objects are inside each other."""
    depth, level = 0, [patch]
    while level:
        depth += 1
        level = [value for one in level for value in one.values() if isinstance(value, dict)]
    return depth


def _merged(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = _merged(merged.get(name), value)
        else:
            merged[name] = value
    return merged
