"""What a person takes along of their log: all of it, and receipts; nobody else's."""

import csv
import json
import re

import pytest

from app.access.categories import Category
from app.interactions import log
from tests.access.test_pages import form_token, session
from tests.integration.audit.test_own_chain import script, told
from tests.support.database import tamper
from tests.support.world import World


async def test_the_log_is_taken_along_with_proof_and_as_a_table(world: World) -> None:
    await world.caller("granted").get("/Observation")
    async with await session(world, "zonnestraal") as browser:
        answer = await browser.get("/activity/log.ndjson")
        lines = answer.content.splitlines(keepends=True)
        table = list(csv.DictReader((await browser.get("/activity/log.csv")).text.splitlines()))
    assert "attachment" in answer.headers["content-disposition"]
    assert told(lines) == []
    entries = [json.loads(line) for line in lines[:-1]]
    assert {entry["event"]["record_id"] for entry in entries} == {world.zonnestraal.record_id}
    assert entries[-1]["event"]["action"] == "log", "taking it along is in it"
    assert [row["number"] for row in table[:-1]] == [str(entry["n"]) for entry in entries]
    assert {row["purpose"] for row in table if row["kind"] == "practice"} == {"TREAT"}


async def test_a_line_of_the_page_has_a_receipt_that_stands_on_its_own(world: World) -> None:
    await world.caller("granted").get("/Observation")
    async with await session(world, "zonnestraal") as browser:
        page = (await browser.get("/activity")).text
        found = re.search(r'/activity/receipt/([0-9]+)"', page)
        assert found is not None
        receipt = (await browser.get(f"/activity/receipt/{found[1]}")).content.splitlines(keepends=True)
        export = (await browser.get("/activity/log.ndjson")).content.splitlines(keepends=True)
    log = script.read(iter(receipt), whole=False)
    assert log.faults == []
    event = json.loads(receipt[0])["event"]
    assert (event["kind"], event["ground"].split()[0], event["purpose"]) == ("practice", "grant", "TREAT")
    whole = script.read(iter(export))
    whole.follows(log)
    assert whole.faults == []
    altered = [receipt[0].replace(b'"practice"', b'"operator"'), receipt[1]]
    assert script.read(iter(altered), whole=False).faults != []


async def test_the_page_says_which_lines_were_changed_and_only_to_whom_they_are_about(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "FAULTS_MAX", 2)
    for _ in range(4):
        await world.caller("granted").get("/Observation")
    for altered, faults in ((1, 1), (3, 2)):
        last = f"FROM audit WHERE record_id = {world.zonnestraal.record_id} ORDER BY n DESC LIMIT {altered}"
        tamper(world.parts.database, f"UPDATE audit SET instant = instant + 1 WHERE n IN (SELECT n {last})")  # noqa: S608 - numbers of this test
        async with await session(world, "zonnestraal") as browser:
            page = (await browser.get("/activity/check")).text
        assert "De lijst klopt niet" in page
        assert len(re.findall("Entry [0-9]+ of the log was altered", page)) == faults
    async with await session(world, "maanlicht") as browser:
        assert "De lijst klopt niet" not in (await browser.get("/activity/check")).text


@pytest.mark.parametrize("number", ["0", "999999", "x", "1" * 30, "-1"])
async def test_what_is_not_in_ones_own_log_has_no_receipt(world: World, number: str) -> None:
    async with await session(world, "zonnestraal") as browser:
        assert (await browser.get(f"/activity/receipt/{number}")).status_code == 404


async def test_nobody_gets_a_receipt_of_another_persons_log(world: World) -> None:
    her = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
    async with await session(world, "maanlicht") as browser:
        answer = await browser.get(f"/activity/receipt/{her['entry'][0]['resource']['id']}")
    assert answer.status_code == 404


async def test_a_practice_that_looks_for_the_first_time_is_told_by_mail_unless_that_was_switched_off(
    world: World,
) -> None:
    await world.parts.watcher.watch()
    async with await session(world, "maanlicht") as browser:
        token = await form_token(browser)
        saved = await browser.post("/settings/mails", data={"csrf_token": token, "many": "1"})
        page = (await browser.get("/settings/mails")).text + (await browser.get("/activity?who=all")).text
    assert saved.status_code == 303
    assert re.findall(r'name="(\w+)" value="1" checked', page) == ["many"]
    assert "heeft veranderd welke berichten" in page
    for person in (world.zonnestraal, world.maanlicht):
        await world.give("no grant", person, Category.CARE_PLAN)
    assert (await world.caller("no grant")("GET", "/Goal")).status_code == 200
    assert await world.parts.watcher.watch() == 1
    assert await world.parts.watcher.watch() == 0
