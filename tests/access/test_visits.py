"""What a person prepares for a visit: kept once, changed, withdrawn; seen by the practice under its grant, and by nobody else."""

import re
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.access.categories import ALL_PARTS, EVERYTHING, Category
from app.access.grant import Grant, Grantee
from app.access.representation import NO_POWERS, Capacity
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.access.test_pages import form_token, session
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.world import Caller, World, condition, restricted, weight

DUTCH = {"accept-language": "nl"}
NEW = "/visit/new"
ALL = Category.MESSAGES | Category.CARE_PLAN | Category.GP_SUMMARY | Category.OWN_MEASUREMENTS


async def post(world: World, path: str, who: str = "zonnestraal", **fields: Any) -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.post(path, data={"csrf_token": await form_token(browser), **fields}, headers=DUTCH)


async def page(world: World, path: str, who: str = "zonnestraal") -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers=DUTCH)


def asks(world: World, **other: Any) -> dict[str, Any]:
    """Return the fields of the form, for the practice that has no grant unless a test gives one."""
    told = {
        "practice": world.made.practices["no grant"],
        "questions": "Waarom zo moe?\n\n Mag ik fietsen? ",
        "key": "first",
    }
    return told | other


def new(world: World) -> str:
    """Return the place of the form for that practice."""
    return f"{NEW}?practice={world.made.practices['no grant']}"


async def prepared(world: World, who: str = "zonnestraal") -> list[dict[str, Any]]:
    """Return the messages that prepare a visit, as somebody reads them."""
    bundle = await world.caller(who).get("/Communication?_count=100")
    found = [one["resource"] for one in bundle.get("entry", [])]
    return [one for one in found if "visit-preparation" in str(one.get("meta"))]


def goal_value(world: World) -> str:
    """Return what stands for Zonnestraal's goal in the form."""
    return f"r4/Goal/{world.zonnestraal.ids[Release.R4, 'goal']}"


async def test_a_form_that_is_sent_twice_is_one_message_to_the_practice(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    day = str(date.today() + timedelta(days=9))
    for _ in range(2):
        answer = await post(world, NEW, **asks(world, about=[goal_value(world)], day=day))
        assert (answer.status_code, answer.headers["location"]) == (303, "/visit?saved=prepared")
    (kept,) = await prepared(world)
    assert [part.get("contentString") for part in kept["payload"][:2]] == ["Waarom zo moe?", "Mag ik fietsen?"]
    assert kept["payload"][2] == {"contentReference": {"reference": goal_value(world).removeprefix("r4/")}}
    assert kept["sender"] == kept["subject"] == {"reference": world.zonnestraal.patient()}
    assert kept["recipient"][0]["identifier"]["value"] == world.made.practices["no grant"]
    shown = (await page(world, "/visit?saved=prepared")).text
    assert "Waarom zo moe?" in shown
    assert "Minder zout eten" in shown
    address = f"/visit/r4/{kept['id']}"
    assert f'href="{address}"' in shown
    assert f'href="{address}/change"' in shown
    for path in (address, f"/visit/{kept['id']}"):
        printed = await page(world, path)
        assert printed.status_code == 200
        assert "Mag ik fietsen?" in printed.text
    assert (await page(world, address.replace("r4", "stu3"))).status_code == 404


async def test_only_what_the_practice_sees_is_offered(world: World) -> None:
    patient = world.zonnestraal.patient()
    await world.caller("zonnestraal").made(condition(Release.R4, patient, code={"text": "Slecht slapen"}))
    await world.caller("zonnestraal").made(
        condition(Release.R4, patient, code={"text": "Iets heel gevoeligs"}, meta=restricted())
    )
    await world.give("no grant", world.zonnestraal, Category.MESSAGES | Category.GP_SUMMARY)
    form = (await page(world, new(world))).text
    assert "Slecht slapen" in form
    assert "Iets heel gevoeligs" not in form
    assert "Minder zout eten" not in form
    assert "Zorgplan" in form.partition("Deze praktijk ziet dit niet:")[2].partition("</p>")[0]
    answer = await post(world, NEW, **asks(world, questions="", about=[goal_value(world)]))
    assert answer.status_code == 422, "what is not offered is not taken either"
    assert await prepared(world) == []


async def test_a_measurement_outside_its_target_is_offered_first(world: World) -> None:
    person = world.caller("zonnestraal")
    patient = {"reference": world.zonnestraal.patient()}
    now = world.parts.clock().isoformat(timespec="seconds")
    heart = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    beats = {"value": 71, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
    own: dict[str, Any] = {"effectiveDateTime": now, "performer": [patient]}
    await person.made(weight(Release.R4, patient["reference"], "94.5", **own))
    await person.made(weight(Release.R4, patient["reference"], code=heart, **own) | {"valueQuantity": beats})
    await post(world, "/care-plan/goals/add", text="Afvallen", measure="29463-7", high="85", key="g")
    await world.give("no grant", world.zonnestraal, ALL)
    form = (await page(world, new(world))).text
    beyond = form.partition("buiten uw doel")
    assert "Gewicht" in beyond[0].rpartition("<label")[2]
    assert "94,5" in beyond[2].partition("</label>")[0]
    assert "Hartslag" in beyond[2]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"questions": " \n "}, "Schrijf een vraag, of kies iets hieronder."),
        ({"questions": "x" * 501}, "te lang"),
        ({"questions": "\n".join("abcdefghijklmnopqrstu")}, "te lang"),
        ({"day": "2001-01-01"}, "Kies een dag die nog moet komen."),
        ({"day": "morgen"}, "Kies een dag die nog moet komen."),
        ({"about": ["r4/Goal/nothing", "stu3/../x", "7"], "questions": ""}, "Schrijf een vraag"),
        ({"practice": "0123456789abcdef"}, "Kies een praktijk"),
        ({"practice": ""}, "Kies een praktijk"),
    ],
)
async def test_what_can_not_be_right_comes_back_with_its_place(world: World, fields: dict[str, Any], said: str) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    answer = await post(world, NEW, **asks(world, **fields))
    assert answer.status_code == 422
    assert said in answer.text
    assert await prepared(world) == []


