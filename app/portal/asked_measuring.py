"""What somebody of a practice types when they ask a person to measure at home, read as such, and the other way round; pure."""

from collections.abc import Mapping
from datetime import date

from app.fhir.agreed_plan import AskedMeasuring
from app.fhir.elements import Tree, day_of, listed, words
from app.fhir.own_plan import OFTEN
from app.portal.kinds import BY_KEY
from app.portal.language import Language
from app.portal.measuring import line_typed
from app.portal.own_goals import WHY_LENGTH_MAX, day_to_come


def measuring_typed(
    texts: Mapping[str, str], today: date, language: Language, by: str, *, is_new: bool, keeps_timing: bool = False
) -> tuple[AskedMeasuring | None, dict[str, str]]:
    """Return what was asked, None if something is wrong; and what that is, by field.

    What is measured is asked of a new one only. ``keeps_timing``: the form had no fields for when.
    """
    errors: dict[str, str] = {}
    kind, how = BY_KEY.get(texts.get("measure", "")), line_typed(texts.get("why", ""))
    if kind is None and is_new:
        errors["measure"] = language.gettext("Choose what to measure.")
    if not keeps_timing and texts.get("often") not in OFTEN:
        errors["often"] = language.gettext("Choose from the list.")
    if len(how) > WHY_LENGTH_MAX:
        errors["why"] = language.gettext("This is too long. Say it in fewer words.")
    until = None if keeps_timing else day_to_come(texts, today, errors, language)
    if errors:
        return None, errors
    measure = ("", "", "") if kind is None else (*kind.codes[0], language.gettext(kind.name))
    return AskedMeasuring(measure, texts.get("often", ""), by, how, until, keeps_timing), {}


def measuring_fields(request: Tree) -> tuple[dict[str, str], bool]:
    """Return what stands in the form of a request to measure, and whether its timing fits in there."""
    notes = " ".join(one["text"] for one in listed(request.get("note")) if one.get("text"))
    timing = dict(request.get("occurrenceTiming") or {})
    repeat = dict(timing.pop("repeat", None) or {})
    until = str(day_of((repeat.pop("boundsPeriod", None) or {}).get("end")) or "")
    often = next(
        (key for key, (many, unit) in OFTEN.items() if repeat == {"frequency": many, "period": 1, "periodUnit": unit}),
        "",
    )
    texts = {
        "text": words(request.get("code")),
        "why": str(request.get("patientInstruction") or notes),
        "often": often,
        "due": until,
        "due-before": until,
    }
    return texts, bool(often) and not timing
