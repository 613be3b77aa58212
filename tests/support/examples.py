"""Real FHIR resources as JSON: the published examples, and the fixtures of the published test scripts.

The examples come with ``fhirstarter``; the fixtures are read where ``suites.py`` finds them, and are XML with
placeholders (``${DATE, T, D, -12}``) that the script runner would fill in.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lxml import etree

from app.fhir.release import Release
from app.fhir.releases.definitions import Definitions, Member, definitions
from tests.support.suites import conformance_folder

FOLDERS = {Release.STU3: "STU3", Release.R4: "R4B"}
FHIR = "{http://hl7.org/fhir}"
PLACEHOLDERS = (
    (re.compile(r"\$\{(DATE|CURRENTDATE)[^}]*\}"), "2026-03-12"),
    (re.compile(r"\$\{UUID\}"), "c757873d-ec9a-4326-a141-556f43239520"),
    (re.compile(r"\$\{[^}]*\}"), "placeholder"),
)


def published_examples(release: Release) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, resource) of every published example that fhirstarter has in full, of served types and others."""
    package = find_spec("fhirstarter")  # found, not imported: it brings a web framework and its warnings along
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "fhir_specification" / "sequences" / FOLDERS[release]
    with zipfile.ZipFile(folder / "examples.zip") as examples:
        for file in sorted(examples.namelist()):
            for name, example in json.loads(examples.read(file)).items():
                if "value" in example:
                    yield f"{file.removesuffix('.json')}/{name}", example["value"]


def suite_fixtures(release: Release) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, resource) of every resource that the published scripts for the release send or expect."""
    folder = conformance_folder()
    if folder is None:
        return
    types = definitions(release)
    for path in sorted((folder / "suites" / release.name).rglob("*")):
        if path.suffix not in {".json", ".xml"} or not any(part.startswith("_reference") for part in path.parts):
            continue
        text = path.read_text(encoding="utf-8-sig")
        for pattern, value in PLACEHOLDERS:
            text = pattern.sub(value, text)
        if path.suffix == ".json":
            yield path.name, json.loads(text)
            continue
        root = etree.fromstring(text.encode())
        if isinstance(root.tag, str) and root.tag.removeprefix(FHIR) in types.resource_types:
            yield path.name, resource_from_xml(root, types)


def resource_from_xml(root: Any, types: Definitions) -> dict[str, Any]:
    """Return the resource of an XML element as its JSON tree; numbers as int or float."""
    name = root.tag.removeprefix(FHIR)
    return {"resourceType": name, **object_from_xml(root, name, types)}


def object_from_xml(element: Any, type_name: str, types: Definitions) -> dict[str, Any]:
    """Return the members of an element of a complex type."""
    node: dict[str, Any] = {name: value for name, value in element.attrib.items() if name in {"id", "url"}}
    for child in element.iterchildren(tag=etree.Element):
        name = etree.QName(child).localname
        member = types[type_name].members[name]
        if member.type == "Resource":
            value: Any = resource_from_xml(child[0], types)
        elif member.type == "xhtml":
            value = etree.tostring(child, encoding="unicode", with_tail=False)
        elif member.is_primitive:
            value = primitive_from_xml(child.get("value"), member)
            extensions = object_from_xml(child, "Element", types)
            if extensions:
                siblings = node.setdefault(
                    f"_{name}", [None] * len(node.get(name, [])) if member.element.many else extensions
                )
                if member.element.many:
                    siblings.append(extensions)
            elif f"_{name}" in node:
                node[f"_{name}"].append(None)
        else:
            value = object_from_xml(child, member.type, types)
        if member.element.many:
            node.setdefault(name, []).append(value)
        elif value is not None:
            node[name] = value
    return node


def primitive_from_xml(text: str | None, member: Member) -> Any:
    """Return the JSON value of a ``value`` attribute."""
    if text is None:
        return None
    if member.type == "boolean":
        return {"true": True, "false": False}[text]
    if member.type in {"integer", "positiveInt", "unsignedInt"}:
        return int(text)
    if member.type == "decimal":
        return float(text) if "." in text else int(text)
    return text
