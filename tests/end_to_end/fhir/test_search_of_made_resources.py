"""Made-up resources of all types: each parameter finds those of which the specification says so, and no others.

A FHIRPath engine reads the values from the resources by the published expressions, as in ``test_search_against_fhirpath.py``;
here are the types and kinds of values that are not there, among them numbers, quantities, references and timings.

Spec: https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/STU3/search.html
"""

import asyncio
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.search.definitions import INDEXED_TYPES, SearchParameter, definitions
from app.fhir.search.values import escape
from tests.end_to_end.fhir.test_search_against_a_model import span
from tests.end_to_end.fhir.test_search_against_fhirpath import plain, span_of, stands, texts_of, values_of
from tests.support.made import PRIMITIVE_VALUES, Maker, moved
from tests.support.verdict import encoded
from tests.support.world import Caller, Tree, world_in

VARIED = PRIMITIVE_VALUES | {
    "string": ["A line", "Éénlijn, a|b$c\\d", "a  lîne\ttwee", "Another _50%", "x"],
    "markdown": ["*One* line", "a LINE"],
    "date": ["2026", "2026-03-12", "2026-03", "2025-12-31"],
    "dateTime": ["2026", "2026-03", "2026-03-12", "2026-03-12T09:30:00+01:00", "2026-10-25T02:30:00+01:00"],
    "instant": ["2026-03-12T09:30:00+01:00", "2026-03-12T23:30:00Z"],
    "decimal": [Decimal("1.50"), 3, Decimal("1.5"), Decimal("-2.25"), Decimal("1.5e2")],
    "uri": ["https://regie.example/thing", "https://regie.example/thing/1", "https://regie.example/Thing"],
    "code": ["nl", "text", "NL"],
}
LEFT_OUT = NOT_KEPT | {"Patient", "AuditEvent", "Consent", "Binary"}
"""There is one Patient already, the log and the grants are not written so, and a Binary is read as a file."""
PREFIXES = ("", "ne", "gt", "lt", "ge", "le", "sa", "eb")
MOST = Decimal("1e300")
TRIED = 3
"""Queries for each parameter of a type."""

Holds = Callable[[Tree], bool]
Query = tuple[str, str, Holds]


def found(parameter: SearchParameter, tree: Tree) -> list[Any]:
    """Return the values that there are for a parameter."""
    return [value for value in values_of(parameter, tree) if value is not None]


def tokens(parameter: SearchParameter, value: Any) -> list[tuple[str, str | None]]:
    """Return the (system, code) pairs of a value."""
    if isinstance(value, bool):
        return [("", str(value).lower())]
    if isinstance(value, str):
        return [("", value.lower() if parameter.types == ("string",) else value)]
    if "ContactPoint" in parameter.types:
        return [(value.get("use", ""), value.get("value"))]
    if "Identifier" in parameter.types and "coding" not in value:
        return [(value.get("system", ""), value.get("value"))]
    return [(one.get("system", ""), one.get("code")) for one in value.get("coding", [value])]


def of_token(parameter: SearchParameter, values: list[Any]) -> Iterator[Query]:
    """Yield queries by code, by system and by both, and what has none of it."""

    def asked(system: str | None, code: str | None, *, negated: bool) -> Holds:
        return lambda tree: (
            negated
            != any(
                (system is None or not parameter.has_system or system == own) and code in (None, its)
                for value in found(parameter, tree)
                for own, its in tokens(parameter, value)
            )
        )

    for system, code in [pair for value in values for pair in tokens(parameter, value)] or [("", "none")]:
        forms = [(None, code), (system, code), ("", code)] if code else []
        for own, its in [*forms, *([(system, None)] if system and parameter.has_system else [])]:
            text = escape(its or "") if own is None else f"{escape(own)}|{escape(its or '')}"
            yield parameter.name, text, asked(own, its, negated=False)
            yield f"{parameter.name}:not", text, asked(own, its, negated=True)


def of_string(parameter: SearchParameter, values: list[Any]) -> Iterator[Query]:
    """Yield queries by a whole string, its beginning and a part of it."""

    def readable(value: Any) -> list[str]:
        told = {name: part for name, part in value.items() if name != "id"} if isinstance(value, dict) else value
        parts: list[Any] = texts_of(told)  # what is beside a primitive is among them
        return [text for text in parts if isinstance(text, str)]

    def any_string(is_met: Callable[[str], bool]) -> Holds:
        return lambda tree: any(is_met(text) for value in found(parameter, tree) for text in readable(value))

    for text in [text for value in values for text in readable(value)]:
        yield f"{parameter.name}:exact", escape(text), any_string(text.__eq__)
        begin, middle = smooth(text[:4]), smooth(text[2:6])
        if begin and middle:
            yield parameter.name, escape(text[:4].strip()), any_string(partial(_begins, begin))
            yield f"{parameter.name}:contains", escape(text[2:6].strip()), any_string(partial(_has, middle))


