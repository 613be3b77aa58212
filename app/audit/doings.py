"""What a practice does that a person wants to hear of soon, by its entry in the log; pure.

The log names the type of what was written and not its content, which is all that a mail may know.
"""

from enum import StrEnum

from app.audit.events import Event
from app.audit.unusual import ASKED

_WRITES = frozenset(("create", "update", "patch", "delete"))
_PLAN = frozenset("CarePlan Goal CareTeam ServiceRequest ProcedureRequest".split())


class Doing(StrEnum):
    """What a practice did that is for the person."""

    ASKED = "access-asked"
    TASK = "task"
    PLAN = "care-plan"
    MESSAGE = "message"


def doing(event: Event) -> Doing | None:
    """Return what ``event`` is to its person; None for what is done by others, was refused, or is for nobody to hear of."""
    if event.kind != "practice" or event.outcome != "success" or event.record_id <= 0:
        return None
    if event.action == ASKED:
        return Doing.ASKED
    if event.action == "create" and event.resource_type in ("Task", "Communication"):
        return Doing.TASK if event.resource_type == "Task" else Doing.MESSAGE
    return Doing.PLAN if event.action in _WRITES and event.resource_type in _PLAN else None
