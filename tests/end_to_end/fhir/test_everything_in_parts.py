"""Everything of a person in parts: the same answer, as it was when it was asked for, broken off when access ends."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.scope import RecordAccess
from app.db.database import Reader
from app.errors import AccessDeniedError, GoneError
from app.fhir.release import Release
from app.interactions.operations import everything as everythings
from app.store.everything import numbers_of_everything, read_numbered
from app.store.resources import Stored
from tests.support.world import Caller, World, tree_of, weight

R4 = Release.R4
ALL = "/Patient/$everything"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everythings, "PART", 2)


def after_the_first_part(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]) -> None:
    """Have something happen when the first part has been read."""
    parts: list[int] = []

    async def reading(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> tuple[list[Stored], int]:
        found, read = await read_numbered(reader, access, numbers)
        parts.append(len(found))
        if len(parts) == 1:
            await happens()
        return found, read

    monkeypatch.setattr(everythings, "read_numbered", reading)


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_an_answer_in_parts_says_what_it_says_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    for who in ("zonnestraal", "app of zonnestraal"):
        url = f"{ALL}?_format={form}"
        in_parts = await world.caller(who)("GET", url)
        with monkeypatch.context() as large:
            large.setattr(everythings, "PART", 10_000)
            at_once = await world.caller(who)("GET", url)
        assert (in_parts.status_code, in_parts.text) == (at_once.status_code, at_once.text)
        assert "content-length" in at_once.headers


async def test_how_long_an_answer_in_parts_will_be_is_not_said(world: World) -> None:
    headers = (await world.caller("zonnestraal")("GET", ALL)).headers
    assert "content-length" not in headers


async def test_who_asks_for_the_headers_alone_gets_no_body(world: World) -> None:
    answer = await world.caller("zonnestraal")("HEAD", f"/Patient/{world.zonnestraal.patients[R4]}/$everything")
    assert answer.text == ""


async def test_what_is_changed_meanwhile_is_shown_as_it_was(
    me: Caller, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await me.made(weight(R4, patient))
    before = tree_of(await me("GET", ALL))

    async def change() -> None:
        assert (await me("DELETE", f"/Observation/{made['id']}")).status_code == 204
        await me.made(weight(R4, patient))

    after_the_first_part(monkeypatch, change)
    assert tree_of(await me("GET", ALL)) == before


async def test_a_withdrawn_consent_breaks_the_answer_off_and_is_in_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    url = f"/Patient/{world.zonnestraal.patients[R4]}/$everything"
    grant = world.made.grants["granted of zonnestraal"].grant_id

    async def withdraw() -> None:
        assert (await me("DELETE", f"/Consent/{grant}")).status_code == 204

    after_the_first_part(monkeypatch, withdraw)
    with pytest.raises(AccessDeniedError):
        await practice("GET", url)
    log = await me.get("/AuditEvent?_count=5")
    assert [one["resource"] for one in log["entry"] if is_refused_everything(one["resource"])] != []


async def test_a_record_that_is_erased_meanwhile_breaks_the_answer_off(
    me: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reading(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> tuple[list[Stored], int]:
        found, read = await read_numbered(reader, access, numbers)
        return found[1:], read

    async def first() -> None:
        monkeypatch.setattr(everythings, "read_numbered", reading)

    after_the_first_part(monkeypatch, first)
    with pytest.raises(GoneError):
        await me("GET", ALL)


async def test_versions_are_read_by_their_numbers_whether_those_stand_together_or_apart(
    world: World, me: Caller, patient: str
) -> None:
    for _ in range(8):
        await me.made(weight(R4, patient))
    reader, record_id = world.parts.context.database.reader, world.zonnestraal.record_id
    access = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "own record")
    every = await numbers_of_everything(reader, access, R4, after=0, limit=100)
    last = [*range(every[-1] - 7, every[-1] + 1)]
    for wanted in (last, last[::2], [every[0], last[0], last[-1]], [last[3]]):
        found, read = await read_numbered(reader, access, wanted)
        assert ([one.seq for one in found], read) == (wanted, len(wanted))
    nothing = RecordAccess(record_id, Category(0), Category(0), None, "none")
    for wanted in (last, last[::2], [every[0], last[-1]]):
        assert await read_numbered(reader, nothing, wanted) == ([], len(wanted))


def is_refused_everything(event: dict[str, Any]) -> bool:
    """Return whether an AuditEvent tells of an ``$everything`` that was refused."""
    return event["outcome"] != "0" and any(one["display"] == "operation-everything" for one in event["subtype"])
