"""A practice makes a care plan, changes it and ends it: once, as it stood, by who may; a plan of a system stays that system's."""

import re
from typing import Any

import pytest
from httpx import AsyncClient

from app.access.categories import Category
from app.access.smart_scope import LOOK, Action
from app.fhir.agreed_care_plan import MADE_HERE
from app.fhir.release import Release
from app.interactions import own_words
from tests.access.test_practice_pages import at_work, person_url, posted
from tests.access.test_practice_plan import plan, refused_everywhere, sent
from tests.support.world import World, goal, never_made, restricted, staff_name

__all__ = ["plan"]

TITLE = {
    "text": "Weer op adem komen",
    "about": "COPD",
    "why": "Samen naar de markt kunnen",
    "from": "2026-01-12",
    "agreements": "Elke week bellen\nMedicijnen bespreken",
    "key": "first",
}
HIDDEN = "gevoelig"
OPENED = re.compile(r'name="(key|version|shown [^"]+)" value="([^"]+)"')


async def plans_of(world: World, release: Release = Release.R4) -> list[dict[str, Any]]:
    """Return the plans, as the person's own login reads them."""
    found = await world.caller("zonnestraal", release).get("/CarePlan?_count=100")
    return [one["resource"] for one in found.get("entry", [])]


def opened(text: str) -> dict[str, str]:
    """Return the version and the key of the form on a page, and what it had to tick."""
    return dict(OPENED.findall(text.split('id="end"', maxsplit=1)[0]))


async def made_with_a_hidden_goal(world: World, browser: AsyncClient, plan: str) -> tuple[str, dict[str, Any]]:
    """Return the address of a plan that the practice made, and the goal, ``HIDDEN`` from it, that the person put in."""
    me = world.caller("zonnestraal")
    described = goal(Release.R4, world.zonnestraal.patient(), meta=restricted(), description={"text": HIDDEN})
    hidden = await me.made(described)
    await sent(browser, f"{plan}/plans/add", **TITLE)
    (made,) = await plans_of(world)
    wishes = [{"reference": f"Goal/{hidden['id']}"}]
    assert (await me("PUT", f"/CarePlan/{made['id']}", made | {"goal": wishes})).status_code == 200
    return f"{plan}/plans/r4/{made['id']}", hidden


async def test_a_plan_sent_twice_is_made_once_and_seen_by_the_person_and_in_their_log(world: World, plan: str) -> None:
    async with at_work(world, "nurse of granted") as browser:
        assert f"{plan}/plans/add" in (await browser.get(plan)).text
        for _ in range(2):
            answer = await sent(browser, f"{plan}/plans/add", **TITLE)
            assert answer.headers.get("location") == f"{plan}?saved=plans-added", answer.text
        other = await sent(browser, f"{plan}/plans/add", **TITLE | {"text": "Iets anders"})
        assert (other.status_code, "Iets anders" in other.text) == (409, True)
    (made,) = await plans_of(world)
    assert (made["title"], made["description"]) == (TITLE["text"], TITLE["why"])
    assert made["identifier"][0]["system"] == MADE_HERE
    assert [one["detail"]["description"] for one in made["activity"]] == TITLE["agreements"].split("\n")
    who = staff_name("nurse of granted")
    async with at_work(world, "zonnestraal") as browser:
        shown = (await browser.get("/care-plan")).text
        for text in (TITLE["text"], "COPD", "Elke week bellen", f"{who}, Praktijk Granted-Test"):
            assert text in shown
        assert f"/plans/r4/{made['id']}" not in shown
        told = (await browser.get("/care-plan/history")).text
        assert "Care plan made" in told
        assert who in told
        assert who in (await browser.get("/activity")).text


async def test_a_plan_of_proposals_brings_what_was_ticked_and_all_of_it_once(world: World, plan: str) -> None:
    async with at_work(world, "gp of granted") as browser:
        assert f"{plan}/plans/add?illness=copd" in (await browser.get(f"{plan}/proposals")).text
        form = (await browser.get(f"{plan}/plans/add?illness=copd")).text
        assert "Care plan: COPD" in form
        assert len(re.findall(r'name="proposal [0-9]" value="on" checked', form)) == 6
        ticked = {"illness": "copd", "proposal 0": "on", "proposal 2": "on", "proposal 4": "on"}
        for _ in range(2):
            assert (await sent(browser, f"{plan}/plans/add", **TITLE, **ticked)).status_code == 303
        nothing = (await browser.get(f"{plan}/plans/add?illness=gout")).text
        assert 'name="proposal' not in nothing
    (made,) = await plans_of(world)
    me = world.caller("zonnestraal")
    (wish,) = [await me.get(f"/{one['reference']}") for one in made["goal"]]
    assert wish["description"]["text"] == "I can do more without getting out of breath"
    asked = [one["reference"]["reference"] for one in made["activity"] if "reference" in one]
    assert [one.split("/")[0] for one in asked] == ["ServiceRequest", "Task"]
    assert (await me.get(f"/{asked[1]}"))["description"] == "Call the practice when breathing gets harder"


