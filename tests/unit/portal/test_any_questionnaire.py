"""Any questionnaire, as Hypothesis makes it: what is typed in its form is kept, valid in its release, and in the form again."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.fhir.elements import Tree, day_of, moment_of
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import parse
from app.portal.answering import answers_of, field_of, in_words, items_of, missing, typed_of, values_given
from app.portal.language import language
from app.portal.questionnaires import PROFILE, parts_of
from app.portal.questions import Question, asked, questions_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=AMSTERDAM)
DUTCH = language("nl")
UNIT = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"}
HIDDEN = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden", "valueBoolean": True}
KILOGRAM = {"system": "http://unitsofmeasure.org", "code": "kg", "display": "kg"}
SIMPLE = ("boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url", "quantity")
KINDS = (*SIMPLE, "choice", "open-choice", "attachment", "reference", "display", "group")
GOOD = {
    "boolean": ["true", "false"],
    "decimal": ["7,25", "-3", "007.10", "0"],
    "integer": ["12", "-1", "0", "3,0"],
    "date": ["2026-03-01", "1-4-1935"],
    "dateTime": ["2026-03-29", "1930-01-01", "31-12-2025"],
    "time": ["8:05", "23.59"],
    "string": ["Zonnestraal", " twee  woorden ", "a\x00b\x1f", "é\ud7ff"],
    "text": ["één\r\ntwee", "a\x07 b\n\nc"],
    "url": ["https://example.org/a?b=c"],
    "quantity": ["70", "70,5"],
}
WRONG = [
    "x",
    "\x00",
    "-",
    "1e5",
    "31-02-2026",
    "0001-01-01",
    "25:00",
    "javascript:alert(1)",
    "99",
    "²",
    "other",
    "9" * 50,
]
BOTH = pytest.mark.parametrize("release", list(Release))


@st.composite
def items(draw: st.DrawFn, release: Release, depth: int = 0, before: tuple[str, ...] = ()) -> list[Tree]:
    """Return the items of one level; ``before`` are the linkIds around it, which name a condition's question too."""
    made: list[Tree] = []
    for place in range(draw(st.integers(1, 3))):
        link_id = f"{before[-1] if before else 'q'}.{place}"
        kind = draw(st.sampled_from(KINDS))
        item: Tree = {"linkId": link_id, "type": kind, "text": f"Vraag {link_id}"}
        if kind != "display":
            item |= draw(st.fixed_dictionaries({}, optional={"required": st.booleans(), "repeats": st.booleans()}))
        if kind in ("choice", "open-choice") and draw(st.booleans()):
            name = "answerOption" if release is Release.R4 else "option"
            item[name] = [{"valueCoding": {"code": "a", "display": "A"}}, {"valueString": "b"}, {"valueInteger": 3}]
        if kind == "quantity":
            item["extension"] = [UNIT | {"valueCoding": KILOGRAM}] if draw(st.booleans()) else []
        if kind in ("string", "text"):
            item["maxLength"] = 60
        if draw(st.booleans()) and made:
            condition: Tree = {"question": made[-1]["linkId"]}
            has = draw(st.booleans())
            if release is Release.R4:
                condition |= {"operator": "exists", "answerBoolean": has}
            else:
                condition["hasAnswer"] = has
            item["enableWhen"] = [condition]
        if kind == "group" or (kind != "display" and depth < 4 and draw(st.integers(0, 3)) == 0):
            item["item"] = (
                draw(items(release, depth + 1, (*before, link_id)))
                if depth < 4
                else [{"linkId": f"{link_id}.end", "type": "string"}]
            )
        made.append(item)
    return made


@st.composite
def typed_in(draw: st.DrawFn, questions: list[Question]) -> dict[str, list[str]]:
    """Return what somebody typed in a form: answers, none at all, and what is none."""
    typed: dict[str, list[str]] = {}
    for one in questions:
        name = field_of(one)
        good = ["0", "1", "2"] if one.options else GOOD.get(one.kind, ["other"])
        typed[name] = draw(st.lists(st.sampled_from([*good, *good, "", draw(st.sampled_from(WRONG))]), max_size=2))
        typed[f"{name}-clock"] = [draw(st.sampled_from(["", "08:30", "2:30"]))]
        typed[f"{name}-other"] = [draw(st.sampled_from(["", "iets \x00 anders"]))]
        typed[f"{name}-unit"] = [draw(st.sampled_from(["", "0"]))]
    return typed


