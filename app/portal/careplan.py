"""The individual care plan as a person reads it: goals in own words, what to do and when, with whom; pure.

A care plan is a CarePlan with its activities, or the Goals, ServiceRequests and Tasks themselves: all are shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import repeat

from app.fhir.agreed_plan import AGREED
from app.fhir.elements import Tree, amount, codes, day_of, listed, named, own_name, referred, words
from app.fhir.labels import is_restricted
from app.fhir.own_plan import is_own
from app.fhir.release import Release
from app.portal.formats import quantity
from app.portal.kinds import KINDS, Kind, Target, is_open_goal, kind_of, target_of, targets_of
from app.portal.language import Language
from app.portal.plan_proposals import in_language
from app.portal.schedule import bounds_in_words, due_in_week, due_on, timing_in_words

Last = tuple[Decimal, date]
"""The newest value of something, and its day."""

ASKED = ("ServiceRequest", "ProcedureRequest", "Task")
"""The types that ask for something, beside the activities inside a CarePlan."""

STATES_PAUSED = frozenset({"on-hold", "suspended"})
OVER = frozenset({"completed", "cancelled", "stopped", "revoked", "entered-in-error", "rejected", "failed", "unknown"})


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target of a goal with the last value: texts, the state (0 in, -1 below, 1 above, None unknown), and places.

    ``low``, ``high`` and ``now`` are percentages of the meter, None where there is no such end or value. ``kind`` is the
    page with more about it, empty for a laboratory result.
    """

    name: str
    range: str
    kind: str
    last: str
    last_on: date | None
    state: int | None
    low: float | None
    high: float | None
    now: float | None


@dataclass(frozen=True, slots=True)
class GoalView:
    """A goal: its sentence in the person's or team's words, by when, about which problem, and its targets.

    ``own`` is the path, below the care plan, to the form of the person whose own goal it is, ``agreed`` to that in which a practice
    changes one that was made together; each is empty for the other. ``plans`` are the titles of the plans that it belongs to.
    """

    text: str
    due: date | None
    about: str
    note: str
    lines: tuple[TargetLine, ...]
    own: str = ""
    agreed: str = ""
    is_sensitive: bool = False
    plans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    """Something to do: what, when, by whom (empty for the person); ``kind`` is the measurement that it asks for.

    ``due`` is how often it is asked today, ``due_week`` how often this week without saying on which days. ``own`` and ``agreed``
    are paths as of a goal.
    """

    what: str
    when: str
    period: str
    who: str
    why: str
    kind: Kind | None
    due: int
    due_week: int
    own: str = ""
    agreed: str = ""
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan that goes on: its title, what it is for and about, its period in words, whose team, and by whom.

    ``agreed`` is the path to the form in which a practice changes it, empty for one that a system keeps.
    """

    title: str
    why: str
    about: tuple[str, ...]
    period: str
    is_paused: bool
    team: str
    by: str
    agreed: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the care team."""

    name: str
    role: str
    where: str


def called(tree: Tree, language: Language) -> str:
    """Return what a goal, or something to do, is called."""
    said = tree.get("description", "")
    return as_read(tree, words(tree.get("code")) or (said if isinstance(said, str) else words(said)), language)


def as_read(tree: Tree, text: str, language: Language) -> str:
    """Return words of a part of the plan; those that a practice took from a proposal here, in the reader's language."""
    what = next((what for what, kind in AGREED.items() if kind.is_one(tree)), "")
    return in_language(what, text, language)


def range_in_words(target: Target, unit: str, language: Language) -> str:
    """Return a target as a phrase: ``between 120 and 140 mmHg``, ``at most 7 mmol/l``."""
    if target.low is not None and target.high is not None:
        if target.low == target.high:
            return quantity(target.low, unit, language)
        return language.gettext("between %(low)s and %(high)s") % {
            "low": quantity(target.low, "" if unit != "%" else unit, language),
            "high": quantity(target.high, unit, language),
        }
    if target.high is not None:
        return language.gettext("at most %(value)s") % {"value": quantity(target.high, unit, language)}
    return language.gettext("at least %(value)s") % {"value": quantity(target.low or Decimal(0), unit, language)}


def _meter(target: Target, value: Decimal | None) -> tuple[float | None, float | None, float | None]:
    """Return the places of the target's ends and the value on a line that leaves room on both sides."""
    ends = [float(end) for end in (target.low, target.high, value) if end is not None]
    width = (max(ends) - min(ends)) or max(abs(ends[0]) * 0.2, 1.0)
    left, right = min(ends) - width * 0.35, max(ends) + width * 0.35

    def place(end: Decimal | None) -> float | None:
        return None if end is None else round((float(end) - left) / (right - left) * 100, 1)

    return place(target.low), place(target.high), place(value)


