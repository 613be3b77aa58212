"""What was sent is what comes back, digit for digit; and the headers around it."""

import json
from typing import Any

import httpx
import pytest

from app.fhir.release import Release
from app.rest.routes import ROUTES
from tests.support.world import Caller, World, bundle, entry, tree_of, weight

R4 = Release.R4

BODY = """{
  "resourceType": "Observation",
  "valueQuantity": { "unit": "kg", "value": 72.50, "code": "kg", "system": "http://unitsofmeasure.org" },
  "code": {"text": "Gewicht \\u00e9\\ud83d\\ude00 é😀", "coding": [{"code":"29463-7","system":"http://loinc.org"}]},
  "extension": [
    {"url": "https://regie.example/onbekend", "valueDecimal": 0.000000000000000000012345678901234567890},
    {"valueDecimal": 1.0E+2, "url": "https://regie.example/onbekend"},
    {"url": "https://regie.example/onbekend", "extension": [{"url": "diep", "valueString": "  spaties\\tblijven "}]}
  ],
  "status": "final",
  "effectiveDateTime": "2026-03-01T08:00:00.100000+01:00",
  "component": [
    {"code": {"text": "groot"}, "valueQuantity": {"value": 12345678901234567890.10}},
    {"code": {"text": "nul"}, "valueQuantity": {"value": -0.0}},
    {"code": {"text": "geheel"}, "valueQuantity": {"value": 100}}
  ],
  "subject": { "reference": "PATIENT" }
}"""


def members(body: str) -> list[tuple[str, str]]:
    """Return the members of a JSON object, in order, each as it is written; without what the server sets."""
    decoder, at = json.JSONDecoder(), body.index("{") + 1
    found: list[tuple[str, str]] = []
    while True:
        at += len(body[at:]) - len(body[at:].lstrip(" \n\r\t,"))
        if body[at] == "}":
            return [(name, text) for name, text in found if name not in ("id", "meta")]
        name, end = decoder.raw_decode(body, at)
        at = body.index(":", end) + 1
        at += len(body[at:]) - len(body[at:].lstrip())
        _, end = decoder.raw_decode(body, at)
        found.append((name, body[at:end]))
        at = end


async def everywhere(me: Caller, resource_id: str) -> dict[str, str]:
    """Return the resource as each way out shows it."""
    url = f"/Observation/{resource_id}"
    shown = {"read": (await me("GET", url)).text, "vread": (await me("GET", f"{url}/_history/1")).text}
    for name, way in (
        ("search", f"/Observation?_id={resource_id}"),
        ("history", f"{url}/_history"),
        ("delta", "/$delta"),
        ("everything", "/Patient/$everything"),
        ("lastn", "/Observation/$lastn?date=2026-03-01"),
    ):
        text = (await me("GET", way)).text
        begin = text.index(f'{{"resourceType":"Observation","id":"{resource_id}"')
        _, end = json.JSONDecoder().raw_decode(text, begin)
        shown[name] = text[begin:end]
    return shown


@pytest.mark.parametrize("way", ["create", "update", "transaction", "batch"])
async def test_every_digit_comes_back_on_every_way_out(world: World, way: str) -> None:
    me, body = world.caller("maanlicht"), BODY.replace("PATIENT", world.maanlicht.patient())
    if way == "create":
        answer = await me("POST", "/Observation", body)
        resource_id = tree_of(answer)["id"]
    elif way == "update":
        resource_id = "5a1ad000-0000-4000-8000-000000000077"
        answer = await me("PUT", f"/Observation/{resource_id}", body.replace("{", f'{{"id": "{resource_id}",', 1))
    else:
        whole = json.dumps(bundle(way, entry("POST", "Observation", {"resource": "here"})))
        answer = await me("POST", "/", whole.replace('{"resource": "here"}', body))
        resource_id = tree_of(answer)["entry"][0]["response"]["location"].split("/")[1]
    assert answer.status_code in (200, 201), answer.text
    for name, shown in (await everywhere(me, resource_id)).items():
        assert members(shown) == members(body), name


async def test_only_the_reference_is_rewritten_in_a_bundle(world: World, me: Caller) -> None:
    urn = "urn:uuid:5a1ad000-0000-4000-8000-000000000001"
    him = {"resourceType": "Patient", "name": [{"family": "Zonnestraal-Testpersoon"}]}
    marks = bundle(
        "transaction", entry("POST", "Patient", him, urn), entry("POST", "Observation", {"resource": "here"})
    )
    sent = BODY.replace("PATIENT", urn)
    answer = await me("POST", "/", json.dumps(marks).replace('{"resource": "here"}', sent))
    resource_id = tree_of(answer)["entry"][1]["response"]["location"].split("/")[1]
    read = (await me("GET", f"/Observation/{resource_id}")).text
    expected = BODY.replace("PATIENT", world.zonnestraal.patient())
    assert members(read) == members(expected)