async def test_without_a_practice_that_sees_messages_there_is_a_way_to_give_access(world: World) -> None:
    for grant in [one for one in world.made.grants.values() if one.record_id == world.zonnestraal.record_id]:
        await world.withdraw(grant)
    await world.give("no grant", world.zonnestraal, Category.CARE_PLAN)
    form = (await page(world, NEW)).text
    assert "Geef eerst toegang" in form
    assert '<a class="button" href="/access/new">' in form
    assert (await post(world, NEW, **asks(world))).status_code == 422
    assert await prepared(world) == []


async def test_it_is_changed_and_a_second_tab_does_not_write_over_it(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world, about=[goal_value(world)]))
    (kept,) = await prepared(world)
    place = f"/visit/r4/{kept['id']}/change"
    form = (await page(world, place)).text
    assert "Waarom zo moe?" in form
    assert f'value="{goal_value(world)}" checked' in form
    for _ in range(2):
        changed = await post(world, place, questions="Alleen dit", version="1", key="a")
        assert (changed.status_code, changed.headers["location"]) == (303, "/visit?saved=changed")
    late = await post(world, place, questions="Toch iets anders", version="1", key="b")
    assert late.status_code == 409
    assert "Toch iets anders" in late.text
    (stands,) = await prepared(world)
    assert [part["contentString"] for part in stands["payload"]] == ["Alleen dit"]
    fresh = {name: re.findall(f'name="{name}" value="([^"]+)"', late.text)[0] for name in ("key", "version")}
    assert (await post(world, place, questions="Toch iets anders", **fresh)).status_code == 303


async def test_an_id_in_both_releases_is_two_visits_each_changed_at_its_own_place(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world))
    (kept,) = await prepared(world)
    chosen = "5a1ad000-0000-4000-8000-00000000f0a3"
    for release in Release:
        them = {"reference": world.zonnestraal.patient(release)}
        asked = [{"contentString": f"Vraag van {release.path}"}]
        message = kept | {"id": chosen, "subject": them, "sender": them, "payload": asked}
        answer = await world.caller("zonnestraal", release)("PUT", f"/Communication/{chosen}", message)
        assert answer.status_code == 201, answer.text
    for release, other in zip(Release, reversed(Release), strict=True):
        address = f"/visit/{release.path}/{chosen}"
        assert f'href="{address}"' in (await page(world, "/visit")).text
        for path in (address, f"{address}/change"):
            shown = (await page(world, path)).text
            assert f"Vraag van {release.path}" in shown
            assert f"Vraag van {other.path}" not in shown
        assert f'action="{address}/change"' in (await page(world, f"{address}/change")).text
    assert (await post(world, f"/visit/r4/{chosen}/change", do="withdraw", version="1", key="end")).status_code == 303
    assert (await page(world, f"/visit/r4/{chosen}")).status_code == 404
    assert "Vraag van stu3" in (await page(world, f"/visit/stu3/{chosen}")).text


