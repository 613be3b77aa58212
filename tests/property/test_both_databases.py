"""The same story on SQLite and on PostgreSQL: whatever is written and asked, the answers are equal."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.fhir.release import Release
from tests.support.database import KINDS, choose, kind
from tests.support.world import Caller, identifier, link, world_in

LETTERS = "aAbBzZ09 éÉßıİñ_%\\'\"*-,|$~中😀\u00ad\u0301"
"""What one collation, one way of folding or one pattern of LIKE takes otherwise than another."""

NUMBERS = (
    "0",
    "-0.0",
    "72.5",
    "72.50",
    "0.1",
    "0.30000000000000004",
    "1e-7",
    "-3",
    "9007199254740993",
    "1e200",
    "1e-300",
)
DATES = (
    "2026",
    "2026-03",
    "2026-03-01",
    "2026-03-01T00:00:00+14:00",
    "2026-02-28T23:59:59.999999Z",
    "0001-01-01",
    "9999-12-31",
)
SORTS = (
    "",
    "date",
    "-date",
    "value-quantity",
    "-value-quantity",
    "value-string",
    "-value-string",
    "code",
    "_id",
    "-_lastUpdated",
)
texts = st.text(LETTERS, min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


@dataclass(frozen=True)
class Step:
    """A value that is written, or (``asked``) a search: the parameter with its prefix or modifier, and how it is sorted."""

    asked: str
    value: str
    again: int = 0
    sort: str = ""


written = st.builds(
    Step,
    st.just(""),
    st.one_of(texts.map("valueString ".__add__), st.sampled_from(NUMBERS).map("valueQuantity ".__add__)),
    st.integers(0, 3),
    st.sampled_from(DATES),
)
asked = st.one_of(
    st.builds(
        Step,
        st.sampled_from(["value-string=", "value-string:contains=", "value-string:exact=", "code=", "code:not=", "identifier="]),
        texts, st.just(0), st.sampled_from(SORTS),
    ),
    st.builds(
        Step,
        st.builds(str.__add__, st.just("value-quantity="), st.sampled_from(["", "ne", "gt", "ge", "lt", "le", "ap"])),
        st.sampled_from(NUMBERS), st.just(0), st.sampled_from(SORTS),
    ),
    st.builds(
        Step,
        st.builds(str.__add__, st.just("date="), st.sampled_from(["", "ne", "gt", "ge", "lt", "le", "sa", "eb"])),
        st.sampled_from(DATES), st.just(0), st.sampled_from(SORTS),
    ),
)  # fmt: skip


@dataclass
class Told:
    """What was answered, without what differs each time: ids are the numbers of what was written."""

    answers: list[Any] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)


def body_of(step: Step, patient: str, number: int, id_: str = "") -> bytes:
    """Return an Observation as JSON; a number keeps its digits."""
    element, _, value = step.value.partition(" ")
    text = value if element == "valueQuantity" else f'"{_escaped(value)}"'
    shown = (
        f'{{"value":{text},"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}'
        if element == "valueQuantity"
        else text
    )
    own_id = f'"id":"{id_}",' if id_ else ""
    code = _escaped(value.strip())
    return (
        f'{{"resourceType":"Observation",{own_id}"status":"final","code":{{"text":"x","coding":[{{"system":"http://a.example","code":"c{number % 3}"}}]}},'
        f'"identifier":[{{"system":"{identifier("")[0]["system"]}","value":"{code}"}}],"effectiveDateTime":"{step.sort}",'
        f'"subject":{{"reference":"{patient}"}},"{element}":{shown}}}'
    ).encode()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


async def write(me: Caller, patient: str, step: Step, told: Told) -> None:
    """Make a resource, or change one of those that there are."""
    ids = list(told.numbers)
    if step.again and ids:
        id_ = ids[step.again % len(ids)]
        answer = await me("PUT", f"/Observation/{id_}", body_of(step, patient, len(ids), id_))
    else:
        answer = await me("POST", "/Observation", body_of(step, patient, len(ids)))
        if answer.status_code == 201:
            told.numbers[answer.json()["id"]] = len(told.numbers)
    told.answers.append((step, answer.status_code))


async def ask(me: Caller, step: Step, told: Told) -> None:
    """Search, and go through all pages."""
    value = step.value
    for special in "\\,|$":
        value = value.replace(special, f"\\{special}")
    sort = f"&_sort={step.sort}" if step.sort else ""
    url: str | None = f"/Observation?{step.asked}{quote(value, safe='')}&_count=3&_total=accurate{sort}"
    while url is not None:
        answer = await me("GET", url)
        if answer.status_code != 200:
            told.answers.append((step, answer.status_code, answer.json()["issue"][0].get("expression")))
            return
        bundle = answer.json()
        found = [told.numbers.get(entry["resource"]["id"], -1) for entry in bundle.get("entry", [])]
        if step.sort in {"", "_id", "-_lastUpdated"}:
            found = found if step.sort == "" else []  # made of random ids, and of the time
        told.answers.append((step, bundle.get("total"), found))
        url = link(bundle, "next")


@contextmanager
def on(name: str) -> Iterator[None]:
    """Have databases of one kind made, as long as it lasts."""
    before = kind()
    choose(name)
    try:
        yield
    finally:
        choose(before)


async def live(name: str, story: list[Step]) -> list[Any]:
    """Return what is answered to the story on one kind of database."""
    told = Told()
    with on(name), tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            me, patient = world.caller("zonnestraal"), world.zonnestraal.patient(Release.R4)
            for step in story:
                await (ask(me, step, told) if step.asked else write(me, patient, step, told))
    return told.answers


BEGIN = [
    *(Step("", f"valueQuantity {number}", 0, DATES[n % len(DATES)]) for n, number in enumerate(NUMBERS)),
    *(Step("", f"valueString {letter}{LETTERS[n]}", 0, DATES[n % len(DATES)]) for n, letter in enumerate(LETTERS[1:])),
]
END = [
    *(Step("value-string:contains=", letter, 0, "value-string") for letter in LETTERS if letter.strip()),
    *(Step("code=", f"c{n % 3}", 0, sort) for n, sort in enumerate(SORTS)),
    *(Step("date=" + prefix, DATES[1], 0, "-date") for prefix in ("lt", "sa", "eb", "ap")),
    *(Step("value-quantity=" + prefix, "72.5", 0, "value-quantity") for prefix in ("lt", "ge", "ne", "ap")),
]


@settings(max_examples=6, derandomize=True, database=None)
@given(st.lists(st.one_of(written, written, asked), min_size=12, max_size=40))
def test_both_answer_alike(story: list[Step]) -> None:
    if kind() != KINDS[0]:
        pytest.skip("is on both already")
    one, other = (asyncio.run(live(name, [*BEGIN, *story, *END])) for name in KINDS)
    for first, second in zip(one, other, strict=True):
        assert first == second
