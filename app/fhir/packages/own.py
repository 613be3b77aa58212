"""Regie's own packages, one for each release: the folder ``profiles/`` beside the package, as ``migrations/`` is.

A definition is a file that people read. Their heads are looked at when the server starts, for both releases in a few
milliseconds; what is in ``examples/`` is no part of the package.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from app.fhir.packages.package import DEFINITIONS, Pin, pin_of, profiled_type
from app.fhir.release import Release

PROFILES = Path(__file__).resolve().parents[3] / "profiles"


@dataclass(frozen=True, slots=True)
class OwnDefinition:
    """A file that holds a definition, with what it is found by."""

    path: Path
    url: str
    version: str
    resource_type: str
    on: str
    size_bytes: int


class _Manifest(msgspec.Struct):
    name: str
    version: str


class _Head(msgspec.Struct, rename={"resource_type": "resourceType"}):
    resource_type: str
    url: str
    version: str = ""
    type: Any = ""
    kind: Any = ""
    derivation: Any = ""


_WITHOUT_URL = frozenset({"examples", "naming-systems"})
"""Folders with what is found by no canonical URL."""


def own_pin(folder: Path, release: Release) -> Pin:
    """Return what Regie's own package for a release is called."""
    manifest = msgspec.json.decode((folder / release.path / "package.json").read_bytes(), type=_Manifest)
    return pin_of(f"{manifest.name}#{manifest.version}", release)


@cache
def own_definitions(folder: Path, release: Release) -> tuple[OwnDefinition, ...]:
    """Return the definitions of Regie's own package for a release, by path; they don't change while the program runs."""
    return tuple(_own_definitions(folder, release))


def _own_definitions(folder: Path, release: Release) -> Iterator[OwnDefinition]:
    decoder = msgspec.json.Decoder(_Head)
    for path in sorted((folder / release.path).glob("*/*.json")):
        if path.parent.name in _WITHOUT_URL:
            continue
        body = path.read_bytes()
        head = decoder.decode(body)
        if head.resource_type in DEFINITIONS:
            on = profiled_type(head.type, head.kind, head.derivation)
            yield OwnDefinition(path, head.url, head.version, head.resource_type, on, len(body))
