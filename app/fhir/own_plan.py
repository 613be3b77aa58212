"""Goals and actions that a person writes in their own care plan, as Goal and Task of either release; pure.

A Goal is the person's own when the person expressed it, a Task when the person asked it of themselves. They are resources
beside those of the practice, so that nothing of the practice's changes with them.

Spec: https://hl7.org/fhir/R4/goal.html, https://hl7.org/fhir/STU3/goal.html, https://hl7.org/fhir/R4/task.html,
https://hl7.org/fhir/STU3/task.html
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from app.fhir.elements import Tree, listed, referred, words
from app.fhir.labels import with_label
from app.fhir.release import Release
from app.fhir.self_measured import OWN, UCUM

GOAL, TASK = "Goal", "Task"
REACHED, STOPPED = "reached", "stopped"
OFTEN = {
    "day": (1, "d"),
    **{f"week-{times}": (times, "wk") for times in range(1, 7)},
}
"""How often an action is planned, without naming days: how many times in one such period."""

_ENDED_GOAL = {
    (REACHED, Release.R4): "completed",
    (STOPPED, Release.R4): "cancelled",
    (REACHED, Release.STU3): "achieved",
    (STOPPED, Release.STU3): "cancelled",
}
_ENDED_TASK = {REACHED: "completed", STOPPED: "cancelled"}
_ACHIEVED = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/goal-achievement", "code": "achieved"}],
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When and about whom something is written: a local date and time with its offset, and the reference to the Patient."""

    at: str
    patient: str

    @property
    def day(self) -> str:
        """Return the date."""
        return self.at[:10]


