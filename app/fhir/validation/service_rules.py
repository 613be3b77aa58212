"""What a Dutch information standard has a server refuse, whatever packages are loaded.

Such a rule stands in a profile of the standard as well; but a server that is asked whether it meets the standard has to keep
it where no package is loaded and where profiles are not enforced.

Spec: https://informatiestandaarden.nictiz.nl/wiki/vl:V2.0_FHIR_IG (que-1)
"""

from typing import Any

from app.fhir.elements import LOINC, codes
from app.fhir.issues import Issue
from app.fhir.release import Release

_QUESTIONNAIRE_TASK = (LOINC, "74468-0")


def broken_service_rules(release: Release, tree: dict[str, Any]) -> list[Issue]:
    """Return what a valid resource breaks, each with its place."""
    if release is Release.STU3 and tree["resourceType"] == "Task" and _is_done_without_answers(tree):
        diagnostics = "A questionnaire task is completed only with a QuestionnaireResponse in its output (que-1)."
        return [Issue("error", "invariant", diagnostics, "Task.output")]
    return []


def _is_done_without_answers(task: dict[str, Any]) -> bool:
    if task.get("status") != "completed" or _QUESTIONNAIRE_TASK not in codes(task.get("code")):
        return False
    return not any("valueReference" in one for one in task.get("output", ()))
