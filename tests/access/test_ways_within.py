"""Ways in that a single request of a route does not show: pages, conditions, repeats, batches, old versions, references."""

import pytest

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS, LOOK
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions import search as searches
from tests.support.world import (
    SHARED_UUID,
    SYSTEM,
    Tree,
    World,
    bundle,
    condition,
    encounter_of,
    entry,
    identifier,
    ids_of,
    link,
    never_made,
    restricted,
    tree_of,
    weight,
)

R4 = Release.R4


# ------------------------------------------------------------------------------------------------------------- search


async def test_an_include_shows_only_what_its_reader_may_see(world: World) -> None:
    url = "/Observation?_include=Observation:encounter&identifier=zonnestraal-weight"
    hidden = world.zonnestraal.ids[R4, "hidden-encounter"]
    assert ids_of(await world.caller("zonnestraal").get(url), "include") == [hidden]
    for who in ("app of zonnestraal", "granted"):
        assert len((await world.caller(who).get(url))["entry"]) == 1, who


async def test_an_include_of_something_hidden_looks_like_one_of_something_that_is_not_there(world: World) -> None:
    me = world.caller("zonnestraal")
    answers = []
    for target in (world.zonnestraal.ids[R4, "hidden-encounter"], never_made(world.zonnestraal)):
        made = await me.made(weight(R4, world.zonnestraal.patient(), **encounter_of(R4, f"Encounter/{target}")))
        answer = await world.caller("granted")("GET", f"/Observation?_id={made['id']}&_include=Observation:encounter")
        text = answer.text.replace(made["id"], "ID").replace(target, "TARGET")
        answers.append(text.replace(made["meta"]["lastUpdated"], "INSTANT"))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("who", ["granted", "app of zonnestraal"])
async def test_the_log_tells_how_many_a_search_counted(world: World, who: str) -> None:
    patient = world.zonnestraal.patient()
    for url in ("/Observation?_summary=count", "/?_type=Observation&_count=0", "/Observation?_release=both&_count=0"):
        total = (await world.caller(who).get(f"{url}&patient={patient}"))["total"]
        (entry_,) = (await world.caller("zonnestraal").get("/AuditEvent?_count=1"))["entry"]
        details = [one for entity in entry_["resource"]["entity"] for one in entity.get("detail", ())]
        assert [one["valueString"] for one in details if one["type"] == "count"] == [str(total)], url
        assert total > 0


async def test_a_search_that_names_nobody_goes_over_so_many_people_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "PEOPLE_MAX", 1)
    for who in ("both", "operator"):
        refused = await world.caller(who)("GET", "/Observation?code=29463-7")
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly"), who
        named = await world.caller(who)("GET", f"/Observation?patient={world.zonnestraal.patient()}")
        assert named.status_code == 200, who
    assert ids_of(await world.caller("granted").get("/Observation"))


async def test_a_cursor_serves_nobody_else(world: World) -> None:
    url = "/Observation?_count=1"
    first = await world.caller("zonnestraal").get(url)
    following = link(first, "next")
    assert following is not None
    assert len(ids_of(await world.caller("zonnestraal").get(following))) == 1
    forged = following[:-8] + "AAAAAAAA"
    for who in ("maanlicht", "app of zonnestraal", "granted", "both", "operator"):
        stolen, made_up = await world.caller(who)("GET", following), await world.caller(who)("GET", forged)
        assert (stolen.status_code, stolen.text) == (400, made_up.text), who


async def test_a_cursor_serves_no_other_search(world: World) -> None:
    me = world.caller("zonnestraal")
    following = link(await me.get("/Observation?_count=1&status=final"), "next")
    assert following is not None
    for other in (
        following.replace("status=final", "status=amended"),
        following.replace("/Observation?", "/Condition?").replace("status=final&", ""),
        following.replace("/r4/", "/stu3/"),
    ):
        assert (await me("GET", other)).status_code == 400, other


async def test_a_withdrawn_grant_closes_the_next_page(world: World) -> None:
    practice = world.caller("granted")
    following = link(await practice.get("/Observation?_count=1"), "next")
    assert following is not None
    assert (await practice("GET", following)).status_code == 200
    await world.withdraw(world.made.grants["granted of zonnestraal"])
    refused = await practice("GET", following)
    assert refused.status_code == 403
    never = await world.caller("no grant")("GET", "/Observation")
    assert refused.text == never.text