async def test_what_is_withdrawn_is_shown_to_nobody(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world))
    (kept,) = await prepared(world)
    place = f"/visit/{kept['id']}/change"
    for _ in range(2):
        answer = await post(world, place, do="withdraw", version="1", key="end")
        assert answer.headers["location"] == "/visit?saved=withdrawn"
    (stays,) = await prepared(world)
    assert stays["status"] == "entered-in-error"
    assert "Waarom zo moe?" not in (await page(world, "/visit")).text
    for path in (place, f"/visit/{kept['id']}"):
        assert (await page(world, path)).status_code == 404
    assert (await post(world, place, questions="Weer terug", version="2")).status_code == 404


async def test_what_is_typed_after_the_login_ended_is_still_there(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    async with await session(world, "zonnestraal") as browser:
        practice = world.made.practices["no grant"]
        form = (await browser.get(f"{NEW}?practice={practice}", headers=DUTCH)).text
        hidden = dict(re.findall(r'name="(csrf_token|whose|key)" value="([^"]+)"', form))
        cookie = browser.cookies["regie-session"]
        browser.cookies.delete("regie-session")
        typed = {**asks(world, about=[goal_value(world)]), **hidden}
        answer = await browser.post(NEW, data=typed, headers=DUTCH)
        assert answer.headers["location"] == f"/login?next={NEW}"
        browser.cookies.set("regie-session", cookie)
        back = await browser.get(NEW, headers=DUTCH)
    assert "Waarom zo moe?" in back.text
    assert f'value="{goal_value(world)}" checked' in back.text
    assert await prepared(world) == []


async def test_an_earlier_visit_stands_apart(world: World) -> None:
    patient = {"reference": world.zonnestraal.patient()}
    await world.caller("zonnestraal").made(
        {
            "resourceType": "Communication",
            "meta": {"profile": ["https://regie.example/fhir/StructureDefinition/visit-preparation"]},
            "extension": [
                {"url": "https://regie.example/fhir/StructureDefinition/visit-day", "valueDate": "2020-03-01"}
            ],
            "status": "completed",
            "subject": patient,
            "sender": patient,
            "sent": "2020-02-20T10:00:00+01:00",
            "recipient": [{"display": "Praktijk van vroeger"}],
            "payload": [{"contentString": "Een oude vraag"}],
        }
    )
    shown = (await page(world, "/visit")).text
    assert "U heeft nog niets voorbereid." in shown
    assert "Een oude vraag" in shown.partition("Eerdere bezoeken")[2]


async def test_an_app_that_wrote_a_strange_message_breaks_no_page(world: World) -> None:
    patient = {"reference": world.zonnestraal.patient()}
    await world.caller("zonnestraal").made(
        {
            "resourceType": "Communication",
            "meta": {"profile": ["https://regie.example/fhir/StructureDefinition/visit-preparation"]},
            "status": "completed",
            "subject": patient,
            "sender": patient,
            "payload": [
                {"contentReference": {"reference": "https://example.org/fhir/r4/Goal/1"}},
                {"contentReference": {"display": "iets"}},
                {"contentAttachment": {"title": "een foto"}},
            ],
        }
    )
    (kept,) = await prepared(world)
    for path in ("/visit", f"/visit/r4/{kept['id']}", f"/visit/r4/{kept['id']}/change"):
        assert (await page(world, path)).status_code == 200


@pytest.mark.parametrize("path", ["", "/change"])
async def test_nobody_sees_or_changes_what_another_prepared(world: World, path: str) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world))
    (kept,) = await prepared(world)
    answer = await page(world, f"/visit/r4/{kept['id']}{path}", "maanlicht")
    assert answer.status_code == 404
    for fields in ({"questions": "x", "version": "1"}, {"do": "withdraw", "version": "1"}):
        assert (await post(world, f"/visit/r4/{kept['id']}/change", "maanlicht", **fields)).status_code == 404
    assert "Waarom" not in (await page(world, "/visit", "maanlicht")).text
    assert await prepared(world) == [kept]


