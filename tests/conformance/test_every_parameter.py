"""Each search parameter that the CapabilityStatement lists finds a resource by the value that it has.

The value is what FHIRPath, as another library reads it, says about the expression that the specification gives.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fhirpathpy import compile as compile_path
from fhirpathpy.models import models

from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter, definitions
from app.fhir.search.values import escape
from tests.support.made import kept
from tests.support.world import World, tree_of, world_in

NOT_MADE = frozenset({"Patient", "AuditEvent"})
"""There is one Patient already; AuditEvents are the log's."""
MODELS = {Release.STU3: models["stu3"], Release.R4: models["r4"]}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


def values(parameter: SearchParameter, tree: dict[str, Any]) -> list[str]:
    """Return what a resource can be found by, for one parameter."""
    found = [text for one in reader(parameter)(tree) if (text := value(parameter.kind, one))]
    if parameter.kind == "reference" and parameter.targets:
        found = [text for text in found if text.partition("/")[0] in parameter.targets]
    return found


@cache
def reader(parameter: SearchParameter) -> Callable[..., list[Any]]:
    """Return what evaluates the expression of a parameter; where it leads is for ``values`` to see."""
    expression = re.sub(r"\.where\(resolve\(\) is \w+\)", "", parameter.expression)
    expression = re.sub(r"\.as\((\w+)\)|\(?(\S+) as (\w+)\)?", _of_type, expression)  # of a list, not of one value
    return compile_path(expression, MODELS[parameter.release])


def _of_type(match: re.Match[str]) -> str:
    dotted, left, right = match.groups()
    return f".ofType({dotted})" if dotted else f"{left.lstrip('(')}.ofType({right})"


def value(kind: str, one: Any) -> str | None:
    """Return the text of a query for one value; None if it is of a kind that is more than that."""
    if isinstance(one, bool):
        return str(one).lower() if kind == "token" else None
    if isinstance(one, int | float | str):
        is_other = kind == "quantity" or (kind == "date" and not re.match(r"\d{4}", str(one)))  # performedString
        return None if is_other else escape(str(one))
    if not isinstance(one, dict):
        return None
    if kind == "token" and one.get("coding"):
        one = one["coding"][0]
    if kind == "token" and ("code" in one or isinstance(one.get("value"), str)):  # not the number of a Quantity
        system = f"{escape(one['system'])}|" if ":" in one.get("system", "") else ""  # not the kind of a telecom
        return system + escape(str(one.get("code", one.get("value"))))
    if kind == "reference":
        return str(one["reference"]) if "reference" in one else None
    if kind == "date":
        return f"ge{one['start']}" if "start" in one else None
    if kind == "string":
        return next((escape(str(one[name])) for name in ("family", "city", "text") if name in one), None)
    return str(one["value"]) if kind == "quantity" and "value" in one and "comparator" not in one else None


@pytest.mark.parametrize("release", Release)
async def test_every_parameter_finds_what_has_a_value_for_it(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    statement = await me.get("/metadata")
    asked, missed, without = Counter[str](), [], []
    for resource in statement["rest"][0]["resource"]:
        name = resource["type"]
        tree = None if name in NOT_MADE else await kept(me, name, patient)
        if tree is None:
            without.append(name)
            continue
        known = definitions(release).of(name)
        for parameter in [known[one["name"]] for one in resource["searchParam"] if one["name"] in known]:
            if parameter.expression.partition(":")[0] in ("", "computed"):  # not by FHIRPath
                continue
            for text in values(parameter, tree)[:1]:
                asked[parameter.kind] += 1
                query = urlencode({parameter.name: text, "_id": tree["id"]})
                answer = await me("GET", f"/{name}?{query}")
                if answer.status_code != 200 or not tree_of(answer).get("entry"):
                    missed.append((name, parameter.name, parameter.expression, text, answer.status_code))
    assert missed == []
    assert asked.total() > 300
    assert len(without) < 10, without
