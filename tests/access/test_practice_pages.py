"""The pages of a practice: which of its people sees what of whom, and that nothing is left when a grant or a login ends."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.staff import StaffRole
from app.audit.log import entries_of, firsts
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity import sessions, staff
from app.interactions import search as searches
from app.interactions import shared
from tests.access.test_pages import routes_of, session
from tests.support.world import DAY, Person, Tree, World, condition, goal, restricted, staff_name, weight

ENGLISH = {"accept-language": "en"}
PARTS = ("", "/measurements", "/measurements/weight", "/care-plan", "/medication", "/summary", "/documents")
"""The pages about one person."""


@asynccontextmanager
async def at_work(world: World, who: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser in which somebody of a practice is logged in, which reads English."""
    async with await session(world, who) as browser:
        browser.headers.update(ENGLISH)
        yield browser


@asynccontextmanager
async def freshly_at_work(world: World, who: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield the same, in which a second factor was shown just now."""
    now, cookie = world.parts.clock(), world.made.cookies[who]
    account = await world.parts.accounts.by_login(world.parts.database.reader, who)
    if account is not None:
        cookie = await world.parts.database.write(
            lambda transaction: sessions.make_whole(transaction, "", account.account_id, now, DAY)
        )
    transport = httpx.ASGITransport(app=world.application)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000", cookies={"regie-session": cookie}, headers=ENGLISH
    ) as browser:
        yield browser


def person_url(world: World, grant: str = "granted of zonnestraal") -> str:
    """Return the page about the person who gave a grant."""
    return f"/practice/people/{world.made.grants[grant].grant_id}"


def secrets_of(person: Person) -> list[str]:
    """Return what must not be shown of a person whom nobody let in."""
    ids = [resource_id for (_, thing), resource_id in person.ids.items() if thing != "chosen"]
    return [person.family, person.bsn, str(person.record_id), *ids]


async def account_of(world: World, who: str) -> str:
    """Return the account of a login."""
    account = await world.parts.accounts.by_login(world.parts.database.reader, who)
    assert account is not None
    return account.account_id


SEEN = {
    "gp of granted": {"", "/measurements", "/measurements/weight", "/summary"},
    "nurse of granted": {"", "/measurements", "/measurements/weight", "/summary"},
    "assistant of granted": {"", "/measurements", "/measurements/weight"},
    "administrator of granted": set(),
}
"""Which pages about Zonnestraal each of a practice sees, to which measurements, GP summary and personal details were granted."""


@pytest.mark.parametrize("who", SEEN)
async def test_each_sees_what_was_granted_as_far_as_the_role_goes(world: World, who: str) -> None:
    async with at_work(world, who) as browser:
        for part in PARTS:
            answer = await browser.get(person_url(world) + part)
            assert answer.status_code == (200 if part in SEEN[who] else 403), part
            assert (world.zonnestraal.family in answer.text) == (part in SEEN[who]), part


@pytest.mark.parametrize("practice", ["expired", "not yet", "withdrawn"])
async def test_a_grant_that_is_not_in_force_shows_nobody(world: World, practice: str) -> None:
    async with at_work(world, f"gp of {practice}") as browser:
        shown = (await browser.get("/practice")).text
        assert "Nobody shares anything with you now." in shown
        for part in PARTS:
            answer = await browser.get(person_url(world, f"{practice} of zonnestraal") + part)
            assert (answer.status_code, "not open to you now" in answer.text) == (403, True)
            assert not any(secret in answer.text + shown for secret in secrets_of(world.zonnestraal))


async def test_a_grant_to_another_practice_is_like_one_that_was_never_given(world: World) -> None:
    foreign, never = person_url(world), "/practice/people/abcdefghijklmnopqrstuvwx"
    for who in ("gp of no grant", "gp of both"):
        async with at_work(world, who) as browser:
            for part in PARTS:
                answers = [await browser.get(url + part) for url in (foreign, never)]
                texts = [
                    answer.text.replace(url, "URL").replace(answer.headers["x-request-id"], "REQUEST")
                    for answer, url in zip(answers, (foreign, never), strict=True)
                ]
                assert answers[0].status_code == 404
                assert texts[0] == texts[1]


async def found_by(browser: httpx.AsyncClient, born: str, name: str = "") -> httpx.Response:
    """Look for somebody by the form on the first page."""
    return await posted(browser, "/practice", "/practice/find", born=born, name=name)


async def posted(browser: httpx.AsyncClient, page: str, url: str, **form: str) -> httpx.Response:
    """Send a form that stands on a page."""
    token = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', (await browser.get(page)).text)
    assert token is not None, page
    return await browser.post(url, data={"csrf_token": token[1], **form})


async def looks_at(world: World, person: Person, who: str) -> list[tuple[str, str, int]]:
    """Return what the person's log has of the looks of somebody: action, type and count, the newest first."""
    entries = await entries_of(world.parts.database.reader, person.record_id, (2**62, 2**62), 50)
    events = [entry.event for entry in entries if entry.event.display == staff_name(who)]
    return [(one.action, one.resource_type, one.count) for one in events]


BORN, OTHER_DAY = "1961-04-12", "1970-01-01"


@pytest.fixture
async def is_born(world: World) -> None:
    """Let Zonnestraal's Patients have a date of birth."""
    for release in Release:
        caller, url = world.caller("zonnestraal", release), f"/{world.zonnestraal.patient(release)}"
        answer = await caller("PUT", url, await caller.get(url) | {"birthDate": BORN})
        assert answer.status_code == 200, answer.text


async def test_a_name_is_shown_only_where_personal_details_were_granted(world: World) -> None:
    async with at_work(world, "gp of sensitive") as browser:
        shown = (await browser.get("/practice")).text
        assert "A person who does not share their name" in shown
        assert not any(secret in shown for secret in secrets_of(world.zonnestraal))
        found = (await found_by(browser, BORN)).text
        assert "Nobody who shared their personal details" in found


@pytest.mark.usefixtures("is_born")
async def test_somebody_is_found_by_date_of_birth_within_those_who_granted_something(world: World) -> None:
    him = world.zonnestraal
    async with at_work(world, "gp of granted") as browser:
        for name in ("", "zonne", him.family):
            assert him.family in (await found_by(browser, BORN, name)).text, name
        for born, name in ((OTHER_DAY, ""), (OTHER_DAY, "zonne"), (BORN, "Maanlicht"), (BORN, "\\,|$")):
            answer = await found_by(browser, born, name)
            assert answer.status_code == 200, name
            assert "Nobody who shared their personal details" in answer.text
            assert him.family not in answer.text
        for wrong in ("", "yesterday", "1961-13-41"):
            answer = await found_by(browser, wrong, "zonne")
            assert (answer.status_code, 'aria-labelledby="list"' in answer.text) == (422, False), (
                "nobody was looked for"
            )
        assert (await browser.get("/practice/find")).headers["location"] == "/practice"


@pytest.mark.usefixtures("is_born")
async def test_who_has_the_date_of_birth_reads_that_they_were_looked_at_and_nobody_else(world: World) -> None:
    him, who = world.zonnestraal, "gp of granted"
    list_of_people = [("operation-delta", "", 0), ("search-type", "Patient", 1)]
    async with at_work(world, who) as browser:
        await found_by(browser, OTHER_DAY)
        assert await looks_at(world, him, who) == list_of_people, "that was the page with the form"
        await found_by(browser, BORN, "Maanlicht")
        assert await looks_at(world, him, who) == [("search-type", "Patient", 1), *list_of_people, *list_of_people]
        await found_by(browser, BORN, "Zonnestraal")
        assert (await looks_at(world, him, who))[:2] == list_of_people


async def test_everybody_who_was_looked_through_for_what_is_new_reads_so(world: World) -> None:
    async with at_work(world, "gp of both") as browser:
        assert "Nothing is new, and there is no alarm." in (await browser.get("/practice/attention")).text
    for person in (world.zonnestraal, world.maanlicht):
        assert await looks_at(world, person, "gp of both") == [("operation-delta", "", 0)]


def shown_in(page: httpx.Response) -> dict[str, str]:
    """Return the fields that say what a page showed."""
    return dict(re.findall(r'name="(until|at)" value="([0-9]+)"', page.text))


async def saw(world: World, browser: httpx.AsyncClient, grant: str = "granted of zonnestraal") -> str:
    """Press «Seen» at a person, and return the page that follows."""
    url = person_url(world, grant)
    answer = await posted(browser, url, f"{url}/seen", **shown_in(await browser.get(url)))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{url}?done=seen"), answer.text
    return (await browser.get(url)).text


async def test_what_changed_since_somebody_saw_it_is_new_to_them_and_to_nobody_else(world: World) -> None:
    him = world.zonnestraal
    async with at_work(world, "gp of granted") as browser, at_work(world, "nurse of granted") as colleague:
        assert "Not seen by you yet" in (await browser.get("/practice")).text
        assert "Nothing changed since then." in await saw(world, browser)
        await saw(world, colleague)
        await world.caller("zonnestraal").made(weight(Release.R4, him.patient()))
        await world.caller("zonnestraal", Release.STU3).made(weight(Release.STU3, him.patient(Release.STU3)))
        await world.caller("zonnestraal").made(goal(Release.R4, him.patient()))  # of a part that was not granted
        for one in (browser, colleague):
            assert "Own measurements (2)" in (await one.get("/practice")).text
            assert "Own measurements (2)" in (await one.get("/practice/attention")).text
            shown = (await one.get(person_url(world))).text
            assert "2 new or changed" in shown
            assert shown.count("new or changed") == 1
        assert "Nothing changed since then." in await saw(world, browser)
        assert "Own measurements (2)" not in (await browser.get("/practice/attention")).text
        assert "Own measurements (2)" in (await colleague.get("/practice/attention")).text


async def test_what_came_after_the_page_was_made_stays_new(world: World) -> None:
    url = person_url(world)
    async with at_work(world, "gp of granted") as browser:
        await saw(world, browser)
        await world.caller("zonnestraal").made(weight(Release.R4, world.zonnestraal.patient()))
        shown = shown_in(await browser.get(url))
        await world.caller("zonnestraal").made(weight(Release.R4, world.zonnestraal.patient()))
        await posted(browser, url, f"{url}/seen", **shown)
        assert "1 new or changed" in (await browser.get(url)).text
        await posted(browser, url, f"{url}/seen", until="1", at=shown["at"])
        assert "1 new or changed" in (await browser.get(url)).text, "what was seen once stays seen"
        await posted(browser, url, f"{url}/seen", until="9" * 15, at="9" * 16)
        await world.caller("zonnestraal").made(weight(Release.R4, world.zonnestraal.patient()))
        assert "1 new or changed" in (await browser.get(url)).text, "nobody has seen what is still to come"
        for wrong in ("", "-1", "x", "9" * 16):
            for fields in (shown | {"until": wrong}, shown | {"at": wrong + "x"}):
                assert (await posted(browser, url, f"{url}/seen", **fields)).status_code == 400, wrong


async def test_an_alarm_stands_first_where_it_is_shared_and_holds(world: World) -> None:
    him = world.zonnestraal
    alarm: Tree = {"resourceType": "Flag", "status": "active", "code": {"text": "Valt vaak"}}
    over: Tree = {**alarm, "code": {"text": "Was geopereerd"}, "period": {"end": "2020-01-01"}}
    for release, tree in ((Release.R4, alarm), (Release.STU3, over), (Release.R4, {**alarm, "status": "inactive"})):
        await world.caller("zonnestraal", release).made(tree | {"subject": {"reference": him.patient(release)}})
    async with at_work(world, "gp of granted") as browser:
        for url in ("/practice", "/practice/attention", person_url(world)):
            shown = (await browser.get(url)).text
            assert shown.count("Alarm: Valt vaak") == 1, url
            assert "Was geopereerd" not in shown
    async with at_work(world, "assistant of granted") as browser:
        for url in ("/practice", "/practice/attention", person_url(world)):
            assert "Valt vaak" not in (await browser.get(url)).text, "the GP summary is not for this role"


async def test_who_needs_attention_most_stands_first_over_all_pages_and_who_was_seen_takes_nobody_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PAGE", 1)
    alarm: Tree = {"resourceType": "Flag", "status": "active", "code": {"text": "Valt vaak"}}
    for person, alarms in ((world.zonnestraal, 1), (world.maanlicht, 2)):
        for _ in range(alarms):
            await world.caller(person.name).made(alarm | {"subject": {"reference": person.patient()}})
    further = re.compile(r'href="(/practice/attention\?after=[^"]+)"')

    def people(page: httpx.Response) -> list[str]:
        return [one for one in (world.maanlicht.family, world.zonnestraal.family) if one in page.text]

    async with at_work(world, "gp of both") as browser:
        first = await browser.get("/practice/attention")
        (url,) = further.findall(first.text)
        second = await browser.get(url)
        assert (people(first), people(second)) == ([world.maanlicht.family], [world.zonnestraal.family])
        assert further.findall(second.text) == []
        for flag in (await world.caller("maanlicht").get("/Flag"))["entry"]:
            over = flag["resource"] | {"status": "inactive"}
            await world.caller("maanlicht")("PUT", f"/Flag/{over['id']}", over)
        assert people(await browser.get(url)) == [world.zonnestraal.family], "it begins after a place, not a person"
        for wrong in ("x", "0/0/0", "1/0/0/a", "0/0/0/" + "a" * 65, ""):
            assert (await browser.get(f"/practice/attention?after={wrong}")).status_code == 400, wrong
    looks = await looks_at(world, world.zonnestraal, "gp of both")
    assert looks.count(("operation-delta", "", 1)) == 3, "each page is a look at everybody"


async def test_an_alarm_that_holds_is_shown_however_many_came_after_it_and_are_over(world: World) -> None:
    me, patient = world.caller("zonnestraal"), {"reference": world.zonnestraal.patient()}
    alarm: Tree = {"resourceType": "Flag", "status": "active", "code": {"text": "Valt vaak"}, "subject": patient}
    await me.made(alarm)
    entry = {"resource": {**alarm, "status": "inactive"}, "request": {"method": "POST", "url": "Flag"}}
    await me("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [entry] * 60})
    async with at_work(world, "gp of granted") as browser:
        assert "Alarm: Valt vaak" in (await browser.get(person_url(world))).text


async def test_nobody_says_that_they_saw_what_is_not_open_to_them(world: World) -> None:
    url = person_url(world)
    for who, status in (("gp of no grant", 404), ("administrator of granted", 403)):
        async with at_work(world, who) as browser:
            assert (
                await posted(browser, "/practice/requests", f"{url}/seen", until="1", at="1" * 16)
            ).status_code == status
    async with at_work(world, "gp of granted") as browser:
        await world.withdraw(world.made.grants["granted of zonnestraal"])
        answer = await posted(browser, "/practice", f"{url}/seen", until="1", at="1" * 16)
        assert (answer.status_code, "not open to you now" in answer.text) == (403, True)


async def test_changed_access_is_new(world: World) -> None:
    url = person_url(world)
    async with at_work(world, "gp of granted") as browser:
        before = shown_in(await browser.get(url))
        await saw(world, browser)
        await world.give("granted", world.zonnestraal, Category.MEDICATION)
        assert "Changed what they share" in (await browser.get("/practice/attention")).text
        await posted(browser, url, f"{url}/seen", **before)
        assert "Changed what they share" in (await browser.get("/practice/attention")).text, "the page was from before"
        await saw(world, browser)
        assert "Changed what they share" not in (await browser.get("/practice/attention")).text


@pytest.mark.usefixtures("is_born")
async def test_people_are_looked_through_up_to_a_number_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "PEOPLE_MAX", 1)
    async with at_work(world, "gp of both") as browser:
        for refused in (await found_by(browser, BORN), await browser.get("/practice/attention")):
            assert refused.status_code == 422
            assert "Choose somebody from the list." in refused.text
            assert world.zonnestraal.family not in refused.text
        assert world.zonnestraal.family in (await browser.get("/practice")).text
    async with at_work(world, "gp of granted") as browser:
        assert world.zonnestraal.family in (await found_by(browser, BORN)).text


async def test_the_cursor_of_another_practice_is_of_no_use(world: World) -> None:
    foreign = world.made.grants["granted of zonnestraal"].grant_id
    async with at_work(world, "gp of both") as browser:
        own = re.findall(r"/practice/people/([a-z0-9]+)", (await browser.get("/practice")).text)
        assert len(own) == 2
        assert (await browser.get(f"/practice?after={foreign}")).status_code == 404
        assert (await browser.get("/practice?after=nonsense")).status_code == 404
        rest = await browser.get(f"/practice?after={own[0]}")
        assert re.findall(r"/practice/people/([a-z0-9]+)", rest.text) == own[1:]


async def test_what_is_sensitive_is_for_the_gp(world: World) -> None:
    him = world.zonnestraal
    for release in Release:
        secret = condition(release, him.patient(release), code={"text": "Iets gevoeligs"}, meta=restricted())
        await world.caller("zonnestraal", release).made(secret)
    for who, is_seen in (("gp of sensitive", True), ("nurse of sensitive", False)):
        async with at_work(world, who) as browser:
            answer = await browser.get(person_url(world, "sensitive of zonnestraal") + "/summary")
            assert (answer.status_code, "Iets gevoeligs" in answer.text) == (200, is_seen)


async def test_a_part_that_was_not_shared_is_not_called_empty(world: World) -> None:
    async with at_work(world, "gp of granted") as browser:
        shown = (await browser.get(person_url(world) + "/summary")).text
        assert "No allergies are noted here." not in shown
        assert shown.count("This part was not shared with your practice") == 3  # allergies, laboratory, and documents


async def test_each_page_says_on_which_grant_it_rests_and_that_it_is_seen(world: World) -> None:
    async with at_work(world, "assistant of granted") as browser:
        for part in SEEN["assistant of granted"]:
            shown = (await browser.get(person_url(world) + part)).text
            assert "They see in their own list that you looked, with your name." in shown
            assert "Your role sees a part of this." in shown
            assert re.search(r"Given on .*, until .*: Own measurements, GP summary, Personal details", shown)


async def test_a_grant_of_all_parts_is_told_in_two_words(world: World) -> None:
    grant = await world.give("granted", world.zonnestraal, ALL_PARTS)
    async with at_work(world, "gp of granted") as browser:
        shown = (await browser.get(f"/practice/people/{grant.grant_id}")).text
    assert re.search(r"Given on .*, until .*: all parts", shown)


async def test_the_person_sees_name_role_and_practice_of_who_looked(world: World) -> None:
    async with at_work(world, "assistant of granted") as browser:
        assert (await browser.get(person_url(world) + "/measurements")).status_code == 200
    async with at_work(world, "zonnestraal") as browser:
        shown = " ".join((await browser.get("/activity")).text.split())
    assert f"{staff_name('assistant of granted')} (Assistant, Praktijk Granted-Test)" in shown
    assert shown.count(staff_name("assistant of granted")) == 1  # one page view is one line
    entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 20)
    looked = [entry.event for entry in entries if entry.event.display == staff_name("assistant of granted")]
    assert {(one.kind, one.role, one.organisation) for one in looked} == {
        ("practice", "assistant", "Praktijk Granted-Test")
    }
    account_id = await account_of(world, "assistant of granted")
    assert {one.actor for one in looked} == {f"practice:{world.made.practices['granted']}:{account_id}"}
    assert sum(one.count for one in looked if one.resource_type == "Observation") == 4  # two in each release


