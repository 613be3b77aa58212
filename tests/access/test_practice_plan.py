"""A practice writes in somebody's care plan: once, as it stood, by who may, and by nobody else; the person sees who."""

import re
from typing import Any

import httpx
import pytest

from app.access.categories import Category
from app.access.grant import Grant
from app.access.smart_scope import LOOK, Action
from app.audit.log import entries_of
from app.db.database import Transaction
from app.fhir.agreed_plan import AgreedAction, AgreedGoal, AskedMeasuring
from app.fhir.elements import LOINC
from app.fhir.own_plan import Moment, OwnAction, OwnGoal
from app.fhir.release import Release
from app.identity import staff
from tests.access.test_practice_pages import account_of, at_work, person_url, posted
from tests.support.world import World, goal, never_made, restricted, staff_name

WRITES = LOOK | Action.CREATE | Action.UPDATE
AIM = {"text": "Weer naar de markt lopen", "key": "first"}
TASK = {"text": "Na het eten wandelen", "often": "week-5", "key": "first"}
MEASURE = {"measure": "blood-pressure", "often": "week-2", "why": "Zit vijf minuten stil", "key": "first"}
FORMS = {"goals": AIM, "actions": TASK, "measuring": MEASURE}
FORM_WORDS = {
    "goals": AgreedGoal(OwnGoal("Weer naar de markt"), "Dr. Proef").new,
    "actions": AgreedAction(OwnAction("Wandelen"), "Dr. Proef").new,
    "measuring": AskedMeasuring((LOINC, "29463-7", "Gewicht"), "day", "Dr. Proef").new,
}
TYPES = {"goals": "Goal", "actions": "Task", "measuring": "ServiceRequest"}


@pytest.fixture
async def plan(world: World) -> str:
    """Let the practice add to Zonnestraal's care plan and change it; give the address of that."""
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN, WRITES)
    return f"{person_url(world)}/care-plan"


async def kept(world: World, what: str) -> list[dict[str, Any]]:
    """Return what the practice wrote, as the person's own login reads it."""
    found = await world.caller("zonnestraal").get(f"/{TYPES[what]}?_count=100")
    return [
        one["resource"]
        for one in found.get("entry", [])
        if "display" in str(one["resource"].get("expressedBy", one["resource"].get("requester")))
    ]


async def sent(browser: httpx.AsyncClient, url: str, **form: str) -> httpx.Response:
    """Send a form; its token stands on the page of requests too."""
    return await posted(browser, "/practice/requests", url, **form)


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize("who", ["gp of granted", "nurse of granted"])
async def test_what_is_sent_twice_is_kept_once_and_the_person_sees_it(
    world: World, plan: str, what: str, who: str
) -> None:
    async with at_work(world, who) as browser:
        assert f"{plan}/{what}/add" in (await browser.get(plan)).text
        assert (await browser.get(f"{plan}/{what}/add")).status_code == 200
        for _ in range(2):
            answer = await sent(browser, f"{plan}/{what}/add", **FORMS[what])
            assert (answer.status_code, answer.headers.get("location")) == (303, f"{plan}?saved={what}-added"), (
                answer.text
            )
        assert "Kept. The person sees it" in (await browser.get(answer.headers["location"])).text
    (one,) = await kept(world, what)
    assert f"{staff_name(who)}, Praktijk Granted-Test" in str(one)
    async with at_work(world, "zonnestraal") as browser:
        shown = (await browser.get("/care-plan")).text
        assert {"goals": "Weer naar de markt", "actions": "Na het eten", "measuring": "Zit vijf minuten"}[what] in shown
        assert "Change or end it" not in shown, "what was agreed is not the person's own words"
        assert staff_name(who) in (await browser.get("/activity")).text
    entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 50)
    written = [one.event for one in entries if one.event.action == "create" and one.event.display == staff_name(who)]
    assert [one.resource_type for one in written] == [TYPES[what]]
    assert written[0].ground.startswith("grant ")


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize("release", Release)
async def test_what_is_sensitive_is_so_still_after_a_practice_changed_it(
    world: World, what: str, release: Release
) -> None:
    sees = Category.CARE_PLAN | Category.SENSITIVE
    plan, me = f"{person_url(world)}/care-plan", world.caller("zonnestraal", release)
    await world.give("granted", world.zonnestraal, sees, WRITES)
    words = FORM_WORDS[what](release, Moment("2026-01-12T10:00:00+01:00", world.zonnestraal.patient(release)))
    made = await me.made(words | {"meta": restricted()})
    async with at_work(world, "gp of granted") as browser:
        url = f"{plan}/{what}/{release.path}/{made['id']}"
        new = {"text": "Zonder stok lopen", "why": "Rustig aan", "often": "day", "version": "1", "key": "first"}
        answer = await sent(browser, url, **new)
        assert answer.headers.get("location") == f"{plan}?saved={what}-changed", answer.text
    changed = await me.get(f"/{made['resourceType']}/{made['id']}")
    assert "Rustig aan" in str(changed)
    assert changed["meta"]["security"] == made["meta"]["security"]