async def test_proposals_are_read_in_the_language_of_who_reads(world: World, plan: str) -> None:
    own = "Call the practice when breathing gets harder"
    async with at_work(world, "gp of granted") as browser:
        form = (await browser.get(f"{plan}/plans/add?illness=copd")).text
        title, about = (re.findall(rf'name="{name}"[^>]*>([^<]*)<', form)[0] for name in ("text", "about"))
        ticked = {f"proposal {number}": "on" for number in range(6)}
        begun = {"text": title, "about": about, "from": TITLE["from"], "illness": "copd", "key": "of-proposals"}
        assert (await sent(browser, f"{plan}/plans/add", **begun, **ticked)).status_code == 303
    said = {
        "nl": ("Zorgplan: COPD", "Ik kan meer doen zonder buiten adem te raken", "Zuurstof"),
        "en": ("Care plan: COPD", "I can do more without getting out of breath", "Oxygen"),
    }
    async with at_work(world, "zonnestraal") as browser:
        await posted(browser, "/care-plan/actions/add", "/care-plan/actions/add", text=own, key="own-words")
        for code, texts in said.items():
            for path in ("/care-plan", "/care-plan/history"):
                text = (await browser.get(path, headers={"accept-language": code})).text
                for wanted in texts:
                    assert wanted in text, (path, wanted)
                others = said["en" if code == "nl" else "nl"]
                assert [one for one in others if f">{one}<" in text] == []
                assert own in text, "own words are not touched"


async def test_goals_and_actions_are_put_into_a_plan_and_taken_out_again(world: World, plan: str) -> None:
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
    wish = f"part Goal/{world.zonnestraal.ids[Release.R4, 'goal']}"
    team = await me.made(
        {"resourceType": "CareTeam", "status": "active", "name": "Team Zon", "subject": {"reference": patient}}
    )
    async with at_work(world, "gp of granted") as browser:
        await sent(browser, f"{plan}/plans/add", **TITLE)
        await sent(browser, f"{plan}/actions/add", text="Na het eten wandelen", key="second")
        (made,) = await plans_of(world)
        url = f"{plan}/plans/r4/{made['id']}"
        form = (await browser.get(url)).text
        (task,) = re.findall(r'name="(part Task/[^"]+)"', form)
        assert f'name="{wish}"' in form
        assert "Team Zon" in form
        chosen = {**TITLE, wish: "on", task: "on", "team": f"CareTeam/{team['id']}", **opened(form)}
        for _ in range(2):
            answer = await sent(browser, url, **chosen)
            assert answer.headers.get("location") == f"{plan}?saved=plans-changed", answer.text
        (whole,) = await plans_of(world)
        assert [one["reference"] for one in whole["goal"]] == [wish.removeprefix("part ")]
        assert task.removeprefix("part ") in str(whole["activity"])
        assert whole["careTeam"] == [{"reference": f"CareTeam/{team['id']}"}]
        assert whole["meta"]["versionId"] == "2"
        assert "Team Zon" in (await browser.get(plan)).text
        form = (await browser.get(url)).text
        assert f'name="{wish}" value="on" checked' in form
        less = {**TITLE, "agreements": "Elke week bellen", "state": "paused", **opened(form)}
        assert (await sent(browser, url, **less)).status_code == 303
        assert "on hold" in (await browser.get(plan)).text
    (less_now,) = await plans_of(world)
    assert "goal" not in less_now
    assert "careTeam" not in less_now
    assert (less_now["status"], len(less_now["activity"])) == ("on-hold", 1)
    async with at_work(world, "zonnestraal") as browser:
        told = (await browser.get("/care-plan/history")).text
        assert "Team Zon" in told
        assert "taken out: Team Zon" in told
        assert "On hold for now" in told


async def test_what_a_practice_may_not_see_stays_in_the_plan(world: World, plan: str) -> None:
    async with at_work(world, "nurse of granted") as browser:
        url, secret = await made_with_a_hidden_goal(world, browser, plan)
        form = (await browser.get(url)).text
        assert HIDDEN not in form
        assert secret["id"] not in form
        assert (await sent(browser, url, **TITLE | opened(form))).status_code == 303
        foreign = {f"part Goal/{world.maanlicht.ids[Release.R4, 'goal']}": "on"}
        form = (await browser.get(url)).text
        assert (await sent(browser, url, **TITLE | foreign | opened(form))).status_code == 303
    (kept,) = await plans_of(world)
    assert kept["goal"] == [{"reference": f"Goal/{secret['id']}"}], (
        "what is hidden stays, and what is of another is not put in"
    )


