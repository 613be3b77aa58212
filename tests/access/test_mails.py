"""What a person is mailed of: what a practice did for them, and what a birthday changes; once, and nothing about their health."""

from email import message_from_bytes, policy
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.access.categories import EVERYTHING
from app.access.grant import Grant
from app.access.representation import Capacity
from app.access.smart_scope import ALL_ACTIONS
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity.instants import to_us
from app.identity.mail_addresses import MailAddresses
from tests.access.test_request_pages import asked
from tests.support.acting import account_id, browser_of, let_act, send, set_back, years_ago
from tests.support.world import Person, World

DAY_US = 86_400_000_000


async def reachable(world: World, *people: Person) -> None:
    """Give people an address that they confirmed."""
    for person in people:
        account = await account_id(world, person)

        async def job(transaction: Transaction, account: str = account, name: str = person.name) -> None:
            kept = MailAddresses(world.parts.settings.key("codes"))
            now = world.parts.clock()
            code = await kept.begin(transaction, account, f"{name}@example.test", now)
            await kept.confirm(transaction, account, code, now)

        await world.parts.database.write(job)


async def mailed(world: World) -> list[Message]:
    """Return what is in the folder of mail when all that is due was sent."""
    while await world.parts.deliverer.deliver_due():
        pass
    return sorted(_in_folder(world), key=lambda one: (str(one["To"]), str(one["Subject"])))


def _in_folder(world: World) -> list[Message]:
    folder = Path(urlsplit(world.parts.settings.mail_url.get_secret_value()).path)
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in folder.glob("*.eml")]


async def told(world: World) -> list[tuple[str, str]]:
    """Return to whom which mail went, by its subject."""
    return [(str(one["To"]).partition("@")[0], str(one["Subject"])) for one in await mailed(world)]


async def write(world: World, kind: str, **more: object) -> None:
    """Have the practice with a grant write something about the first person."""
    patient = {"reference": f"Patient/{world.zonnestraal.patients[Release.R4]}"}
    of = "for" if kind == "Task" else "subject"
    answer = await world.caller("no grant")("POST", f"/{kind}", {"resourceType": kind, of: patient, **more})
    assert answer.status_code == 201, answer.text


async def test_a_practice_that_writes_for_a_person_is_told_once_of_each_kind_and_without_a_word_of_it(
    world: World,
) -> None:
    him = world.zonnestraal
    await reachable(world, him)
    await world.give("no grant", him, EVERYTHING, ALL_ACTIONS)
    await write(world, "Goal", lifecycleStatus="active", description={"text": "Eerste-blik"})  # the first look
    await world.parts.watcher.watch()
    for number in range(2):
        await write(world, "Task", status="requested", intent="order", description=f"Vragenlijst-{number}")
        await write(world, "Communication", status="completed", payload=[{"contentString": f"Woorden-{number}"}])
        await world.parts.watcher.watch()
    mails = await mailed(world)
    assert [str(one["Subject"]) for one in mails] == ["Er is een bericht voor u", "Er staat iets voor u klaar"]
    for one in mails:
        words = str(one)
        assert one["List-Unsubscribe"].endswith("/settings/mails>")
        assert [
            word for word in (him.family, "Praktijk No", "Vragenlijst-", "Woorden", "zorgplan") if word in words
        ] == []


async def test_what_was_switched_off_is_not_mailed_and_its_page_still_tells_it(world: World) -> None:
    him = world.zonnestraal
    await reachable(world, him)
    await world.parts.watcher.watch()
    async with await browser_of(world, him) as browser:
        kept = await send(browser, "/settings/mails", "/settings/mails", **{"task": "1", "care-plan": "1"})
        assert kept.headers["location"] == "/settings/mails?done=kept"
        await asked(world, browser)
        await world.parts.watcher.watch()
        assert await told(world) == []
        kept = await send(browser, "/settings/mails", "/settings/mails", **{"access-asked": "1"})
        await asked(world, browser)
        assert "asks if they may look in your record" in (await browser.get("/")).text
    await world.parts.watcher.watch()
    assert await told(world) == [(him.name, "Iemand vraagt u om toegang")]


async def test_who_has_no_address_is_told_that_no_mail_comes_and_where_to_give_one(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as browser:
        said = [(await browser.get("/settings/mails")).text]
        await reachable(world, world.zonnestraal)
        said.append((await browser.get("/settings/mails")).text)
    assert ["So you get no mail." in text for text in said] == [True, False]


@pytest.mark.parametrize(
    ("age", "has_agreed", "childs"),
    [(12, False, "U beslist nu mee over uw dossier"), (16, True, "U beslist nu zelf over uw dossier")],
)
async def test_on_a_birthday_the_child_and_the_parent_hear_once_what_changes(
    world: World, age: int, has_agreed: bool, childs: str
) -> None:
    him, her = world.zonnestraal, world.maanlicht
    await reachable(world, him, her)
    await born(world, age, has_agreed=has_agreed)
    assert [await world.parts.watcher.birthdays() for _ in range(2)] == [1, 0]
    expected = [(her.name, "Het dossier van een kind is nu dicht voor u"), (him.name, childs)]
    assert await told(world) == expected


@pytest.mark.parametrize("case", ["younger", "long ago", "entered after it", "withdrawn", "no yes at 12", "a carer"])
async def test_a_birthday_that_changes_nothing_is_not_told(world: World, case: str) -> None:
    await reachable(world, world.zonnestraal, world.maanlicht)
    match case:
        case "younger":
            await born(world, 11)
        case "long ago":
            await born(world, 12, days=9)
        case "entered after it":
            await let_act(world, world.maanlicht, birth_date=years_ago(world, 12))
        case "withdrawn":
            grant = await born(world, 12)
            await world.withdraw(grant)
        case "no yes at 12":
            await born(world, 16)
        case _:
            await let_act(world, world.maanlicht, Capacity.CARER)
    assert await world.parts.watcher.birthdays() == 0
    assert await told(world) == []


async def born(world: World, age: int, days: int = 0, *, has_agreed: bool = False) -> Grant:
    """Return what a parent was given years ago, of a child who became of an age some days ago, and who agreed to it or not."""
    now_us = to_us(world.parts.clock())
    grant = await let_act(world, world.maanlicht, birth_date=years_ago(world, age, days))
    agreed = {"agreed_at": now_us - 400 * DAY_US} if has_agreed else {}
    await set_back(world, grant, given_at=now_us - 500 * DAY_US, starts_at=now_us - 500 * DAY_US, **agreed)
    found = await grants.one(world.parts.database.reader, grant.record_id, grant.grant_id)
    assert found is not None
    return found
