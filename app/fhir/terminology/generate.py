"""Writes ``data/<release>.jsonl.gz``: ``python -m app.fhir.terminology.generate --definitions FOLDER``.

A development tool. From the official definitions (as ``app.fhir.releases.generate`` takes them) it keeps the value sets that
elements of the served types are bound to, those that they include, and their code systems: codes, what HL7 calls them in
English and Dutch, and the hierarchy. Of a binding that is an example it keeps a value set of HL7's own codes only. Codes of others
have no display here, and a code system of DICOM's size that only serves as an example is left out.

Spec: https://hl7.org/fhir/R4/terminologies.html, https://hl7.org/fhir/STU3/terminologies.html
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from app.fhir.release import Release
from app.fhir.releases.definitions import served
from app.fhir.releases.generate import FHIR, terminology, value
from app.fhir.terminology.core import DATA

OWN = ("http://hl7.org/fhir/", "http://www.hl7.org/fhir/", "http://terminology.hl7.org/")
PROPERTIES = frozenset({"notSelectable", "inactive", "status", "parent", "child", "subsumedBy"})


def bindings(release: Release, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (value set, strength) of every binding of the data types and the served resource types."""
    for file in ("profiles-types.xml", "profiles-resources.xml"):
        for definition in etree.parse(folder / file).iter(f"{FHIR}StructureDefinition"):
            is_resource = value(definition, "kind") == "resource"
            if value(definition, "derivation") == "constraint" or (
                is_resource and value(definition, "type") not in served(release)
            ):
                continue
            for binding in definition.iterfind(f"{FHIR}snapshot/{FHIR}element/{FHIR}binding"):
                reference = binding.find(f"{FHIR}valueSetReference/{FHIR}reference")
                url = value(binding, "valueSet") or (reference.get("value") if reference is not None else "")
                if url:
                    yield url.split("|")[0], value(binding, "strength")


def parts(value_set: Any) -> list[Any]:
    """Return the includes and excludes of a value set."""
    return [*value_set.iterfind(f"{FHIR}compose/{FHIR}include"), *value_set.iterfind(f"{FHIR}compose/{FHIR}exclude")]


def is_own(value_set: Any) -> bool:
    """Return whether a value set takes HL7's own codes only."""
    return all(value(part, "system").startswith(OWN) for part in parts(value_set) if value(part, "system"))


def build(release: Release, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the definitions, code systems first, each kind by URL."""
    systems, value_sets = terminology(folder)
    waiting = [
        url
        for url, strength in bindings(release, folder)
        if url in value_sets and (strength != "example" or is_own(value_sets[url]))
    ]
    kept: set[str] = set()
    used: set[str] = set()
    while waiting:
        url = waiting.pop()
        if url in kept or url not in value_sets:
            continue
        kept.add(url)
        for part in parts(value_sets[url]):
            waiting += [one.get("value") for one in part.iterfind(f"{FHIR}valueSet")]
            used.add(value(part, "system"))
    for url in sorted(used & systems.keys()):
        if url.startswith(OWN) and value(systems[url], "content") != "not-present":
            yield code_system(systems[url])
    for url in sorted(kept):
        yield value_set(value_sets[url])


def head(item: Any, kind: str) -> dict[str, Any]:
    """Return what identifies a definition."""
    names = ("url", "version", "name", "status")
    return {"resourceType": kind} | {name: found for name in names if (found := value(item, name))}


def code_system(item: Any) -> dict[str, Any]:
    """Return a CodeSystem with its concepts."""
    concepts = [concept(one) for one in item.iterfind(f"{FHIR}concept")]
    return head(item, "CodeSystem") | {"content": value(item, "content"), "concept": concepts}


def concept(item: Any) -> dict[str, Any]:
    """Return a concept with those below it."""
    found: dict[str, Any] = {"code": value(item, "code")}
    if display := value(item, "display"):
        found["display"] = display
    if dutch := list(designations(item)):
        found["designation"] = dutch
    if properties := [one for part in item.iterfind(f"{FHIR}property") if (one := property_of(part))]:
        found["property"] = properties
    if below := [concept(one) for one in item.iterfind(f"{FHIR}concept")]:
        found["concept"] = below
    return found


def designations(item: Any) -> Iterator[dict[str, Any]]:
    """Yield what a concept is called in Dutch."""
    for one in item.iterfind(f"{FHIR}designation"):
        if value(one, "language") == "nl":
            yield {"language": "nl", "value": value(one, "value")}


def property_of(item: Any) -> dict[str, Any] | None:
    """Return a property that says where a concept stands or whether it is used; None for any other."""
    code = value(item, "code")
    name, text = next(
        (child.tag.removeprefix(FHIR), str(child.get("value")))
        for child in item
        if child.tag.startswith(f"{FHIR}value")
    )
    if code not in PROPERTIES or (code == "status" and text == "active"):
        return None
    return {"code": code, name: text == "true" if name == "valueBoolean" else text}


def value_set(item: Any) -> dict[str, Any]:
    """Return a ValueSet with its compose."""
    compose: dict[str, Any] = {}
    for kind in ("include", "exclude"):
        found = [part_of(one) for one in item.iterfind(f"{FHIR}compose/{FHIR}{kind}")]
        if found:
            compose[kind] = found
    return head(item, "ValueSet") | {"compose": compose}


def part_of(item: Any) -> dict[str, Any]:
    """Return an include or exclude."""
    found: dict[str, Any] = {name: text for name in ("system", "version") if (text := value(item, name))}
    if listed := [listed_concept(one, value(item, "system")) for one in item.iterfind(f"{FHIR}concept")]:
        found["concept"] = listed
    filters = [
        {name: value(one, name) for name in ("property", "op", "value")} for one in item.iterfind(f"{FHIR}filter")
    ]
    if filters:
        found["filter"] = filters
    if nested := [one.get("value") for one in item.iterfind(f"{FHIR}valueSet")]:
        found["valueSet"] = nested
    return found


def listed_concept(item: Any, system: str) -> dict[str, Any]:
    """Return a concept of a value set: of HL7's own systems with what it is called, of others the code."""
    return concept(item) if system.startswith(OWN) else {"code": value(item, "code")}


def packed(release: Release, folder: Path) -> bytes:
    """Return the content of the data file."""
    lines = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in build(release, folder)]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def main() -> None:
    """Write both data files."""
    parser = argparse.ArgumentParser(description="Make the code systems and value sets of FHIR.")
    parser.add_argument(
        "--definitions", type=Path, required=True, help="folder with stu3/ and r4/, the official XML files"
    )
    arguments = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    for release in Release:
        (DATA / f"{release.path}.jsonl.gz").write_bytes(packed(release, arguments.definitions / release.path))


if __name__ == "__main__":
    main()