async def test_meta_keeps_what_the_sender_said_of_it(me: Caller, patient: str) -> None:
    meta = {
        "versionId": "9",
        "profile": ["https://regie.example/profile"],
        "tag": [{"system": "https://regie.example", "code": "x", "display": "é"}],
        "lastUpdated": "2000-01-01T00:00:00Z",
        "extension": [{"url": "https://regie.example/e", "valueBoolean": True}],
    }
    made = (await me.made(weight(R4, patient, meta=meta)))["meta"]
    assert made["versionId"] == "1"
    assert made["lastUpdated"] > "2026"
    assert {name: made[name] for name in ("profile", "tag", "extension")} == {
        name: meta[name] for name in ("profile", "tag", "extension")
    }


async def test_a_large_integer_keeps_its_digits(me: Caller, patient: str) -> None:
    body = json.dumps(weight(R4, patient)).replace("72.5", "123456789012345678901234567890")
    made = await me("POST", "/Observation", body)
    assert made.status_code == 201
    assert '"value": 123456789012345678901234567890' in made.text


# ------------------------------------------------------------------------------------------------------------ headers


async def test_head_is_get_without_a_body(world: World, me: Caller) -> None:
    for url in (world.zonnestraal.url("weight"), "/metadata", "/Observation?status=final", "/Observation/unknown"):
        head, get = await me("HEAD", url), await me("GET", url)
        assert head.content == b""
        assert head.status_code == get.status_code
        kept = ("content-type", "content-length", "etag", "last-modified")
        assert {name: head.headers.get(name) for name in kept} == {name: get.headers.get(name) for name in kept}


async def test_the_ids_of_a_request_are_given_back_and_logged(world: World, me: Caller) -> None:
    sent = {"X-Request-ID": "req-1", "MedMij-Request-ID": "medmij-1", "X-Correlation-ID": "corr-1"}
    for url in (world.zonnestraal.url("weight"), "/Observation/unknown"):
        answer = await me("GET", url, **sent)
        assert {name: answer.headers[name] for name in sent} == sent
    log = str(await me.get("/AuditEvent?_count=5"))
    for value in sent.values():
        assert value in log


@pytest.mark.parametrize("value", ["a b", "x" * 129, "<script>", ""])
async def test_a_request_id_that_is_none_is_replaced(me: Caller, value: str) -> None:
    answer = await me("GET", "/metadata", **{"X-Request-ID": value, "MedMij-Request-ID": value})
    assert answer.headers["x-request-id"] not in ("", value)
    assert "medmij-request-id" not in answer.headers


async def test_every_answer_may_be_read_by_pages_of_any_origin_and_is_kept_by_nobody(world: World, me: Caller) -> None:
    answers: list[httpx.Response] = [
        await me("GET", world.zonnestraal.url("weight")),
        await me("GET", "/Observation/unknown"),
        await world.caller(None)("GET", "/Observation"),
        await world.caller(None)("GET", "/metadata"),
    ]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Location" in answer.headers["access-control-expose-headers"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers


async def test_a_browser_may_ask_first(world: World) -> None:
    sent: dict[str, Any] = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    for url in ("/fhir/r4/Observation/1", "/fhir/stu3/", "/fhir/r4/Observatie"):
        answer = await world.http.options(url, headers=sent)
        assert answer.status_code == 204
        allowed = answer.headers["access-control-allow-methods"].split(", ")
        assert {route.method for route in ROUTES} <= set(allowed)
        headers = answer.headers["access-control-allow-headers"]
        for name in ("Authorization", "If-Match", "If-None-Exist", "Idempotency-Key", "Prefer", "MedMij-Request-ID"):
            assert name in headers


async def test_the_capability_statement_says_what_there_is(world: World) -> None:
    for release in Release:
        statement = await world.caller(None, release).get("/metadata")
        assert statement["fhirVersion"] == {Release.STU3: "3.0.2", Release.R4: "4.0.1"}[release]
        (rest,) = statement["rest"]
        for resource in rest["resource"]:
            answer = await world.caller("zonnestraal", release)("GET", f"/{resource['type']}?_count=1")
            assert answer.status_code == (200 if "interaction" in resource else 404), resource["type"]