@pytest.mark.parametrize("what", FORMS)
async def test_what_was_agreed_is_changed_and_a_second_tab_does_not_write_over_it(
    world: World, plan: str, what: str
) -> None:
    async with at_work(world, "gp of granted") as browser, at_work(world, "nurse of granted") as colleague:
        await sent(browser, f"{plan}/{what}/add", **FORMS[what])
        (one,) = await kept(world, what)
        url = f"{plan}/{what}/r4/{one['id']}"
        assert url in (await browser.get(plan)).text
        opened = (await colleague.get(url)).text
        version = re.search(r'name="version" value="([0-9]+)"', opened)
        assert version is not None
        new = {"text": "Zonder stok lopen", "why": "Rustig aan", "often": "day", "version": version[1]}
        answer = await sent(browser, url, key="second", **new)
        assert answer.headers.get("location") == f"{plan}?saved={what}-changed", answer.text
        late = await sent(colleague, url, key="third", **new | {"why": "Toch anders"})
        assert (late.status_code, "Toch anders" in late.text, "changed in the meantime" in late.text) == (
            409,
            True,
            True,
        )
        again = dict(re.findall(r'name="(version|key)" value="([^"]+)"', late.text.split('id="end"')[0]))
        assert (await sent(colleague, url, **new | {"why": "Toch anders"} | again)).status_code == 303
        (changed,) = await kept(world, what)
        assert "Toch anders" in str(changed)
        assert changed["meta"]["versionId"] == "3"
        ended = {"do": "stopped", "version": "3", "key": "end"}
        for _ in range(2):
            assert (await sent(browser, url, **ended)).headers.get("location") == f"{plan}?saved={what}-stopped"
        assert url not in (await browser.get(plan)).text
        (over,) = await kept(world, what)
        assert over.get("lifecycleStatus", over.get("status")) in ("cancelled", "revoked")


@pytest.mark.parametrize(
    ("what", "wrong", "said"),
    [
        ("goals", {"text": ""}, "own words"),
        ("goals", {"measure": "29463-7", "low": "veel"}, "Write a number"),
        ("goals", {"due": "2001-01-01"}, "still to come"),
        ("actions", {"often": "hourly"}, "Choose from the list."),
        ("measuring", {"measure": "mood"}, "Choose what to measure."),
        ("measuring", {"often": ""}, "Choose from the list."),
        ("measuring", {"why": "x" * 1001}, "too long"),
    ],
)
async def test_what_can_not_be_right_comes_back_with_its_place(
    world: World, plan: str, what: str, wrong: dict[str, str], said: str
) -> None:
    async with at_work(world, "gp of granted") as browser:
        answer = await sent(browser, f"{plan}/{what}/add", **FORMS[what] | wrong)
        assert (answer.status_code, said in answer.text, 'aria-invalid="true"' in answer.text) == (422, True, True)
    assert await kept(world, what) == []


async def test_a_proposal_fills_in_a_form_and_keeps_nothing(world: World, plan: str) -> None:
    async with at_work(world, "nurse of granted") as browser:
        links = re.findall(r'href="([^"]+\?proposal=[^"]+)"', (await browser.get(f"{plan}/proposals")).text)
        assert len(links) == 24
        for link in links:
            assert (await browser.get(link)).status_code == 200
        filled = (await browser.get(f"{plan}/goals/add?proposal=diabetes-type-2.0")).text
        assert "My blood sugar before breakfast is good" in filled
        for nothing in ("diabetes-type-2.99", "x.1", "copd.-1", "copd.", "heart-failure.2"):
            assert (
                'rows="2" class="plain" maxlength="300" required aria-describedby="text-hint"></textarea>'
                in (await browser.get(f"{plan}/goals/add?proposal={nothing}")).text
            ), nothing
    assert await kept(world, "goals") == []


async def refused_everywhere(world: World, who: str, plan: str, status: int, resource_id: str) -> None:
    """Ask for every page and send every form of the plan, and be refused with one status."""
    async with at_work(world, who) as browser:
        for what, form in FORMS.items():
            for url in (f"{plan}/{what}/add", f"{plan}/{what}/r4/{resource_id}"):
                assert (await browser.get(url)).status_code == status, url
                answer = await sent(browser, url, **form | {"version": "1"})
                assert answer.status_code == status, url
                assert world.zonnestraal.family not in answer.text
        assert (await browser.get(f"{plan}/proposals")).status_code == status


async def unchanged(world: World) -> list[dict[str, Any]]:
    return [one for what in FORMS for one in await kept(world, what)]


