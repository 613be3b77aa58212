"""Questionnaires in the portal: asked, kept for later, sent once, shown; by who may, and by nobody else."""

import re
from random import Random
from typing import Any

import httpx
import pytest

from app.fhir.release import Release
from tests.access.test_pages import form_token, session
from tests.support.world import World

DUTCH = {"accept-language": "nl"}
RELEASES = pytest.mark.parametrize("release", list(Release))


def questionnaire(release: Release) -> dict[str, Any]:
    """Return a questionnaire in which one answer leads to another question, and of which one is answered from a value set."""
    codes = [{"code": "well", "display": "Goed"}, {"code": "badly", "display": "Slecht"}]
    system = "https://regie.example/fhir/CodeSystem/measuring-experience"
    value_set = {
        "resourceType": "ValueSet",
        "id": "how",
        "status": "active",
        "compose": {"include": [{"system": system, "concept": codes}]},
    }
    is_r4 = release is Release.R4
    options = {"answerValueSet": "#how"} if is_r4 else {"options": {"reference": "#how"}}
    operator = {"operator": "="} if is_r4 else {}
    more = [{"question": "pain", "answerBoolean": True, **operator}]
    return {
        "resourceType": "Questionnaire",
        "status": "active",
        "url": f"https://regie.example/fhir/Questionnaire/test-{release.path}",
        "version": "1",
        "title": "Hoe gaat het <met u>?",
        "contained": [value_set],
        "item": [
            {"linkId": "how", "text": "Hoe gaat het?", "type": "choice", "required": True, **options},
            {"linkId": "pain", "text": "Hebt u pijn?", "type": "boolean", "required": True},
            {"linkId": "where", "text": "Waar hebt u pijn?", "type": "string", "required": True, "enableWhen": more},
            {"linkId": "photo", "text": "Maak een foto", "type": "attachment", "required": True},
        ],
    }


async def asked(world: World, release: Release) -> tuple[str, str]:
    """Return the ids of a questionnaire in the first person's record, and of the task that asks for it."""
    me = world.caller("zonnestraal", release)
    made = await me.made(questionnaire(release))
    patient = {"reference": f"Patient/{world.zonnestraal.ids[release, 'patient']}"}
    reference = {"reference": f"Questionnaire/{made['id']}"}
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://loinc.org", "code": "74468-0"}]},
        "for": patient,
        "owner": patient,
        "input": [{"type": {"text": "Questionnaire"}, "valueReference": reference}],
    }
    return made["id"], (await me.made(task))["id"]


async def responses(world: World, release: Release, who: str = "zonnestraal") -> list[dict[str, Any]]:
    bundle = await world.caller(who, release).get("/QuestionnaireResponse")
    return [one["resource"] for one in bundle.get("entry", []) if one["search"]["mode"] == "match"]


async def page(world: World, path: str, who: str = "zonnestraal") -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers=DUTCH)


