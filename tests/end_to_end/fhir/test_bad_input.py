"""Bad input: the right status, an OperationOutcome that says where, and nothing changed."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, bundle, entry, tree_of, weight, world_in

R4 = Release.R4


def issues(answer: httpx.Response) -> list[Tree]:
    """Return the issues of a refusal, which has to be an OperationOutcome in FHIR JSON."""
    assert answer.headers["content-type"].startswith("application/fhir+json")
    tree = tree_of(answer)
    assert tree["resourceType"] == "OperationOutcome"
    assert tree["issue"]
    assert all(one["severity"] in ("error", "fatal") and one["diagnostics"] for one in tree["issue"])
    return list(tree["issue"])


def places(answer: httpx.Response) -> list[str]:
    """Return where the faults are."""
    return [place for one in issues(answer) for place in one.get("expression", [])]


def text_of(patient: str, **members: Any) -> str:
    """Return a weight as JSON text, to be spoilt."""
    return json.dumps(weight(R4, patient, **members))


MALFORMED = {
    "nothing": b"",
    "no JSON": b"<Observation/>",
    "cut off": b'{"resourceType":"Observation","status":',
    "an array": b"[]",
    "a number": b"1",
    "null": b"null",
    "NaN": b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":NaN}}',
    "Latin-1": '{"resourceType":"Observation","status":"final","code":{"text":"caf\xe9"}}'.encode("latin-1"),
    "a comma too many": b'{"resourceType":"Observation","status":"final",}',
    "two bodies": b'{"resourceType":"Observation"}{"resourceType":"Observation"}',
    "no resourceType": b'{"status":"final"}',
    "a resourceType that is a number": b'{"resourceType":1}',
    "a resourceType that is not FHIR's": b'{"resourceType":"Observatie"}',
    "the resourceType of another URL": b'{"resourceType":"Condition"}',
    "a huge exponent": b'{"resourceType":"Observation","valueQuantity":{"value":1e999999999}}',
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_resource_of_this_url_is_malformed(me: Caller, name: str) -> None:
    before = await me.changes()
    for method, url in (("POST", "/Observation"), ("PUT", "/Observation/5a1ad000-0000-4000-8000-000000000001")):
        answer = await me(method, url, MALFORMED[name])
        assert answer.status_code == 400, answer.text
        issues(answer)
    assert await me.changes() == before


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"status": 1}, "Observation.status"),
        ({"status": "klaar"}, "Observation.status"),
        ({"status": ["final"]}, "Observation.status"),
        ({"status": None}, "Observation.status"),
        ({"code": "29463-7"}, "Observation.code"),
        ({"code": {"coding": {"code": "29463-7"}}}, "Observation.code.coding"),
        ({"code": {"coding": [{"cod": "29463-7"}]}}, "Observation.code.coding[0].cod"),
        ({"valueQuantity": {"value": "72.5"}}, "Observation.valueQuantity.value"),
        ({"valueQuantity": {"value": True}}, "Observation.valueQuantity.value"),
        ({"effectiveDateTime": "gisteren"}, "Observation.effectiveDateTime"),
        ({"effectiveDateTime": "2026-02-30"}, "Observation.effectiveDateTime"),
        ({"issued": "2026-03-01"}, "Observation.issued"),
        ({"valueString": "ook"}, "Observation"),
        ({"onbekend": 1}, "Observation.onbekend"),
        ({"subject": []}, "Observation.subject"),
        ({"category": {}}, "Observation.category"),
        ({"identifier": []}, "Observation.identifier"),
        ({"text": {"status": "generated", "div": "<div>hoi<script>1</script></div>"}}, "Observation.text.div"),
    ],
    ids=str,
)
async def test_what_is_not_valid_is_refused_with_its_place(
    world: World, release: Release, members: Tree, place: str
) -> None:
    me = world.caller("zonnestraal", release)
    before = await me.changes()
    tree = weight(release, world.zonnestraal.patient(release)) | members
    answer = await me("POST", "/Observation", tree)
    assert answer.status_code == 422, answer.text
    assert any(one.startswith(place) for one in places(answer)), answer.text
    assert await me.changes() == before


async def test_all_faults_are_told_at_once(me: Caller, patient: str) -> None:
    answer = await me("POST", "/Observation", weight(R4, patient, status="klaar", onbekend=1, issued="x"))
    assert {"Observation.status", "Observation.onbekend", "Observation.issued"} <= set(places(answer))


async def test_what_is_missing_is_named(me: Caller, patient: str) -> None:
    tree = weight(R4, patient)
    del tree["code"]
    answer = await me("POST", "/Observation", tree)
    assert answer.status_code == 422
    assert "code" in answer.text


async def test_each_release_refuses_what_only_the_other_has(world: World) -> None:
    for release, members, place in (
        (Release.STU3, {"note": [{"text": "R4 only"}]}, "Observation.note"),
        (Release.R4, {"comment": "STU3 only"}, "Observation.comment"),
    ):
        me = world.caller("zonnestraal", release)
        answer = await me("POST", "/Observation", weight(release, world.zonnestraal.patient(release), **members))
        assert (answer.status_code, places(answer)) == (422, [place])


@pytest.mark.parametrize(
    "spoilt",
    [
        '{"resourceType":"Observation","status":"final","status":"amended",',
        '{"resourceType":"Observation","status":"final","\\u0073tatus":"amended",',
    ],
)
async def test_a_member_that_is_there_twice_is_refused(me: Caller, patient: str, spoilt: str) -> None:
    before = await me.changes()
    body = text_of(patient).replace('{"resourceType": "Observation", "status": "final", ', spoilt)
    assert spoilt in body
    answer = await me("POST", "/Observation", body)
    assert answer.status_code == 400, answer.text
    assert "twice" in answer.text
    assert await me.changes() == before


async def test_what_is_nested_too_deep_is_refused(me: Caller, patient: str) -> None:
    before = await me.changes()
    deep: Tree = {"url": "https://regie.example/deep", "valueString": "bottom"}
    for _ in range(60):
        deep = {"url": "https://regie.example/deep", "extension": [deep]}
    assert (await me("POST", "/Observation", weight(R4, patient, extension=[deep]))).status_code in (400, 422)
    arrays = text_of(patient, extension="DEEP").replace('"DEEP"', "[" * 100_000 + "]" * 100_000)
    answer = await me("POST", "/Observation", arrays)
    assert answer.status_code == 400
    assert "deep" in answer.text
    assert await me.changes() == before


async def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with world_in(tmp_path, body_size_max=20_000) as world:
        me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
        before = await me.changes()
        large = text_of(patient, note=[{"text": "x" * 20_000}])
        answer = await me("POST", "/Observation", large)
        assert answer.status_code == 413
        assert issues(answer)[0]["code"] == "too-long"

        async def endless() -> Any:
            while True:
                yield b" " * 4096

        headers = {"Authorization": f"Bearer {me.token}", "Content-Type": "application/fhir+json"}
        answer = await world.http.post("/fhir/r4/Observation", content=endless(), headers=headers)
        assert answer.status_code == 413
        fits = text_of(patient, note=[{"text": "x" * 15_000}])
        assert await me.changes() == before
        assert (await me("POST", "/Observation", fits)).status_code == 201


async def test_a_large_resource_within_the_limit_is_kept(me: Caller, patient: str) -> None:
    notes = [{"text": f"Meting {number}: " + "x" * 1000} for number in range(1000)]
    made = await me.made(weight(R4, patient, note=notes))
    assert (await me.get(f"/Observation/{made['id']}"))["note"] == notes


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/xhtml+xml", "application/fhir+turtle", "application/fhir+json; fhirVersion=3.0", ""],
)
async def test_another_media_type_is_refused(me: Caller, patient: str, media_type: str) -> None:
    before = await me.changes()
    for method, url in (("POST", "/Observation"), ("POST", "/"), ("PUT", f"/{patient}")):
        answer = await me(method, url, text_of(patient), **{"Content-Type": media_type})
        assert answer.status_code == 415, (method, answer.text)
        issues(answer)
    assert await me.changes() == before


@pytest.mark.parametrize(
    "media_type",
    ["application/fhir+json", "application/json", "application/fhir+json; charset=utf-8; fhirVersion=4.0"],
)
async def test_the_names_of_json_are_accepted(me: Caller, patient: str, media_type: str) -> None:
    assert (await me("POST", "/Observation", text_of(patient), **{"Content-Type": media_type})).status_code == 201


@pytest.mark.parametrize("accept", ["text/turtle", "application/fhir+json;fhirVersion=3.0", "application/json;q=0"])
async def test_what_the_caller_does_not_take_is_not_acceptable(me: Caller, patient: str, accept: str) -> None:
    before = await me.changes()
    assert (await me("GET", f"/{patient}", Accept=accept)).status_code == 406
    answer = await me("POST", "/Observation", text_of(patient), Accept=accept)
    assert answer.status_code == 406
    issues(answer)
    assert await me.changes() == before


@pytest.mark.parametrize(
    ("accept", "query"),
    [
        ("*/*", ""),
        ("application/*", ""),
        ("text/html, application/fhir+json;q=0.5", ""),
        ("application/fhir+json; fhirVersion=4.0", ""),
        ("text/html", "?_format=json"),
        ("text/html", "?_format=application/fhir+json"),
        ("text/html", "?_format=application%2Ffhir%2Bjson"),
    ],
)
async def test_json_is_answered_where_it_is_taken(me: Caller, patient: str, accept: str, query: str) -> None:
    assert (await me("GET", f"/{patient}{query}", Accept=accept)).status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/Observatie/1", 404),
        ("GET", "/observation", 404),
        ("GET", "/Observatie", 404),
        ("POST", "/Observatie", 404),
        ("GET", "/Bundle/1", 404),
        ("GET", "/OperationOutcome", 404),
        ("GET", "/Observation/1/2", 404),
        ("GET", "/Observation/1/_history/1/2", 404),
        ("GET", "/Observation/not_an_id!", 404),
        ("GET", f"/Observation/{'x' * 65}", 404),
        ("GET", "/Observation/%00", 404),
        ("GET", "/$unknown", 400),
        ("GET", "/Observation/$unknown", 400),
        ("PATCH", "/Observation/1/_history", 405),
        ("DELETE", "/Observation", 400),
        ("PUT", "/", 405),
        ("POST", "/Observation/1", 405),
        ("GET", "/", 400),
    ],
)
async def test_an_address_that_is_not_there_is_told_so(me: Caller, method: str, url: str, status: int) -> None:
    answer = await me(method, url)
    assert answer.status_code == status, answer.text
    issues(answer)


@pytest.mark.parametrize("url", ["/Observation/_search?code=x", "/_search", "/Patient/1/Observation/_search"])
async def test_a_get_of_a_search_that_is_posted_is_told_both_ways_to_search(me: Caller, url: str) -> None:
    answer = await me("GET", url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    (issue,) = issues(answer)
    assert "POST with its parameters as a form, or GET without _search" in issue["diagnostics"]


@pytest.mark.parametrize(
    "query",
    [
        "onbekend=1",
        "code:unknown=1",
        "code:in=x",
        "identifier:of-type=a|b",
        "code.name=x",
        "_has:Goal:patient:_id=1",
        "date=gisteren",
        "date=2026-13-01",
        "date=xx2026",
        "value-quantity=veel",
        "value-quantity=72|a|b|c",
        "code=,",
        "code=a,,b",
        "_count=-1",
        "_count=veel",
        "_sort=onbekend",
        "_include=Observation:onbekend",
        "_include=Onbekend:subject",
        "_revinclude=*",
        "_lastUpdated=nu",
        "_summary=alles",
        "_elements=onbekend",
        "_total=misschien",
        "code=%ff",
        "_cursor=nonsense",
        "_cursor=a&_cursor=b",
        "_count=1&_count=2",
        "status:missing=maybe",
    ],
)
async def test_a_query_that_can_not_be_answered_is_refused(me: Caller, query: str) -> None:
    answer = await me("GET", f"/Observation?{query}")
    assert answer.status_code == 400, answer.text
    issues(answer)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await me("POST", "/Observation/_search", query, **form)).status_code == 400


async def test_a_query_without_end_is_refused(me: Caller) -> None:
    assert (await me("GET", f"/Observation?{'&'.join(['code=a'] * 600)}")).status_code == 400
    assert (await me("GET", f"/Observation?code={','.join(['a'] * 600)}")).status_code == 400
    assert (await me("GET", f"/Observation?{'&'.join(['code=a'] * 65)}")).status_code == 400


async def test_a_query_that_is_far_too_long_is_refused_wherever_it_comes_from(me: Caller, patient: str) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    for length, status in ((60_000, 200), (70_000, 400), (300_000, 400)):
        answer = await me("POST", "/Observation/_search", "status=final&_content=" + "x" * length, **form)
        assert answer.status_code == status, length
        looks = bundle("batch", entry("GET", "Observation?_content=" + "x" * length))
        assert tree_of(await me("POST", "/", looks))["entry"][0]["response"]["status"][:3] == str(status)
        made = await me("POST", "/Observation", weight(R4, patient), If_None_Exist="_content=" + "x" * length)
        assert made.status_code == (201 if status == 200 else 400)


async def test_a_lenient_caller_is_told_what_was_passed_over(me: Caller) -> None:
    page = await me("GET", "/Observation?onbekend=1&status=final", Prefer="handling=lenient")
    assert page.status_code == 200
    (outcome,) = [one for one in tree_of(page)["entry"] if one["search"]["mode"] == "outcome"]
    assert outcome["resource"]["issue"][0]["severity"] == "warning"
    assert "onbekend" in str(outcome)
    assert "onbekend" not in str(tree_of(page)["link"])


async def test_read_and_operations_refuse_parameters_that_they_do_not_have(me: Caller, patient: str) -> None:
    for url in (
        f"/{patient}?code=1",
        f"/{patient}/_history?code=1",
        "/$delta?code=1",
        f"/{patient}/$everything?code=1",
    ):
        assert (await me("GET", url)).status_code == 400, url
    for url in ("/$delta?since=x", "/$delta?since=-1", "/Observation/$lastn?max=0", "/Observation/$lastn?max=x"):
        assert (await me("GET", url)).status_code == 400, url


BUNDLES: dict[str, tuple[Any, int, str]] = {
    "another resource": ({"resourceType": "Patient"}, 400, "Bundle.type"),
    "another type": ({"resourceType": "Bundle", "type": "collection"}, 400, "Bundle.type"),
    "no request": (bundle("transaction", {"resource": {"resourceType": "Basic"}}), 422, "Bundle.entry[0].request"),
    "an unknown member": (bundle("transaction") | {"onbekend": 1}, 422, "Bundle.onbekend"),
    "an unknown method": (bundle("transaction", entry("COPY", "Observation")), 422, "Bundle.entry[0].request.method"),
    "a PATCH without resource": (bundle("transaction", entry("PATCH", "Observation/1")), 422, "Bundle.entry[0].resource"),
    "a PATCH with another resource": (
        bundle("transaction", entry("PATCH", "Observation/1", {"resourceType": "Binary", "contentType": "text/plain"})),
        422,
        "Bundle.entry[0].resource",
    ),
    "a PATCH that is none": (
        bundle("transaction", entry("PATCH", "Observation/1", {"resourceType": "Parameters"})), 422,
        "Bundle.entry[0].resource",
    ),
    "an unknown type": (bundle("transaction", entry("DELETE", "Observatie/1")), 422, "Bundle.entry[0].request.url"),
    "a PUT without id": (
        bundle("transaction", entry("PUT", "Observation", weight(R4, None))), 422, "Bundle.entry[0].request.url",
    ),
    "a POST without resource": (bundle("transaction", entry("POST", "Observation")), 422, "Bundle.entry[0].resource"),
    "a wrong type in the resource": (
        bundle("transaction", entry("POST", "Observation", {"resourceType": "Goal"})), 422, "Bundle.entry[0].resource",
    ),
    "an invalid resource": (
        bundle("transaction", entry("POST", "Observation", weight(R4, None)),
               entry("POST", "Observation", weight(R4, None, status="klaar"))),
        422, "Bundle.entry[1].resource.status",
    ),
    "an urn that nothing has": (
        bundle("transaction", entry("POST", "Observation",
                                    weight(R4, "urn:uuid:5a1ad000-0000-4000-8000-0000000000ff"))),
        422, "Bundle.entry[0].resource.subject.reference",
    ),
    "the same resource twice": (
        bundle("transaction", entry("DELETE", "Observation/5a1ad000-0000-4000-8000-00000000abcd"),
               entry("DELETE", "Observation/5a1ad000-0000-4000-8000-00000000abcd")),
        422, "Bundle.entry[1]",
    ),
    "the same name twice": (
        bundle("transaction", entry("POST", "Observation", weight(R4, None), "urn:uuid:5a1ad000-0000-4000-8000-00000000000a"),
               entry("POST", "Observation", weight(R4, None), "urn:uuid:5a1ad000-0000-4000-8000-00000000000a")),
        422, "Bundle.entry[1]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BUNDLES)
async def test_a_bundle_that_is_not_right_changes_nothing_and_tells_where(me: Caller, name: str) -> None:
    asked, status, place = BUNDLES[name]
    before = await me.changes()
    answer = await me("POST", "/", asked)
    assert answer.status_code == status, answer.text
    assert place in places(answer), answer.text
    assert await me.changes() == before


async def test_a_bundle_with_too_many_entries_is_refused(tmp_path: Path) -> None:
    async with world_in(tmp_path, bundle_entries_max=3) as world:
        me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
        entries = [entry("POST", "Observation", weight(R4, patient)) for _ in range(4)]
        before = await me.changes()
        assert (await me("POST", "/", bundle("batch", *entries))).status_code == 413
        assert await me.changes() == before
        assert (await me("POST", "/", bundle("batch", *entries[:3]))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Exist": "onbekend=1"}, 400),
        ({"If-None-Exist": "_count=1"}, 400),
        ({"If-None-Exist": ""}, 400),
        ({"If-None-Exist": "status=final"}, 412),
        ({"Idempotency-Key": ""}, 400),
        ({"Idempotency-Key": "x" * 256}, 400),
    ],
    ids=str,
)
async def test_a_condition_that_can_not_be_met_creates_nothing(
    me: Caller, patient: str, headers: dict[str, str], status: int
) -> None:
    before = await me.changes()
    answer = await me("POST", "/Observation", weight(R4, patient), **headers)
    assert answer.status_code == status, answer.text
    issues(answer)
    assert await me.changes() == before


@pytest.mark.parametrize("if_match", ["1", 'W/"1', 'W/"1" W/"2"', '"1", *', ""])
async def test_an_if_match_that_is_no_etag_is_refused(world: World, me: Caller, if_match: str) -> None:
    before = await me.changes()
    url, own = world.zonnestraal.url("weight"), world.zonnestraal.patient()
    tree = weight(R4, own, id=world.zonnestraal.ids[R4, "weight"])
    for answer in (await me("PUT", url, tree, If_Match=if_match), await me("DELETE", url, If_Match=if_match)):
        assert answer.status_code == 400, answer.text
    assert await me.changes() == before


async def test_an_id_in_the_body_has_to_be_that_of_the_url(world: World, me: Caller) -> None:
    before = await me.changes()
    url = world.zonnestraal.url("weight")
    for tree in (weight(R4, world.zonnestraal.patient()), weight(R4, world.zonnestraal.patient(), id="another")):
        answer = await me("PUT", url, tree)
        assert answer.status_code == 400
        assert places(answer) == ["Observation.id"]
    assert await me.changes() == before


async def test_a_token_in_the_wrong_place_is_none(world: World) -> None:
    token, url = world.made.tokens["zonnestraal"], "/fhir/r4/Observation"
    for headers in ({"Authorization": f"Basic {token}"}, {"Authorization": token}, {"Authorization": "Bearer"}):
        assert (await world.http.get(url, headers=headers)).status_code == 401
    assert (await world.http.get(f"{url}?access_token={token}")).status_code == 401
    assert (await world.http.get(url, headers={"Authorization": f"bearer {token}"})).status_code == 200
