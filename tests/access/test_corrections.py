"""A person asks a practice to correct something, and the practice answers under its grant: on the page and over FHIR."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import LOOK, Action, SmartScopes
from app.audit.events import Trace
from app.audit.log import entries_of
from app.consent import grants
from app.consent.categorize import CORRECTION
from app.db.database import Transaction
from app.errors import AccessDeniedError
from app.fhir.release import Release
from app.interactions import corrections
from app.interactions.corrections import Correction
from tests.access.test_pages import form_token, session
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.world import World

NEWEST = (1 << 62, 1 << 62)
HERE = "/my-data/corrections"
DUTCH = {"accept-language": "nl"}
WISH = {"topic": "Mijn gewicht", "wrong": "Er staat 720 kg.", "right": "Het is 72 kg."}


async def open_messages(
    world: World, name: str = "no grant", actions: Action = LOOK | Action.UPDATE | Action.CREATE
) -> str:
    """Let a practice see the messages of Zonnestraal, and return its id."""
    practice_id = world.made.practices[name]

    async def job(transaction: Transaction) -> None:
        now = world.parts.clock()
        await grants.give(
            transaction, record_id=world.zonnestraal.record_id, grantee=Grantee.PRACTICE, grantee_id=practice_id,
            categories=Category.MESSAGES, actions=actions, until=now + timedelta(days=30), purpose="treatment", now=now,
        )  # fmt: skip

    await world.parts.database.write(job)
    return practice_id


async def ask(world: World, practice_id: str, **other: str) -> httpx.Response:
    async with await session(world, "zonnestraal") as browser:
        form = {"csrf_token": await form_token(browser), "practice": practice_id, **WISH, **other}
        return await browser.post(HERE, data=form, headers=DUTCH)


async def page(world: World, who: str = "zonnestraal") -> str:
    async with await session(world, who) as browser:
        answer = await browser.get(HERE, headers=DUTCH)
    assert answer.status_code == 200
    return answer.text


async def found(world: World, who: str, resource_type: str) -> list[dict[str, Any]]:
    patient = world.zonnestraal.patients[Release.R4]
    asked = f"code={'|'.join(CORRECTION)}" if resource_type == "Task" else f"category={'|'.join(CORRECTION)}"
    answer = await world.caller(who)("GET", f"/{resource_type}?patient={patient}&{asked}")
    if answer.status_code != 200:
        return []
    return [one["resource"] for one in answer.json().get("entry", [])]


async def test_a_request_reaches_the_practice_and_its_answer_the_person(world: World) -> None:
    practice_id = await open_messages(world)
    for _ in range(2):
        answer = await ask(world, practice_id, key="first")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}?done=sent")
    assert "Gevraagd" in await page(world)
    (message,), (task,) = await found(world, "no grant", "Communication"), await found(world, "no grant", "Task")
    assert message["payload"][0]["contentString"] == "Er staat 720 kg.\n\nHet is 72 kg."
    assert message["meta"]["profile"] == [
        "http://nictiz.nl/fhir/StructureDefinition/dwv-PatientCorrectionsCommunication"
    ]
    assert task["focus"]["reference"].endswith(f"Communication/{message['id']}")
    practice = world.caller("no grant")
    for status, words in (
        ("received", "Gezien door de praktijk"),
        ("in-progress", "Wordt aan gewerkt"),
        ("completed", "Klaar"),
    ):
        answer = await practice("PUT", f"/Task/{task['id']}", {**task, "status": status})
        assert answer.status_code == 200, answer.text
        assert words in await page(world)
    reply = {
        "resourceType": "Communication", "status": "completed", "subject": message["subject"],
        "inResponseTo": [{"reference": f"Communication/{message['id']}"}],
        "payload": [{"contentString": "Wij hebben het aangepast."}],
    }  # fmt: skip
    answer = await practice("POST", "/Communication", reply)
    assert answer.status_code == 201, answer.text
    assert "Antwoord: Wij hebben het aangepast." in await page(world)


async def test_a_refusal_shows_its_reason(world: World) -> None:
    practice_id = await open_messages(world)
    await ask(world, practice_id)
    (task,) = await found(world, "no grant", "Task")
    refused = {**task, "status": "rejected", "statusReason": {"text": "Het was toen zo."}}
    assert (await world.caller("no grant")("PUT", f"/Task/{task['id']}", refused)).status_code == 200
    shown = await page(world)
    assert "Geweigerd" in shown
    assert "Reden: Het was toen zo." in shown


async def test_nobody_else_sees_a_request(world: World) -> None:
    practice_id = await open_messages(world)
    await ask(world, practice_id)
    for who in ("granted", "withdrawn", "app of maanlicht"):
        assert await found(world, who, "Task") == []
        assert await found(world, who, "Communication") == []
    assert "Mijn gewicht" not in await page(world, "maanlicht")


async def test_who_may_not_see_messages_is_not_asked_and_a_letter_is_offered(world: World) -> None:
    assert "/my-data/corrections/letter" in await page(world)
    answer = await ask(world, world.made.practices["granted"])
    assert answer.status_code == 422
    assert await found(world, "zonnestraal", "Task") == []
    async with await session(world, "zonnestraal") as browser:
        letter = await browser.get(f"{HERE}/letter", headers=DUTCH)
    assert "artikel 16 van de AVG" in letter.text


async def test_a_grant_that_ended_closes_what_was_asked(world: World) -> None:
    practice_id = await open_messages(world)
    await ask(world, practice_id)
    assert len(await found(world, "no grant", "Task")) == 1
    for grant in await grants.of_record(world.parts.database.reader, world.zonnestraal.record_id):
        if grant.grantee_id == practice_id:
            now = world.parts.clock()
            await world.parts.database.write(
                lambda transaction, grant=grant, now=now: grants.withdraw(
                    transaction, grant.record_id, grant.grant_id, now
                )  # type: ignore[misc]
            )
    assert await found(world, "no grant", "Task") == []
    assert "Gevraagd" in await page(world)


@pytest.mark.parametrize(
    "other", [{"topic": ""}, {"wrong": " "}, {"right": ""}, {"topic": "x" * 121}, {"wrong": "x" * 2001}]
)
async def test_what_is_not_filled_in_is_asked_again_with_what_was(world: World, other: dict[str, str]) -> None:
    practice_id = await open_messages(world)
    answer = await ask(world, practice_id, **other)
    assert answer.status_code == 422
    assert "Er staat 720 kg." in answer.text or "wrong" in other
    assert await found(world, "no grant", "Task") == []


async def test_what_is_asked_is_in_the_log(world: World) -> None:
    await ask(world, await open_messages(world))
    async with await session(world, "zonnestraal") as browser:
        log = (await browser.get("/activity/log.csv")).text
    assert "create" in log
    assert "Communication" in log
    assert [words for words in WISH.values() if words in log] == []


@pytest.mark.parametrize("release", list(Release))
async def test_what_is_wrong_is_named_by_its_reference_in_either_release(world: World, release: Release) -> None:
    practice_id = await open_messages(world)
    name = f"Condition/{world.zonnestraal.ids[release, 'condition']}"
    about = f"{release.path}/{name}"
    async with await session(world, "zonnestraal") as browser:
        summary = (await browser.get("/summary", headers=DUTCH)).text
        shown = (await browser.get(f"{HERE}?about={about}", headers=DUTCH)).text
        from_before = (await browser.get(f"{HERE}?about={name}", headers=DUTCH)).text
        problems = (await browser.get(f"{HERE}?part=problems", headers=DUTCH)).text
    assert summary.count("/my-data/corrections?part=problems#ask") == 1
    assert f'name="about" value="{about}"' in shown
    assert f'name="about" value="{about}"' in from_before
    assert '<select id="about" name="about"><option value="">Kies</option><option value="r4/Condition/' in problems
    assert " selected" not in problems.partition('id="about"')[2]
    assert (await ask(world, practice_id, about=about)).status_code == 303
    (message,) = await found(world, "no grant", "Communication")
    (reference,) = (one["reference"] for one in message["about"])
    assert reference.endswith(f"/fhir/{release.path}/{name}") or (release is Release.R4 and reference == name)


@pytest.mark.parametrize(("names", "is_named"), [(("Hooi", "Koorts"), False), (("Hooi", "Hooi"), True)])
async def test_an_id_that_is_in_both_releases_and_comes_without_one_names_what_both_call_the_same_only(
    world: World,
    names: tuple[str, str],
    is_named: bool,
) -> None:
    practice_id, chosen = await open_messages(world), "5a1ad000-0000-4000-8000-00000000beef"
    for release, name in zip(Release, names, strict=True):
        me, own = world.caller("zonnestraal", release), world.zonnestraal.ids[release, "condition"]
        problem = (await me("GET", f"/Condition/{own}")).json() | {"id": chosen, "code": {"text": name}}
        made = await me("PUT", f"/Condition/{chosen}", problem)
        assert made.status_code == 201, made.text
    assert (await ask(world, practice_id, about=f"Condition/{chosen}")).status_code == 303
    (message,) = await found(world, "no grant", "Communication")
    assert ("about" in message) is is_named
    assert (await ask(world, practice_id, key="second", about=f"stu3/Condition/{chosen}")).status_code == 303
    messages = await found(world, "no grant", "Communication")
    assert any(f"/fhir/stu3/Condition/{chosen}" in str(one.get("about")) for one in messages)


async def test_what_was_chosen_of_a_part_needs_no_words_for_what_it_is(world: World) -> None:
    practice_id = await open_messages(world)
    about = f"r4/Condition/{world.zonnestraal.ids[Release.R4, 'condition']}"
    assert (await ask(world, practice_id, about="", topic="")).status_code == 422
    again = await ask(world, practice_id, about=about, topic="", part="problems", wrong="")
    assert (again.status_code, f'<option value="{about}" selected>' in again.text) == (422, True)
    assert (await ask(world, practice_id, about=about, topic="", part="problems")).status_code == 303
    (task,) = await found(world, "no grant", "Task")
    assert task["description"]


@pytest.mark.parametrize(
    "about", ["Patient/1", "r4/Patient/1", "r5/Condition/1", "Condition/%%", "Condition/not-there", "x" * 300]
)
async def test_what_is_not_there_is_not_named(world: World, about: str) -> None:
    practice_id = await open_messages(world)
    async with await session(world, "zonnestraal") as browser:
        shown = await browser.get(HERE, params={"about": about}, headers=DUTCH)
    assert 'name="about" value=""' in shown.text
    assert (await ask(world, practice_id, about=about)).status_code == 303
    (message,) = await found(world, "no grant", "Communication")
    assert "about" not in message


async def test_an_operator_asks_in_the_name_of_who_can_not(world: World) -> None:
    practice_id = await open_messages(world)
    operator = Requester(RequesterKind.OPERATOR, "operator", "operator", SmartScopes.of("system/*.cruds"))
    wanted = Correction(practice_id, "Mijn gewicht", "Er staat 720 kg, het is 72 kg.")
    record_id = world.zonnestraal.record_id
    await corrections.ask(world.parts.context, operator, Trace("of-the-operator"), wanted, record_id)
    (message,) = await found(world, "no grant", "Communication")
    assert message["payload"] == [{"contentString": "Er staat 720 kg, het is 72 kg."}]
    assert len(await found(world, "no grant", "Task")) == 1
    assert "Mijn gewicht" in await page(world)
    entries = await entries_of(world.parts.database.reader, record_id, NEWEST, 20)
    assert [entry.event.kind for entry in entries if entry.event.request_id == "of-the-operator"] == ["operator"] * 2
    with pytest.raises(AccessDeniedError):
        await corrections.ask(world.parts.context, operator, Trace("without"), wanted)


async def test_that_it_was_sent_is_said_and_other_words_by_the_same_form_are_asked_about(world: World) -> None:
    practice_id = await open_messages(world)
    sent = await ask(world, practice_id, key="first")
    async with await session(world, "zonnestraal") as browser:
        assert "Verstuurd naar de praktijk." in (await browser.get(sent.headers["location"], headers=DUTCH)).text
    again = await ask(world, practice_id, key="first", topic="Mijn lengte")
    assert again.status_code == 422
    assert "Dit is al eens verstuurd" in again.text
    assert 'value="first"' not in again.text
    assert len(await found(world, "no grant", "Task")) == 1


async def test_a_parent_asks_for_the_child_as_the_child_could_and_the_log_has_both_names(world: World) -> None:
    him, her, practice_id = world.zonnestraal, world.maanlicht, await open_messages(world)
    grant = await let_act(world, her)
    async with await browser_of(world, her) as browser:
        await go_in(browser, grant)
        answer = await send(browser, HERE, HERE, practice=practice_id, **WISH)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}?done=sent")
        assert WISH["topic"] in (await browser.get(HERE)).text
        assert him.family in (await browser.get(f"{HERE}/letter")).text
    (message,) = await found(world, "no grant", "Communication")
    assert message["sender"] == {"type": "RelatedPerson", "display": her.family}, "who sent it"
    assert (message["subject"]["display"], message["subject"]["reference"]) == (him.family, him.patient()), "for whom"
    (task,) = await found(world, "no grant", "Task")
    assert (task["requester"]["display"], task["for"]["display"]) == (her.family, him.family)
    newest = [one.event for one in await entries_of(world.parts.database.reader, him.record_id, NEWEST, 20)]
    (made,) = [one for one in newest if (one.action, one.resource_type) == ("create", "Task")]
    assert (made.kind, made.display, made.on_behalf_of) == ("representative", her.family, him.family)