def hidden(text: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', text)


def seen(text: str) -> str:
    """Return a page without what stands in it for its program only."""
    return re.sub(r"<template.*?</template>", "", text, flags=re.DOTALL)


async def post(
    world: World,
    path: str,
    shown: httpx.Response,
    who: str = "zonnestraal",
    times: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """Send the form that was shown, with these answers by name, how often each group is there, and what to do."""
    async with await session(world, who) as browser:
        data: dict[str, Any] = {
            "csrf_token": await form_token(browser),
            "shown": hidden(seen(shown.text), "shown"),
            "key": (hidden(shown.text, "key") or [""])[0],
            "draft": (hidden(shown.text, "draft") or [""])[0],
            "do": fields.pop("do", "send"),
        }
        data |= {f"times-{name}": value for name, value in (times or {}).items()}
        data |= {f"a-{name}": value for name, value in fields.items()}
        return await browser.post(path, data=data, headers=DUTCH)


@RELEASES
async def test_a_questionnaire_is_asked_answered_in_steps_and_shown(world: World, release: Release) -> None:
    questionnaire_id, task_id = await asked(world, release)
    path = f"/questionnaires/{release.path}/{questionnaire_id}"
    assert f'href="{path}"' in (await page(world, "/questionnaires")).text
    form = await page(world, path)
    assert "Hoe gaat het &lt;met u&gt;?" in form.text
    assert "Goed" in form.text
    assert "Waar hebt u pijn?" not in seen(form.text)
    assert "Deze vraag kunt u hier niet beantwoorden" in form.text
    longer = await post(world, path, form, how="0", pain="true")
    assert longer.status_code == 200
    assert "Waar hebt u pijn?" in seen(longer.text)
    assert await responses(world, release) == []
    for _ in range(2):
        answer = await post(world, path, longer, how="0", pain="true", where="In mijn <knie>")
        assert (answer.status_code, answer.headers["location"]) == (303, "/questionnaires?saved=sent")
    (kept,) = await responses(world, release)
    assert kept["status"] == "completed"
    assert [one["linkId"] for one in kept["item"]] == ["how", "pain", "where"]
    assert kept["item"][0]["answer"][0]["valueCoding"]["code"] == "well"
    assert kept["source"] == kept["subject"] == kept["author"]
    task = await world.caller("zonnestraal", release).get(f"/Task/{task_id}")
    assert task["status"] == "completed"
    assert task["output"][0]["valueReference"]["reference"] == f"QuestionnaireResponse/{kept['id']}"
    overview = (await page(world, "/questionnaires")).text
    assert "Er is nu niets om in te vullen." in overview
    address = f"/questionnaires/answers/{release.path}/{kept['id']}"
    assert f'href="{address}"' in overview
    shown = await page(world, address)
    assert "In mijn &lt;knie&gt;" in shown.text
    assert "Ja" in shown.text


@RELEASES
async def test_a_group_is_filled_in_more_than_once_kept_for_later_and_sent(world: World, release: Release) -> None:
    drug = {"linkId": "drug", "type": "group", "repeats": True, "text": "Middel"}
    name = {"linkId": "name", "type": "string", "text": "Naam", "required": True}
    made = await world.caller("zonnestraal", release).made(
        {"resourceType": "Questionnaire", "status": "active", "item": [{**drug, "item": [name]}]}
        | ({"url": "https://regie.example/fhir/Questionnaire/again"} if release is Release.R4 else {})
    )
    path, second = f"/questionnaires/{made['id']}", "name\u241fdrug#2"
    form = await page(world, path)
    assert hidden(form.text, "times-drug") == ["1"]
    more = await post(world, path, form, do="more drug", name="Verzonnenol", times={"drug": "1"})
    assert more.status_code == 200
    assert 'value="Verzonnenol"' in more.text
    assert hidden(more.text, "times-drug") == ["2"]
    assert hidden(more.text, f"a-{second}") == [""]
    missing = await post(world, path, more, times={"drug": "2"}, name="Verzonnenol")
    assert missing.status_code == 422
    fewer = await post(world, path, more, do="fewer drug", times={"drug": "2"}, name="Verzonnenol")
    assert hidden(fewer.text, "times-drug") == ["1"]
    both = {"name": "Verzonnenol", second: "Gestoptine"}
    later = await post(world, path, more, do="later", times={"drug": "2"}, **both)
    assert later.status_code == 303
    again = await page(world, path)
    assert hidden(again.text, "times-drug") == ["2"]
    assert 'value="Gestoptine"' in again.text
    assert (await post(world, path, again, times={"drug": "2"}, **both)).status_code == 303
    (kept,) = await responses(world, release)
    assert [one["item"][0]["answer"][0]["valueString"] for one in kept["item"]] == ["Verzonnenol", "Gestoptine"]
    assert [one["linkId"] for one in kept["item"]] == ["drug", "drug"]
    shown = (await page(world, f"/questionnaires/answers/{kept['id']}")).text
    assert shown.index("Verzonnenol") < shown.index("Gestoptine")
    for times in ("9999", "-1", "x", ""):
        assert (await post(world, path, again, times={"drug": times}, name="a")).status_code in (303, 422)


async def test_what_is_missing_or_wrong_comes_back_with_its_place(world: World) -> None:
    questionnaire_id, _ = await asked(world, Release.R4)
    path = f"/questionnaires/r4/{questionnaire_id}"
    form = await page(world, path)
    answer = await post(world, path, form, how="7")
    assert answer.status_code == 422
    assert "Kies een antwoord uit de lijst." in answer.text
    assert "Beantwoord deze vraag." in answer.text
    assert await responses(world, Release.R4) == []


@RELEASES
async def test_answers_are_kept_for_later_and_gone_on_with(world: World, release: Release) -> None:
    questionnaire_id, task_id = await asked(world, release)
    path = f"/questionnaires/{release.path}/{questionnaire_id}"
    later = await post(world, path, await page(world, path), how="1", do="later")
    assert later.headers["location"] == "/questionnaires?saved=later"
    (draft,) = await responses(world, release)
    assert draft["status"] == "in-progress"
    assert "Verdergaan" in (await page(world, "/questionnaires")).text
    form = await page(world, path)
    assert re.search(r'value="1" checked', form.text)
    sent = await post(world, path, form, how="1", pain="false")
    assert sent.headers["location"] == "/questionnaires?saved=sent"
    (kept,) = await responses(world, release)
    assert (kept["id"], kept["status"]) == (draft["id"], "completed")
    task = await world.caller("zonnestraal", release).get(f"/Task/{task_id}")
    assert task["status"] == "completed"


async def test_of_two_windows_the_second_is_told_and_loses_nothing(world: World) -> None:
    questionnaire_id, _ = await asked(world, Release.R4)
    path = f"/questionnaires/r4/{questionnaire_id}"
    one, other = await page(world, path), await page(world, path)
    assert (await post(world, path, one, how="0", do="later")).status_code == 303
    refused = await post(world, path, other, how="1", pain="false")
    assert refused.status_code == 422
    assert "intussen veranderd" in refused.text
    assert re.search(r'value="1" checked', refused.text)
    assert [one["status"] for one in await responses(world, Release.R4)] == ["in-progress"]
    assert (await post(world, path, refused, how="1", pain="false")).status_code == 303
    assert [one["status"] for one in await responses(world, Release.R4)] == ["completed"]


async def test_nobody_else_sees_or_answers_it(world: World) -> None:
    questionnaire_id, _ = await asked(world, Release.R4)
    path = f"/questionnaires/r4/{questionnaire_id}"
    form = await page(world, path)
    await post(world, path, form, how="0", pain="false")
    (kept,) = await responses(world, Release.R4)
    assert path not in (await page(world, "/questionnaires", "maanlicht")).text
    assert (await page(world, path, "maanlicht")).status_code == 404
    assert (await page(world, f"/questionnaires/answers/{kept['id']}", "maanlicht")).status_code == 404
    assert (await post(world, path, form, "maanlicht", how="0", pain="false")).status_code == 404
    stranger = await post(world, path, form, "maanlicht", how="0", pain="false", draft=f"{kept['id']}/1")
    assert stranger.status_code == 404
    assert len(await responses(world, Release.R4)) == 1
    assert await responses(world, Release.R4, "maanlicht") == []


async def test_a_draft_that_is_not_the_person_s_own_is_no_way_to_change_another_answer(world: World) -> None:
    questionnaire_id, _ = await asked(world, Release.R4)
    path = f"/questionnaires/r4/{questionnaire_id}"
    await post(world, path, await page(world, path), how="0", pain="false")
    (kept,) = await responses(world, Release.R4)
    async with await session(world, "zonnestraal") as browser:
        shown = {"csrf_token": await form_token(browser), "key": "other", "do": "later"}
        crafted = await browser.post(path, data={**shown, "draft": f"{kept['id']}/1", "a-how": "1"}, headers=DUTCH)
    assert crafted.status_code == 422
    assert await responses(world, Release.R4) == [kept]


async def test_all_that_was_chosen_is_kept_when_the_login_ended(world: World) -> None:
    often = [{"valueString": text} for text in ("Nooit", "Soms", "Elke dag")]
    item = {"linkId": "when", "text": "Wanneer?", "type": "choice", "repeats": True, "answerOption": often}
    form = {"resourceType": "Questionnaire", "status": "active", "item": [item]}
    path = f"/questionnaires/r4/{(await world.caller('zonnestraal', Release.R4).made(form))['id']}"
    async with await session(world, "zonnestraal") as browser:
        shown = (await browser.get(path, headers=DUTCH)).text
        fields = {name: hidden(shown, name) for name in ("whose", "key", "shown")}
        answer = await browser.post(path, data={**fields, "csrf_token": "of an older login", "a-when": ["0", "2"]})
        assert answer.headers["location"] == path
        back = (await browser.get(path, headers=DUTCH)).text
    assert re.findall(r'name="a-when" value="(.)" checked', back) == ["0", "2"]


@pytest.mark.parametrize("is_shorter_later", [False, True])
async def test_a_long_answer_is_kept_when_the_login_ended(world: World, is_shorter_later: bool) -> None:
    form = {
        "resourceType": "Questionnaire",
        "status": "active",
        "item": [{"linkId": "how", "text": "Hoe?", "type": "text"}],
    }
    path = f"/questionnaires/r4/{(await world.caller('zonnestraal', Release.R4).made(form))['id']}"
    random = Random(6)
    words = "".join(random.choices("eeennaattiirroodslghvkmubpwjcz     ", k=6000)).strip()
    async with await session(world, "zonnestraal") as browser:
        shown = (await browser.get(path, headers=DUTCH)).text
        fields = {name: hidden(shown, name) for name in ("whose", "key", "shown")}
        for text in (words, words[:5000]) if is_shorter_later else (words,):
            answer = await browser.post(path, data={**fields, "csrf_token": "of an older login", "a-how": text})
            assert answer.headers["location"] == path
        assert all(len(cookie) < 4096 for cookie in answer.headers.get_list("set-cookie"))
        back = (await browser.get(path, headers=DUTCH)).text
        assert f">{text}</textarea>" in back
        assert "regie-typed" not in "".join(browser.cookies), "the browser forgets it"


async def test_a_questionnaire_whose_id_is_in_both_releases_has_a_page_and_answers_in_each(world: World) -> None:
    chosen, patient = "5a1ad000-0000-4000-8000-00000000f0a1", world.zonnestraal.patient
    for release in Release:
        me, title = world.caller("zonnestraal", release), f"Vragen van {release.path}"
        asks = questionnaire(release) | {"id": chosen, "title": title}
        assert (await me("PUT", f"/Questionnaire/{chosen}", asks)).status_code == 201
        name = asks["url"] if release is Release.R4 else {"reference": f"Questionnaire/{chosen}"}
        answers = {
            "resourceType": "QuestionnaireResponse", "id": chosen, "status": "completed", "questionnaire": name,
            "subject": {"reference": patient(release)}, "authored": "2026-01-12T10:00:00+01:00",
        }  # fmt: skip
        assert (await me("PUT", f"/QuestionnaireResponse/{chosen}", answers)).status_code == 201
    overview = (await page(world, "/questionnaires")).text
    for release in Release:
        address = f"/questionnaires/answers/{release.path}/{chosen}"
        assert f'href="{address}"' in overview
        for path in (address, f"/questionnaires/{release.path}/{chosen}"):
            assert f"Vragen van {release.path}" in (await page(world, path)).text
        form = await page(world, f"/questionnaires/{release.path}/{chosen}")
        sent = await post(world, f"/questionnaires/{release.path}/{chosen}", form, how="0", pain="false")
        assert sent.status_code == 303
        assert len(await responses(world, release)) == 2
    assert (await page(world, f"/questionnaires/r5/{chosen}")).status_code == 404


async def test_a_form_that_was_opened_at_an_address_of_before_is_kept(world: World) -> None:
    questionnaire_id, _ = await asked(world, Release.R4)
    before = f"/questionnaires/{questionnaire_id}"
    form = await page(world, before)
    assert f'action="/questionnaires/r4/{questionnaire_id}"' in form.text
    assert (await post(world, before, form, how="0", pain="false")).status_code == 303
    (kept,) = await responses(world, Release.R4)
    assert (await page(world, f"/questionnaires/answers/{kept['id']}")).status_code == 200
