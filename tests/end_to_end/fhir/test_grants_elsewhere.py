"""Grants are where people look for Consents: in $everything, in $delta, in chains, _has and includes."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import LOOK
from app.consent import grants
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.support.world import Caller, Tree, World, ids_of, link, world_in

GRANTS = ("granted", "expired", "not yet", "withdrawn", "sensitive", "both", "partial")
"""Practices that Zonnestraal granted something, whatever became of it."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


@pytest.fixture(params=list(Release))
def me(world: World, request: pytest.FixtureRequest) -> Caller:
    return world.caller("zonnestraal", request.param)


def of(world: World, name: str) -> str:
    """Return the id of the grant to a practice."""
    return world.made.grants[f"{name} of zonnestraal"].grant_id


async def all_grants(world: World) -> set[str]:
    """Return the ids of all that Zonnestraal ever granted."""
    found = await grants.of_record(world.parts.database.reader, world.zonnestraal.record_id)
    return {grant.grant_id for grant in found}


async def app_with(world: World, scope: str, categories: Category) -> Caller:
    """Return an app of Zonnestraal with this scope and a grant of these categories."""
    him, now = world.zonnestraal, world.parts.clock()
    until = world.made.grants["granted of zonnestraal"].until
    grant = await world.parts.database.write(
        lambda transaction: grants.give(
            transaction, record_id=him.record_id, grantee=Grantee.APP, grantee_id=world.made.clients["app"],
            categories=categories, actions=LOOK, until=until, purpose="app", now=now,
        )
    )  # fmt: skip
    holder = Holder(
        RequesterKind.APP,
        "Meetmaatje-Test",
        world.made.clients["app"],
        record_id=him.record_id,
        grant_id=grant.grant_id,
    )
    world.made.tokens["reader"] = await world.token(holder, scope)
    return world.caller("reader")


def consents(bundle: Tree) -> list[str]:
    """Return the ids of the Consents in a Bundle, in order."""
    resources: list[dict[str, Any]] = [entry["resource"] for entry in bundle.get("entry", []) if "resource" in entry]
    return [one["id"] for one in resources if one["resourceType"] == "Consent"]


async def test_everything_has_each_grant_once_as_it_stands(world: World, me: Caller) -> None:
    patient = world.zonnestraal.patients[me.release]
    found = await me.get(f"/Patient/{patient}/$everything")
    assert len(consents(found)) == len(set(consents(found)))
    assert set(consents(found)) == await all_grants(world)
    only = await me.get(f"/Patient/{patient}/$everything?_type=Consent")
    assert consents(only) == consents(found)
    assert consents(await me.get(f"/Patient/{patient}/$everything?_type=Observation")) == []
    assert consents(await me.get(f"/Patient/{patient}/$everything?_since=2099-01-01")) == []


async def test_everything_in_pages_has_the_same_in_the_same_order(world: World, me: Caller) -> None:
    patient = world.zonnestraal.patients[me.release]
    whole = await me.get(f"/Patient/{patient}/$everything")
    url, paged = f"/Patient/{patient}/$everything?_count=2", []
    while url:
        page = await me.get(url)
        assert len(page["entry"]) <= 2
        paged += ids_of(page)
        url = link(page, "next") or ""
    assert paged == ids_of(whole)


@pytest.mark.parametrize("who", ["granted", "sensitive", "operator"])
async def test_nobody_else_gets_grants_by_any_of_these(world: World, who: str) -> None:
    patient = world.zonnestraal.patients[Release.R4]
    other = world.caller(who)
    for url in (
        f"/Patient/{patient}/$everything",
        f"/$delta?patient={patient}&consents=0",
        f"/Patient?_id={patient}&_revinclude=Consent:patient",
        f"/Patient?_id={patient}&_has:Consent:patient:status=active",
        f"/Consent?patient={patient}&patient.identifier={world.zonnestraal.marker('patient')}",
    ):
        found = await other("GET", url)
        assert found.status_code in (200, 403), found.text
        assert not [one for one in await all_grants(world) if one in found.text], url


@pytest.mark.parametrize(
    ("scope", "categories", "sees"),
    [
        ("patient/Consent.rs patient/Patient.rs", ALL_PARTS, True),
        ("patient/*.rs", ALL_PARTS, True),
        ("patient/Patient.rs patient/Observation.rs", ALL_PARTS, False),
        ("patient/*.rs", ALL_PARTS & ~Category.PERSONAL_DETAILS, False),
    ],
)
async def test_an_app_gets_grants_if_it_may_see_consents(
    world: World, scope: str, categories: Category, *, sees: bool
) -> None:
    app = await app_with(world, scope, categories)
    for url in ("/Patient/$everything", "/$delta?consents=0"):
        assert bool(consents(await app.get(url))) == sees, url


