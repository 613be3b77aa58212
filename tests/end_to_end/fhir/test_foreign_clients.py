"""What clients of other makers send, as they send it: it works, or is refused in a way that they can understand."""

import gzip

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from app.fhir.release import Release
from app.fhir.xml.write import to_xml
from tests.support.verdict import encoded
from tests.support.world import BASE_URL, Caller, World, bundle, entry, ids_of, never_made, tree_of, weight

HAPI_ACCEPT = (
    "application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9, application/json+fhir;q=0.9"
)
R4 = Release.R4


@pytest.mark.parametrize(
    "accept", [HAPI_ACCEPT, "application/fhir+json, */*; q=0.1", "application/json", "*/*", "", "application/json+fhir"]
)
async def test_who_accepts_json_among_others_gets_json(world: World, accept: str) -> None:
    answer = await world.caller("zonnestraal")("GET", "/Observation", Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json;charset=utf-8"


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("start", ["", "?", "Observation?", "{base}/Observation?"])
async def test_a_condition_may_have_its_url_before_it(world: World, release: Release, start: str) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    condition = f"{start.format(base=f'{BASE_URL}{me.base}')}identifier=urn:one%7C1"
    made = weight(release, him.patient(release), identifier=[{"system": "urn:one", "value": "1"}])
    answers = [
        await me("POST", "/Observation", made | {"status": state}, If_None_Exist=condition)
        for state in ("final", "amended")
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert len({tree_of(answer)["id"] for answer in answers}) == 1
    again = entry("POST", "Observation", made | {"status": "amended"}, ifNoneExist=condition)
    answer = tree_of(await me("POST", "/", bundle("transaction", again)))
    assert answer["entry"][0]["response"]["status"] == "200 OK"


async def test_a_condition_in_the_query_of_a_write_is_refused_and_writes_nothing(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    before = await me.changes()
    answer = await me("POST", "/Observation?identifier=urn:one|1", weight(R4, him.patient()))
    assert answer.status_code == 400
    assert "If-None-Exist" in answer.text
    own = him.ids[R4, "weight"]
    assert (await me("PUT", f"{him.url('weight')}?code=1", weight(R4, him.patient(), id=own))).status_code == 400
    assert (await me("DELETE", f"{him.url('weight')}?code=1")).status_code == 400
    assert await me.changes() == before
    assert (await me("POST", "/Observation?_format=json", weight(R4, him.patient()))).status_code == 201


@pytest.mark.parametrize("known", ['W/"1"', '"1"', 'W/"7", W/"1"', "*"])
async def test_who_has_the_version_is_told_so_in_any_form_of_its_etag(world: World, known: str) -> None:
    answer = await world.caller("zonnestraal")("GET", world.zonnestraal.url("weight"), If_None_Match=known)
    assert (answer.status_code, answer.content) == (304, b"")


async def test_who_has_another_version_gets_this_one(world: World) -> None:
    answer = await world.caller("zonnestraal")("GET", world.zonnestraal.url("weight"), If_None_Match='W/"11"')
    assert answer.status_code == 200


@pytest.mark.parametrize("release", Release)
async def test_operations_take_their_parameters_by_post_too(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    two = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 2}]}
    everything = f"/Patient/{him.patients[release]}/$everything"
    assert tree_of(await me("POST", everything, two)) == await me.get(f"{everything}?_count=2")
    assert tree_of(await me("POST", everything, "")) == await me.get(everything)
    code = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueString": "29463-7"}]}
    assert tree_of(await me("POST", "/Observation/$lastn", code)) == await me.get("/Observation/$lastn?code=29463-7")


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "code", "valueCodeableConcept": {"text": "weight"}},
        {"name": "code"},
        {"name": "code", "part": [{"name": "a", "valueString": "b"}]},
    ],
)
async def test_a_parameter_that_is_no_simple_value_is_refused_with_its_place(
    world: World, parameter: dict[str, object]
) -> None:
    body = {"resourceType": "Parameters", "parameter": [parameter]}
    answer = await world.caller("zonnestraal")("POST", "/Observation/$lastn", body)
    assert answer.status_code == 422
    assert tree_of(answer)["issue"][0]["expression"] == ["Parameters.parameter[0]"]