async def test_a_refused_look_is_in_the_persons_log(world: World) -> None:
    async with at_work(world, "gp of withdrawn") as browser:
        await browser.get(person_url(world, "withdrawn of zonnestraal"))
    entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 5)
    refused = entries[0].event
    assert (refused.outcome, refused.display) == ("refused", staff_name("gp of withdrawn"))


async def test_a_grant_that_ends_while_the_page_is_open_closes_it(world: World) -> None:
    async with at_work(world, "gp of granted") as browser:
        url = person_url(world) + "/measurements"
        assert (await browser.get(url)).status_code == 200
        await world.withdraw(world.made.grants["granted of zonnestraal"])
        answer = await browser.get(url)
        assert (answer.status_code, "not open to you now" in answer.text) == (403, True)
        assert world.zonnestraal.family not in answer.text
        assert "Nobody shares anything with you now." in (await browser.get("/practice")).text


async def test_who_leaves_loses_all_at_the_next_request(world: World) -> None:
    account_id = await account_of(world, "gp of granted")
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(person_url(world))).status_code == 200

        async def job(transaction: Transaction) -> None:
            await staff.end(transaction, world.made.practices["granted"], account_id, world.parts.clock())

        await world.parts.database.write(job)
        for url in ("/practice", person_url(world), "/login-and-devices", "/menu"):
            answer = await browser.get(url)
            assert (answer.status_code, answer.headers["location"][:7]) == (303, "/login?"), url


