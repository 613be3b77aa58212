"""A practice that asks people for access learns nothing from asking, and opens nothing."""

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import LOOK, SmartScopes
from app.audit.events import Trace
from app.consent import codes, grants, requests
from app.consent.requests import Answer
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions.erase import erase_record
from app.oauth.tokens import Holder
from tests.support.world import UNTIL, Person, Tree, World, tree_of, world_in

MADE_ANEW = re.compile(r"urn:uuid:[0-9a-f-]{36}")
ASK = "/Consent/$request-access"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


def request(code: str, /, **values: str) -> Tree:
    """Return Parameters that ask for medication."""
    named = {"code": code} | {"category": "medication", "until": str(UNTIL), **values}
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in named.items() if value],
    }


async def new_code(world: World, person: Person) -> str:
    """Return a code that the person made."""
    key, now = world.parts.context.cursor_key, world.parts.clock()
    return await world.parts.database.write(lambda transaction: codes.make(transaction, key, person.record_id, now))


async def answer(world: World, person: Person, said: Answer, *, closes: bool = False) -> None:
    """Answer all that waits for the person; who accepts opens their medication."""
    now = world.parts.clock()
    waiting, _ = await requests.of_record(world.parts.database.reader, person.record_id, now)
    assert waiting

    async def job(transaction: Transaction) -> None:
        for one in waiting:
            grant_id = ""
            if said is Answer.ACCEPTED:
                grant = await grants.give(
                    transaction, record_id=person.record_id, grantee=Grantee.PRACTICE, grantee_id=one.practice_id,
                    categories=one.wanted.categories, actions=LOOK, until=one.wanted.until, purpose="treatment", now=now,
                )  # fmt: skip
                grant_id = grant.grant_id
            await requests.answer(transaction, one, said, now, grant_id=grant_id, closes=closes)

    await world.parts.database.write(job)


async def states(world: World, practice: str) -> list[dict[str, Any]]:
    """Return what the practice reads of its requests, each as name and value, without the number."""
    found = await world.caller(practice).get("/Consent/$access-requests")
    return [
        {part["name"]: value for part in one["part"] for key, value in part.items() if key.startswith("value")}
        for one in found.get("parameter", [])
    ]


async def test_the_answer_and_what_is_read_later_are_the_same_whoever_it_was(world: World) -> None:
    her = world.maanlicht
    used, closed = await new_code(world, her), ""
    told = []
    practice = world.caller("no grant")
    assert (await practice("POST", ASK, request(used))).status_code == 202
    await answer(world, her, Answer.DECLINED, closes=True)
    closed = await new_code(world, her)
    for code in (await new_code(world, world.zonnestraal), used, closed, "AAAA-AAAA", "!"):
        got = await practice("POST", ASK, request(code))
        headers = {key: value for key, value in got.headers.items() if key != "x-request-id"}
        told.append((got.status_code, headers, MADE_ANEW.sub("ID", got.text)))
    assert all(one == told[0] for one in told)
    read = await practice.get("/Consent/$access-requests")
    assert len({MADE_ANEW.sub("ID", str(one)) for one in read["parameter"]}) == 1
    waiting, _ = await requests.of_record(world.parts.database.reader, her.record_id, world.parts.clock())
    assert waiting == []


async def test_declined_reads_as_waiting_and_erased_too(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    for person in (him, her):
        await world.caller("no grant")("POST", ASK, request(await new_code(world, person)))
    before = await states(world, "no grant")
    await answer(world, him, Answer.DECLINED)
    who = Requester(RequesterKind.OPERATOR, "operator", "operator", SmartScopes.of("system/*.cruds"))
    await erase_record(world.parts.context, who, Trace.EMPTY, her.record_id)
    assert await states(world, "no grant") == before
    assert [one["state"] for one in before] == ["waiting", "waiting"]


async def test_accepted_tells_what_was_given_while_it_is_in_force_and_opens_just_that(world: World) -> None:
    him, practice = world.zonnestraal, world.caller("no grant")
    await practice("POST", ASK, request(await new_code(world, him)))
    assert (await practice("GET", him.url("weight"))).status_code == 403
    await answer(world, him, Answer.ACCEPTED)
    (told,) = await states(world, "no grant")
    assert told["state"] == "accepted"
    assert told["patient"] == {"reference": him.patient(Release.R4)}
    assert told["category"] == "medication"
    assert (await practice("GET", him.url("weight"))).status_code == 404
    assert (await practice("GET", f"/MedicationRequest?patient={him.patients[Release.R4]}")).status_code == 200
    (grant,) = await grants.of_practice(
        world.parts.database.reader, world.made.practices["no grant"], world.parts.clock()
    )
    await world.withdraw(grant)
    (told,) = await states(world, "no grant")
    assert told.keys() == {"id", "state", "asked", "waits-until"}
    assert (await practice("GET", him.url("weight"))).status_code == 403


async def test_no_other_practice_reads_a_request(world: World) -> None:
    await world.caller("no grant")("POST", ASK, request(await new_code(world, world.zonnestraal)))
    assert len(await states(world, "no grant")) == 1
    for other in ("granted", "expired", "withdrawn", "both"):
        assert await states(world, other) == []


async def test_the_person_reads_in_the_log_who_asked_and_nobody_else_does(world: World) -> None:
    await world.caller("no grant")("POST", ASK, request(await new_code(world, world.zonnestraal)))
    await world.caller("no grant")("POST", ASK, request("AAAA-AAAA"))
    for person, times in (("zonnestraal", 1), ("maanlicht", 0)):
        log = await world.caller(person).get("/AuditEvent?_count=200")
        assert str(log).count("operation-request-access") == times


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"code": ""}, 400),
        ({"code": "A" * 33}, 400),
        ({"category": "everything"}, 400),
        ({"category": "sensitive"}, 422),
        ({"category": ""}, 422),
        ({"action": "look"}, 400),
        ({"purpose": "PATRQT"}, 400),
        ({"until": ""}, 400),
        ({"until": "soon"}, 400),
        ({"until": "9999-12-31"}, 422),
        ({"until": "2020-01-01"}, 422),
        ({"text": "a" * 201}, 422),
        ({"text": "een\nregel"}, 422),
        ({"text": "\u202eom"}, 422),
        ({"colour": "blue"}, 400),
    ],
)
async def test_what_no_grant_could_be_is_refused_and_the_code_is_still_good(
    world: World, values: dict[str, str], status: int
) -> None:
    code, practice = await new_code(world, world.zonnestraal), world.caller("no grant")
    refused = await practice("POST", ASK, request(code, **values))
    assert refused.status_code == status, refused.text
    assert tree_of(refused)["resourceType"] == "OperationOutcome"
    assert await states(world, "no grant") == []
    assert (await practice("POST", ASK, request(code))).status_code == 202
    reader, now = world.parts.database.reader, world.parts.clock()
    waiting, _ = await requests.of_record(reader, world.zonnestraal.record_id, now)
    assert [one.wanted.categories for one in waiting] == [Category.MEDICATION]


async def test_a_token_without_a_scope_on_consent_asks_nothing(world: World) -> None:
    holder = partial(Holder, RequesterKind.PRACTICE, "Praktijk Smal-Test", practice_id=world.made.practices["granted"])
    for scope, expected in (("system/Observation.cruds", 403), ("system/Consent.r", 403), ("system/Consent.c", 202)):
        world.made.tokens["narrow"] = await world.token(holder(), scope)
        got = await world.caller("narrow")("POST", ASK, request("AAAA-AAAA"))
        assert got.status_code == expected, scope