async def test_no_other_message_is_opened_or_changed_here(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    told = {"practice": world.made.practices["no grant"], "topic": "Adres", "wrong": "Fout", "right": "Goed"}
    assert (await post(world, "/my-data/corrections", **told)).status_code == 303
    bundle = await world.caller("zonnestraal").get("/Communication")
    (message,) = [one["resource"] for one in bundle["entry"]]
    assert "Adres" not in (await page(world, "/visit")).text
    for path in (f"/visit/{message['id']}", f"/visit/{message['id']}/change"):
        assert (await page(world, path)).status_code == 404
    assert (await post(world, f"/visit/{message['id']}/change", do="withdraw", version="1")).status_code == 404


@pytest.mark.parametrize("categories", [Category.MESSAGES, ALL & ~Category.MESSAGES])
async def test_a_practice_sees_it_with_messages_only(world: World, categories: Category) -> None:
    grant = await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world, about=[goal_value(world)]))
    await world.withdraw(grant)
    practice = world.caller("no grant")
    assert (await practice("GET", "/Communication")).status_code == 403
    await world.give("no grant", world.zonnestraal, categories)
    seen = await prepared(world, "no grant")
    assert len(seen) == (1 if categories is Category.MESSAGES else 0)
    assert (await practice.get("/Communication?_summary=count"))["total"] == len(seen)
    assert "Minder zout" not in str(seen)
    if categories is Category.MESSAGES:
        assert (await practice("GET", f"/{goal_value(world).removeprefix('r4/')}")).status_code == 404


@pytest.mark.parametrize("actions", [LOOK, LOOK | Action.UPDATE])
async def test_a_helper_who_may_not_add_prepares_nothing(world: World, actions: Action) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert NEW not in (await browser.get("/visit")).text
        assert (await browser.get(NEW)).status_code == 403
        assert (await send(browser, NEW, **asks(world))).status_code == 403
    assert await prepared(world) == []


@pytest.mark.parametrize("actions", [LOOK, LOOK | Action.CREATE])
async def test_a_helper_who_may_not_change_changes_and_withdraws_nothing(world: World, actions: Action) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world))
    (kept,) = await prepared(world)
    place = f"/visit/r4/{kept['id']}/change"
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        shown = (await browser.get("/visit")).text
        assert "Waarom zo moe?" in shown
        assert place not in shown
        assert (await browser.get(place)).status_code == 403
        assert (await send(browser, place, questions="x", version="1", key="b")).status_code == 403
        assert (await send(browser, place, do="withdraw", version="1", key="c")).status_code == 403
    assert await prepared(world) == [kept]


async def test_a_helper_who_may_not_give_access_is_not_shown_who_has_it(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    grant = await let_act(world, world.maanlicht, Capacity.CARER, actions=ALL_ACTIONS, powers=NO_POWERS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        answer = await browser.get(NEW)
        assert answer.status_code == 403
        assert (await send(browser, NEW, **asks(world))).status_code == 403
    assert await prepared(world) == []


async def test_a_helper_without_messages_gets_no_page(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world))
    (kept,) = await prepared(world)
    grant = await let_act(world, world.maanlicht, categories=Category.CARE_PLAN)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert 'href="/visit"' not in (await browser.get("/menu")).text
        for path in ("/visit", NEW, f"/visit/r4/{kept['id']}", f"/visit/r4/{kept['id']}/change"):
            answer = await browser.get(path)
            assert answer.status_code == 403
            assert "Waarom" not in answer.text
        assert (await send(browser, NEW, **asks(world))).status_code == 403
    assert await prepared(world) == [kept]


async def test_what_a_helper_does_not_see_stays_when_the_helper_changes_the_rest(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world, about=[goal_value(world)]))
    (kept,) = await prepared(world)
    place = f"/visit/r4/{kept['id']}/change"
    grant = await let_act(world, world.maanlicht, categories=Category.MESSAGES)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert "Minder zout eten" not in (await browser.get(place)).text
        assert (await send(browser, place, questions="Anders", version="1", key="b")).status_code == 303
    assert "Minder zout eten" in (await page(world, "/visit")).text
    (stands,) = await prepared(world)
    assert stands["payload"] == [{"contentString": "Anders"}, kept["payload"][-1]]


async def test_what_was_chosen_and_is_gone_breaks_no_change(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world, about=[goal_value(world)]))
    (kept,) = await prepared(world)
    await world.caller("zonnestraal")("DELETE", f"/{goal_value(world).removeprefix('r4/')}")
    place = f"/visit/r4/{kept['id']}/change"
    assert (await page(world, place)).status_code == 200
    assert (await post(world, place, questions="Anders", version="1", key="b")).status_code == 303


