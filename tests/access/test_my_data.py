"""Taking the whole record along and bringing one in, in the browser: who may, when, and what it does."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.access.categories import EVERYTHING, Category
from app.access.representation import Capacity, Power
from app.access.smart_scope import LOOK
from app.audit.log import entries_of
from app.db.database import Transaction
from app.db.migrate import migrate
from app.identity import sessions
from app.interactions.log import END
from app.interactions.people import new_person
from app.main import Regie, create_app
from app.settings import Settings
from app.web.middleware import FORM_SIZE_MAX
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.world import World, world_in

PLACES = ("/my-data/archive", "/my-data/archive.zip", "/my-data/summary.pdf", "/my-data/import")


async def browser(world: World, who: str, cookie: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=world.application)
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:8000",
        cookies={"regie-session": cookie or world.made.cookies[who]},
    )


async def token(client: httpx.AsyncClient) -> str:
    page = (await client.get("/my-data/import")).text
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


async def archive_of(world: World, who: str, cookie: str = "") -> bytes:
    async with await browser(world, who, cookie) as client:
        answer = await client.get("/my-data/archive.zip?language=en")
    assert answer.status_code == 200, answer.text
    return answer.content


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


async def sent(client: httpx.AsyncClient, data: bytes, **form: str) -> httpx.Response:
    fields = {"csrf_token": await token(client), **form}
    return await client.post("/my-data/import", data=fields, files={"file": ("record.zip", data, "application/zip")})


async def test_a_person_gets_all_of_their_own_record_and_nothing_of_another(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    data = await archive_of(world, "zonnestraal")
    files = files_of(data)
    text = b"".join(content for name, content in files.items() if not name.endswith(".pdf")).decode()
    current = [json.loads(line) for line in files["fhir/r4-current.ndjson"].splitlines()]
    own = {resource_id for (release, _), resource_id in him.ids.items() if release.path == "r4"}
    assert own <= {one["id"] for one in current}
    assert her.family not in text
    assert her.bsn not in text
    assert not any(resource_id in text for (_, thing), resource_id in her.ids.items() if thing != "chosen")
    assert him.bsn not in "".join(files)


async def test_that_it_was_taken_along_is_in_the_log_and_in_the_archive(world: World) -> None:
    files = files_of(await archive_of(world, "zonnestraal"))
    assert b",export,success," in files["log.csv"].splitlines()[-1]
    async with await browser(world, "zonnestraal") as client:
        english = {"accept-language": "en"}
        assert "took a copy of the record" in (await client.get("/activity?who=person", headers=english)).text


async def test_the_name_of_the_file_tells_nothing_and_no_browser_keeps_it(world: World) -> None:
    async with await browser(world, "zonnestraal") as client:
        for place, kind in (("/my-data/archive.zip", "application/zip"), ("/my-data/summary.pdf", "application/pdf")):
            answer = await client.get(place)
            assert answer.headers["content-type"] == kind
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-disposition"].startswith('attachment; filename="regie-20')
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("place", PLACES)
async def test_a_second_factor_of_long_ago_is_asked_for_again(tmp_path: Path, place: str) -> None:
    async with world_in(tmp_path) as world:
        person = world.zonnestraal
        now = world.parts.clock()
        account = await world.parts.accounts.by_login(world.parts.database.reader, person.name)
        assert account is not None
        long_ago = now - sessions.FRESH - sessions.FRESH

        async def job(transaction: Transaction) -> str:
            half = await sessions.begin_half(transaction, account.account_id, long_ago)
            return await sessions.make_whole(transaction, half, account.account_id, long_ago, timedelta(hours=1))

        cookie = await world.parts.database.write(job)
        async with await browser(world, "zonnestraal", cookie) as client:
            answer = await client.get(place)
            assert answer.status_code == 303
            assert answer.headers["location"] == f"/login/again?next={place}"
            assert (await client.get("/my-data")).status_code == 200
            refused = await client.post("/my-data/import", files={"file": ("a.zip", b"PK")})
            assert refused.headers["location"] == "/login/again?next=/my-data"


async def test_an_archive_of_another_person_or_over_a_full_record_is_refused_on_a_calm_page(world: World) -> None:
    data = await archive_of(world, "zonnestraal")
    async with await browser(world, "maanlicht") as client:
        answer = await sent(client, data)
        assert answer.status_code == 409, answer.text
        assert "Of dat dossier is hier al, met een andere login." in answer.text
        assert "Nothing was changed" in answer.text or "niets veranderd" in answer.text
    async with await browser(world, "zonnestraal") as client:
        answer = await sent(client, data)
        assert (answer.status_code, answer.headers["location"]) == (303, "/my-data?done=was-here")


async def test_a_file_that_is_no_archive_is_refused_on_a_calm_page(world: World) -> None:
    async with await browser(world, "zonnestraal") as client:
        english = {"accept-language": "en"}
        client.headers.update(english)
        for data in (b"", b"nonsense", b"PK\x03\x04" * 100, b"x" * (4 * FORM_SIZE_MAX)):
            answer = await sent(client, data)
            assert answer.status_code == 422, data[:10]
            assert "Choose the zip that you saved" in answer.text
            assert "Nothing was changed." in answer.text
        form = {"csrf_token": await token(client)}
        assert "Choose the file first." in (await client.post("/my-data/import", data=form)).text
        assert "Choose the file first." in (await client.post("/my-data/import", data={**form, "file": "text"})).text


async def test_only_this_form_may_be_large(world: World) -> None:
    async with await browser(world, "zonnestraal") as client:
        answer = await client.post("/language", content=b"x" * (FORM_SIZE_MAX + 1))
        assert answer.status_code == 413
        answer = await client.post("/my-data/import", content=b"", headers={"content-length": str(10**12)})
        assert answer.status_code == 413


@pytest.mark.parametrize("capacity", [Capacity.PARENT, Capacity.LEGAL])
async def test_who_acts_by_law_takes_all_along_with_both_names_in_the_log_and_brings_nothing_in(
    world: World, capacity: Capacity
) -> None:
    him, her = world.zonnestraal, world.maanlicht
    data = await archive_of(world, "zonnestraal")
    grant = await let_act(world, her, capacity)
    async with await browser_of(world, her) as client:
        await go_in(client, grant)
        assert 'href="/my-data"' in (await client.get("/menu")).text
        page = (await client.get("/my-data")).text
        assert [place in page for place in ("/my-data/archive", "/my-data/corrections")] == [True, True]
        assert [place in page for place in ("/my-data/import", "/my-data/erase")] == [False, False]
        taken = await client.get("/my-data/archive.zip")
        assert taken.status_code == 200
        assert b"zonnestraal" in files_of(taken.content)["record.ndjson"].lower()
        assert (await client.get("/my-data/summary.pdf")).status_code == 200
        assert (await sent(client, data)).status_code == 403
    newest = [one.event for one in await entries_of(world.parts.database.reader, him.record_id, (END, END), 20)]
    (first, *_) = [one for one in newest if one.action == "export"]
    assert (first.kind, first.display, first.on_behalf_of) == ("representative", her.family, him.family)


@pytest.mark.parametrize("case", ["carer with everything", "no power", "not what is sensitive", "looks only"])
async def test_who_acts_for_less_than_all_or_not_by_law_takes_nothing_along(world: World, case: str) -> None:
    left = {
        "carer with everything": {"capacity": Capacity.CARER},
        "no power": {"powers": Power.GIVE},
        "not what is sensitive": {"categories": EVERYTHING & ~Category.SENSITIVE},
        "looks only": {"actions": LOOK},
    }[case]
    grant = await let_act(world, world.maanlicht, **left)  # type: ignore[arg-type]  # each for its own parameter
    async with await browser_of(world, world.maanlicht) as client:
        await go_in(client, grant)
        assert 'href="/my-data"' not in (await client.get("/menu")).text
        for place in ("/my-data", "/my-data/archive.zip", "/my-data/summary.pdf", "/my-data/corrections"):
            answer = await client.get(place)
            assert answer.status_code == 403, place
            assert world.zonnestraal.bsn not in answer.text
        assert (await send(client, "/my-data/corrections", topic="a", wrong="b", right="c")).status_code == 403


async def test_a_form_without_the_token_of_the_session_brings_in_nothing(world: World) -> None:
    async with await browser(world, "zonnestraal") as client:
        answer = await client.post("/my-data/import", data={"csrf_token": "0" * 64}, files={"file": ("a.zip", b"PK")})
        assert answer.status_code == 403


@asynccontextmanager
async def another_server(folder: Path) -> AsyncIterator[tuple[Regie, httpx.AsyncClient]]:
    """Give a server with keys of its own, and the browser of somebody who just signed up there."""
    url = f"sqlite:///{folder / 'there.sqlite3'}"
    await asyncio.to_thread(migrate, url)
    there = create_app(Settings(database_url=url, secret_file=folder / "there.secret"))
    parts = there.open()
    hashed = await parts.accounts.hash_password("geen-echt-wachtwoord")

    async def job(transaction: Transaction) -> str:
        now = parts.clock()
        record_id = await new_person(parts.context, transaction, "Zonnestraal")
        account_id = await parts.accounts.create(
            transaction, login="newcomer", password_hash=hashed, name="Zonnestraal", record_id=record_id,
            totp_secret="JBSWY3DPEHPK3PXP", now=now,
        )  # fmt: skip
        half = await sessions.begin_half(transaction, account_id, now)
        return await sessions.make_whole(transaction, half, account_id, now, timedelta(days=1))

    cookies = {"regie-session": await parts.database.write(job)}
    transport = httpx.ASGITransport(app=there)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=parts.settings.base_url, cookies=cookies) as client:
            client.headers["accept-language"] = "en"
            yield there, client
    finally:
        there.close()


async def test_a_person_moves_from_one_server_to_another(world: World, tmp_path: Path) -> None:
    # In a task of its own: what one server asks of its writes is not asked of those of the other.
    data = await asyncio.create_task(archive_of(world, "zonnestraal"))
    kid = json.loads(files_of(data)["manifest.sig"])["kid"]
    async with another_server(tmp_path) as (there, client):
        assert "Weight" not in (await client.get("/measurements")).text.split("<main")[1]
        unknown = await sent(client, data)
        assert unknown.status_code == 422
        assert kid in unknown.text
        assert "http://127.0.0.1:8000" in unknown.text
        assert (await sent(client, data, trust="A" * 43)).status_code == 422
        answer = await sent(client, data, trust=kid)
        assert (answer.status_code, answer.headers["location"]) == (303, "/my-data?done=imported"), answer.text
        assert "Your record is here." in (await client.get(answer.headers["location"])).text
        assert there.parts is not None
        assert await there.parts.deliverer.deliver_due() == 1
        waiting = await there.parts.deliverer.waiting()
        assert waiting.jobs == 0, "the index is made"
        own = (await client.get("/measurements")).text
        assert "Weight" in own.split("<main")[1]
        assert "brought in a record" in (await client.get("/activity?who=person")).text
        access = (await client.get("/access")).text
        assert "A practice" in access, "as it was, without the name that only the other server knows"
        assert "/withdraw" not in access, "nothing is in force"
        again = files_of((await client.get("/my-data/archive.zip")).content)
    assert again["fhir/r4-versions.ndjson"] == files_of(data)["fhir/r4-versions.ndjson"]
