"""Conditions in a batch or transaction: references and URLs by a search, patches, reads that know the version."""

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest

from app.fhir.release import Release
from app.interactions import condition_search
from tests.support.world import SYSTEM, Caller, Tree, World, bundle, entry, goal, identifier, tree_of, weight

R4 = Release.R4
URN = "urn:uuid:5a1ad000-0000-4000-8000-0000000001{:02}"
UUID = "5a1ad000-0000-4000-8000-000000000188"
BSN = "http://fhir.nl/fhir/NamingSystem/bsn"


def statuses(answer: Any) -> list[str]:
    """Return the status of each entry."""
    assert answer.status_code == 200, answer.text
    return [one["response"]["status"][:3] for one in tree_of(answer)["entry"]]


def named(patient: str, name: str = "cuff", **members: Any) -> Tree:
    """Return an Observation with an identifier."""
    return weight(R4, patient, identifier=identifier(name), **members)


def patch_of(operations: Any, form: str = "application/json-patch+json") -> Tree:
    """Return a Binary that holds a patch."""
    data = b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": form, "data": data}


# ------------------------------------------------------------------------------------------------------- references


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("who", ["zonnestraal", "both", "operator"])
async def test_a_reference_by_a_search_becomes_the_one_that_it_finds(world: World, release: Release, who: str) -> None:
    him = world.zonnestraal
    by_bsn = f"Patient?identifier={BSN}|{him.bsn}"
    answer = await world.caller(who, release)(
        "POST", "/", bundle("transaction", entry("POST", "Observation", weight(release, by_bsn)))
    )
    assert statuses(answer) == ["201"]
    made = tree_of(answer)["entry"][0]["response"]["location"].partition("/_history")[0]
    kept = await world.caller("zonnestraal", release).get(f"/{made}")
    assert kept["subject"]["reference"] == him.patient(release)


async def test_a_reference_by_a_search_may_lead_to_the_directory(world: World, me: Caller, patient: str) -> None:
    tree = {"resourceType": "Organization", "identifier": identifier("org"), "name": "Praktijk Zonnewijzer-Test"}
    made = await world.caller("operator").made(tree)
    performed = weight(R4, patient, performer=[{"reference": "Organization?identifier=org"}])
    answer = await me("POST", "/", bundle("transaction", entry("POST", "Observation", performed)))
    assert statuses(answer) == ["201"]
    url = tree_of(answer)["entry"][0]["response"]["location"].partition("/_history")[0]
    assert (await me.get(f"/{url}"))["performer"][0]["reference"] == f"Organization/{made['id']}"


async def test_a_reference_finds_what_is_the_persons_own_before_the_directory(
    world: World, me: Caller, patient: str
) -> None:
    tree = {"resourceType": "Organization", "identifier": identifier("org"), "name": "Praktijk Zonnewijzer-Test"}
    await world.caller("operator").made(tree)
    own = await me.made(tree)
    performed = weight(R4, patient, performer=[{"reference": "Organization?identifier=org"}])
    answer = await me("POST", "/", bundle("transaction", entry("POST", "Observation", performed)))
    assert statuses(answer) == ["201"]
    url = tree_of(answer)["entry"][0]["response"]["location"].partition("/_history")[0]
    assert (await me.get(f"/{url}"))["performer"][0]["reference"] == f"Organization/{own['id']}"


@pytest.mark.parametrize("who", ["zonnestraal", "granted", "operator"])
async def test_a_reference_that_finds_none_or_several_fails_the_transaction(world: World, who: str) -> None:
    him, me, caller = world.zonnestraal, world.caller("zonnestraal"), world.caller(who)
    for _ in range(2):
        await me.made(named(him.patient(), note=[{"text": str(_)}]))
    before = await me.changes()
    for query in (
        "Observation?identifier=unheard",
        f"Observation?identifier=cuff&patient={him.patients[R4]}",
    ):
        tree = weight(R4, him.patient(), derivedFrom=[{"reference": query}])
        answer = await caller("POST", "/", bundle("transaction", entry("POST", "Observation", tree)))
        assert answer.status_code == 412, answer.text
        assert tree_of(answer)["issue"][0]["expression"] == ["Bundle.entry[0].resource.derivedFrom[0].reference"]
    assert await me.changes() == before


