"""Who looks after the logins of a practice and the keys of its systems: what they can do, what not, and that it is in the log."""

import asyncio
import json
import re
from typing import Any

import httpx
import pyotp
import pytest
from joserfc.jwk import ECKey, OctKey

from app.access.staff import StaffRole
from app.audit.events import Event
from app.audit.log import entries_of
from app.db.database import Transaction
from app.identity import sessions, staff
from app.identity.staff import Described
from app.oauth import clients
from app.oauth.client_keys import keys_of
from tests.access.test_practice_pages import ENGLISH, account_of, at_work, freshly_at_work, person_url
from tests.support.world import BASE_URL, DAY, STAFF, World, staff_name

ADMINISTRATOR = "administrator of granted"
NEW = {"name": "Anemoon-Testmedewerker", "role": "practice-nurse", "registration": "AGB 01234567"}
CHOSEN = {"login": "anemoon@example.test", "password": "vier losse woorden hier", "again": "vier losse woorden hier"}


async def form_token(browser: httpx.AsyncClient, url: str = "/practice/staff") -> str:
    """Return the token of the forms of a browser."""
    return (await browser.get(url)).text.partition('name="csrf_token" value="')[2].partition('"')[0]


async def post(browser: httpx.AsyncClient, url: str, form_on: str = "/practice/staff", **data: str) -> httpx.Response:
    """Return the answer to a form that somebody sends who opened it at ``form_on``."""
    return await browser.post(url, data={"csrf_token": await form_token(browser, form_on), **data})


async def logged(world: World, action: str) -> Event:
    """Return the newest entry of the directory with this action."""
    entries = await entries_of(world.parts.database.reader, 0, (2**62, 2**62), 20)
    return next(entry.event for entry in entries if entry.event.action == action)


async def invited(world: World, **told: str) -> str:
    """Return the link of an invitation that the administrator made."""
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        answer = await post(browser, "/practice/staff/invite", **(NEW | told))
        assert answer.status_code == 200, answer.text
    found = re.search(rf"{BASE_URL}(/practice/join\?token=[\w-]+)", answer.text)
    assert found is not None
    return found[1]


def newcomer(world: World) -> httpx.AsyncClient:
    """Return a browser in which nobody is logged in."""
    transport = httpx.ASGITransport(app=world.application)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=ENGLISH)


async def joined(browser: httpx.AsyncClient, link: str, **changed: str) -> httpx.Response:
    """Return the answer to the last step of joining."""
    page = await browser.post(link, data={"csrf_token": await form_token(browser, link), **(CHOSEN | changed)})
    assert page.status_code == 200, page.text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
    assert secret is not None
    assert sealed is not None
    data = {"sealed": sealed[1], "code": pyotp.TOTP(secret[1].replace(" ", "")).now()}
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    return await browser.post(link.replace("join?", "join/code?"), data={"csrf_token": token, **data})


async def test_an_invitation_that_is_sent_twice_at_once_is_one(world: World) -> None:
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        form = {"csrf_token": await form_token(browser), "key": "of-this-form", **NEW}
        answers = await asyncio.gather(*(browser.post("/practice/staff/invite", data=form) for _ in range(2)))
        links = {re.findall(r"/practice/join\?token=([\w-]+)", answer.text)[0] for answer in answers}
        assert len(links) == 1
        again = await browser.post("/practice/staff/invite", data=form | {"name": "Akelei-Testmedewerker"})
        assert not links & set(re.findall(r"/practice/join\?token=([\w-]+)", again.text))
        assert again.text.count("/withdraw") == 2
    entries = await entries_of(world.parts.database.reader, 0, (2**62, 2**62), 20)
    assert [one.event.action for one in entries].count("staff-invited") == 2


