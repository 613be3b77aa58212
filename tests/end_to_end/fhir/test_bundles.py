"""Batch and transaction: references between entries, order, all or nothing, and repeats."""

import asyncio
from typing import Any

import pytest

from app.fhir.release import Release
from tests.support.world import SYSTEM, Caller, Tree, World, bundle, condition, entry, goal, identifier, tree_of, weight

R4 = Release.R4
URN = "urn:uuid:5a1ad000-0000-4000-8000-0000000000{:02}"
UUID = "5a1ad000-0000-4000-8000-0000000000{:02}"


def statuses(answer: Any) -> list[str]:
    """Return the status of each entry."""
    assert answer.status_code == 200, answer.text
    return [one["response"]["status"][:3] for one in tree_of(answer).get("entry", [])]


def made_ids(answer: Any) -> list[str]:
    """Return the ids in the locations of the entries."""
    return [one["response"]["location"].split("/")[1] for one in tree_of(answer)["entry"]]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("release", Release)
async def test_entries_refer_to_each_other_by_their_full_urls(world: World, release: Release, kind: str) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    plan: Tree = {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": patient},
        "goal": [{"reference": URN.format(2)}],
        "addresses": [{"reference": URN.format(3)}],
    }
    answer = await me(
        "POST",
        "/",
        bundle(
            kind,
            entry("POST", "CarePlan", plan, URN.format(1)),
            entry("POST", "Goal", goal(release, patient), URN.format(2)),
            entry("POST", "Condition", condition(release, patient), URN.format(3)),
        ),
    )
    assert statuses(answer) == ["201"] * 3
    assert tree_of(answer)["type"] == f"{kind}-response"
    plan_id, goal_id, condition_id = made_ids(answer)
    stored = await me.get(f"/CarePlan/{plan_id}")
    assert stored["goal"] == [{"reference": f"Goal/{goal_id}"}]
    assert stored["addresses"] == [{"reference": f"Condition/{condition_id}"}]
    assert await me.found(f"/CarePlan?goal=Goal/{goal_id}&condition={condition_id}") == [plan_id]


async def test_the_patient_of_a_bundle_is_the_person_of_the_app(world: World, me: Caller) -> None:
    him = {"resourceType": "Patient", "name": [{"family": "Zonnestraal-Testpersoon"}]}
    for kind in ("batch", "transaction"):
        asked = bundle(kind, entry("POST", "Patient", him, URN.format(1)),
                       entry("POST", "Observation", weight(R4, URN.format(1)), URN.format(2)))  # fmt: skip
        answer = await me("POST", "/", asked)
        assert statuses(answer) == ["200", "201"]
        made = await me.get(f"/Observation/{made_ids(answer)[1]}")
        assert made["subject"]["reference"] == world.zonnestraal.patient()


async def test_an_operator_may_bring_a_person_with_everything_in_one_transaction(world: World) -> None:
    operator = world.caller("operator")
    asked = bundle(
        "transaction",
        entry("POST", "Observation", weight(R4, URN.format(1)), URN.format(2)),
        entry("POST", "Patient", {"resourceType": "Patient", "name": [{"family": "Regenboog-Test"}]}, URN.format(1)),
    )
    answer = await operator("POST", "/", asked)
    assert statuses(answer) == ["201", "201"]
    observation, patient = made_ids(answer)
    assert await operator.found(f"/Observation?patient={patient}") == [observation]


async def test_a_transaction_is_all_or_nothing(world: World, me: Caller, patient: str) -> None:
    before = await me.changes()
    url = world.zonnestraal.url("weight")[1:]
    good = [
        entry("DELETE", url),
        entry("POST", "Observation", weight(R4, patient)),
        entry("PUT", f"Observation/{UUID.format(1)}", weight(R4, patient, id=UUID.format(1))),
    ]
    for bad, status in (
        (entry("POST", "Observation", weight(R4, patient, status="klaar")), 422),
        (entry("POST", "Observation", weight(R4, world.maanlicht.patient())), 422),
        (entry("PUT", "Observation/mine", weight(R4, patient, id="mine")), 405),
        (entry("PUT", world.zonnestraal.url("goal")[1:], goal(R4, patient, id="another")), 400),
        (entry("DELETE", f"Observation/{UUID.format(9)}"), 404),
        (entry("POST", "Condition", condition(R4, patient), ifNoneExist="subject:missing=false"), 412),
        (
            entry("PUT", world.zonnestraal.url("goal")[1:], goal(R4, patient, id=world.zonnestraal.ids[R4, "goal"]),
                  ifMatch='W/"7"'),
            412,
        ),
    ):  # fmt: skip
        for place in range(4):
            entries = [*good[:place], bad, *good[place:]]
            answer = await me("POST", "/", bundle("transaction", *entries))
            assert answer.status_code == status, answer.text
            assert f"Bundle.entry[{place}]" in answer.text
            assert await me.changes() == before
    assert statuses(await me("POST", "/", bundle("transaction", *good))) == ["204", "201", "201"]