async def test_a_quantity_with_empty_unit_is_of_any_unit(world: World) -> None:
    me = world.caller("zonnestraal")
    assert await me.found("/Observation?value-quantity=gt1||") == await me.found("/Observation?value-quantity=gt1")
    assert await me.found("/Observation?value-quantity=gt1||")


async def test_a_bare_id_finds_no_resource_of_another_server(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    elsewhere = [{"reference": "https://elsewhere.example/fhir/Practitioner/prx"}]
    there = (await me.made(weight(R4, him.patient(), performer=elsewhere)))["id"]
    here = (await me.made(weight(R4, him.patient(), performer=[{"reference": "Practitioner/prx"}])))["id"]
    assert await me.found("/Observation?performer=prx") == [here]
    assert await me.found("/Observation?performer=https://elsewhere.example/fhir/Practitioner/prx") == [there]


@pytest.mark.parametrize("sort", ["-date", "-date,_id", "-date,value-quantity"])
async def test_a_period_sorts_by_its_start_however_many_keys_there_are(world: World, sort: str) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    made = []
    for start in ("2020-01-01", "2022-01-01"):
        tree = weight(R4, him.patient(), identifier=[{"value": "period"}], effectivePeriod={"start": start})
        del tree["effectiveDateTime"]
        made.append((await me.made(tree | {"note": [{"text": start}]}))["id"])
    day = weight(R4, him.patient(), identifier=[{"value": "period"}], effectiveDateTime="2021-01-01")
    made.insert(1, (await me.made(day))["id"])
    answer = await me.get(f"/Observation?identifier=period&_sort={sort}")
    assert ids_of(answer) == made[::-1]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_reference_by_a_search_is_refused_with_its_place(world: World, kind: str) -> None:
    me = world.caller("zonnestraal")
    before = await me.changes()
    about = weight(R4, "Patient?identifier=urn:one|1")
    single = await me("POST", "/Observation", about)
    assert single.status_code == 422
    assert tree_of(single)["issue"][0]["expression"] == ["Observation.subject.reference"]
    answer = await me("POST", "/", bundle(kind, entry("POST", "Observation", about)))
    assert "Bundle.entry[0].resource.subject.reference" in answer.text
    assert await me.changes() == before


@pytest.mark.parametrize("url", ["/$no", "/Observation/$no", "/Observation/1/$no", "/DocumentReference/$"])
async def test_an_operation_that_is_not_there_is_refused_as_not_supported(world: World, url: str) -> None:
    answer = await world.caller("zonnestraal")("GET", url)
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (400, "not-supported")


async def several_lines(
    me: Caller, method: str, url: str, *lines: tuple[str, str], body: bytes = b""
) -> tuple[int, str, bytes]:
    """Return status, media type and body of the answer to a request that may have a header in several lines."""
    asked = me.http.build_request(
        method, f"{me.base}{url}", content=body or None, headers=[("Authorization", f"Bearer {me.token}"), *lines]
    )
    answer = await me.http.send(asked)
    return answer.status_code, answer.headers.get("content-type", ""), answer.content


async def test_a_header_may_come_in_several_lines(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    url = him.url("weight")
    accepted = ("Accept", "application/fhir+xml"), ("Accept", "text/html")
    for lines in (accepted, accepted[::-1]):
        assert (await several_lines(me, "GET", url, *lines))[:2] == (200, "application/fhir+xml;charset=utf-8")
    known = ("If-None-Match", 'W/"1"'), ("If-None-Match", 'W/"7"')
    assert (await several_lines(me, "GET", url, *known))[0] == 304
    sent = ("Content-Type", "application/fhir+json"), ("Prefer", "return=minimal"), ("Prefer", "handling=lenient")
    body = encoded(weight(R4, him.patient()))
    assert await several_lines(me, "POST", "/Observation", *sent, body=body) == (201, "", b"")
    other = ("Authorization", f"Bearer {world.made.tokens['maanlicht']}")
    assert (await several_lines(me, "GET", url, other))[0] == 401


@pytest.mark.parametrize("release", Release)
async def test_a_text_may_begin_with_the_mark_of_byte_order(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    body = encoded(weight(release, world.zonnestraal.patient(release)))
    for form, text in (("json", body), ("xml", to_xml(release, body))):
        answer = await me("POST", "/Observation", b"\xef\xbb\xbf" + text, Content_Type=f"application/fhir+{form}")
        assert answer.status_code == 201, answer.text


async def test_a_patch_may_begin_with_the_mark_of_byte_order(world: World) -> None:
    patch = b'\xef\xbb\xbf[{"op": "replace", "path": "/status", "value": "amended"}]'
    url = world.zonnestraal.url("weight")
    answer = await world.caller("zonnestraal")("PATCH", url, patch, Content_Type="application/json-patch+json")
    assert (answer.status_code, tree_of(answer)["status"]) == (200, "amended")


async def test_letters_of_a_search_may_come_as_they_are(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    made = await me.made(weight(R4, him.patient(), identifier=[{"value": "Zoë-Testpersoon"}]))
    sent = {"Content_Type": "application/x-www-form-urlencoded"}
    page = tree_of(await me("POST", "/Observation/_search", "identifier=Zoë-Testpersoon".encode(), **sent))
    assert ids_of(page) == [made["id"]]
    assert page["link"][0]["url"].endswith("?identifier=Zo%C3%AB-Testpersoon")
    assert (await me("POST", "/Observation/_search", b"identifier=Zo\xeb", **sent)).status_code == 400
    look = bundle("batch", entry("GET", "Observation?identifier=Zoë-Testpersoon"))
    assert ids_of(tree_of(await me("POST", "/", look))["entry"][0]["resource"]) == [made["id"]]


async def test_a_query_may_come_as_it_is_and_what_is_no_utf_8_is_refused(world: World) -> None:
    me, him = world.caller("zonnestraal"), world.zonnestraal
    made = await me.made(weight(R4, him.patient(), identifier=[{"value": "Zoë-Testpersoon"}]))

    async def asked_with(query: bytes) -> httpx.Response:
        async def unescaped(scope: Scope, receive: Receive, send: Send) -> None:  # as curl sends it; httpx escapes
            await world.application({**scope, "query_string": query}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=unescaped), base_url=BASE_URL) as http:
            return await Caller(http, me.token)("GET", "/Observation")

    assert ids_of(tree_of(await asked_with("identifier=Zoë-Testpersoon".encode()))) == [made["id"]]
    for query in (b"identifier=Zo\xeb", b"_format=\xff", b"\xed\xa0\x80=1"):
        assert (await asked_with(query)).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_letters_of_a_condition_may_come_as_they_are_and_what_is_none_writes_nothing(
    world: World, release: Release
) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    body = encoded(weight(release, him.patient(release), identifier=[{"value": "Zoë-Testpersoon"}]))

    async def created(condition: bytes) -> httpx.Response:
        headers = {b"Authorization": f"Bearer {me.token}".encode(), b"Content-Type": b"application/fhir+json"}
        headers[b"If-None-Exist"] = condition
        return await me.http.post(f"{me.base}/Observation", content=body, headers=headers)

    for condition, status in (("Zoë", 201), ("Zoë", 200), ("Zo%C3%AB", 200)):
        assert (await created(f"identifier={condition}-Testpersoon".encode())).status_code == status
    before = await me.changes()
    for unreadable in (b"identifier=Zo\xeb", b"identifier=Zo%EB"):
        answer = await created(unreadable)
        assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (400, "invalid")
    made = weight(release, him.patient(release))
    bad = bundle("transaction", entry("POST", "Observation", made, ifNoneExist="identifier=Zo%EB"))
    assert (await me("POST", "/", bad)).status_code == 400
    assert await me.changes() == before


async def test_a_body_that_was_compressed_is_refused_as_such(world: World) -> None:
    me = world.caller("zonnestraal")
    body = gzip.compress(encoded(weight(R4, world.zonnestraal.patient())))
    answer = await me("POST", "/Observation", body, Content_Encoding="gzip")
    assert (answer.status_code, "Content-Encoding" in answer.text) == (415, True)


@pytest.mark.parametrize("release", Release)
async def test_a_release_may_be_named_with_all_of_its_numbers(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    named = f"application/fhir+json; fhirVersion={release.fhir_version}"
    body = weight(release, him.patient(release))
    assert (await me("POST", "/Observation", body, Content_Type=named, Accept=named)).status_code == 201
    assert (await me("GET", him.url("weight", release), Accept=f"{named}.1")).status_code == 406


async def test_the_plus_of_a_time_zone_may_come_as_it_is(world: World) -> None:
    me = world.caller("zonnestraal")
    patient = f"/Patient/{world.zonnestraal.patients[R4]}"
    for url in (
        "/_history?_since=",
        f"{patient}/_history?_at=",
        f"{patient}/$everything?_since=",
        "/AuditEvent?date=ge",
    ):
        answer = await me("GET", f"{url}2026-01-01T00:00:00.123+00:00")
        assert answer.status_code == 200, answer.text


async def test_an_estimate_may_be_asked_for_as_hapi_writes_it(world: World) -> None:
    me = world.caller("zonnestraal")
    asked, said = await me.get("/Observation?_total=estimated"), await me.get("/Observation?_total=estimate")
    assert asked["total"] == said["total"] > 0


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("kind", ["application/pdf", "text/plain; charset=utf-8"])
async def test_a_file_is_written_as_it_is(world: World, release: Release, kind: str) -> None:
    me = world.caller("zonnestraal", release)
    file = bytes(range(256)) * (1 if release is Release.STU3 else 400)
    made = await me("POST", "/Binary", file, Content_Type=kind, Accept="application/fhir+json")
    assert (made.status_code, tree_of(made)["contentType"]) == (201, kind)
    url = f"/Binary/{tree_of(made)['id']}"
    changed = await me("PUT", url, file * 2, Content_Type=kind)
    assert (changed.status_code, tree_of(changed)["meta"]["versionId"]) == (200, "2")
    kept = await me("GET", url, Accept="*/*")
    assert (kept.content, kept.headers["content-type"]) == (file * 2, kind)
    assert (await world.caller("maanlicht", release)("GET", url)).status_code == 404


async def test_whose_a_file_is_may_be_said_in_a_header(world: World) -> None:
    me, him, her = world.caller("zonnestraal"), world.zonnestraal, world.maanlicht
    made = await me("POST", "/Binary", b"a;b", Content_Type="text/csv", X_Security_Context=him.patient())
    assert tree_of(made)["securityContext"] == {"reference": him.patient()}
    before = await me.changes()
    for whose in (her.patient(), f"Patient/{never_made()}", "Koekoek/1"):
        answer = await me("POST", "/Binary", b"a;b", Content_Type="text/csv", X_Security_Context=whose)
        assert answer.status_code == 422
    assert await me.changes() == before


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/pdf", b"", 400),
        ("no media type", b"a", 415),
        ("", b"a", 415),
        ("application/fhir+json", b"%PDF", 400),
        ("application/json", b'{"resourceType": "Patient"}', 400),
    ],
)
async def test_what_is_no_file_is_none(world: World, kind: str, body: bytes, status: int) -> None:
    answer = await world.caller("zonnestraal")("POST", "/Binary", body, Content_Type=kind)
    assert (answer.status_code, tree_of(answer)["resourceType"]) == (status, "OperationOutcome")


async def test_only_a_binary_takes_a_file(world: World) -> None:
    me = world.caller("zonnestraal")
    assert (await me("POST", "/Media", b"%PDF", Content_Type="application/pdf")).status_code == 415
    assert (await me("PATCH", "/Binary/1", b"%PDF", Content_Type="application/pdf")).status_code == 415


@pytest.mark.parametrize("place", ["/Observation?code=29463-7&", "/?_type=Observation,Patient&"])
async def test_a_further_page_may_be_asked_for_in_another_format(world: World, place: str) -> None:
    me = world.caller("zonnestraal")
    for state in ("final", "amended", "corrected"):
        await me("POST", "/Observation", weight(R4, world.zonnestraal.patient(), status=state))
    first = tree_of(await me("GET", f"{place}_count=1&_format=json"))
    (further,) = (
        link["url"].removeprefix(f"{BASE_URL}{me.base}") for link in first["link"] if link["relation"] == "next"
    )
    as_it_came = tree_of(await me("GET", further))
    assert ids_of(as_it_came) not in ([], ids_of(first))
    for other in ("&_format=json", "&_pretty=true"):
        assert ids_of(tree_of(await me("GET", further + other))) == ids_of(as_it_came)
    written = await me("GET", f"{further}&_format=xml")
    assert written.headers["content-type"].startswith("application/fhir+xml")
    assert f'<id value="{as_it_came["entry"][0]["resource"]["id"]}"/>' in written.text
    assert (await me("GET", f"{further}&status=final")).status_code == 400
