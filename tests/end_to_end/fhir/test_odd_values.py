"""Values that one kind of database takes and another does not: answered alike on both, and never as a fault of ours."""

import random
from urllib.parse import quote

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, World, bundle, entry, identifier, tree_of, weight

NUL = "%00"
SEARCHES = ("Patient?family=", "Patient?family:contains=", "Patient?family:exact=", "Observation?_id=", "Observation?code=",
            "Observation?value-string=", "Observation?patient.name=", "Observation?subject=", "Observation?_has:Goal:subject:_id=")  # fmt: skip


@pytest.mark.parametrize("search", SEARCHES)
async def test_a_search_for_a_character_that_no_text_has_is_refused_with_its_place(me: Caller, search: str) -> None:
    answer = await me("GET", f"/{search}a{NUL}b")
    assert answer.status_code == 400, answer.text
    assert tree_of(answer)["issue"][0]["expression"] == [f"http.{search.partition('?')[2].rstrip('=')}"]


async def test_so_it_is_in_a_condition_and_in_a_bundle(me: Caller, patient: str) -> None:
    condition = f"identifier=a{NUL}"
    body = weight(Release.R4, patient)
    assert (await me("POST", "/Observation", body, If_None_Exist=condition)).status_code == 400
    asked = bundle(
        "batch", entry("GET", f"Patient?family={NUL}"), entry("POST", "Observation", body, ifNoneExist=condition)
    )
    answered = tree_of(await me("POST", "/", asked))["entry"]
    assert [one["response"]["status"][:3] for one in answered] == ["400", "400"]


@pytest.mark.parametrize("client_id", ["a%00b", "%00"])
async def test_no_client_has_such_a_character(world: World, client_id: str) -> None:
    for answer in (
        await world.http.get(f"/authorize?client_id={client_id}&response_type=code"),
        await world.http.post(
            "/token",
            content=f"grant_type=refresh_token&refresh_token={client_id}&client_id={client_id}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
    ):
        assert answer.status_code in {400, 401}, answer.text


@pytest.mark.parametrize("number", [2**31 - 1, 2**31, 2**53, 2**63, 10**30])
async def test_a_version_with_a_number_that_is_too_large_is_not_there(world: World, me: Caller, number: int) -> None:
    url = world.zonnestraal.url("weight")
    assert (await me("GET", f"{url}/_history/{number}")).status_code == 404
    body = await me.get(url)
    assert (await me("PUT", url, body, If_Match=f'W/"{number}"')).status_code == 412


@pytest.mark.parametrize(
    "alphabet", ["abcdefghijklmnopqrstuvwxyz0123456789", "\U00010400\U00010401\u4e2d\u6587\u0416\u00e9"]
)
async def test_a_text_that_is_longer_than_a_key_may_be_is_kept_and_found(
    me: Caller, patient: str, alphabet: str
) -> None:
    chance = random.Random(7)
    text = "".join(chance.choices(alphabet, k=6000))  # of a kind that does not become short by compressing
    body = weight(Release.R4, patient, identifier=identifier(text))
    body["code"]["coding"].append({"system": f"http://a.example/{text}", "code": text})
    body["method"] = {"text": text}
    made = await me.made(body)
    assert await me.found(f"/Observation?identifier={quote(text[:6000])}") == [made["id"]]
    person = tree_of(await me("GET", f"/{patient}"))
    person["name"] = [{"family": text}]
    assert (await me("PUT", f"/{patient}", person)).status_code == 200
    assert await me.found(f"/Patient?family={quote(text[:40])}") == [person["id"]]
