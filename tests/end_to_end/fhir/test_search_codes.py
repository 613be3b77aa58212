"""``:in``, ``:not-in``, ``:above`` and ``:below`` of tokens, against what a reader of each resource would say."""

import json
import random
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.fhir.packages.library import Library
from app.fhir.packages.package import Definition, Package, Pin
from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, tree_of, weight, world_in

TREES = "http://example.org/trees"
BASE = "http://example.org/ValueSet"
SYSTEM: Tree = {
    "resourceType": "CodeSystem",
    "url": TREES,
    "content": "complete",
    "concept": [
        {"code": "conifer", "concept": [{"code": "pine"}, {"code": "spruce", "concept": [{"code": "sitka"}]}]},
        {"code": "oak"},
    ],
}
CODES = ("conifer", "pine", "spruce", "sitka", "oak")
BELOW = {"conifer": set(CODES) - {"oak"}, "pine": {"pine"}, "spruce": {"spruce", "sitka"}, "sitka": {"sitka"}}
ABOVE = {"conifer": {"conifer"}, "pine": {"pine", "conifer"}, "sitka": {"sitka", "spruce", "conifer"}, "oak": {"oak"}}
MARK = {"coding": [{"system": "http://example.org/marks", "code": "tree"}]}
SETS = {"conifers": BELOW["conifer"], "leafy": {"oak"}, "none": set[str]()}


def value_set(name: str, *include: Any) -> Tree:
    """Return a value set."""
    return {"resourceType": "ValueSet", "url": f"{BASE}/{name}", "compose": {"include": include}}


def below(code: str) -> Tree:
    """Return an include of a code and those below it."""
    return {"system": TREES, "filter": [{"property": "concept", "op": "is-a", "value": code}]}