async def test_an_entry_of_a_batch_fails_alone(world: World, me: Caller, patient: str) -> None:
    asked = bundle(
        "batch",
        entry("POST", "Observation", weight(R4, patient)),
        entry("POST", "Observation", weight(R4, patient, status="klaar")),
        entry("GET", world.zonnestraal.url("weight")[1:]),
        entry("GET", f"Observation/{UUID.format(9)}"),
        entry("DELETE", f"Observation/{UUID.format(9)}"),
        entry("GET", "Observatie"),
        entry("GET", "Observation?onbekend=1"),
        entry("GET", "Observation?status=final&_count=1"),
        entry("POST", "Observation", weight(R4, world.maanlicht.patient())),
    )
    answer = await me("POST", "/", asked)
    assert statuses(answer) == ["201", "422", "200", "404", "404", "404", "400", "200", "422"]
    entries = tree_of(answer)["entry"]
    invalid = entries[1]["response"]["outcome"]["issue"]
    assert [one["expression"] for one in invalid] == [["Bundle.entry[1].resource.status"]]
    assert entries[7]["resource"]["type"] == "searchset"
    assert len(entries[7]["resource"]["entry"]) == 1
    assert len(await me.found("/Observation")) == 3


async def test_a_transaction_deletes_then_creates_then_updates_then_reads(me: Caller, patient: str) -> None:
    old = await me.made(weight(R4, patient, identifier=identifier("moved")))
    asked = bundle(
        "transaction",
        entry("GET", "Observation?identifier=moved"),
        entry("POST", "Observation", weight(R4, patient, "2", identifier=identifier("moved")),
              ifNoneExist="identifier=moved"),
        entry("DELETE", f"Observation/{old['id']}"),
    )  # fmt: skip
    answer = await me("POST", "/", asked)
    assert statuses(answer) == ["200", "201", "204"]
    (found,) = tree_of(answer)["entry"][0]["resource"]["entry"]
    assert found["resource"]["valueQuantity"]["value"] == 2


async def test_if_none_exist_in_a_transaction_leads_references_to_what_was_there(me: Caller, patient: str) -> None:
    aim = await me.made(goal(R4, patient, identifier=identifier("aim")))
    plan: Tree = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": patient}}
    asked = bundle(
        "transaction",
        entry("POST", "Goal", goal(R4, patient), URN.format(1), ifNoneExist=f"identifier={SYSTEM}|aim"),
        entry("POST", "CarePlan", plan | {"goal": [{"reference": URN.format(1)}]}, URN.format(2)),
    )
    answer = await me("POST", "/", asked)
    assert statuses(answer) == ["200", "201"]
    stored = await me.get(f"/CarePlan/{made_ids(answer)[1]}")
    assert stored["goal"] == [{"reference": f"Goal/{aim['id']}"}]


async def test_the_same_identifier_twice_in_a_transaction_is_one_resource(me: Caller, patient: str) -> None:
    tree = weight(R4, patient, identifier=identifier("double"))
    asked = bundle("transaction", entry("POST", "Observation", tree), entry("POST", "Observation", tree))
    answer = await me("POST", "/", asked)
    assert statuses(answer) == ["201", "200"]
    assert len(set(made_ids(answer))) == 1
    assert len(await me.found("/Observation?identifier=double")) == 1


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "full_url", ["urn:uuid:00000000-0000-4000-8000-00000000000", "https://app.example/fhir/Observation/"]
)
async def test_what_was_sent_before_is_what_a_bundle_that_comes_again_refers_to(
    me: Caller, patient: str, kind: str, full_url: str, *, turned: bool
) -> None:
    def measured(number: int, *parts: int, value: str = "5") -> Tree:
        of = [{"reference": f"{full_url}{part}"} for part in parts]
        members = {"hasMember": of} if parts else {}
        tree = weight(R4, patient, value, identifier=identifier(f"part-{number}"), **members)
        return entry("POST", "Observation", tree, f"{full_url}{number}")

    async def sent(*entries: Tree) -> list[Tree]:
        answer = await me("POST", "/", bundle(kind, *(reversed(entries) if turned else entries)))
        assert answer.status_code == 200, answer.text
        made = [await me.get(f"/{one['response']['location']}") for one in tree_of(answer)["entry"]]
        return made[::-1] if turned else made

    def members(one: Tree) -> list[str]:
        return [member["reference"] for member in one["hasMember"]]

    first = [measured(1, 2, 3), measured(2, 3), measured(3)]
    before = await sent(*first)
    assert members(before[0]) == [f"Observation/{one['id']}" for one in before[1:]]
    assert await sent(*first) == before
    changed, *others = await sent(measured(1, 2, 3, value="6"), *first[1:])
    assert others == before[1:]
    assert changed["id"] != before[0]["id"]
    assert members(changed) == members(before[0])


