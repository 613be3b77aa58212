"""What HL7 rebuilt between STU3 and R4, where a new name for an element does not do.

What a rule is, ``tools.py`` says; those of questionnaires and media are in ``rules_of_forms.py``.

Spec: https://hl7.org/fhir/R4/diff.html
"""

from collections.abc import Mapping
from typing import Any

from app.fhir.release import Release
from app.fhir.translate import rules_of_forms as forms
from app.fhir.translate.tools import Node, Rule, Tools
from app.fhir.validation.references import target_type

NOT_DONE: Mapping[str, tuple[str, str, str]] = {
    "Communication": ("notDone", "not-done", "unknown"),
    "Immunization": ("notGiven", "not-done", "completed"),
    "MedicationAdministration": ("notGiven", "not-done", "unknown"),
    "MedicationDispense": ("notDone", "declined", "stopped"),
    "Procedure": ("notDone", "not-done", "unknown"),
}
"""Type -> the flag of STU3, the R4 status that says the same, and the STU3 status of one that came as R4."""

_GOAL_STATUS: Mapping[str, tuple[str, str | None]] = {
    "achieved": ("completed", "achieved"),
    "ahead-of-target": ("active", "in-progress"),
    "behind-target": ("active", "in-progress"),
    "in-progress": ("active", None),
    "on-target": ("active", "in-progress"),
    "sustaining": ("active", "sustaining"),
}
_REASONS_NOT_DONE = tuple(
    f"{name}{kind}"
    for name in ("statusReason", "notDoneReason", "reasonNotGiven", "reasonNotTaken")
    for kind in ("", "CodeableConcept", "Reference")
)
_REASONS_DONE = ("reasonCode", "reasonReference")
_ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"
_DOSE = ("dose", "rate")


def _take(tools: Tools, left: Node, name: str) -> Any:
    """Return a primitive, taken out; one that says more than its value is kept in an extension besides."""
    value = left[name]
    if f"_{name}" in left:
        tools.keep(left, name)
    else:
        del left[name]
    return value


def _keep_all(tools: Tools, left: Node, names: tuple[str, ...]) -> None:
    """Keep what STU3 allows only of what was done, or only of what was not."""
    for name in names:
        if name in left:
            tools.keep(left, name)


def _done_to_status(flag: str, status: str, standing: str) -> Rule:
    def rule(tools: Tools, left: Node) -> Node:
        is_not_done = left.get(flag) is True
        if f"_{flag}" in left:
            tools.keep(left, flag)
        left.pop(flag, None)
        _keep_all(tools, left, _REASONS_DONE if is_not_done else _REASONS_NOT_DONE)
        if not is_not_done:
            return {}
        if left.get("status") != standing or "_status" in left:
            tools.keep(left, "status")
        left.pop("status", None)
        return {"status": status}

    return rule


def _status_to_done(flag: str, status: str, standing: str, *, always: bool) -> Rule:
    def rule(tools: Tools, left: Node) -> Node:
        if left.get("status") == status:
            _take(tools, left, "status")
            _keep_all(tools, left, _REASONS_DONE)
            return {flag: True, "status": standing}
        _keep_all(tools, left, _REASONS_NOT_DONE)
        return {flag: False} if always else {}

    return rule


def _taken(status: str | None) -> str:
    """Return what an R4 status tells of STU3's ``taken``."""
    return {"not-taken": "n", "active": "y", "completed": "y"}.get(status or "", "unk")


def _statement_to_r4(tools: Tools, left: Node) -> Node:
    taken, status = left.get("taken"), left.get("status")
    if taken == "n":
        _take(tools, left, "taken")
        if status != "stopped" or "_status" in left:
            tools.keep(left, "status")
        left.pop("status", None)
        return {"status": "not-taken"}
    _keep_all(tools, left, _REASONS_NOT_DONE)
    if taken == _taken(status):
        _take(tools, left, "taken")
    return {}


def _statement_to_stu3(tools: Tools, left: Node) -> Node:
    taken = _taken(left.get("status"))
    if taken == "n":
        _take(tools, left, "status")
        return {"status": "stopped", "taken": taken}
    _keep_all(tools, left, _REASONS_NOT_DONE)
    return {"taken": taken}


