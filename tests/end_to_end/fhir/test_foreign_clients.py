"""What clients of other makers send, as they send it: it works, or is refused in a way that they can understand."""

import pytest

from app.fhir.release import Release
from tests.support.world import BASE_URL, World, bundle, entry, ids_of, tree_of, weight

HAPI_ACCEPT = (
    "application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9, application/json+fhir;q=0.9"
)
R4 = Release.R4


@pytest.mark.parametrize(
    "accept", [HAPI_ACCEPT, "application/fhir+json, */*; q=0.1", "application/json", "*/*", "", "application/json+fhir"]
)
async def test_who_accepts_json_among_others_gets_json(world: World, accept: str) -> None:
    answer = await world.caller("zonnestraal")("GET", "/Observation", Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json;charset=utf-8"


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("start", ["", "?", "Observation?", "{base}/Observation?"])
async def test_a_condition_may_have_its_url_before_it(world: World, release: Release, start: str) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    condition = f"{start.format(base=f'{BASE_URL}{me.base}')}identifier=urn:one%7C1"
    made = weight(release, him.patient(release), identifier=[{"system": "urn:one", "value": "1"}])
    answers = [
        await me("POST", "/Observation", made | {"status": state}, If_None_Exist=condition)
        for state in ("final", "amended")
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert len({tree_of(answer)["id"] for answer in answers}) == 1
    again = entry("POST", "Observation", made | {"status": "amended"}, ifNoneExist=condition)
    answer = tree_of(await me("POST", "/", bundle("transaction", again)))
    assert answer["entry"][0]["response"]["status"] == "200 OK"


async def test_a_condition_in_the_query_of_a_write_is_refused_and_writes_nothing(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    before = await me.changes()
    answer = await me("POST", "/Observation?identifier=urn:one|1", weight(R4, him.patient()))
    assert answer.status_code == 400
    assert "If-None-Exist" in answer.text
    own = him.ids[R4, "weight"]
    assert (await me("PUT", f"{him.url('weight')}?code=1", weight(R4, him.patient(), id=own))).status_code == 400
    assert (await me("DELETE", f"{him.url('weight')}?code=1")).status_code == 400
    assert await me.changes() == before
    assert (await me("POST", "/Observation?_format=json", weight(R4, him.patient()))).status_code == 201


@pytest.mark.parametrize("known", ['W/"1"', '"1"', 'W/"7", W/"1"', "*"])
async def test_who_has_the_version_is_told_so_in_any_form_of_its_etag(world: World, known: str) -> None:
    answer = await world.caller("zonnestraal")("GET", world.zonnestraal.url("weight"), If_None_Match=known)
    assert (answer.status_code, answer.content) == (304, b"")


async def test_who_has_another_version_gets_this_one(world: World) -> None:
    answer = await world.caller("zonnestraal")("GET", world.zonnestraal.url("weight"), If_None_Match='W/"11"')
    assert answer.status_code == 200


@pytest.mark.parametrize("release", Release)
async def test_operations_take_their_parameters_by_post_too(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    two = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 2}]}
    everything = f"/Patient/{him.patients[release]}/$everything"
    assert tree_of(await me("POST", everything, two)) == await me.get(f"{everything}?_count=2")
    assert tree_of(await me("POST", everything, "")) == await me.get(everything)
    code = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueString": "29463-7"}]}
    assert tree_of(await me("POST", "/Observation/$lastn", code)) == await me.get("/Observation/$lastn?code=29463-7")


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "code", "valueCodeableConcept": {"text": "weight"}},
        {"name": "code"},
        {"name": "code", "part": [{"name": "a", "valueString": "b"}]},
    ],
)
async def test_a_parameter_that_is_no_simple_value_is_refused_with_its_place(
    world: World, parameter: dict[str, object]
) -> None:
    body = {"resourceType": "Parameters", "parameter": [parameter]}
    answer = await world.caller("zonnestraal")("POST", "/Observation/$lastn", body)
    assert answer.status_code == 422
    assert tree_of(answer)["issue"][0]["expression"] == ["Parameters.parameter[0]"]


async def test_a_quantity_with_empty_unit_is_of_any_unit(world: World) -> None:
    me = world.caller("zonnestraal")
    assert await me.found("/Observation?value-quantity=gt1||") == await me.found("/Observation?value-quantity=gt1")
    assert await me.found("/Observation?value-quantity=gt1||")


async def test_a_bare_id_finds_no_resource_of_another_server(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    elsewhere = [{"reference": "https://elsewhere.example/fhir/Practitioner/prx"}]
    there = (await me.made(weight(R4, him.patient(), performer=elsewhere)))["id"]
    here = (await me.made(weight(R4, him.patient(), performer=[{"reference": "Practitioner/prx"}])))["id"]
    assert await me.found("/Observation?performer=prx") == [here]
    assert await me.found("/Observation?performer=https://elsewhere.example/fhir/Practitioner/prx") == [there]


@pytest.mark.parametrize("sort", ["-date", "-date,_id", "-date,value-quantity"])
async def test_a_period_sorts_by_its_start_however_many_keys_there_are(world: World, sort: str) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    made = []
    for start in ("2020-01-01", "2022-01-01"):
        tree = weight(R4, him.patient(), identifier=[{"value": "period"}], effectivePeriod={"start": start})
        del tree["effectiveDateTime"]
        made.append((await me.made(tree | {"note": [{"text": start}]}))["id"])
    day = weight(R4, him.patient(), identifier=[{"value": "period"}], effectiveDateTime="2021-01-01")
    made.insert(1, (await me.made(day))["id"])
    answer = await me.get(f"/Observation?identifier=period&_sort={sort}")
    assert ids_of(answer) == made[::-1]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_reference_by_a_search_is_refused_with_its_place(world: World, kind: str) -> None:
    me = world.caller("zonnestraal")
    before = await me.changes()
    about = weight(R4, "Patient?identifier=urn:one|1")
    single = await me("POST", "/Observation", about)
    assert single.status_code == 422
    assert tree_of(single)["issue"][0]["expression"] == ["Observation.subject.reference"]
    answer = await me("POST", "/", bundle(kind, entry("POST", "Observation", about)))
    assert "Bundle.entry[0].resource.subject.reference" in answer.text
    assert await me.changes() == before


@pytest.mark.parametrize("url", ["/$no", "/Observation/$no", "/Observation/1/$no", "/DocumentReference/$"])
async def test_an_operation_that_is_not_there_is_refused_as_not_supported(world: World, url: str) -> None:
    answer = await world.caller("zonnestraal")("GET", url)
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (400, "not-supported")
