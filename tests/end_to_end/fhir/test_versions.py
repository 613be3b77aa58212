"""Create, update, delete and the versions that they leave behind."""

import asyncio

import pytest

from app.fhir.release import Release
from tests.support.world import SYSTEM, Caller, World, identifier, tree_of, weight

R4 = Release.R4
UUID = "5a1ad000-0000-4000-8000-000000000077"


@pytest.mark.parametrize("release", Release)
async def test_create_answers_with_the_resource_and_where_it_is(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    sent = weight(release, patient, id="mine", meta={"versionId": "9", "lastUpdated": "2000-01-01T00:00:00Z"})
    answer = await me("POST", "/Observation", sent)
    made = tree_of(answer)
    assert answer.status_code == 201
    assert made["id"] != "mine"
    assert made["meta"]["versionId"] == "1"
    assert made["meta"]["lastUpdated"] > "2026"
    base = f"http://127.0.0.1:8000/fhir/{release.path}"
    assert answer.headers["location"] == f"{base}/Observation/{made['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert int(answer.headers["regie-seq"]) > 0
    for url in (answer.headers["location"], f"/Observation/{made['id']}"):
        read = await me("GET", url)
        assert read.content == answer.content
        assert read.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("wanted", "kind"), [("minimal", None), ("representation", "Observation"), ("OperationOutcome", "OperationOutcome")]
)
async def test_the_caller_chooses_what_a_write_returns(me: Caller, patient: str, wanted: str, kind: str | None) -> None:
    answer = await me("POST", "/Observation", weight(R4, patient), Prefer=f"return={wanted}")
    assert answer.status_code == 201
    assert (tree_of(answer)["resourceType"] if answer.content else None) == kind
    assert "location" in answer.headers


async def test_update_makes_the_next_version(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient, "72.5"))
    url = f"/Observation/{made['id']}"
    answer = await me("PUT", url, weight(R4, patient, "73.5", id=made["id"]))
    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"2"'
    assert tree_of(answer)["meta"]["versionId"] == "2"
    assert (await me.get(f"{url}/_history/1"))["valueQuantity"]["value"] == 72.5
    assert (await me.get(f"{url}/_history/2"))["valueQuantity"]["value"] == 73.5
    assert (await me.get(url)) == await me.get(f"{url}/_history/2")
    for version in ("0", "3", "x", "01", "99999999999999999999999"):
        assert (await me("GET", f"{url}/_history/{version}")).status_code == 404, version


async def test_if_match_lets_only_the_first_of_two_win(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient))
    url = f"/Observation/{made['id']}"
    tries = [
        me("PUT", url, weight(R4, patient, str(80 + number), id=made["id"]), If_Match='W/"1"') for number in range(8)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*tries))
    assert statuses == [200] + [412] * 7
    assert (await me.get(url))["meta"]["versionId"] == "2"
    stale = await me("PUT", url, weight(R4, patient, id=made["id"]), If_Match='W/"1"')
    assert stale.status_code == 412
    assert (await me("DELETE", url, If_Match='W/"1"')).status_code == 412
    assert (await me("PUT", url, weight(R4, patient, id=made["id"]), If_Match='W/"2"')).status_code == 200
    assert (await me("DELETE", url, If_Match='W/"3"')).status_code == 204


async def test_an_app_may_choose_a_uuid_and_nothing_else(me: Caller, patient: str) -> None:
    before = await me.changes()
    for chosen in ("mine", "1", "5a1ad000-0000-4000-8000-00000000007", UUID.replace("-", "")):
        answer = await me("PUT", f"/Observation/{chosen}", weight(R4, patient, id=chosen))
        assert answer.status_code == 405, chosen
    assert await me.changes() == before
    made = await me("PUT", f"/Observation/{UUID}", weight(R4, patient, id=UUID))
    assert (made.status_code, tree_of(made)["id"]) == (201, UUID)
    again = await me("PUT", f"/Observation/{UUID}", weight(R4, patient, id=UUID))
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"2"')
    first = await me("PUT", f"/Observation/{UUID}", weight(R4, patient, id=UUID), If_None_Match="*")
    assert first.status_code == 412


