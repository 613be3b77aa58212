"""What is said beside the answer to a transaction: that somebody's request for a correction of the record was received.

The Dutch standard for such requests wants one entry more than was sent, an OperationOutcome with a text for the person.
"""

from collections.abc import Iterable
from http import HTTPStatus
from uuid import uuid4

import msgspec

from app.interactions.bundle_entries import Entry
from app.interactions.written import Written

CORRECTION = b'"http://nictiz.nl/fhir/StructureDefinition/dwv-PatientCorrectionsCommunication"'
_RECEIVED = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "information",
            "code": "informational",
            "details": {"text": "The request for a correction was received."},
        }
    ],
}


def receipts(entries: Iterable[Entry]) -> list[bytes]:
    """Return a further entry if a request for a correction was made; empty if none was."""
    if not any(_is_correction(entry.outcome) for entry in entries):
        return []
    entry = {"fullUrl": uuid4().urn, "resource": _RECEIVED, "response": {"status": "200 OK"}}
    return [msgspec.json.encode(entry)]


def _is_correction(outcome: object) -> bool:
    if not isinstance(outcome, Written) or outcome.status != HTTPStatus.CREATED:
        return False
    version = outcome.version
    return version.resource_type == "Communication" and CORRECTION in version.body