async def test_what_refers_to_an_entry_of_a_batch_that_could_not_be_done_is_refused_with_it(
    me: Caller, patient: str
) -> None:
    made = entry("POST", "Device", {"resourceType": "Device"}, URN.format(1), ifNoneExist="no-such-parameter=1")
    using = weight(R4, patient, device={"reference": URN.format(1)})
    answer = await me("POST", "/", bundle("batch", entry("POST", "Observation", using), made))
    assert statuses(answer) == ["422", "400"]
    (issue,) = tree_of(answer)["entry"][0]["response"]["outcome"]["issue"]
    assert (issue["code"], issue["expression"]) == ("not-found", ["Bundle.entry[0].resource.device.reference"])
    twice = await me("POST", "/", bundle("batch", made, made, entry("POST", "Observation", using)))
    assert statuses(twice) == ["400", "400", "422"]
    made["request"].pop("ifNoneExist")
    assert statuses(await me("POST", "/", bundle("batch", entry("POST", "Observation", using), made))) == ["201", "201"]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("resource", [{}, {"contentType": "text/plain", "url": "what no Binary has"}])
@pytest.mark.parametrize(
    ("full_url", "link"),
    [
        (URN.format(1), URN.format(1)),
        ("https://app.example/fhir/Binary/1", "https://app.example/fhir/Binary/1"),
        ("https://app.example/fhir/Binary/1", "Binary/1"),
    ],
)
async def test_a_document_is_refused_with_the_file_of_the_batch_that_could_not_be_kept(
    me: Caller, patient: str, full_url: str, link: str, resource: Tree, *, turned: bool
) -> None:
    file = {"resourceType": "Binary", **(resource or {"contentType": "text/plain", "data": "aGFsbG8="})}
    # Without a fault of its own, it is the condition that can't be asked.
    asked = {} if resource else {"ifNoneExist": "no-such-parameter=1"}
    letter: Tree = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": patient},
        "content": [{"attachment": {"contentType": "text/plain", "url": link}}],
    }
    entries = [entry("POST", "Binary", file, full_url, **asked), entry("POST", "DocumentReference", letter)]
    answer = await me("POST", "/", bundle("batch", *(reversed(entries) if turned else entries)))
    found = statuses(answer)
    assert (found[0] if turned else found[1]) == "422", tree_of(answer)
    assert (found[1] if turned else found[0]) in ("400", "422")
    assert await me.found("/DocumentReference") == []


async def test_a_reference_by_the_address_of_an_entry_that_could_not_be_done_is_refused_too(
    me: Caller, patient: str
) -> None:
    device = entry("POST", "Device", {"resourceType": "Device"}, "https://app.example/fhir/Device/1",
                   ifNoneExist="no-such-parameter=1")  # fmt: skip
    for link in ("https://app.example/fhir/Device/1", "Device/1"):
        using = entry("POST", "Observation", weight(R4, patient, device={"reference": link}))
        answer = await me("POST", "/", bundle("batch", using, device))
        assert statuses(answer) == ["422", "400"]
        (issue,) = tree_of(answer)["entry"][0]["response"]["outcome"]["issue"]
        assert (issue["code"], issue["expression"]) == ("not-found", ["Bundle.entry[0].resource.device.reference"])


