"""Search parameters that packages bring: Regie's own, and one that an operator loads while there is data."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.fhir.release import Release
from tests.support.ports import free_port
from tests.support.running import Program
from tests.support.world import World

OWN = "https://regie.example/fhir"
ENTRY = f"{OWN}/StructureDefinition/measurement-entry"


def weight(subject: str, **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    tree = {"resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": subject}}
    return tree | more


@pytest.mark.parametrize("release", Release)
async def test_a_parameter_of_a_package_is_searched_by_like_any_other(world: World, release: Release) -> None:
    person = world.made.people["zonnestraal"]
    me, subject = world.caller("zonnestraal", release), person.patient(release)
    typed = await me.made(weight(subject, extension=[{"url": ENTRY, "valueCode": "typed"}]))
    sent = await me.made(weight(subject, extension=[{"url": ENTRY, "valueCode": "sent"}]))
    other = await me.made(weight(subject))
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "weights"}}
    referred = {"subject": {"reference": subject}, "result": [{"reference": f"Observation/{typed['id']}"}]}
    report = await me.made(report | referred)

    async def found(query: str) -> set[str]:
        answer = await me("GET", query)
        assert answer.status_code == 200, answer.text
        return {entry["resource"]["id"] for entry in answer.json().get("entry", [])}

    assert await found("/Observation?measurement-entry=typed") == {typed["id"]}
    assert await found("/Observation?measurement-entry=typed,sent") == {typed["id"], sent["id"]}
    assert other["id"] in await found("/Observation?measurement-entry:not=typed")
    assert await found("/Observation?measurement-entry:missing=false") == {typed["id"], sent["id"]}
    assert await found("/DiagnosticReport?result.measurement-entry=typed") == {report["id"]}
    assert await found("/DiagnosticReport?result.measurement-entry=sent") == set()
    assert await found("/Observation?measurement-entry=typed&_revinclude=DiagnosticReport:result") == {
        typed["id"],
        report["id"],
    }
    assert (await me("GET", "/Observation?measuring-nothing=typed")).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_the_capability_statement_names_where_it_is_defined(world: World, release: Release) -> None:
    statement = (await world.http.get(f"/fhir/{release.path}/metadata")).json()
    (goal,) = [one for one in statement["rest"][0]["resource"] if one["type"] == "Goal"]
    (found,) = [one for one in goal["searchParam"] if one["name"] == "target-measure"]
    assert found == {
        "name": "target-measure",
        "definition": f"{OWN}/SearchParameter/goal-target-measure",
        "type": "token",
    }


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, free_port(), {"REGIE_PACKAGES_FOLDER": str(tmp_path / "packages")})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one parameter that can be used and one that the specification has already."""
    folder = tmp_path / "package"
    folder.mkdir()
    manifest = {"name": "elders.example", "version": "1.0.0", "fhirVersions": ["4.0.1"]}
    (folder / "package.json").write_text(json.dumps(manifest))
    for code, path in (("body-part", "Observation.bodySite"), ("code", "Observation.method")):
        parameter = {
            "resourceType": "SearchParameter", "url": f"https://elders.example/{code}", "version": "1", "name": "One",
            "status": "active", "description": "One.", "code": code, "base": ["Observation"], "type": "token",
            "expression": path,
        }  # fmt: skip
        (folder / f"{code}.json").write_text(json.dumps(parameter))
    return folder


def running(program: Program) -> Iterator[None]:
    process = program.start()
    yield
    process.terminate()
    process.wait(timeout=60)


def test_one_that_is_loaded_later_is_refused_until_old_records_are_indexed_by_it(
    program: Program, package: Path
) -> None:
    program.run("migrate")
    operator = {"Authorization": f"Bearer {program.run('token', 'issue', '--operator')}"}
    site = {"bodySite": {"coding": [{"system": "http://snomed.info/sct", "code": "40983000"}]}}
    with httpx.Client(base_url=f"{program.url}/fhir/r4", headers=operator, timeout=30) as http:
        for _ in running(program):
            patient = http.post(
                "/Patient", json={"resourceType": "Patient", "name": [{"family": "Zonnestraal-Testpersoon"}]}
            )
            subject = f"Patient/{patient.json()['id']}"
            assert http.post("/Observation", json=weight(subject, **site)).status_code == 201
        program.run("packages", "load", str(package))
        token = program.run("token", "issue", "--patient", patient.json()["id"])
        http.headers["Authorization"] = f"Bearer {token}"
        for _ in running(program):
            assert http.get("/Observation?code=29463-7").json()["entry"]
            early = http.get("/Observation?body-part=40983000")
            assert (early.status_code, early.json()["resourceType"]) == (503, "OperationOutcome")
            assert http.post("/Observation", json=weight(subject, **site)).status_code == 201
            assert http.get("/Observation?body-part=40983000").status_code == 503
            assert "Indexed anew" in program.run("reindex")
            assert len(http.get("/Observation?body-part=40983000").json()["entry"]) == 2
            assert len(http.get("/Observation?code=29463-7").json()["entry"]) == 2, "as the specification has it"
    assert program.run("reindex") == "The index is up to date."
