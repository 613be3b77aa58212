"""What the CapabilityStatement promises is done, and what it does not name is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.rest.routes import ROUTES
from tests.support.world import Caller, World, world_in

VALUES = {
    "token": "http://loinc.org|8867-4",
    "reference": "Patient/1",
    "date": "ge2026-01-01",
    "string": "zon",
    "uri": "http://example.org/a",
    "quantity": "5.4|http://unitsofmeasure.org|mg",
    "number": "gt5",
    "composite": "2026$2026",
}
ONLY_R4 = {"summary"}
"""Operations that the other release does not have."""
INTERACTIONS = {
    "read": ("GET", "/{type}/{id}"),
    "vread": ("GET", "/{type}/{id}/_history/{version}"),
    "update": ("PUT", "/{type}/{id}"),
    "patch": ("PATCH", "/{type}/{id}"),
    "delete": ("DELETE", "/{type}/{id}"),
    "history-instance": ("GET", "/{type}/{id}/_history"),
    "history-type": ("GET", "/{type}/_history"),
    "create": ("POST", "/{type}"),
    "search-type": ("GET", "/{type}"),
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


async def promised(me: Caller) -> dict[str, Any]:
    statement = await me.get("/metadata")
    (rest,) = statement["rest"]
    return {resource["type"]: resource for resource in rest["resource"]}


@pytest.mark.parametrize("release", Release)
async def test_every_search_parameter_and_include_that_is_promised_is_answered(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    asked = 0
    for name, resource in (await promised(me)).items():
        for parameter in resource.get("searchParam", []):
            value = VALUES[parameter["type"]]
            if parameter["name"] == "_id":
                value = "1"
            answer = await me("GET", f"/{name}?{parameter['name']}={value}")
            assert answer.status_code == 200, (name, parameter, answer.text)
            asked += 1
        for include in resource.get("searchInclude", []):
            answer = await me("GET", f"/{name}?_include={include}")
            assert answer.status_code == 200, (name, include, answer.text)
        for include in resource.get("searchRevInclude", []):
            answer = await me("GET", f"/{name}?_revinclude={include}")
            assert answer.status_code == 200, (name, include, answer.text)
    assert asked > 500


@pytest.mark.parametrize("release", Release)
async def test_what_is_promised_for_all_types_is_answered(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    (rest,) = (await me.get("/metadata"))["rest"]
    for parameter in rest["searchParam"]:
        value = {"_filter": "status eq final", "_release": "both"}.get(parameter["name"], "a")
        assert (await me("GET", f"/Observation?{parameter['name']}={value}")).status_code == 200, parameter


@pytest.mark.parametrize("release", Release)
async def test_a_parameter_that_is_not_promised_is_refused(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    for name, resource in (await promised(me)).items():
        listed = {parameter["name"] for parameter in resource.get("searchParam", [])}
        for parameter in definitions(release).of(name).values():
            if parameter.name not in listed and parameter.name not in ("_id", "_lastUpdated"):
                answer = await me("GET", f"/{name}?{parameter.name}=1")
                assert answer.status_code == 400, (name, parameter.name)
        assert (await me("GET", f"/{name}?no-such-parameter=1")).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_every_interaction_that_is_promised_has_a_route_and_the_other_way_round(
    world: World, release: Release
) -> None:
    resources = await promised(world.caller("zonnestraal", release))
    routes = {(route.method, route.path) for route in ROUTES}
    for name, resource in resources.items():
        codes = {interaction["code"] for interaction in resource["interaction"]}
        assert {INTERACTIONS[code] for code in codes} <= routes
        if name != "AuditEvent":
            assert codes == set(INTERACTIONS)
    statement = await world.caller("zonnestraal", release).get("/metadata")
    operations = {operation["name"] for operation in statement["rest"][0]["operation"]}
    written_out = {part[1:] for route in ROUTES for part in route.parts if part[0] == "$"}
    assert operations == (written_out if release is Release.R4 else written_out - ONLY_R4)
    assert statement["fhirVersion"] == release.fhir_version
