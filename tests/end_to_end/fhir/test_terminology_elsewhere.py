"""Codes of systems that are not at hand, with another server that knows them."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.fhir.packages.library import Library
from app.fhir.packages.package import Definition, Package, Pin
from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, bundle, entry, tree_of, weight, world_in

STARS = "http://example.org/stars"
BRIGHT = "http://example.org/ValueSet/bright"
KNOWN = {"sun": "Sun", "vega": "Vega"}
PROFILE = "http://example.org/StructureDefinition/bright"
VALUE_SET = {"resourceType": "ValueSet", "url": BRIGHT, "compose": {"include": [{"system": STARS}]}}


def profile(release: Release) -> dict[str, Any]:
    """Return the profile that wants a bright star as a method."""
    member = "valueSet" if release is Release.R4 else "valueSetUri"
    binding = {"strength": "required", member: BRIGHT}
    return {
        "resourceType": "StructureDefinition",
        "url": PROFILE,
        "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": [{"path": "Observation.method", "binding": binding}]},
    }


class Stars(BaseHTTPRequestHandler):
    """Knows two stars."""

    asked: list[str] = []  # noqa: RUF012 - of the test that set it
    is_down = False

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer an operation."""
        parts = urlsplit(self.path)
        self.asked.append(self.path)
        operation, query = parts.path.partition("$")[2], {name: one[0] for name, one in parse_qs(parts.query).items()}
        body = json.dumps(answer(operation, query)).encode()
        self.send_response(503 if self.is_down else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def answer(operation: str, query: dict[str, str]) -> Tree:
    """Return what the server of the stars says."""
    display = KNOWN.get(query.get("code", ""))
    if operation == "expand":
        contains = [{"system": STARS, "code": code, "display": name} for code, name in KNOWN.items()]
        expansion = {"timestamp": "2026-01-01T00:00:00Z", "identifier": "urn:x", "contains": contains}
        return {"resourceType": "ValueSet", "url": BRIGHT, "status": "active", "expansion": expansion}
    said: dict[str, list[dict[str, Any]]] = {
        "validate-code": [{"name": "result", "valueBoolean": display is not None}],
        "lookup": [{"name": "name", "valueString": "Stars"}],
        "subsumes": [{"name": "outcome", "valueCode": "not-subsumed"}],
    }
    shown = [{"name": "display", "valueString": display}] if display and operation != "subsumes" else []
    return {"resourceType": "Parameters", "parameter": said[operation] + shown}


@pytest.fixture
def stars() -> Iterator[type[Stars]]:
    """Give the handler of a server of its own, on ``address``."""
    handler = type("Own", (Stars,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.address = f"http://127.0.0.1:{server.server_port}/{{release}}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def world(tmp_path: Path, stars: Any) -> AsyncIterator[World]:
    """Give a world that may ask the server of the stars, with a profile that is enforced."""
    library = Library(tmp_path / "packages")
    for release in Release:
        loaded = [
            Definition(str(one["url"]), "", str(one["resourceType"]), json.dumps(one).encode())
            for one in (profile(release), VALUE_SET)
        ]
        library.load(Package(Pin(f"stars.{release.path}", "1", release), tuple(loaded), ()))
    settings = {"packages_folder": library.folder, "profile_mode": "enforce", "terminology_server": stars.address}
    async with world_in(tmp_path, **settings) as world:
        yield world


@pytest.fixture(params=Release)
def me(request: pytest.FixtureRequest, world: World) -> Caller:
    """Give a person who asks, in each release."""
    return world.caller("zonnestraal", request.param)


def star(me: Caller, patient: str, code: str) -> Tree:
    """Return an Observation with a star that its profile is about."""
    method = {"coding": [{"system": STARS, "code": code, "display": "Geheim van Zonnestraal"}]}
    return weight(me.release, patient, meta={"profile": [PROFILE]}, method=method)


async def asked(me: Caller, operation: str, **query: str) -> Tree:
    return await me.get(f"/{operation}?{urlencode(query)}")


async def test_what_is_not_at_hand_is_asked_there(me: Caller, stars: Any) -> None:
    found = await asked(me, "ValueSet/$expand", url=BRIGHT, filter="veg")
    assert [one["code"] for one in found["expansion"]["contains"]] == ["vega"]
    for code, wanted in (("vega", True), ("venus", False)):
        for operation in ("ValueSet/$validate-code", "CodeSystem/$validate-code"):
            url = {"url": BRIGHT, "system": STARS} if operation.startswith("ValueSet") else {"url": STARS}
            said = await asked(me, operation, **url, code=code, display="Vega")
            assert said["parameter"][0] == {"name": "result", "valueBoolean": wanted}
    said = await asked(
        me, "ValueSet/$validate-code", url=BRIGHT, system=STARS, code="vega", display="Star of Bethlehem"
    )
    assert said["parameter"][0]["valueBoolean"] is False
    assert {"name": "display", "valueString": "Vega"} in (
        await asked(me, "CodeSystem/$lookup", system=STARS, code="vega")
    )["parameter"]
    said = await asked(me, "CodeSystem/$subsumes", system=STARS, codeA="vega", codeB="sun")
    assert said["parameter"] == [{"name": "outcome", "valueCode": "not-subsumed"}]
    assert all(one.startswith(f"/{me.release.path}/") for one in stars.asked)
    assert not any("veg&" in one or "filter" in one or "Vega" in one or "Bethlehem" in one for one in stars.asked)


async def test_what_is_at_hand_is_not_asked_there(me: Caller, stars: Any) -> None:
    await asked(me, "ValueSet/$expand", url="http://hl7.org/fhir/ValueSet/administrative-gender")
    await asked(me, "CodeSystem/$lookup", system="http://hl7.org/fhir/administrative-gender", code="male")
    assert stars.asked == []


async def test_a_profile_is_held_against_what_it_says(world: World, me: Caller, stars: Any) -> None:
    patient = world.zonnestraal.patient(me.release)
    assert (await me("POST", "/Observation", star(me, patient, "vega"))).status_code == 201
    refused = await me("POST", "/Observation", star(me, patient, "venus"))
    assert (refused.status_code, tree_of(refused)["issue"][0]["code"]) == (422, "code-invalid")
    assert stars.asked
    assert not any("Zonnestraal" in one or "Geheim" in one for one in stars.asked)
    found = tree_of(await me("POST", "/Observation/$validate", star(me, patient, "pluto")))
    assert "code-invalid" in {one["code"] for one in found["issue"]}


async def test_a_server_that_is_down_refuses_nothing(world: World, me: Caller, stars: Any) -> None:
    stars.is_down = True
    patient = world.zonnestraal.patient(me.release)
    assert (await me("POST", "/Observation", star(me, patient, "venus"))).status_code == 201
    found = tree_of(await me("POST", "/Observation/$validate", star(me, patient, "venus")))
    assert [(one["severity"], one["code"]) for one in found["issue"]] == [("warning", "transient")]
    answer = await me("GET", f"/CodeSystem/$lookup?system={STARS}&code=vega")
    assert answer.status_code == 404
    assert len(stars.asked) == 1


async def test_the_codes_of_a_bundle_are_asked_about_before_it_is_done(world: World, me: Caller, stars: Any) -> None:
    patient = world.zonnestraal.patient(me.release)
    for code, status in (("vega", 200), ("venus", 422)):
        sent = bundle("transaction", entry("POST", "Observation", star(me, patient, code)))
        assert (await me("POST", "/", sent)).status_code == status
    assert len(stars.asked) == 2


async def test_where_profiles_are_off_nothing_is_asked(tmp_path: Path, world: World, stars: Any) -> None:
    folder = tmp_path / "off"
    folder.mkdir()
    settings = {"packages_folder": tmp_path / "packages", "profile_mode": "off", "terminology_server": stars.address}
    async with world_in(folder, **settings) as other:
        me = other.caller("zonnestraal")
        made = await me("POST", "/Observation", star(me, other.zonnestraal.patient(), "venus"))
        assert made.status_code == 201
    assert stars.asked == []


async def test_what_looks_in_a_transaction_does_not_ask(me: Caller, stars: Any) -> None:
    looked = bundle("transaction", entry("GET", f"CodeSystem/$lookup?system={STARS}&code=vega"))
    assert (await me("POST", "/", looked)).status_code == 404
    assert stars.asked == []
