"""The code systems and value sets of the specification that the types served here are bound to.

``data/<release>.jsonl.gz`` has a definition a line, as compact FHIR: codes, what they are called, how they lie below each other.

Spec: https://hl7.org/fhir/R4/terminologies.html, https://hl7.org/fhir/STU3/terminologies.html
"""

import gzip
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from app.fhir.release import Release
from app.fhir.terminology.terminology import Find, Terminology

DATA = Path(__file__).parent / "data"
_VERSIONS = {Release.STU3: ("3.0.0", "3.0.1", "3.0.2"), Release.R4: ("4.0.0", "4.0.1")}


class _Head(msgspec.Struct):
    url: str
    version: str = ""


@cache
def _definitions(release: Release) -> Mapping[str, bytes]:
    """Return the definitions by URL, and by URL and version, each still to be decoded."""
    found: dict[str, bytes] = {}
    for line in gzip.decompress((DATA / f"{release.path}.jsonl.gz").read_bytes()).splitlines():
        head = msgspec.json.decode(line, type=_Head)
        found |= {f"{head.url}|{version}": line for version in {head.version, *_VERSIONS[release]}}
        found[head.url] = line
    return found


def with_core(release: Release, find: Find) -> Find:
    """Return what finds a definition by ``find``, else that of the specification."""

    def found(url: str) -> Mapping[str, Any] | None:
        own = find(url)
        if own is not None:
            return own
        line = _definitions(release).get(url)
        return None if line is None else msgspec.json.decode(line)

    return found


@cache
def core_terminology(release: Release) -> Terminology:
    """Return what the specification itself has, for where no packages are loaded."""
    return Terminology(with_core(release, lambda _: None))
