"""What was typed in the form of a Questionnaire, read as answers, and the answers as a QuestionnaireResponse; pure.

A question is a field with the name ``a-`` and its own; ``-unit``, ``-clock`` and ``-other`` after that are its parts.

Spec: https://hl7.org/fhir/R4/questionnaireresponse.html, https://hl7.org/fhir/STU3/questionnaireresponse.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from itertools import zip_longest
from typing import Any, cast
from zoneinfo import ZoneInfo

from app.fhir.elements import YEARS, Tree, listed, moment_of
from app.portal import formats
from app.portal.language import Language
from app.portal.measuring import FIRST_DAY, clock_typed, day_typed, line_typed, lines_typed, number_fault
from app.portal.questions import ANSWERS_MAX, Question, Values, asked, compared, option_text, time_name, value_of

Typed = Mapping[str, list[str]]
"""The texts of a form by the names of the fields."""

UNIT_LENGTH_MAX = 40
OTHER = "other"

_NUMBER = re.compile(r"-?[0-9]{1,9}(?:[.,][0-9]{1,6})?")
_PART = re.compile(r"[0-9]{4}(?:-(?:0?[1-9]|1[0-2]))?")
_DUTCH_MONTH = re.compile(r"[0-9]{1,2}-[0-9]{4}")
_URL = re.compile(r"https?://[^\s<>\"]{1,1900}")


class WrongAnswerError(ValueError):
    """What is typed is no answer; the text says why, in the language of the reader."""


def field_of(question: Question) -> str:
    """Return the name of the field of a question."""
    return f"a-{question.name}"


def is_picked(text: str) -> bool:
    """Return whether a browser's field for a day can show a text: a whole day as FHIR writes it, or nothing."""
    return not text or (len(text) == len("2026-11-26") and text[:4].isdigit() and day_typed(text) is not None)


def answers_of(
    questions: list[Question], typed: Typed, now: datetime, language: Language
) -> tuple[dict[str, list[Tree]], dict[str, str]]:
    """Return the answers by the names of their questions, and what is wrong with others by the names of their fields. ``now`` is local."""
    values: dict[str, list[Tree]] = {}
    errors: dict[str, str] = {}
    for one in questions:
        try:
            found = _answers(one, typed, now, language) if one.settled is None else one.settled
        except WrongAnswerError as error:
            errors[field_of(one)] = str(error)
        else:
            if found:
                values[one.name] = found
    return values, errors


def missing(questions: list[Question], values: Values, open_now: set[str], language: Language) -> dict[str, str]:
    """Return what has to be answered and is not, by the names of the fields."""
    return {
        field_of(one): language.gettext("Answer this question.")
        for one in questions
        if one.is_required and one.name in open_now and one.name not in values
    }


@dataclass(frozen=True, slots=True)
class _Row:
    """What was typed for one answer, with the time of day and the unit beside it."""

    text: str
    clock: str = ""
    unit: str = ""


def _answers(question: Question, typed: Typed, now: datetime, language: Language) -> list[Tree]:
    name = field_of(question)
    fields = [typed.get(each, []) for each in (name, f"{name}-clock", f"{name}-unit")]
    rows = [_Row(lines_typed(text), clock, unit) for text, clock, unit in zip_longest(*fields, fillvalue="")]
    if question.options or question.kind in ("choice", "open-choice"):
        found = _chosen(question, [row.text for row in rows if row.text.strip()], typed, language)
    else:
        if question.is_in_lines:
            rows = [_Row(line) for row in rows for line in row.text.splitlines()]
        is_moment = question.kind == "dateTime"
        rows = [row for row in rows if row.text.strip() or (is_moment and row.clock.strip())]
        found = [_value(question, row, now, language) for row in (rows if question.repeats else rows[:1])]
    if len(found) > ANSWERS_MAX:
        raise WrongAnswerError(language.gettext("These are too many answers."))
    return list(question.stands) if found and _is_as_it_stands(question, typed, now) else found


