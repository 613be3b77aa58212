"""Forms about access, helpers and corrections survive: sent twice, a login that ends, two windows, access that is stopped."""

import asyncio
import re
from html import unescape
from random import Random
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from app.access.categories import Category
from app.access.grant import Grant
from app.access.smart_scope import LOOK, Action
from app.audit.log import entries_of
from app.consent import grants, invitations
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity import practices
from app.identity.instants import to_us
from app.portal.access_new import HERE, SHOWN_MAX
from app.portal.kept_form import kept_form
from app.store.forget import forget_answers
from tests.access.test_any_questionnaire import made
from tests.access.test_corrections import found, open_messages
from tests.access.test_diary import typed as diary_typed
from tests.access.test_practice_pages import at_work, person_url
from tests.access.test_questionnaires import questionnaire, responses
from tests.access.test_request_pages import PRACTICE, asked
from tests.support.acting import browser_of, go_in, let_act, send, years_ago
from tests.support.world import World

Fields = dict[str, Any]
STILL_HERE = "What you typed is still here."
GIVING: Fields = {
    "category": ["medication", "sensitive"],
    "action": "look",
    "period": "3-months",
    "purpose": "coordination",
}
HELPER: Fields = {"called": "Mijn nicht", "category": "medication", "action": "look", "period": "2-years"}


def ticked_in(text: str) -> set[str]:
    """Return what is ticked on a page."""
    return set(re.findall(r'value="([^"]+)" checked', text))


def hidden_in(text: str) -> dict[str, str]:
    """Return the hidden fields of the first form of a page that is kept."""
    form = text[text.rindex("<form", 0, text.index('name="whose"')) :]
    return dict(
        re.findall(r'name="(csrf_token|whose|key|version|about|part)" value="([^"]*)"', form.partition("</form>")[0])
    )


async def opened(browser: httpx.AsyncClient, path: str) -> dict[str, str]:
    """Return the hidden fields of a form."""
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return hidden_in(answer.text)


