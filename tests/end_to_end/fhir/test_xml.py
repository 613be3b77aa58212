"""Every interaction in XML: it takes the same and says the same as in JSON."""

import json
import re
from typing import Any

import httpx
import pytest

from app.fhir.release import Release
from app.fhir.xml.read import to_json
from app.fhir.xml.write import to_xml
from app.rest.routes import ROUTES
from tests.support.world import Caller, Tree, World, bundle, entry, ids_of, link, never_made, tree_of, weight

R4 = Release.R4
FHIR_XML = "application/fhir+xml"
BOTH = pytest.mark.parametrize("release", Release)
SENT = {"Content-Type": FHIR_XML, "Accept": FHIR_XML}


def xml_of(release: Release, tree: Tree) -> bytes:
    return to_xml(release, json.dumps(tree).encode())


def read(release: Release, answer: httpx.Response) -> Tree:
    """Return the resource in an answer in XML as a tree of JSON."""
    assert answer.headers["content-type"] == "application/fhir+xml;charset=utf-8"
    assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?><')
    tree = json.loads(to_json(release, answer.content))
    assert isinstance(tree, dict)
    return tree


def comparable(tree: Tree) -> str:
    """Return a body without what differs from one request to the next, members in one order."""
    text = re.sub(r"urn:uuid:[0-9a-f-]{36}", "urn:uuid:x", json.dumps(tree, sort_keys=True))
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "now", text)
    return re.sub(r"request [A-Za-z0-9-]+\.", "request x.", text)


ASKED = {
    "/": "?_type=Observation,Condition",
    "/ValueSet/$expand": "?url=http://hl7.org/fhir/ValueSet/observation-status",
    "/ValueSet/$validate-code": "?url=http://hl7.org/fhir/ValueSet/observation-status&code=final"
    "&system=http://hl7.org/fhir/observation-status",
    "/CodeSystem/$validate-code": "?url=http://hl7.org/fhir/observation-status&code=final",
    "/CodeSystem/$lookup": "?system=http://hl7.org/fhir/observation-status&code=final",
    "/CodeSystem/$subsumes": "?system=http://hl7.org/fhir/observation-status&codeA=final&codeB=final",
}
"""The parameters that a route does not go without."""