async def test_a_reference_by_a_search_finds_nobody_else(world: World) -> None:
    other = world.maanlicht
    for who in ("zonnestraal", "granted"):
        tree = weight(R4, f"Patient?identifier={BSN}|{other.bsn}")
        answer = await world.caller(who)("POST", "/", bundle("transaction", entry("POST", "Observation", tree)))
        never = weight(R4, f"Patient?identifier={BSN}|999900092")
        twin = await world.caller(who)("POST", "/", bundle("transaction", entry("POST", "Observation", never)))
        assert (answer.status_code, answer.text) == (twin.status_code, twin.text)
        assert answer.status_code == 412


@pytest.mark.parametrize("query", ["Observation?unheard=1", "Observation?", "Observation?_sort=date"])
async def test_a_reference_by_no_search_is_refused(me: Caller, patient: str, query: str) -> None:
    tree = weight(R4, patient, derivedFrom=[{"reference": query}])
    answer = await me("POST", "/", bundle("transaction", entry("POST", "Observation", tree)))
    assert answer.status_code in (400, 422)


async def test_a_reference_by_a_search_is_for_transactions(me: Caller, patient: str) -> None:
    tree = weight(R4, "Patient?identifier=x")
    assert (await me("POST", "/Observation", tree)).status_code == 422
    assert statuses(await me("POST", "/", bundle("batch", entry("POST", "Observation", tree)))) == ["422"]


# ------------------------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_entries_are_updated_patched_and_deleted_by_conditions(me: Caller, patient: str, kind: str) -> None:
    first = await me.made(named(patient, "a"))
    await me.made(named(patient, "b"))
    await me.made(named(patient, "c"))
    answer = await me(
        "POST",
        "/",
        bundle(
            kind,
            entry("PUT", f"Observation?identifier={SYSTEM}|a", named(patient, "a", status="amended")),
            entry("PUT", "Observation?identifier=new", named(patient, "new")),
            entry("PATCH", "Observation?identifier=b", patch_of({"language": "nl"}, "application/merge-patch+json")),
            entry("DELETE", "Observation?identifier=c"),
        ),
    )
    assert statuses(answer) == ["200", "201", "200", "204"]
    assert (await me.get(f"/Observation/{first['id']}"))["status"] == "amended"
    assert len(await me.found("/Observation?identifier=new")) == 1
    assert (await me.get("/Observation?identifier=b"))["entry"][0]["resource"]["language"] == "nl"
    assert await me.found("/Observation?identifier=c") == []


async def test_others_refer_to_what_a_condition_finds_or_makes(me: Caller, patient: str) -> None:
    stands = await me.made(goal(R4, patient, identifier=identifier("stands")))
    plan: Tree = {
        "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": patient},
        "goal": [{"reference": URN.format(number)} for number in (1, 2, 3)],
    }  # fmt: skip
    answer = await me(
        "POST",
        "/",
        bundle(
            "transaction",
            entry("POST", "CarePlan", plan),
            entry("PUT", "Goal?identifier=stands", goal(R4, patient, identifier=identifier("stands")), URN.format(1)),
            entry("PUT", "Goal?identifier=new", goal(R4, patient, identifier=identifier("new")), URN.format(2)),
            entry(
                "PUT", "Goal?identifier=own", goal(R4, patient, identifier=identifier("own"), id=UUID), URN.format(3)
            ),
        ),
    )
    assert statuses(answer) == ["201", "200", "201", "201"]
    new = (await me.found("/Goal?identifier=new"))[0]
    made = tree_of(answer)["entry"][0]["response"]["location"].partition("/_history")[0]
    goals = [one["reference"] for one in (await me.get(f"/{made}"))["goal"]]
    assert goals == [f"Goal/{stands['id']}", f"Goal/{new}", f"Goal/{UUID}"]


