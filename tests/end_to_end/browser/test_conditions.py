"""What a questionnaire asks because of an answer comes and goes at once: by the same rule as on the server, for questionnaires made up."""

import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from app.fhir.release import Release
from app.portal.answering import answers_of, field_of, in_words, is_picked
from app.portal.conditions import rules_of
from app.portal.frame import STATIC
from app.portal.language import language
from app.portal.page import environment
from app.portal.questionnaires import ends_of, parts_of
from app.portal.questions import Question, asked, questions_of
from tests.support.browser import chromium

pytestmark = pytest.mark.browser

NL, ZONE = language("nl"), ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=ZONE)
Tree = dict[str, Any]
SYSTEM = "https://regie.example/fhir/CodeSystem/made-up"
KINDS = "boolean integer decimal date time dateTime string text quantity choice open-choice display group url attachment".split()
OPERATORS = "exists = != > < >= <=".split()
WORDS = ["ja", "nee", "10", "9", "9.0", "aap noot", "Ängst", "\N{GRINNING FACE}", ""]
TYPED: dict[str, list[str]] = {
    "integer": ["3", "5", "10", "-1", "5,0", "5,5", "veel", ""],
    "decimal": ["3", "5,0", "5.50", "10", "x", ""],
    "quantity": ["3", "5,0", "5.50", "10", "12 kg", ""],
    "date": ["2026-01-01", "2026-06-30", "2025-12-31", ""],
    "time": ["08:30", "23:59", ""],
    "dateTime": ["2026-01-01", "2026-06-30", ""],
    "string": WORDS,
    "url": ["https://regie.example", "regie", ""],
    "text": [*WORDS, "een\ntwee"],
}
WANTED: dict[str, list[Tree]] = {
    "boolean": [{"answerBoolean": True}, {"answerBoolean": False}],
    "integer": [{"answerInteger": 5}, {"answerInteger": 3}],
    "decimal": [{"answerDecimal": 5}, {"answerDecimal": Decimal("5.5")}],
    "quantity": [{"answerQuantity": {"value": 5}}, {"answerQuantity": {"value": Decimal("5.5"), "unit": "kg"}}],
    "date": [{"answerDate": "2026-01-01"}, {"answerDate": "2026"}],
    "time": [{"answerTime": "08:30:00"}],
    "string": [{"answerString": "ja"}, {"answerString": "9"}, {"answerString": "aap noot"}],
    "text": [{"answerString": "ja"}, {"answerString": "9"}],
    "url": [{"answerString": "https://regie.example"}],
    "choice": [{"answerCoding": {"system": SYSTEM, "code": "a"}}, {"answerCoding": {"code": "b"}}],
    "open-choice": [{"answerCoding": {"system": SYSTEM, "code": "a"}}, {"answerString": "ja"}],
}
OPTIONS = [{"valueCoding": {"system": SYSTEM, "code": code, "display": f"Keuze {code}"}} for code in "abc"]


class Writer:
    """Writes questionnaires that differ by ``seed``: conditions are on questions before."""

    def __init__(self, release: Release, seed: int) -> None:
        self.random, self.is_stu3 = random.Random(seed), release is Release.STU3
        self.before: list[tuple[str, str]] = []

    def items(self, count: int, depth: int = 0) -> list[Tree]:
        """Return ``count`` items, some with items inside."""
        return [self._item(depth) for _ in range(count)]

    def _item(self, depth: int) -> Tree:
        kind = self.random.choice(KINDS)
        item: Tree = {"linkId": f"v{len(self.before)}", "text": f"Vraag {len(self.before)}", "type": kind}
        if self.before and self.random.random() < 0.7:
            item["enableWhen"] = [self._condition() for _ in range(self.random.choice((1, 1, 2)))]
            item |= {} if self.is_stu3 else {"enableBehavior": self.random.choice(("all", "any"))}
        if kind in ("choice", "open-choice"):
            item["option" if self.is_stu3 else "answerOption"] = OPTIONS
        if kind not in ("group", "display", "attachment") and self.random.random() < 0.3:
            item["repeats"] = True
        if kind == "string" and self.random.random() < 0.3:
            item["maxLength"] = 4
        if kind in ("integer", "decimal") and self.random.random() < 0.3:
            url = "http://hl7.org/fhir/StructureDefinition/minValue"
            item["extension"] = [{"url": url, "valueInteger": 4}]
        if kind == "boolean" and self.random.random() < 0.3:
            hidden = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden", "valueBoolean": True}
            initial: Tree = {"initialBoolean": True} if self.is_stu3 else {"initial": [{"valueBoolean": True}]}
            item |= {"extension": [hidden], **initial}
        self.before.append((item["linkId"], kind))
        if depth < 2 and (kind == "group" or self.random.random() < 0.2) and kind != "display":
            item["item"] = self.items(self.random.choice((1, 2)), depth + 1)
        return item

    def _condition(self) -> Tree:
        link_id, kind = self.random.choice(self.before)
        condition: Tree = {"question": link_id}
        operator = self.random.choice(OPERATORS)
        if operator == "exists" or kind not in WANTED:
            has = self.random.random() < 0.7
            return condition | ({"hasAnswer": has} if self.is_stu3 else {"operator": "exists", "answerBoolean": has})
        return condition | self.random.choice(WANTED[kind]) | ({} if self.is_stu3 else {"operator": operator})


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page()