class New(Protocol):
    """What a person typed, to be kept as a resource; two with the same ``repr`` are the same."""

    @property
    def resource_type(self) -> str:
        """Return which type it becomes."""
        ...

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return the resource."""
        ...


class Amended(Protocol):
    """What becomes of a resource that a person wrote; two with the same ``repr`` are the same."""

    def fits(self, tree: Tree) -> bool:
        """Return whether it is such a resource, and the person's own."""
        ...

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return the resource as it is from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Range:
    """What a goal wants of a measurement: what is measured (system, code, display), and bounds in a unit (text, UCUM code).

    A bound that is None is open; one of them is there.
    """

    measure: tuple[str, str, str]
    unit: tuple[str, str]
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class OwnGoal:
    """A goal in the person's own words: why, by when, and a range. ``keeps_target``: its targets stay as they are."""

    text: str
    why: str = ""
    due: date | None = None
    range: Range | None = None
    keeps_target: bool = False
    is_sensitive: bool = False

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return GOAL

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new Goal."""
        patient = {"reference": moment.patient}
        status = {"lifecycleStatus": "active"} if release is Release.R4 else {"status": "in-progress"}
        made = {
            "resourceType": GOAL,
            "meta": {"profile": [f"{OWN}care-goal"]},
            **status,
            "subject": patient,
            "startDate": moment.day,
            "expressedBy": patient,
            **self._content(release),
        }
        return with_label(made, release, is_sensitive=self.is_sensitive)

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of the person's own."""
        return tree.get("resourceType") == GOAL and is_own(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Goal with these words instead of its own."""
        del moment
        stale = {"text", "description", "_description", "note", *(() if self.keeps_target else ("target",))}
        changed = {
            **{name: value for name, value in tree.items() if name not in stale},
            **as_it_stood(self._content(release), tree),
        }
        return with_label(changed, release, is_sensitive=self.is_sensitive)

    def _content(self, release: Release) -> Tree:
        content: Tree = {"description": {"text": self.text}}
        if self.why:
            content["note"] = [{"text": self.why}]
        target: Tree = {}
        if self.range is not None:
            ends = {"low": self.range.low, "high": self.range.high}
            text, code = self.range.unit
            target["measure"] = {"coding": [dict(zip(("system", "code", "display"), self.range.measure, strict=True))]}
            target["detailRange"] = {
                name: {"value": value, "unit": text, "system": UCUM, "code": code}
                for name, value in ends.items()
                if value is not None
            }
        if self.due is not None:
            target["dueDate"] = self.due.isoformat()
        if target and not self.keeps_target:
            content["target"] = [target] if release is Release.R4 else target
        return content


@dataclass(frozen=True, slots=True)
class OwnAction:
    """Something that the person plans to do: why, how often (a key of ``OFTEN``, or empty), and until when."""

    text: str
    why: str = ""
    often: str = ""
    until: date | None = None
    keeps_timing: bool = False
    is_sensitive: bool = False

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return TASK

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new Task."""
        patient = {"reference": moment.patient}
        made = {
            "resourceType": TASK,
            "meta": {"profile": [f"{OWN}care-task"]},
            "status": "in-progress",
            "intent": "plan",
            "for": patient,
            "authoredOn": moment.at,
            "requester": patient if release is Release.R4 else {"agent": patient},
            "owner": patient,
            **self._content(moment, moment.day),
        }
        return with_label(made, release, is_sensitive=self.is_sensitive)

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of the person's own."""
        return tree.get("resourceType") == TASK and is_own(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Task with these words instead of its own."""
        stale = {"text", "description", "_description", "note", *(() if self.keeps_timing else ("input",))}
        kept = {name: value for name, value in tree.items() if name not in stale}
        others = [part for part in tree.get("input", []) if "valueTiming" not in part]
        begun = str(tree.get("authoredOn") or moment.at)[:10]
        starts = next((start_of(part["valueTiming"]) for part in tree.get("input", []) if "valueTiming" in part), "")
        content = as_it_stood(self._content(moment, begun, "" if starts == begun else starts), tree)
        if not self.keeps_timing and others:
            content["input"] = [*others, *content.get("input", [])]
        return with_label({**kept, **content}, release, is_sensitive=self.is_sensitive)

    def _content(self, moment: Moment, begun: str, starts: str = "") -> Tree:
        content: Tree = {"description": self.text, "lastModified": moment.at}
        if self.why:
            content["note"] = [{"text": self.why}]
        repeat: Tree = {}
        if self.until is not None or starts:
            end = {"end": self.until.isoformat()} if self.until else {}
            repeat["boundsPeriod"] = {"start": starts or begun, **end}
        if self.often:
            frequency, unit = OFTEN[self.often]
            repeat |= {"frequency": frequency, "period": 1, "periodUnit": unit}
        if repeat and not self.keeps_timing:
            content["input"] = [{"type": {"text": "wanneer"}, "valueTiming": {"repeat": repeat}}]
        return content


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a goal or an action: ``how`` is ``REACHED`` or ``STOPPED``."""

    how: str

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of the person's own."""
        return is_own(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Goal or Task that ended."""
        if tree["resourceType"] == TASK:
            return {**tree, "status": _ENDED_TASK[self.how], "lastModified": moment.at}
        name = "lifecycleStatus" if release is Release.R4 else "status"
        achieved = {"achievementStatus": _ACHIEVED} if (self.how, release) == (REACHED, Release.R4) else {}
        return {**tree, name: _ENDED_GOAL[self.how, release], "statusDate": moment.day, **achieved}


def start_of(timing: Tree | None) -> str:
    """Return the day on which a Timing begins, empty if it names none; a form does not ask for it, so that it stays."""
    repeat: Tree = (timing or {}).get("repeat") or {}
    return str((repeat.get("boundsPeriod") or {}).get("start") or "")[:10]


def as_it_stood(content: Tree, tree: Tree) -> Tree:
    """Return new content of a resource; words that stand in it already stay as they are, with their codes and who wrote them."""
    both = [name for name in ("description", "note") if name in content and name in tree]
    return {**content, **{name: tree[name] for name in both if _said(tree[name]) == _said(content[name])}}


def _said(value: object) -> str:
    return value if isinstance(value, str) else " ".join(filter(None, map(words, listed(value))))


def is_own(tree: Tree) -> bool:
    """Return whether the person of the record wrote this goal or action for themselves."""
    if tree.get("resourceType") == GOAL:
        return _is_patient(tree.get("expressedBy"))
    requester = tree.get("requester") or {}
    return (
        tree.get("resourceType") == TASK
        and _is_patient(requester.get("agent", requester))
        and _is_patient(tree.get("owner"))
    )


def _is_patient(reference: Tree | None) -> bool:
    found = referred(listed(reference))
    return bool(found) and all(one.startswith("Patient/") for one in found)
