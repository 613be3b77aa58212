"""What somebody of a practice types of a care plan: what can belong to it, what was typed, and the other way round; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import NAMESPACE_URL, uuid5

from app.fhir.agreed_care_plan import AgreedPlan, about_of, agreement_of
from app.fhir.agreed_plan import AGREED, REQUESTS, AgreedAction, AgreedGoal, AskedMeasuring
from app.fhir.elements import Tree, day_of, own_name, referred
from app.fhir.own_plan import New, OwnAction, OwnGoal, is_own
from app.fhir.release import Release
from app.portal.careplan import OVER, STATES_PAUSED, called, members, timing_of
from app.portal.formats import joined
from app.portal.interactions import Found
from app.portal.kinds import BY_KEY, is_open_goal
from app.portal.language import Language
from app.portal.measuring import day_typed, line_typed
from app.portal.own_goals import AHEAD_MAX, TEXT_LENGTH_MAX, WHY_LENGTH_MAX
from app.portal.plan_proposals import ILLNESSES, proposals_for, title_for
from app.portal.schedule import timing_in_words

CHOICES_MAX = 100
AGREEMENTS_MAX = 50
AGREEMENTS_LENGTH_MAX = 6000
PAUSED = "paused"
KEEP = "keep"
"""What the field ``team`` says when the team stays as it is."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something of the record that can belong to a plan: ``field`` is ticked for it."""

    reference: str
    text: str

    @property
    def field(self) -> str:
        """Return the name of the field."""
        return f"part {self.reference}"

    @property
    def shown(self) -> str:
        """Return the name of the field that says that the form had it: what came into view since then is not taken out."""
        return f"shown {self.reference}"


@dataclass(frozen=True, slots=True)
class Choices:
    """What can belong to a plan, of what who looks may see: goals, things to do, and teams."""

    goals: tuple[Choice, ...] = ()
    activities: tuple[Choice, ...] = ()
    teams: tuple[Choice, ...] = ()


NO_CHOICES = Choices()
BELONGING = ("Goal", "CareTeam", "Task", *REQUESTS.values())
"""The types of what can belong to a plan, in the order in which ``choices_of`` takes them."""


def choices_of(release: Release, several: Sequence[Sequence[Found]], language: Language) -> Choices:
    """Return what can belong to a plan of a release, of the Goals, CareTeams and things asked in ``several``."""
    goals, teams, *asked = [[one.tree() for one in found if one.release is release] for found in several]
    doing = [one for found in asked for one in found if one.get("status") not in OVER and _is_done_at_home(one)]
    return Choices(
        _choices((one, called(one, language)) for one in goals if is_open_goal(one)),
        _choices((one, _doing_name(one, language)) for one in doing),
        _choices((one, _team_name(one, language)) for one in teams if one.get("status") not in (*OVER, "inactive")),
    )


def _is_done_at_home(tree: Tree) -> bool:
    return is_own(tree) or AGREED["actions"].is_one(tree) or tree["resourceType"] in REQUESTS.values()


def _choices(found: Iterable[tuple[Tree, str]]) -> tuple[Choice, ...]:
    named = sorted((Choice(own_name(tree), text) for tree, text in found if text), key=lambda one: one.text.casefold())
    return tuple(named[:CHOICES_MAX])


def _doing_name(tree: Tree, language: Language) -> str:
    """Return what is done and when: the same can be asked at several moments."""
    name = called(tree, language)
    return " · ".join(filter(None, (name, timing_in_words(timing_of(tree), language)))) if name else ""


def _team_name(team: Tree, language: Language) -> str:
    people = joined([one.name for one in members([team])], language)
    return " · ".join(filter(None, (str(team.get("name", "")), people)))


def plan_fields(plan: Tree, choices: Choices) -> dict[str, str]:
    """Return what stands in the form of a plan."""
    period, teams = plan.get("period") or {}, referred(plan.get("careTeam"))
    until = str(day_of(period.get("end")) or "")
    inside = {*referred(plan.get("goal")), *referred([one.get("reference") for one in _activities(plan, "reference")])}
    said = dict.fromkeys(filter(None, map(agreement_of, plan.get("activity", []))))
    known = not plan.get("careTeam") or (len(teams) == 1 and teams[0] in {one.reference for one in choices.teams})
    return {
        "text": str(plan.get("title", "")),
        "about": about_of(plan),
        "why": str(plan.get("description", "")),
        "from": str(day_of(period.get("start")) or ""),
        "due": until,
        "state": PAUSED if plan.get("status") in STATES_PAUSED else "",
        "team": next(iter(teams), "") if known else KEEP,
        "agreements": "\n".join(said),
        **{one.field: "on" for one in (*choices.goals, *choices.activities) if one.reference in inside},
    }