def response(found: list[Tree]) -> Tree:
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [PROFILE]},
        "status": "completed" if found else "in-progress",
        "authored": NOW.isoformat(),
        "subject": {"reference": "Patient/example"},
        "source": {"reference": "Patient/example"},
        **({"item": found} if found else {}),
    }


PROFILES_OF = {
    release: Profiles(release, Library(PROFILES / "none", PROFILES).definitions(release).resolved)
    for release in Release
}


def told(tree: Tree) -> list[str]:
    """Return what is wrong with a resource in the eyes of our own validator, and of what is agreed about answers."""
    release = Release.STU3 if "reference" in str(tree.get("questionnaire")) else Release.R4
    parse(release, encode_tree(tree))
    return [str(one) for one in PROFILES_OF[release].validate(tree)]


@BOTH
@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(data=st.data())
def test_what_is_typed_is_kept_valid_and_stands_in_the_form_again(release: Release, data: st.DataObject) -> None:
    questions = questions_of({"item": data.draw(items(release))}, "nl")
    typed = data.draw(typed_in(questions))
    values, errors = answers_of(questions, typed, NOW, DUTCH)
    assert values.keys().isdisjoint(error.removeprefix("a-") for error in errors)
    open_now = asked(questions, values)
    kept = response(items_of(questions, values))
    canonical = "https://regie.example/fhir/Questionnaire/any"
    kept["questionnaire"] = canonical if release is Release.R4 else {"reference": "Questionnaire/any"}
    assert told(kept) == []
    again, _ = values_given(kept)
    assert again == {name: found for name, found in values.items() if name in open_now}, "no answer is left out"
    assert answers_of(questions, typed_of(questions, again, AMSTERDAM), NOW, DUTCH) == (again, {})
    assert all(in_words(value, AMSTERDAM, DUTCH).strip() for found in again.values() for value in found)
    assert all(one.settled is None for one in questions if field_of(one) in missing(questions, values, open_now, DUTCH))


@given(st.text(max_size=30), st.sampled_from(KINDS))
def test_no_text_is_more_than_a_problem_at_its_place(text: str, kind: str) -> None:
    (one,) = questions_of({"item": [{"linkId": "1", "type": kind}]}, "nl")
    values, errors = answers_of([one], {"a-1": [text], "a-1-other": [text], "a-1-clock": [text]}, NOW, DUTCH)
    assert errors.keys() <= {"a-1"}
    kept = response(items_of([one], values))
    parse(Release.R4, encode_tree(kept))


def one_of(item: Tree, text: str = "", **more: str) -> tuple[list[Tree], str]:
    """Return the answers to one question, and what is wrong with them."""
    questions = questions_of({"item": [{"linkId": "1", **item}]}, "nl")
    typed = {"a-1": [text], **{f"a-1-{name}": [value] for name, value in more.items()}}
    values, errors = answers_of(questions, typed, NOW, DUTCH)
    return values.get("1", []), errors.get("a-1", "")


def test_a_moment_before_clocks_were_even_is_written_in_utc_and_read_back_as_it_was_typed() -> None:
    (value,), _ = one_of({"type": "dateTime"}, "1930-01-01", clock="10:00")
    assert value == {"valueDateTime": "1930-01-01T09:40:28+00:00"}
    assert day_of(value["valueDateTime"]) is not None
    assert f"{moment_of(value['valueDateTime'], AMSTERDAM):%H:%M}" == "10:00"
    assert one_of({"type": "date"}, "0026-03-01") == ([], "Kies een dag.")


def test_an_open_choice_of_a_value_set_that_is_not_known_is_answered_in_own_words() -> None:
    assert one_of({"type": "open-choice", "answerValueSet": "https://regie.example/x"}, other="Iets anders") == (
        [{"valueString": "Iets anders"}],
        "",
    )


def test_a_quantity_has_the_unit_that_it_begins_with_or_that_is_written_beside_it() -> None:
    begun = {"value": 70, "unit": "kilo", "system": KILOGRAM["system"], "code": "kg"}
    for item in ({"initial": [{"valueQuantity": begun}]}, {"initialQuantity": begun}):
        assert one_of({"type": "quantity", **item}, "71") == ([{"valueQuantity": begun | {"value": Decimal(71)}}], "")
    written = {"value": Decimal(2), "unit": "koppen"}
    assert one_of({"type": "quantity"}, "2", unit=" koppen ") == ([{"valueQuantity": written}], "")


