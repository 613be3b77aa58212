"""Access that a person gives, as Consents: read, searched, given, changed and withdrawn, in either release."""

import json
from datetime import timedelta
from typing import Any

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant, Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions.consents import FEW
from app.oauth.tokens import Holder
from tests.support.world import Caller, Tree, World, ids_of, link, tree_of

PARTS = "https://regie.example/fhir/CodeSystem/consent-category"
PRACTICES = "https://regie.example/fhir/NamingSystem/practice"
BOTH = pytest.mark.parametrize("release", list(Release))


def consent(world: World, release: Release = Release.R4, practice: str = "no grant", **provision: Any) -> Tree:
    """Return a Consent that lets a practice look at the medication."""
    patient = {"reference": world.zonnestraal.patient(release)}
    old, hl7 = (
        release is Release.STU3,
        "http://hl7.org/fhir/v3" if release is Release.STU3 else "http://terminology.hl7.org/CodeSystem",
    )
    role = f"{hl7}/ParticipationType" if old else f"{hl7}/v3-ParticipationType"
    reason = f"{hl7}/ActReason" if old else f"{hl7}/v3-ActReason"
    what = {
        "type": "permit",
        "period": {"end": (world.parts.clock() + timedelta(days=100)).date().isoformat()},
        "actor": [
            {
                "role": {"coding": [{"system": role, "code": "IRCP"}]},
                "reference": {"identifier": {"system": PRACTICES, "value": world.made.practices[practice]}},
            }
        ],
        "action": [
            {"coding": [{"system": "http://hl7.org/fhir/restful-interaction", "code": code}]}
            for code in ("read", "search-type")
        ],
        "purpose": [{"system": reason, "code": "TREAT"}],
        "class": [{"system": PARTS, "code": "medication"}],
    } | provision
    tree: Tree = {"resourceType": "Consent", "status": "active", "patient": patient}
    if old:
        return tree | {"policyRule": f"{PARTS.replace('category', 'policy')}/grant", "except": [what]}
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    kind = {"system": f"{hl7}/v3-ActCode", "code": "INFA"}
    rule = {"system": PARTS.replace("category", "policy"), "code": "grant"}
    return tree | {
        "scope": {"coding": [scope]},
        "category": [{"coding": [kind]}],
        "policyRule": {"coding": [rule]},
        "provision": what,
    }


def permitted(tree: Tree) -> Tree:
    """Return what a Consent permits."""
    found = tree["except"][0] if "except" in tree else tree["provision"]
    assert isinstance(found, dict)
    return found


async def held(world: World, practice: str) -> list[Grant]:
    """Return the grants of a practice that are not over."""
    return await grants.of_practice(world.parts.database.reader, world.made.practices[practice], world.parts.clock())


async def app(
    world: World, scope: str, categories: Category = ALL_PARTS, actions: Action = ALL_ACTIONS
) -> tuple[Caller, Grant]:
    """Return an app of Zonnestraal with this scope, and the grant that it rests on."""
    now = world.parts.clock()

    async def job(transaction: Transaction) -> Grant:
        return await grants.give(
            transaction, record_id=world.zonnestraal.record_id, grantee=Grantee.APP, grantee_id=world.made.clients["app"],
            categories=categories, actions=actions, until=now + timedelta(days=9), purpose="app", now=now,
        )  # fmt: skip

    grant = await world.parts.database.write(job)
    holder = Holder(RequesterKind.APP, "Test-app", grant.grantee_id, record_id=grant.record_id, grant_id=grant.grant_id)
    return Caller(world.http, await world.token(holder, scope)), grant


def issue(answer: Any) -> tuple[str, str | None]:
    """Return the code and the place of the first issue."""
    first = tree_of(answer)["issue"][0]
    return first["code"], (first.get("expression") or [None])[0]


@BOTH
async def test_what_was_granted_is_a_consent_that_can_be_read(world: World, release: Release) -> None:
    me, grant = world.caller("zonnestraal", release), world.made.grants["granted of zonnestraal"]
    read = await me.get(f"/Consent/{grant.grant_id}")
    assert (read["status"], read["patient"]) == ("active", {"reference": world.zonnestraal.patient(release)})
    assert [one["code"] for one in permitted(read)["class"]] == ["own-measurements", "gp-summary", "personal-details"]
    actor = permitted(read)["actor"][0]["reference"]
    assert actor["display"] == "Praktijk Granted-Test"
    assert actor["identifier"]["value"] == world.made.practices["granted"]
    assert (await me("POST", "/Consent/$validate", read)).status_code == 200