async def test_a_second_tab_does_not_write_over_the_first(world: World, plan: str) -> None:
    async with at_work(world, "gp of granted") as browser, at_work(world, "nurse of granted") as colleague:
        await sent(browser, f"{plan}/plans/add", **TITLE)
        (made,) = await plans_of(world)
        url = f"{plan}/plans/r4/{made['id']}"
        first, second = [opened((await one.get(url)).text) for one in (browser, colleague)]
        assert (await sent(browser, url, **TITLE | {"text": "Eerst"} | first)).status_code == 303
        late = await sent(colleague, url, **TITLE | {"text": "Later"} | second)
        assert (late.status_code, "Later" in late.text, "It says now: Eerst" in late.text) == (409, True, True)
        assert (await sent(colleague, url, **TITLE | {"text": "Later"} | opened(late.text))).status_code == 303
        (kept,) = await plans_of(world)
        assert (kept["title"], kept["meta"]["versionId"]) == ("Later", "3")
        for _ in range(2):
            over = await sent(browser, url, do="stopped", version="3", key="end")
            assert over.headers["location"] == f"{plan}?saved=plans-stopped"
        assert url not in (await browser.get(plan)).text
        assert (await browser.get(url)).status_code == 404
    (over_now,) = await plans_of(world)
    assert (over_now["status"], over_now["meta"]["versionId"], "end" in over_now["period"]) == ("revoked", "4", True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": ""}, "Give the plan a name."),
        ({"text": "x" * 301}, "too long"),
        ({"about": "x" * 301}, "too long"),
        ({"why": "x" * 1001}, "too long"),
        ({"from": ""}, "from which the plan holds"),
        ({"from": "9999-12-31"}, "from which the plan holds"),
        ({"due": "2025-12-31"}, "after the first day"),
        ({"due": "soon"}, "after the first day"),
        ({"agreements": "\n".join(f"Afspraak {number}" for number in range(51))}, "too many"),
        ({"agreements": "x" * 301}, "too long"),
        ({"team": "CareTeam/elsewhere"}, "Choose from the list."),
    ],
)
async def test_what_can_not_be_right_comes_back_with_its_place(
    world: World, plan: str, wrong: dict[str, str], said: str
) -> None:
    async with at_work(world, "gp of granted") as browser:
        answer = await sent(browser, f"{plan}/plans/add", **TITLE | wrong)
        assert (answer.status_code, said in answer.text) == (422, True)
    assert await plans_of(world) == []


@pytest.mark.parametrize("release", Release)
async def test_a_plan_that_a_system_sent_is_told_to_be_that_systems_and_not_changed(
    world: World, plan: str, release: Release
) -> None:
    patient = world.zonnestraal.patient(release)
    of_system = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": patient}}
    sent_by_api = await world.caller("zonnestraal", release).made({**of_system, "title": "Plan van een systeem"})
    url = f"{plan}/plans/{release.path}/{sent_by_api['id']}"
    async with at_work(world, "gp of granted") as browser:
        shown = (await browser.get(plan)).text
        assert "Plan van een systeem" in shown
        assert "A system sent this plan." in shown
        assert url not in shown
        assert (await browser.get(url)).status_code == 404
        for form in (TITLE | {"version": "1"}, {"do": "stopped", "version": "1", "key": "e"}):
            assert (await sent(browser, url, **form)).status_code == 404
    (kept,) = await plans_of(world, release)
    assert kept == sent_by_api


async def test_where_stu3_is_what_is_written_all_of_a_plan_is_made_in_stu3(
    world: World, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_words, "RELEASES", (Release.STU3,))
    ticked = {f"proposal {number}": "on" for number in range(7)} | {"illness": "diabetes-type-2"}
    async with at_work(world, "gp of granted") as browser:
        answer = await sent(browser, f"{plan}/plans/add", **TITLE, **ticked)
        assert answer.headers.get("location") == f"{plan}?saved=plans-added", answer.text
    assert await plans_of(world) == []
    (made,) = await plans_of(world, Release.STU3)
    assert made["subject"] == {"reference": world.zonnestraal.patient(Release.STU3)}
    asked = [one["reference"]["reference"].split("/")[0] for one in made["activity"] if "reference" in one]
    assert (len(made["goal"]), asked) == (3, ["ProcedureRequest", "ProcedureRequest", "Task", "Task"])


