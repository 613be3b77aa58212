"""Which profiles a resource is held against, beyond those that it claims: what a CapabilityStatement says."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.access.requester import RequesterKind
from app.fhir.packages.library import Library
from app.fhir.packages.package import Definition, Package, pin_of, profiled_type
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.interactions.conformance import Conformance, Declared, ProfileMode, conformance
from app.rest.capabilities import statement_tree

BOTH = pytest.mark.parametrize("release", list(Release))
METHOD, NOTE = "http://example.org/with-method", "http://example.org/with-note"
STATEMENT = "http://example.org/CapabilityStatement/strict"
TREE = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def profile(url: str, element: str) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": "Observation",
        "kind": "resource",
        "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": [{"path": f"Observation.{element}", "min": 1}]},
    }


def statement(release: Release, mode: str = "server") -> dict[str, Any]:
    url: Any = {"reference": METHOD} if release is Release.STU3 else METHOD
    resources = [{"type": "Observation", "profile": url}, {"type": "Patient"}]
    return {"resourceType": "CapabilityStatement", "url": STATEMENT, "rest": [{"mode": mode, "resource": resources}]}


def loaded(folder: Path, release: Release, *definitions: dict[str, Any], wanted: str = STATEMENT) -> Conformance:
    made = tuple(
        Definition(
            one["url"],
            "",
            one["resourceType"],
            msgspec.json.encode(one),
            profiled_type(one.get("type"), one.get("kind"), one.get("derivation")),
        )
        for one in definitions
    )
    library = Library(folder)
    library.load(Package(pin_of("invented#1", release), made, ()))
    return conformance(library, dict.fromkeys(RequesterKind, ProfileMode.WARN), wanted)


@BOTH
def test_what_a_type_has_to_keep_is_held_against_every_resource_of_it(tmp_path: Path, release: Release) -> None:
    made = loaded(tmp_path, release, profile(METHOD, "method"), profile(NOTE, "note"), statement(release))
    assert [one.expression for one in made.issues(release, TREE)] == ["Observation.method"]
    assert [
        one.expression
        for one in made.hold(RequesterKind.APP, release, parse(release, msgspec.json.encode(TREE)), "Observation").told
    ] == ["Observation.method"]
    assert made.issues(release, {"resourceType": "Patient"}) == []
    claiming = {**TREE, "meta": {"profile": [METHOD]}}
    assert [one.expression for one in made.issues(release, claiming)] == ["Observation.method"]


@BOTH
@pytest.mark.parametrize("wanted", ["none", "own", "http://example.org/other", METHOD])
def test_another_statement_or_none_demands_nothing(tmp_path: Path, release: Release, wanted: str) -> None:
    made = loaded(tmp_path, release, profile(METHOD, "method"), statement(release), wanted=wanted)
    assert made.issues(release, TREE) == []


def test_what_a_client_has_to_keep_is_not_demanded(tmp_path: Path) -> None:
    made = loaded(tmp_path, Release.R4, profile(METHOD, "method"), statement(Release.R4, mode="client"))
    assert made.issues(Release.R4, TREE) == []


@BOTH
def test_the_served_statement_names_the_profiles_that_are_loaded(tmp_path: Path, release: Release) -> None:
    made = loaded(tmp_path, release, profile(METHOD, "method"), profile(NOTE, "note"), statement(release))
    tree = statement_tree(release, "http://127.0.0.1:8000", made.declared[release])
    resources = {one["type"]: one for one in tree["rest"][0]["resource"]}
    if release is Release.STU3:
        assert tree["profile"] == [{"reference": METHOD}, {"reference": NOTE}]
        assert resources["Observation"]["profile"] == {"reference": METHOD}
    else:
        assert resources["Observation"]["supportedProfile"] == [METHOD, NOTE]
        assert resources["Observation"]["profile"] == METHOD
    assert "profile" not in resources["Patient"]
    assert "supportedProfile" not in resources["Patient"]


@BOTH
def test_without_packages_the_served_statement_names_no_profile(release: Release) -> None:
    tree = statement_tree(release, "http://127.0.0.1:8000", Declared())
    assert "profile" not in tree
    assert not any("supportedProfile" in one for one in tree["rest"][0]["resource"])