async def come_back(browser: httpx.AsyncClient, path: str, fields: Fields) -> str:
    """Return the page of a form whose login ended before it was sent, after the next login."""
    answer = await browser.post(path, data={**await opened(browser, path), **fields, "csrf_token": "of an older login"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    text = (await browser.get(path)).text
    assert STILL_HERE in text
    assert STILL_HERE not in (await browser.get(path)).text, "it is shown once"
    return text


async def in_force(world: World) -> list[Grant]:
    """Return what the practice that had nothing has now."""
    practice_id, record_id = world.made.practices[PRACTICE], world.zonnestraal.record_id
    return await grants.of_practice(world.parts.database.reader, practice_id, world.parts.clock(), record_id)


async def deeds(world: World, action: str) -> int:
    """Return how often something is in the person's log."""
    entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 50)
    return sum(entry.event.action == action for entry in entries)


async def test_what_is_given_stays_chosen_when_the_login_ended(world: World) -> None:
    practice_id = world.made.practices[PRACTICE]
    async with await browser_of(world, world.zonnestraal) as browser:
        text = await come_back(browser, "/access/new", {"practice": practice_id, **GIVING})
    assert ticked_in(text) == {practice_id, "medication", "sensitive", "look", "3-months", "coordination"}
    assert await in_force(world) == []


async def test_of_many_practices_some_are_shown_and_all_are_found(world: World) -> None:
    async def job(transaction: Transaction) -> list[str]:
        now = world.parts.clock()
        return [
            await practices.add(transaction, name=f"Aaltjes-Testpraktijk {n:03}", city="Één-Testdorp", now=now)
            for n in range(SHOWN_MAX + 10)
        ]

    made = await world.parts.database.write(job)
    async with await browser_of(world, world.zonnestraal) as browser:
        first = (await browser.get(HERE)).text
        assert len(choices_in(first)) == SHOWN_MAX
        assert made[-1] not in first
        assert "There are more practices." in first
        one = (await browser.get(HERE, params={"q": f"éÉN aaltjes {SHOWN_MAX + 9:03}"})).text
        assert choices_in(one) == [made[-1]]
        assert "There are more practices." not in one
        form = {**hidden_in(one), "practice": made[-1]}
        wrong = await browser.post(HERE, data=form)
        assert wrong.status_code == 422
        assert choices_in(wrong.text)[0] == made[-1]
        assert made[-1] in ticked_in(wrong.text)
        assert (await browser.post(HERE, data={**form, "practice": "unknown", **GIVING})).status_code == 422
        assert (await browser.post(HERE, data=form | GIVING)).status_code == 303
    assert [
        grant.grantee_id
        for grant in await grants.of_practice(
            world.parts.database.reader, made[-1], world.parts.clock(), world.zonnestraal.record_id
        )
    ] == [made[-1]]


def choices_in(text: str) -> list[str]:
    """Return the practices that a page offers."""
    return re.findall(r'name="practice" value="([^"]+)"', text)


def waiting_in(text: str) -> dict[str, list[str]]:
    """Return the hidden fields of the form that waits on a page."""
    form = text[text.rindex("<form") :].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(unescape(value))
    return found


async def test_a_text_too_long_for_the_browser_waits_on_a_page_and_is_sent_after_the_login(world: World) -> None:
    chance = Random(1)
    long = " ".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz<&", k=7)) for _ in range(450))
    items = [{"linkId": name, "type": "text", "text": f"Vraag {name}"} for name in ("a", "b", "c")]
    path = await made(world, Release.R4, items)
    async with await browser_of(world, world.zonnestraal) as browser:
        cookie, fields = browser.cookies["regie-session"], await opened(browser, path)
        typed = {**fields, "shown": ["a", "b", "c"], "do": "send", "a-a": long, "a-b": long[::-1], "a-c": "Zeven > zes"}
        browser.cookies = httpx.Cookies({"regie-session": "over"})
        out = await browser.post(path, data=typed)
        assert (out.status_code, "it is not lost" in out.text) == (401, True)
        assert 'href="/login" target="_blank"' in out.text
        assert "Lees dit in het Nederlands" not in out.text, "it would leave the page with the text"
        waits = waiting_in(out.text)
        assert (waits["a-a"], waits["csrf_token"]) == ([long], [""])
        browser.cookies = httpx.Cookies({"regie-session": cookie})
        back = await browser.post(path, data=waits)
        assert (back.status_code, "You are logged in again" in back.text) == (200, True)
        assert await responses(world, Release.R4) == []
        assert (await browser.post(path, data=waiting_in(back.text))).status_code == 303
    (kept,) = await responses(world, Release.R4)
    assert [item["answer"][0]["valueString"] for item in kept["item"]] == [long, long[::-1], "Zeven > zes"]
    async with await browser_of(world, world.maanlicht) as other:
        refused = await other.post(path, data=waits)
        assert (refused.status_code, waiting_in(refused.text)["csrf_token"]) == (409, [""]), (
            "another has no token for it"
        )


async def test_a_long_text_is_put_into_no_other_record_and_waits_for_the_right_one(world: World) -> None:
    grant = await let_act(world, world.maanlicht, actions=LOOK | Action.CREATE)
    async with await browser_of(world, world.maanlicht) as browser:
        path, long = "/diary/add", "".join(Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20000))
        typed = {**await opened(browser, path), "kind": "remark", "text": "Van mijzelf", "more": long}
        await go_in(browser, grant)
        answer = await browser.post(path, data=typed)
        assert (answer.status_code, "Your text is for another record" in answer.text) == (409, True)
        assert re.findall(r"<textarea[^>]* readonly[^>]*>\n([^<]*)</textarea>", answer.text) == [long]
        waits = waiting_in(answer.text)
        assert (waits["csrf_token"], waits["more"], waits["text"]) == ([""], [long], ["Van mijzelf"])
        assert "Your text is for another record" in (await browser.post(path, data=waits)).text
        await send(browser, "/helping/stop", "/")
        back = await browser.post(path, data=waits)
        assert "You are logged in again" in back.text
        assert waiting_in(back.text) == waits | {"csrf_token": waiting_in(back.text)["csrf_token"]} != waits


async def test_a_long_text_that_a_helper_typed_waits_until_they_are_in_that_record_again(world: World) -> None:
    grant = await let_act(world, world.maanlicht, actions=LOOK | Action.CREATE)
    path, long = "/diary/add", "".join(Random(2).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20000))
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        typed = {**diary_typed(text="Van wie ik help", more=long), **await opened(browser, path)}
        await send(browser, "/helping/stop", "/")
        waits = waiting_in((await browser.post(path, data={**typed, "csrf_token": "of an older login"})).text)
        assert (waits["csrf_token"], waits["more"]) == ([""], [long]), "a new login is in the own record"
        await go_in(browser, grant)
        back = await browser.post(path, data=waits)
        assert "You are logged in again" in back.text
        assert "Van wie ik help" not in (await browser.get("/diary")).text
        assert (await browser.post(path, data=waiting_in(back.text))).status_code == 303
        assert "Van wie ik help" in (await browser.get("/diary")).text


