"""What a questionnaire asks and how answers are read, without a server."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.errors import UnprocessableError
from app.portal.answering import answers_of, in_words, items_of, typed_of
from app.portal.language import chosen
from app.portal.questions import QUESTIONS_MAX, asked, questions_of

ENGLISH = chosen("en", None)
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
LIMIT = "http://hl7.org/fhir/StructureDefinition/"


def questions(*items: dict[str, Any]) -> list[Any]:
    return questions_of({"item": list(items)}, "en")


def read(item: dict[str, Any], text: str, **more: str) -> tuple[Any, str]:
    """Return the value that one answer gives, and what is wrong with it."""
    one = questions({"linkId": "1", **item})
    typed = {"a-1": [text], **{f"a-1-{name}": [value] for name, value in more.items()}}
    values, errors = answers_of(one, typed, NOW, ENGLISH)
    return next(iter(values.get("1", [{}])[0].values()), None), errors.get("a-1", "")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "-12", -12),
        ("decimal", "7,25", 7.25),
        ("boolean", "false", False),
        ("date", "31-12-2025", "2025-12-31"),
        ("time", "8:05", "08:05:00"),
        ("string", "  two   words ", "two words"),
        ("text", "one\r\ntwo", "one\ntwo"),
        ("url", "https://example.org/a", "https://example.org/a"),
    ],
)
def test_each_type_is_read_as_its_own(kind: str, text: str, value: object) -> None:
    assert read({"type": kind}, text) == (value, "")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1,5"),
        ("integer", "many"),
        ("decimal", "1e5"),
        ("decimal", "NaN"),
        ("boolean", "maybe"),
        ("date", "31-02-2026"),
        ("time", "25:00"),
        ("url", "javascript:alert(1)"),
        ("string", "x" * 4001),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(kind: str, text: str) -> None:
    value, wrong = read({"type": kind}, text)
    assert value is None
    assert wrong


def test_limits_of_the_questionnaire_are_kept() -> None:
    between = {
        "type": "integer",
        "extension": [{"url": f"{LIMIT}minValue", "valueInteger": 0}, {"url": f"{LIMIT}maxValue", "valueInteger": 10}],
    }
    assert read(between, "10") == (10, "")
    assert "at most 10" in read(between, "11")[1]
    assert "at least 0" in read(between, "-1")[1]
    assert "3 characters" in read({"type": "string", "maxLength": 3}, "four")[1]


def test_a_quantity_has_the_unit_that_was_chosen() -> None:
    units = [{"system": "http://unitsofmeasure.org", "code": code} for code in ("kg", "g")]
    item = {
        "type": "quantity",
        "extension": [{"url": f"{LIMIT}questionnaire-unitOption", "valueCoding": unit} for unit in units],
    }
    value, _ = read(item, "70", unit="1")
    assert (value["value"], value["unit"], value["code"]) == (70, "g", "g")
    assert read(item, "70", unit="7")[1]


@pytest.mark.parametrize("name", ["option", "answerOption"])
def test_options_of_both_releases_are_chosen_by_their_place(name: str) -> None:
    item = {"type": "open-choice", name: [{"valueCoding": {"code": "a"}}, {"valueCoding": {"code": "b"}}]}
    assert read(item, "1") == ({"code": "b"}, "")
    assert read(item, "other", other="something") == ("something", "")
    assert read(item, "2")[1]
    assert read(item, "²")[1]
    assert read(item, "0", other="something")[1], "two answers to a question with one"
    assert read(item, "other")[1]


def test_a_repeating_question_has_an_answer_on_each_line() -> None:
    several = questions({"linkId": "1", "type": "string", "repeats": True})
    values, _ = answers_of(several, {"a-1": ["one\ntwo\n"]}, NOW, ENGLISH)
    assert values["1"] == [{"valueString": "one"}, {"valueString": "two"}]
    assert answers_of(several, {"a-1": ["x\n" * 51]}, NOW, ENGLISH)[1]


@pytest.mark.parametrize(
    ("condition", "answer", "is_asked"),
    [
        ({"hasAnswer": True}, 5, True),
        ({"hasAnswer": True}, None, False),
        ({"hasAnswer": False}, None, True),
        ({"answerInteger": 5}, 5, True),
        ({"operator": ">", "answerInteger": 5}, 6, True),
        ({"operator": ">", "answerInteger": 5}, 5, False),
        ({"operator": "<=", "answerInteger": 5}, 5, True),
        ({"operator": "!=", "answerInteger": 5}, 5, False),
        ({"operator": "exists", "answerBoolean": False}, None, True),
        ({"operator": "unheard of", "answerInteger": 5}, 5, False),
    ],
)
def test_a_condition_decides_whether_a_question_is_asked(
    condition: dict[str, Any], answer: int | None, *, is_asked: bool
) -> None:
    both = questions(
        {"linkId": "1", "type": "integer"},
        {"linkId": "2", "type": "string", "enableWhen": [{"question": "1", **condition}]},
    )
    values: dict[str, list[dict[str, Any]]] = {} if answer is None else {"1": [{"valueInteger": answer}]}
    assert ("2" in asked(both, values)) is is_asked


def test_an_answer_to_what_is_not_asked_does_not_open_another_and_is_not_sent() -> None:
    chain = questions(
        {"linkId": "1", "type": "boolean"},
        {"linkId": "2", "type": "boolean", "enableWhen": [{"question": "1", "answerBoolean": True}]},
        {"linkId": "3", "type": "string", "enableWhen": [{"question": "2", "answerBoolean": True}]},
    )
    values: dict[str, list[dict[str, Any]]] = {
        "1": [{"valueBoolean": False}],
        "2": [{"valueBoolean": True}],
        "3": [{"valueString": "secret"}],
    }
    assert asked(chain, values) == {"1"}
    assert items_of(chain, values) == [{"linkId": "1", "answer": [{"valueBoolean": False}]}]
    values["1"] = [{"valueBoolean": True}]
    assert asked(chain, values) == {"1", "2", "3"}


def test_questions_that_wait_for_each_other_are_not_asked_for_ever() -> None:
    ring = questions(
        {"linkId": "1", "type": "string", "enableWhen": [{"question": "2", "hasAnswer": False}]},
        {"linkId": "2", "type": "string", "enableWhen": [{"question": "1", "hasAnswer": True}]},
    )
    assert asked(ring, {"1": [{"valueString": "a"}], "2": [{"valueString": "b"}]}) <= {"1", "2"}


def test_answers_stand_in_their_groups_and_below_the_question_they_belong_to() -> None:
    nested = questions(
        {
            "linkId": "g",
            "type": "group",
            "text": "Group",
            "item": [
                {"linkId": "q", "type": "string", "item": [{"linkId": "more", "type": "string"}]},
                {"linkId": "say", "type": "display", "text": "Only said"},
            ],
        },
        {"linkId": "empty", "type": "group", "item": [{"linkId": "none", "type": "string"}]},
    )
    values: dict[str, list[dict[str, Any]]] = {"q": [{"valueString": "a"}], "more": [{"valueString": "b"}]}
    below = [{"linkId": "more", "answer": [{"valueString": "b"}]}]
    answer = [{"valueString": "a", "item": below}]
    assert items_of(nested, values) == [{"linkId": "g", "text": "Group", "item": [{"linkId": "q", "answer": answer}]}]


def test_what_was_kept_stands_in_the_form_again() -> None:
    form = questions(
        {"linkId": "n", "type": "decimal"},
        {"linkId": "b", "type": "boolean"},
        {"linkId": "c", "type": "open-choice", "option": [{"valueString": "red"}, {"valueString": "blue"}]},
        {"linkId": "m", "type": "dateTime"},
        {"linkId": "r", "type": "string", "repeats": True},
    )
    typed = {
        "a-n": ["7.2"],
        "a-b": ["false"],
        "a-c": ["other"],
        "a-c-other": ["green"],
        "a-m": ["2026-02-01"],
        "a-m-clock": ["08:30"],
        "a-r": ["one\ntwo"],
    }
    values, errors = answers_of(form, typed, NOW, ENGLISH)
    assert not errors
    assert typed_of(form, values, ZoneInfo("UTC")) == typed


def test_a_moment_is_shown_on_the_clock_of_its_person() -> None:
    shown = {
        text: in_words({"valueDateTime": text}, ZoneInfo("Europe/Amsterdam"), ENGLISH)
        for text in ("2026-02-01T07:30:00Z", "2026-02-01")
    }
    assert shown == {
        "2026-02-01T07:30:00Z": "1\u00a0February\u00a02026, 08:30",
        "2026-02-01": "1\u00a0February\u00a02026",
    }


def test_a_questionnaire_that_is_too_long_or_too_deep_is_refused() -> None:
    one = {"linkId": "1", "type": "string"}
    assert len(questions(*[one] * QUESTIONS_MAX)) == QUESTIONS_MAX
    with pytest.raises(UnprocessableError):
        questions(*[one] * (QUESTIONS_MAX + 1))
    deep: dict[str, Any] = one
    for _ in range(2000):
        deep = {"linkId": "1", "type": "group", "item": [deep]}
    with pytest.raises(UnprocessableError):
        questions(deep)