@BOTH
async def test_consents_are_searched_by_what_they_say(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    granted = world.made.grants["granted of zonnestraal"].grant_id
    withdrawn = world.made.grants["withdrawn of zonnestraal"].grant_id
    patient = world.zonnestraal.patients[release]
    assert granted in await me.found(f"/Consent?patient={patient}&status=active")
    expired = world.made.grants["expired of zonnestraal"].grant_id
    assert {withdrawn, expired} <= set(await me.found("/Consent?status=inactive&_sort=date"))
    assert not {withdrawn, expired} & set(await me.found("/Consent?status=active"))
    assert granted not in await me.found("/Consent?status=inactive")
    assert granted in await me.found(f"/Consent?category={PARTS}|gp-summary")
    assert granted not in await me.found(f"/Consent?category={PARTS}|medication")
    assert await me.found("/Consent?period=gt2090") == []
    assert granted in await me.found(f"/Consent?_id={granted}")
    assert granted in await me.found(f"/Patient/{patient}/Consent?purpose=TREAT")
    assert granted in await me.found(f"/?_type=Consent,Observation&_id={granted}")
    counted = await me.get("/Consent?_summary=count")
    assert counted["total"] == len(await me.found("/Consent"))


async def test_a_page_of_consents_goes_on_where_the_one_before_ended(world: World, me: Caller, patient: str) -> None:
    directive = await me.made(
        {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"coding": [{"code": "adr"}]},
            "category": [{"coding": [{"code": "acd"}]}],
            "patient": {"reference": patient},
            "policyRule": {"coding": [{"code": "other"}]},
        }
    )
    for query in ("?_count=2", "?_count=2&_sort=-date", "?_count=2&_sort=_lastUpdated"):
        found: list[str] = []
        url: str | None = f"/Consent{query}"
        while url is not None:
            page = await me.get(url)
            found += ids_of(page)
            url = link(page, "next")
        assert len(found) == len(set(found))
        assert set(found) == set(await me.found("/Consent"))
        assert directive["id"] in found
        assert world.made.grants["granted of zonnestraal"].grant_id in found


async def test_consents_are_found_all_the_same_where_they_are_more_than_a_few(world: World, me: Caller) -> None:
    given = {(await app(world, "patient/*.read"))[1].grant_id for _ in range(FEW + 1)}
    assert len(given) > FEW
    assert given <= set(await me.found("/Consent?_count=100"))


async def test_nobody_else_sees_who_was_given_access(world: World) -> None:
    grant = world.made.grants["granted of zonnestraal"].grant_id
    patient = world.zonnestraal.patients[Release.R4]
    for name in ("maanlicht", "app of zonnestraal", "app of maanlicht", "granted", "both", "sensitive", "operator"):
        caller = world.caller(name)
        for url in (f"/Consent/{grant}", f"/Consent/{grant}/_history", f"/Consent/{grant}/_history/1"):
            assert (await caller("GET", url)).status_code in (403, 404), (name, url)
        for url in (f"/Consent?_id={grant}", f"/Patient/{patient}/Consent", f"/Consent?patient={patient}"):
            answer = await caller("GET", url)
            assert grant not in answer.text.replace(url, ""), (name, url)
        assert (await caller("DELETE", f"/Consent/{grant}")).status_code in (403, 404), name
        assert (await caller("POST", "/Consent", consent(world))).status_code in (403, 422), name
    assert await held(world, "no grant") == []