async def test_delta_tells_grants_where_it_is_asked_to_and_each_version_once(world: World, me: Caller) -> None:
    plain = await me.get("/$delta?since=0&_count=1000")
    assert consents(plain) == []
    whole = await me.get("/$delta?since=0&consents=0&_count=1000")
    assert whole["entry"][: len(plain["entry"])] == plain["entry"]
    told = whole["entry"][len(plain["entry"]) :]
    assert {entry["resource"]["id"] for entry in told} == await all_grants(world)
    assert all("extension" not in entry["request"] for entry in told)
    url, paged = "/$delta?since=0&consents=0&_count=3", []
    while url:
        page = await me.get(url)
        paged += page.get("entry", [])
        resume, url = link(page, "resume"), link(page, "next") or ""
    assert paged == whole["entry"]
    assert resume is not None
    assert (await me.get(resume)).get("entry", []) == []


async def test_delta_goes_on_to_the_grants_where_the_record_ends_with_the_page(world: World, me: Caller) -> None:
    changes = (await me.get("/$delta?since=0&_count=1000"))["entry"]
    page = await me.get(f"/$delta?since=0&consents=0&_count={len(changes)}")
    assert page["entry"] == changes
    following = link(page, "next")
    assert following is not None
    told = await me.get(following)
    assert {entry["resource"]["id"] for entry in told["entry"]} <= await all_grants(world)


async def test_delta_goes_on_with_what_was_done_to_a_grant_since(world: World, me: Caller) -> None:
    resume = link(await me.get("/$delta?since=0&consents=0&_count=1000"), "resume")
    assert resume is not None
    assert re.search(r"consents=[1-9]", resume)
    await world.withdraw(world.made.grants["granted of zonnestraal"])
    (entry,) = (await me.get(resume))["entry"]
    assert (entry["resource"]["id"], entry["resource"]["status"]) == (of(world, "granted"), "inactive")
    assert entry["request"]["method"] == "PUT"


async def test_chains_from_a_grant_lead_on_to_the_record(world: World, me: Caller) -> None:
    him = world.zonnestraal
    for chain in (f"patient.identifier={him.marker('patient')}", f"patient:Patient._id={him.patients[me.release]}"):
        found = await me.found(f"/Consent?{chain}&_count=100")
        assert set(found) == await all_grants(world), chain
    assert await me.found("/Consent?patient.identifier=nobody") == []


async def test_has_finds_who_granted_something(world: World, me: Caller) -> None:
    patient = world.zonnestraal.patients[me.release]
    assert await me.found("/Patient?_has:Consent:patient:status=active") == [patient]
    assert await me.found("/Patient?_has:Consent:patient:status=entered-in-error") == []
    assert await me.found(f"/Patient?_has:Consent:patient:_id={of(world, 'withdrawn')}") == [patient]


async def test_includes_lead_to_grants_and_from_them(world: World, me: Caller) -> None:
    patient = world.zonnestraal.patients[me.release]
    found = await me.get(f"/Patient?_id={patient}&_revinclude=Consent:patient")
    assert set(ids_of(found, "include")) == await all_grants(world)
    found = await me.get(f"/Consent?_id={of(world, 'granted')}&_include=Consent:patient")
    assert ids_of(found) == [of(world, "granted")]
    assert ids_of(found, "include") == [patient]


async def test_what_refers_to_a_grant_finds_it(world: World, me: Caller) -> None:
    grant = of(world, "granted")
    agent = {"who": {"display": "Zonnestraal-Testpersoon"}} if me.release is Release.R4 else {
        "whoReference": {"display": "Zonnestraal-Testpersoon", "reference": world.zonnestraal.patient(me.release)}
    }  # fmt: skip
    made = await me(
        "POST",
        "/Provenance",
        {
            "resourceType": "Provenance",
            "target": [{"reference": f"Consent/{grant}"}, {"reference": world.zonnestraal.patient(me.release)}],
            "recorded": "2026-11-26T01:00:00Z",
            "agent": [agent],
        },
    )
    assert made.status_code == 201, made.text
    found = await me.get("/Provenance?_include=Provenance:target")
    assert grant in ids_of(found, "include")
    assert len(await me.found("/Provenance?target:Consent.status=active")) == 1