async def test_of_many_visits_each_shows_all_that_was_chosen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.portal.visits.SOUGHT_AT_ONCE", 2)
    me, texts = world.caller("zonnestraal"), [f"Klacht {number}" for number in range(7)]
    patient = world.zonnestraal.patient()
    made = [await me.made(condition(Release.R4, patient, code={"text": text})) for text in texts]
    await world.give("no grant", world.zonnestraal, ALL)
    for number, one in enumerate(made):
        await post(world, NEW, **asks(world, about=[f"r4/Condition/{one['id']}"], key=f"k{number}"))
    shown = (await page(world, "/visit")).text
    assert [text for text in texts if text not in shown] == []


async def test_a_parent_prepares_for_the_child_and_is_named_as_who_wrote_it(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    grant = await let_act(world, world.maanlicht)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert (await send(browser, NEW, **asks(world))).status_code == 303
        (kept,) = await prepared(world)
        assert kept["subject"]["reference"] == world.zonnestraal.patient()
        assert kept["sender"] == {"type": "RelatedPerson", "display": world.maanlicht.family}
        place = f"/visit/r4/{kept['id']}/change"
        assert (await send(browser, place, questions="Anders", version="1", key="b")).status_code == 303
    (stands,) = await prepared(world)
    assert stands["payload"] == [{"contentString": "Anders"}]
    assert f"Geschreven door: {world.maanlicht.family}" in (await page(world, "/visit")).text
    assert (await post(world, place, questions="Zelf", version="2", key="c")).status_code == 303
    (stands,) = await prepared(world)
    assert stands["sender"] == stands["subject"]
    assert await prepared(world, "maanlicht") == []


async def test_a_complaint_of_the_diary_can_be_chosen(world: World) -> None:
    now = world.parts.clock() - timedelta(hours=3)
    typed = {
        "text": "Steken in mijn zij",
        "kind": "complaint",
        "day": str(now.date()),
        "clock": f"{now:%H:%M}",
        "key": "d",
    }
    assert (await post(world, "/diary/add", **typed)).status_code == 303
    await world.give("no grant", world.zonnestraal, ALL)
    form = (await page(world, new(world))).text
    value = re.findall(r'name="about" value="([^"]+)"', form.partition("Steken in mijn zij")[0])[-1]
    assert (await post(world, NEW, **asks(world, about=[value]))).status_code == 303
    shown = (await page(world, "/visit")).text
    assert "Steken in mijn zij" in shown.partition("Problemen en klachten")[2]


async def test_the_practice_has_a_page_with_what_was_prepared_for_it_as_far_as_its_grants_go(world: World) -> None:
    him, place = world.zonnestraal, f"/practice/people/{world.made.grants['granted of zonnestraal'].grant_id}/visit"
    mine = world.made.practices["granted"]
    assert (await page(world, place, "gp of granted")).status_code == 403
    plan = await world.give("granted", him, Category.CARE_PLAN)
    messages = await world.give("granted", him, Category.MESSAGES)
    await world.give("no grant", him, ALL)
    assert (await post(world, NEW, **asks(world, questions="Voor een ander", key="other"))).status_code == 303
    told = asks(world, practice=mine, about=[goal_value(world)])
    assert (await post(world, NEW, **told)).status_code == 303
    for who, sees_goal in (("gp of granted", True), ("assistant of granted", False)):
        shown = await page(world, place, who)
        assert shown.status_code == 200
        assert "Waarom zo moe?" in shown.text
        assert ("Minder zout eten" in shown.text) is sees_goal
        assert "Voor een ander" not in shown.text
        assert "/change" not in shown.text
    await world.withdraw(plan)
    shown = await page(world, place, "gp of granted")
    assert "Minder zout eten" not in shown.text
    assert "Doelen" not in shown.text
    await world.withdraw(messages)
    assert (await page(world, place, "gp of granted")).status_code == 403


async def test_every_part_that_a_practice_is_offered_has_a_page(world: World) -> None:
    person = f"/practice/people/{world.made.grants['granted of zonnestraal'].grant_id}"
    await world.give("granted", world.zonnestraal, EVERYTHING)
    parts = set(re.findall(f'href="({person}/[^"]+)"', (await page(world, person, "gp of granted")).text))
    assert f"{person}/visit" in parts
    for path in parts:
        assert (await page(world, path, "gp of granted")).status_code == 200, path


async def test_what_is_prepared_can_be_marked_as_sensitive_for_a_practice_that_sees_such_things(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL)
    assert 'name="sensitive"' not in (await page(world, new(world))).text, "then the practice would not see it"
    await world.give("no grant", world.zonnestraal, ALL | Category.SENSITIVE)
    assert 'name="sensitive"' in (await page(world, new(world))).text
    await world.give("partial", world.zonnestraal, ALL)
    await post(world, NEW, **asks(world, sensitive="on"))
    (kept,) = await prepared(world)
    assert len(await prepared(world, "no grant")) == 1
    assert await prepared(world, "partial") == []
    assert "gevoelig" in (await page(world, "/visit")).text
    change = f"/visit/r4/{kept['id']}/change"
    assert 'name="sensitive" checked' in (await page(world, change)).text
    answer = await post(world, change, **asks(world, key="second", version="1"))
    assert answer.status_code == 303
    assert len(await prepared(world, "partial")) == 1


async def test_who_wrote_a_visit_is_who_the_log_names_whatever_the_message_says(world: World) -> None:
    him, practice_id = world.zonnestraal, world.made.practices["granted"]
    await world.give("granted", him, ALL, ALL_ACTIONS)
    told = asks(world, practice=practice_id, questions="Van mijzelf")
    assert (await post(world, NEW, **told)).status_code == 303
    (own,) = await prepared(world)
    forged = {name: value for name, value in own.items() if name not in ("id", "meta")} | {
        "meta": {"profile": own["meta"]["profile"]},
        "payload": [{"contentString": "Van de praktijk"}],
    }
    assert (await world.caller("granted").made(forged))["sender"] == own["sender"]
    shown = (await page(world, "/visit")).text
    mine, theirs = (
        next(one for one in shown.split("<article")[1:] if words in one) for words in ("Van mijzelf", "Van de praktijk")
    )
    assert "Geschreven door" not in mine
    assert "Geschreven door: Praktijk Granted-Test" in theirs
    place = f"/practice/people/{world.made.grants['granted of zonnestraal'].grant_id}/visit"
    assert "Geschreven door: Een systeem van uw praktijk" in (await page(world, place, "gp of granted")).text
    ids = {one["payload"][0]["contentString"]: one["id"] for one in await prepared(world)}
    assert "Geschreven door: Praktijk" in (await page(world, f"/visit/{ids['Van de praktijk']}")).text
    assert "Geschreven door" not in (await page(world, f"/visit/{ids['Van mijzelf']}")).text


async def test_a_visit_that_an_app_of_the_person_wrote_names_the_app(world: World) -> None:
    him, now = world.zonnestraal, world.parts.clock()
    await world.give("granted", him, ALL)
    assert (await post(world, NEW, **asks(world, practice=world.made.practices["granted"]))).status_code == 303
    (own,) = await prepared(world)
    app_id = world.made.clients["app"]

    async def job(transaction: Transaction) -> Grant:
        return await grants.give(
            transaction, record_id=him.record_id, grantee=Grantee.APP, grantee_id=app_id, categories=ALL_PARTS,
            actions=ALL_ACTIONS, until=now + timedelta(days=1), purpose="treatment", now=now,
        )  # fmt: skip

    grant = await world.parts.database.write(job)
    holder = Holder(RequesterKind.APP, "Meetmaatje-Test", app_id, record_id=him.record_id, grant_id=grant.grant_id)
    token = await world.token(holder, "patient/Communication.crs")
    written = {name: value for name, value in own.items() if name not in ("id", "meta")} | {
        "meta": {"profile": own["meta"]["profile"]},
        "payload": [{"contentString": "Van de app"}],
    }
    await Caller(world.http, token, Release.R4).made(written)
    place = f"/practice/people/{world.made.grants['granted of zonnestraal'].grant_id}/visit"
    for path, who, by in (
        ("/visit", "zonnestraal", "Meetmaatje-Test"),
        (place, "gp of granted", "Een app van deze persoon"),
    ):
        shown = (await page(world, path, who)).text
        (said,) = (one for one in shown.split("<article")[1:] if "Van de app" in one)
        assert f"Geschreven door: {by}" in said
        assert shown.count("Geschreven door") == 1, "the other is the person's own"
