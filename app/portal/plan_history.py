"""The history of a care plan in words: what was added, changed or ended, when and by whom; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.access.categories import Category
from app.consent.categorize import categorize
from app.fhir.elements import Tree, amount, day_of, has_code, listed, named, own_name, referred, words
from app.fhir.release import Release
from app.portal.careplan import ASKED, STATES_PAUSED, as_read, called, members, range_in_words
from app.portal.formats import day, joined
from app.portal.interactions import AuthoredVersion
from app.portal.kinds import KINDS, Target, is_open_goal, target_of
from app.portal.language import Language, marked
from app.portal.schedule import bounds_in_words, timing_in_words

TYPES = ("Goal", "CarePlan", "CareTeam", *ASKED)
"""What a care plan is made of."""

_DEEDS = {
    ("Goal", "added"): marked("Goal added"),
    ("Goal", "changed"): marked("Goal changed"),
    ("Goal", "reached"): marked("Goal reached"),
    ("Goal", "stopped"): marked("Goal stopped"),
    ("Goal", "removed"): marked("Goal removed"),
    ("CarePlan", "added"): marked("Care plan made"),
    ("CarePlan", "changed"): marked("Care plan changed"),
    ("CarePlan", "reached"): marked("Care plan finished"),
    ("CarePlan", "stopped"): marked("Care plan stopped"),
    ("CarePlan", "removed"): marked("Care plan removed"),
    ("CareTeam", "added"): marked("Care team made"),
    ("CareTeam", "changed"): marked("Care team changed"),
    ("CareTeam", "reached"): marked("Care team stopped"),
    ("CareTeam", "stopped"): marked("Care team stopped"),
    ("CareTeam", "removed"): marked("Care team removed"),
    ("Task", "added"): marked("Agreement or action added"),
    ("Task", "changed"): marked("Agreement or action changed"),
    ("Task", "reached"): marked("Agreement or action finished"),
    ("Task", "stopped"): marked("Agreement or action stopped"),
    ("Task", "removed"): marked("Agreement or action removed"),
}
"""What is said of a change, by what it is of and what was done; what somebody is asked to do is called like a Task."""

_REACHED = frozenset({"completed", "achieved"})
_STOPPED = frozenset({"cancelled", "stopped", "revoked", "inactive", "rejected", "failed", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Difference:
    """What of something changed: its name, and how it was and is; empty for nothing."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One change of the plan at a local instant, by whom (empty if it is not known); ``what`` is called as it was afterwards."""

    at: datetime
    by: str
    deed: str
    what: str
    differences: tuple[Difference, ...]

    @property
    def day(self) -> date:
        """Return the local date."""
        return self.at.date()


def status_of(tree: Tree) -> str:
    """Return ``open``, ``reached`` or ``stopped``."""
    status = str(tree.get("lifecycleStatus") or tree.get("status") or "")
    if status in _REACHED:
        return "reached"
    if status in _STOPPED or (tree["resourceType"] == "Goal" and not is_open_goal(tree) and status != "proposed"):
        return "stopped"
    return "open"


def _targets(goal: Tree, language: Language) -> str:
    """Return the targets of a goal as one text."""
    found = []
    for part in listed(goal.get("target")):
        known = [
            (language.gettext(series.name), kind.unit)
            for kind in KINDS
            for series in kind.series
            if has_code(part.get("measure"), series.code)
        ]
        ends = part.get("detailRange") or {}
        measured = amount(part.get("detailQuantity") or ends.get("high") or ends.get("low"))
        name, unit = known[0] if known else (words(part.get("measure")), measured[1] if measured else "")
        target: Target | None = target_of(part, unit, "") if measured else None
        if target is not None:
            found.append(f"{name} {range_in_words(target, unit, language)}".strip())
    return joined(found, language)