@BOTH
async def test_every_route_that_looks_says_the_same_in_xml(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    event = (await me.get("/AuditEvent?_count=1"))["entry"][0]["resource"]["id"]
    named = {"{type}": "Observation", "{id}": him.ids[release, "weight"], "{version}": "1"}
    count = 0
    for route in ROUTES:
        if route.method != "GET" or "smart-configuration" in route.path or "$export" in route.path:
            continue  # what is no FHIR: an export is lines of JSON
        if route.path == "/AuditEvent" or route.path.endswith(("/$summary", "/$receipt")):
            continue  # asking adds to the first, which is compared below; the others are made anew each time
        path = route.path.replace("/Patient/{id}", f"/{him.patient(release)}")
        path = path.replace("/{owner}/{id}", f"/{him.patient(release)}")
        path = path.replace("/AuditEvent/{id}", f"/AuditEvent/{event}")
        path = path.replace("$as-seen-by", f"$as-seen-by?practice={world.made.practices['granted']}")
        url = re.sub(r"\{\w+\}", lambda match: named[match[0]], path) + ASKED.get(route.path, "")
        # What a practice asks of people is its own to look at.
        who = world.caller("granted", release) if route.path.endswith("/$access-requests") else me
        as_json, as_xml = await who("GET", url), await who("GET", url, Accept=FHIR_XML)
        assert (as_json.status_code, as_xml.status_code) == (200, 200), (url, as_xml.text)
        assert comparable(read(release, as_xml)) == comparable(tree_of(as_json)), url
        kept = {"etag", "last-modified", "location", "regie-seq", "cache-control", "access-control-allow-origin"}
        for name in kept:
            assert as_xml.headers.get(name) == as_json.headers.get(name), (url, name)
        count += 1
    assert count >= 9
    events = read(release, await me("GET", "/AuditEvent?_count=5", Accept=FHIR_XML))
    later = ids_of(await me.get("/AuditEvent?_count=6"))
    assert later[1:] == ids_of(events)


@BOTH
async def test_a_resource_is_created_read_updated_and_deleted_in_xml(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    sent = xml_of(release, weight(release, him.patient(release))).replace(b'"72.5"', b'"72.50"')
    made = await me("POST", "/Observation", sent, **SENT)
    assert made.status_code == 201
    assert b'<value value="72.50"/>' in made.content
    tree = read(release, made)
    assert made.headers["location"].endswith(f"/Observation/{tree['id']}/_history/1")
    as_json = await me("GET", f"/Observation/{tree['id']}")
    assert tree_of(as_json) == tree
    assert b'"value":72.50' in as_json.content
    changed = xml_of(release, tree | {"status": "amended"})
    updated = await me("PUT", f"/Observation/{tree['id']}", changed, If_Match='W/"1"', **SENT)
    assert (updated.status_code, updated.headers["etag"]) == (200, 'W/"2"')
    assert read(release, updated)["status"] == "amended"
    gone = await me("DELETE", f"/Observation/{tree['id']}", Accept=FHIR_XML, Prefer="return=OperationOutcome")
    assert gone.status_code == 200
    assert read(release, gone)["resourceType"] == "OperationOutcome"
    again = await me("GET", f"/Observation/{tree['id']}", Accept=FHIR_XML)
    assert again.status_code == 410
    assert read(release, again)["issue"][0]["severity"] == "error"


@BOTH
async def test_who_sends_xml_and_accepts_anything_gets_json(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    sent = xml_of(release, weight(release, him.patient(release)))
    made = await me("POST", "/Observation", sent, Content_Type="text/xml; charset=utf-8")
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/fhir+json;charset=utf-8"
    back = await me("POST", "/Observation", weight(release, him.patient(release)), Accept="application/xml")
    assert read(release, back)["resourceType"] == "Observation"


@BOTH
@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_batches_and_transactions_are_in_xml_as_a_whole(world: World, release: Release, kind: str) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    own = him.ids[release, "weight"]
    entries = [
        entry(
            "POST",
            "Observation",
            weight(release, him.patient(release)),
            "urn:uuid:0ed1c9d1-7d61-4a47-8f5b-51a2e9d4b0aa",
        ),
        entry("PUT", f"Observation/{own}", weight(release, him.patient(release), "71", id=own)),
        entry("GET", "Observation?_count=1"),
    ]
    if kind == "batch":
        entries.append(entry("GET", f"Observation/{never_made()}"))
    answer = await me("POST", "/", xml_of(release, bundle(kind, *entries)), Prefer="return=representation", **SENT)
    assert answer.status_code == 200, answer.text
    found = read(release, answer)["entry"]
    assert [one["response"]["status"][:3] for one in found] == ["201", "200", "200", "404"][: len(entries)]
    assert found[0]["resource"]["valueQuantity"]["value"] == 72.5
    assert found[2]["resource"]["type"] == "searchset"
    if kind == "batch":
        assert found[3]["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_a_write_in_xml_that_comes_again_under_its_key_is_done_once(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    sent = xml_of(R4, weight(R4, him.patient()))
    first, second = [await me("POST", "/Observation", sent, Idempotency_Key='"a-key"', **SENT) for _ in range(2)]
    assert (first.status_code, second.headers["idempotency-replayed"]) == (201, "true")
    assert read(R4, first)["id"] == read(R4, second)["id"]


@BOTH
async def test_operations_take_parameters_in_xml(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueString": "29463-7"}]}
    answer = await me("POST", "/Observation/$lastn", xml_of(release, parameters), **SENT)
    assert comparable(read(release, answer)) == comparable(await me.get("/Observation/$lastn?code=29463-7"))
    empty = await me("POST", "/$delta", b"", **SENT)
    assert comparable(read(release, empty)) == comparable(await me.get("/$delta"))


@pytest.mark.parametrize(
    "text", ["xml", "text/xml", "application/xml", "application/fhir%2Bxml", "application/fhir+xml"]
)
async def test_the_format_in_the_query_decides_over_the_header(me: Caller, patient: str, text: str) -> None:
    assert read(R4, await me("GET", f"/{patient}?_format={text}", Accept="application/fhir+json"))["id"]
    assert tree_of(await me("GET", f"/{patient}?_format=json", Accept=FHIR_XML))["id"]


async def test_the_format_may_stand_in_the_form_of_a_search(me: Caller) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    found = read(R4, await me("POST", "/Observation/_search", "code=29463-7&_format=xml", **form))
    assert ids_of(found) == await me.found("/Observation?code=29463-7")
    assert (await me("POST", "/Observation/_search", "_format=html", **form)).status_code == 406


@pytest.mark.parametrize(
    "url",
    [
        "/Observation?_count=1",
        "/{patient}/$everything?_count=1",
        "/$delta?_count=1",
        "/AuditEvent?_count=1",
        "/Observation/{id}/_history?_count=1",
    ],
)
async def test_links_keep_the_format_that_was_asked_in_the_query(world: World, url: str) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    own = him.ids[R4, "weight"]
    for value in ("71", "72"):
        await me("PUT", f"/Observation/{own}", weight(R4, him.patient(), value, id=own))
    first = read(R4, await me("GET", f"{url.format(patient=him.patient(), id=own)}&_format=xml"))
    following = link(first, "next")
    assert following is not None
    assert read(R4, await me("GET", following))["entry"][0] != first["entry"][0]


async def test_head_tells_the_length_of_the_xml(me: Caller, patient: str) -> None:
    looked, asked = [await me(method, f"/{patient}", Accept=FHIR_XML) for method in ("GET", "HEAD")]
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "last-modified"):
        assert asked.headers[name] == looked.headers[name]
    assert int(asked.headers["content-length"]) == len(looked.content)


async def test_what_has_no_body_has_no_content_type(me: Caller, patient: str) -> None:
    answer = await me("GET", f"/{patient}", Accept=FHIR_XML, If_None_Match="*")
    assert (answer.status_code, answer.content) == (304, b"")
    assert "content-type" not in answer.headers
    made = await me("POST", "/Observation", weight(R4, patient), Accept=FHIR_XML, Prefer="return=minimal")
    assert (made.status_code, made.content) == (201, b"")


async def test_smart_discovery_is_json_whatever_is_asked(world: World) -> None:
    answer = await world.caller(None)("GET", "/.well-known/smart-configuration", Accept="application/fhir+xml")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["capabilities"]


REFUSED: list[tuple[str, str, bytes | None, dict[str, str], int]] = [
    ("GET", "/Observation/nothing-has-this", None, {}, 404),
    ("GET", "/NoSuchType/1", None, {}, 404),
    ("GET", "/Observation/$no-such-operation", None, {}, 400),
    ("GET", "/Observation?foo=1", None, {}, 400),
    ("GET", "/Observation?code=%FF", None, {}, 400),
    ("GET", "/Observation", None, {"Authorization": "Bearer wrong"}, 401),
    ("PATCH", "/Observation/1/_history", b"[]", {}, 405),
    ("POST", "/Observation", b"<Observation", {}, 400),
    ("POST", "/Observation", b"", {}, 400),
    ("POST", "/Observation", b'<!DOCTYPE a><Observation xmlns="http://hl7.org/fhir"/>', {}, 400),
    ("POST", "/Observation", b'<Patient xmlns="http://hl7.org/fhir"/>', {}, 400),
    ("POST", "/Observation", b'<Observation xmlns="http://hl7.org/fhir"/>', {}, 422),
    ("POST", "/Observation", b'<Observation xmlns="http://hl7.org/fhir"><foo/></Observation>', {}, 422),
    ("POST", "/Observation", b"{}", {"Content-Type": "text/plain"}, 415),
    ("POST", "/Observation", b"{}", {"Content-Type": "application/fhir+xml; charset=utf-16"}, 415),
]


@BOTH
@pytest.mark.parametrize(("method", "url", "body", "headers", "status"), REFUSED)
async def test_every_refusal_is_told_in_xml(
    world: World, release: Release, method: str, url: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    me = world.caller("zonnestraal", release)
    before = await me.changes()
    answer = await me(method, url, body, **(SENT | headers))
    assert answer.status_code == status, answer.text
    assert read(release, answer)["resourceType"] == "OperationOutcome"
    assert await me.changes() == before


async def test_a_fault_in_xml_has_its_place(me: Caller, patient: str) -> None:
    sent = xml_of(R4, weight(R4, patient)).replace(b"<unit", b"<foo/><unit")
    (issue,) = read(R4, await me("POST", "/Observation", sent, **SENT))["issue"]
    assert issue["expression"] == ["Observation.valueQuantity.foo"]
    sent = xml_of(R4, weight(R4, patient)).replace(b'"final"', b'"finished"')
    (issue,) = read(R4, await me("POST", "/Observation", sent, **SENT))["issue"]
    assert (issue["code"], issue["expression"]) == ("code-invalid", ["Observation.status"])


@pytest.mark.parametrize("accept", ["text/html", "application/fhir+xml;q=0", "application/fhir+xml;fhirVersion=3.0"])
async def test_where_no_format_fits_the_refusal_is_json(me: Caller, patient: str, accept: str) -> None:
    answer = await me("GET", f"/{patient}", Accept=accept)
    assert answer.status_code == 406
    assert tree_of(answer)["resourceType"] == "OperationOutcome"


async def test_a_large_bundle_is_told_in_xml_too(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    notes: list[dict[str, Any]] = [{"text": f"Meting {number}: é & < " + "x" * 1000} for number in range(200)]
    sent = xml_of(R4, weight(R4, him.patient(), note=notes))
    assert len(sent) > 200_000
    made = await me("POST", "/Observation", sent, **SENT)
    assert made.status_code == 201
    assert read(R4, made)["note"] == notes