async def test_who_left_is_nobody(world: World) -> None:
    async with at_work(world, "left granted") as browser:
        assert (await browser.get("/practice")).status_code == 303


async def test_another_role_holds_at_the_next_request(world: World) -> None:
    account_id = await account_of(world, "gp of granted")
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(person_url(world) + "/summary")).status_code == 200

        async def job(transaction: Transaction) -> None:
            await staff.change(
                transaction, world.made.practices["granted"], account_id, StaffRole.ASSISTANT, administers=False
            )

        await world.parts.database.write(job)
        assert (await browser.get(person_url(world) + "/summary")).status_code == 403
        assert (await browser.get(person_url(world) + "/measurements")).status_code == 200


@pytest.mark.parametrize("who", ["gp of both", "administrator of granted"])
async def test_a_login_for_work_opens_no_page_of_a_person(world: World, who: str) -> None:
    async with at_work(world, who) as browser:
        for route in routes_of(world.application.pages):
            method, path = route.split(" ")
            if (
                method != "GET"
                or "{" in path
                or path.startswith(("/practice", "/login", "/sign-up", "/.well", "/health"))
            ):
                continue
            answer = await browser.get(path)
            assert answer.status_code < 500
            assert not any(person.family in answer.text for person in world.made.people.values()), path
            if path in ("/", "/measurements", "/access", "/activity", "/summary", "/care-plan", "/medication"):
                assert (answer.status_code, answer.headers["location"]) == (303, "/practice"), path