def facts(tree: Tree, language: Language, parts: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a page shows of a part of the plan, by its name in English; what is not said is left out.

    ``parts`` is what goals, agreements and teams are called that a plan refers to; others are not told of.
    """
    notes = " ".join(one["text"] for one in listed(tree.get("note")) if one.get("text"))
    match tree["resourceType"]:
        case "Goal":
            due = next((found for part in listed(tree.get("target")) if (found := day_of(part.get("dueDate")))), None)
            told = {
                marked("Goal"): called(tree, language),
                marked("Target"): _targets(tree, language),
                marked("By when"): day(due, language) if due else "",
                marked("Note"): notes,
            }
        case "CarePlan":
            doing = [part.get("detail") or {} for part in tree.get("activity", [])]
            said = [str(one.get("description") or words(one.get("code"))) for one in doing]
            asked = [part["reference"] for part in tree.get("activity", []) if "reference" in part]
            about = dict.fromkeys(as_read(tree, named([one]), language) for one in tree.get("addresses", []))
            told = {
                marked("Name"): as_read(tree, str(tree.get("title") or words(tree.get("category"))), language),
                marked("About"): joined([one for one in about if one], language),
                marked("What it is for"): str(tree.get("description", "")),
                marked("Period"): bounds_in_words({"repeat": {"boundsPeriod": tree.get("period") or {}}}, language),
                marked("Care team"): joined(_called(tree.get("careTeam"), parts), language),
                marked("Goals"): joined(_called(tree.get("goal"), parts), language),
                marked("What is done"): joined([one for one in said if one] + _called(asked, parts), language),
            }
        case "CareTeam":
            team = members([{**tree, "status": "active"}])
            told = {marked("Who"): joined([one.name for one in team], language)}
        case _:
            inputs = (part["valueTiming"] for part in tree.get("input", []) if "valueTiming" in part)
            timing = tree.get("occurrenceTiming") or next(inputs, None)
            told = {
                marked("What"): called(tree, language),
                marked("How often"): timing_in_words(timing, language),
                marked("Period"): bounds_in_words(timing, language),
                marked("Note"): str(tree.get("patientInstruction") or notes),
                marked("Who"): named(tree.get("performer")),
            }
    if tree.get("status") in STATES_PAUSED:
        told[marked("How it goes on")] = language.gettext("On hold for now")
    return {name: text for name, text in told.items() if text}


def _called(references: object, parts: Mapping[str, str] | None) -> list[str]:
    return [text for one in referred(references) if (text := (parts or {}).get(one))]


def lines_of(
    versions: Iterable[AuthoredVersion], names: Mapping[str, str], zone: ZoneInfo, language: Language
) -> list[Line]:
    """Return the changes of a plan, the newest first; ``names`` is who somebody is, by what the log calls them.

    A version in which nothing changed that a page shows is left out.
    """
    found: list[tuple[int, Line]] = []
    before: dict[tuple[object, str, str], Tree] = {}
    names_now: dict[Release, dict[str, str]] = {release: {} for release in Release}
    for one in sorted(versions, key=lambda each: each.version.seq):
        version = one.version
        key = (version.release, version.resource_type, version.id)
        tree = {} if version.deleted else version.tree()
        if tree and Category.CARE_PLAN not in categorize(version.resource_type, tree):
            continue
        if tree:
            names_now[version.release][own_name(tree)] = str(tree.get("name") or called(tree, language))
        line = _line(one, before.get(key), tree, names_now[version.release], names, zone, language)
        if line is not None:
            found.append((version.seq, line))
        if tree:
            before[key] = tree
    return [line for _, line in sorted(found, key=lambda each: (each[1].at, each[0]), reverse=True)]


def _line(
    one: AuthoredVersion,
    before: Tree | None,
    tree: Tree,
    parts: Mapping[str, str],
    names: Mapping[str, str],
    zone: ZoneInfo,
    language: Language,
) -> Line | None:
    version = one.version
    if not tree and before is None:
        return None
    was, now = (facts(each, language, parts) if each else {} for each in (before, tree))
    deed, differences = "removed", list[Difference]()
    if tree:
        state = status_of(tree)
        has_ended = state != "open" and (before is None or status_of(before) != state)
        deed = state if has_ended else "added" if version.version == 1 else "changed"
        changed = [name for name in dict.fromkeys((*was, *now)) if was.get(name) != now.get(name)]
        if before is not None:
            differences = [Difference(language.gettext(name), was.get(name, ""), now.get(name, "")) for name in changed]
            if not changed and not has_ended and status_of(before) == state:
                return None
    told = now or was
    kind = version.resource_type if (version.resource_type, deed) in _DEEDS else "Task"
    return Line(
        at=version.last_updated.astimezone(zone),
        by=names.get(one.actor, ""),
        deed=language.gettext(_DEEDS[kind, deed]),
        what=next(iter(told.values()), ""),
        differences=tuple(differences),
    )
