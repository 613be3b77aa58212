"""The answers about all that the specification itself has: valid resources, the same in JSON and XML."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from app.errors import CodesNotKnownError
from app.fhir.release import Release
from app.fhir.terminology.core import DATA, core_terminology
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.fhir.xml.read import to_json
from app.fhir.xml.write import to_xml
from app.interactions.operations.terminology import Asked, Coding, Expansion, Tree, expand, lookup, parameters

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
EVERYTHING = Expansion(designations=True, definition=True, language="nl")


def core_urls(release: Release, resource_type: str) -> list[str]:
    """Return the canonical URLs of all CodeSystems, or all ValueSets."""
    lines = gzip.decompress((DATA / f"{release.path}.jsonl.gz").read_bytes()).splitlines()
    trees = [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]
    return [tree["url"] for tree in trees if tree["resourceType"] == resource_type]


def expansions(release: Release) -> Iterator[Tree]:
    """Yield every value set whose codes are known."""
    for url in core_urls(release, "ValueSet"):
        try:
            yield expand(core_terminology(release), Asked(url, None), EVERYTHING, NOW)
        except CodesNotKnownError:
            continue


@pytest.mark.parametrize("release", Release)
def test_every_expansion_is_a_valid_value_set_in_both_formats(release: Release) -> None:
    count = 0
    for found in expansions(release):
        body = encode_tree(parameters({"name": "return", "resource": found}))
        parse(release, body, expected_type="Parameters")
        again = to_json(release, to_xml(release, body))
        assert msgspec.json.decode(again) == msgspec.json.decode(body)
        count += 1
    assert count > 240


@pytest.mark.parametrize("release", Release)
def test_every_look_up_is_valid_parameters(release: Release) -> None:
    terminology = core_terminology(release)
    for url in core_urls(release, "CodeSystem"):
        system = terminology.code_system(url)
        assert system is not None
        for code in list(system.concepts)[:20]:
            found = lookup(release, terminology, Coding(system.url, code), (), "nl")
            parse(release, encode_tree(found), expected_type="Parameters")
