"""Random resources and random queries: what search finds is what a plain reading of the specification finds.

The model reads resources as JSON and knows nothing of indexes. Spec: https://hl7.org/fhir/R4/search.html
"""

import asyncio
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.fhir.release import Release
from tests.support.world import Caller, Tree, world_in

ZONE = ZoneInfo("Europe/Amsterdam")
UCUM = "http://unitsofmeasure.org"
GRAMS = {"kg": Decimal(1000), "g": Decimal(1), "mg": Decimal("0.001")}
SYSTEMS = ("http://loinc.org", "https://regie.example/codes")
CODES = ("a", "b", "29463-7")
TARGETS = tuple(f"5a1ad000-0000-4000-8000-0000000000{number:02}" for number in (21, 22))
NAMES = ("Kompas-Test", "Anker-Test")
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "")


@dataclass(frozen=True)
class Criterion:
    """One parameter of a query, and what it means."""

    name: str
    value: str
    holds: Callable[[Tree], bool]


# ---------------------------------------------------------------------------------------------------------- resources

codings = st.builds(
    lambda system, code: {"code": code} | ({"system": system} if system else {}),
    st.sampled_from((*SYSTEMS, None)),
    st.sampled_from(CODES),
)
days = st.dates(datetime(2026, 2, 26, tzinfo=UTC).date(), datetime(2026, 4, 2, tzinfo=UTC).date())
offsets = st.sampled_from(("Z", "+01:00", "-05:00", "+05:30"))
moments = st.builds(
    lambda day, hour, minute, offset: f"{day}T{hour:02}:{minute:02}:30{offset}",
    days, st.sampled_from((0, 1, 12, 22, 23)), st.sampled_from((0, 59)), offsets,
)  # fmt: skip
dates = st.one_of(moments, days.map(str), days.map(lambda day: f"{day:%Y-%m}"), st.sampled_from(("2025", "2026")))
numbers = st.sampled_from(("72", "72.0", "72.5", "72.50", "0.0725", "72500", "72000", "73", "0", "-1", "7.2e1"))
quantities = st.builds(
    lambda value, unit: {"value": value} | unit,
    numbers,
    st.sampled_from(
        (
            {},
            {"unit": "kg"},
            {"unit": "kilo", "code": "kg", "system": UCUM},
            *({"unit": code, "code": code, "system": UCUM} for code in GRAMS),
            {"unit": "stuks", "code": "kg", "system": "https://regie.example/units"},
        )
    ),
)
performers = st.sampled_from([f"{kind}/{target}" for kind in ("Organization", "Practitioner") for target in TARGETS])
coded = {"code": st.lists(codings, min_size=1, max_size=2)}
components = st.fixed_dictionaries(coded, optional={"quantity": quantities})


def told_once(drawn: dict[str, Any]) -> dict[str, Any]:
    """Return what was drawn without the components that tell again what the whole has a value of (FHIR's rule obs-7)."""
    own = drawn["code"] if "quantity" in drawn else []
    kept = [one for one in drawn.get("component", []) if not any(coding in own for coding in one["code"])]
    return {name: value for name, value in drawn.items() if name != "component"} | ({"component": kept} if kept else {})


optional = st.fixed_dictionaries(
    coded,
    optional={
        "date": dates,
        "quantity": quantities,
        "performer": st.lists(performers, min_size=1, max_size=2),
        "component": st.lists(components, min_size=1, max_size=2),
    },
).map(told_once)


def body_of(drawn: dict[str, Any], patient: str) -> str:
    """Return the Observation as JSON text, numbers as they were drawn."""
    tree: Tree = {"resourceType": "Observation", "status": "final", "subject": {"reference": patient}}
    tree["code"] = {"coding": drawn["code"]}
    if "date" in drawn:
        tree["effectiveDateTime"] = drawn["date"]
    if "performer" in drawn:
        tree["performer"] = [{"reference": reference} for reference in drawn["performer"]]
    tree |= value_of(drawn)
    if "component" in drawn:
        tree["component"] = [{"code": {"coding": one["code"]}} | value_of(one) for one in drawn["component"]]
    return re.sub(r'"NUMBER ([^"]+)"', r"\1", json.dumps(tree))


def value_of(drawn: dict[str, Any]) -> Tree:
    """Return the value, the number marked to be written as it was drawn."""
    if "quantity" not in drawn:
        return {}
    return {"valueQuantity": drawn["quantity"] | {"value": f"NUMBER {drawn['quantity']['value']}"}}


async def make_performers(me: Caller) -> None:
    """Make what the performers refer to: they differ in their names."""
    for number, target in enumerate(TARGETS):
        for tree in (
            {"resourceType": "Organization", "name": NAMES[number]},
            {"resourceType": "Practitioner", "name": [{"family": NAMES[number]}]},
        ):
            answer = await me("PUT", f"/{tree['resourceType']}/{target}", tree | {"id": target})
            assert answer.status_code == 201, answer.text