async def test_a_persons_login_opens_no_page_of_a_practice(world: World) -> None:
    async with at_work(world, "zonnestraal") as browser:
        for path in ("/practice", person_url(world), "/practice/staff", "/practice/systems"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/", ""), path


async def test_a_second_grant_adds_to_the_first(world: World) -> None:
    await world.give("granted", world.zonnestraal, Category.MEDICATION)
    async with at_work(world, "gp of granted") as browser:
        answer = await browser.get(person_url(world) + "/medication")
        assert answer.status_code == 200
        assert answer.text.count("Given on") == 2


async def test_the_first_look_of_a_colleague_is_not_the_first_of_the_practice(world: World) -> None:
    reader, record_id = world.parts.database.reader, world.zonnestraal.record_id
    for who in ("gp of granted", "assistant of granted"):
        async with at_work(world, who) as browser:
            assert (await browser.get(person_url(world))).status_code == 200
    entries = await entries_of(reader, record_id, (2**62, 2**62), 20)
    found = await firsts(reader, record_id, entries)
    assert [entry.event.display for entry in entries if entry.n in found] == [staff_name("gp of granted")]


@pytest.mark.parametrize("release", Release)
async def test_an_audit_event_names_who_looked_their_role_and_their_practice(world: World, release: Release) -> None:
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(person_url(world))).status_code == 200
    found = await world.caller("zonnestraal", release).get("/AuditEvent?_count=20")
    agents = [agent for entry in found["entry"] for agent in entry["resource"]["agent"]]
    looked = [agent for agent in agents if agent.get("name") == staff_name("gp of granted")]
    assert looked
    assert all("gp" in json.dumps(agent["role"]) for agent in looked)
    assert "Praktijk Granted-Test" in {agent.get("name") for agent in agents}