@pytest.mark.parametrize(
    ("who", "status"), [("assistant of granted", 403), ("administrator of granted", 403), ("gp of no grant", 404)]
)
async def test_who_has_another_role_or_works_elsewhere_writes_nothing(
    world: World, plan: str, who: str, status: int
) -> None:
    async with at_work(world, "gp of granted") as browser:
        await sent(browser, f"{plan}/goals/add", **AIM)
    before = await unchanged(world)
    await refused_everywhere(world, who, plan, status, before[0]["id"])
    assert await unchanged(world) == before


async def test_a_grant_to_look_lets_nobody_write(world: World) -> None:
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN)
    plan = f"{person_url(world)}/care-plan"
    async with at_work(world, "gp of granted") as browser:
        shown = (await browser.get(plan)).text
        assert "/add" not in shown
        assert "Change or end it" not in shown
    await refused_everywhere(world, "gp of granted", plan, 403, never_made())
    assert await unchanged(world) == []


async def test_a_grant_to_add_lets_nobody_change(world: World) -> None:
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN, LOOK | Action.CREATE)
    plan = f"{person_url(world)}/care-plan"
    async with at_work(world, "gp of granted") as browser:
        await sent(browser, f"{plan}/goals/add", **AIM)
        (one,) = await kept(world, "goals")
        assert (await browser.get(f"{plan}/goals/r4/{one['id']}")).status_code == 403
        answer = await sent(browser, f"{plan}/goals/r4/{one['id']}", text="Iets anders", version="1", key="k")
        assert answer.status_code == 403
    assert await kept(world, "goals") == [one]


async def granted_to_plan(world: World) -> Grant:
    return await world.give("granted", world.zonnestraal, Category.CARE_PLAN, WRITES)


async def test_a_grant_that_ends_while_a_form_is_open_keeps_nothing_of_it(world: World) -> None:
    grant = await granted_to_plan(world)
    plan = f"{person_url(world)}/care-plan"
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(f"{plan}/goals/add")).status_code == 200
        await world.withdraw(grant)
        answer = await sent(browser, f"{plan}/goals/add", **AIM)
        assert (answer.status_code, "not open to you now" in answer.text) == (403, True)
        assert answer.headers["cache-control"] == "no-store"
        await world.withdraw(world.made.grants["granted of zonnestraal"])
    await refused_everywhere(world, "gp of granted", plan, 403, never_made())
    assert await unchanged(world) == []


async def test_who_left_writes_nothing(world: World, plan: str) -> None:
    account_id = await account_of(world, "gp of granted")
    async with at_work(world, "gp of granted") as browser:
        token = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', (await browser.get(f"{plan}/goals/add")).text)
        assert token is not None

        async def job(transaction: Transaction) -> None:
            await staff.end(transaction, world.made.practices["granted"], account_id, world.parts.clock())

        await world.parts.database.write(job)
        answer = await browser.post(f"{plan}/goals/add", data={"csrf_token": token[1], **AIM})
        assert answer.headers["location"].startswith("/login")
    assert await unchanged(world) == []


async def test_a_person_who_helps_does_not_come_in_by_the_practices_pages(world: World, plan: str) -> None:
    async with at_work(world, "maanlicht") as browser:
        assert (await browser.get(f"{plan}/goals/add")).headers["location"] == "/"


async def test_what_the_person_wrote_and_what_is_of_another_are_like_what_never_was(world: World, plan: str) -> None:
    me, patient = world.caller("zonnestraal"), {"reference": world.zonnestraal.patient()}
    own = await me.made(goal(Release.R4, world.zonnestraal.patient()) | {"expressedBy": patient})
    foreign = world.maanlicht.ids[Release.R4, "goal"]
    async with at_work(world, "gp of granted") as browser:
        texts = set()
        for resource_id in (own["id"], foreign, never_made(), never_made(world.zonnestraal)):
            answer = await browser.get(f"{plan}/goals/r4/{resource_id}")
            assert answer.status_code == 404
            texts.add(answer.text.replace(answer.headers["x-request-id"], "REQUEST").replace(resource_id, "ID"))
            changed = await sent(browser, f"{plan}/goals/r4/{resource_id}", text="Iets anders", version="1", key="k")
            assert changed.status_code == 404
        assert len(texts) == 1
        assert (await browser.get(f"{plan}/wishes/add")).status_code == 404
        assert (await browser.get(f"{plan}/actions/r4/{world.zonnestraal.ids[Release.R4, 'goal']}")).status_code == 404
    assert (await me.get(f"/Goal/{own['id']}"))["meta"]["versionId"] == "1"


async def test_what_was_typed_when_the_login_ended_is_there_again(world: World, plan: str) -> None:
    async with at_work(world, "gp of granted") as browser:
        url = f"{plan}/goals/add"
        whose = re.search(r'name="whose" value="([^"]+)"', (await browser.get(url)).text)
        assert whose is not None
        answer = await browser.post(url, data={"csrf_token": "0" * 64, "whose": whose[1], **AIM})
        assert (answer.status_code, answer.headers["location"]) == (303, url)
        assert AIM["text"] in (await browser.get(url)).text
        assert AIM["text"] not in (await browser.get(url)).text
