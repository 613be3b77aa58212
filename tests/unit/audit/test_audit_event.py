"""An entry of the log as an AuditEvent: valid FHIR that tells every field."""

import json
from base64 import b64decode
from typing import Any

import pytest

from app.audit.audit_event import audit_event_tree
from app.audit.events import Event
from app.audit.log import LogEntry
from app.fhir.release import Release
from app.fhir.validation.structure import parse

FULL = Event(
    "read",
    record_id=5,
    kind="practice",
    actor="practice:p1",
    display="A. Duinroos-Testpersoon",
    client="system-1",
    role="gp",
    organisation="Praktijk De Proef",
    on_behalf_of="Zonnestraal-Testpersoon",
    assurance="substantial",
    ground="grant g1",
    release="r4",
    resource_type="Observation",
    resource_id="o1",
    count=1,
    request_id="r-1",
    medmij_request_id="m-1",
    correlation_id="c-1",
    address="192.0.2.1",
)


def tree(release: Release, event: Event = FULL) -> dict[str, Any]:
    return audit_event_tree(release, LogEntry(7, event), "2026-11-25T09:30:00Z")


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize(
    "event",
    [
        FULL,
        Event("login", outcome="refused", status=401),
        Event("grant", record_id=5, kind="person", actor="person", display="Zonnestraal-Testpersoon"),
        Event("operation-everything", kind="operator", actor="operator", display="Operator"),
    ],
    ids=["full", "login", "grant", "operation"],
)
def test_an_entry_is_a_valid_audit_event_in_both_releases(release: Release, event: Event) -> None:
    assert parse(release, json.dumps(tree(release, event)).encode()).resource_type == "AuditEvent"


@pytest.mark.parametrize("release", list(Release))
def test_no_field_of_an_event_gets_lost(release: Release) -> None:
    found = tree(release)
    text = json.dumps(found)
    details = found["entity"][0]["detail"]
    text += "".join(b64decode(detail["value"]).decode() for detail in details if "value" in detail)
    told = (
        *("A. Duinroos-Testpersoon", "practice:p1", "system-1", '"gp"', "Praktijk De Proef", "Zonnestraal-Testpersoon"),
        *("substantial", "grant:g1", "Observation", "r-1", "m-1", "c-1", "192.0.2.1", "record:5", "TREAT"),
    )
    assert [value for value in told if value not in text] == []


def test_who_did_it_comes_first_and_those_for_whom_after() -> None:
    agents = tree(Release.R4)["agent"]
    assert [(agent["requestor"], agent["role"][0]["text"]) for agent in agents] == [
        (True, "gp"),
        (False, "organisation"),
        (False, "represented"),
    ]


@pytest.mark.parametrize(
    ("action", "code"), [("login", "110114"), ("log", "110101"), ("export", "110106"), ("read", "rest")]
)
def test_an_act_has_the_type_that_dicom_and_fhir_name(action: str, code: str) -> None:
    assert tree(Release.R4, Event(action))["type"]["code"] == code


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [("person", "PATRQT"), ("app", "PATRQT"), ("representative", "FAMRQT"), ("practice", "TREAT")],
)
def test_the_purpose_follows_from_who_asks(kind: str, purpose: str) -> None:
    (found,) = tree(Release.R4, Event("read", kind=kind))["purposeOfEvent"]
    assert found["coding"][0]["code"] == purpose