def ticked_since(texts: Mapping[str, str], fields: Mapping[str, str], choices: Choices) -> dict[str, str]:
    """Return the fields of what belongs to a plan and was not in the form that was sent."""
    every = (*choices.goals, *choices.activities)
    return {one.field: "on" for one in every if one.field in fields and one.shown not in texts}


def plan_typed(
    texts: Mapping[str, str], plan: Tree, choices: Choices, today: date, language: Language, by: str
) -> tuple[AgreedPlan | None, dict[str, str]]:
    """Return the plan that was typed, None if something is wrong; and what that is, by field.

    ``plan`` is what stands, empty for a new one: what belongs to it and was not to be chosen stays in it.
    """
    errors: dict[str, str] = {}
    title, about, why = (line_typed(texts.get(name, "")) for name in ("text", "about", "why"))
    if not title:
        errors["text"] = language.gettext("Give the plan a name.")
    agreements = tuple(dict.fromkeys(filter(None, map(line_typed, texts.get("agreements", "").splitlines()))))
    lengths = {"text": [title], "about": [about], "agreements": agreements}
    too_long = [name for name, said in lengths.items() if any(len(one) > TEXT_LENGTH_MAX for one in said)]
    too_long += ["why"] if len(why) > WHY_LENGTH_MAX else []
    errors |= {name: language.gettext("This is too long. Say it in fewer words.") for name in too_long}
    if len(agreements) > AGREEMENTS_MAX:
        errors["agreements"] = language.gettext("These are too many. Keep the most important ones.")
    begins, ends = _period(texts, today, errors, language)
    team = texts.get("team", "")
    if team not in {"", KEEP, *(one.reference for one in choices.teams)}:
        errors["team"] = language.gettext("Choose from the list.")
    if errors or begins is None:
        return None, errors
    return AgreedPlan(
        title,
        about,
        why,
        begins,
        ends,
        agreements,
        by,
        number=str(uuid5(NAMESPACE_URL, texts.get("key", ""))),
        is_paused=texts.get("state") == PAUSED,
        team=None if team == KEEP else team,
        goals=_chosen(texts, referred(plan.get("goal")), choices.goals),
        activities=_chosen(
            texts, referred([one.get("reference") for one in _activities(plan, "reference")]), choices.activities
        ),
    ), {}


def _period(
    texts: Mapping[str, str], today: date, errors: dict[str, str], language: Language
) -> tuple[date | None, date | None]:
    begins, ends = day_typed(texts.get("from", "")), day_typed(texts.get("due", ""))
    if begins is None or abs(begins - today) > AHEAD_MAX:
        errors["from"] = language.gettext("Fill in the day from which the plan holds.")
    elif texts.get("due", "").strip() and (ends is None or ends < begins or ends > today + AHEAD_MAX):
        errors["due"] = language.gettext("Choose a day after the first day of the plan.")
    return begins, ends


def _activities(plan: Tree, name: str) -> list[Tree]:
    return [one for one in plan.get("activity", []) if name in one]


def _chosen(texts: Mapping[str, str], stands: list[str], choices: Iterable[Choice]) -> tuple[str, ...]:
    """Return what belongs to a plan from now on: what was ticked, and what was not to be chosen but belonged to it."""
    offered = [one for one in choices if one.shown in texts or one.field in texts]
    ticked = {one.reference: bool(texts.get(one.field)) for one in offered}
    kept = [one for one in stands if ticked.get(one, True)]
    return tuple(dict.fromkeys([*kept, *(one for one, is_ticked in ticked.items() if is_ticked)]))


def begun_with(illness: str, today: date, language: Language) -> dict[str, str]:
    """Return what stands in the form of a new plan: with the proposals for an illness, if there are any for it."""
    fields = {"from": str(today)}
    if illness not in ILLNESSES:
        return fields
    name = language.gettext(ILLNESSES[illness].name)
    title = title_for(illness, language)
    ticked = {f"proposal {number}": "on" for number, _ in enumerate(proposals_for(illness))}
    return {**fields, "illness": illness, "text": title, "about": name, **ticked}


def parts_proposed(texts: Mapping[str, str], language: Language, by: str) -> list[New]:
    """Return the goals and things to do that were ticked of the proposals for an illness."""
    found: list[New] = []
    for number, one in enumerate(proposals_for(texts.get("illness", ""))):
        if texts.get(f"proposal {number}"):
            text = language.gettext(one.text) if one.text else ""
            if one.what == "goals":
                found.append(AgreedGoal(OwnGoal(text), by))
            elif one.what == "actions":
                found.append(AgreedAction(OwnAction(text, often=one.often), by))
            else:
                kind = BY_KEY[one.measure]
                found.append(AskedMeasuring((*kind.codes[0], language.gettext(kind.name)), one.often, by))
    return found
