"""Goals and actions of a person's own in the care plan: kept once, changed, ended; by who may, and by nobody else."""

import re
from typing import Any

import httpx
import pytest

from app.access.categories import EVERYTHING, Category
from app.access.representation import Capacity
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action
from app.fhir.release import Release
from tests.access.test_pages import form_token, session
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.world import World, goal

DUTCH = {"accept-language": "nl"}
GOALS, ACTIONS = "/care-plan/goals", "/care-plan/actions"
READS = Action.READ | Action.SEARCH


def aim(**other: str) -> dict[str, str]:
    """Return the fields of a goal."""
    return {"text": "Weer naar mijn zus fietsen", "why": "Dan zie ik haar vaker", "key": "first"} | other


def plan(**other: str) -> dict[str, str]:
    """Return the fields of an action."""
    return {"text": "Na het eten wandelen", "often": "week-5", "key": "first"} | other


async def post(world: World, path: str, who: str = "zonnestraal", **fields: str) -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.post(path, data={"csrf_token": await form_token(browser), **fields}, headers=DUTCH)


async def page(world: World, path: str, who: str = "zonnestraal") -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers=DUTCH)


async def own(world: World, resource_type: str = "Goal", who: str = "zonnestraal") -> list[dict[str, Any]]:
    """Return the goals or actions that the person wrote, as an app of theirs reads them."""
    bundle = await world.caller(who).get(f"/{resource_type}?_count=100")
    found = [one["resource"] for one in bundle.get("entry", [])]
    return [one for one in found if "Patient/" in str(one.get("expressedBy", one.get("requester")))]


