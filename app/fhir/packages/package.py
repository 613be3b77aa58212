"""What a package is called, which release it is for, and the definitions in it.

Spec: https://hl7.org/fhir/R4/packages.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from app.errors import InvalidResourceError
from app.fhir.packages.files import PackageError, files
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.xml.read import to_json

DEFINITIONS = frozenset(
    """
    ActivityDefinition CapabilityStatement CodeSystem ConceptMap NamingSystem OperationDefinition PlanDefinition
    Questionnaire SearchParameter StructureDefinition ValueSet
    """.split()
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,49}")
_RELEASES = {"3.0": Release.STU3, "4.0": Release.R4}
CORES = {"hl7.fhir.r3.core": Release.STU3, "hl7.fhir.r4.core": Release.R4}


@dataclass(frozen=True, slots=True)
class Pin:
    """The name and version of a package, written ``name#version``, and the release that it is for."""

    name: str
    version: str
    release: Release

    def __str__(self) -> str:
        return f"{self.name}#{self.version}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition as JSON, with what it is found by; ``version`` is empty if it has none, ``on`` is the type of a profile."""

    url: str
    version: str
    resource_type: str
    body: bytes
    on: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A package as it was read; ``left_out`` names the files that are no FHIR of its release."""

    pin: Pin
    definitions: tuple[Definition, ...]
    left_out: tuple[str, ...]
    dependencies: Mapping[str, str] = field(default_factory=dict)


def read_package(path: Path, *, pin: str | None = None, release: Release | None = None) -> Package:
    """Return the package in a ``*.tgz`` or folder; ``pin`` (``name#version``) and ``release`` stand for a missing package.json.

    Raises: PackageError (not a package, not safe, too large, without a name or release).
    """
    found = list(files(path))
    manifest = _manifest(found)
    made = _pin(manifest, pin, release)
    definitions: list[Definition] = []
    left_out: list[str] = []
    for name, content in found:
        try:
            tree, body = _resource(made.release, name, content)
        except (InvalidResourceError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            left_out.append(name)
            continue
        url, kind = tree.get("url"), tree.get("resourceType")
        if isinstance(kind, str) and kind in DEFINITIONS and isinstance(url, str):
            on = profiled_type(tree.get("type"), tree.get("kind"), tree.get("derivation"))
            definitions.append(Definition(url, str(tree.get("version", "")), str(kind), body, on))
    if not definitions:
        raise PackageError("There is no definition in it, such as a StructureDefinition.")
    return Package(made, tuple(definitions), tuple(left_out), _dependencies(manifest))


def profiled_type(kind_of: Any, kind: Any, derivation: Any) -> str:
    """Return the type that a profile on resources is on, by its members type, kind and derivation; empty for all else."""
    return str(kind_of) if (kind, derivation) == ("resource", "constraint") else ""


def _dependencies(manifest: dict[str, Any]) -> dict[str, str]:
    found = manifest.get("dependencies")
    return {name: str(version) for name, version in found.items()} if isinstance(found, dict) else {}


def pin_of(text: str, release: Release) -> Pin:
    """Return the pin that is written ``name#version``. Raises: PackageError, if it isn't one."""
    name, _, version = text.partition("#")
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise PackageError("A package is called name#version, such as nictiz.fhir.nl.r4.nl-core#0.12.1.")
    return Pin(name, version, release)


def _resource(release: Release, name: str, content: bytes) -> tuple[dict[str, Any], bytes]:
    body = to_json(release, content) if name.lower().endswith(".xml") else content
    tree: Any = decode_tree(body)
    return (tree if isinstance(tree, dict) else {}), msgspec.json.format(body, indent=-1)


def _manifest(found: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
    """Return the package.json that is the least deep; empty if there is none."""
    manifests = [
        (len(PurePosixPath(name).parts), content)
        for name, content in found
        if PurePosixPath(name).name == "package.json"
    ]
    if not manifests:
        return {}
    try:
        return msgspec.json.decode(min(manifests)[1], type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise PackageError("Its package.json is not a JSON object.") from error


def _pin(manifest: dict[str, Any], pin: str | None, release: Release | None) -> Pin:
    wanted = release or _release(manifest)
    if wanted is None:
        raise PackageError("It does not say for which FHIR release it is, or it is for none that Regie has.")
    return pin_of(pin or f"{manifest.get('name', '')}#{manifest.get('version', '')}", wanted)


def _release(manifest: dict[str, Any]) -> Release | None:
    """Return the release that a package.json names, itself or by the core package that it depends on."""
    versions = manifest.get("fhirVersions") or manifest.get("fhir-version-list") or []
    named = {_RELEASES.get(str(version)[:3]) for version in (versions if isinstance(versions, list) else ())}
    if not named:
        named = {CORES[name] for name in _dependencies(manifest) if name in CORES}
    return named.pop() if len(named) == 1 else None