async def test_a_new_resource_has_no_version_to_match(me: Caller, patient: str) -> None:
    answer = await me("PUT", f"/Observation/{UUID}", weight(R4, patient, id=UUID), If_Match='W/"1"')
    assert answer.status_code == 412
    assert (await me("GET", f"/Observation/{UUID}")).status_code == 404


async def test_a_deleted_resource_is_gone_and_may_come_back(me: Caller, patient: str) -> None:
    assert (await me("PUT", f"/Observation/{UUID}", weight(R4, patient, id=UUID))).status_code == 201
    url = f"/Observation/{UUID}"
    deleted = await me("DELETE", url)
    assert (deleted.status_code, deleted.content, deleted.headers["etag"]) == (204, b"", 'W/"2"')
    gone = await me("GET", url)
    assert (gone.status_code, tree_of(gone)["issue"][0]["code"]) == (410, "deleted")
    assert (await me("GET", f"{url}/_history/2")).status_code == 410
    assert (await me("GET", f"{url}/_history/1")).status_code == 200
    again = await me("DELETE", url)
    assert (again.status_code, again.headers["etag"]) == (204, 'W/"2"')
    matched = await me("PUT", url, weight(R4, patient, id=UUID), If_Match='W/"2"')
    assert matched.status_code == 412
    back = await me("PUT", url, weight(R4, patient, "80", id=UUID))
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"3"')
    assert (await me.get(url))["valueQuantity"]["value"] == 80
    operations = [one["request"]["method"] for one in (await me.get(f"{url}/_history"))["entry"]]
    assert operations == ["POST", "DELETE", "POST"]


async def test_what_never_was_can_not_be_deleted(me: Caller) -> None:
    before = await me.changes()
    assert (await me("DELETE", f"/Observation/{UUID}")).status_code == 404
    assert await me.changes() == before


async def test_the_patient_of_a_record_is_not_deleted_and_not_made_twice(world: World, me: Caller) -> None:
    url = world.zonnestraal.url("patient")
    assert (await me("DELETE", url)).status_code == 405
    again = await me("POST", "/Patient", {"resourceType": "Patient", "name": [{"family": "Ander-Testpersoon"}]})
    assert again.status_code == 200
    assert tree_of(again) == await me.get(url)
    assert len(await me.found("/Patient")) == 1


async def test_history_is_newest_first_and_in_pages(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient, "70"))
    url = f"/Observation/{made['id']}"
    for number in range(71, 75):
        assert (await me("PUT", url, weight(R4, patient, str(number), id=made["id"]))).status_code == 200
    whole = await me.get(f"{url}/_history")
    assert whole["type"] == "history"
    assert [one["resource"]["meta"]["versionId"] for one in whole["entry"]] == ["5", "4", "3", "2", "1"]
    assert [one["response"]["etag"] for one in whole["entry"]] == [f'W/"{n}"' for n in (5, 4, 3, 2, 1)]
    paged = []
    following: str | None = f"{url}/_history?_count=2"
    while following is not None:
        page = await me.get(following)
        assert len(page["entry"]) <= 2
        paged += page["entry"]
        following = next((one["url"] for one in page["link"] if one["relation"] == "next"), None)
    assert paged == whole["entry"]
    assert (await me("GET", f"/Observation/{UUID}/_history")).status_code == 404


async def test_a_read_that_knows_the_version_gets_no_body(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient))
    answer = await me("GET", f"/Observation/{made['id']}", If_None_Match='W/"1"')
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", 'W/"1"')
    assert (await me("GET", f"/Observation/{made['id']}", If_None_Match='W/"2"')).status_code == 200


# --------------------------------------------------------------------------------------- writing the same thing again


async def test_of_twenty_conditional_creates_at_once_one_creates(me: Caller, patient: str) -> None:
    condition = f"identifier={SYSTEM}|once"
    tries = [
        me("POST", "/Observation", weight(R4, patient, str(n), identifier=identifier("once")), If_None_Exist=condition)
        for n in range(20)
    ]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert len(await me.found(f"/Observation?{condition}")) == 1


