"""When a question is asked, made ready for the page's own program: ``conditions.js`` decides with it as ``questions.asked`` does; pure.

What the server alone can compare (a moment with its time zone) is ``later``: it is decided when the form is sent.

Spec: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.fhir.elements import Tree, listed
from app.portal.questions import NUMBER, Question, compared, is_met, meant_by

_NUMBERS = frozenset({"integer", "decimal", "quantity"})
_TEXTS = frozenset({"date", "time", "string", "text", "url"})


def rules_of(questions: Sequence[Question]) -> dict[str, Tree]:
    """Return what the program needs to know of each question, by its name."""
    by_name = {one.name: one for one in questions}
    return {one.name: _rule(one, by_name) for one in questions}


def _rule(question: Question, by_name: Mapping[str, Question]) -> Tree:
    item = question.item
    when = [_condition(one, by_name.get(str(one.get("question")))) for one in listed(item.get("enableWhen"))]
    least = question.extended("minLength")
    is_chosen = bool(question.options) or question.kind in ("choice", "open-choice")
    rule: Tree = {
        "name": question.name,
        "inside": question.inside,
        "kind": question.kind,
        "when": when,
        "all": item.get("enableBehavior") == "all",
        "empty": question.settled == [],
        "chosen": is_chosen,
        "repeats": question.repeats,
        "lines": question.is_in_lines,
        "fixed": bool(question.settled),
        "low": _ends(question, "minValue", "minQuantity"),
        "high": _ends(question, "maxValue", "maxQuantity"),
        "least": least if isinstance(least, int) else 0,
        "most": question.length_max,
    }
    return {name: value for name, value in rule.items() if value not in ("", False, None, 0, [])}


def _ends(question: Question, *names: str) -> list[str]:
    found = [question.extended(name) for name in names]
    return [str(one.get("value") if isinstance(one, dict) else one) for one in found if one is not None]


def _condition(condition: Tree, on: Question | None) -> Tree:
    """Return one condition: what it is without an answer, and how an answer is held against it."""
    made: Tree = {"on": str(condition.get("question")), "none": is_met(condition, [])}
    operator = "exists" if "hasAnswer" in condition else str(condition.get("operator", "="))
    wanted: Any = next((value for key, value in condition.items() if key.startswith("answer")), None)
    if operator == "exists" or on is None:
        return made | {"some": is_met(condition, [{"valueBoolean": True}])}
    if on.settled is not None:
        return made | {"some": is_met(condition, on.settled)}
    signs = [0] if operator == "!=" else list(meant_by(operator))
    made |= {"not": operator == "!=", "signs": signs}
    if isinstance(wanted, dict) and "value" in wanted:
        wanted = wanted["value"]
    if on.kind == "boolean":
        held = [text for text, value in (("true", True), ("false", False)) if compared(value, wanted) in signs]
        return made | {"in": held}
    if on.options or on.kind in ("choice", "open-choice"):
        held = [
            str(place)
            for place, option in enumerate(on.options)
            if compared(next(iter(option.values()), None), wanted) in signs
        ]
        # Own words beside the options are compared with a text only.
        return made | {"in": held, "than": None if isinstance(wanted, dict) else str(wanted)}
    if isinstance(wanted, bool):
        return made | {"in": []}
    is_number = isinstance(wanted, int | Decimal) or (isinstance(wanted, str) and NUMBER.fullmatch(wanted))
    if on.kind in (_NUMBERS if is_number else _TEXTS if isinstance(wanted, str) else ()):
        return made | {"than": str(wanted)}
    if on.kind in _TEXTS and is_number:
        return made | {"than": str(wanted)}
    return made | {"later": True}