def _line(name: str, kind: str, unit: str, target: Target, last: Last | None, language: Language) -> TargetLine:
    value = last[0] if last else None
    low, high, now = _meter(target, value)
    return TargetLine(
        name=name,
        range=range_in_words(target, unit, language),
        kind=kind,
        last=quantity(value, unit, language) if value is not None else "",
        last_on=last[1] if last else None,
        state=None if value is None or target.low == target.high else target.side(value),
        low=low,
        high=high,
        now=now,
    )


def result_codes(goals: Iterable[Tree]) -> list[str]:
    """Return what open goals measure besides the kinds that have a page, as values of the search parameter ``code``."""
    measures = [part.get("measure") for goal in goals if is_open_goal(goal) for part in listed(goal.get("target"))]
    return sorted(
        {f"{system}|{code}" for one in measures if kind_of({"code": one}) is None for system, code in codes(one)}
    )


def _lines(goal: Tree, last: dict[str, Last], results: list[Tree], language: Language) -> list[TargetLine]:
    """Return the targets of one goal: of home measurements first, then of laboratory results."""
    lines = []
    for kind in KINDS:
        for series, target in zip(kind.series, targets_of(kind, [goal]), strict=True):
            if target is not None:
                at = last.get(series.code)
                lines.append(_line(language.gettext(series.name), kind.key, kind.unit, target, at, language))
    for part in listed(goal.get("target")):
        own = codes(part.get("measure"))
        newest: Tree = next((one for one in results if own & codes(one.get("code"))), {})
        measured, day = amount(newest.get("valueQuantity")), day_of(newest.get("effectiveDateTime"))
        target = (
            target_of(part, measured[1], "") if measured and kind_of({"code": part.get("measure")}) is None else None
        )
        if measured and target and day:
            lines.append(_line(words(part["measure"]), "", measured[1], target, (measured[0], day), language))
    return lines


def goal_views(
    goals: Iterable[Tree],
    last: dict[str, Last],
    results: list[Tree],
    language: Language,
    releases: Iterable[Release] = repeat(Release.R4),
    plans: Sequence[tuple[Release, Tree]] = (),
) -> list[GoalView]:
    """Return the open goals, those with something to measure first, the person's own last.

    ``last`` has the newest value of each series by its code; ``results`` are laboratory results, newest first. ``releases`` are
    those of the goals, in their order; ``plans`` go on.
    """
    found = []
    for goal, release in zip(goals, releases, strict=False):
        if is_open_goal(goal):
            place = place_of(goal, release)
            due = (day_of(part.get("dueDate")) for part in listed(goal.get("target")))
            found.append(
                GoalView(
                    text=called(goal, language),
                    due=next((day for day in due if day), None),
                    about=named(goal.get("addresses")),
                    note=" ".join(note["text"] for note in goal.get("note", []) if note.get("text")),
                    lines=tuple(_lines(goal, last, results, language)),
                    is_sensitive=is_restricted(goal),
                    own=place if is_own(goal) else "",
                    agreed=place if not is_own(goal) else "",
                    plans=tuple(
                        as_read(plan, str(plan.get("title", "")), language)
                        for of, plan in plans
                        if of is release and own_name(goal) in referred(plan.get("goal"))
                    ),
                )
            )
    return sorted(found, key=lambda one: (bool(one.own), not one.lines, one.text.casefold()))


def _measured(resource: Tree) -> Kind | None:
    """Return the kind of measurement that an activity asks for, by its code or one of its details."""
    own = codes(resource.get("code"))
    for detail in listed(resource.get("orderDetail")):
        own |= codes(detail)
    series = {(series.code, kind.key) for kind in KINDS for series in kind.series}
    for kind in KINDS:
        if own.intersection(kind.codes) or any((code, kind.key) in series for _, code in own):
            return kind
    return None


def agreed_place(resource: Tree, release: Release) -> str:
    """Return the path, below the care plan, of what a practice can change: a kind of words, a release and an id; empty for anything else."""
    what = next((what for what, kind in AGREED.items() if kind.is_one(resource)), "")
    return f"{what}/{release.path}/{resource['id']}" if what else ""


