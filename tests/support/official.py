"""The official Dutch packages as the tests use them, and Regie's own: definitions by canonical URL, and examples."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from app.fhir.packages.own import PROFILES, own_definitions
from app.fhir.packages.package import read_package
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.profile import Profiles
from app.fhir.xml.read import to_json
from tests.support.suites import PACKAGES, package_folder


@cache
def official_definitions(release: Release) -> dict[str, dict[str, Any]]:
    """Return the definitions of a release by URL; skip the test where the packages are not there."""
    packages = [
        read_package(package_folder(name), pin=f"{name}#1", release=release)
        for name in sorted(PACKAGES[release.name], reverse=True)  # what is older is overwritten by what is newer
    ]
    own = {one.url: decode_tree(one.path.read_bytes()) for one in own_definitions(PROFILES, release)}
    return {one.url: decode_tree(one.body) for package in packages for one in package.definitions} | own


@cache
def official_profiles(release: Release) -> Profiles:
    """Return the check of the official profiles; skip the test where the packages are not there."""
    return Profiles(release, official_definitions(release).get)


def official_files(release: Release) -> Iterator[Path]:
    """Yield the files of the packages' examples; skip the test where the packages are not there."""
    for name in PACKAGES[release.name]:
        for path in sorted(package_folder(name).rglob("*")):
            if "examples" in str(path.parent).lower() and path.suffix in (".xml", ".json"):
                yield path


@cache
def official_examples(release: Release) -> dict[str, dict[str, Any]]:
    """Return the packages' examples by the names of their files; skip the test where the packages are not there."""
    trees = {path.stem: read_resource(release, path.suffix, path.read_bytes()) for path in official_files(release)}
    return {name: tree for name, tree in trees.items() if "resourceType" in tree}


def read_resource(release: Release, suffix: str, body: bytes) -> dict[str, Any]:
    """Return the resource in a file whose name ends in ``.xml`` or ``.json``."""
    return decode_tree(to_json(release, body) if suffix == ".xml" else body)
