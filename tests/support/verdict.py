"""What Regie says about a resource: the errors that would have it refused, or that ``$validate`` tells."""

from typing import Any

import msgspec

from app.errors import InvalidResourceError, MalformedError
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import parse

DEPTH_MAX = 60
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def errors_of_regie(profiles: Profiles, tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the errors as pairs of place and sentence: those of structure, or else those of rules and profiles."""
    try:
        parsed = parse(profiles.release, encoded(tree), maximum_depth=DEPTH_MAX)
    except (InvalidResourceError, MalformedError) as error:
        return [(one.expression or "", one.diagnostics) for one in error.issues]
    found = broken_rules(profiles.release, parsed, parsed.resource_type) + profiles.validate(tree)
    return [(one.expression or "", one.diagnostics) for one in found if one.severity == "error"]


def encoded(tree: dict[str, Any]) -> bytes:
    """Return a resource as JSON; decimals keep their digits."""
    return _ENCODER.encode(tree)