async def test_a_short_text_that_a_helper_typed_is_put_into_no_other_record_and_not_lost_there(world: World) -> None:
    grant = await let_act(world, world.maanlicht, actions=LOOK | Action.CREATE)
    path = "/diary/add"
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        typed = {**diary_typed(text="Van wie ik help"), **await opened(browser, path)}
        await send(browser, "/helping/stop", "/")
        waits = await browser.post(path, data=typed)
        assert (waits.status_code, waiting_in(waits.text)["csrf_token"]) == (409, [""]), (
            "the record was left in another tab"
        )
        assert waiting_in(waits.text)["text"] == ["Van wie ik help"]

        old_cookies = dict(browser.cookies)
        browser.cookies.clear()
        answer = await browser.post(path, data=typed)
        assert answer.headers["location"].startswith("/login?"), "the login ended"
        browser.cookies.update(old_cookies)
        assert "Van wie ik help" not in (await browser.get(path)).text, "a new login is in the own record"
        await go_in(browser, grant)
        assert "Van wie ik help" in (await browser.get(path)).text
        assert "Van wie ik help" not in (await browser.get(path)).text, "it is given back once"


async def test_each_of_several_answers_keeps_its_own_time_and_unit_when_the_login_ended(world: World) -> None:
    items = [{"linkId": name, "type": kind, "repeats": True} for name, kind in (("m", "dateTime"), ("q", "quantity"))]
    path = await made(world, Release.R4, items)
    moments = {"a-m": ["2024-05-01", "2024-06-01"], "a-m-clock": ["", "10:00"]}
    amounts = {"a-q": ["2", "3"], "a-q-unit": ["", "koppen"]}
    async with await browser_of(world, world.zonnestraal) as browser:
        text = await come_back(browser, path, {**moments, **amounts, "shown": ["m", "q"]})
    for name, texts in {**moments, **amounts}.items():
        assert re.findall(rf'name="{name}"[^>]*? value="([^"]*)"', text) == texts


async def test_what_is_changed_stays_chosen_when_the_login_ended(world: World) -> None:
    path = f"/access/{world.made.grants['granted of zonnestraal'].grant_id}/change"
    async with await browser_of(world, world.zonnestraal) as browser:
        assert ticked_in(await come_back(browser, path, GIVING)) == {
            "medication", "sensitive", "look", "3-months", "coordination",
        }  # fmt: skip