async def test_an_operator_keeps_a_patient_by_its_number(world: World) -> None:
    operator = world.caller("operator")
    tree = {"resourceType": "Patient", "identifier": [{"system": BSN, "value": "999900110"}]}
    sent = bundle(
        "transaction",
        entry("PUT", f"Patient?identifier={BSN}|999900110", tree, URN.format(1)),
        entry("POST", "Observation", weight(R4, URN.format(1)), ifNoneExist="identifier=unheard"),
    )
    assert statuses(await operator("POST", "/", sent)) == ["201", "201"]
    assert statuses(await operator("POST", "/", sent)) == ["200", "201"]
    found = await operator.found(f"/Patient?identifier={BSN}|999900110")
    assert len(found) == 1
    assert len(await operator.found(f"/Observation?patient={found[0]}")) == 2


async def test_what_is_said_of_two_new_people_can_be_read(world: World) -> None:
    operator = world.caller("operator")
    people = [{"resourceType": "Patient", "name": [{"family": f"{name}-Testpersoon"}]} for name in ("Een", "Twee")]
    answer = await operator(
        "POST",
        "/",
        bundle(
            "transaction",
            *(entry("POST", "Patient", tree, URN.format(number)) for number, tree in enumerate(people)),
            *(entry("POST", "Observation", weight(R4, URN.format(number))) for number in range(2)),
        ),
    )
    assert statuses(answer) == ["201"] * 4
    for one in tree_of(answer)["entry"]:
        await operator.get("/" + one["response"]["location"].partition("/_history")[0])


async def test_a_condition_of_a_transaction_sees_what_stood_before_it(me: Caller, patient: str) -> None:
    answer = await me(
        "POST",
        "/",
        bundle(
            "transaction",
            entry("POST", "Observation", named(patient)),
            entry("PUT", "Observation?identifier=cuff", named(patient, status="amended")),
        ),
    )
    assert statuses(answer) == ["201", "201"]


async def test_a_transaction_names_a_resource_once_by_conditions_too(me: Caller, patient: str) -> None:
    made = await me.made(named(patient))
    before = await me.changes()
    one, by_condition = f"Observation/{made['id']}", "Observation?identifier=cuff"
    update, patch = named(patient, id=made["id"]), patch_of([])
    for entries in (
        (entry("PUT", one, update), entry("DELETE", by_condition)),
        (entry("PATCH", one, patch), entry("PUT", one, update)),
        (entry("PATCH", by_condition, patch), entry("DELETE", "Observation?identifier=cuff&status=final")),
    ):
        answer = await me("POST", "/", bundle("transaction", *entries))
        assert answer.status_code == 422
        assert "only once" in answer.text
    assert await me.changes() == before


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (entry("DELETE", "Observation?identifier=unheard"), 404),
        (entry("DELETE", "Observation?code=http://loinc.org|29463-7"), 412),
        (entry("PATCH", "Observation?identifier=unheard", patch_of([])), 404),
        (entry("PATCH", "Observation/unheard", patch_of([])), 404),
        (entry("PATCH", "Observation?identifier=zonnestraal-weight", patch_of([{"op": "remove", "path": "/x"}])), 422),
        (entry("PATCH", "Observation?identifier=zonnestraal-weight", patch_of([]), ifMatch='W/"9"'), 412),
        (entry("PUT", "Observation?unheard=1", weight(R4, None)), 400),
        (entry("DELETE", "Observation?"), 400),
    ],
)
async def test_a_wrong_condition_fails_a_transaction_and_stays_alone_in_a_batch(
    me: Caller, patient: str, wrong: Tree, status: int
) -> None:
    before = await me.changes()
    right = entry("POST", "Observation", named(patient))
    answer = await me("POST", "/", bundle("transaction", right, wrong))
    assert answer.status_code in (status, 422)
    assert tree_of(answer)["issue"][0]["expression"][0].startswith("Bundle.entry[1]")
    assert await me.changes() == before
    assert statuses(await me("POST", "/", bundle("batch", right, wrong))) == ["201", str(status)]


