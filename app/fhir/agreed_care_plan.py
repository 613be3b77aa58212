"""The CarePlan that a practice makes in a form: what it is called and about, for how long, whose goals and actions belong to it; pure.

It has an identifier of Regie. One without that came from a system, which keeps it: no form changes it.

Spec: https://hl7.org/fhir/R4/careplan.html, https://hl7.org/fhir/STU3/careplan.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from app.fhir.elements import SNOMED, Tree, referred, words
from app.fhir.own_plan import GOAL, STOPPED, Moment
from app.fhir.release import Release
from app.fhir.self_measured import OWN

CARE_PLAN = "CarePlan"
MADE_HERE = "https://regie.example/fhir/NamingSystem/care-plan"
"""The system of the identifier of a plan that was made in a form."""

OVER = frozenset({"completed", "cancelled", "stopped", "revoked", "entered-in-error", "unknown"})
"""States of a plan, and of an activity in it, that nobody works on any more."""

_PAUSED = {Release.R4: "on-hold", Release.STU3: "suspended"}
_STOPPED = {Release.R4: "revoked", Release.STU3: "cancelled"}


@dataclass(frozen=True, slots=True)
class AgreedPlan:
    """A plan as a practice writes it; ``by`` is who does, by name, ``number`` what its identifier says.

    ``about`` is an illness, ``why`` what the plan is for, ``agreements`` one sentence each. ``team``, ``goals`` and ``activities``
    are references to what stands in the record; a ``team`` that is None stays as it is.
    """

    title: str
    about: str
    why: str
    begins: date
    ends: date | None
    agreements: tuple[str, ...]
    by: str
    number: str = ""
    is_paused: bool = False
    team: str | None = None
    goals: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return CARE_PLAN

    def new(self, release: Release, moment: Moment, made: Sequence[str] = ()) -> Tree:
        """Return a new CarePlan, to which the resources in ``made`` belong as well."""
        author = {"display": self.by}
        goals = (*self.goals, *(one for one in made if one.startswith(f"{GOAL}/")))
        activities = (*self.activities, *(one for one in made if not one.startswith(f"{GOAL}/")))
        empty: Tree = {
            "resourceType": CARE_PLAN,
            "meta": {"profile": [f"{OWN}individual-care-plan"]},
            "identifier": [{"system": MADE_HERE, "value": self.number}],
            "intent": "plan",
            "category": [{"coding": [{"system": SNOMED, "code": "734163000", "display": "zorgplan"}]}],
            "subject": {"reference": moment.patient},
            "author": author if release is Release.R4 else [author],
            **({"created": moment.day} if release is Release.R4 else {}),
        }
        return self._filled(empty, release, goals, activities)

    def fits(self, tree: Tree) -> bool:
        """Return whether it is a plan that was made in a form."""
        return is_made_here(tree)

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a CarePlan with these words instead of its own; what no form shows of it stays."""
        del moment
        return self._filled(
            {name: one for name, one in tree.items() if name != "text"}, release, self.goals, self.activities
        )

    def _filled(self, tree: Tree, release: Release, goals: Iterable[str], activities: Iterable[str]) -> Tree:
        period = {name: one for name, one in (tree.get("period") or {}).items() if name not in ("start", "end")}
        ends = {"end": self.ends.isoformat()} if self.ends else {}
        about = [one for one in tree.get("addresses", []) if "reference" in one]
        team = tree.get("careTeam", []) if self.team is None else [{"reference": self.team}] if self.team else []
        filled: Tree = {
            **tree,
            "status": _PAUSED[release] if self.is_paused else "active",
            "title": self.title,
            "description": self.why,
            "period": {**period, "start": self.begins.isoformat(), **ends},
            "addresses": [*about, *([{"display": self.about}] if self.about else [])],
            "careTeam": team,
            "goal": _kept(tree.get("goal", []), goals),
            "activity": self._activity(tree.get("activity", []), activities),
        }
        return {name: one for name, one in filled.items() if one not in ("", [])}

    def _activity(self, stands: list[Tree], references: Iterable[str]) -> list[Tree]:
        wanted = dict.fromkeys(references)
        kept, told, said = [], set(), set()
        for one in stands:
            reference, text = next(iter(referred(one.get("reference"))), ""), agreement_of(one)
            if (reference and reference not in wanted) or (text and text not in self.agreements):
                continue
            told.add(reference)
            said.add(text)
            kept.append(one)
        kept += [{"reference": {"reference": one}} for one in wanted if one not in told]
        new = [one for one in self.agreements if one not in said]
        return [*kept, *({"detail": {"status": "in-progress", "description": one}} for one in new)]


def is_made_here(tree: Tree) -> bool:
    """Return whether it is a CarePlan that was made in a form, and not by a system."""
    return tree.get("resourceType") == CARE_PLAN and any(
        one.get("system") == MADE_HERE for one in tree.get("identifier", [])
    )


def agreement_of(activity: Tree) -> str:
    """Return an activity that stands in a plan itself and goes on, as one sentence; empty for any other."""
    detail = activity.get("detail") or {}
    said = "" if detail.get("status") in OVER else str(detail.get("description") or words(detail.get("code")))
    return " ".join(said.split())


def about_of(plan: Tree) -> str:
    """Return what a plan is about as far as it stands in the plan alone, and in no Condition."""
    return next(
        (str(one["display"]) for one in plan.get("addresses", []) if one.get("display") and "reference" not in one), ""
    )


def ended(plan: Tree, how: str, release: Release, moment: Moment) -> Tree:
    """Return a plan that ended today: ``how`` is ``REACHED`` or ``STOPPED``. What belongs to it goes on by itself."""
    period = plan.get("period") or {}
    end = (
        {}
        if str(period.get("end") or "9999") <= moment.day
        else {"end": max(moment.day, str(period.get("start") or ""))}
    )
    return {
        **plan,
        "status": _STOPPED[release] if how == STOPPED else "completed",
        "period": {**period, **end},
    }


def _kept(stands: Sequence[Tree], references: Iterable[str]) -> list[Tree]:
    """Return the references that are wanted, those that stand there first and as they are."""
    wanted = dict.fromkeys(references)
    kept = [one for one in stands if not set(referred(one)).isdisjoint(wanted)]
    for one in kept:
        wanted.pop(referred(one)[0], None)
    return [*kept, *({"reference": one} for one in wanted)]
