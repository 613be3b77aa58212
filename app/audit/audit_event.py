"""An entry of the log as a FHIR AuditEvent, in either release.

Spec: https://hl7.org/fhir/R4/auditevent.html, https://hl7.org/fhir/STU3/auditevent.html
Which field of NEN 7513 is where: docs/audit.md.
"""

from base64 import b64encode
from typing import Any

from app.audit.events import PURPOSES, Event
from app.audit.log import LogEntry, practice_of
from app.fhir.release import Release

_OWN = "https://regie.example/fhir/CodeSystem/audit-action"
_URI = "urn:ietf:rfc:3986"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = "http://hl7.org/fhir/restful-interaction"
_HL7 = {Release.STU3: "http://hl7.org/fhir", Release.R4: "http://terminology.hl7.org/CodeSystem"}
_REASON = {
    Release.STU3: "http://hl7.org/fhir/v3/ActReason",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-ActReason",
}
_ACTIONS = {"create": "C", "update": "U", "patch": "U", "delete": "D", "read": "R", "vread": "R"}
_INTERACTIONS = frozenset(
    "create read vread update patch delete history-instance history-type history-system search-type batch transaction operation".split()
)
_LOGIN = ("110114", "User Authentication")
_RIGHTS = ("110113", "Security Alert")
_KINDS = {
    "login": _LOGIN,
    "logout": _LOGIN,
    "log": ("110101", "Audit Log Used"),
    "export": ("110106", "Export"),
    "import": ("110107", "Import"),
    "import-resources": ("110107", "Import"),
    "grant": _RIGHTS,
    "change-grant": _RIGHTS,
    "withdraw": _RIGHTS,
    "invite": _RIGHTS,
    "represent": _LOGIN,
    "login-changed": _RIGHTS,
    "time-zone": ("110131", "Software Configuration"),
}


def audit_event_tree(release: Release, entry: LogEntry, recorded: str) -> dict[str, Any]:
    """Return the AuditEvent; ``recorded`` is the instant as FHIR text. Its id is the entry's number in the chain."""
    event = entry.event
    refused = event.outcome != "success"
    purpose = event.purpose or PURPOSES.get(event.kind, "")
    tree: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(entry.n),
        "type": _type(release, event.action),
        "subtype": [_subtype(event.action)],
        "action": _ACTIONS.get(event.action, "E"),
        "recorded": recorded,
        "outcome": "4" if refused else "0",
        "agent": _agents(release, event),
        "source": {"site": "Regie"},
    }
    if refused:
        tree["outcomeDesc"] = f"Refused with status {event.status}."
    if purpose:
        tree["purposeOfEvent"] = [{"coding": [{"system": _REASON[release], "code": purpose}]}]
    if release is Release.R4:
        tree["source"]["observer"] = {"display": "Regie"}
    else:
        tree["source"]["identifier"] = {"system": _URI, "value": "urn:regie:server"}
    entities = [found for found in (_object(release, entry), _patient(release, event)) if found]
    if entities:
        tree["entity"] = entities
    return tree


def _type(release: Release, action: str) -> dict[str, str]:
    if action in _KINDS:
        code, display = _KINDS[action]
        return {"system": _DICOM, "code": code, "display": display}
    return {"system": f"{_HL7[release]}/audit-event-type", "code": "rest", "display": "RESTful Operation"}


def _subtype(action: str) -> dict[str, str]:
    interaction = action if action in _INTERACTIONS else action.partition("-")[0]
    if interaction in _INTERACTIONS:
        return {"system": _REST, "code": interaction, "display": action}
    return {"system": _OWN, "code": action}


def _agents(release: Release, event: Event) -> list[dict[str, Any]]:
    """Return who did it, and after them the organisation and the person for whom they did."""
    name, *_ = names_of(event)
    identifier, *following = identifiers_of(event)
    agent: dict[str, Any] = {
        **_named(release, name, identifier),
        "altId": event.client or event.actor or "unknown",
        "requestor": True,
    }
    role = event.role or event.kind
    if role:
        agent["role"] = [{"text": role}]
    if event.address:
        agent["network"] = {"address": event.address, "type": "2"}
    grounds = [f"urn:regie:{event.ground.replace(', ', '+').replace(' ', ':')}"] if event.ground else []
    if event.assurance:
        grounds.append(f"urn:regie:assurance:{event.assurance}")
    if grounds:
        agent["policy"] = grounds
    others = zip(("organisation", "represented"), (event.organisation, event.on_behalf_of), strict=True)
    shown = [(part, other) for part, other in others if other]
    return [agent] + [
        {**_named(release, other, uri), "role": [{"text": part}], "requestor": False}
        for (part, other), uri in zip(shown, following, strict=True)
    ]


def names_of(event: Event) -> list[str]:
    """Return the names of the agents of an event, in order."""
    first = event.display or event.actor or "unknown"
    return [first, *(name for name in (event.organisation, event.on_behalf_of) if name)]


def identifiers_of(event: Event) -> list[str]:
    """Return the identifiers of the agents of an event, in order; that of an organisation is its practice's."""
    found = [f"urn:regie:{event.actor or 'unknown'}"]
    if event.organisation:
        practice = practice_of(event.actor)
        found.append(f"urn:regie:{practice if practice.startswith('practice:') else 'organisation'}")
    return [*found, "urn:regie:represented"] if event.on_behalf_of else found


def _named(release: Release, name: str, uri: str) -> dict[str, Any]:
    identifier = {"system": _URI, "value": uri}
    if release is Release.R4:
        return {"who": {"identifier": identifier, "display": name}, "name": name}
    return {"userId": identifier, "name": name}


def _object(release: Release, entry: LogEntry) -> dict[str, Any]:
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
    shown = [
        {"type": name, "value": b64encode(value.encode()).decode()}
        if release is Release.STU3
        else {"type": name, "valueString": value}
        for name, value in details.items()
        if value
    ]
    if shown:
        found["detail"] = shown
    return found


def _patient(release: Release, event: Event) -> dict[str, Any]:
    """Return whose record it was about; nothing for the directory and for none."""
    if event.record_id <= 0:
        return {}
    identifier = {"system": _URI, "value": f"urn:regie:record:{event.record_id}"}
    place = {"identifier": identifier} if release is Release.STU3 else {"what": {"identifier": identifier}}
    return {
        **place,
        "type": {"system": f"{_HL7[release]}/audit-entity-type", "code": "1", "display": "Person"},
        "role": {"system": f"{_HL7[release]}/object-role", "code": "1", "display": "Patient"},
    }
