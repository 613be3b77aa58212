"""Any error -> OperationOutcome, in the words of the release.

Spec: https://hl7.org/fhir/R4/operationoutcome.html, https://hl7.org/fhir/STU3/operationoutcome.html
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from app.errors import RegieError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.interactions.repeat import issues_of

_encode = msgspec.json.Encoder().encode
_STU3_CODES = {"multiple-matches": "duplicate", "deleted": "not-found"}
"""Issue codes that STU3 does not have, and what it has for them."""


def outcome_tree(release: Release, issues: Iterable[Issue]) -> dict[str, Any]:
    """Return the OperationOutcome as a tree; it has at least one issue."""
    shown = []
    for issue in issues:
        code = _STU3_CODES.get(issue.code, issue.code) if release is Release.STU3 else issue.code
        one: dict[str, Any] = {"severity": issue.severity, "code": code, "diagnostics": issue.diagnostics}
        if issue.expression:
            one["expression"] = [issue.expression]
        shown.append(one)
    return {"resourceType": "OperationOutcome", "issue": shown}


def outcome_body(release: Release, issues: Iterable[Issue]) -> bytes:
    """Return the OperationOutcome as JSON."""
    return _encode(outcome_tree(release, issues))


def error_body(release: Release, error: RegieError) -> bytes:
    """Return what a caller is told of an error."""
    return outcome_body(release, issues_of(error))


def unforeseen_body(release: Release, request_id: str) -> bytes:
    """Return what a caller is told of a fault of ours: where to ask, and nothing else."""
    text = f"Something went wrong here. It was logged as request {request_id}."
    return outcome_body(release, [Issue("fatal", "exception", text)])
