"""What a person types about a goal or an action of their own, read as such, and the other way round; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from app.fhir import self_measured
from app.fhir.elements import LOINC, Tree, day_of, has_code, listed, words
from app.fhir.labels import is_restricted
from app.fhir.own_plan import OFTEN, OwnAction, OwnGoal, Range
from app.portal.formats import number, unit
from app.portal.kinds import KINDS, Kind, Series, target_of
from app.portal.language import Language, marked
from app.portal.measuring import FORMS, day_typed, line_typed, number_fault, number_of

TEXT_LENGTH_MAX = 300
WHY_LENGTH_MAX = 1000
AHEAD_MAX = timedelta(days=366 * 20)
OFTEN_WORDS = {
    "day": marked("Every day"),
    "week-1": marked("Once a week"),
    "week-2": marked("2 times a week"),
    "week-3": marked("3 times a week"),
    "week-4": marked("4 times a week"),
    "week-5": marked("5 times a week"),
    "week-6": marked("6 times a week"),
}
_UNIT_TEXTS = {code: text for text, code in (kind.unit for kind in self_measured.KINDS.values())}


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that a goal can want a value of, by the code of its series; values outside ``possible`` nobody has."""

    kind: Kind
    series: Series
    possible: tuple[int, int]

    @property
    def system(self) -> str:
        """Return the code system of the series."""
        return next((system for system, code in self.kind.codes if code == self.series.code), LOINC)

    def name(self, language: Language) -> str:
        """Return what it is called, with its unit: ``Weight (kg)``."""
        kind, series = language.gettext(self.kind.name), language.gettext(self.series.name)
        name = f"{kind}: {series[:1].lower()}{series[1:]}" if len(self.kind.series) > 1 else kind
        own = unit(self.kind.unit, language)
        return f"{name} ({own})" if own else name


def _measures() -> dict[str, Measure]:
    found = {}
    for kind in KINDS:
        asked = FORMS[kind.key]
        for place, series in enumerate(kind.series):
            found[series.code] = Measure(kind, series, asked[place if kind.is_pair else 0].possible)
    return found


MEASURES = _measures()


@dataclass(slots=True)
class Typed:
    """What was typed: the goal or action that it makes, or what is wrong with each field."""

    words: OwnGoal | OwnAction | None = None
    errors: dict[str, str] = field(default_factory=dict)


def goal_typed(texts: Mapping[str, str], today: date, language: Language, *, keeps_target: bool = False) -> Typed:
    """Return the goal that was typed. ``keeps_target``: the form had no fields for its targets."""
    found = Typed()
    text, why = _sentences(texts, found, language)
    due = None if keeps_target else day_to_come(texts, today, found.errors, language)
    wanted = None if keeps_target else _range(texts, found, language)
    if not found.errors:
        found.words = OwnGoal(text, why, due, wanted, keeps_target, "sensitive" in texts)
    return found


def action_typed(texts: Mapping[str, str], today: date, language: Language, *, keeps_timing: bool = False) -> Typed:
    """Return the action that was typed. ``keeps_timing``: the form had no fields for when it is done."""
    found = Typed()
    text, why = _sentences(texts, found, language)
    until = None if keeps_timing else day_to_come(texts, today, found.errors, language)
    often = "" if keeps_timing else texts.get("often", "")
    if often and often not in OFTEN:
        found.errors["often"] = language.gettext("Choose from the list.")
    if not found.errors:
        found.words = OwnAction(text, why, often, until, keeps_timing, "sensitive" in texts)
    return found


def _sentences(texts: Mapping[str, str], found: Typed, language: Language) -> tuple[str, str]:
    text, why = line_typed(texts.get("text", "")), line_typed(texts.get("why", ""))
    if not text:
        found.errors["text"] = language.gettext("Write it in your own words.")
    for name, value, most in (("text", text, TEXT_LENGTH_MAX), ("why", why, WHY_LENGTH_MAX)):
        if len(value) > most:
            found.errors[name] = language.gettext("This is too long. Say it in fewer words.")
    return text, why


