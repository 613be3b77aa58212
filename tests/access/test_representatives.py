"""Who acts for another: by every way in what the person themselves would see while it is in force, and nothing after that."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import anyio.lowlevel
import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.access.categories import Category
from app.access.grant import Grant
from app.access.representation import NO_POWERS, Capacity, Power
from app.access.smart_scope import LOOK
from app.audit import alerts
from app.audit.log import entries_of
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity.instants import to_us
from app.interactions.log import END
from app.oauth import clients
from tests.access.matrix import ROWS, Row
from tests.access.test_matrix import asked, of_rows
from tests.access.test_pages import routes_of
from tests.end_to_end.fhir.test_consents import consent
from tests.support.acting import browser_of, go_in, let_act, send, set_back, token_of, token_on, years_ago
from tests.support.world import APP_SCOPE, BASE_URL, THINGS, World, world_in

NO_RECORD_NEEDED = ("/metadata", "/.well-known", "/CodeSystem", "/ValueSet", "/ConceptMap", "/$convert")
BANNER = "You are looking in the record of"


@of_rows(ROWS)
async def test_a_parent_gets_what_the_child_would_get(tmp_path: Path, row: Row, release: Release) -> None:
    async with world_in(tmp_path) as world:
        await token_of(world, world.maanlicht, await let_act(world, world.maanlicht))
        assert (await asked(world, row, "representative", release)).status_code == row.expected["zonnestraal"]


async def over(world: World, state: str) -> Grant:
    """Return a representation that opens nothing, in one of the ways there are."""
    now = world.parts.clock()
    match state:
        case "past its end":
            grant = await let_act(world, world.maanlicht, Capacity.LEGAL)
            await set_back(world, grant, starts_at=to_us(now) - 20, ends_at=to_us(now) - 10)
        case "withdrawn":
            grant = await let_act(world, world.maanlicht, Capacity.CARER)
            await world.withdraw(grant)
        case "a child of 12 without a yes":
            grant = await let_act(world, world.maanlicht, birth_date=years_ago(world, 12))
        case "a child of 12 whose yes is of before":
            grant = await let_act(
                world, world.maanlicht, birth_date=years_ago(world, 12), agreed_at=now - timedelta(days=365)
            )
        case "a child of 16":
            grant = await let_act(world, world.maanlicht, birth_date=years_ago(world, 16), agreed_at=now)
        case _:
            grant = await let_act(world, world.zonnestraal)
    return grant


STATES = (
    "past its end", "withdrawn", "a child of 12 without a yes", "a child of 12 whose yes is of before", "a child of 16",
    "another's representative",
)  # fmt: skip


@pytest.mark.parametrize("state", STATES)
async def test_who_may_not_act_any_more_gets_nothing_by_any_way(world: World, state: str) -> None:
    him = world.zonnestraal
    await token_of(world, world.maanlicht, await over(world, state))
    before = await world.caller("zonnestraal").changes()
    for row in ROWS:
        if row.route.startswith(NO_RECORD_NEEDED):
            continue
        answer = await asked(world, row, "representative", Release.R4)
        shown = [thing for thing in THINGS if f'"{him.marker(thing)}"' in answer.text]
        assert shown == [], row.name
        assert answer.status_code in (400, 403, 404, 405) or row.expected["ended app"] == answer.status_code, row.name
    assert await world.caller("zonnestraal").changes() == before


async def test_a_child_of_twelve_that_said_yes_is_acted_for(world: World) -> None:
    born, now = years_ago(world, 12, days=5), world.parts.clock()
    await token_of(world, world.maanlicht, await let_act(world, world.maanlicht, birth_date=born, agreed_at=now))
    assert (await world.caller("representative")("GET", world.zonnestraal.url("weight"))).status_code == 200


async def test_a_withdrawn_mandate_closes_the_next_request_and_what_rests_on_it(world: World) -> None:
    grant, him = await let_act(world, world.maanlicht), world.zonnestraal
    await token_of(world, world.maanlicht, grant)
    parent, practice = world.caller("representative"), world.caller("no grant")
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        form = {
            "practice": world.made.practices["no grant"],
            "category": "own-measurements",
            "action": "look",
            "period": "open",
        }
        assert (await send(browser, "/access/new", **form)).status_code == 303
    assert (await practice("GET", him.url("weight"))).status_code == 200
    assert (await parent("GET", him.url("weight"))).status_code == 200
    given = await grants.of_practice(
        world.parts.database.reader, world.made.practices["no grant"], world.parts.clock(), him.record_id
    )
    assert [(one.rests_on, one.until <= grant.ends_at) for one in given] == [(grant.grant_id, True)]
    await world.withdraw(grant)
    assert (await parent("GET", him.url("weight"))).status_code == 403
    assert (await practice("GET", him.url("weight"))).status_code == 403


async def test_a_carer_sees_the_parts_that_were_allowed_and_no_others(world: World) -> None:
    him = world.zonnestraal
    grant = await let_act(
        world, world.maanlicht, Capacity.CARER, categories=Category.GP_SUMMARY, actions=LOOK, powers=NO_POWERS
    )
    await token_of(world, world.maanlicht, grant)
    carer = world.caller("representative")
    found = {thing: (await carer("GET", him.url(thing))).status_code for thing in ("condition", "secret", "weight")}
    assert found == {"condition": 200, "secret": 404, "weight": 404}
    assert (await carer("PUT", him.url("condition"), {"resourceType": "Condition"})).status_code in (400, 403, 422)
    for way in ("/AuditEvent", f"/Patient/{him.patients[Release.R4]}/$as-seen-by?practice=x"):
        assert (await carer("GET", way)).status_code == 403, way
    assert (await carer.get("/Consent")).get("entry", []) == []


async def test_every_entry_has_both_names_and_the_own_log_has_none_of_it(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    grant = await let_act(world, her)
    reader = world.parts.database.reader
    own_before = await entries_of(reader, her.record_id, (END, END), 100)
    before = {one.n for one in await entries_of(reader, him.record_id, (END, END), 500)}
    async with await browser_of(world, her) as browser:
        await go_in(browser, grant)
        for page in ("/", "/measurements", "/medication", "/access", "/activity"):
            assert (await browser.get(page)).status_code == 200, page
        await send(browser, "/helping/stop")
    written = [one.event for one in await entries_of(reader, him.record_id, (END, END), 500) if one.n not in before]
    assert {"represent", "search-type", "log"} <= {event.action for event in written}
    for event in written:
        assert (event.display, event.on_behalf_of, event.kind) == (her.family, him.family, "representative")
        assert (event.role, event.ground) == ("parent", f"representation {grant.grant_id}")
    own = await entries_of(reader, her.record_id, (END, END), 100)
    assert [one.event.action for one in own[: len(own) - len(own_before)]] == []
    async with await browser_of(world, him) as browser:
        shown = (await browser.get("/activity")).text
        assert f"{her.family}, in the name of {him.family}," in shown
        assert (await browser.get("/activity?who=representative")).text.count("went into the record") == 1


async def test_every_page_says_in_whose_record_it_is_and_one_click_leads_back(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    grant = await let_act(world, her)
    async with await browser_of(world, her) as browser:
        await go_in(browser, grant)
        for route in routes_of(world.application.pages):
            method, path = route.split(" ")
            if (
                method != "GET"
                or "{" in path
                or path == "/offline"  # kept on the phone, so the same for everybody; what is typed there is one's own
                or path.startswith(("/login", "/health", "/metrics", "/static", "/logout"))
            ):
                continue
            answer = await browser.get(path)
            assert answer.status_code < 500, path
            if answer.headers.get("content-type", "").startswith("text/html") and answer.status_code != 400:
                assert BANNER in answer.text, path
                assert him.family in answer.text, path
        assert (await send(browser, "/helping/stop")).status_code == 303
        assert BANNER not in (await browser.get("/")).text


async def test_a_page_about_ones_own_record_is_not_shown_in_that_of_another(world: World) -> None:
    grant = await let_act(world, world.maanlicht)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        for page in ("/my-data/import", "/my-data/erase", "/helpers", "/helpers/new", "/helping", "/apps"):
            answer = await browser.get(page)
            assert answer.status_code == 403, page
            assert "This page is about your own record" in answer.text, page
            assert "Back to my own record" in answer.text, page


async def test_a_form_of_one_record_changes_nothing_in_another(world: World) -> None:
    grant, practice = await let_act(world, world.maanlicht), world.made.practices["no grant"]
    form = {"practice": practice, "category": "own-measurements", "action": "look", "period": "1-year"}
    reader, now = world.parts.database.reader, world.parts.clock()
    async with await browser_of(world, world.maanlicht) as browser:
        own = await token_on(browser, "/access/new")
        await go_in(browser, grant)
        theirs = await token_on(browser, "/access/new")
        assert (await browser.post("/access/new", data=form | {"csrf_token": own})).status_code == 403
        await send(browser, "/helping/stop")
        assert (await browser.post("/access/new", data=form | {"csrf_token": theirs})).status_code == 403
    assert await grants.of_practice(reader, practice, now) == []


async def test_a_mandate_that_ends_while_a_page_is_open_gives_a_calm_page_and_leads_back(world: World) -> None:
    him = world.zonnestraal
    grant = await let_act(world, world.maanlicht, Capacity.CARER)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert him.family in (await browser.get("/measurements")).text
        await world.withdraw(grant)
        answer = await browser.get("/measurements")
        assert answer.status_code == 403
        assert "You do not look in this record any more" in answer.text
        assert him.family not in answer.text
        again = await browser.get("/measurements")
        assert again.status_code == 200
        assert BANNER not in again.text
        assert (await send(browser, f"/helping/{grant.grant_id}/start", "/helping")).status_code == 404


@pytest.mark.parametrize("powers", [NO_POWERS, Power.GIVE, Power.LOG])
async def test_a_carer_is_shown_only_the_pages_of_their_powers(world: World, powers: Power) -> None:
    him = world.zonnestraal
    grant = await let_act(
        world, world.maanlicht, Capacity.CARER, categories=Category.MEDICATION, actions=LOOK, powers=powers
    )
    secrets = [him.marker(thing) for thing in THINGS] + [him.bsn]
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert (await browser.get("/")).status_code == 200
        assert ((await browser.get("/access")).status_code == 200) is (Power.GIVE in powers)
        assert ((await browser.get("/access/new")).status_code == 200) is (Power.GIVE in powers)
        assert ((await browser.get("/activity")).status_code == 200) is (Power.LOG in powers)
        for page in ("/", "/measurements", "/care-plan", "/medication", "/summary", "/access", "/activity"):
            text = (await browser.get(page)).text
            assert [secret for secret in secrets if secret in text] == [], page


async def test_a_part_that_a_carer_does_not_see_is_said_to_be_that_and_not_to_be_empty(world: World) -> None:
    him, reader = world.zonnestraal, world.parts.database.reader
    grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.GP_SUMMARY, powers=NO_POWERS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        before = {one.n for one in await entries_of(reader, him.record_id, (END, END), 500)}
        for page in ("/measurements", "/measurements/weight", "/care-plan", "/medication"):
            answer = await browser.get(page)
            assert (answer.status_code, "This part was not shared with you" in answer.text) == (403, True), page
        summary, first = (await browser.get("/summary")).text, (await browser.get("/")).text
        assert "No allergies are noted here" not in summary
        assert summary.count("This part was not shared with you.") == 3, "allergies, test results and documents"
        assert "/my-data" not in summary
        assert [page for page in ("/measurements", "/care-plan", "/medication") if f'href="{page}"' in first] == []
        assert "Nothing was measured" not in first
    looked = [one.event for one in await entries_of(reader, him.record_id, (END, END), 500) if one.n not in before]
    assert looked
    assert "MedicationRequest" not in str(looked), "what was not shown is no look"


async def test_who_acts_for_another_does_not_choose_what_that_person_is_told_of(world: World) -> None:
    him, reader = world.zonnestraal, world.parts.database.reader
    grant = await let_act(world, world.maanlicht, Capacity.CARER, powers=Power.LOG)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert 'href="/settings/mails"' not in (await browser.get("/activity")).text
        assert 'href="/settings/mails"' not in (await browser.get("/settings")).text
        assert (await browser.get("/settings/mails")).status_code == 403
        assert (await send(browser, "/settings/mails")).status_code == 403
    assert await alerts.switched_off(reader, him.record_id) == frozenset()


async def test_a_carer_gives_and_takes_back_no_more_than_the_mandate_says(world: World) -> None:
    him, practice = world.zonnestraal, world.made.practices["no grant"]
    grant = await let_act(
        world, world.maanlicht, Capacity.CARER, categories=Category.MEDICATION | Category.SENSITIVE, actions=LOOK,
        powers=Power.GIVE,
    )  # fmt: skip
    theirs = world.made.grants["granted of zonnestraal"]
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        form = {"practice": practice, "period": "1-year", "action": "look"}
        for more in (
            {"category": "gp-summary"},
            {"category": ["medication", "sensitive"]},
            {"category": "medication", "action": "add"},
        ):
            assert (await send(browser, "/access/new", **(form | more))).status_code == 403, more
        assert (await send(browser, f"/access/{theirs.grant_id}/withdraw")).status_code == 403
        assert "/withdraw" not in (await browser.get("/access")).text, "what others gave is not offered"
        assert (await send(browser, f"/access/{grant.grant_id}/withdraw")).status_code == 403
        assert (
            await send(
                browser,
                f"/access/{grant.grant_id}/change",
                category="gp-summary",
                action="look",
                period="open",
                version="1",
            )
        ).status_code == 403
        assert (await send(browser, "/access/new", **form, category="medication")).status_code == 303
        given = await grants.of_practice(world.parts.database.reader, practice, world.parts.clock(), him.record_id)
        assert [one.categories for one in given] == [Category.MEDICATION]
        assert (await browser.get("/access")).text.count("/withdraw") == 1
        assert (await send(browser, f"/access/{given[0].grant_id}/withdraw")).status_code == 303
    standing = await grants.one(world.parts.database.reader, him.record_id, theirs.grant_id)
    assert standing is not None
    assert standing.withdrawn_at is None


async def test_a_person_is_shown_what_a_helper_sees_and_saw(world: World) -> None:
    him, patient = world.zonnestraal, world.zonnestraal.patients[Release.R4]
    grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.GP_SUMMARY, actions=LOOK)
    await token_of(world, world.maanlicht, grant)
    way = f"/Patient/{patient}/$as-seen-by?representation={grant.grant_id}"
    shown = await world.caller("zonnestraal").get(way)
    theirs = {
        thing for thing in THINGS if (await world.caller("representative")("GET", him.url(thing))).status_code == 200
    }
    assert theirs == {"condition"}
    assert {one["resource"]["id"] for one in shown["entry"]} == {him.ids[Release.R4, thing] for thing in theirs}
    before = await world.caller("zonnestraal").get(f"{way}&at=2020-01-01")
    assert before.get("entry", []) == []
    for wrong in (
        "",
        "?practice=x&representation=y",
        f"?representation={world.made.grants['granted of zonnestraal'].grant_id}",
    ):
        answer = await world.caller("zonnestraal")("GET", f"/Patient/{patient}/$as-seen-by{wrong}")
        assert answer.status_code in (400, 404), wrong
    async with await browser_of(world, him) as browser:
        page = (await browser.get(f"/access/{grant.grant_id}/seen")).text
        assert f"What {world.maanlicht.family} sees" in page
        assert (await browser.get(f"/access/{grant.grant_id}/seen?at=2020-01-01T10:00")).text.count(
            "had no access"
        ) == 1


async def test_a_look_that_began_before_a_withdrawal_and_a_change_after_it_are_told_apart(world: World) -> None:
    him, grant = world.zonnestraal, await let_act(world, world.maanlicht, Capacity.CARER)
    await token_of(world, world.maanlicht, grant)
    carer, statuses = world.caller("representative"), list[int]()

    async def look() -> None:
        for _ in range(12):
            statuses.append((await carer("GET", him.url("weight"))).status_code)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        group.start_soon(look)
        await anyio.lowlevel.checkpoint()
        await world.withdraw(grant)
        after = len(statuses)
    assert set(statuses) <= {200, 403}
    assert {*statuses[after + 2 :]} == {403}  # two may have been on their way
    body = {"resourceType": "Observation"}
    assert (await carer("POST", "/Observation", body)).status_code in (400, 403, 422)
    assert (await carer("GET", him.url("weight"))).status_code == 403


async def connected(
    world: World, browser: httpx.AsyncClient, scope: str = APP_SCOPE, **choice: object
) -> httpx.Response:
    """Return the answer to the consent page of the app of Zonnestraal, filled in by who is in his record."""
    verifier, scope = "v" * 43, f"{scope} openid fhirUser offline_access"

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction, name="Meetmaatje-Test", scope=scope, redirect_uris=["https://app.example/done"], public=True,
            now=world.parts.clock(),
        )  # fmt: skip

    asked = {
        "response_type": "code", "client_id": await world.parts.database.write(job), "state": "s" * 32,
        "redirect_uri": "https://app.example/done", "scope": scope,
        "code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256",
        "aud": f"{BASE_URL}/fhir/r4",
    }  # fmt: skip
    url = f"/authorize?{urlencode(asked)}"
    page = await browser.get(url)
    if page.status_code != 200:
        return page
    assert world.zonnestraal.family in page.text
    assert "give practices access" not in page.text
    form = {"decision": "allow", "category": "own-measurements", "look": "yes", "period": "open", **choice}
    answer = await send(browser, url, url, **form)
    if "code=" not in answer.headers.get("location", ""):
        return answer
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    return await world.http.post("/token", data={
        "grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"],
        "client_id": asked["client_id"], "code_verifier": verifier,
    })  # fmt: skip


async def test_an_app_that_a_parent_connects_ends_with_the_representation(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    grant = await let_act(world, her)
    async with await browser_of(world, her) as browser:
        await go_in(browser, grant)
        answer = await connected(world, browser)
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert "id_token" not in got
    assert not {"openid", "fhirUser"} & set(got["scope"].split())
    world.made.tokens["their app"] = got["access_token"]
    app = world.caller("their app")
    assert (await app("GET", him.url("weight"))).status_code == 200
    assert (await app("GET", him.url("condition"))).status_code in (403, 404)
    (entry,) = await entries_of(world.parts.database.reader, him.record_id, (END, END), 1)
    assert her.family in entry.event.display or entry.event.outcome == "refused"
    assert entry.event.on_behalf_of == him.family
    await world.withdraw(grant)
    assert (await app("GET", him.url("weight"))).status_code == 403
    refreshed = await world.http.post(
        "/token", data={"grant_type": "refresh_token", "refresh_token": got["refresh_token"]}
    )
    assert refreshed.status_code == 400


async def test_a_carer_without_that_power_connects_no_app(world: World) -> None:
    grant = await let_act(world, world.maanlicht, Capacity.CARER, powers=Power.LOG)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert (await connected(world, browser)).status_code == 403


async def test_an_app_gets_no_more_than_the_carer_has(world: World) -> None:
    grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.GP_SUMMARY, actions=LOOK)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert (await connected(world, browser)).status_code == 422
        answer = await connected(world, browser, category=["gp-summary", "own-measurements", "sensitive"], change="yes")
    assert answer.status_code == 200, answer.text
    (given,) = [
        one for one in await grants.of_record(world.parts.database.reader, world.zonnestraal.record_id) if one.rests_on
    ]
    assert (given.categories, given.actions & ~LOOK) == (Category.GP_SUMMARY, 0)


@pytest.mark.parametrize("release", list(Release))
async def test_a_person_changes_and_withdraws_what_a_carer_may_by_its_consent(world: World, release: Release) -> None:
    grant = await let_act(world, world.maanlicht, Capacity.CARER, actions=LOOK)
    by_law = await let_act(world, world.maanlicht, Capacity.LEGAL)
    person, url = world.caller("zonnestraal", release), f"/Consent/{grant.grant_id}"
    consent = await person.get(url)
    provision = consent["provision"] if release is Release.R4 else consent["except"][0]
    assert provision["actor"][0]["reference"]["display"] == world.maanlicht.family
    assert provision["purpose"][0]["code"] == "FAMRQT"
    provision["class"] = [part for part in provision["class"] if part["code"] == "gp-summary"]
    consent["category"] = consent["category"][:1]
    assert (await person("PUT", url, consent)).status_code == 200
    reader, him = world.parts.database.reader, world.zonnestraal
    changed = await grants.one(reader, him.record_id, grant.grant_id)
    assert changed is not None
    assert (changed.categories, changed.mandate) == (Category.GP_SUMMARY, grant.mandate)
    assert (await world.caller("app of zonnestraal", release)("DELETE", url)).status_code in (403, 404)
    assert (await person("DELETE", f"/Consent/{by_law.grant_id}")).status_code == 403
    assert (await person("DELETE", url)).status_code in (200, 204)
    over = await grants.one(reader, him.record_id, grant.grant_id)
    assert over is not None
    assert over.withdrawn_at is not None


async def test_an_app_of_a_representative_gives_and_withdraws_nothing(world: World) -> None:
    him, theirs = world.zonnestraal, world.made.grants["granted of zonnestraal"]
    grant = await let_act(world, world.maanlicht)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        answer = await connected(
            world, browser, "patient/*.cruds patient/Consent.cruds",
            category=["medication", "personal-details"], change="yes",
        )  # fmt: skip
    world.made.tokens["their app"] = answer.json()["access_token"]
    app = world.caller("their app")
    assert (await app("POST", "/Consent", consent(world))).status_code == 403
    assert (await app("DELETE", f"/Consent/{theirs.grant_id}")).status_code == 403
    reader, now = world.parts.database.reader, world.parts.clock()
    assert await grants.of_practice(reader, world.made.practices["no grant"], now, him.record_id) == []
    standing = await grants.one(reader, him.record_id, theirs.grant_id)
    assert standing is not None
    assert standing.withdrawn_at is None


async def test_what_a_parent_changed_ends_with_the_representation(world: World) -> None:
    him, theirs = world.zonnestraal, world.made.grants["granted of zonnestraal"]
    grant, practice = await let_act(world, world.maanlicht), world.caller("granted")
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        answer = await send(
            browser, f"/access/{theirs.grant_id}/change", category=["own-measurements", "gp-summary", "sensitive"],
            action="look", period="as-it-is", purpose="treatment", version="1",
        )  # fmt: skip
        assert answer.status_code == 303
    assert (await practice("GET", him.url("secret"))).status_code == 200
    await world.withdraw(grant)
    assert (await practice("GET", him.url("secret"))).status_code in (403, 404)
