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
OPERATIONS_ONLY = ("CodeSystem", "ValueSet")
"""Types of which the server keeps none."""
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
            value = {"_id": "1", "_filter": "_id eq a", "_release": "both"}.get(parameter["name"], value)
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
async def test_what_is_promised_of_a_search_of_several_types_is_answered(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    (rest,) = (await me.get("/metadata"))["rest"]
    of_types, *common = rest["searchParam"]
    assert of_types["name"] == "_type"
    assert {"_id", "_lastUpdated", "_profile", "_security", "_tag"} <= {one["name"] for one in common}
    every = ",".join(one["type"] for one in rest["resource"] if one["type"] not in ("AuditEvent", *OPERATIONS_ONLY))
    for parameter in common:
        value = "1" if parameter["name"] == "_id" else VALUES[parameter["type"]]
        answer = await me("GET", f"/?_type={every}&{parameter['name']}={value}")
        assert answer.status_code == 200, (parameter, answer.text)
    assert (await me("GET", "/?_id=1")).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_a_parameter_that_is_not_promised_is_refused(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    for name, resource in (await promised(me)).items():
        if name in OPERATIONS_ONLY:
            continue
        listed = {parameter["name"] for parameter in resource.get("searchParam", [])}
        for parameter in definitions(release).of(name).values():
            if parameter.name not in listed and parameter.name not in ("_id", "_lastUpdated"):
                answer = await me("GET", f"/{name}?{parameter.name}=1")
                assert answer.status_code == 400, (name, parameter.name)
        for of_the_whole in {"_content", "_filter", "_list", "_text", "_release"} - listed:
            assert (await me("GET", f"/{name}?{of_the_whole}=both")).status_code == 400, (name, of_the_whole)
        assert (await me("GET", f"/{name}?no-such-parameter=1")).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_every_interaction_that_is_promised_has_a_route_and_the_other_way_round(
    world: World, release: Release
) -> None:
    me = world.caller("zonnestraal", release)
    assert (await me.get("/metadata"))["fhirVersion"] == release.fhir_version
    routes = {(route.method, route.path) for route in ROUTES}
    for name, resource in (await promised(me)).items():
        codes = {interaction["code"] for interaction in resource.get("interaction", ())}
        assert {INTERACTIONS[code] for code in codes} <= routes
        if name not in ("AuditEvent", *OPERATIONS_ONLY):
            assert codes == set(INTERACTIONS)
    for name in OPERATIONS_ONLY:
        assert (await me("GET", f"/{name}")).status_code == 404


def operations_by_place() -> dict[str, set[str]]:
    """Return the operations that have a route: by type, ``{type}`` for those of all, nothing for those of the system."""
    found: dict[str, set[str]] = {}
    for route in ROUTES:
        for name in (part[1:] for part in route.parts if part[0] == "$"):
            found.setdefault("" if route.parts[0][0] == "$" else route.parts[0], set()).add(name)
    return found


async def test_an_operation_is_promised_where_it_has_a_route(world: World) -> None:
    me = world.caller("zonnestraal")
    (rest,) = (await me.get("/metadata"))["rest"]
    with_routes = operations_by_place()
    assert {one["name"] for one in rest["operation"]} == with_routes[""]
    for resource in rest["resource"]:
        name = resource["type"]
        of_all = with_routes["{type}"] if name not in ("AuditEvent", *OPERATIONS_ONLY) else set()
        assert {one["name"] for one in resource["operation"]} == with_routes.get(name, set()) | of_all, name


async def test_all_operations_are_promised_in_the_one_list_of_stu3(world: World) -> None:
    (rest,) = (await world.caller("zonnestraal", Release.STU3).get("/metadata"))["rest"]
    assert {one["name"] for one in rest["operation"]} == set().union(*operations_by_place().values()) - ONLY_R4
    assert not any("operation" in resource for resource in rest["resource"])


@pytest.mark.parametrize("release", Release)
async def test_what_is_promised_of_every_type_is_done_for_each(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    for name, resource in (await promised(me)).items():
        if "interaction" in resource and name != "AuditEvent":
            assert (await me("GET", f"/{name}/$meta")).status_code == 200, name
            assert (await me("POST", f"/{name}/$validate", {"resourceType": name})).status_code == 200, name
            labels = {
                "resourceType": "Parameters",
                "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "a"}]}}],
            }
            for operation in ("$meta-add", "$meta-delete"):
                answer = await me("POST", f"/{name}/nobody-has-this/{operation}", labels)
                assert (answer.status_code, "is not known" in answer.text) == (404, True), (name, answer.text)
