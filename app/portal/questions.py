"""What a Questionnaire asks, as a flat list of questions in its order; pure, and the same for STU3 and R4.

A questionnaire that is too long or too deep is refused: the page would not be of use to anybody.

Spec: https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/STU3/questionnaire.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from app.errors import UnprocessableError
from app.fhir.elements import Tree, listed

QUESTIONS_MAX, DEPTH_MAX, OPTIONS_MAX, OPTIONS_PAGE_MAX = 200, 8, 1000, 5000
"""With more options than that a question can't be answered here, nor a questionnaire with more of them together: none is left out."""
ANSWERS_MAX = 50
"""How many answers a question that repeats may have here."""
SELECT_FROM, FIND_FROM = 12, 25
"""From how many options on they are a list to open, and not one below the other; from how many on one can search in them."""
TIMES_MAX = 10
"""How often a group that repeats can be there."""
AGAIN = "\N{SYMBOL FOR UNIT SEPARATOR}"
"""Between a linkId and which time it is of its group: a sign that no linkId has any reason to have."""
ROUNDS_MAX = 20
"""How often the conditions are gone through: more than any chain of questions that leads to another."""

ANSWERABLE = frozenset(
    {"boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url"}
    | {"choice", "open-choice", "quantity"}
)

IN_ROWS = frozenset({"boolean", "date", "dateTime", "time", "text", "quantity"})
"""Several answers to these are fields one below the other; to others, lines of one field."""

NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
"""A text that is compared as a number."""

LENGTH_MAX = 4000
TOO_LONG = "This questionnaire is too long to be answered here."

Values = Mapping[str, list[Tree]]
"""The answers by the names of their questions, each as ``{"valueString": ...}``."""


@dataclass(frozen=True, slots=True)
class Question:
    """One item. ``inside`` is the name of the item around it, ``value_set`` what its options are of, if not of itself.

    Its name is its linkId, followed by which time it is of each group around it that is there more than once. ``place`` is which
    time it is of a group that may be there more than once, 0 for others. ``stands`` is what its draft answers, ``is_hidden`` whether
    nobody is to see it.
    """

    name: str
    kind: str
    text: str
    inside: str
    depth: int
    item: Tree
    options: tuple[Tree, ...] = ()
    value_set: str = ""
    place: int = 0
    stands: tuple[Tree, ...] = ()
    is_hidden: bool = False

    @property
    def link_id(self) -> str:
        """Return the linkId, as the questionnaire has it."""
        return str(self.item.get("linkId", ""))

    @property
    def is_answerable(self) -> bool:
        """Return whether it can be answered on a page, with all that its draft has and all that it offers."""
        is_open = self.kind == "open-choice" or (self.kind != "choice" and not self.has_list)
        most = ANSWERS_MAX if self.repeats else 1
        return self.kind in ANSWERABLE and (is_open or bool(self.options)) and len(self.stands) <= most

    @property
    def has_list(self) -> bool:
        """Return whether the questionnaire has answers to choose from, which may be unknown here or too many."""
        return bool(self.value_set or self.item.get("answerOption") or self.item.get("option"))

    @property
    def is_required(self) -> bool:
        """Return whether the questionnaire can't be sent without it."""
        return self.item.get("required") is True and self.is_answerable and not self.is_fixed

    @property
    def length_max(self) -> int:
        """Return how many characters an answer in words may have."""
        return min(int(self.item.get("maxLength") or LENGTH_MAX), LENGTH_MAX)

    @property
    def repeats(self) -> bool:
        """Return whether it may have several answers."""
        return self.item.get("repeats") is True

    @property
    def is_in_rows(self) -> bool:
        """Return whether it may have several answers, each in a field of its own."""
        return self.repeats and not self.options and self.kind in IN_ROWS

    @property
    def is_in_lines(self) -> bool:
        """Return whether it may have several answers, each on a line of one field."""
        return self.repeats and not self.options and self.kind not in IN_ROWS | {"choice", "open-choice"}

    @property
    def is_fixed(self) -> bool:
        """Return whether its answer is given with the questionnaire."""
        return self.item.get("readOnly") is True or self.is_hidden

    @property
    def settled(self) -> list[Tree] | None:
        """Return the answers that the page can't change, which may be none; None for a question that it asks."""
        return None if self.is_answerable and not self.is_fixed else list(self.stands) or self.initial

    @property
    def is_select(self) -> bool:
        """Return whether the options are a list to open."""
        return len(self.options) >= SELECT_FROM and not self.repeats

    @property
    def is_to_find(self) -> bool:
        """Return whether there are so many options that one wants to search in them."""
        return len(self.options) >= FIND_FROM

    @property
    def units(self) -> list[Tree]:
        """Return the units of a quantity to choose from, as Codings: those told, or that of what it begins with; none without."""
        one = self.extended("questionnaire-unit")
        several = [
            part["valueCoding"] for part in self._extensions("questionnaire-unitOption") if "valueCoding" in part
        ]
        begun = [part["valueQuantity"] for part in self.initial if "valueQuantity" in part]
        own = [{**each, "display": each.get("unit", "")} for each in begun if "unit" in each or "code" in each]
        return [one] if isinstance(one, dict) else several or own

    def extended(self, name: str) -> object:
        """Return the value of an extension, None if it isn't there."""
        for one in self._extensions(name):
            return next((value for key, value in one.items() if key.startswith("value")), None)
        return None

    def _extensions(self, name: str) -> Iterator[Tree]:
        for one in listed(self.item.get("extension")):
            if str(one.get("url", "")).rsplit("/", 1)[-1] == name:
                yield one

    @property
    def initial(self) -> list[Tree]:
        """Return the answers that it begins with."""
        found = [value for one in listed(self.item.get("initial")) if (value := value_of(one))]
        found += [
            {"value" + key[7:]: value} for key, value in self.item.items() if key.startswith("initial") and key[7:]
        ]
        chosen = (one for one in listed(self.item.get("answerOption")) if one.get("initialSelected") is True)
        return found + [value_of(one) for one in chosen]


