"""An entry of the log as a FHIR AuditEvent, in either release.

Spec: https://hl7.org/fhir/R4/auditevent.html, https://hl7.org/fhir/STU3/auditevent.html
"""

from typing import Any

from app.audit.log import LogEntry
from app.fhir.release import Release

_DICOM = {
    Release.STU3: "http://dicom.nema.org/resources/ontology/DCM",
    Release.R4: "http://dicom.nema.org/resources/ontology/DCM",
}
_REST = {Release.STU3: "http://hl7.org/fhir/restful-interaction", Release.R4: "http://hl7.org/fhir/restful-interaction"}
_TYPE = {
    Release.STU3: "http://hl7.org/fhir/audit-event-type",
    Release.R4: "http://terminology.hl7.org/CodeSystem/audit-event-type",
}
_ACTIONS = {"create": "C", "update": "U", "patch": "U", "delete": "D", "read": "R", "vread": "R"}
_INTERACTIONS = frozenset(
    "create read vread update patch delete history-instance history-type history-system search-type batch transaction operation".split()
)


def audit_event_tree(release: Release, entry: LogEntry, recorded: str) -> dict[str, Any]:
    """Return the AuditEvent; ``recorded`` is the instant as FHIR text. Its id is the entry's number in the chain."""
    event = entry.event
    refused = event.outcome != "success"
    agent: dict[str, Any] = {"requestor": True, "name": event.display or event.actor or "unknown"}
    identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:regie:{event.actor or 'unknown'}"}
    if release is Release.R4:
        agent["who"] = {"identifier": identifier, "display": event.display or event.actor or "unknown"}
        agent["altId"] = event.client or event.actor or "unknown"
    else:
        agent["userId"] = identifier
        agent["altId"] = event.client or event.actor or "unknown"
    if event.address:
        agent["network"] = {"address": event.address, "type": "2"}
    if event.ground:
        agent["policy"] = [f"urn:regie:{event.ground.replace(', ', '+').replace(' ', ':')}"]
    tree: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(entry.n),
        "type": {"system": _TYPE[release], "code": "rest", "display": "RESTful Operation"},
        "action": _ACTIONS.get(event.action, "E"),
        "recorded": recorded,
        "outcome": "4" if refused else "0",
        "agent": [agent],
        "source": {"site": "Regie"},
    }
    interaction = event.action if event.action in _INTERACTIONS else event.action.partition("-")[0]
    if interaction in _INTERACTIONS:
        tree["subtype"] = [{"system": _REST[release], "code": interaction, "display": event.action}]
    else:
        tree["subtype"] = [{"system": "https://regie.example/fhir/CodeSystem/audit-action", "code": event.action}]
    if refused:
        tree["outcomeDesc"] = f"Refused with status {event.status}."
    if release is Release.R4:
        tree["source"]["observer"] = {"display": "Regie"}
    else:
        tree["source"]["identifier"] = {"system": "urn:ietf:rfc:3986", "value": "urn:regie:server"}
    entity = _entity(release, entry)
    if entity:
        tree["entity"] = [entity]
    return tree


def _entity(release: Release, entry: LogEntry) -> dict[str, Any]:
    """Return what was looked at or changed; a literal reference only where the event was about this release."""
    event = entry.event
    found: dict[str, Any] = {}
    if event.resource_type:
        found["name"] = event.resource_type
        if event.resource_id and event.release == release.path and event.resource_type != "AuditEvent":
            found["reference" if release is Release.STU3 else "what"] = {
                "reference": f"{event.resource_type}/{event.resource_id}",
                "display": event.resource_type,
            }
    details = {
        "count": str(event.count) if event.count else "",
        "request": event.request_id,
        "medmij-request": event.medmij_request_id,
        "correlation": event.correlation_id,
        "seq": str(event.seq) if event.seq else "",
    }
    key = "value" if release is Release.STU3 else "valueString"
    shown = [{"type": name, key: value} for name, value in details.items() if value]
    if release is Release.R4 and shown:
        found["detail"] = shown
    return found