async def test_a_conditional_create_with_several_matches_is_refused(me: Caller, patient: str) -> None:
    for value in ("1", "2"):
        await me.made(weight(R4, patient, value, identifier=identifier("twice")))
    before = await me.changes()
    answer = await me("POST", "/Observation", weight(R4, patient), If_None_Exist="identifier=twice")
    assert answer.status_code == 412
    assert tree_of(answer)["issue"][0]["code"] == "multiple-matches"
    assert await me.changes() == before


async def test_what_was_deleted_does_not_stop_a_conditional_create(me: Caller, patient: str) -> None:
    tree = weight(R4, patient, identifier=identifier("again"))
    first = await me("POST", "/Observation", tree, If_None_Exist="identifier=again")
    assert (await me("DELETE", f"/Observation/{tree_of(first)['id']}")).status_code == 204
    assert (await me("POST", "/Observation", tree, If_None_Exist="identifier=again")).status_code == 201


async def test_the_same_measurement_with_the_same_identifier_is_kept_once(me: Caller, patient: str) -> None:
    tree = weight(R4, patient, identifier=identifier("phone-17"))
    answers = await asyncio.gather(*(me("POST", "/Observation", tree) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({tree_of(answer)["id"] for answer in answers}) == 1
    other = await me("POST", "/Observation", tree | {"status": "amended"})
    assert other.status_code == 201


async def test_an_idempotency_key_gives_the_answer_of_the_first_time(me: Caller, patient: str) -> None:
    tree = weight(R4, patient)
    answers = await asyncio.gather(*(me("POST", "/Observation", tree, Idempotency_Key="k") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    for name in ("etag", "location", "regie-seq"):
        assert len({answer.headers[name] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    made = tree_of(answers[0])
    url = f"/Observation/{made['id']}"
    assert (await me("PUT", url, weight(R4, patient, "99", id=made["id"]))).status_code == 200
    later = await me("POST", "/Observation", tree, Idempotency_Key="k")
    assert (later.status_code, later.content) == (201, answers[0].content)
    assert (await me.get(url))["valueQuantity"]["value"] == 99


async def test_an_idempotency_key_with_another_request_is_a_conflict(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient), Idempotency_Key="k")
    before = await me.changes()
    url = f"/Observation/{made['id']}"
    for answer in (
        await me("POST", "/Observation", weight(R4, patient, "73"), Idempotency_Key="k"),
        await me("PUT", url, weight(R4, patient, id=made["id"]), Idempotency_Key="k"),
        await me("DELETE", url, Idempotency_Key="k"),
        await me("POST", "/Observation", weight(R4, patient), Idempotency_Key="k", If_None_Exist="identifier=a|b"),
        await me("POST", "/Observation", weight(R4, patient), Idempotency_Key="k", If_None_Exist="identifier=x"),
    ):
        assert answer.status_code == 409
    assert await me.changes() == before


async def test_updates_and_deletes_may_be_repeated_by_key_too(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient))
    url = f"/Observation/{made['id']}"
    changed = weight(R4, patient, "80", id=made["id"])
    first = await me("PUT", url, changed, Idempotency_Key="put")
    assert (await me("PUT", url, weight(R4, patient, "81", id=made["id"]))).headers["etag"] == 'W/"3"'
    again = await me("PUT", url, changed, Idempotency_Key="put")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (await me.get(url))["meta"]["versionId"] == "3"
    assert (await me("DELETE", url, Idempotency_Key="delete")).status_code == 204
    assert (await me("PUT", url, changed)).status_code == 201
    assert (await me("DELETE", url, Idempotency_Key="delete")).status_code == 204
    assert (await me("GET", url)).status_code == 200


async def test_a_refused_write_does_not_use_up_its_key(me: Caller, patient: str) -> None:
    refused = await me("POST", "/Observation", weight(R4, patient, status="klaar"), Idempotency_Key="k")
    assert refused.status_code == 422
    assert (await me("POST", "/Observation", weight(R4, patient), Idempotency_Key="k")).status_code == 201
