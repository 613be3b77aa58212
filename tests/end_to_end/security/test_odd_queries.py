"""Numbers, sort keys and units without measure are refused or bounded; none is a fault of ours."""

import json

import pytest

from app.fhir.release import Release
from tests.support.world import World, weight

R4 = Release.R4


@pytest.mark.parametrize(
    "query",
    [
        f"$lastn?max={'9' * 5000}",
        f"?_sort={','.join(['date'] * 70)}",
        "?value-quantity=1e999999999",
        "?value-quantity=1e-999999999",
        f"?_count={'9' * 400}",
    ],
    ids=lambda query: query[:20],
)
async def test_a_query_without_measure_is_refused(world: World, query: str) -> None:
    url = f"/Observation/{query}" if query.startswith("$") else f"/Observation{query}"
    assert (await world.caller("zonnestraal")("GET", url)).status_code == 400


@pytest.mark.parametrize("code", ["Ym", "ym", "10*99.10*99", "Ym99"])
@pytest.mark.parametrize("value", ["1e300", "-1e300", "1e-300"])
async def test_a_value_beyond_all_that_is_measured_is_kept_and_found(world: World, code: str, value: str) -> None:
    me = world.caller("zonnestraal")
    tree = weight(R4, world.zonnestraal.patient())
    tree["valueQuantity"] |= {"value": "@", "code": code, "unit": code}
    answer = await me("POST", "/Observation", json.dumps(tree).replace('"@"', value))
    assert answer.status_code == 201, answer.text
    assert value.encode() in answer.content
    found = await me("GET", f"/Observation?value-quantity={value}|http://unitsofmeasure.org|{code}")
    assert found.status_code == 200
