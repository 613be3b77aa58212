"""Several versions of packages side by side: what a URL leads to, in data and in a definition."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from app.cli_packages import commands
from app.fhir.packages.canonicals import Definitions
from app.fhir.packages.files import PackageError
from app.fhir.packages.library import Library
from app.fhir.packages.package import Definition, Package, pin_of
from app.fhir.release import Release
from app.fhir.validation.profile import Profiles

SET, PROFILE, BASE = "http://example.org/ValueSet/kinds", "http://example.org/derived", "http://example.org/base"
CORE = "http://hl7.org/fhir/StructureDefinition/Observation"


def package(name: str, *definitions: Mapping[str, Any], dependencies: Mapping[str, str] | None = None) -> Package:
    made = tuple(
        Definition(one["url"], one.get("version", ""), one["resourceType"], msgspec.json.encode(one))
        for one in definitions
    )
    return Package(pin_of(name, Release.R4), made, (), dependencies or {})


def value_set(code: str, version: str = "") -> dict[str, Any]:
    compose = {"include": [{"system": "urn:kinds", "concept": [{"code": code}]}]}
    return {"resourceType": "ValueSet", "url": SET, **({"version": version} if version else {}), "compose": compose}


def profile(url: str, base: str = CORE, **element: Any) -> dict[str, Any]:
    elements = [{"id": "Observation.method", "path": "Observation.method", **element}]
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": "Observation",
        "baseDefinition": base,
        "differential": {"element": elements},
    }


def library(folder: Path, *packages: Package) -> Library:
    made = Library(folder)
    for one in packages:
        made.load(one)
    return made


def bound(url: str) -> dict[str, Any]:
    return profile(PROFILE, binding={"strength": "required", "valueSet": url})


def method_set(definitions: Definitions, url: str = PROFILE) -> str:
    """Return the value set that a profile means."""
    found = definitions.resolved(url)
    assert found is not None
    return str(found["differential"]["element"][0]["binding"]["valueSet"])


def test_a_definition_means_what_its_own_package_has(tmp_path: Path) -> None:
    old = package("one#1.0.0", bound(SET), value_set("old", "7"))
    new = package("one#2.0.0", value_set("new", "7"))
    definitions = library(tmp_path, old, new).definitions(Release.R4)
    assert method_set(definitions) == f"{SET}|7|one#1.0.0"
    in_data = definitions.find(SET)
    assert in_data is not None
    assert in_data["compose"]["include"][0]["concept"] == [{"code": "new"}]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("1.0.0", "two#1.0.0"),
        ("1.0.x", "two#1.0.1"),
        ("1.x", "two#1.1.0"),
        ("*", "two#2.0.0"),
        ("latest", "two#2.0.0"),
        ("3.0.x", None),
        ("^1.0.0", None),
    ],
)
def test_a_definition_means_what_the_packages_have_on_which_its_own_depends(
    tmp_path: Path, wanted: str, meant: str | None
) -> None:
    versions = [package(f"two#{one}", value_set(one, one)) for one in ("1.0.0", "1.0.1", "1.1.0", "2.0.0")]
    made = library(tmp_path, *versions, package("one#1", bound(SET), dependencies={"two": wanted}))
    expected = SET if meant is None else f"{SET}|{meant.partition('#')[2]}|{meant}"
    assert method_set(made.definitions(Release.R4)) == expected
    assert made.packages()[0].missing == (() if meant else (f"two#{wanted}",))


def test_dependencies_of_dependencies_are_followed_and_circles_end(tmp_path: Path) -> None:
    made = library(
        tmp_path,
        package("one#1", bound(SET), dependencies={"two": "1"}),
        package("two#1", profile(BASE), dependencies={"three": "1", "one": "1"}),
        package("three#1", value_set("old", "1")),
        package("three#2", value_set("new", "2")),
    )
    assert method_set(made.definitions(Release.R4)) == f"{SET}|1|three#1"


def test_a_version_in_a_url_is_that_version(tmp_path: Path) -> None:
    made = library(
        tmp_path,
        package("one#1", value_set("old", "1"), bound(f"{SET}|2")),
        package("one#2", value_set("new", "2")),
    )
    definitions = made.definitions(Release.R4)
    assert method_set(definitions) == f"{SET}|2"
    assert (definitions.find(f"{SET}|1"), definitions.find(f"{SET}|3")) == (value_set("old", "1"), None)


def test_data_means_the_pinned_version_and_the_newest_where_none_is_pinned(tmp_path: Path) -> None:
    made = library(tmp_path, *(package(f"one#{one}", value_set(one, one)) for one in ("1.9.0", "1.10.0")))
    assert made.definitions(Release.R4).find(SET) == value_set("1.10.0", "1.10.0")
    made.pin("one#1.9.0")
    assert made.definitions(Release.R4).find(SET) == value_set("1.9.0", "1.9.0")
    assert [(str(one.pin), one.is_pinned) for one in made.packages()] == [("one#1.9.0", True), ("one#1.10.0", False)]
    made.pin("one#1.10.0")
    assert [one.is_pinned for one in made.packages()] == [False, True]
    made.remove("one#1.10.0")
    assert made.definitions(Release.R4).find(SET) == value_set("1.9.0", "1.9.0")
    assert (tmp_path / "pins").read_text() == ""
    with pytest.raises(PackageError, match="No package one#3 is loaded"):
        made.pin("one#3")


def test_of_packages_with_other_names_the_newer_definition_goes_first_and_a_pinned_one_before_it(
    tmp_path: Path,
) -> None:
    made = library(tmp_path, package("a#1", value_set("new", "2.0")), package("b#9", value_set("old", "1.0")))
    assert made.definitions(Release.R4).find(SET) == value_set("new", "2.0")
    made.pin("b#9")
    assert made.definitions(Release.R4).find(SET) == value_set("old", "1.0")


def test_a_pin_on_what_is_not_loaded_means_nothing(tmp_path: Path) -> None:
    made = library(tmp_path, package("one#1", value_set("old", "1")), package("one#2", value_set("new", "2")))
    (tmp_path / "pins").write_text("one#7\n")
    assert made.definitions(Release.R4).find(SET) == value_set("new", "2")


def test_values_in_a_profile_are_left_as_they_are(tmp_path: Path) -> None:
    one = profile(PROFILE, patternCodeableConcept={"coding": [{"system": "urn:x"}]}, fixedUri=SET)
    one["differential"]["element"].append({"path": "Observation.meta", "patternMeta": {"profile": [BASE]}})
    made = library(tmp_path, package("one#1", one, profile(BASE)), package("one#2", profile(BASE)))
    assert made.definitions(Release.R4).resolved(PROFILE) == one


def test_a_resource_is_held_against_the_version_that_its_profile_builds_on(tmp_path: Path) -> None:
    derived = profile(PROFILE, BASE)
    made = library(
        tmp_path,
        package("one#1", derived, {**profile(BASE, min=1), "version": "1"}),
        package("one#2", {**profile(BASE), "version": "2"}),
    )
    profiles = Profiles(Release.R4, made.definitions(Release.R4).resolved)
    tree = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert [one.expression for one in profiles.validate(tree, [PROFILE])] == ["Observation.method"]
    assert profiles.validate(tree, [BASE]) == []
    assert [one.expression for one in profiles.validate(tree, [f"{BASE}|1"])] == ["Observation.method"]


def test_the_command_pins_and_removes_and_tells_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGIE_PACKAGES_FOLDER", str(tmp_path / "library"))
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "a.json").write_bytes(msgspec.json.encode(value_set("old")))
    manifest = {"name": "one", "version": "1", "fhirVersions": ["4.0.1"], "dependencies": {"two": "1.0.x"}}
    (tmp_path / "it" / "package.json").write_bytes(msgspec.json.encode(manifest))
    run = CliRunner()

    def told(*arguments: str) -> tuple[int, str]:
        result = run.invoke(commands(), [*arguments])
        return result.exit_code, result.output

    missing = "It depends on two#1.0.x, which is not loaded: what is in there can't be checked.\n"
    assert told("load", str(tmp_path / "it")) == (0, f"{missing}one#1 is loaded for r4: 1 definitions.\n")
    assert told("pin", "one#1") == (0, "one#1 is pinned.\n")
    assert told("list")[1].splitlines()[0] == "one#1 r4 1 pinned"
    assert told("pin", "one") == (1, "A package is called name#version.\n")
    assert told("remove", "one#1") == (0, "one#1 is removed.\n")
    assert told("remove", "one#1") == (1, "No package one#1 is loaded.\n")
    assert "one#1" not in told("list")[1]
