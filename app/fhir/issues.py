"""One finding about a resource or a request, as an OperationOutcome.issue will show it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """A finding with its place.

    ``code`` is from http://hl7.org/fhir/issue-type; ``expression`` a FHIRPath such as
    ``Observation.component[0].valueQuantity.value``, None where the fault has no place in a resource.
    ``diagnostics`` is one sentence that is safe to show: it may name elements and say what is allowed there,
    never repeat personal data.
    """

    severity: str
    code: str
    diagnostics: str
    expression: str | None = None