@pytest.mark.parametrize("how", ["used", "withdrawn"])
async def test_a_form_of_an_invitation_that_is_sent_again_makes_no_spent_link_good(world: World, how: str) -> None:
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        form = {"csrf_token": await form_token(browser), "key": "of-this-form", **NEW}
        made = await browser.post("/practice/staff/invite", data=form)
        token = re.findall(r"/practice/join\?token=([\w-]+)", made.text)[0]
        link = f"/practice/join?token={token}"
        if how == "used":
            async with newcomer(world) as other:
                assert (await joined(other, link)).status_code == 303
        else:
            (key,) = re.findall(r"/practice/staff/invitation/(\w+)/withdraw", made.text)
            assert (await post(browser, f"/practice/staff/invitation/{key}/withdraw")).status_code == 303
            assert (await post(browser, f"/practice/staff/invitation/{key}/withdraw")).status_code == 404
        again = await browser.post("/practice/staff/invite", data=form)
        assert (again.status_code, token in again.text) == (409, False)
        assert "used or withdrawn already" in again.text
        fresh = re.findall(r'name="key" value="([^"]+)"', again.text)
        assert fresh not in ([], ["of-this-form"])
    async with newcomer(world) as other:
        assert (await other.get(link)).status_code == 400


async def test_an_invitation_that_is_not_right_comes_back_as_it_was_filled_in(world: World) -> None:
    told = NEW | {"registration": "een <nummer>", "administrator": "yes"}
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        answer = await post(browser, "/practice/staff/invite", **told | {"key": "of-this-form", "role": "emperor"})
    assert answer.status_code == 422
    for field in (
        f'value="{NEW["name"]}"',
        'value="een &lt;nummer&gt;"',
        'value="of-this-form"',
        'value="yes" checked',
    ):
        assert field in answer.text, field


async def test_a_colleague_joins_by_a_link_and_looks_in_their_role(world: World) -> None:
    link = await invited(world)
    async with newcomer(world) as browser:
        shown = await browser.get(link)
        assert "Praktijk Granted-Test invites you: Anemoon-Testmedewerker." in shown.text
        answer = await joined(browser, link)
        assert (answer.status_code, answer.headers["location"]) == (303, "/practice")
        assert "Practice nurse" in (await browser.get("/practice")).text
        assert (await browser.get(person_url(world))).status_code == 200
        assert (await browser.get("/practice/staff")).status_code == 403
    event = await logged(world, "staff-joined")
    assert (event.display, event.role) == ("Anemoon-Testmedewerker", "practice-nurse")
    assert world.made.practices["granted"] in event.detail
    event = await logged(world, "staff-invited")
    assert (event.display, event.detail) == (
        staff_name(ADMINISTRATOR),
        "Anemoon-Testmedewerker, practice-nurse, AGB 01234567",
    )


async def test_an_invitation_is_good_once(world: World) -> None:
    link = await invited(world)
    async with newcomer(world) as browser:
        assert (await joined(browser, link)).status_code == 303
    async with newcomer(world) as browser:
        for answer in (
            await browser.get(link),
            await browser.get("/practice/join?token=nonsense"),
            await browser.get("/practice/join"),
        ):
            assert (answer.status_code, "This link is too old" in answer.text) == (400, True)
            assert "Anemoon" not in answer.text


async def test_what_was_sealed_for_one_invitation_takes_name_and_role_of_the_one_it_is_used_for(world: World) -> None:
    low, high = await invited(world, role="assistant"), await invited(world, name="Papaver-Testmedewerker", role="gp")
    async with newcomer(world) as browser:
        page = await browser.post(low, data={"csrf_token": await form_token(browser, low), **CHOSEN})
        secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
        sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
        assert secret is not None
        assert sealed is not None
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        code = pyotp.TOTP(secret[1].replace(" ", "")).now()
        data = {"csrf_token": token, "sealed": sealed[1], "code": code}
        assert (await browser.post(high.replace("join?", "join/code?"), data=data)).status_code == 303
    member = await staff.present(world.parts.database.reader, await account_of(world, CHOSEN["login"]))
    assert member is not None
    assert (member.described.name, member.described.role) == ("Papaver-Testmedewerker", StaffRole.GP)