def shown_in(page: Page, questions: list[Question], typed: dict[str, list[str]]) -> None:
    """Open the form of the template, with the page's own program."""
    values, _ = answers_of(questions, typed, NOW, NL)
    open_now = asked(questions, values)
    possible = [one for one in questions if not one.is_hidden]
    template = environment("nl").get_template("questionnaire.html")
    told = {
        "form": {"questions": questions},
        "address": "/questionnaires/r4/made-up",
        "questions": [one for one in possible if one.name in open_now],
        "possible": possible,
        "open_now": open_now,
        "rules": rules_of(questions),
        "may_be_more": True,
        "field_of": field_of,
        "is_day": is_picked,
        "answers_max": 50,
        "in_words": lambda value: in_words(value, ZONE, NL),
        "loop_index": questions.index,
        "ends": ends_of(possible),
        "begins": parts_of(possible),
        "times_max": 10,
        "typed": typed,
        "errors": {},
        "icon": lambda _: "",
    }
    told |= dict.fromkeys(("csrf_token", "whose", "draft", "problem", "title", "about"), "")
    told |= {"is_back": False, "is_longer": False}
    content = "".join(template.blocks["content"](template.new_context(told)))
    programs = [(STATIC / name).read_text(encoding="utf-8") for name in ("options.js", "conditions.js")]
    scripts = "".join(f'<script type="module">{program}</script>' for program in programs)
    page.set_content(f"<!doctype html><body>{content}{scripts}", wait_until="load")


def sent_by(page: Page) -> dict[str, list[str]]:
    """Return what the form would send now."""
    pairs = page.evaluate("[...new FormData(document.forms[0])].map(([name, text]) => [name, text])")
    found: dict[str, list[str]] = {}
    for name, text in pairs:
        found.setdefault(name, []).append(text)
    return found


def answer_something(page: Page, chance: random.Random, questions: list[Question]) -> None:
    """Answer one of the questions that are there, or take its answer away."""
    there = sent_by(page)["shown"] if page.locator("[name=shown]").count() else []
    open_now = [one for one in questions if one.name in there and one.is_answerable and not one.is_fixed]
    if not open_now:
        return
    one = chance.choice(open_now)
    boxes = page.locator(f'[name="{field_of(one)}"]')
    if one.kind == "boolean" and one.repeats:
        boxes.nth(chance.randrange(boxes.count())).select_option(index=chance.randrange(3))
    elif one.options or one.kind == "boolean":
        boxes.nth(chance.randrange(boxes.count())).click()
        if one.kind == "open-choice":
            page.locator(f'[name="{field_of(one)}-other"]').fill(chance.choice(WORDS))
    else:
        boxes.nth(chance.randrange(boxes.count())).fill(chance.choice(TYPED[one.kind]))


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("release", list(Release))
def test_the_page_asks_what_the_server_asks(page: Page, release: Release, seed: int) -> None:
    questionnaire = {"item": Writer(release, seed).items(8)}
    questions = questions_of(questionnaire, "nl")
    shown_in(page, questions, {})
    chance = random.Random(seed)
    for step in range(15):
        typed = sent_by(page)
        values, _ = answers_of(questions, typed, NOW, NL)
        expected = [one.name for one in questions if one.name in asked(questions, values) and not one.is_hidden]
        assert typed.get("shown", []) == expected, (step, typed)
        answer_something(page, chance, questions)