def place_of(resource: Tree, release: Release) -> str:
    """Return the end of the address of a goal or an action, empty for one that is not kept."""
    if "id" not in resource:
        return ""
    what = "goals" if resource["resourceType"] == "Goal" else "actions"
    return f"{what}/{release.path}/{resource['id']}"


def _activity(
    resource: Tree, timing: Tree | None, today: date, language: Language, release: Release = Release.R4
) -> Activity:
    notes = [note["text"] for note in listed(resource.get("note")) if note.get("text")]
    said = resource.get("patientInstruction") or next(iter(notes), "")
    first, last = (day_of((resource.get("occurrencePeriod") or {}).get(end)) for end in ("start", "end"))
    period = bounds_in_words(timing, language)
    if not period and (first or last):
        period = bounds_in_words({"repeat": {"boundsPeriod": resource["occurrencePeriod"]}}, language)
    performers = [one.get("actor", one) for one in listed(resource.get("performer") or resource.get("owner"))]
    others = [one for one in performers if not any(name.startswith("Patient/") for name in referred(one))]
    return Activity(
        what=called(resource, language) or str(said),
        when=timing_in_words(timing, language),
        period=period,
        who=named(others),
        why=str(
            said
            or as_read(resource, str(resource.get("description", "")), language)
            or named(resource.get("reasonReference"))
        ),
        kind=_measured(resource),
        due=due_on(timing, today),
        due_week=due_in_week(timing, today),
        is_sensitive=is_restricted(resource),
        own=place_of(resource, release) if is_own(resource) else "",
        agreed=agreed_place(resource, release),
    )


def activities(
    plans: Iterable[Tree],
    requests: Iterable[Tree],
    today: date,
    language: Language,
    releases: Iterable[Release] = repeat(Release.R4),
) -> list[Activity]:
    """Return what is to be done: activities inside the plans, then requests and tasks; what is over is left out.

    ``releases`` are those of the requests, in their order.
    """
    found = []
    for plan in plans:
        for part in plan.get("activity", []):
            detail = part.get("detail")
            if detail and plan.get("status") not in OVER and detail.get("status") not in OVER:
                found.append(_activity(detail, detail.get("scheduledTiming"), today, language))
    found += [
        _activity(request, timing_of(request), today, language, release)
        for request, release in zip(requests, releases, strict=False)
        if request.get("status") not in OVER
    ]
    unique: dict[tuple[str, str, str], Activity] = {}
    for one in found:
        if one.what:
            unique.setdefault((one.what, one.when, one.own), one)
    return sorted(unique.values(), key=lambda one: (one.due == 0, one.kind is None))


def timing_of(request: Tree) -> Tree | None:
    """Return when something is asked, an occurrence or the input of a Task; None where it does not say."""
    if timing := request.get("occurrenceTiming"):
        return dict(timing)
    for part in request.get("input", []):
        if "valueTiming" in part:
            return dict(part["valueTiming"])
    return None


def plan_views(plans: Iterable[tuple[Release, Tree]], teams: Sequence[Tree], language: Language) -> list[PlanView]:
    """Return the plans that go on, with the release of each; ``teams`` may be named in them."""
    names = {own_name(team): str(team.get("name", "")) for team in teams}
    found = []
    for release, plan in plans:
        team = next((names[one] for one in referred(plan.get("careTeam")) if names.get(one)), "")
        about = dict.fromkeys(named([one]) for one in plan.get("addresses", []))
        found.append(
            PlanView(
                title=as_read(plan, str(plan.get("title") or words(plan.get("category"))), language),
                why=str(plan.get("description", "")),
                about=tuple(as_read(plan, name, language) for name in about if name),
                period=bounds_in_words({"repeat": {"boundsPeriod": plan.get("period") or {}}}, language),
                is_paused=plan.get("status") in STATES_PAUSED,
                team=team or named(plan.get("careTeam")),
                by=named(plan.get("author")),
                agreed=agreed_place(plan, release),
            )
        )
    return found


def members(teams: Iterable[Tree]) -> list[Member]:
    """Return who is in the care teams, without the person."""
    found: dict[str, Member] = {}
    for team in teams:
        if team.get("status") in OVER or team.get("status") == "inactive":
            continue
        for part in team.get("participant", []):
            member = part.get("member") or {}
            name = named(member)
            if name and not any(one.startswith("Patient/") for one in referred(member)):
                role, where = words(part.get("role")), named(part.get("onBehalfOf"))
                short, _, rest = name.partition(", ")
                found.setdefault(name, Member(name, role, where) if role or where else Member(short, rest, ""))
    return list(found.values())
