"""What one caller sends is not kept in memory after the answer."""

import gc
import json
import tracemalloc

from app.fhir.release import Release
from tests.support.world import World, weight

R4 = Release.R4
LONG = 500_000
TIMES = 20


async def test_long_texts_of_a_caller_are_forgotten_with_the_request(world: World) -> None:
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()

    async def send(number: int) -> None:
        long = f"{number}{'x' * LONG}"
        tree = weight(R4, patient, derivedFrom=[{"reference": f"https://elsewhere.example/{long}"}])
        tree["code"]["coding"].append({"system": f"urn:{long}", "code": long})
        tree["valueQuantity"] |= {"code": long, "system": f"urn:{long}"}
        assert (await me("POST", "/Observation", json.dumps(tree))).status_code == 201
        name = {"resourceType": "RelatedPerson", "patient": {"reference": patient}, "name": [{"text": long}]}
        assert (await me("POST", "/RelatedPerson", name)).status_code == 201

    await send(0)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, TIMES):
            await send(number)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 5 * LONG, f"{kept} bytes are kept of {TIMES} requests"