@BOTH
async def test_a_posted_consent_gives_access_that_can_be_changed_and_withdrawn(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    made = await me.made(consent(world, release))
    (grant,) = await held(world, "no grant")
    assert (grant.grant_id, grant.categories, grant.actions) == (made["id"], Category.MEDICATION, LOOK)
    made = await me.get(f"/Consent/{grant.grant_id}")
    again = await me("PUT", f"/Consent/{grant.grant_id}", made)
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')

    permitted(made)["class"].append({"system": PARTS, "code": "allergies"})
    made["category"] = made["category"][:1]
    answer = await me("PUT", f"/Consent/{grant.grant_id}", made, If_Match='W/"1"')
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"'), answer.text
    (changed,) = await held(world, "no grant")
    assert changed.categories == Category.MEDICATION | Category.ALLERGIES
    assert (await me("PUT", f"/Consent/{grant.grant_id}", made, If_Match='W/"1"')).status_code == 412

    assert (await me("DELETE", f"/Consent/{grant.grant_id}")).status_code == 204
    assert await held(world, "no grant") == []
    assert (await me.get(f"/Consent/{grant.grant_id}"))["status"] == "inactive"
    told = [one["resource"] for one in (await me.get(f"/Consent/{grant.grant_id}/_history"))["entry"]]
    assert [(one["status"], len(permitted(one)["class"])) for one in told] == [
        ("inactive", 2),
        ("active", 2),
        ("active", 1),
    ]
    assert (await me.get(f"/Consent/{grant.grant_id}/_history/1"))["meta"]["versionId"] == "1"
    answer = await me("PUT", f"/Consent/{grant.grant_id}", made)
    assert (answer.status_code, issue(answer)) == (422, ("business-rule", "Consent.status"))


async def test_an_update_to_inactive_and_a_patch_withdraw_too(world: World, me: Caller) -> None:
    first, second = await me.made(consent(world)), await me.made(consent(world))
    assert (await me("PUT", f"/Consent/{first['id']}", first | {"status": "inactive"})).status_code == 200
    patch = json.dumps([{"op": "replace", "path": "/status", "value": "inactive"}])
    answer = await me("PATCH", f"/Consent/{second['id']}", patch, Content_Type="application/json-patch+json")
    assert (answer.status_code, tree_of(answer)["status"]) == (200, "inactive"), answer.text
    assert await held(world, "no grant") == []


async def test_a_grant_is_posted_in_a_transaction_and_can_be_referred_to(world: World, me: Caller) -> None:
    urn = "urn:uuid:5a1ad000-0000-4000-8000-0000000000aa"
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": urn}],
        "recorded": "2026-03-01T08:00:00Z",
        "agent": [{"who": {"reference": world.zonnestraal.patient()}}],
    }
    sent = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": urn, "resource": consent(world), "request": {"method": "POST", "url": "Consent"}},
            {"resource": provenance, "request": {"method": "POST", "url": "Provenance"}},
        ],
    }
    answer = await me("POST", "/", sent)
    assert answer.status_code == 200, answer.text
    (grant,) = await held(world, "no grant")
    kept = await me.get("/Provenance")
    assert kept["entry"][0]["resource"]["target"] == [{"reference": f"Consent/{grant.grant_id}"}]
    assert (await me.get(f"/Consent/{grant.grant_id}"))["status"] == "active"


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"text": {"status": "empty", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}}, "Consent.text"),
        ({"status": "proposed"}, "Consent.status"),
        ({"status": "inactive"}, "Consent.status"),
        ({"verification": [{"verified": True}]}, "Consent.verification"),
        ({"meta": {"tag": [{"code": "x"}]}}, "Consent.meta.tag"),
        ({"category": [{"coding": [{"code": "acd"}]}]}, "Consent.category[0]"),
    ],
)
async def test_what_a_grant_cannot_say_is_refused_with_its_place(
    world: World, me: Caller, changed: Tree, place: str
) -> None:
    answer = await me("POST", "/Consent", consent(world) | changed)
    assert (answer.status_code, issue(answer)[1]) == (422, place), answer.text
    assert await held(world, "no grant") == []