def _is_as_it_stands(question: Question, typed: Typed, now: datetime) -> bool:
    """Return whether the fields are as the draft filled them: it may know more than they show, such as the seconds of a moment."""
    if not question.stands:
        return False
    own_words = {f"{field_of(question)}-other": [""]} if question.kind == "open-choice" else {}
    filled = own_words | typed_of([question], {question.name: list(question.stands)}, now.tzinfo)
    return all([*map(lines_typed, typed.get(name, []))] == texts for name, texts in filled.items())


def _chosen(question: Question, texts: list[str], typed: Typed, language: Language) -> list[Tree]:
    found = []
    for text in dict.fromkeys(texts):
        if text != OTHER:
            if not text.isascii() or not text.isdigit() or int(text[:6]) >= len(question.options):
                raise WrongAnswerError(language.gettext("Choose an answer from the list."))
            found.append(question.options[int(text[:6])])
    written = "\n".join(map(lines_typed, typed.get(f"{field_of(question)}-other", [])))
    own = [each for each in map(line_typed, written.splitlines() if question.repeats else [written]) if each]
    if question.kind == "open-choice" and own:
        found += [{"valueString": _short(question, each, language)} for each in own]
    elif OTHER in texts:
        raise WrongAnswerError(language.gettext("Write your own answer."))
    if len(found) > 1 and not question.repeats:
        raise WrongAnswerError(language.gettext("Choose one answer, or write your own."))
    return found


def _short(question: Question, text: str, language: Language) -> str:
    most = question.length_max
    if len(text) > most:
        raise WrongAnswerError(language.gettext("This is too long. It may have %(most)s characters.") % {"most": most})
    least = question.extended("minLength")
    if isinstance(least, int) and len(text) < least:
        raise WrongAnswerError(
            language.gettext("This is too short. It has at least %(least)s characters.") % {"least": least}
        )
    return text


def _value(question: Question, row: _Row, now: datetime, language: Language) -> Tree:
    kind, text = question.kind, row.text.strip()
    if kind in ("string", "text"):
        return {"valueString": _short(question, text if kind == "text" else line_typed(text), language)}
    if kind == "url":
        if not _URL.fullmatch(text):
            raise WrongAnswerError(language.gettext("Write a web address, such as https://example.org."))
        return {"valueUri": text}
    if kind == "boolean":
        if text not in ("true", "false"):
            raise WrongAnswerError(language.gettext("Choose an answer from the list."))
        return {"valueBoolean": text == "true"}
    if kind in ("integer", "decimal", "quantity"):
        return _number(question, text, row.unit, language)
    return _moment(question, text, row.clock, now, language)


def _part_typed(text: str) -> str | None:
    """Return a year, or a month of a year, as FHIR writes it; None for what is neither."""
    written = "-".join(reversed(text.split("-"))) if _DUTCH_MONTH.fullmatch(text) else text
    year, _, month = written.partition("-")
    if not _PART.fullmatch(written) or int(year) not in YEARS:
        return None
    return f"{year}-{month.zfill(2)}" if month else year


def _moment(question: Question, text: str, hour: str, now: datetime, language: Language) -> Tree:
    if question.kind == "time":
        clock = clock_typed(text)
        if clock is None:
            raise WrongAnswerError(language.gettext("Write a time, such as 08:30."))
        return {"valueTime": f"{clock:%H:%M:%S}"}
    part, day, clock = _part_typed(text), day_typed(text), clock_typed(hour)
    if part is None and (day is None or day.year not in YEARS):
        entry = question.extended("entryFormat")
        told = language.gettext("Write it like this: %(form)s") % {"form": entry} if entry else ""
        raise WrongAnswerError(told or language.gettext("Choose a day."))
    written = part or str(day)
    _within(question, written, language)
    if question.kind == "date":
        return {"valueDate": written}
    if hour.strip() and (clock is None or part):
        told = language.gettext("Choose a day.") if part else language.gettext("Write a time, such as 08:30.")
        raise WrongAnswerError(told)
    if clock is None or day is None:
        return {"valueDateTime": written}
    # In UTC where our clocks were seconds off from it, which FHIR does not write; a time that the clocks skip is the one an hour on.
    at = datetime.combine(day, clock, now.tzinfo).astimezone(UTC)
    return {"valueDateTime": (at if day < FIRST_DAY else at.astimezone(now.tzinfo)).isoformat()}