def test_an_answer_to_what_is_not_asked_any_more_is_not_sent_and_stands_there_when_it_is_asked_again(
    page: Page,
) -> None:
    smokes = {"question": "smokes", "operator": "=", "answerBoolean": True}
    items = [
        {"linkId": "smokes", "text": "Rookt u?", "type": "boolean"},
        {"linkId": "much", "text": "Hoeveel?", "type": "integer", "enableWhen": [smokes]},
    ]
    shown_in(page, questions_of({"item": items}, "nl"), {})
    assert page.get_by_label("Hoeveel?").count() == 0
    page.get_by_label("Ja").check()
    page.get_by_label("Hoeveel?").fill("8")
    assert sent_by(page)["a-much"] == ["8"]
    page.get_by_label("Nee").check()
    assert "a-much" not in sent_by(page)
    page.get_by_label("Ja").check()
    assert page.get_by_label("Hoeveel?").input_value() == "8"
    assert page.get_by_role("status").inner_text() == "Er zijn meer vragen door uw antwoorden."


def test_what_only_the_server_can_compare_stays_as_the_server_left_it(page: Page) -> None:
    later = {"question": "when", "operator": ">", "answerDateTime": "2026-01-01T00:00:00+01:00"}
    items = [
        {"linkId": "when", "text": "Wanneer?", "type": "dateTime"},
        {"linkId": "why", "text": "Waarom?", "type": "string", "enableWhen": [later]},
    ]
    shown_in(page, questions_of({"item": items}, "nl"), {"a-when": ["2026-06-01"], "a-when-clock": ["10:00"]})
    assert page.get_by_label("Waarom?").count() == 1
    page.locator('[name="a-when-clock"]').fill("11:00")
    assert page.get_by_label("Waarom?").count() == 1


def test_a_long_list_is_searched_and_what_was_chosen_stays_in_it(page: Page) -> None:
    words = [f"{word} {number}" for word in ("Appel", "Café", "Druif") for number in range(10)]
    options = {"answerOption": [{"valueString": word} for word in words]}
    when = {"enableWhen": [{"question": "one", "operator": "exists", "answerBoolean": True}]}
    items = [
        {"linkId": "one", "text": "Welke?", "type": "choice", **options},
        {"linkId": "more", "text": "Welke nog?", "type": "choice", "repeats": True, **options, **when},
    ]
    shown_in(page, questions_of({"item": items}, "nl"), {})
    search, choice = page.get_by_label("Zoek in de lijst"), page.get_by_label("Welke?")
    search.first.fill("cafe 3")
    assert choice.locator("option").all_inner_texts() == ["Kies een antwoord", "Café 3"]
    choice.select_option(label="Café 3")
    search.first.fill("druif")
    search.first.press("Enter")
    assert choice.locator("option").count() == 12
    assert page.get_by_text("Gevonden: 10").count() == 1
    assert sent_by(page)["a-one"] == ["13"], "what was chosen stays, and Enter in a search sends nothing"
    search.nth(1).fill("appel 7")
    assert page.get_by_role("checkbox").count() == 1
    page.get_by_label("Appel 7").check()
    search.nth(1).fill("")
    assert page.get_by_role("checkbox").count() == 30
    assert sent_by(page)["a-more"] == ["7"]


@pytest.mark.parametrize("kind", ["date", "dateTime"])
def test_what_is_no_day_month_or_year_to_the_server_is_none_to_the_page(page: Page, kind: str) -> None:
    entry = {"url": "http://hl7.org/fhir/StructureDefinition/entryFormat", "valueString": "mm-jjjj"}
    given = {"enableWhen": [{"question": "when", "operator": "exists", "answerBoolean": True}]}
    after = {"enableWhen": [{"question": "when", "operator": ">", "answerDate": "2026-05-20"}]}
    items = [
        {"linkId": "when", "text": "Wanneer?", "type": kind, "extension": [entry]},
        {"linkId": "given", "text": "Gegeven?", "type": "string", **given},
        *([{"linkId": "after", "text": "Later?", "type": "string", **after}] if kind == "date" else []),
    ]
    questions = questions_of({"item": items}, "nl")
    shown_in(page, questions, {})
    days = "20-05-2026 21/5/2026 1.6.2026 2026-06-01 31-04-2026 30-02-2024 29-02-2024 29-02-2026 00-01-2026 2026-6-1 20260601 2026-W30-1"
    parts = "2026 13-2026 2026-13 00-2026 12-2026 2026-12 2026-7 7-2026 2026-00 1799 1800 2299 2300 0000 26 mei2026 2026- -2026"
    for text in f"{days} {parts}".split():
        page.get_by_label("Wanneer?").fill(text)
        typed = {"a-when": [text], "shown": ["when"]}
        open_now = asked(questions, answers_of(questions, typed, NOW, NL)[0])
        assert sent_by(page)["shown"] == [one.name for one in questions if one.name in open_now], text
