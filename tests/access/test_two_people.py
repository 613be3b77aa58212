"""Whatever two people and a practice do, in any order: each sees exactly what is theirs, or was granted."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.access.categories import Category
from app.access.grant import Grant
from app.access.smart_scope import ALL_ACTIONS
from app.fhir.release import Release
from tests.support.world import SHARED_UUID, Caller, Person, World, restricted, tree_of, weight, world_in

R4 = Release.R4
PEOPLE = ("zonnestraal", "maanlicht")
UUIDS = (SHARED_UUID, "5a1ad000-0000-4000-8000-000000000011", "5a1ad000-0000-4000-8000-000000000012")

steps = st.one_of(
    st.tuples(st.just("create"), st.sampled_from(PEOPLE), st.booleans()),
    st.tuples(st.just("put"), st.sampled_from(PEOPLE), st.sampled_from(UUIDS)),
    st.tuples(st.just("update"), st.sampled_from(PEOPLE), st.integers(0, 20)),
    st.tuples(st.just("delete"), st.sampled_from(PEOPLE), st.integers(0, 20)),
    st.tuples(st.just("write"), st.sampled_from(PEOPLE), st.integers(0, 20)),
    st.tuples(st.just("give"), st.sampled_from(PEOPLE), st.just(0)),
    st.tuples(st.just("withdraw"), st.sampled_from(PEOPLE), st.just(0)),
)


@dataclass
class Model:
    """What should be there: values of weights by person and id, which of them are sensitive or deleted, and grants in force."""

    weights: dict[str, dict[str, str]] = field(default_factory=lambda: {name: {} for name in PEOPLE})
    hidden: set[str] = field(default_factory=set)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)
    values: int = 100

    def next_value(self) -> str:
        """Return a value that no other weight has."""
        self.values += 1
        return f"{self.values}"

    def granted(self) -> dict[tuple[str, str], str]:
        """Return what the practice may see: (person, id) and value."""
        return {
            (name, resource_id): value
            for name in self.grants
            for resource_id, value in self.weights[name].items()
            if resource_id not in self.hidden
        }


async def seen(world: World, caller: Caller) -> dict[tuple[str, str], str]:
    """Return all weights that somebody finds, page by page: (person, id) and value."""
    names = {person.patient(): name for name, person in world.made.people.items()}
    found: dict[tuple[str, str], str] = {}
    url: str | None = "/Observation?code=29463-7&_count=3"
    while url is not None:
        page = await caller.get(url)
        for one in page.get("entry", []):
            resource = one["resource"]
            key = (names[resource["subject"]["reference"]], resource["id"])
            assert key not in found
            found[key] = str(resource["valueQuantity"]["value"]).removesuffix(".0")
        url = next((one["url"] for one in page["link"] if one["relation"] == "next"), None)
    return found


async def take(world: World, model: Model, step: tuple[str, str, object]) -> None:
    """Do one step, and change the model as it should."""
    what, name, choice = step
    person, me = world.made.people[name], world.caller(name)
    own = model.weights[name]
    chosen = sorted(own)[choice % len(own)] if own and isinstance(choice, int) else None
    if what == "create":
        value = model.next_value()
        made = await me.made(weight(R4, person.patient(), value, **({"meta": restricted()} if choice else {})))
        own[made["id"]] = value
        if choice:
            model.hidden.add(made["id"])
    elif what == "put":
        value = model.next_value()
        answer = await me("PUT", f"/Observation/{choice}", weight(R4, person.patient(), value, id=choice))
        assert answer.status_code == (200 if choice in own else 201), answer.text
        own[str(choice)] = value
        model.deleted.discard((name, str(choice)))
    elif what == "update" and chosen is not None:
        value = model.next_value()
        meta = {"meta": restricted()} if chosen in model.hidden else {}
        answer = await me("PUT", f"/Observation/{chosen}", weight(R4, person.patient(), value, id=chosen, **meta))
        assert answer.status_code == 200, answer.text
        own[chosen] = value
    elif what == "delete" and chosen is not None:
        assert (await me("DELETE", f"/Observation/{chosen}")).status_code == 204
        del own[chosen]
        model.deleted.add((name, chosen))
    elif what == "write":
        await practice_writes(world, model, person, chosen)
    elif what == "give" and name not in model.grants:
        model.grants[name] = await world.give("no grant", person, Category.OWN_MEASUREMENTS, ALL_ACTIONS)
    elif what == "withdraw" and name in model.grants:
        await world.withdraw(model.grants.pop(name))


async def practice_writes(world: World, model: Model, person: Person, chosen: str | None) -> None:
    """Let the practice make a weight, or change the chosen one: it may as far as the grant goes."""
    practice, own, value = world.caller("no grant"), model.weights[person.name], model.next_value()
    may = person.name in model.grants
    if chosen is None:
        answer = await practice("POST", "/Observation", weight(R4, person.patient(), value))
        assert answer.status_code == (201 if may else 403), answer.text
        if may:
            own[tree_of(answer)["id"]] = value
        return
    answer = await practice("PUT", f"/Observation/{chosen}", weight(R4, person.patient(), value, id=chosen))
    gone = {one for one in model.deleted if one[0] in model.grants}  # a deletion is a version too: the id is taken
    found_in = [name for name, resource_id in {*model.granted(), *gone} if resource_id == chosen]
    if not model.grants:
        expected = 403
    elif len(found_in) == 2:
        expected = 409
    elif found_in == [person.name]:
        expected = 200
    elif found_in:
        expected = 422  # the resource of the other person, who would become the subject of somebody else's weight
    else:
        expected = 405
    assert answer.status_code == expected, answer.text
    if expected == 200:
        own[chosen] = value


async def look(world: World, model: Model) -> None:
    """Hold what each sees against the model."""
    for name in PEOPLE:
        expected = {(name, resource_id): value for resource_id, value in model.weights[name].items()}
        assert await seen(world, world.caller(name)) == expected
        other = PEOPLE[1 - PEOPLE.index(name)]
        for resource_id in set(model.weights[other]) - set(model.weights[name]):
            answer = await world.caller(name)("GET", f"/Observation/{resource_id}")
            assert answer.status_code in (404, 410)
            assert answer.status_code == 404 or resource_id in UUIDS
    if model.grants:
        assert await seen(world, world.caller("no grant")) == model.granted()
    else:
        assert (await world.caller("no grant")("GET", "/Observation")).status_code == 403


async def live(story: list[tuple[str, str, object]]) -> None:
    """Take the steps in a world of their own, looking after each few."""
    with tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            model = Model()
            for name, person in world.made.people.items():
                model.weights[name] = {person.ids[R4, "weight"]: "72.5", SHARED_UUID: "80.1"}
            for number, step in enumerate(story):
                await take(world, model, step)
                if number % 4 == 3:
                    await look(world, model)
            await look(world, model)


@settings(max_examples=25, derandomize=True, database=None)
@given(st.lists(steps, min_size=4, max_size=40))
def test_two_people_never_mix(story: list[tuple[str, str, object]]) -> None:
    asyncio.run(live(story))
