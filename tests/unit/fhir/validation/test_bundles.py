"""How a batch or transaction is taken apart."""

import json
from typing import Any

import pytest

from app.errors import InvalidResourceError, MalformedError
from app.fhir.release import Release
from app.fhir.validation.bundles import parse_bundle

BOTH = pytest.mark.parametrize("release", list(Release))
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}


def bundle(*entries: dict[str, Any], kind: Any = "transaction") -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)}).encode()


@BOTH
def test_a_transaction_gives_each_entry_with_the_exact_bytes_of_its_resource(release: Release) -> None:
    post = {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=urn:a|1"}
    full_url = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
    body = bundle({"fullUrl": full_url, "resource": {"resourceType": "Unknown"}, "request": post}).replace(
        b'{"resourceType": "Unknown"}', b'{ "resourceType":"Unknown" , "value":1.50 }'
    )
    (entry,) = parse_bundle(release, body).entries
    assert entry.resource == b'{ "resourceType":"Unknown" , "value":1.50 }'
    assert (entry.index, entry.full_url, entry.method, entry.url) == (0, full_url, "POST", "Observation")
    assert (entry.if_none_exist, entry.if_match) == ("identifier=urn:a|1", None)
    assert entry.location == "Bundle.entry[0].resource"


def test_an_entry_without_a_resource_has_none_and_an_empty_bundle_has_no_entries() -> None:
    get = {"request": {"method": "GET", "url": "Patient/1"}}
    assert parse_bundle(Release.R4, bundle(get, kind="batch")).entries[0].resource is None
    assert parse_bundle(Release.R4, b'{"resourceType":"Bundle","type":"batch"}').entries == []


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"fullUrl": "urn:a"}, "Bundle.entry[0].request"),
        ({"request": {"method": "FETCH", "url": "Patient"}}, "Bundle.entry[0].request.method"),
        ({"request": {"method": "GET"}}, "Bundle.entry[0].request.url"),
        ({"request": {"method": "GET", "_url": ABSENT}}, "Bundle.entry[0].request"),
        ({"request": {"method": "GET", "url": "Patient"}, "answer": 1}, "Bundle.entry[0].answer"),
    ],
)
def test_the_faults_of_the_bundle_itself_are_found(entry: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidResourceError) as raised:
        parse_bundle(Release.R4, bundle(entry))
    assert place in {issue.expression for issue in raised.value.issues}


@pytest.mark.parametrize("kind", ["collection", "document", "history", 1, ["batch"]])
def test_only_batch_and_transaction_are_taken_apart(kind: Any) -> None:
    with pytest.raises(MalformedError):
        parse_bundle(Release.R4, bundle(kind=kind))