async def test_the_answer_to_a_practice_stays_chosen_when_the_login_ended(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as browser:
        path = await asked(world, browser)
        text = await come_back(browser, path, {"decision": "accept", "category": "medication", "period": "3-months"})
    assert ticked_in(text) == {"medication", "3-months"}


async def test_who_is_asked_to_help_stays_typed_when_the_login_ended(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as browser:
        text = await come_back(browser, "/helpers/new", HELPER)
    assert 'value="Mijn nicht"' in text
    assert ticked_in(text) == {"medication", "look", "2-years"}


async def test_the_yes_of_a_child_stays_chosen_when_the_login_ended(world: World) -> None:
    grant = await let_act(world, world.maanlicht, birth_date=years_ago(world, 12, days=5))
    async with await browser_of(world, world.zonnestraal) as child:
        text = await come_back(child, f"/helpers/{grant.grant_id}/agree", {"category": "medication", "action": "look"})
    assert ticked_in(text) == {"medication", "look"}


async def test_a_request_for_a_correction_stays_typed_when_the_login_ended(world: World) -> None:
    practice_id = await open_messages(world)
    wish = {"topic": "Mijn gewicht", "wrong": "Er staat 720 kg.", "right": "Het is 72 kg."}
    async with await browser_of(world, world.zonnestraal) as browser:
        text = await come_back(browser, "/my-data/corrections", {"practice": practice_id, **wish})
    for words in wish.values():
        assert words in text
    assert await found(world, "zonnestraal", "Task") == []


async def test_what_a_practice_asks_stays_typed_when_the_login_ended(world: World) -> None:
    wish = {"code": "ABCD-EFGH", "words": "Voor de controle", "category": "medication", "action": "look"}
    async with at_work(world, f"gp of {PRACTICE}") as browser:
        text = await come_back(browser, "/practice/requests", {**wish, "period": "3-months", "purpose": "treatment"})
    assert 'value="ABCD-EFGH"' in text
    assert 'value="Voor de controle"' in text
    assert ticked_in(text) == {"medication", "look", "3-months", "treatment"}


async def test_access_that_is_given_twice_by_one_form_is_given_once(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as browser:
        form = {**await opened(browser, "/access/new"), "practice": world.made.practices[PRACTICE], **GIVING}
        for _ in range(2):
            answer = await browser.post("/access/new", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/access?done=given")
        (grant,) = await in_force(world)
        assert await deeds(world, "grant") == 1
        other = await browser.post("/access/new", data=form | {"category": "documents"})
        assert (other.status_code, "This form was sent before." in other.text) == (409, True)
        assert ticked_in(other.text) >= {"documents", "look"}
        assert await in_force(world) == [grant]
        again = form | {"category": "documents", "key": hidden_in(other.text)["key"]}
        assert (await browser.post("/access/new", data=again)).status_code == 303
    assert {one.categories for one in await in_force(world)} == {grant.categories, Category.DOCUMENTS}


async def test_the_way_back_to_a_form_gives_nothing_again_that_was_stopped_since(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as browser:
        form = {**await opened(browser, "/access/new"), "practice": world.made.practices[PRACTICE], **GIVING}
        await browser.post("/access/new", data=form)
        (grant,) = await in_force(world)
        await world.withdraw(grant)
        answer = await browser.post("/access/new", data=form)
    assert (answer.status_code, "This form was sent before." in answer.text) == (409, True)
    assert await in_force(world) == []


async def test_a_helper_who_is_asked_twice_by_one_form_gets_one_code(world: World) -> None:
    async def waiting() -> list[str]:
        reader, record_id = world.parts.database.reader, world.zonnestraal.record_id
        return [one.invitation_id for one in await invitations.of_record(reader, record_id, world.parts.clock())]

    async with await browser_of(world, world.zonnestraal) as browser:
        form = {**await opened(browser, "/helpers/new"), **HELPER}
        codes = [re.findall("<code>([^<]+)</code>", (await browser.post("/helpers/new", data=form)).text) for _ in "12"]
        assert codes[0] == codes[1]
        assert len(codes[0]) == 1
        (one,) = await waiting()
        await forget_answers(world.parts.database, to_us(world.parts.clock()))
        late = (await browser.post("/helpers/new", data=form)).text
        assert (codes[0][0] in late, await waiting()) == (True, [one]), "the first time may be forgotten"
        other = await browser.post("/helpers/new", data=form | {"called": "Mijn buurman"})
        assert (other.status_code, 'value="Mijn buurman"' in other.text) == (409, True)
        await browser.post(f"/helpers/invitation/{one}/withdraw", data={"csrf_token": form["csrf_token"]})
        again = await browser.post("/helpers/new", data=form)
        assert again.status_code == 409, "a code that was taken back stays so"
    assert await waiting() == []


async def test_of_two_windows_that_change_access_the_later_one_is_told_and_keeps_what_was_chosen(world: World) -> None:
    grant = world.made.grants["granted of zonnestraal"]
    path = f"/access/{grant.grant_id}/change"
    wish = {"action": "look", "period": "as-it-is", "purpose": "treatment"}
    async with await browser_of(world, world.zonnestraal) as browser:
        first = {**await opened(browser, path), **wish, "category": "medication"}
        second = {**await opened(browser, path), **wish, "category": "documents"}
        for _ in range(2):
            answer = await browser.post(path, data=first)
            assert (answer.status_code, answer.headers["location"]) == (303, "/access?done=changed")
        told = await browser.post(path, data=second)
        assert (told.status_code, ticked_in(told.text)) == (409, {"documents", "look", "as-it-is", "treatment"})
        assert "It says now: Medicines · May look<" in told.text
        standing = await grants.one(world.parts.database.reader, grant.record_id, grant.grant_id)
        assert standing is not None
        assert (standing.version, standing.categories) == (2, Category.MEDICATION)
        assert (await browser.post(path, data=second | hidden_in(told.text))).status_code == 303
    standing = await grants.one(world.parts.database.reader, grant.record_id, grant.grant_id)
    assert standing is not None
    assert (standing.version, standing.categories, standing.actions) == (3, Category.DOCUMENTS, LOOK)


async def test_of_two_windows_the_one_that_makes_access_shorter_is_not_told_that_it_did(world: World) -> None:
    grant = await world.give(PRACTICE, world.zonnestraal, Category.MEDICATION)
    path = f"/access/{grant.grant_id}/change"
    wish = {"category": "medication", "action": "look", "purpose": "treatment"}
    async with await browser_of(world, world.zonnestraal) as browser:
        long = {**await opened(browser, path), **wish, "period": "1-year"}
        short = {**await opened(browser, path), **wish, "period": "3-months"}
        several = await asyncio.gather(*(browser.post(path, data=long) for _ in range(2)))
        assert [answer.status_code for answer in several] == [303, 303], "at once too it is one form that came twice"
        told = await browser.post(path, data=short)
        assert told.status_code == 409
        assert (await browser.post(path, data=short | hidden_in(told.text))).status_code == 303
    (standing,) = await in_force(world)
    assert (standing.version, (standing.until - standing.given_at).days < 100) == (3, True)


@pytest.mark.parametrize("path", ["/access/new", "/care-plan/goals/add", "/diary/add"])
async def test_a_form_in_the_record_of_another_that_is_closed_meanwhile_says_so(world: World, path: str) -> None:
    grant = await let_act(world, world.maanlicht)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        form = {**await opened(browser, path), "practice": world.made.practices[PRACTICE], **GIVING, "text": "Te laat"}
        await world.withdraw(grant)
        answer = await browser.post(path, data=form)
        assert "You do not look in this record any more" in answer.text
        assert answer.status_code == 403
        assert "Te laat" not in (await browser.get(path)).text
    assert await in_force(world) == []


async def test_a_questionnaire_that_a_practice_asks_stays_chosen_when_the_login_ended(world: World) -> None:
    made = await world.caller("zonnestraal", Release.R4).made(questionnaire(Release.R4))
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN | Category.QUESTIONNAIRES, LOOK | Action.CREATE)
    path = f"{person_url(world)}/questionnaires"
    async with at_work(world, "nurse of granted") as browser:
        text = await come_back(browser, path, {"questionnaire": f"r4/{made['id']}", "due": "2030-01-01"})
    assert f'value="r4/{made["id"]}" selected' in text
    assert 'value="2030-01-01"' in text


async def test_at_work_the_text_of_a_colleague_waits_for_them_to_log_in(world: World) -> None:
    path = "/practice/requests"
    wish = {"code": "ABCD-EFGH", "words": "Voor de controle"}
    async with at_work(world, "gp of granted") as hers, at_work(world, "nurse of granted") as his:
        typed = {**await opened(hers, path), **wish}
        waits = await his.post(path, data=typed, headers={"accept-language": "en"})
        assert (waits.status_code, waiting_in(waits.text)["csrf_token"]) == (409, [""])
        assert "Somebody else typed this" in waits.text
        assert 'href="/practice" target="_blank"' in waits.text
        assert "/helping" not in waits.text, "is no page of theirs"
        assert "The text, to copy" not in waits.text, "it is a short one"
        back = await hers.post(path, data=waiting_in(waits.text))
        assert (back.status_code, back.headers["location"]) == (303, path)
        assert wish["words"] in (await hers.get(path)).text


NOT_KEPT = {
    "a button and no field": (
        "/access/code /access/code/reopen /access/{grant_id}/stop-all /access/{grant_id}/withdraw /apps/{client_id}/open "
        "/helpers/invitation/{invitation_id}/withdraw /helping/accept /helping/stop /helping/{grant_id}/start "
        "/login-and-devices/others/end /login-and-devices/recovery /login-and-devices/session/{session_id}/end /logout "
        "/practice/people/{grant_id}/questionnaires/{resource_id}/withdraw /practice/people/{grant_id}/seen "
        "/practice/people/{grant_id}/questionnaires/{release}/{resource_id}/withdraw "
        "/practice/staff/invitation/{key}/withdraw /practice/staff/{account_id}/end /language"
    ),
    "a password, a code, or what else is kept nowhere": (
        "/helping/code /login /login/again /login/code /login/forgotten /login/reset /login-and-devices/mail/code "
        "/login-and-devices/password /login-and-devices/phone /my-data/erase/now /practice/join/code /sign-up/code"
    ),
    "filled in by who has no login yet": "/authorize /practice/join /sign-up",
    "a file": "/my-data/import",
    "one line or a few choices that stand as they were": (
        "/login-and-devices/mail /settings /settings/mails /practice/find /practice/staff/{account_id}/change"
    ),
    "of an administrator, who shows a second factor each ten minutes": (
        "/practice/staff/invite /practice/systems/{client_id}/add /practice/systems/{client_id}/address "
        "/practice/systems/{client_id}/retire"
    ),
    "kept on the phone until it is sent": "/measurements/waiting",
}
"""Forms in which what was typed is not kept when a login ends, by the reason."""


async def test_every_form_is_kept_or_has_a_reason_not_to_be(world: World) -> None:
    kept = set()
    sent = set()
    for route in world.application.pages.routes:
        if isinstance(route, APIRoute) and "POST" in route.methods and "portal" in route.endpoint.__module__:
            sent.add(route.path)
            kept |= {route.path} if kept_form in [one.call for one in route.dependant.dependencies] else set()
    assert len(kept) >= 17
    assert sent - kept == {path for paths in NOT_KEPT.values() for path in paths.split()}
