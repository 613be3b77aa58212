"""Groups of a questionnaire that are there more than once: asked, read, written and read back."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UnprocessableError
from app.portal.answering import answers_of, field_of, items_of, typed_of, values_given
from app.portal.language import language
from app.portal.questionnaires import ends_of
from app.portal.questions import QUESTIONS_MAX, TIMES_MAX, asked, questions_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=AMSTERDAM)
DUTCH = language("nl")
INNER = {"linkId": "side", "type": "group", "repeats": True, "item": [{"linkId": "what", "type": "string"}]}
FORM: dict[str, Any] = {
    "item": [
        {
            "linkId": "drug",
            "type": "group",
            "repeats": True,
            "text": "Middel",
            "item": [
                {"linkId": "name", "type": "string", "text": "Naam"},
                {"linkId": "daily", "type": "boolean"},
                {"linkId": "why", "type": "string", "enableWhen": [{"question": "daily", "answerBoolean": True}]},
                INNER,
            ],
        },
        {"linkId": "last", "type": "string"},
    ]
}
SECOND = "\u241fdrug#2"


def response(times: dict[str, int], typed: dict[str, str]) -> dict[str, Any]:
    """Return the answers to the form with its groups so often, typed by the names of the questions."""
    questions = questions_of(FORM, "nl", times)
    values, errors = answers_of(questions, {f"a-{name}": [text] for name, text in typed.items()}, NOW, DUTCH)
    assert errors == {}
    return {"item": items_of(questions, values)}


def test_a_group_is_there_once_or_as_often_as_is_told() -> None:
    assert [one.name for one in questions_of(FORM, "nl")] == ["drug", "name", "daily", "why", "side", "what", "last"]
    twice = questions_of(FORM, "nl", {"drug": 2})
    assert [one.place for one in twice if one.link_id == "drug"] == [1, 2]
    assert [one.name for one in twice if one.link_id == "name"] == ["name", f"name{SECOND}"]
    assert len({field_of(one) for one in twice}) == len(twice) == 13


def test_each_time_is_an_item_with_its_own_answers() -> None:
    made = response({"drug": 2}, {"name": "Verzonnenol", f"name{SECOND}": "Gestoptine", "last": "klaar"})
    drugs = [item for item in made["item"] if item["linkId"] == "drug"]
    assert [item["item"][0]["answer"] for item in drugs] == [
        [{"valueString": "Verzonnenol"}],
        [{"valueString": "Gestoptine"}],
    ]
    assert {each["linkId"] for item in drugs for each in item["item"]} == {"name"}


def test_a_time_that_was_left_empty_is_not_written() -> None:
    made = response({"drug": 3}, {"name": "Verzonnenol"})
    assert [item["linkId"] for item in made["item"]] == ["drug"]


def test_a_condition_in_a_group_is_about_the_same_time() -> None:
    questions = questions_of(FORM, "nl", {"drug": 2})
    open_now = asked(questions, {f"daily{SECOND}": [{"valueBoolean": True}]})
    assert "why" not in open_now
    assert f"why{SECOND}" in open_now


def test_a_group_in_a_group_is_counted_for_itself() -> None:
    times = {"drug": 2, "side": 2, f"side{SECOND}": 3}
    names = [one.name for one in questions_of(FORM, "nl", times) if one.link_id == "what"]
    assert len(set(names)) == len(names) == 5
    made = response(times, {name: f"klacht {place}" for place, name in enumerate(names)})
    counts = [len([one for one in drug["item"] if one["linkId"] == "side"]) for drug in made["item"]]
    assert counts == [2, 3]


def test_it_is_said_after_which_question_a_group_ends() -> None:
    shown = questions_of(FORM, "nl", {"drug": 2})
    assert ends_of(shown) == {5: [("side", 1)], 11: [(f"side{SECOND}", 1), ("drug", 2)]}


@pytest.mark.parametrize("count", [-1, 0, TIMES_MAX + 1, 999])
def test_a_group_is_not_there_more_often_than_a_page_has_room_for(count: int) -> None:
    found = [one for one in questions_of(FORM, "nl", {"drug": count}) if one.link_id == "drug"]
    assert len(found) == max(1, min(count, TIMES_MAX))


def test_groups_in_groups_that_are_too_many_are_refused() -> None:
    form: dict[str, Any] = {"linkId": "0", "type": "string"}
    for depth in range(1, 8):
        form = {"linkId": str(depth), "type": "group", "repeats": True, "item": [form]}

    class Many(dict[str, int]):
        def get(self, *_: object) -> int:
            return TIMES_MAX

    with pytest.raises(UnprocessableError):
        questions_of({"item": [form]}, "nl", Many(any=1))
    assert len(questions_of({"item": [form]}, "nl")) < QUESTIONS_MAX


@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=TIMES_MAX))
def test_what_was_kept_for_later_is_in_the_form_again(names: list[str]) -> None:
    questions = questions_of(FORM, "nl", {"drug": len(names)})
    fields = [field_of(one) for one in questions if one.link_id == "name"]
    typed = {field: [name] for field, name in zip(fields, names, strict=True)}
    values, _ = answers_of(questions, typed, NOW, DUTCH)
    again, times = values_given({"item": items_of(questions, values)})
    assert (again, times["drug"]) == (values, len(names))
    assert typed_of(questions_of(FORM, "nl", times), again, AMSTERDAM) == typed