# ------------------------------------------------------------------------------------------------------------- queries


def token_of(system: str | None, code: str | None, negated: bool) -> Criterion:
    """Return a criterion on the code; the system None is any, the empty one is none; the code None is any."""
    text = code if system is None else f"{system}|{code or ''}"

    def one(coding: Tree) -> bool:
        return system in (None, coding.get("system", "")) and code in (None, coding["code"])

    def holds(drawn: Tree) -> bool:
        return any(one(coding) for coding in drawn["code"]) != negated

    return Criterion("code:not" if negated else "code", str(text), holds)


tokens = st.one_of(
    st.builds(token_of, st.sampled_from((*SYSTEMS, "", None)), st.sampled_from(CODES), st.booleans()),
    st.builds(token_of, st.sampled_from(SYSTEMS), st.none(), st.booleans()),
)


def span(text: str) -> tuple[datetime, datetime]:
    """Return the first instant of a date and the first one after it."""
    if len(text) > 10:
        start = datetime.fromisoformat(text).astimezone(UTC)
        return start, start + timedelta(seconds=1)
    year, month, day = (*(int(part) for part in text.split("-")), 0, 0)[:3]
    start = datetime(year, month or 1, day or 1, tzinfo=ZONE)
    if day:
        end = datetime.combine(start.date() + timedelta(days=1), start.timetz())
    elif month:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=ZONE)
    else:
        end = datetime(year + 1, 1, 1, tzinfo=ZONE)
    return start.astimezone(UTC), end.astimezone(UTC)


def compare(prefix: str, own: tuple[datetime, datetime], asked: tuple[datetime, datetime]) -> bool:
    """Return how two spans, ends excluded, stand to each other."""
    within = asked[0] <= own[0] and own[1] <= asked[1]
    above, below = own[1] > asked[1], own[0] < asked[0]
    return {
        "": within,
        "eq": within,
        "ne": not within,
        "gt": above,
        "lt": below,
        "ge": above or within,
        "le": below or within,
        "sa": own[0] >= asked[1],
        "eb": own[1] <= asked[0],
    }[prefix]


def date_of(prefix: str, text: str) -> Criterion:
    """Return a criterion on the date."""
    return Criterion(
        "date", prefix + text, lambda drawn: "date" in drawn and compare(prefix, span(drawn["date"]), span(text))
    )


def quantity_of(prefix: str, text: str, unit: tuple[str, str] | None) -> Criterion:
    """Return a criterion on the value; ``unit`` is (system, code), the system empty for any."""
    number = Decimal(text)
    half = Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)

    def value_in(quantity: Tree) -> Decimal | None:
        """Return the value in the unit that was asked for, None if it isn't of its kind."""
        value = Decimal(quantity["value"])
        if unit is None:
            return value
        system, code = unit
        if system == UCUM and quantity.get("system") == UCUM:
            return value * GRAMS[quantity["code"]] / GRAMS[code]
        is_named = not system and quantity.get("unit") == code
        return value if is_named or (quantity.get("code") == code and system in ("", quantity.get("system"))) else None

    def holds(drawn: Tree) -> bool:
        value = value_in(drawn["quantity"]) if "quantity" in drawn else None
        if value is None:
            return False
        within = number - half <= value < number + half
        return {
            "": within,
            "eq": within,
            "ne": not within,
            "gt": value > number,
            "sa": value > number,
            "lt": value < number,
            "eb": value < number,
            "ge": value >= number,
            "le": value <= number,
        }[prefix]

    tail = f"|{unit[0]}|{unit[1]}" if unit else ""
    return Criterion("value-quantity", f"{prefix}{text}{tail}", holds)


units = st.sampled_from(
    (None, *((UCUM, code) for code in GRAMS), ("", "kg"), ("", "kilo"), ("https://regie.example/units", "kg"))
)


def performer_of(kind: str | None, target: str, form: str) -> Criterion:
    """Return a criterion on the performer, in one of the ways to write it."""
    kind = kind if form != "id" else None

    def holds(drawn: Tree) -> bool:
        return any(
            reference.split("/")[1] == target and kind in (None, reference.split("/")[0])
            for reference in drawn.get("performer", [])
        )

    if form == "modifier":
        return Criterion(f"performer:{kind}", target, holds)
    return Criterion("performer", target if form == "id" else f"{kind}/{target}", holds)


references = st.builds(
    performer_of,
    st.sampled_from(("Organization", "Practitioner")),
    st.sampled_from(TARGETS),
    st.sampled_from(("id", "relative", "modifier")),
)


