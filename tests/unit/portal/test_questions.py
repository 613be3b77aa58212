"""What a questionnaire asks and how answers are read, without a server."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.errors import UnprocessableError
from app.portal.answering import answers_of, in_words, items_of, typed_of
from app.portal.language import chosen
from app.portal.questions import OPTIONS_MAX, QUESTIONS_MAX, asked, questions_of, with_options

ENGLISH = chosen("en", None)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
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


def fields(questions: list[Any], answers: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the fields of the form in which these answers to its one question stand."""
    return typed_of(questions, {"1": answers}, AMSTERDAM)


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("boolean", [{"valueBoolean": True}, {"valueBoolean": False}, {"valueBoolean": True}]),
        ("date", [{"valueDate": "2024"}, {"valueDate": "2024-05"}, {"valueDate": "2024-05-09"}]),
        ("dateTime", [{"valueDateTime": "2024"}, {"valueDateTime": "2026-03-01T10:30:00+01:00"}]),
        ("time", [{"valueTime": "08:05:00"}, {"valueTime": "21:00:00"}]),
        ("integer", [{"valueInteger": 3}, {"valueInteger": 4}]),
        ("text", [{"valueString": "one\ntwo"}, {"valueString": "three"}]),
        ("quantity", [{"valueQuantity": {"value": 70, "unit": "kg"}}, {"valueQuantity": {"value": 2, "unit": "cups"}}]),
        ("open-choice", [{"valueString": "mine"}, {"valueString": "yours"}]),
    ],
)
def test_several_answers_stand_in_the_form_as_they_were_given(kind: str, answers: list[dict[str, Any]]) -> None:
    (one,) = questions({"linkId": "1", "type": kind, "repeats": True})
    now = NOW.astimezone(AMSTERDAM)
    assert answers_of([one], fields([one], answers), now, ENGLISH) == ({"1": answers}, {})


@pytest.mark.parametrize(
    ("text", "kept"), [("2024", "2024"), ("05-2024", "2024-05"), ("5-2024", "2024-05"), ("2024-05", "2024-05")]
)
def test_a_year_or_a_month_is_a_date(text: str, kept: str) -> None:
    assert read({"type": "date"}, text) == (kept, "")
    assert read({"type": "dateTime"}, text) == (kept, "")
    assert read({"type": "dateTime"}, text, clock="10:00") == (None, "Choose a day.")


@pytest.mark.parametrize("text", ["13-2024", "2024-13", "24", "0001", "2024-00", "00-2024"])
def test_what_is_no_year_or_month_is_no_date(text: str) -> None:
    assert read({"type": "date"}, text) == (None, "Choose a day.")


def test_a_month_is_outside_a_limit_only_when_each_of_its_days_is() -> None:
    least = {"type": "date", "extension": [{"url": f"{LIMIT}minValue", "valueDate": "2024-05-10"}]}
    assert read(least, "2024-05") == ("2024-05", "")
    assert read(least, "2024")[1] == ""
    assert "at least 10 May 2024" in read(least, "2024-04")[1].replace("\u00a0", " ")
    moment = {"type": "dateTime", "extension": [{"url": f"{LIMIT}minValue", "valueDateTime": "2024-05-10T00:00:00Z"}]}
    assert read(moment, "2024-05-10") == ("2024-05-10", "")


def test_an_answer_of_an_app_that_nobody_touched_stays_as_exact_as_it_was() -> None:
    exact: list[tuple[str, dict[str, Any]]] = [
        ("dateTime", {"valueDateTime": "2024-05-01T10:30:15.5Z"}),
        ("quantity", {"valueQuantity": {"value": 5, "comparator": "<", "unit": "kg"}}),
        ("time", {"valueTime": "08:05:30"}),
    ]
    for kind, answer in exact:
        (one,) = questions({"linkId": "1", "type": kind})
        drafted = replace(one, stands=(answer,))
        typed = fields([one], [answer])
        assert answers_of([drafted], typed, NOW.astimezone(AMSTERDAM), ENGLISH)[0] == {"1": [answer]}


def test_a_moment_without_its_day_is_asked_for() -> None:
    assert read({"type": "dateTime"}, "", clock="10:00") == (None, "Choose a day.")


@pytest.mark.parametrize("name", ["option", "answerOption"])
def test_no_option_is_left_out_and_what_is_too_much_to_list_is_not_asked(name: str) -> None:
    options = [{"valueString": str(place)} for place in range(OPTIONS_MAX)]
    (most,) = questions({"linkId": "1", "type": "choice", name: options})
    assert len(most.options) == OPTIONS_MAX
    assert most.is_answerable
    for kind in ("choice", "integer"):
        (more,) = questions({"linkId": "1", "type": kind, name: [*options, {"valueString": "more"}]})
        assert not more.is_answerable
    (own,) = questions({"linkId": "1", "type": "open-choice", name: [*options, {"valueString": "more"}]})
    assert (own.is_answerable, own.has_list, own.options) == (True, True, ())


def test_more_options_together_than_a_page_can_have_are_refused() -> None:
    known = {"all": tuple({"valueString": str(place)} for place in range(OPTIONS_MAX))}
    items = [{"linkId": str(place), "type": "choice", "answerValueSet": "all"} for place in range(6)]
    assert len(with_options(questions(*items[:5]), known)) == 5
    with pytest.raises(UnprocessableError):
        with_options(questions(*items), known)


def test_a_draft_with_more_answers_than_a_form_can_take_is_not_cut() -> None:
    for item, count in (({"type": "string", "repeats": True}, 51), ({"type": "string"}, 2)):
        stands = tuple({"valueString": str(place)} for place in range(count))
        (one,) = questions({"linkId": "1", **item})
        drafted = replace(one, stands=stands)
        assert not drafted.is_answerable
        assert answers_of([drafted], {"a-1": ["x"]}, NOW, ENGLISH)[0] == {"1": list(stands)}


def test_what_a_file_begins_with_is_kept() -> None:
    photo = {"valueAttachment": {"title": "Photo"}}
    (one,) = questions({"linkId": "1", "type": "attachment", "initial": [photo]})
    assert answers_of([one], {}, NOW, ENGLISH)[0] == {"1": [photo]}