async def test_a_grant_that_comes_between_two_pages_adds_nobody_who_was_not_named(world: World) -> None:
    practice = world.caller("granted")
    patient = world.zonnestraal.patients[R4]
    following = link(await practice.get(f"/Observation?patient={patient}&_count=1"), "next")
    await world.give("granted", world.maanlicht, Category.OWN_MEASUREMENTS)
    assert following is not None
    page = await practice.get(following)
    assert all(one["resource"]["subject"]["reference"].endswith(patient) for one in page["entry"])


async def test_a_search_over_several_people_finds_what_each_allowed(world: World) -> None:
    found = [
        item["resource"]["identifier"][-1]["value"] for item in (await world.caller("both").get("/Condition"))["entry"]
    ]
    assert sorted(found) == ["maanlicht-condition", "zonnestraal-condition"]
    everybody = [item["resource"]["id"] for item in (await world.caller("both").get("/Patient"))["entry"]]
    assert sorted(everybody) == sorted(person.patients[R4] for person in world.made.people.values())


@pytest.mark.parametrize("query", ["_id={}", "identifier=maanlicht-weight", "subject=Patient/{}", "patient:Patient={}"])
async def test_a_person_finds_nothing_of_another_whatever_is_asked(world: World, query: str) -> None:
    him = world.maanlicht
    ids = (him.ids[R4, "weight"], him.patients[R4])
    for resource_id in ids:
        url = f"/Observation?{query.format(resource_id)}"
        assert "entry" not in await world.caller("zonnestraal").get(url)
        assert "entry" not in await world.caller("app of zonnestraal").get(url)