def _number(question: Question, text: str, unit_typed: str, language: Language) -> Tree:
    if not _NUMBER.fullmatch(text):
        raise WrongAnswerError(number_fault(text, is_whole=question.kind == "integer", language=language))
    value = Decimal(text.replace(",", "."))
    if question.kind == "integer" and value != value.to_integral_value():
        raise WrongAnswerError(language.gettext("Write a whole number, such as 72."))
    _within(question, value, language)
    if question.kind == "integer":
        return {"valueInteger": int(value)}
    if question.kind == "decimal":
        return {"valueDecimal": value}
    units = question.units
    if not units:
        own = line_typed(unit_typed)[:UNIT_LENGTH_MAX].strip()
        return {"valueQuantity": {"value": value, **({"unit": own} if own else {})}}
    place = unit_typed or "0"
    if place not in {str(one) for one in range(len(units))}:
        raise WrongAnswerError(language.gettext("Choose a unit from the list."))
    coding = units[int(place)]
    unit = {name: coding[name] for name in ("system", "code") if name in coding}
    return {"valueQuantity": {"value": value, "unit": coding.get("display") or coding.get("code", ""), **unit}}


def _within(question: Question, value: object, language: Language) -> None:
    for names, sign, words in (
        (("minValue", "minQuantity"), -1, language.gettext("This can't be right. It is at least %(end)s.")),
        (("maxValue", "maxQuantity"), 1, language.gettext("This can't be right. It is at most %(end)s.")),
    ):
        for name in names:
            end = question.extended(name)
            limit = end.get("value") if isinstance(end, dict) else end
            held, least = value, limit
            if isinstance(value, str) and isinstance(limit, str):  # a month is outside only when each of its days is
                held, least = value[: len(limit)], limit[: len(value)]
            if limit is not None and compared(held, least) == sign:
                is_number = isinstance(limit, int | Decimal)
                said = formats.number(Decimal(str(limit)), language) if is_number else str(limit)
                raise WrongAnswerError(words % {"end": said if is_number else formats.day_as_written(said, language)})


def typed_of(questions: list[Question], values: Values, zone: tzinfo | None) -> dict[str, list[str]]:
    """Return the fields of a form with these answers in them."""
    typed: dict[str, list[str]] = {}
    for one in questions:
        name = field_of(one)
        for answer in values.get(one.name, []):
            for suffix, text in _fields_of(one, answer, cast("ZoneInfo", zone)).items():
                typed.setdefault(name + suffix, []).append(text)
        for joined in ([name] if one.is_in_lines else []) + [f"{name}-other"]:
            if joined in typed:
                typed[joined] = ["\n".join(typed[joined])]
    return typed


def _fields_of(question: Question, answer: Tree, zone: ZoneInfo) -> dict[str, str]:
    """Return what stands in the fields of one answer, by what follows the name of the question."""
    ((key, value),) = list(answer.items())[:1] or [("", "")]
    place = next((str(at) for at, option in enumerate(question.options) if _is_same(option, answer)), "")
    if place:
        return {"": place}
    if question.kind == "open-choice" and key == "valueString":
        return {"": OTHER, "-other": str(value)}
    if key in ("valueDate", "valueDateTime") and len(str(value)) < len("2026-11-25"):
        clock = {"-clock": ""} if key == "valueDateTime" else {}
        return {"": "-".join(reversed(str(value).split("-"))), **clock}
    if key == "valueDateTime":
        at = moment_of(str(value), zone)
        return {
            "": str(at.date() if at else value)[:10],
            "-clock": f"{at:%H:%M}" if at and "T" in str(value) else "",
        }
    if key == "valueQuantity":
        unit = _unit_typed(question, value)
        return {"": str(value.get("value", "")) if unit is not None else "", "-unit": unit or ""}
    if key == "valueBoolean":
        return {"": "true" if value else "false"}
    return {"": str(value)}