def smooth(text: str) -> str:
    """Return a text without case, accents and extra space."""
    return " ".join(plain(text).split())


def _begins(begin: str, text: str) -> bool:
    return smooth(text).startswith(begin)


def _has(middle: str, text: str) -> bool:
    return middle in smooth(text)


def spans(value: Any) -> list[tuple[datetime, datetime]]:
    """Return the time that a date, period or timing covers."""
    if not isinstance(value, dict):
        return [span(value)] if re.match(r"\d{4}", value) else []
    if "event" in value or "repeat" in value:
        bounds = value.get("repeat", {}).get("boundsPeriod", {})
        each = [span(event) for event in value.get("event", []) if event] + spans(bounds)
        return [(min(start for start, _ in each), max(end for _, end in each))] if each else []
    return [span_of(value)] if "start" in value or "end" in value else []


def of_date(parameter: SearchParameter, values: list[Any]) -> Iterator[Query]:
    """Yield queries by a date that occurs, and by others."""

    def asked(prefix: str, text: str) -> Holds:
        return lambda tree: any(
            stands(prefix, own, span(text)) for value in found(parameter, tree) for own in spans(value)
        )

    written = [text for value in values for text in re.findall(r"\d{4}[-0-9T:+Z]*", json.dumps(value, default=str))]
    for text in [*written[:3], "2026-03-12", "2026-03-12T08:30:00Z", "2026-10-25"]:
        for prefix in PREFIXES:
            yield parameter.name, prefix + text, asked(prefix, text)


def amounts(value: Any) -> list[tuple[Decimal, Decimal, str, set[str]]]:
    """Return lowest, highest, system, and the code and name of the unit."""
    if isinstance(value, int | float | Decimal):
        return [(Decimal(str(value)), Decimal(str(value)), "", set())]
    unit = next((value[end] for end in ("low", "high") if "value" in value.get(end, {})), value)
    low, high = value.get("low", value).get("value"), value.get("high", value).get("value")
    if low is None and high is None:
        return []
    comparator = value.get("comparator", "")
    system, codes = unit.get("system", "") if "code" in unit else "", {unit.get("code"), unit.get("unit")}
    if "currency" in value:
        system, codes = "urn:iso:std:iso:4217", {value["currency"]}
    lowest = -MOST if low is None or comparator.startswith("<") else Decimal(str(low))
    highest = MOST if high is None or comparator.startswith(">") else Decimal(str(high))
    return [(lowest, highest, system, codes - {None})]


def of_number(parameter: SearchParameter, values: list[Any]) -> Iterator[Query]:
    """Yield queries by a number, alone and with the code or the name of a unit."""

    def stand(prefix: str, number: Decimal, low: Decimal, high: Decimal) -> bool:
        half = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
        within = number - half <= low and high < number + half
        return {
            "": within, "ne": not within, "gt": high > number, "lt": low < number,
            "ge": high >= number, "le": low <= number, "sa": low > number, "eb": high < number,
        }[prefix]  # fmt: skip

    def asked(prefix: str, number: str, code: str) -> Holds:
        return lambda tree: any(
            (not code or code in codes) and stand(prefix, Decimal(number), low, high)
            for value in found(parameter, tree)
            for low, high, _, codes in amounts(value)
        )

    units = sorted({code for value in values for *_, codes in amounts(value) for code in codes})
    for number in ("1.5", "3", "150", "-2.25"):
        for code in ["", *(units if parameter.kind == "quantity" else [])]:
            for prefix in PREFIXES:
                unit = f"||{escape(code)}" if code else ""
                yield parameter.name, prefix + number + unit, asked(prefix, number, code)


def of_reference(parameter: SearchParameter, values: list[Any]) -> Iterator[Query]:
    """Yield queries by type and id, by id, and by the identifier in a reference."""

    def written(tree: Tree) -> list[str]:
        texts = [value.get("reference", "") for value in found(parameter, tree) if isinstance(value, dict)]
        return [text for text in texts if not parameter.targets or text.split("/")[0] in parameter.targets]

    def refers(text: str) -> Holds:
        return lambda tree: text in written(tree)

    def refers_to_id(resource_id: str) -> Holds:
        return lambda tree: any(re.fullmatch(rf"[A-Za-z]+/{resource_id}", one) for one in written(tree))

    def is_numbered(number: str) -> Holds:
        return lambda tree: any(
            value.get("identifier", {}).get("value") == number
            for value in found(parameter, tree)
            if not value.get("reference") or value["reference"] in written(tree)
        )

    for value in [value for value in values if isinstance(value, dict)]:
        text = value.get("reference", "")
        if re.fullmatch(r"[A-Za-z]+/\w+", text):
            kind, resource_id = text.split("/")
            yield parameter.name, text, refers(text)
            yield parameter.name, resource_id, refers_to_id(resource_id)
            if kind in parameter.targets and kind in definitions(parameter.release).resource_types:
                yield f"{parameter.name}:{kind}", resource_id, refers(text)
        number = value.get("identifier", {}).get("value")
        if number:
            yield f"{parameter.name}:identifier", escape(number), is_numbered(number)


