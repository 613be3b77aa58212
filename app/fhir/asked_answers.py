"""The Task by which a practice asks a person to fill in a questionnaire, in either release; pure.

It is of the release of the questionnaire, as the answers will be: those end it (``interactions/answers.py``).

Spec: https://hl7.org/fhir/R4/task.html, https://hl7.org/fhir/STU3/task.html
"""

from dataclasses import dataclass
from datetime import date

from app.fhir.elements import LOINC, Tree
from app.fhir.own_plan import TASK, Moment
from app.fhir.release import Release
from app.fhir.self_measured import OWN

QUESTIONNAIRE = "Questionnaire"
WAITING = frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"})
_CODE = {"coding": [{"system": LOINC, "code": "74468-0", "display": "Questionnaire form definition Document"}]}


@dataclass(frozen=True, slots=True)
class AskedAnswers:
    """Which questionnaire, how it is called, who asks for the answers, and by when."""

    questionnaire_id: str
    title: str
    by: str
    until: date | None = None

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return TASK

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new Task."""
        patient, by = {"reference": moment.patient}, {"display": self.by}
        asked = {"reference": f"{QUESTIONNAIRE}/{self.questionnaire_id}", "display": self.title}
        until = {"restriction": {"period": {"end": self.until.isoformat()}}} if self.until else {}
        return {
            "resourceType": TASK,
            "meta": {"profile": [f"{OWN}questionnaire-task"]},
            "status": "requested",
            "intent": "order",
            "code": _CODE,
            "description": self.title,
            "for": patient,
            "authoredOn": moment.at,
            "lastModified": moment.at,
            "requester": by if release is Release.R4 else {"agent": by},
            "owner": patient,
            "input": [{"type": {"text": QUESTIONNAIRE}, "valueReference": asked}],
            **until,
        }


@dataclass(frozen=True, slots=True)
class AskedNoMore:
    """That the answers are not asked any more."""

    def fits(self, tree: Tree) -> bool:
        """Return whether it is such a Task, which waits still."""
        asks = any(part.get("type", {}).get("text") == QUESTIONNAIRE for part in tree.get("input", []))
        return tree.get("resourceType") == TASK and asks and tree.get("status") in WAITING

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Task that is cancelled."""
        del release
        return {**tree, "status": "cancelled", "lastModified": moment.at}