async def test_of_two_that_are_one_either_may_be_referred_to(me: Caller, patient: str) -> None:
    one, two, three, four = (URN.format(number) for number in range(4))
    same = weight(R4, patient, identifier=identifier("one"))
    whole = [weight(R4, patient, hasMember=[{"reference": part}, {"reference": two}]) for part in (one, three)]
    entries = [
        entry("POST", "Observation", whole[0], four),
        entry("POST", "Observation", same, one),
        entry("POST", "Observation", same, two),
        entry("POST", "Observation", same, three, ifNoneExist="identifier=one"),
        entry("POST", "Observation", whole[1]),
    ]
    made = made_ids(await me("POST", "/", bundle("transaction", *entries)))
    assert len(set(made)) == 3
    for found in (made[0], made[4]):
        parts = (await me.get(f"/Observation/{found}"))["hasMember"]
        assert [part["reference"] for part in parts] == [f"Observation/{made[1]}"] * 2


async def test_those_that_refer_to_each_other_in_a_circle_are_made_anew_together(me: Caller, patient: str) -> None:
    one, two = (URN.format(number) for number in range(2))
    circle = [
        entry(
            "POST",
            "Observation",
            weight(R4, patient, identifier=identifier(name), hasMember=[{"reference": other}]),
            name,
        )
        for name, other in ((one, two), (two, one))
    ]
    for _ in range(2):
        ids = made_ids(await me("POST", "/", bundle("transaction", *circle)))
        links = [(await me.get(f"/Observation/{one}"))["hasMember"][0]["reference"] for one in ids]
        assert links == [f"Observation/{one}" for one in reversed(ids)]


async def test_a_condition_sees_what_the_same_transaction_made(me: Caller, patient: str) -> None:
    entries = [
        entry("POST", "Observation", weight(R4, patient, str(number), identifier=identifier("same")),
              ifNoneExist="identifier=same")
        for number in range(3)
    ]  # fmt: skip
    answer = await me("POST", "/", bundle("transaction", *entries))
    assert statuses(answer) == ["201", "200", "200"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_bundle_that_comes_again_with_its_key_is_done_once(me: Caller, patient: str, kind: str) -> None:
    entries = [entry("POST", "Observation", weight(R4, patient, str(number))) for number in range(10)]
    asked = bundle(kind, *entries)
    answers = await asyncio.gather(*(me("POST", "/", asked, Idempotency_Key="sync") for _ in range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert statuses(answers[0]) == ["201"] * 10
    assert len(await me.found("/Observation")) == 12
    other = await me("POST", "/", bundle(kind, *entries[:3]), Idempotency_Key="sync")
    assert other.status_code == 409


async def test_a_batch_that_comes_again_tells_the_same_refusals(me: Caller, patient: str) -> None:
    asked = bundle("batch", entry("POST", "Observation", weight(R4, patient)),
                   entry("POST", "Observation", weight(R4, patient, status="klaar")))  # fmt: skip
    first = await me("POST", "/", asked, Idempotency_Key="sync")
    again = await me("POST", "/", asked, Idempotency_Key="sync")
    assert statuses(first) == ["201", "422"]
    assert again.content == first.content


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_an_empty_bundle_is_answered_empty(me: Caller, kind: str) -> None:
    answer = await me("POST", "/", {"resourceType": "Bundle", "type": kind})
    assert answer.status_code == 200
    assert tree_of(answer) == {"resourceType": "Bundle", "type": f"{kind}-response"}


async def test_text_that_looks_like_a_full_url_is_left_alone(me: Caller, patient: str) -> None:
    """Only references are rewritten: what a person wrote is kept as it is."""
    said = f"Zie {URN.format(1)}"
    aim = goal(R4, patient, note=[{"text": said}, {"text": URN.format(1)}], identifier=identifier(URN.format(1)))
    asked = bundle("transaction", entry("POST", "Goal", aim, URN.format(1)))
    made = await me.get(f"/Goal/{made_ids(await me('POST', '/', asked))[0]}")
    assert [one["text"] for one in made["note"]] == [said, URN.format(1)]
    assert made["identifier"][0]["value"] == URN.format(1)


async def test_versions_in_one_transaction_are_those_of_one_at_a_time(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient))
    url = f"Observation/{made['id']}"
    asked = bundle(
        "transaction",
        entry("PUT", url, weight(R4, patient, "80", id=made["id"]), ifMatch='W/"1"'),
        entry("GET", url),
    )
    answer = await me("POST", "/", asked, Prefer="return=representation")
    written, read = tree_of(answer)["entry"]
    assert written["response"]["etag"] == read["response"]["etag"] == 'W/"2"'
    assert written["resource"] == read["resource"]
    seqs = [one["extension"][0]["valueString"] for one in (written["response"],)]
    assert answer.headers["regie-seq"] == seqs[-1]
