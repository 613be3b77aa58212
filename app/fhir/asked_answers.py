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