async def test_of_transactions_at_once_one_creates_by_its_condition(me: Caller, patient: str) -> None:
    tree = named(patient)
    sent = [me("POST", "/", bundle("transaction", entry("PUT", "Observation?identifier=cuff", tree))) for _ in range(8)]
    found = sorted(statuses(answer)[0] for answer in await asyncio.gather(*sent))
    assert found == ["200"] * 7 + ["201"]


async def test_a_transaction_with_conditions_may_be_repeated_by_key(me: Caller, patient: str) -> None:
    sent = bundle("transaction", entry("PUT", "Observation?identifier=cuff", named(patient)))
    first = await me("POST", "/", sent, Idempotency_Key="k")
    again = await me("POST", "/", sent, Idempotency_Key="k")
    assert again.content == first.content
    assert (await me.get("/Observation?identifier=cuff"))["entry"][0]["resource"]["meta"]["versionId"] == "1"


# ---------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("release", Release)
async def test_each_entry_has_an_outcome_where_that_is_asked(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    made = await me.made(weight(release, patient))
    answer = await me(
        "POST",
        "/",
        bundle(
            "batch",
            entry("POST", "Observation", weight(release, patient)),
            entry("DELETE", f"Observation/{made['id']}"),
        ),
        Prefer="return=OperationOutcome",
    )
    for one in tree_of(answer)["entry"]:
        assert one["response"]["outcome"]["resourceType"] == "OperationOutcome"
        assert "resource" not in one


async def test_a_read_in_a_bundle_that_knows_the_version_gets_no_resource(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient))
    url, at = f"Observation/{made['id']}", made["meta"]["lastUpdated"]
    answer = await me(
        "POST",
        "/",
        bundle(
            "batch",
            entry("GET", url, ifNoneMatch='W/"1"'),
            entry("GET", url, ifNoneMatch='W/"2"'),
            entry("GET", url, ifModifiedSince=at),
            entry("GET", url, ifModifiedSince="2001-01-01T00:00:00Z"),
        ),
    )
    assert statuses(answer) == ["304", "200", "304", "200"]
    assert ["resource" in one for one in tree_of(answer)["entry"]] == [False, True, False, True]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_name_leads_to_what_is_made_in_place_of_what_is_deleted(me: Caller, patient: str, kind: str) -> None:
    old = await me.made(goal(R4, patient, identifier=identifier("aim")))
    new = goal(R4, patient, identifier=identifier("aim"))
    plan = {
        "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": patient},
        "goal": [{"reference": URN.format(1)}],
    }  # fmt: skip
    asked = bundle(
        kind,
        entry("POST", "Goal", new, URN.format(1), ifNoneExist="identifier=aim"),
        entry("POST", "CarePlan", plan),
        entry("DELETE", f"Goal/{old['id']}"),
    )
    answer = await me("POST", "/", asked)
    assert statuses(answer) == ["201", "201", "204"]
    (made,) = await me.found("/Goal?identifier=aim")
    assert made != old["id"]
    assert (await me.get("/CarePlan"))["entry"][0]["resource"]["goal"] == [{"reference": f"Goal/{made}"}]


async def test_conditions_take_no_longer_than_others_can_wait_for(
    me: Caller, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [entry("POST", "Observation", named(patient, f"é{i}")) for i in range(400)]
    await me("POST", "/", bundle("batch", *there))
    slow = [entry("POST", "Observation", weight(R4, patient), ifNoneExist=f"_content=body%20b{i}") for i in range(9)]
    quick = [entry("POST", "Observation", weight(R4, patient), ifNoneExist="identifier=nobody")] * 20
    monkeypatch.setattr(condition_search, "CONDITIONS_SECONDS", 0.02)
    answered = statuses(await me("POST", "/", bundle("batch", *slow)))
    assert answered[-1] == "422", answered
    answer = await me("POST", "/", bundle("transaction", *slow))
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (422, "too-costly")
    assert set(statuses(await me("POST", "/", bundle("batch", *quick)))) == {"201"}