@pytest.mark.parametrize(
    ("provision", "place"),
    [
        ({"type": "deny"}, "type"),
        ({"class": [{"system": PARTS, "code": "everything"}]}, "class[0]"),
        ({"class": [{"system": PARTS, "code": "sensitive"}]}, "class"),
        ({"class": []}, "class"),
        ({"action": [{"coding": [{"code": "correct"}]}]}, "action[0]"),
        ({"period": {"start": "2026-01-01"}}, "period.end"),
        ({"period": {"end": "2020-01-01"}}, ""),
        ({"period": {"end": "2090-01-01"}}, ""),
        ({"period": {"end": "9999-12-31"}}, ""),
        ({"period": {"end": "9999-12-31T23:59:59-12:00"}}, "period"),
        ({"code": [{"text": "x"}]}, "code"),
        ({"provision": [{"type": "deny"}]}, "provision"),
        ({"securityLabel": [{"code": "R"}]}, "securityLabel"),
        ({"dataPeriod": {"start": "2026"}}, "dataPeriod"),
        ({"actor": []}, "actor"),
        ({"purpose": [{"code": "HMARKT"}]}, "purpose[0]"),
        (
            {"purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "PATRQT"}]},
            "purpose[0]",
        ),
    ],
)
async def test_what_a_provision_of_a_grant_cannot_say_is_refused_with_its_place(
    world: World, me: Caller, provision: Tree, place: str
) -> None:
    sent = consent(world, **provision)
    sent["provision"] = {name: value for name, value in sent["provision"].items() if value != []}
    answer = await me("POST", "/Consent", sent)
    assert (answer.status_code, issue(answer)[1]) == (422, f"Consent.provision.{place}".removesuffix(".")), answer.text
    assert await held(world, "no grant") == []


@pytest.mark.parametrize(
    "reference",
    [
        {"identifier": {"system": PRACTICES, "value": "nobody"}},
        {"reference": "Organization/nobody"},
        {"reference": "Practitioner/somebody"},
        {"display": "Een praktijk"},
    ],
)
async def test_a_practice_that_is_not_known_is_given_nothing(world: World, me: Caller, reference: Tree) -> None:
    sent = consent(world)
    sent["provision"]["actor"][0]["reference"] = reference
    answer = await me("POST", "/Consent", sent)
    assert (answer.status_code, issue(answer)[1]) == (422, "Consent.provision.actor[0].reference"), answer.text


async def test_another_consent_does_not_become_a_grant(world: World, me: Caller) -> None:
    other = consent(world) | {"policyRule": {"coding": [{"code": "other"}]}}
    kept = await me.made(other)
    answer = await me("PUT", f"/Consent/{kept['id']}", consent(world) | {"id": kept["id"]})
    assert answer.status_code == 405
    patch = json.dumps({"policyRule": consent(world)["policyRule"]})
    answer = await me("PATCH", f"/Consent/{kept['id']}", patch, Content_Type="application/merge-patch+json")
    assert (answer.status_code, issue(answer)[1]) == (422, "Consent.policyRule")
    uuid = "5a1ad000-0000-4000-8000-0000000000bb"
    assert (await me("PUT", f"/Consent/{uuid}", consent(world) | {"id": uuid})).status_code == 405
    assert await held(world, "no grant") == []


async def test_an_app_gives_access_only_with_a_scope_that_names_consent(world: World) -> None:
    for scope in ("patient/*.cruds", "patient/Consent.rs", "patient/Observation.cruds"):
        caller, _ = await app(world, scope)
        assert (await caller("POST", "/Consent", consent(world))).status_code == 403, scope
    assert await held(world, "no grant") == []
    caller, _ = await app(world, "patient/Consent.crud")
    made = await caller.made(consent(world))
    assert [grant.grant_id for grant in await held(world, "no grant")] == [made["id"]]
    assert (await caller("DELETE", f"/Consent/{made['id']}")).status_code == 204
    assert await held(world, "no grant") == []


async def test_an_app_gives_nothing_that_it_was_not_given(world: World) -> None:
    shown = Category.PERSONAL_DETAILS | Category.MEDICATION
    caller, grant = await app(world, "patient/Consent.crud", shown, LOOK | Action.CREATE | Action.UPDATE)
    more = consent(world)
    more["provision"]["class"] = [{"system": PARTS, "code": "laboratory"}]
    assert (await caller("POST", "/Consent", more)).status_code == 403
    deletes = [{"coding": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "delete"}]}]
    assert (await caller("POST", "/Consent", consent(world, action=deletes))).status_code == 403
    own = await caller.get(f"/Consent/{grant.grant_id}")
    assert own["provision"]["actor"][0]["reference"]["display"] == "Meetmaatje-Test"
    assert (await caller("PUT", f"/Consent/{grant.grant_id}", own)).status_code == 403
    assert len(await held(world, "no grant")) == 0
    stopped = await caller("PUT", f"/Consent/{grant.grant_id}", own | {"status": "inactive"})
    assert stopped.status_code == 200
    assert (await caller("GET", f"/Consent/{grant.grant_id}")).status_code == 403


async def test_there_is_a_bound_to_how_many_are_given(
    world: World, me: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = len(await grants.of_record(world.parts.database.reader, world.zonnestraal.record_id))
    monkeypatch.setattr("app.interactions.giving.GIVEN_MAX", there + 1)
    made = await me.made(consent(world))
    answer = await me("POST", "/Consent", consent(world))
    assert (answer.status_code, issue(answer)[0]) == (422, "business-rule")
    assert (await me("DELETE", f"/Consent/{made['id']}")).status_code == 204


async def test_a_consent_that_was_written_is_told_by_mail_and_in_the_log(world: World, me: Caller) -> None:
    made = await me.made(consent(world))
    await me("DELETE", f"/Consent/{made['id']}")
    assert (await world.parts.deliverer.waiting()).jobs == 2
    told = await me.get("/AuditEvent?_count=2")
    assert [one["resource"]["action"] for one in told["entry"]] == ["D", "C"]
    assert told["entry"][1]["resource"]["entity"][0]["what"]["reference"] == f"Consent/{made['id']}"
