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
from app.store import everything, pages
from app.store.everything import Shown, numbers_of_everything, read_numbered, read_shown
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

    async def reading(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> tuple[list[Shown], int]:
        found, read = await read_shown(reader, access, numbers)
        parts.append(len(found))
        if len(parts) == 1:
            await happens()
        return found, read

    monkeypatch.setattr(everythings, "read_shown", reading)


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
    parts: list[int] = []

    async def reading(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> tuple[list[Shown], int]:
        found, read = await read_shown(reader, access, numbers)
        parts.append(read)
        return found[1:] if len(parts) > 1 else found, read

    monkeypatch.setattr(everythings, "read_shown", reading)
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
        assert await shown(reader, access, wanted) == told(found)
    nothing = RecordAccess(record_id, Category(0), Category(0), None, "none")
    for wanted in (last, last[::2], [every[0], last[-1]]):
        assert await read_numbered(reader, nothing, wanted) == ([], len(wanted))
        assert await read_shown(reader, nothing, wanted) == ([], len(wanted))


@pytest.mark.parametrize("size", [0, 100_000, 300_000], ids=["small", "kept plain", "read after the others"])
async def test_what_is_shown_is_what_was_written_however_large(
    world: World, me: Caller, patient: str, size: int
) -> None:
    """Of 20 rows a body comes along up to 210 kB."""
    made = [await me.made(weight(R4, patient)) for _ in range(19)]
    padded = {**weight(R4, patient), "text": narrative(size)} if size else weight(R4, patient)
    made.insert(10, await me.made(padded))
    reader, record_id = world.parts.context.database.reader, world.zonnestraal.record_id
    access = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "own record")
    wanted = (await numbers_of_everything(reader, access, R4, after=0, limit=1000))[-20:]
    found, read = await read_numbered(reader, access, wanted)
    assert read == 20
    assert await shown(reader, access, wanted) == told(found)
    assert {one.id for one in found} == {one["id"] for one in made}


async def test_a_part_that_unpacks_to_more_than_a_page_has_room_for_ends_sooner(
    world: World, me: Caller, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(8):
        await me.made(weight(R4, patient))
    reader, record_id = world.parts.context.database.reader, world.zonnestraal.record_id
    access = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "own record")
    wanted = (await numbers_of_everything(reader, access, R4, after=0, limit=1000))[-8:]
    whole = await shown(reader, access, wanted)
    for module in (everything, pages):
        monkeypatch.setattr(module, "PAGE_BYTES", sum(len(body) for *_, body in whole[:3]))
    found, read = await read_shown(reader, access, wanted)
    assert (read, [(name, key, bytes(body)) for name, key, body in found]) == (3, whole[:3])


async def shown(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> list[tuple[str, str, bytes]]:
    """Return all that is shown of these changes, with the bytes of bodies."""
    found, read = await read_shown(reader, access, numbers)
    assert read == len(numbers)
    return [(name, key, bytes(body)) for name, key, body in found]


def told(versions: Sequence[Stored]) -> list[tuple[str, str, bytes]]:
    """Return what is to be shown of versions."""
    return [(one.resource_type, one.id, one.body) for one in versions]


def narrative(size: int) -> dict[str, str]:
    """Return a narrative of so many letters."""
    return {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * size}</div>'}


def is_refused_everything(event: dict[str, Any]) -> bool:
    """Return whether an AuditEvent tells of an ``$everything`` that was refused."""
    return event["outcome"] != "0" and any(one["display"] == "operation-everything" for one in event["subtype"])
