"""Regie's own profiles: each can be used, is kept by its valid examples, and finds what is wrong in the others."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.access.categories import Category
from app.consent.categorize import categorize
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES, own_definitions
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import check, parse
from app.portal.language import language
from app.portal.wording import CATEGORIES

BOTH = pytest.mark.parametrize("release", list(Release))
APP = PROFILES.with_name("app")
BASE = "https://regie.example/fhir/"
Found = set[tuple[str, str, str]]


@cache
def own(release: Release) -> Profiles:
    """Return Regie's own profiles, with no other package beside them."""
    return Profiles(release, Library(PROFILES / "none", PROFILES).definitions(release).resolved)


@cache
def trees(release: Release) -> dict[str, dict[str, Any]]:
    """Return the definitions of a release by URL."""
    return {one.url: decode_tree(one.path.read_bytes()) for one in own_definitions(PROFILES, release)}


def profiles(release: Release) -> list[dict[str, Any]]:
    """Return the profiles on resources, but those that only others are made of."""
    return [
        tree
        for tree in trees(release).values()
        if tree["resourceType"] == "StructureDefinition" and tree["kind"] == "resource" and not tree["abstract"]
    ]


def files(release: Release, folder: str = "*") -> list[Path]:
    """Return the files of a package, or of one folder of it."""
    return sorted((PROFILES / release.path).glob(f"{folder}/*.json"))


def expected(release: Release) -> dict[str, Found]:
    """Return what the invalid examples give: severity, code and place, by the name of the file."""
    found: dict[str, Found] = {}
    for line in (PROFILES / release.path / "examples" / "expected.tsv").read_text(encoding="utf-8").splitlines():
        name, severity, code, place = line.split("\t")
        found.setdefault(name, set()).add((severity, code, place))
    return found


@BOTH
def test_every_file_is_valid_fhir(release: Release) -> None:
    for path in files(release):
        body = path.read_bytes()
        check(release, body, decode_tree(body))


@BOTH
def test_what_examples_break_is_a_profile_and_no_rule_of_fhir(release: Release) -> None:
    for path in files(release, "examples"):
        parsed = parse(release, path.read_bytes())
        assert broken_rules(release, parsed, parsed.resource_type) == [], path.name


@BOTH
def test_every_profile_can_be_used(release: Release) -> None:
    structures = [url for url, tree in trees(release).items() if tree["resourceType"] == "StructureDefinition"]
    assert [url for url in structures if own(release).root(url) is None] == []


@BOTH
def test_examples_give_exactly_what_is_expected_of_them(release: Release) -> None:
    wanted = expected(release)
    names = {path.name for path in files(release, "examples")}
    assert {name for name in names if ".invalid." in name} == set(wanted)
    for path in files(release, "examples"):
        issues = own(release).validate(decode_tree(path.read_bytes()))
        found = {(issue.severity, issue.code, issue.expression) for issue in issues}
        assert found == wanted.get(path.name, set()), path.name


@BOTH
def test_every_profile_has_an_example_that_keeps_it_and_one_that_breaks_it(release: Release) -> None:
    for profile in profiles(release):
        for suffix in ("", ".invalid"):
            path = PROFILES / release.path / "examples" / f"{profile['id']}{suffix}.json"
            assert decode_tree(path.read_bytes())["meta"]["profile"] == [profile["url"]]


@BOTH
def test_definitions_are_named_in_one_way_and_in_two_languages(release: Release) -> None:
    for path in files(release):
        tree = decode_tree(path.read_bytes())
        if path.parent.name == "examples":
            continue
        url = tree["uniqueId"][0]["value"] if tree["resourceType"] == "NamingSystem" else tree["url"]
        assert url == f"{BASE}{tree['resourceType']}/{tree['id']}"
        assert path.name.split(".")[0] == tree["id"]
        for name in {"title", "description"} & set(tree):
            (translation,) = tree[f"_{name}"]["extension"]
            assert [part.get("valueCode") for part in translation["extension"]] == ["nl", None]


@BOTH
def test_the_package_says_what_it_is(release: Release) -> None:
    manifest = json.loads((PROFILES / release.path / "package.json").read_bytes())
    assert manifest["name"] == f"regie.fhir.{release.path}"
    assert manifest["fhirVersions"] == [release.fhir_version]
    assert {tree["version"] for tree in trees(release).values()} == {manifest["version"]}


def test_the_releases_have_the_same_profiles_unless_one_has_no_place_for_them() -> None:
    stu3, r4 = ({profile["id"] for profile in profiles(release)} for release in Release)
    assert stu3 ^ r4 <= {"variable-dosing-regimen"}


def concepts(release: Release, name: str) -> dict[str, tuple[str, str]]:
    """Return the codes of a code system with what they are called in English and Dutch."""
    tree = trees(release)[f"{BASE}CodeSystem/{name}"]
    return {one["code"]: (one["display"], one["designation"][0]["value"]) for one in tree["concept"]}


@BOTH
def test_the_parts_of_a_record_are_called_as_in_the_pages(release: Release) -> None:
    english, dutch = language("en"), language("nl")
    assert concepts(release, "consent-category") == {
        category.code: (english.gettext(part.name), dutch.gettext(part.name)) for category, part in CATEGORIES.items()
    }


@BOTH
def test_every_kind_of_measurement_has_a_profile(release: Release) -> None:
    names = {path.stem for path in files(release, "self-measurements")}
    assert set(concepts(release, "measurement-kind")) == names - {"measurement"}


@BOTH
def test_what_a_person_measures_is_in_the_part_of_own_measurements(release: Release) -> None:
    for path in files(release, "self-measurements"):
        example = PROFILES / release.path / "examples" / path.name
        if example.exists():
            assert categorize("Observation", decode_tree(example.read_bytes())) is Category.OWN_MEASUREMENTS, path.name


@BOTH
def test_everything_that_the_program_calls_by_our_own_url_is_defined(release: Release) -> None:
    called = {
        url
        for path in APP.rglob("*.py")
        for url in re.findall(rf'"({re.escape(BASE)}[^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(called) >= 4
    systems = [decode_tree(path.read_bytes()) for path in files(release, "naming-systems")]
    named = {one["value"] for system in systems for one in system["uniqueId"]}
    assert called - set(trees(release)) - named == set()


@BOTH
def test_the_capability_statement_names_every_profile_and_search_parameter_and_demands_none(release: Release) -> None:
    statement = trees(release)[f"{BASE}CapabilityStatement/personal-record"]
    (rest,) = statement["rest"]
    listed = {
        "stu3": {one["reference"] for one in statement.get("profile", [])},
        "r4": {url for one in rest["resource"] for url in one.get("supportedProfile", [])},
    }[release.path]
    assert listed == {profile["url"] for profile in profiles(release)}
    assert not any("profile" in one for one in rest["resource"])
    searched = {one["definition"] for resource in rest["resource"] for one in resource.get("searchParam", [])}
    assert searched == {url for url, tree in trees(release).items() if tree["resourceType"] == "SearchParameter"}