async def test_a_withdrawn_invitation_lets_nobody_join(world: World) -> None:
    link = await invited(world)
    (made,) = await staff.invitations(world.parts.database.reader, world.made.practices["granted"], world.parts.clock())
    async with freshly_at_work(world, "gp of both") as stranger:
        assert (await post(stranger, f"/practice/staff/invitation/{made.key}/withdraw")).status_code == 404
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        assert (await post(browser, f"/practice/staff/invitation/{made.key}/withdraw")).status_code == 303
    async with newcomer(world) as browser:
        assert (await browser.get(link)).status_code == 400


@pytest.mark.parametrize("act", ["end", "change"])
async def test_an_administrator_who_leaves_comes_back_by_no_invitation(world: World, act: str) -> None:
    link, own = await invited(world), await account_of(world, ADMINISTRATOR)
    colleague, practice_id = await account_of(world, "gp of granted"), world.made.practices["granted"]

    async def job(transaction: Transaction) -> None:
        await staff.change(transaction, practice_id, colleague, StaffRole.GP, administers=True)

    await world.parts.database.write(job)
    async with freshly_at_work(world, "gp of granted") as browser:
        answer = await post(browser, f"/practice/staff/{own}/{act}", role="assistant")
        assert answer.status_code == 303
    async with newcomer(world) as browser:
        assert (await browser.get(link)).status_code == 400


@pytest.mark.parametrize(
    "told",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a" * 101},
        {"name": "a\x01b"},
        {"role": "director"},
        {"role": "none"},
        {"role": ""},
        {"registration": "12"},
        {"registration": "BSN 999900006"},
    ],
)
async def test_what_is_no_description_of_a_colleague_invites_nobody(world: World, told: dict[str, str]) -> None:
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        answer = await post(browser, "/practice/staff/invite", **(NEW | told))
        assert answer.status_code == 422, answer.text
        assert "/practice/join" not in answer.text


async def test_a_login_that_is_ended_is_out_at_once_and_can_not_log_in_again(world: World) -> None:
    account_id = await account_of(world, "gp of granted")
    async with at_work(world, "gp of granted") as doctor, freshly_at_work(world, ADMINISTRATOR) as browser:
        assert (await doctor.get(person_url(world))).status_code == 200
        assert (await post(browser, f"/practice/staff/{account_id}/end")).status_code == 303
        assert (await doctor.get(person_url(world))).headers["location"].startswith("/login?")
        assert staff_name("gp of granted") not in (await browser.get("/practice/staff")).text
        assert (await post(browser, f"/practice/staff/{account_id}/end")).status_code == 404
    assert await world.parts.accounts.by_login(world.parts.database.reader, "gp of granted") is None
    assert (await logged(world, "staff-ended")).detail == f"{staff_name('gp of granted')}, gp"


async def test_another_role_is_given_by_a_colleague_and_logged(world: World) -> None:
    account_id = await account_of(world, "gp of granted")
    async with at_work(world, "gp of granted") as doctor, freshly_at_work(world, ADMINISTRATOR) as browser:
        assert (await doctor.get(person_url(world) + "/summary")).status_code == 200
        answer = await post(browser, f"/practice/staff/{account_id}/change", role="assistant")
        assert answer.status_code == 303
        assert (await doctor.get(person_url(world) + "/summary")).status_code == 403
        assert (await post(browser, f"/practice/staff/{account_id}/change", role="emperor")).status_code == 422
    assert (await logged(world, "staff-changed")).detail == f"{staff_name('gp of granted')}, assistant"


async def test_nobody_changes_what_they_may_do_themselves(world: World) -> None:
    own = await account_of(world, ADMINISTRATOR)
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        assert (await post(browser, f"/practice/staff/{own}/change", role="gp", administrator="yes")).status_code == 409
        assert (await post(browser, f"/practice/staff/{own}/end")).status_code == 409
        assert (await browser.get(person_url(world))).status_code == 403