def _goal_to_r4(tools: Tools, left: Node) -> Node:
    status = left.get("status")
    if status is None:
        return {}
    lifecycle, achievement = _GOAL_STATUS.get(status, (status, None))
    if status in _GOAL_STATUS and _goal_status(lifecycle, achievement) != status:
        tools.keep(left, "status")
    else:
        _take(tools, left, "status")
    if achievement is None or tools.is_kept("achievementStatus"):
        return {"lifecycleStatus": lifecycle}
    concept = {"coding": [{"system": _ACHIEVEMENT, "code": achievement}]}
    return {"lifecycleStatus": lifecycle, "achievementStatus": concept}


def _goal_to_stu3(tools: Tools, left: Node) -> Node:
    codings = left.get("achievementStatus", {}).get("coding", [])
    achievements = [coding.get("code") for coding in codings if coding.get("system") == _ACHIEVEMENT]
    lifecycle = left.get("lifecycleStatus")
    status = _goal_status(lifecycle, achievements[0] if achievements else None)
    if status is None:  # one that both have, or completed without being achieved, which STU3 can't say
        return {"status": _take(tools, left, "lifecycleStatus")} if lifecycle not in (None, "completed") else {}
    _take(tools, left, "lifecycleStatus")
    bare = {"coding": [{"system": _ACHIEVEMENT, "code": _GOAL_STATUS[status][1]}]}
    if left.get("achievementStatus") == bare:
        del left["achievementStatus"]
    return {"status": status}


def _goal_status(lifecycle: str | None, achievement: str | None) -> str | None:
    """Return the STU3 status that two R4 statuses come from, if it is one of those that were split."""
    if lifecycle == "completed":
        return "achieved" if achievement == "achieved" else None
    if lifecycle == "active":
        return {"sustaining": "sustaining", "in-progress": "on-target"}.get(achievement or "", "in-progress")
    return None


def _dosage_to_r4(tools: Tools, left: Node) -> Node:
    amounts = _amounts(tools, left, take=True)
    return {"doseAndRate": [amounts]} if amounts and not tools.is_kept("doseAndRate") else {}


def _dosage_to_stu3(tools: Tools, left: Node) -> Node:
    several = left.get("doseAndRate", [])
    if not several:
        return {}
    amounts = _amounts(tools, several[0], take=False)
    if len(several) == 1 and all(name.startswith(_DOSE) for name in several[0]):
        del left["doseAndRate"]
    return amounts


def _amounts(tools: Tools, node: Node, *, take: bool) -> Node:
    found = {}
    for name in [name for name in node if name.startswith(_DOSE) and name != "doseAndRate"]:
        kind = name[4:]
        if kind in ("Range", "Quantity", "Ratio"):
            found[name] = tools.told(kind, node.pop(name) if take else node[name])
    return found


def _observation_to_r4(tools: Tools, left: Node) -> Node:
    made: Node = {}
    if "comment" in left:
        comment = _take(tools, left, "comment")
        if not tools.is_kept("note"):
            made["note"] = [{"text": comment}]
    others = []
    for related in left.pop("related", []):
        name = {"has-member": "hasMember", "derived-from": "derivedFrom"}.get(related.get("type", ""))
        plain = name is not None and related.keys() == {"type", "target"}
        target = tools.reference(name, related["target"]) if name is not None and plain else None
        if name is None or target is None:
            others.append(related)
        else:
            made.setdefault(name, []).append(target)
    if others:
        left["related"] = others
    return made


def _observation_to_stu3(tools: Tools, left: Node) -> Node:
    made: Node = {}
    notes = left.get("note", [])
    if notes and not tools.is_kept("comment"):
        made["comment"] = "\n".join(note["text"] for note in notes if "text" in note)
        if len(notes) == 1 and notes[0].keys() == {"text"}:
            del left["note"]
    for name, kind in (("hasMember", "has-member"), ("derivedFrom", "derived-from")):
        told = [(target, tools.reference("related.target", target)) for target in left.pop(name, [])]
        if any(there is None for _, there in told):
            left[name] = [here for here, there in told if there is None]
        related = [{"type": kind, "target": there} for _, there in told if there is not None]
        if related:
            made.setdefault("related", []).extend(related)
    return made