def of_uri(parameter: SearchParameter, values: list[Any]) -> Iterator[Query]:
    """Yield queries by a uri, what is below it and what is above it."""
    is_canonical = "canonical" in parameter.types

    def any_uri(is_met: Callable[[str], bool]) -> Holds:
        return lambda tree: any(is_met(str(value)) for value in found(parameter, tree))

    for uri in [*values, "https://regie.example", "https://regie.example/thing/1/2"]:
        names = partial(_names, uri, is_canonical=is_canonical)
        yield parameter.name, escape(uri), any_uri(names)
        yield f"{parameter.name}:below", escape(uri), any_uri(partial(_is_below, uri, is_canonical=is_canonical))
        yield f"{parameter.name}:above", escape(uri), any_uri(partial(_is_above, uri, is_canonical=is_canonical))


def _names(asked: str, uri: str, *, is_canonical: bool) -> bool:
    return asked in _spellings(uri, is_canonical=is_canonical)


def _is_below(asked: str, uri: str, *, is_canonical: bool) -> bool:
    return any(f"{one}/".startswith(f"{asked}/") for one in _spellings(uri, is_canonical=is_canonical))


def _is_above(asked: str, uri: str, *, is_canonical: bool) -> bool:
    return any(f"{asked}/".startswith(f"{one}/") for one in _spellings(uri, is_canonical=is_canonical))


def _spellings(uri: str, *, is_canonical: bool) -> tuple[str, str]:
    return uri, uri.partition("|")[0] if is_canonical else uri


KINDS: dict[str, Callable[[SearchParameter, list[Any]], Iterator[Query]]] = {
    "token": of_token,
    "string": of_string,
    "date": of_date,
    "number": of_number,
    "quantity": of_number,
    "reference": of_reference,
    "uri": of_uri,
}


async def made(me: Caller, resource_type: str, patient: str, chance: random.Random) -> dict[str, Tree]:
    """Return new resources of a type by their ids: four, or as many as are taken."""
    trees: dict[str, Tree] = {}
    for _ in range(20):
        tree = Maker(me.release, chance.randrange(10**9), chance=0.7, values=VARIED).resource(resource_type)
        del tree["id"]
        answer = await me("POST", f"/{resource_type}", encoded(moved(tree, patient)))
        if answer.status_code == 201:
            trees[answer.json()["id"]] = json.loads(answer.text, parse_float=Decimal)
        if len(trees) == 4:
            break
    return trees


async def check(release: Release, resource_types: list[str], seed: int) -> None:
    """Make resources of these types, and hold what each parameter finds against the plain reading."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
            for resource_type in resource_types:
                trees = await made(me, resource_type, patient, chance)
                for parameter in definitions(release).supported(resource_type).values():
                    is_read = set(parameter.types) <= INDEXED_TYPES[parameter.kind] and not parameter.computed
                    if not is_read or parameter.is_column or parameter.kind not in KINDS:
                        continue
                    values = [value for tree in trees.values() for value in found(parameter, tree)]
                    queries = list(KINDS[parameter.kind](parameter, values))
                    for name, text, holds in chance.sample(queries, min(TRIED, len(queries))):
                        asked = urlencode({name: text, "_count": 1000})
                        ids = trees.keys() & set(await me.found(f"/{resource_type}?{asked}"))
                        wanted = {one for one, tree in trees.items() if holds(tree)}
                        told = [found(parameter, trees[one]) for one in ids ^ wanted]
                        assert ids == wanted, (release, resource_type, name, text, told)


def kinds_of(release: Release) -> st.SearchStrategy[tuple[Release, list[str]]]:
    """Return a release with some of its types."""
    names = sorted(definitions(release).resource_types - LEFT_OUT)
    return st.tuples(st.just(release), st.lists(st.sampled_from(names), min_size=3, max_size=3, unique=True))


# Not made smaller when it fails: each try takes a world of its own.
@settings(max_examples=8, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))
@given(st.one_of(*map(kinds_of, Release)), st.integers(0, 10**6))
def test_each_parameter_of_each_type_finds_what_the_specification_says(
    asked: tuple[Release, list[str]], seed: int
) -> None:
    asyncio.run(check(*asked, seed))