async def test_a_goal_that_came_into_view_after_the_form_was_opened_is_not_taken_out(world: World, plan: str) -> None:
    me = world.caller("zonnestraal")
    async with at_work(world, "nurse of granted") as browser:
        url, hidden = await made_with_a_hidden_goal(world, browser, plan)
        before = (await browser.get(url)).text
        assert HIDDEN not in before
        opened_now = {name: value for name, value in hidden.items() if name != "meta"}
        assert (await me("PUT", f"/Goal/{hidden['id']}", opened_now)).status_code == 200
        refused = await sent(browser, url, **TITLE | opened(before) | {"text": ""})
        assert f'name="part Goal/{hidden["id"]}" value="on" checked' in refused.text
        assert (await sent(browser, url, **TITLE | opened(before))).status_code == 303
        assert (await plans_of(world))[0]["goal"] == [{"reference": f"Goal/{hidden['id']}"}]
        assert (await sent(browser, url, **TITLE | opened((await browser.get(url)).text))).status_code == 303
    assert "goal" not in (await plans_of(world))[0]


async def test_to_a_plan_of_stu3_belongs_what_is_of_stu3(world: World, plan: str) -> None:
    async with at_work(world, "gp of granted") as browser:
        await sent(browser, f"{plan}/plans/add", **TITLE)
        (made,) = await plans_of(world)
        older = {**{name: one for name, one in made.items() if name != "created"}, "author": [made["author"]]}
        older["subject"] = {"reference": world.zonnestraal.patient(Release.STU3)}
        kept = await world.caller("zonnestraal", Release.STU3).made(older)
        url = f"{plan}/plans/stu3/{kept['id']}"
        form = (await browser.get(url)).text
        wish = f"part Goal/{world.zonnestraal.ids[Release.STU3, 'goal']}"
        assert f'name="{wish}"' in form
        assert world.zonnestraal.ids[Release.R4, "goal"] not in form
        chosen = {**TITLE, wish: "on", "state": "paused", **opened(form)}
        assert (await sent(browser, url, **chosen)).status_code == 303
        assert (await sent(browser, url, do="stopped", version="2", key="end")).status_code == 303
    (over,) = await plans_of(world, Release.STU3)
    assert (over["status"], len(over["goal"]), over["meta"]["versionId"]) == ("cancelled", 1, "3")


@pytest.mark.parametrize(
    ("who", "status"), [("assistant of granted", 403), ("administrator of granted", 403), ("gp of no grant", 404)]
)
async def test_who_has_another_role_or_works_elsewhere_makes_and_changes_none(
    world: World, plan: str, who: str, status: int
) -> None:
    async with at_work(world, "gp of granted") as browser:
        await sent(browser, f"{plan}/plans/add", **TITLE)
    before = await plans_of(world)
    async with at_work(world, who) as browser:
        for url in (f"{plan}/plans/add", f"{plan}/plans/r4/{before[0]['id']}"):
            assert (await browser.get(url)).status_code == status
            assert (await sent(browser, url, **TITLE | {"version": "1", "key": "x"})).status_code == status
    assert await plans_of(world) == before


async def test_a_grant_to_look_or_to_add_lets_nobody_change(world: World) -> None:
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN, LOOK | Action.CREATE)
    plan = f"{person_url(world)}/care-plan"
    async with at_work(world, "gp of granted") as browser:
        await sent(browser, f"{plan}/plans/add", **TITLE)
        (made,) = await plans_of(world)
        url = f"{plan}/plans/r4/{made['id']}"
        assert url not in (await browser.get(plan)).text
        assert (await browser.get(url)).status_code == 403
        assert (await sent(browser, url, **TITLE | {"version": "1", "key": "x"})).status_code == 403
    assert await plans_of(world) == [made]


async def test_a_grant_that_ends_while_a_form_is_open_keeps_nothing_of_it(world: World) -> None:
    grant = await world.give("granted", world.zonnestraal, Category.CARE_PLAN, LOOK | Action.CREATE | Action.UPDATE)
    plan = f"{person_url(world)}/care-plan"
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(f"{plan}/plans/add")).status_code == 200
        await world.withdraw(grant)
        assert (await sent(browser, f"{plan}/plans/add", **TITLE)).status_code == 403
    await refused_everywhere(world, "gp of granted", plan, 403, never_made())
    assert await plans_of(world) == []


async def test_what_was_typed_when_the_login_ended_is_there_again(world: World, plan: str) -> None:
    async with at_work(world, "gp of granted") as browser:
        url = f"{plan}/plans/add?illness=copd"
        whose = re.search(r'name="whose" value="([^"]+)"', (await browser.get(url)).text)
        assert whose is not None
        typed = {"csrf_token": "0" * 64, "whose": whose[1], **TITLE, "illness": "copd", "proposal 1": "on"}
        assert (await browser.post(f"{plan}/plans/add", data=typed)).headers["location"] == f"{plan}/plans/add"
        back = (await browser.get(f"{plan}/plans/add")).text
        assert TITLE["why"] in back
        assert re.findall(r'name="(proposal [0-9])" value="on" checked', back) == ["proposal 1"]
