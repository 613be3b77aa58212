"""What a practice writes in somebody's care plan: the plan itself, goals, what is done, and what is measured at home; pure.

Each is a resource of its own, beside what the person wrote for themselves, which is not a practice's to change here. Who wrote
it stands in it as a name; which login it was, and what it said before, is in the history of the record.

Spec: https://hl7.org/fhir/R4/goal.html, https://hl7.org/fhir/R4/task.html, https://hl7.org/fhir/R4/servicerequest.html,
https://hl7.org/fhir/STU3/goal.html, https://hl7.org/fhir/STU3/task.html, https://hl7.org/fhir/STU3/procedurerequest.html
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from app.fhir.agreed_care_plan import CARE_PLAN, ended, is_made_here
from app.fhir.elements import Tree
from app.fhir.labels import is_restricted
from app.fhir.own_plan import (
    GOAL,
    OFTEN,
    STOPPED,
    TASK,
    Ended,
    Moment,
    OwnAction,
    OwnGoal,
    as_it_stood,
    is_own,
    start_of,
)
from app.fhir.release import Release
from app.fhir.self_measured import OWN

REQUESTS = {Release.R4: "ServiceRequest", Release.STU3: "ProcedureRequest"}
"""What asks somebody to measure, by release."""

_ENDED_REQUEST = {Release.R4: "revoked", Release.STU3: "cancelled"}


@dataclass(frozen=True, slots=True)
class AgreedGoal:
    """A goal that a practice writes; ``by`` is who does, by name."""

    goal: OwnGoal
    by: str

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return GOAL

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new Goal."""
        return {**self.goal.new(release, moment), "expressedBy": {"display": self.by}}

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of a practice."""
        return _is_goal(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Goal with these words instead of its own; how sensitive it is stays."""
        return replace(self.goal, is_sensitive=is_restricted(tree)).amended(tree, release, moment)


@dataclass(frozen=True, slots=True)
class AgreedAction:
    """Something that the person does, as a practice writes it; ``by`` is who does, by name."""

    action: OwnAction
    by: str

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return TASK

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new Task."""
        return {**self.action.new(release, moment), "requester": _requester(self.by, release)}

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of a practice."""
        return _is_task(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Task with these words instead of its own; how sensitive it is stays."""
        return replace(self.action, is_sensitive=is_restricted(tree)).amended(tree, release, moment)


@dataclass(frozen=True, slots=True)
class AskedMeasuring:
    """What the person is asked to measure at home: system, code and name, how often (a key of ``OFTEN``), until when, how it is done well.

    An amended one stays about the same measurement. ``keeps_timing``: when it is measured stays as it is.
    """

    measure: tuple[str, str, str]
    often: str
    by: str
    how: str = ""
    until: date | None = None
    keeps_timing: bool = False

    @property
    def resource_type(self) -> str:
        """Return the type of the resource in R4."""
        return REQUESTS[Release.R4]

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new ServiceRequest or ProcedureRequest."""
        patient = {"reference": moment.patient}
        return {
            "resourceType": REQUESTS[release],
            "meta": {"profile": [f"{OWN}measuring-request"]},
            "status": "active",
            "intent": "plan",
            "subject": patient,
            "authoredOn": moment.day,
            "requester": _requester(self.by, release),
            "performer": [patient] if release is Release.R4 else patient,
            **self._content(release, moment.day),
        }

    def fits(self, tree: Tree) -> bool:
        """Return whether it is such a request."""
        return _is_request(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a request with these words instead of its own."""
        begun = start_of(tree.get("occurrenceTiming")) or str(tree.get("authoredOn") or moment.at)[:10]
        said = "patientInstruction" if release is Release.R4 else "note"
        kept = {name: value for name, value in tree.items() if name not in ("text", said)}
        content = as_it_stood(self._content(release, begun), tree)
        content.pop("code")
        if self.keeps_timing:
            content.pop("occurrenceTiming")
        return {**kept, **content}

    def _content(self, release: Release, begun: str) -> Tree:
        bounds = {"start": begun} | ({"end": self.until.isoformat()} if self.until else {})
        frequency, unit = OFTEN.get(self.often, (1, "d"))
        repeat = {"boundsPeriod": bounds, "frequency": frequency, "period": 1, "periodUnit": unit}
        coding = dict(zip(("system", "code", "display"), self.measure, strict=True))
        content: Tree = {
            "code": {"coding": [coding], "text": coding["display"]},
            "occurrenceTiming": {"repeat": repeat},
        }
        if self.how:
            content |= {"patientInstruction": self.how} if release is Release.R4 else {"note": [{"text": self.how}]}
        return content


@dataclass(frozen=True, slots=True)
class AgreedEnd:
    """The end of what a practice wrote: ``how`` is ``REACHED`` or ``STOPPED``."""

    how: str

    def fits(self, tree: Tree) -> bool:
        """Return whether a practice wrote it."""
        return any(kind.is_one(tree) for kind in AGREED.values())

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return what ended."""
        if tree["resourceType"] == CARE_PLAN:
            return ended(tree, self.how, release, moment)
        if tree["resourceType"] in REQUESTS.values():
            return {**tree, "status": _ENDED_REQUEST[release] if self.how == STOPPED else "completed"}
        return Ended(self.how).amended(tree, release, moment)


@dataclass(frozen=True, slots=True)
class AgreedKind:
    """A kind of what a practice writes: the types of its resources, and how it is known."""

    types: tuple[str, ...]
    is_one: Callable[[Tree], bool]


def _requester(by: str, release: Release) -> Tree:
    return {"display": by} if release is Release.R4 else {"agent": {"display": by}}


def _is_goal(tree: Tree) -> bool:
    return tree.get("resourceType") == GOAL and not is_own(tree)


def _is_task(tree: Tree) -> bool:
    """Return whether it is a Task of the plan: one with a code, a focus or other input asks for something else, such as answers."""
    is_plain = "code" not in tree and "focus" not in tree and bool(tree.get("description"))
    is_plain = is_plain and all("valueTiming" in part for part in tree.get("input", []))
    return tree.get("resourceType") == TASK and is_plain and not is_own(tree)


def _is_request(tree: Tree) -> bool:
    return tree.get("resourceType") in REQUESTS.values() and tree.get("intent") == "plan"


AGREED = {
    "plans": AgreedKind((CARE_PLAN,), is_made_here),
    "goals": AgreedKind((GOAL,), _is_goal),
    "actions": AgreedKind((TASK,), _is_task),
    "measuring": AgreedKind(tuple(REQUESTS.values()), _is_request),
}
"""The kinds, by how a page calls them."""