async def test_a_practice_that_names_somebody_without_a_grant_is_told_what_it_would_be_for_nobody(world: World) -> None:
    practice = world.caller("granted")
    answers = [
        await practice("GET", f"/Observation?patient={patient}")
        for patient in (world.maanlicht.patients[R4], never_made(), "never-chosen")
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1


# ------------------------------------------------------------------------------------------------ conditions, repeats


async def test_a_conditional_create_does_not_tell_what_others_have(world: World) -> None:
    url = f"identifier={SYSTEM}|zonnestraal-weight"
    new = weight(R4, world.maanlicht.patient(), identifier=identifier("zonnestraal-weight"))
    made = await world.caller("maanlicht")("POST", "/Observation", new, If_None_Exist=url)
    assert made.status_code == 201
    assert tree_of(made)["id"] != world.zonnestraal.ids[R4, "weight"]


async def test_a_conditional_create_does_not_tell_what_was_not_granted(world: World) -> None:
    new = condition(R4, world.zonnestraal.patient(), identifier=identifier("zonnestraal-secret"))
    made = await world.caller("granted")(
        "POST", "/Condition", new, If_None_Exist=f"identifier={SYSTEM}|zonnestraal-secret"
    )
    assert made.status_code == 201
    assert tree_of(made)["id"] != world.zonnestraal.ids[R4, "secret"]


async def test_an_identifier_of_another_app_or_person_is_no_repeat(world: World) -> None:
    new = weight(R4, world.zonnestraal.patient(), identifier=identifier("the-same"))
    ids = {(await world.caller(who).made(new))["id"] for who in ("zonnestraal", "app of zonnestraal")}
    for_him = weight(R4, world.maanlicht.patient(), identifier=identifier("the-same"))
    ids.add((await world.caller("maanlicht").made(for_him))["id"])
    assert len(ids) == 3


async def test_an_idempotency_key_belongs_to_who_used_it(world: World) -> None:
    ids = set()
    for who, person in (
        ("zonnestraal", world.zonnestraal),
        ("app of zonnestraal", world.zonnestraal),
        ("granted", world.zonnestraal),
        ("both", world.zonnestraal),
        ("maanlicht", world.maanlicht),
        ("app of maanlicht", world.maanlicht),
    ):
        made = await world.caller(who).made(weight(R4, person.patient()), Idempotency_Key="one")
        again = await world.caller(who)("POST", "/Observation", weight(R4, person.patient()), Idempotency_Key="one")
        assert tree_of(again) == made
        ids.add(made["id"])
    assert len(ids) == 6


@pytest.mark.parametrize("as_bundle", [False, True])
async def test_a_repeated_write_is_refused_once_the_grant_is_withdrawn(world: World, as_bundle: bool) -> None:
    new: Tree = weight(R4, world.zonnestraal.patient())
    url, body = ("/", bundle("transaction", entry("POST", "Observation", new))) if as_bundle else ("/Observation", new)
    practice = world.caller("granted")
    first = await practice("POST", url, body, Idempotency_Key="one")
    assert first.status_code in (200, 201)
    await world.withdraw(world.made.grants["granted of zonnestraal"])
    again = await practice("POST", url, body, Idempotency_Key="one")
    assert again.status_code == 403
    assert world.zonnestraal.patients[R4] not in again.text


# ------------------------------------------------------------------------------------------------------------ Bundles


async def test_each_entry_of_a_batch_passes_the_gate_for_itself(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    asked = bundle(
        "batch",
        entry("GET", him.url("weight")[1:]),
        entry("GET", her.url("weight")[1:]),
        entry("GET", f"Observation/{never_made(her)}"),
        entry("GET", him.url("secret")[1:]),
        entry("GET", f"Observation?patient={her.patients[R4]}"),
        entry("POST", "Observation", weight(R4, her.patient())),
        entry("DELETE", him.url("weight")[1:]),
    )
    answer = tree_of(await world.caller("granted")("POST", "/", asked))
    statuses = [one["response"]["status"][:3] for one in answer["entry"]]
    assert statuses == ["200", "404", "404", "404", "403", "403", "403"]
    there, never = (
        str(answer["entry"][number]["response"]).replace(resource_id, "ID")
        for number, resource_id in ((1, her.ids[R4, "weight"]), (2, asked["entry"][2]["request"]["url"][12:]))
    )
    assert there == never


async def test_one_entry_outside_the_grant_undoes_a_transaction(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    owner = world.caller("zonnestraal")
    before = await owner.changes()
    for bad in (
        entry("POST", "Observation", weight(R4, her.patient())),
        entry("PUT", her.url("weight")[1:], weight(R4, her.patient(), id=her.ids[R4, "weight"])),
        entry("DELETE", him.url("weight")[1:]),
        entry("POST", "Goal", {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "Lopen"},
                               "subject": {"reference": him.patient()}}),
    ):  # fmt: skip
        asked = bundle("transaction", entry("POST", "Observation", weight(R4, him.patient())), bad)
        answer = await world.caller("granted")("POST", "/", asked)
        assert answer.status_code in (403, 405), answer.text
    assert await owner.changes() == before


async def test_the_patient_entry_of_an_app_is_its_own_person(world: World) -> None:
    """Whatever Patient an app sends along, it writes in its person's record, and changes no Patient."""
    strange = {"resourceType": "Patient", "name": [{"family": "Maanlicht-Testpersoon"}]}
    url = "urn:uuid:5a1ad000-0000-4000-8000-000000000001"
    asked = bundle("transaction", entry("POST", "Patient", strange, url), entry("POST", "Observation", weight(R4, url)))
    before = await world.caller("maanlicht").changes()
    answer = await world.caller("zonnestraal")("POST", "/", asked)
    assert answer.status_code == 200, answer.text
    made = tree_of(answer)["entry"][1]["response"]["location"].split("/")[1]
    observation = await world.caller("zonnestraal").get(f"/Observation/{made}")
    assert observation["subject"] == {"reference": world.zonnestraal.patient()}
    assert await world.caller("maanlicht").changes() == before


# ------------------------------------------------------------------------------------------------------- old versions


async def test_what_became_sensitive_is_closed_in_all_its_versions(world: World) -> None:
    him, owner, practice = world.zonnestraal, world.caller("zonnestraal"), world.caller("granted")
    url = him.url("condition")
    assert (await practice("GET", f"{url}/_history/1")).status_code == 200
    tree = await owner.get(url)
    tree["meta"] = restricted()
    assert (await owner("PUT", url, tree)).status_code == 200
    for way in (url, f"{url}/_history", f"{url}/_history/1", f"{url}/_history/2"):
        refused = await practice("GET", way)
        assert refused.status_code == 404, way
        assert (await world.caller("sensitive")("GET", way)).status_code == 200, way
    assert await practice.found("/Condition") == []
    delta = await practice.get(f"/$delta?patient={him.patients[R4]}")
    assert him.ids[R4, "condition"] not in str(delta)
    everything = await practice.get(f"/Patient/{him.patients[R4]}/$everything")
    assert him.ids[R4, "condition"] not in str(everything)


async def test_the_sensitive_past_of_a_resource_stays_closed(world: World) -> None:
    him, owner, practice = world.zonnestraal, world.caller("zonnestraal"), world.caller("granted")
    url = him.url("secret")
    tree = await owner.get(url)
    del tree["meta"]
    assert (await owner("PUT", url, tree)).status_code == 200
    assert (await practice("GET", url)).status_code == 200
    assert (await practice("GET", f"{url}/_history/1")).status_code == 404
    history = await practice.get(f"{url}/_history")
    assert [one["resource"]["meta"]["versionId"] for one in history["entry"]] == ["2"]
    delta = await practice.get(f"/$delta?patient={him.patients[R4]}")
    assert [one["response"]["etag"] for one in delta["entry"] if him.ids[R4, "secret"] in str(one)] == ['W/"2"']


async def test_a_deletion_of_something_hidden_is_hidden(world: World) -> None:
    him, practice = world.zonnestraal, world.caller("granted")
    before = await practice.get(f"/$delta?patient={him.patients[R4]}")
    assert (await world.caller("zonnestraal")("DELETE", him.url("secret"))).status_code == 204
    assert (await practice("GET", him.url("secret"))).status_code == 404
    after = await practice.get(f"/$delta?patient={him.patients[R4]}")
    assert after["entry"] == before["entry"]


async def test_a_delta_does_not_tell_that_something_hidden_changed(world: World) -> None:
    him, practice = world.zonnestraal, world.caller("granted")
    url = f"/$delta?patient={him.patients[R4]}"
    before = await practice("GET", url)
    await world.caller("zonnestraal").made(condition(R4, him.patient(), meta=restricted()))
    after = await practice("GET", url)
    assert after.content == before.content
    assert after.headers["regie-seq"] == before.headers["regie-seq"]


# ---------------------------------------------------------------------------------------------------------------- ids


async def test_the_same_chosen_id_in_two_records_is_two_resources(world: World) -> None:
    for person in (world.zonnestraal, world.maanlicht):
        own = await world.caller(person.name).get(f"/Observation/{SHARED_UUID}")
        assert own["subject"] == {"reference": person.patient()}
    changed = weight(R4, world.maanlicht.patient(), "81.0", id=SHARED_UUID)
    assert (await world.caller("maanlicht")("PUT", f"/Observation/{SHARED_UUID}", changed)).status_code == 200
    assert (await world.caller("zonnestraal").get(f"/Observation/{SHARED_UUID}"))["meta"]["versionId"] == "1"
    assert (await world.caller("maanlicht")("DELETE", f"/Observation/{SHARED_UUID}")).status_code == 204
    assert (await world.caller("zonnestraal")("GET", f"/Observation/{SHARED_UUID}")).status_code == 200


@pytest.mark.parametrize("way", ["", "/_history", "/_history/1"])
async def test_who_sees_both_is_told_to_search_by_patient(world: World, way: str) -> None:
    for who in ("both", "operator"):
        answer = await world.caller(who)("GET", f"/Observation/{SHARED_UUID}{way}")
        assert answer.status_code == 409, who
        assert "patient" in answer.text
    for person in world.made.people.values():
        url = f"/Observation?_id={SHARED_UUID}&patient={person.patients[R4]}"
        (found,) = (await world.caller("both").get(url))["entry"]
        assert found["resource"]["subject"]["reference"] == person.patient()


async def test_a_chosen_id_tells_nothing_of_a_record_outside_the_grant(world: World) -> None:
    answer = await world.caller("granted").get(f"/Observation/{SHARED_UUID}")
    assert answer["subject"] == {"reference": world.zonnestraal.patient()}


async def test_taking_an_id_that_another_record_has_is_like_taking_a_new_one(world: World) -> None:
    her, fresh = world.caller("maanlicht"), "5a1ad000-0000-4000-8000-00000000ffff"
    taken = "5a1ad000-0000-4000-8000-00000000eeee"
    his = weight(R4, world.zonnestraal.patient(), id=taken)
    assert (await world.caller("zonnestraal")("PUT", f"/Observation/{taken}", his)).status_code == 201
    answers = []
    for resource_id in (fresh, taken):
        absent = await her("GET", f"/Observation/{resource_id}")
        made = await her("PUT", f"/Observation/{resource_id}", weight(R4, world.maanlicht.patient(), id=resource_id))
        matched = await her(
            "PUT", f"/Observation/{resource_id}", weight(R4, world.maanlicht.patient(), id=resource_id),
            If_Match='W/"2"',
        )  # fmt: skip
        answers.append(
            [absent.status_code, absent.text.replace(resource_id, "ID"), made.status_code, made.headers["etag"],
             matched.status_code, matched.text.replace(resource_id, "ID")]
        )  # fmt: skip
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert answers[0][2] == 201


async def test_a_chosen_id_that_hides_something_is_refused_and_changes_nothing(world: World) -> None:
    him, owner = world.zonnestraal, world.caller("zonnestraal")
    uuid = "5a1ad000-0000-4000-8000-00000000dddd"
    secret = weight(R4, him.patient(), id=uuid, meta=restricted())
    assert (await owner("PUT", f"/Observation/{uuid}", secret)).status_code == 201
    before = await owner.changes()
    answer = await world.caller("app of zonnestraal")("PUT", f"/Observation/{uuid}", weight(R4, him.patient(), id=uuid))
    assert answer.status_code == 403
    assert await owner.changes() == before


# --------------------------------------------------------------------------------------------------------- references


@pytest.mark.parametrize("release", Release)
async def test_a_reference_into_another_record_is_refused_whether_its_target_exists_or_not(
    world: World, release: Release
) -> None:
    him, her, me = world.zonnestraal, world.maanlicht, world.caller("zonnestraal", release)
    real = her.ids[release, "hidden-encounter"]
    answers = []
    for target in (real, never_made(her), never_made()):
        new = weight(release, him.patient(release), **encounter_of(release, f"Encounter/{target}"))
        answer = await me("POST", "/Observation", new)
        assert answer.status_code == 422
        answers.append(answer.text.replace(target, "ID"))
    assert len(set(answers)) == 1
    field = "context" if release is Release.STU3 else "encounter"
    assert f"Observation.{field}" in answers[0]


async def test_another_patient_is_refused_as_subject_whether_it_exists_or_not(world: World) -> None:
    him, her, me = world.zonnestraal, world.maanlicht, world.caller("zonnestraal")
    answers = []
    for target in (her.patients[R4], never_made(), "chosen-by-nobody", him.patients[Release.STU3]):
        for text in (f"Patient/{target}", f"http://127.0.0.1:8000/fhir/r4/Patient/{target}"):
            answer = await me("POST", "/Observation", weight(R4, text))
            assert answer.status_code == 422, text
            answers.append(answer.text)
    assert len(set(answers)) == 1


async def test_a_chosen_id_of_another_record_may_be_named_and_leads_nowhere(world: World) -> None:
    uuid = "5a1ad000-0000-4000-8000-00000000cccc"
    other = {"resourceType": "Organization", "id": uuid, "name": "Alleen van Maanlicht-Test"}
    assert (await world.caller("maanlicht")("PUT", f"/Organization/{uuid}", other)).status_code == 201
    me = world.caller("zonnestraal")
    answers = []
    for target in (uuid, "5a1ad000-0000-4000-8000-00000000bbbb"):
        new = weight(R4, world.zonnestraal.patient(), performer=[{"reference": f"Organization/{target}"}])
        made = await me.made(new)
        found = await me("GET", f"/Observation?_id={made['id']}&_include=Observation:performer")
        text = found.text.replace(made["id"], "ID").replace(target, "TARGET")
        answers.append(text.replace(made["meta"]["lastUpdated"], "INSTANT"))
    assert answers[0] == answers[1]
    assert "Alleen van Maanlicht" not in answers[0]


# ----------------------------------------------------------------------------------------------------------- the rest


async def test_what_is_granted_later_is_open_at_the_next_request_and_what_is_withdrawn_is_closed(world: World) -> None:
    practice, url = world.caller("no grant"), world.zonnestraal.url("weight")
    for _ in range(2):
        assert (await practice("GET", url)).status_code == 403
        grant = await world.give("no grant", world.zonnestraal, Category.OWN_MEASUREMENTS)
        assert (await practice("GET", url)).status_code == 200
        await world.withdraw(grant)
    assert (await practice("GET", url)).status_code == 403


async def test_two_grants_open_what_either_opens_but_each_action_only_where_it_was_allowed(world: World) -> None:
    practice, him = world.caller("no grant"), world.zonnestraal
    await world.give("no grant", him, Category.GP_SUMMARY, LOOK)
    await world.give("no grant", him, Category.OWN_MEASUREMENTS, ALL_ACTIONS)
    assert (await practice("GET", him.url("condition"))).status_code == 200
    assert (await practice("GET", him.url("weight"))).status_code == 200
    refused = await practice("POST", "/Condition", condition(R4, him.patient()))
    assert refused.status_code == 403
    assert (await practice("DELETE", him.url("condition"))).status_code == 404
    assert (await practice("DELETE", him.url("weight"))).status_code == 204


async def test_a_grant_that_names_sensitive_things_does_not_unlock_what_another_grant_opens(world: World) -> None:
    practice, him = world.caller("sensitive"), world.zonnestraal
    secret = await world.caller("zonnestraal").made(weight(R4, him.patient(), meta=restricted()))
    assert (await practice("GET", him.url("secret"))).status_code == 200
    await world.give("sensitive", him, Category.OWN_MEASUREMENTS)
    assert (await practice("GET", him.url("weight"))).status_code == 200
    assert (await practice("GET", him.url("secret"))).status_code == 200
    assert (await practice("GET", f"/Observation/{secret['id']}")).status_code == 404
    assert secret["id"] not in await practice.found(f"/Observation?patient={him.patients[R4]}")


async def test_a_practice_does_not_make_sensitive_what_it_could_not_see_afterwards(world: World) -> None:
    him, owner = world.zonnestraal, world.caller("zonnestraal")
    before = await owner.changes()
    tree = await owner.get(him.url("condition"))
    tree["meta"] = restricted()
    assert (await world.caller("granted")("PUT", him.url("condition"), tree)).status_code == 403
    assert (await world.caller("granted")("POST", "/Condition", tree)).status_code == 403
    assert await owner.changes() == before


async def test_the_directory_is_read_by_all_and_written_by_operators(world: World) -> None:
    organization = f"/Organization/{world.made.organization[R4]}"
    for who in ("zonnestraal", "granted", "no grant", "operator"):
        assert (await world.caller(who)("GET", organization)).status_code == 200, who
    changed = {"resourceType": "Organization", "id": organization.split("/")[2], "name": "Overgenomen-Test"}
    for who in ("zonnestraal", "granted", "no grant"):
        assert (await world.caller(who)("PUT", organization, changed)).status_code in (403, 405), who
        assert (await world.caller(who)("DELETE", organization)).status_code in (403, 404), who
    assert (await world.caller("zonnestraal").get(organization))["name"] == "Praktijk De Klaproos-Test"


async def test_refusals_are_in_the_log_of_the_record_they_were_about(world: World) -> None:
    await world.caller("granted")("GET", f"/Observation?patient={world.maanlicht.patients[R4]}")
    await world.caller("granted")("POST", "/Observation", weight(R4, world.maanlicht.patient()))
    log = await world.caller("maanlicht").get("/AuditEvent?_count=50")
    refused = [one["resource"]["agent"][0]["name"] for one in log["entry"] if one["resource"]["outcome"] == "4"]
    assert refused == ["Praktijk Granted-Test"] * 2
    assert "Praktijk Granted-Test" not in str(await world.caller("zonnestraal").get("/AuditEvent?_count=200"))


async def test_the_log_of_one_person_has_nothing_of_another(world: World) -> None:
    log = await world.caller("maanlicht").get("/AuditEvent?_count=200")
    assert log["entry"]
    for thing, resource_id in world.zonnestraal.ids.items():
        if resource_id != SHARED_UUID:
            assert resource_id not in str(log), thing


async def test_what_an_app_sent_before_is_no_look_at_it_after_its_grant_was_made_smaller(world: World) -> None:
    him, owner = world.zonnestraal, world.caller("zonnestraal")
    app, grant = world.caller("app of zonnestraal"), world.made.grants["app of zonnestraal"]
    sent = weight(R4, him.patient(), identifier=identifier("sent-before"))
    there, gone = [await app.made(sent | {"identifier": identifier(f"sent-before-{one}")}) for one in (1, 2)]
    assert (await owner("DELETE", f"/Observation/{gone['id']}")).status_code == 204
    again = await app("POST", "/Observation", sent | {"identifier": identifier("sent-before-1")})
    assert (again.status_code, tree_of(again)["id"]) == (200, there["id"])

    async def job(transaction: Transaction) -> None:
        await grants.change(
            transaction, grant.record_id, grant.grant_id, categories=Category.LABORATORY, actions=grant.actions,
            until=grant.until, now=world.parts.clock(),
        )  # fmt: skip

    await world.parts.database.write(job)
    answers = [
        await app("POST", "/Observation", sent | {"identifier": identifier(f"sent-before-{one}")}) for one in (1, 2)
    ]
    assert [one.status_code for one in answers] == [403, 403]
    assert answers[0].content == answers[1].content
