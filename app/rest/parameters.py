"""The Parameters of an operation called by POST, as the pairs that a query string would have: a Reference by what it refers to.

Spec: https://hl7.org/fhir/R4/operations.html#request, https://hl7.org/fhir/STU3/operations.html#request
"""

from app.errors import InvalidResourceError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.structure import parse


def parameter_pairs(release: Release, body: bytes) -> list[tuple[str, str]]:
    """Return (name, text) of each parameter, in order; none for an empty body.

    Raises: InvalidResourceError, also for a parameter that is no simple value; MalformedError.
    """
    if not body.strip():
        return []
    pairs = []
    for number, parameter in enumerate(parse(release, body, expected_type="Parameters").tree.get("parameter", ())):
        value = next((value for member, value in parameter.items() if member.startswith("value")), None)
        if "valueReference" in parameter:
            value = parameter["valueReference"].get("reference")
        if value is None or isinstance(value, dict):
            message = "The operations here take simple values only."
            raise InvalidResourceError([Issue("error", "not-supported", message, f"Parameters.parameter[{number}]")])
        pairs.append((parameter["name"], str(value).lower() if isinstance(value, bool) else str(value)))
    return pairs