async def test_a_goal_that_is_sent_twice_is_kept_once_and_is_the_persons(world: World) -> None:
    for _ in range(2):
        answer = await post(world, f"{GOALS}/add", **aim(measure="29463-7", low="78", high="85,5"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/care-plan?saved=goals-added")
    (kept,) = await own(world)
    assert kept["description"]["text"] == "Weer naar mijn zus fietsen"
    assert kept["expressedBy"] == kept["subject"] == {"reference": world.zonnestraal.patient()}
    (target,) = kept["target"]
    assert (target["detailRange"]["low"]["value"], target["detailRange"]["high"]["value"]) == (78, 85.5)
    shown = (await page(world, "/care-plan?saved=goals-added")).text
    assert "Uw doel staat in uw zorgplan." in shown
    assert "Uw eigen doel" in shown
    assert "tussen 78 en 85,5" in shown


async def test_an_action_is_a_task_that_the_person_asks_of_themselves(world: World) -> None:
    for _ in range(2):
        assert (await post(world, f"{ACTIONS}/add", **plan())).status_code == 303
    (kept,) = await own(world, "Task")
    assert kept["owner"] == kept["requester"] == kept["for"] == {"reference": world.zonnestraal.patient()}
    assert kept["input"][0]["valueTiming"] == {"repeat": {"frequency": 5, "period": 1, "periodUnit": "wk"}}
    shown = (await page(world, "/care-plan")).text
    assert "Na het eten wandelen" in shown
    assert "5 keer per week" in shown
    assert "Uw eigen actie" in shown


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        (GOALS, {"text": " "}, "Schrijf het in uw eigen woorden."),
        (GOALS, {"text": "x" * 301}, "te lang"),
        (GOALS, {"why": "x" * 1001}, "te lang"),
        (GOALS, {"due": "2001-01-01"}, "Kies een dag die nog moet komen."),
        (GOALS, {"due": "9999-12-31"}, "Kies een dag die nog moet komen."),
        (GOALS, {"due": "soon"}, "Kies een dag die nog moet komen."),
        (GOALS, {"low": "70"}, "Kies wat u meet."),
        (GOALS, {"measure": "29463-7"}, "Vul één getal in, of allebei."),
        (GOALS, {"measure": "29463-7", "low": "85", "high": "78"}, "omgedraaid"),
        (GOALS, {"measure": "29463-7", "low": "7800"}, "Dit kan niet kloppen"),
        (GOALS, {"measure": "29463-7", "low": "veel"}, "Schrijf een getal"),
        (GOALS, {"measure": "1234-5", "low": "70"}, "Kies iets uit de lijst."),
        (ACTIONS, {"text": ""}, "Schrijf het in uw eigen woorden."),
        (ACTIONS, {"often": "hourly"}, "Kies iets uit de lijst."),
    ],
)
async def test_what_can_not_be_right_comes_back_with_its_place(
    world: World, path: str, fields: dict[str, str], said: str
) -> None:
    typed = aim() if path == GOALS else plan()
    answer = await post(world, f"{path}/add", **typed | fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert await own(world) == await own(world, "Task") == []


async def test_the_same_form_with_other_words_keeps_nothing_until_it_is_sent_again(world: World) -> None:
    await post(world, f"{GOALS}/add", **aim())
    answer = await post(world, f"{GOALS}/add", **aim(text="Zonder stok lopen"))
    assert answer.status_code == 409
    assert "al bewaard, met andere woorden" in answer.text
    assert "Zonder stok lopen" in answer.text
    assert len(await own(world)) == 1
    again = re.search(r'name="key" value="([^"]+)"', answer.text)
    assert again is not None
    assert (await post(world, f"{GOALS}/add", **aim(text="Zonder stok lopen", key=again[1]))).status_code == 303
    assert len(await own(world)) == 2


async def test_a_goal_is_changed_and_a_second_tab_does_not_write_over_it(world: World) -> None:
    await post(world, f"{GOALS}/add", **aim(measure="29463-7", high="85"))
    (kept,) = await own(world)
    place = f"{GOALS}/r4/{kept['id']}"
    form = (await page(world, place)).text
    assert "Weer naar mijn zus fietsen" in form
    assert 'value="85"' in form
    for _ in range(2):
        changed = await post(world, place, **aim(text="Elke week fietsen", version="1", key="a"))
        assert (changed.status_code, changed.headers["location"]) == (303, "/care-plan?saved=goals-changed")
    late = await post(world, place, **aim(text="Nooit meer fietsen", version="1", key="b"))
    assert late.status_code == 409
    assert "Er staat nu: Elke week fietsen" in late.text
    assert "Nooit meer fietsen" in late.text
    (stands,) = await own(world)
    assert stands["description"]["text"] == "Elke week fietsen"
    assert "target" not in stands
    assert stands["meta"]["versionId"] == "2"
    fresh = {name: late.text.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("key", "version")}
    assert (await post(world, place, **aim(text="Nooit meer fietsen", **fresh))).status_code == 303


@pytest.mark.parametrize(("how", "status"), [("reached", "completed"), ("stopped", "cancelled")])
@pytest.mark.parametrize(
    ("path", "resource_type", "name"), [(GOALS, "Goal", "lifecycleStatus"), (ACTIONS, "Task", "status")]
)
async def test_what_ended_leaves_the_plan_and_stays_in_the_record(
    world: World, how: str, status: str, path: str, resource_type: str, name: str
) -> None:
    await post(world, f"{path}/add", **(aim() if path == GOALS else plan()))
    (kept,) = await own(world, resource_type)
    place = f"{path}/r4/{kept['id']}"
    for _ in range(2):
        answer = await post(world, place, do=how, version="1", key="end")
        assert answer.headers["location"] == f"/care-plan?saved={path.rpartition('/')[2]}-{how}"
    (ended,) = await own(world, resource_type)
    assert (ended[name], ended["meta"]["versionId"]) == (status, "2")
    assert place not in (await page(world, "/care-plan")).text
    assert (await page(world, place)).status_code == 404


async def test_what_is_typed_after_the_login_ended_is_still_there(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        form = (await browser.get(f"{GOALS}/add", headers=DUTCH)).text
        hidden = dict(re.findall(r'name="(csrf_token|whose|key)" value="([^"]+)"', form))
        cookie = browser.cookies["regie-session"]
        browser.cookies.delete("regie-session")
        answer = await browser.post(f"{GOALS}/add", data={**aim(), **hidden}, headers=DUTCH)
        assert answer.headers["location"] == "/login?next=/care-plan/goals/add"
        browser.cookies.set("regie-session", cookie)
        back = await browser.get(f"{GOALS}/add", headers=DUTCH)
    assert "Weer naar mijn zus fietsen" in back.text
    assert "Het is nog niet bewaard" in back.text
    assert await own(world) == []


async def test_a_record_in_stu3_alone_gets_them_in_stu3(world: World) -> None:
    patient = world.zonnestraal.patient(Release.STU3)
    made = await world.caller("zonnestraal", Release.STU3).made(
        goal(Release.STU3, patient, expressedBy={"reference": patient}, description={"text": "Minder moe zijn"})
    )
    place = f"{GOALS}/stu3/{made['id']}"
    assert "Minder moe zijn" in (await page(world, place)).text
    answer = await post(world, place, **aim(text="Fit zijn", version="1", measure="8867-4", high="80"))
    assert answer.status_code == 303
    stands = await world.caller("zonnestraal", Release.STU3).get(f"/Goal/{made['id']}")
    assert stands["target"]["detailRange"] == {
        "high": {"value": 80, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    }
    await post(world, place, do="reached", version="2", key="end")
    assert (await world.caller("zonnestraal", Release.STU3).get(f"/Goal/{made['id']}"))["status"] == "achieved"


async def test_targets_that_have_no_fields_stay_as_they_are(world: World) -> None:
    patient = {"reference": world.zonnestraal.patient()}
    targets = [
        {"measure": {"text": "HbA1c"}, "detailString": "lager", "dueDate": "2027-01-01"},
        {"dueDate": "2027-02-01"},
    ]
    made = await world.caller("zonnestraal").made(
        goal(Release.R4, patient["reference"], expressedBy=patient, target=targets)
    )
    place = f"{GOALS}/r4/{made['id']}"
    assert 'name="measure"' not in (await page(world, place)).text
    assert (await post(world, place, **aim(text="Beter in mijn vel", version="1"))).status_code == 303
    stands = await world.caller("zonnestraal").get(f"/Goal/{made['id']}")
    assert (stands["description"]["text"], stands["target"]) == ("Beter in mijn vel", targets)


async def test_a_goal_of_the_practice_has_no_form(world: World) -> None:
    for release in Release:
        place = f"{GOALS}/{release.path}/{world.zonnestraal.ids[release, 'goal']}"
        assert place not in (await page(world, "/care-plan")).text
        assert (await page(world, place)).status_code == 404
        for fields in (aim(version="1"), {"do": "reached", "version": "1"}):
            assert (await post(world, place, **fields)).status_code == 404
    assert [version for _, version in await world.caller("zonnestraal").changes()] == [
        version for _, version in await world.caller("zonnestraal").changes() if not version.endswith(" 2")
    ]


@pytest.mark.parametrize("what", ["goal", "plans", "..", "actions%2Fadd"])
async def test_there_are_no_other_parts(world: World, what: str) -> None:
    assert (await page(world, f"/care-plan/{what}/add")).status_code == 404
    assert (await post(world, f"/care-plan/{what}/add", **aim())).status_code == 404
    assert (await post(world, f"{GOALS}/r4/anything", do="erase")).status_code == 404
    assert (await post(world, f"/care-plan/{what}/r4/anything", **aim())).status_code == 404


async def test_nobody_opens_or_changes_the_goal_of_another(world: World) -> None:
    await post(world, f"{GOALS}/add", **aim())
    (kept,) = await own(world)
    place = f"{GOALS}/r4/{kept['id']}"
    assert (await page(world, place, "maanlicht")).status_code == 404
    assert (await post(world, place, "maanlicht", **aim(version="1"))).status_code == 404
    assert (await post(world, place, "maanlicht", do="reached", version="1")).status_code == 404
    assert await own(world) == [kept]


@pytest.mark.parametrize("categories", [Category.CARE_PLAN, Category.OWN_MEASUREMENTS])
async def test_a_practice_sees_them_with_the_care_plan_only(world: World, categories: Category) -> None:
    await post(world, f"{GOALS}/add", **aim())
    await post(world, f"{ACTIONS}/add", **plan())
    practice = world.caller("no grant")
    urls = ["/Goal", "/Task", "/Goal?_summary=count"]
    assert [(await practice("GET", url)).status_code for url in urls] == [403] * 3
    await world.give("no grant", world.zonnestraal, categories)
    seen = 1 if categories is Category.CARE_PLAN else 0
    assert [len(await own(world, one, "no grant")) for one in ("Goal", "Task")] == [seen, seen]
    assert (await practice.get("/Task?_summary=count"))["total"] == seen


@pytest.mark.parametrize("actions", [READS, READS | Action.UPDATE])
async def test_a_helper_who_may_not_add_is_shown_no_form_and_adds_nothing(world: World, actions: Action) -> None:
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        for path, fields in ((GOALS, aim()), (ACTIONS, plan())):
            assert f"{path}/add" not in (await browser.get("/care-plan")).text
            assert (await browser.get(f"{path}/add")).status_code == 403
            assert (await send(browser, f"{path}/add", **fields)).status_code == 403
    assert await own(world) == await own(world, "Task") == []


@pytest.mark.parametrize("actions", [READS, READS | Action.CREATE])
async def test_a_helper_who_may_not_change_changes_and_ends_nothing(world: World, actions: Action) -> None:
    await post(world, f"{GOALS}/add", **aim())
    (kept,) = await own(world)
    place = f"{GOALS}/r4/{kept['id']}"
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert place not in (await browser.get("/care-plan")).text
        assert (await browser.get(place)).status_code == 403
        assert (await send(browser, place, **aim(version="1", key="b"))).status_code == 403
        assert (await send(browser, place, do="reached", version="1", key="c")).status_code == 403
    assert await own(world) == [kept]


async def test_a_helper_without_the_care_plan_gets_no_page(world: World) -> None:
    await post(world, f"{GOALS}/add", **aim())
    (kept,) = await own(world)
    grant = await let_act(world, world.maanlicht, categories=Category.OWN_MEASUREMENTS, actions=ALL_ACTIONS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        for path in (f"{GOALS}/add", f"{GOALS}/r4/{kept['id']}"):
            answer = await browser.get(path)
            assert answer.status_code == 403
            assert "fietsen" not in answer.text
            assert (await send(browser, path, **aim(version="1", key="d"))).status_code == 403
    assert await own(world) == [kept]


async def test_a_representative_adds_in_the_name_of_the_person(world: World) -> None:
    grant = await let_act(world, world.maanlicht, actions=LOOK | Action.CREATE | Action.UPDATE)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert (await send(browser, f"{GOALS}/add", **aim())).status_code == 303
        (kept,) = await own(world)
        assert ">Written by: You<" in (await browser.get("/care-plan")).text
        changed = await send(browser, f"{GOALS}/r4/{kept['id']}", **aim(text="Vaker buiten zijn", version="1", key="b"))
        assert changed.status_code == 303
    (stands,) = await own(world)
    assert stands["description"]["text"] == "Vaker buiten zijn"
    assert await own(world, "Goal", "maanlicht") == []


@pytest.mark.parametrize(("path", "kind", "fields"), [(GOALS, "Goal", aim()), (ACTIONS, "Task", plan())])
async def test_what_is_marked_as_sensitive_is_seen_by_those_only_who_were_given_that_too(
    world: World, path: str, kind: str, fields: dict[str, str]
) -> None:
    await world.give("no grant", world.zonnestraal, EVERYTHING & ~Category.SENSITIVE)
    await post(world, f"{path}/add", **fields, sensitive="on")
    (kept,) = await own(world, kind)
    form = (await page(world, f"{path}/r4/{kept['id']}")).text
    assert 'name="sensitive" checked' in form
    assert "gevoelig" in (await page(world, "/care-plan")).text
    assert await own(world, kind, "no grant") == []
    await world.give("no grant", world.zonnestraal, EVERYTHING)
    assert len(await own(world, kind, "no grant")) == 1
    await post(
        world,
        f"{path}/r4/{kept['id']}",
        **fields | {"text": "Anders gezegd", "key": "second"},
        version="1",
        sensitive="on",
    )
    (kept,) = await own(world, kind)
    assert (kept["meta"]["versionId"], [one["code"] for one in kept["meta"]["security"]]) == ("2", ["R"])
    await post(world, f"{path}/r4/{kept['id']}", **fields | {"key": "third"}, version="2")
    (kept,) = await own(world, kind)
    assert "security" not in kept["meta"]


async def test_a_parent_who_changes_what_is_sensitive_leaves_it_so_and_a_helper_who_does_not_see_it_marks_nothing(
    world: World,
) -> None:
    await post(world, f"{GOALS}/add", **aim(), sensitive="on")
    (kept,) = await own(world)
    for capacity, sees in ((Capacity.PARENT, True), (Capacity.CARER, False)):
        parts = EVERYTHING if sees else EVERYTHING & ~Category.SENSITIVE
        grant = await let_act(world, world.maanlicht, capacity, categories=parts)
        async with await browser_of(world, world.maanlicht) as browser:
            await go_in(browser, grant)
            assert ('name="sensitive"' in (await browser.get(f"{GOALS}/add")).text) is sees
            answer = await browser.get(f"{GOALS}/r4/{kept['id']}")
            assert ('name="sensitive" checked' in answer.text, answer.status_code) == (sees, 200 if sees else 404)


async def test_a_goal_with_the_same_id_in_both_releases_is_opened_and_changed_in_its_own(world: World) -> None:
    chosen = "5a1ad000-0000-4000-8000-00000000beef"
    for release in Release:
        patient = world.zonnestraal.patient(release)
        words = {"description": {"text": f"Wens van {release.path}"}, "expressedBy": {"reference": patient}}
        made = await world.caller("zonnestraal", release)(
            "PUT", f"/Goal/{chosen}", goal(release, patient, id=chosen, **words)
        )
        assert made.status_code == 201, made.text
    shown = (await page(world, "/care-plan")).text
    for release in Release:
        place = f"{GOALS}/{release.path}/{chosen}"
        assert place in shown
        assert f">Wens van {release.path}</textarea>" in (await page(world, place)).text
        answer = await post(world, place, **aim(text=f"Anders in {release.path}", version="1", key=release.path))
        assert answer.status_code == 303
        kept = await world.caller("zonnestraal", release).get(f"/Goal/{chosen}")
        assert kept["description"]["text"] == f"Anders in {release.path}"
    for nowhere in ("r5", "R4", "..", ""):
        assert (await page(world, f"{GOALS}/{nowhere}/{chosen}")).status_code == 404


async def test_a_goal_in_the_words_of_the_person_that_a_practice_wrote_says_so(world: World) -> None:
    him, place = world.zonnestraal, f"/practice/people/{world.made.grants['granted of zonnestraal'].grant_id}/care-plan"
    await world.give("granted", him, Category.CARE_PLAN, ALL_ACTIONS)
    assert (await post(world, "/care-plan/goals/add", **aim(text="Weer fietsen"))).status_code == 303
    assert (await post(world, "/care-plan/actions/add", text="Elke dag lopen", key="a")).status_code == 303
    (mine,), (task,) = await own(world), await own(world, "Task")
    for one, words in ((mine, "Nooit meer fietsen"), (task, "Nooit meer lopen")):
        name = "description"
        forged = {key: value for key, value in one.items() if key not in ("id", "meta")}
        await world.caller("granted").made(forged | {name: {"text": words} if one is mine else words})
    shown, at_work = (await page(world, "/care-plan")).text, (await page(world, place, "gp of granted")).text
    for words, who, seen in (
        ("Weer fietsen", "Uw eigen doel", "Eigen doel van deze persoon"),
        (
            "Nooit meer fietsen",
            "Geschreven door: Praktijk Granted-Test",
            "Geschreven door: Een systeem van uw praktijk",
        ),
        ("Elke dag lopen", "Uw eigen actie", "Eigen actie van deze persoon"),
        ("Nooit meer lopen", "Geschreven door: Praktijk Granted-Test", "Geschreven door: Een systeem van uw praktijk"),
    ):
        for text, said in ((shown, who), (at_work, seen)):
            (item,) = [one for one in text.split("<li")[1:] if f">{words}</h3>" in one]
            assert said in item, words