def missing_of(name: str, missing: bool) -> Criterion:
    """Return a criterion on there being no value."""
    member = {"date": "date", "value-quantity": "quantity", "performer": "performer"}[name]
    return Criterion(f"{name}:missing", str(missing).lower(), lambda drawn: (member not in drawn) == missing)


def chain_of(kind: str, number: int) -> Criterion:
    """Return a criterion on the name of a performer."""
    wanted = f"{kind}/{TARGETS[number]}"
    parameter = {"Organization": "name", "Practitioner": "family"}[kind]
    return Criterion(
        f"performer:{kind}.{parameter}", NAMES[number][:4].lower(), lambda drawn: wanted in drawn.get("performer", [])
    )


def composite_of(name: str, token: Criterion, quantity: Criterion) -> Criterion:
    """Return a criterion on a code and a value at the same place."""

    def holds(drawn: Tree) -> bool:
        own = [] if name.startswith("component") else [drawn]
        parts = [] if name.startswith("code") else drawn.get("component", [])
        return any(token.holds(one) and quantity.holds(one) for one in (*own, *parts))

    return Criterion(name, f"{token.value}${quantity.value}", holds)


amounts = st.builds(quantity_of, st.sampled_from(PREFIXES), numbers.filter(lambda text: "e" not in text), units)
criteria = st.one_of(
    tokens,
    st.builds(date_of, st.sampled_from(PREFIXES), dates),
    amounts,
    references,
    st.builds(chain_of, st.sampled_from(("Organization", "Practitioner")), st.sampled_from((0, 1))),
    st.builds(
        composite_of,
        st.sampled_from(("code-value-quantity", "component-code-value-quantity", "combo-code-value-quantity")),
        tokens.filter(lambda token: token.name == "code"),
        amounts,
    ),
    st.builds(missing_of, st.sampled_from(("date", "value-quantity", "performer")), st.booleans()),
)


def either(first: Criterion, second: Criterion) -> Criterion:
    """Return the criterion that one of two values holds; for those that may be joined with a comma."""
    if first.name != second.name or ":not" in first.name or ":missing" in first.name:
        return first
    return Criterion(
        first.name, f"{first.value},{second.value}", lambda drawn: first.holds(drawn) or second.holds(drawn)
    )


queries = st.lists(st.builds(either, criteria, criteria), min_size=1, max_size=2)


def text_of(query: list[Criterion]) -> Iterator[str]:
    """Yield the parameters of a query string."""
    for criterion in query:
        yield f"{criterion.name}={quote(criterion.value, safe='|:/,$')}"


async def referred_to(me: Caller, criterion: Criterion, all_drawn: list[Tree]) -> None:
    """Hold against the model which organizations are named by what meets a criterion."""
    (text,) = text_of([criterion])
    found = await me.found(f"/Organization?_has:Observation:performer:{text}")
    named = {one for drawn in all_drawn if criterion.holds(drawn) for one in drawn.get("performer", [])}
    assert set(found) == {one.split("/")[1] for one in named if one.startswith("Organization/")}, text


async def search_all(release: Release, resources: list[dict[str, Any]], asked: list[list[Criterion]]) -> None:
    """Make the resources, and hold each query against the model."""
    with tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            me, person = world.caller("maanlicht", release), world.maanlicht
            for thing in ("weight", "chosen"):
                assert (await me("DELETE", person.url(thing, release))).status_code == 204
            await make_performers(me)
            made = {}
            for drawn in resources:
                answer = await me("POST", "/Observation", body_of(drawn, person.patient(release)))
                assert answer.status_code == 201, answer.text
                made[answer.json()["id"]] = (drawn, answer.text)
            ever_found: set[str] = set()
            for query in asked:
                text = "&".join(text_of(query))
                page = await me("GET", f"/Observation?{text}")
                assert page.status_code == 200, page.text
                found = [one["resource"]["id"] for one in page.json().get("entry", [])]
                expected = {
                    resource_id for resource_id, (drawn, _) in made.items() if all(one.holds(drawn) for one in query)
                }
                assert set(found) == expected, (text, [drawn for drawn, _ in made.values()])
                assert len(found) == len(expected)
                assert all(made[resource_id][1] in page.text for resource_id in found)
                ever_found |= expected
                await referred_to(me, query[0], [drawn for drawn, _ in made.values()])
            for resource_id in ever_found:  # what search finds, read returns
                assert (await me("GET", f"/Observation/{resource_id}")).text == made[resource_id][1]


@settings(max_examples=40, derandomize=True, database=None)
@given(
    st.sampled_from(Release), st.lists(optional, min_size=3, max_size=8), st.lists(queries, min_size=10, max_size=30)
)
def test_search_finds_what_the_specification_says(
    release: Release, resources: list[dict[str, Any]], asked: list[list[Criterion]]
) -> None:
    asyncio.run(search_all(release, resources, asked))