def value_of(option: Tree) -> Tree:
    """Return the ``value[x]`` of an element alone."""
    return {key: value for key, value in option.items() if key.startswith("value")}


def said(element: Tree, name: str, language_code: str) -> str:
    """Return a text of an element in a language, if it is translated into that; else as it is written."""
    for one in listed((element.get(f"_{name}") or {}).get("extension")):
        parts = {str(part.get("url")): part for part in listed(one.get("extension"))}
        if str(parts.get("lang", {}).get("valueCode", "")).split("-")[0] == language_code:
            content = parts.get("content", {})
            return str(content.get("valueString") or content.get("valueMarkdown") or "")
    return str(element.get(name) or "")


def option_text(value: Tree, language_code: str) -> str:
    """Return an option or answer that is no number or day as people read it."""
    coding = value.get("valueCoding")
    if coding is not None:
        return said(coding, "display", language_code) or str(coding.get("code", ""))
    return str(next(iter(value.values()), ""))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An item to go through. ``times`` is what follows a linkId inside it, ``names`` are those of items near that are there again."""

    item: Tree
    inside: str
    depth: int
    times: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    place: int = 0
    is_hidden: bool = False


def questions_of(questionnaire: Tree, language_code: str, times: Mapping[str, int] | None = None) -> list[Question]:
    """Return the items of a Questionnaire in the order of the page.

    ``times`` has how often a group that repeats is there, by its name; once if it is not told.
    Raises: UnprocessableError (too long or too deep).
    """
    found: list[Question] = []
    waiting = [_Waiting(item, "", 0) for item in reversed(listed(questionnaire.get("item")))]
    while waiting:
        one = waiting.pop()
        if len(found) == QUESTIONS_MAX or one.depth > DEPTH_MAX:
            raise UnprocessableError(TOO_LONG)
        name, inner = time_name(str(one.item.get("linkId", "")), one.times, one.place)
        if is_group_again(one.item) and not one.place:
            count = min(max((times or {}).get(name, 1), 1), TIMES_MAX)
            waiting += [_time_of(one, place) for place in range(count, 0, -1)]
            continue
        question = _question(one, name, language_code)
        found.append(question)
        waiting += [
            _Waiting(child, name, one.depth + 1, inner, one.names, is_hidden=question.is_hidden)
            for child in reversed(listed(one.item.get("item")))
        ]
    return found


def with_options(questions: Iterable[Question], known: Mapping[str, tuple[Tree, ...]]) -> list[Question]:
    """Return the questions with the options of their value sets, which ``known`` has by name; none of what is too much to list.

    Raises: UnprocessableError (more options together than a page can have).
    """
    found = [one if one.options else replace(one, options=known.get(one.value_set, ())) for one in questions]
    if sum(len(one.options) for one in found) > OPTIONS_PAGE_MAX:
        raise UnprocessableError(TOO_LONG)
    return found


def is_group_again(item: Tree) -> bool:
    """Return whether an item is a group that may be there more than once."""
    return item.get("type") == "group" and item.get("repeats") is True


def time_name(link_id: str, times: str, place: int) -> tuple[str, str]:
    """Return the name of an item and what follows the names inside it; ``place`` is which time a repeated group is there, from 1."""
    inner = f"{times}{AGAIN}{link_id}#{place}" if place > 1 else times
    return link_id + inner, inner


def _time_of(one: _Waiting, place: int) -> _Waiting:
    if place == 1:
        return replace(one, place=1)
    _, inner = time_name(str(one.item.get("linkId", "")), one.times, place)
    return replace(one, place=place, names={**one.names, **{each: each + inner for each in _within(one.item)}})


def _within(item: Tree) -> list[str]:
    """Return the linkIds inside an item, as many as a page can have."""
    found: list[str] = []
    waiting = [item]
    while waiting and len(found) <= QUESTIONS_MAX:
        one = waiting.pop()
        found.append(str(one.get("linkId", "")))
        waiting += listed(one.get("item"))
    return found


def _question(one: _Waiting, name: str, language_code: str) -> Question:
    item = one.item
    own = listed(item.get("answerOption") or item.get("option"))
    value_set = item.get("answerValueSet") or (item.get("options") or {}).get("reference") or ""
    text = " ".join(part for part in (said(item, "prefix", language_code), said(item, "text", language_code)) if part)
    options = tuple(value_of(option) for option in own) if len(own) <= OPTIONS_MAX else ()
    if one.names and item.get("enableWhen"):
        asked_of = [
            {**each, "question": one.names.get(str(each.get("question")), each.get("question"))}
            for each in listed(item["enableWhen"])
        ]
        item = {**item, "enableWhen": asked_of}
    made = Question(name, str(item.get("type")), text, one.inside, one.depth, item, options, str(value_set), one.place)
    return replace(made, is_hidden=one.is_hidden or made.extended("questionnaire-hidden") is True)


def asked(questions: Iterable[Question], values: Values) -> set[str]:
    """Return the names of what is asked, given these answers: an answer to what is not asked does not count.

    What stands below a question belongs to its answer: without one there is no place for it (qrs-1).
    """
    questions = list(questions)
    by_name = {one.name: one for one in questions}
    now: set[str] = set()
    for _ in range(ROUNDS_MAX):
        then: set[str] = set()
        for one in questions:
            around = by_name.get(one.inside)
            is_open = around is None or (
                around.name in then
                and (one.kind == "display" or around.kind == "group" or bool(values.get(around.name)))
            )
            if is_open and _is_enabled(one.item, {name: values[name] for name in values if name in now}):
                then.add(one.name)
        if then == now:
            break
        now = then
    return now


def _is_enabled(item: Tree, values: Values) -> bool:
    conditions = listed(item.get("enableWhen"))
    met = (is_met(one, values.get(str(one.get("question")), [])) for one in conditions)
    return not conditions or (all(met) if item.get("enableBehavior") == "all" else any(met))


def is_met(condition: Tree, values: list[Tree]) -> bool:
    """Return whether an ``enableWhen`` is met by the answers to its question."""
    if "hasAnswer" in condition:
        return bool(condition["hasAnswer"]) is bool(values)
    wanted = next((value for key, value in condition.items() if key.startswith("answer")), None)
    operator = condition.get("operator", "=")
    if operator == "exists":
        return (wanted is True) is bool(values)
    signs = [compared(next(iter(one.values()), None), wanted) for one in values]
    if operator == "!=":
        return 0 not in signs
    return any(sign in meant_by(str(operator)) for sign in signs)


def meant_by(operator: str) -> tuple[int, ...]:
    """Return what ``compared`` may say for an operator to hold; nothing for one that is not known."""
    return {"=": (0,), ">": (1,), "<": (-1,), ">=": (0, 1), "<=": (0, -1)}.get(operator, ())


def compared(value: object, other: object) -> int | None:
    """Return -1, 0 or 1 as a value is below, the same as or above another, None if they can't be compared.

    Codings are the same or not.
    """
    if isinstance(value, dict) and isinstance(other, dict):
        if "code" in value and "value" not in value:
            is_same = value["code"] == other.get("code") and other.get("system") in (None, value.get("system"))
            return 0 if is_same else None
        value, other = value.get("value"), other.get("value")
    if isinstance(value, bool) or isinstance(other, bool):
        return 0 if value is other else None
    first, second = str(value), str(other)
    if all(isinstance(each, int | Decimal) or NUMBER.fullmatch(str(each)) for each in (value, other)):
        one, two = Decimal(first), Decimal(second)
        return (one > two) - (one < two)
    return (first > second) - (first < second)
