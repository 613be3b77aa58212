"""Of what a practice did the person hears, by what the log says of it."""

from typing import Any

import pytest

from app.audit.doings import Doing, doing
from app.audit.events import Event
from app.audit.unusual import ASKED

PRACTICE: dict[str, Any] = {"kind": "practice", "actor": "practice:p1", "record_id": 7, "count": 1}


@pytest.mark.parametrize(
    ("action", "resource_type", "expected"),
    [
        ("create", "Task", Doing.TASK),
        ("create", "Communication", Doing.MESSAGE),
        ("create", "CarePlan", Doing.PLAN),
        ("update", "Goal", Doing.PLAN),
        ("patch", "ServiceRequest", Doing.PLAN),
        ("delete", "ProcedureRequest", Doing.PLAN),
        (ASKED, "Consent", Doing.ASKED),
        ("update", "Task", None),
        ("read", "CarePlan", None),
        ("create", "Observation", None),
    ],
)
def test_what_a_practice_wrote_is_something_to_hear_of_or_not(
    action: str, resource_type: str, expected: Doing | None
) -> None:
    assert doing(Event(action, resource_type=resource_type, **PRACTICE)) is expected


@pytest.mark.parametrize("kind", ["person", "representative", "app", "operator", ""])
def test_what_others_than_a_practice_do_is_not(kind: str) -> None:
    assert doing(Event("create", resource_type="Task", **PRACTICE | {"kind": kind})) is None


def test_what_was_refused_or_is_about_nobody_is_not() -> None:
    assert doing(Event("create", resource_type="Task", outcome="refused", status=403, **PRACTICE)) is None
    assert doing(Event(ASKED, resource_type="Consent", **PRACTICE | {"record_id": -1})) is None