def _explanation_to_r4(tools: Tools, left: Node) -> Node:
    made: Node = {}
    explanation = left.get("explanation", {})
    is_given, not_given = left.get("notGiven") is not True, explanation.get("reasonNotGiven", [])
    if is_given and explanation.keys() == {"reason"}:  # what says more than one of them is kept as it is
        made["reasonCode"] = [tools.told("CodeableConcept", reason) for reason in left.pop("explanation")["reason"]]
    elif not is_given and explanation.keys() == {"reasonNotGiven"} and len(not_given) == 1:
        made["statusReason"] = tools.told("CodeableConcept", not_given[0])
        del left["explanation"]
    return {**made, **_done_to_status(*NOT_DONE["Immunization"])(tools, left)}


def _explanation_to_stu3(tools: Tools, left: Node) -> Node:
    made = _status_to_done(*NOT_DONE["Immunization"], always=True)(tools, left)
    explanation: Node = {}
    if "reasonCode" in left:
        explanation["reason"] = [tools.told("CodeableConcept", reason) for reason in left.pop("reasonCode")]
    if "statusReason" in left:
        explanation["reasonNotGiven"] = [tools.told("CodeableConcept", left.pop("statusReason"))]
    return {**made, **({"explanation": explanation} if explanation else {})}


def _authors_to_r4(tools: Tools, left: Node) -> Node:
    authors = left.get("author", [])
    told = [tools.reference("author" if number == 0 else "contributor", one) for number, one in enumerate(authors)]
    if not told or None in told:
        return {}
    del left["author"]
    return {"author": told[0], **({"contributor": told[1:]} if told[1:] else {})}


def _authors_to_stu3(tools: Tools, left: Node) -> Node:
    if "author" not in left:
        return {}  # contributors alone are not responsible for the plan
    told = [tools.reference("author", one) for one in (left["author"], *left.get("contributor", []))]
    if None in told:
        return {}
    left.pop("contributor", None)
    del left["author"]
    return {"author": told}


def _no_profile(tools: Tools, left: Node) -> Node:
    for number in range(len(left.pop("profile", []))):
        tools.lose(f"profile[{number}]", "A profile is about one release: in FHIR {version} it says nothing.")
    return {}


def _same_type(_: Tools, left: Node) -> Node:
    if "reference" in left and "_type" not in left and left.get("type") == target_type(left["reference"]):
        left.pop("type", None)  # the reference says it too
    return {}


RULES: Mapping[tuple[Release, str], Rule] = {
    (Release.STU3, "CarePlan"): _authors_to_r4,
    (Release.R4, "CarePlan"): _authors_to_stu3,
    (Release.STU3, "Dosage"): _dosage_to_r4,
    (Release.R4, "Dosage"): _dosage_to_stu3,
    (Release.STU3, "Goal"): _goal_to_r4,
    (Release.R4, "Goal"): _goal_to_stu3,
    (Release.STU3, "Immunization"): _explanation_to_r4,
    (Release.R4, "Immunization"): _explanation_to_stu3,
    (Release.STU3, "Media"): forms.media_to_r4,
    (Release.R4, "Media"): forms.media_to_stu3,
    (Release.STU3, "Meta"): _no_profile,
    (Release.R4, "Meta"): _no_profile,
    (Release.STU3, "MedicationStatement"): _statement_to_r4,
    (Release.R4, "MedicationStatement"): _statement_to_stu3,
    (Release.STU3, "QuestionnaireItem"): forms.item_to_r4,
    (Release.R4, "QuestionnaireItem"): forms.item_to_stu3,
    (Release.STU3, "QuestionnaireItemEnableWhen"): forms.condition_to_r4,
    (Release.R4, "QuestionnaireItemEnableWhen"): forms.condition_to_stu3,
    (Release.R4, "Reference"): _same_type,
    (Release.STU3, "Observation"): _observation_to_r4,
    (Release.R4, "Observation"): _observation_to_stu3,
    **{
        (Release.STU3, name): _done_to_status(flag, status, standing)
        for name, (flag, status, standing) in NOT_DONE.items()
        if name != "Immunization"
    },
    **{
        (Release.R4, name): _status_to_done(flag, status, standing, always=False)
        for name, (flag, status, standing) in NOT_DONE.items()
        if name != "Immunization"
    },
}
"""The rule for a type (named as in STU3) that comes from a release."""