def day_to_come(texts: Mapping[str, str], today: date, errors: dict[str, str], language: Language) -> date | None:
    """Return the day in the field ``due``, None if it is empty or wrong; what is wrong with it is added to ``errors``."""
    if not texts.get("due", "").strip():
        return None
    day = day_typed(texts["due"])
    # A day that was fine when it was chosen may be over when the words are changed.
    if day is None or (day < today and str(day) != texts.get("due-before")) or day > today + AHEAD_MAX:
        errors["due"] = language.gettext("Choose a day that is still to come.")
    return day


def _range(texts: Mapping[str, str], found: Typed, language: Language) -> Range | None:
    code = texts.get("measure", "")
    ends: dict[str, Decimal] = {}
    for name in ("low", "high"):
        if text := texts.get(name, "").strip():
            value = number_of(text, 2)
            if value is None:
                found.errors[name] = number_fault(text, is_whole=False, language=language)
            else:
                ends[name] = value
    if not code:
        if ends:
            found.errors["measure"] = language.gettext("Choose what you measure.")
        return None
    if code not in MEASURES:
        found.errors["measure"] = language.gettext("Choose from the list.")
        return None
    measure = MEASURES[code]
    least, most = measure.possible
    for name, value in ends.items():
        if not least <= value <= most:
            said = {"low": number(Decimal(least), language), "high": number(Decimal(most), language)}
            found.errors[name] = language.gettext("This can't be right. It lies between %(low)s and %(high)s.") % said
    if not ends and not found.errors:
        found.errors["low"] = language.gettext("Fill in one number or both.")
    if len(ends) == 2 and ends["low"] > ends["high"]:
        found.errors["high"] = language.gettext("The highest value is the higher of the two. Did you swap them?")
    unit_code = measure.kind.unit
    name = language.gettext(measure.series.name)
    return Range(
        (measure.system, code, name),
        (_UNIT_TEXTS.get(unit_code, unit_code), unit_code),
        ends.get("low"),
        ends.get("high"),
    )


def goal_fields(goal: Tree, language: Language) -> tuple[dict[str, str], bool]:
    """Return what stands in the form of a goal, and whether its targets fit in there."""
    texts = {"text": words(goal.get("description")), "why": _notes(goal), **_label(goal)}
    targets = listed(goal.get("target"))
    if not targets:
        return texts, True
    (target, *others) = targets
    due = day_of(target.get("dueDate"))
    texts |= {"due": str(due or ""), "due-before": str(due or "")}
    has_detail = any(name.startswith("detail") for name in target)
    if not others and "measure" not in target and not has_detail:
        return texts, True
    measure = next((one for one in MEASURES.values() if has_code(target.get("measure"), one.series.code)), None)
    bounds = target.get("detailRange")
    if others or measure is None or not bounds:
        return texts, False
    ends = [end for end in (bounds.get("low"), bounds.get("high")) if end]
    wanted = target_of(target, measure.kind.unit, "")
    if wanted is None or any(end.get("code") != measure.kind.unit for end in ends):
        return texts, False
    shown = {name: _shown(value, language) for name, value in (("low", wanted.low), ("high", wanted.high))}
    return texts | {"measure": measure.series.code} | shown, True


def action_fields(task: Tree) -> tuple[dict[str, str], bool]:
    """Return what stands in the form of an action, and whether its timing fits in there."""
    texts = {"text": str(task.get("description") or words(task.get("code"))), "why": _notes(task), **_label(task)}
    timings = [part["valueTiming"] for part in task.get("input", []) if "valueTiming" in part]
    if not timings:
        return texts, True
    repeat = dict(timings[0].get("repeat") or {})
    until = day_of((repeat.pop("boundsPeriod", None) or {}).get("end"))
    texts |= {"due": str(until or ""), "due-before": str(until or "")}
    often = next(
        (
            key
            for key, (frequency, period_unit) in OFTEN.items()
            if repeat == {"frequency": frequency, "period": 1, "periodUnit": period_unit}
        ),
        "",
    )
    fits = len(timings) == 1 and set(timings[0]) == {"repeat"} and (bool(often) or not repeat)
    return texts | {"often": often}, fits


def _label(resource: Tree) -> dict[str, str]:
    return {"sensitive": "on"} if is_restricted(resource) else {}


def _notes(resource: Tree) -> str:
    return " ".join(one["text"] for one in listed(resource.get("note")) if one.get("text"))


def _shown(value: Decimal | None, language: Language) -> str:
    return "" if value is None else str(value).replace(".", "," if language.code == "nl" else ".")