def _unit_typed(question: Question, quantity: Tree) -> str | None:
    """Return the field of a unit: its place, or its own words; None for one that can't be chosen, so that all is asked again."""
    units = [(unit.get("code"), unit.get("display") or unit.get("code", "")) for unit in question.units]
    if not units:
        return str(quantity.get("unit") or quantity.get("code") or "")
    code, name = quantity.get("code"), quantity.get("unit")
    if code is None and name is None:
        return "0"
    return next((str(at) for at, unit in enumerate(units) if (code and code == unit[0]) or name == unit[1]), None)


def _is_same(option: Tree, answer: Tree) -> bool:
    return option.keys() == answer.keys() and all(compared(option[name], answer[name]) == 0 for name in option)


def items_of(questions: list[Question], values: Values) -> list[Tree]:
    """Return the items of a QuestionnaireResponse: what is asked and answered, in the groups where it stands."""
    open_now = asked(questions, values)
    within: dict[str, list[Question]] = {}
    for one in questions:
        within.setdefault(one.inside, []).append(one)

    def items(inside: str) -> list[Tree]:
        found = []
        for one in within.get(inside, []):
            if one.name not in open_now or one.kind == "display":
                continue
            head: Tree = {"linkId": one.link_id, **({"text": one.text} if one.text else {})}
            below = items(one.name)
            own = [dict(value) for value in values.get(one.name, [])]
            if own:
                found.append({**head, "answer": [own[0] | ({"item": below} if below else {}), *own[1:]]})
            elif below and one.kind == "group":
                found.append({**head, "item": below})
        return found

    return items("")


def given(response: Tree) -> list[tuple[Tree, int]]:
    """Return the items of a QuestionnaireResponse in their order, each with its depth."""
    found = []
    waiting = [(item, 0) for item in reversed(listed(response.get("item")))]
    while waiting:
        item, depth = waiting.pop()
        found.append((item, depth))
        below = [*listed(item.get("item"))]
        below += [part for answer in listed(item.get("answer")) for part in listed(answer.get("item"))]
        waiting += [(part, depth + 1) for part in reversed(below)]
    return found


def values_given(response: Tree) -> tuple[dict[str, list[Tree]], dict[str, int]]:
    """Return the answers of a QuestionnaireResponse by the names of their questions, and how often each group is there."""
    values: dict[str, list[Tree]] = {}
    count: dict[str, int] = {}
    waiting = [(listed(response.get("item")), "")]
    while waiting:
        items, times = waiting.pop()
        for item in items:
            link_id, place = str(item.get("linkId", "")), 1
            if item.get("item") and not item.get("answer"):
                place = count[link_id + times] = count.get(link_id + times, 0) + 1
            name, inner = time_name(link_id, times, place)
            answers = listed(item.get("answer"))
            for answer in answers:
                if value := value_of(answer):
                    values.setdefault(name, []).append(value)
            waiting.append((listed(item.get("item")), inner))
            waiting += [(listed(answer.get("item")), inner) for answer in answers]
    return values, count


def in_words(value: Tree, zone: ZoneInfo, language: Language) -> str:
    """Return one answer as people read it."""
    key, content = cast("tuple[str, Any]", next(iter(value.items()), ("", "")))
    if key == "valueBoolean":
        return language.gettext("Yes") if content else language.gettext("No")
    if key == "valueDateTime" and "T" in str(content) and (at := moment_of(str(content), zone)):
        return f"{formats.day(at.date(), language)}, {formats.clock(at)}"
    if key in ("valueDate", "valueDateTime"):
        return formats.day_as_written(str(content), language)
    if key == "valueTime":
        return str(content)[:5]
    if key in ("valueInteger", "valueDecimal"):
        return formats.number(Decimal(str(content)), language)
    if key == "valueQuantity":
        number = formats.number(Decimal(str(content.get("value", 0))), language)
        return f"{content.get('comparator', '')} {number} {content.get('unit') or content.get('code') or ''}".strip()
    if key == "valueAttachment":
        return str(content.get("title") or language.gettext("An attachment"))
    if key == "valueReference":
        return str(content.get("display") or language.gettext("Something in the record"))
    return option_text(value, language.code)