async def test_a_practice_keeps_somebody_who_administers_it(world: World) -> None:
    own = await account_of(world, ADMINISTRATOR)

    async def job(transaction: Transaction) -> None:
        await staff.end(transaction, world.made.practices["granted"], own, world.parts.clock())

    with pytest.raises(Exception, match="Somebody has to administer"):
        await world.parts.database.write(job)
    assert await staff.present(world.parts.database.reader, own) is not None


@pytest.mark.parametrize("who", [who for who, (_, _, administers) in STAFF.items() if not administers])
async def test_only_an_administrator_changes_logins_and_keys(world: World, who: str) -> None:
    colleague = await account_of(world, ADMINISTRATOR)
    async with freshly_at_work(world, who) as browser:
        for path in ("/practice/staff", "/practice/systems", f"/practice/staff/{colleague}"):
            assert (await browser.get(path)).status_code == (303 if who.startswith("left") else 403), path
        token = await form_token(browser, "/practice")
        for path in ("/practice/staff/invite", f"/practice/staff/{colleague}/end", "/practice/systems/any/add"):
            assert (await browser.post(path, data={"csrf_token": token, **NEW})).status_code in (303, 403), path
    assert await staff.present(world.parts.database.reader, colleague) is not None


async def test_an_administrator_reaches_nobody_of_another_practice(world: World) -> None:
    stranger = await account_of(world, "gp of both")
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        assert (await browser.get(f"/practice/staff/{stranger}")).status_code == 404
        for act in ("change", "end"):
            assert (await post(browser, f"/practice/staff/{stranger}/{act}", role="gp")).status_code == 404
    assert await staff.present(world.parts.database.reader, stranger) is not None


async def test_an_old_second_factor_is_asked_for_once_more(world: World) -> None:
    async def job(transaction: Transaction) -> None:
        cookie = world.made.cookies[ADMINISTRATOR]
        world.made.cookies["old"] = await sessions.renew(transaction, cookie, world.parts.clock() - 2 * sessions.FRESH)

    await world.parts.database.write(job)
    async with at_work(world, "old") as browser:
        for path in ("/practice/staff", "/practice/systems"):
            assert (await browser.get(path)).headers["location"] == f"/login/again?next={path}"
        assert (await browser.get("/practice")).status_code == 200


async def test_who_logs_in_for_work_hears_of_a_change_and_no_person_does(world: World) -> None:
    now = world.parts.clock()

    async def job(transaction: Transaction) -> str:
        account_id = await world.parts.accounts.create(
            transaction, login="klaver@example.test", password_hash="", name="Klaver-Testmedewerker", record_id=None,
            totp_secret="", now=now,
        )  # fmt: skip
        described = Described("Klaver-Testmedewerker", StaffRole.GP)
        token = await staff.invite(transaction, world.made.practices["granted"], described, "operator", now)
        await staff.join(transaction, token, account_id, now)
        return await sessions.make_whole(transaction, "", account_id, now, DAY)

    world.made.cookies["klaver"] = await world.parts.database.write(job)
    async with at_work(world, "klaver") as browser:
        answer = await post(browser, "/login-and-devices/recovery", "/login-and-devices/recovery")
        assert answer.status_code == 200
    await world.parts.deliverer.deliver_due()
    (mail,) = (world.application.settings.secret_file.parent / "mail").iterdir()
    assert "klaver@example.test" in mail.read_text()
    event = await logged(world, "login-changed")
    assert (event.kind, event.display, event.ground) == ("practice", "Klaver-Testmedewerker", "")


def public(key: ECKey, **members: str) -> str:
    """Return a public key as text."""
    return json.dumps(key.as_dict(private=False) | members)