DEFINITIONS: tuple[Tree, ...] = (
    SYSTEM,
    value_set("conifers", below("conifer")),
    value_set("leafy", {"system": TREES, "concept": [{"code": "oak"}]}),
    value_set("none", {"system": TREES, "concept": []}),
    value_set("unclear", {"system": "http://snomed.info/sct"}),
    value_set("half", {"system": TREES, "concept": [{"code": f"c{number}"} for number in range(5_001)]}),
    value_set("large", {"system": TREES, "concept": [{"code": f"c{number}"} for number in range(10_001)]}),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give a world with these definitions loaded for both releases."""
    library = Library(tmp_path / "packages")
    loaded = [Definition(one["url"], "", one["resourceType"], json.dumps(one).encode()) for one in DEFINITIONS]
    for release in Release:
        library.load(Package(Pin(f"trees.{release.path}", "1", release), tuple(loaded), ()))
    async with world_in(tmp_path, packages_folder=library.folder) as world:
        yield world


@pytest.fixture(params=Release)
def me(request: pytest.FixtureRequest, world: World) -> Caller:
    """Give a person who asks, in each release."""
    return world.caller("zonnestraal", request.param)


def codings(chance: random.Random) -> Iterator[Tree]:
    """Yield up to three codings, of the trees and of others with the same codes."""
    for _ in range(chance.randrange(4)):
        system = chance.choice([TREES, TREES, "http://example.org/other", ""])
        yield ({"system": system} if system else {}) | {"code": chance.choice(CODES)}


async def forest(me: Caller, patient: str) -> dict[str, list[tuple[str, str]]]:
    """Return the ids of new Observations, each with the (system, code) of its method."""
    chance = random.Random(7)
    made = {}
    for _ in range(40):
        found = list(codings(chance))
        more: Tree = {"method": {"coding": found}} if found else {}
        one = await me.made(weight(me.release, patient, code=MARK, **more))
        made[one["id"]] = [(coding.get("system", ""), coding["code"]) for coding in found]
    return made


async def ids(me: Caller, query: str) -> set[str]:
    """Return what a search for Observations finds."""
    found = await me.get(f"/Observation?code=tree&{query}")
    return {one["resource"]["id"] for one in found.get("entry", ())}


async def test_codes_are_found_by_value_set_and_by_what_lies_above_and_below(world: World, me: Caller) -> None:
    made = await forest(me, world.zonnestraal.patient(me.release))

    def having(codes: set[str]) -> set[str]:
        return {one for one, found in made.items() if any(system == TREES and code in codes for system, code in found)}

    for names in [*product(SETS), *product(SETS, SETS)]:
        urls = ",".join(f"{BASE}/{name}" for name in names)
        expected = having(set().union(*(SETS[name] for name in names)))
        assert await ids(me, f"method:in={urls}") == expected
        assert await ids(me, f"method:not-in={urls}") == made.keys() - expected
    for modifier, around in (("below", BELOW), ("above", ABOVE)):
        for code, codes in around.items():
            assert await ids(me, f"method:{modifier}={quote(f'{TREES}|{code}')}") == having(codes)
    both = f"method:in={BASE}/conifers&method:not-in={BASE}/leafy"
    assert await ids(me, both) == having(SETS["conifers"]) - having(SETS["leafy"])
    assert await ids(me, f"_filter=method in {BASE}/leafy") == having(SETS["leafy"])
    assert await ids(me, f"_filter=method ni {BASE}/leafy") == made.keys() - having(SETS["leafy"])
    assert await ids(me, f"_filter=method ss {TREES}|spruce") == having(BELOW["spruce"])
    assert await ids(me, f"_filter=method sb {TREES}|sitka") == having(ABOVE["sitka"])


async def test_they_go_through_references_both_ways(world: World, me: Caller) -> None:
    patient = world.zonnestraal.patient(me.release)
    act = (
        "http://hl7.org/fhir/v3/ActCode"
        if me.release is Release.STU3
        else "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    )
    visits = []
    for code in ("ACUTE", "AMB"):
        tree = {"resourceType": "Encounter", "status": "finished", "subject": {"reference": patient}}
        visits.append(await me.made(tree | {"class": {"system": act, "code": code}}))
    name = "context" if me.release is Release.STU3 else "encounter"
    made = []
    for visit, code in zip(visits, ("pine", "oak"), strict=True):
        tree = weight(me.release, patient, code=MARK, method={"coding": [{"system": TREES, "code": code}]})
        made.append(await me.made(tree | {name: {"reference": f"Encounter/{visit['id']}"}}))
    inside = quote(f"{act}|IMP")
    assert await ids(me, f"{name}:Encounter.class:below={inside}") == {made[0]["id"]}
    found = await me.get(f"/Encounter?_has:Observation:{name}:method:in={BASE}/leafy")
    assert [one["resource"]["id"] for one in found["entry"]] == [visits[1]["id"]]


async def test_an_element_of_type_code_has_the_system_of_its_binding(world: World, me: Caller) -> None:
    patient = world.zonnestraal.patient(me.release)
    made = await me.made(weight(me.release, patient, code=MARK, status="amended"))
    statuses = "http://hl7.org/fhir/ValueSet/observation-status"
    assert await ids(me, f"status:in={statuses}") == {made["id"]}
    assert await ids(me, f"status:not-in={statuses}") == set()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"code:in={BASE}/unheard", (400, "invalid")),
        ("code:in=ValueSet/1", (400, "invalid")),
        (f"code:in={BASE}/unclear", (422, "not-supported")),
        (f"code:not-in={BASE}/unclear", (422, "not-supported")),
        (f"code:in={BASE}/large", (422, "too-costly")),
        (f"code:in={BASE}/half&method:in={BASE}/half", (422, "too-costly")),
        (f"code:in={BASE}/leafy|", (400, "invalid")),
        (f"code:in={BASE}/leafy||||1", (400, "invalid")),
        ("code:below=http://loinc.org|29463-7", (422, "not-supported")),
        (f"code:below={TREES}|palm", (400, "invalid")),
        ("code:above=oak", (400, "invalid")),
        (f"identifier:in={BASE}/leafy", (400, "not-supported")),
        (f"date:in={BASE}/leafy", (400, "not-supported")),
    ],
)
async def test_what_is_not_known_wholly_is_refused(me: Caller, query: str, expected: tuple[int, str]) -> None:
    answer = await me("GET", f"/Observation?{query}")
    issue = tree_of(answer)["issue"][0]
    assert (answer.status_code, issue["code"]) == expected
    assert issue["expression"][0].startswith("http.")


async def test_a_practice_finds_no_more_by_them_than_it_may_see(world: World) -> None:
    url = f"/Condition?patient={world.zonnestraal.patient()}&code:not-in={BASE}/leafy"
    found = [await world.caller(who).get(url) for who in ("granted", "zonnestraal")]
    theirs, all_of_them = ({one["resource"]["id"] for one in page["entry"]} for page in found)
    assert theirs < all_of_them