def test_a_quantity_in_another_unit_is_asked_again_and_not_taken_for_this_one() -> None:
    item = {"linkId": "1", "type": "quantity", "extension": [UNIT | {"valueCoding": KILOGRAM}]}
    pounds = {"1": [{"valueQuantity": {"value": 150, "unit": "lb", "code": "[lb_av]"}}]}
    assert typed_of(questions_of({"item": [item]}, "nl"), pounds, AMSTERDAM)["a-1"] == [""]


def test_what_is_below_a_question_is_asked_when_that_has_an_answer_of_any_kind() -> None:
    more = {"linkId": "2", "type": "string"}
    for kind in ("attachment", "reference", "choice", "boolean"):
        questions = questions_of({"item": [{"linkId": "1", "type": kind, "item": [more]}]}, "nl")
        assert asked(questions, {}) == {"1"}
        assert asked(questions, {"1": [{"valueString": "a"}]}) == {"1", "2"}


def test_nothing_of_a_hidden_group_is_shown_or_asked() -> None:
    inner: list[Tree] = [
        {"linkId": "2", "type": "string", "required": True},
        {"linkId": "3", "type": "integer", "initial": [{"id": "x", "valueInteger": 5}]},
    ]
    questions = questions_of({"item": [{"linkId": "1", "type": "group", "extension": [HIDDEN], "item": inner}]}, "nl")
    values, errors = answers_of(questions, {"a-2": ["x"], "a-3": ["6"]}, NOW, DUTCH)
    assert (values, errors) == ({"3": [{"valueInteger": 5}]}, {})
    assert missing(questions, values, asked(questions, values), DUTCH) == {}
    assert all(one.is_hidden for one in questions)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"valueDate": "2026"}, "2026"),
        ({"valueDate": "2026-03"}, "maart\u00a02026"),
        ({"valueDateTime": "2026-03"}, "maart\u00a02026"),
        ({"valueQuantity": {"value": 5, "comparator": "<", "unit": "kg"}}, "< 5 kg"),
        ({"valueReference": {"reference": "Patient/1"}}, "Iets uit het dossier"),
        ({"valueAttachment": {"contentType": "image/png"}}, "Een bijlage"),
        ({"valueAttachment": {"title": "Foto"}}, "Foto"),
        ({"valueTime": "08:05:00"}, "08:05"),
    ],
)
def test_an_answer_is_read_as_exactly_as_it_was_given(value: Tree, words: str) -> None:
    assert in_words(value, AMSTERDAM, DUTCH) == words


@pytest.mark.parametrize(
    ("kind", "value", "text", "words"),
    [("decimal", Decimal("30.5"), "3", "30,5"), ("date", "2026-01-01", "2025-01-01", "1\u00a0januari\u00a02026")],
)
def test_a_limit_is_said_in_plain_words(kind: str, value: Any, text: str, words: str) -> None:
    limit = {"url": "http://hl7.org/fhir/StructureDefinition/minValue", f"value{kind.capitalize()}": value}
    assert one_of({"type": kind, "extension": [limit]}, text)[1].endswith(f"{words}.")


def flat(count: int) -> list[Tree]:
    return [{"linkId": str(place), "type": "string"} for place in range(count)]


def test_a_long_questionnaire_is_in_parts_by_its_groups_or_else_by_ten() -> None:
    groups: list[Tree] = [
        {
            "linkId": f"g{place}",
            "type": "group",
            "item": [{**one, "linkId": f"{place}.{one['linkId']}"} for one in flat(8)],
        }
        for place in range(10)
    ]
    whole: Tree = {"linkId": "all", "type": "group", "item": groups}
    assert parts_of(questions_of({"item": groups}, "nl")) == [9 * place for place in range(10)]
    assert parts_of(questions_of({"item": [whole]}, "nl")) == [0, *(1 + 9 * place for place in range(1, 10))]
    assert parts_of(questions_of({"item": flat(80)}, "nl")) == [10 * place for place in range(8)]
    assert parts_of(questions_of({"item": flat(19)}, "nl")) == [0]
