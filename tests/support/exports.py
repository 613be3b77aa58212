"""Bulk exports as a client begins, asks for and fetches them."""

import json

from tests.support.world import Caller, Tree

ASYNC = {"Prefer": "respond-async"}


async def begun(caller: Caller, url: str = "/Patient/$export", *parameters: Tree) -> str:
    """Return the URL at which an export is asked for; with ``parameters`` it is begun by POST."""
    answer = await caller(*(("POST", url, parameters_of(*parameters)) if parameters else ("GET", url)), **ASYNC)
    assert (answer.status_code, answer.content) == (202, b""), answer.text
    return str(answer.headers["content-location"])


async def manifest(caller: Caller, job: str) -> Tree:
    """Return what there is to fetch."""
    while (answer := await caller("GET", job)).status_code == 202:
        assert (answer.headers["retry-after"], "found" in answer.headers["x-progress"]) == ("1", True)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["expires"].endswith("GMT")
    found: Tree = answer.json()
    return found


async def fetched(caller: Caller, url: str) -> list[Tree]:
    """Return the resources of one file."""
    answer = await caller("GET", url, Accept="application/fhir+ndjson")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def everything_in(caller: Caller, job: str) -> list[Tree]:
    """Return the resources of all files; each has those of one type."""
    found = []
    for output in (await manifest(caller, job))["output"]:
        resources = await fetched(caller, output["url"])
        assert {one["resourceType"] for one in resources} <= {output["type"]}
        found += resources
    return found


def parameters_of(*parameters: Tree) -> Tree:
    """Return what an export is begun with by POST."""
    return {"resourceType": "Parameters", "parameter": list(parameters)}


def named(name: str, *values: str) -> list[Tree]:
    """Return parameters of this name, each with a text."""
    return [{"name": name, "valueString": value} for value in values]