async def system_of(world: World, practice: str, key: ECKey) -> str:
    """Return the client_id of a new system of a practice."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction, name="Systeem-Test", scope="system/*.rs", now=world.parts.clock(),
            practice_id=world.made.practices[practice], jwks={"keys": [key.as_dict(private=False)]},
        )  # fmt: skip

    return await world.parts.database.write(job)


async def kept(world: World, client_id: str) -> set[str]:
    """Return the thumbprints of the keys of a system."""
    client = await clients.get(world.parts.database.reader, client_id)
    assert client is not None
    return {key.thumbprint for key in keys_of(client)}


async def test_a_key_is_changed_with_both_good_in_between(world: World) -> None:
    old, new = ECKey.generate_key("P-384"), ECKey.generate_key("P-384")
    client_id = await system_of(world, "granted", old)
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        url = f"/practice/systems/{client_id}"
        only = await post(browser, f"{url}/retire", thumbprint=old.thumbprint())
        assert only.status_code == 409
        assert (await post(browser, f"{url}/add", key=public(new))).status_code == 303
        assert await kept(world, client_id) == {old.thumbprint(), new.thumbprint()}
        shown = (await browser.get("/practice/systems")).text
        assert old.thumbprint() in shown
        assert new.thumbprint() in shown
        assert (await post(browser, f"{url}/add", key=public(new, kid="again"))).status_code == 409
        assert (await post(browser, f"{url}/retire", thumbprint=old.thumbprint())).status_code == 303
        assert (await post(browser, f"{url}/retire", thumbprint=old.thumbprint())).status_code == 404
    assert await kept(world, client_id) == {new.thumbprint()}
    assert (await logged(world, "key-added")).detail == f"{client_id}: {new.thumbprint()}"
    assert (await logged(world, "key-retired")).detail == f"{client_id}: {old.thumbprint()}"


@pytest.mark.parametrize(
    "key",
    [
        ECKey.generate_key("P-384").as_dict(private=True),
        OctKey.generate_key(256).as_dict(private=True),
        {"keys": []},
        {"keys": [1]},
        {"kty": "EC", "crv": "P-384"},
        [],
        "text",
        None,
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    ],
    ids=range(9),
)
async def test_what_is_no_public_key_is_refused_and_not_kept(world: World, key: Any) -> None:
    old = ECKey.generate_key("P-384")
    client_id = await system_of(world, "granted", old)
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        answer = await post(browser, f"/practice/systems/{client_id}/add", key=json.dumps(key))
        assert answer.status_code == 400
        assert (await post(browser, f"/practice/systems/{client_id}/add", key="{" * 9000)).status_code == 400
    assert await kept(world, client_id) == {old.thumbprint()}


async def test_keys_at_an_address_are_good_beside_those_that_are_kept(world: World) -> None:
    old = ECKey.generate_key("P-384")
    client_id = await system_of(world, "granted", old)
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        url = f"/practice/systems/{client_id}"
        for wrong in ("ftp://system.example/keys", "https://", "nonsense", "http://system.example/keys"):
            assert (await post(browser, f"{url}/address", jwks_uri=wrong)).status_code == 400, wrong
        assert (await post(browser, f"{url}/address", jwks_uri="https://system.example/keys")).status_code == 303
        assert (await post(browser, f"{url}/retire", thumbprint=old.thumbprint())).status_code == 303
        assert (await post(browser, f"{url}/address", jwks_uri="")).status_code == 409
    client = await clients.get(world.parts.database.reader, client_id)
    assert client is not None
    assert (client.jwks, client.jwks_uri) == (None, "https://system.example/keys")


async def test_the_system_of_another_practice_is_out_of_reach(world: World) -> None:
    key = ECKey.generate_key("P-384")
    client_id = await system_of(world, "both", key)
    async with freshly_at_work(world, ADMINISTRATOR) as browser:
        assert client_id not in (await browser.get("/practice/systems")).text
        for act, data in (
            ("add", {"key": public(ECKey.generate_key("P-384"))}),
            ("retire", {"thumbprint": key.thumbprint()}),
        ):
            assert (await post(browser, f"/practice/systems/{client_id}/{act}", **data)).status_code == 404
    assert await kept(world, client_id) == {key.thumbprint()}
