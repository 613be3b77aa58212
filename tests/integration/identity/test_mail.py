"""Mail and logging in: a confirmed address, and the link for a forgotten password."""

import re
from datetime import timedelta
from email.message import EmailMessage

import httpx
import pytest

from app.identity import mail_addresses, resets
from app.identity.instants import to_us
from app.jobs import outbox
from app.jobs.login_mail import CODE_KIND, RESET_KIND, LoginMail
from tests.support.authorization import RECORD, World
from tests.support.passwords import PASSWORD

SETTINGS = "/login-and-devices"
ADDRESS = "zonnestraal@example.test"
NEW = "vijf heel andere woorden nu"


class Mailbox:
    """Mail that was sent."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def send(self, message: EmailMessage) -> None:
        """Keep the message."""
        self.messages.append(message)


async def mailed(world: World) -> list[EmailMessage]:
    """Return the mail about logging in that is due now, sent as the worker does."""
    database, now = world.parts.database, world.clock.now
    box = Mailbox()

    async def new_link(login: str) -> tuple[str, str] | None:
        made = await database.write(lambda transaction: resets.begin(transaction, login, world.clock.now))
        return None if made is None else (made.mail, made.token)

    handler = LoginMail(box, new_link, mail_from="regie@example.test", base_url="https://regie.example")
    lease = timedelta(days=1) // timedelta(microseconds=1)
    jobs = await database.write(
        lambda transaction: outbox.claim(transaction, now_us=to_us(now), lease_us=lease, limit=100)
    )
    for job in jobs:
        if job.kind in (CODE_KIND, RESET_KIND):
            await (handler.code if job.kind == CODE_KIND else handler.reset)(job)
    return box.messages


async def with_address(world: World) -> None:
    """Let the person have a confirmed address, and be signed out."""
    await world.log_in()
    await world.post(f"{SETTINGS}/mail", mail=ADDRESS)
    (message,) = await mailed(world)
    await world.post(f"{SETTINGS}/mail/code", code=code_in(message))
    world.http.cookies = httpx.Cookies()
    world.clock.move(seconds=30)


def code_in(message: EmailMessage) -> str:
    """Return the code of a message."""
    return str(re.findall(r"\b\d{6}\b", message.get_content())[0])


async def link_for(world: World, login: str = "zonnestraal") -> str:
    """Return the path of the link that is mailed to whoever forgot a password."""
    await world.post("/login/forgotten", login=login)
    (message,) = await mailed(world)
    return str(re.findall(r"https://regie\.example(/login/reset\?token=\S+)", message.get_content())[0])


async def reset(world: World, link: str, **changed: str) -> httpx.Response:
    """Return the answer to the form behind a link."""
    form = {"token": link.partition("=")[2], "password": NEW, "again": NEW, "code": world.code(), **changed}
    return await world.post("/login/reset", form_on="/login", **form)


async def address_of(world: World) -> list[str]:
    """Return where the person's mail goes."""
    return await mail_addresses.of_record(world.parts.database.reader, RECORD)


async def test_an_address_counts_when_the_code_comes_back(world: World) -> None:
    await world.log_in()
    answer = await world.post(f"{SETTINGS}/mail", mail=ADDRESS)
    assert answer.headers["location"] == f"{SETTINGS}/mail/code"
    (message,) = await mailed(world)
    assert message["To"] == ADDRESS
    assert await address_of(world) == []
    wrong = f"{(int(code_in(message)) + 1) % 1_000_000:06}"
    refused = await world.post(f"{SETTINGS}/mail/code", code=wrong)
    assert (refused.status_code, f'href="{SETTINGS}/mail">' in refused.text) == (422, True), "a new one can be had"
    assert "Wait for the next one" not in refused.text
    assert (await world.post(f"{SETTINGS}/mail/code", code=code_in(message))).status_code == 303
    assert await address_of(world) == [ADDRESS]
    assert ADDRESS in (await world.http.get(SETTINGS)).text


async def test_a_mailed_code_can_be_guessed_five_times_and_holds_half_an_hour(world: World) -> None:
    await world.log_in()
    await world.post(f"{SETTINGS}/mail", mail=ADDRESS)
    code = code_in((await mailed(world))[0])
    for _ in range(5):
        await world.post(f"{SETTINGS}/mail/code", code="x")
    assert (await world.post(f"{SETTINGS}/mail/code", code=code)).status_code == 422
    await world.post(f"{SETTINGS}/mail", mail=ADDRESS)
    code = code_in((await mailed(world))[0])
    for _ in range(3):
        world.clock.move(minutes=10)
        await world.post("/login/again", code=world.code())
    assert (await world.post(f"{SETTINGS}/mail/code", code=code)).status_code == 422
    assert await address_of(world) == []


@pytest.mark.parametrize(
    "mail", ["", "x", "a@", "@b", "a@b, c@d", "a@b\r\nBcc: c@d", "a b@c", "é@example.test", "a@b" * 200, '"@x'],
)  # fmt: skip
async def test_what_is_no_address_is_not_written_to(world: World, mail: str) -> None:
    await world.log_in()
    assert (await world.post(f"{SETTINGS}/mail", mail=mail)).status_code == 422
    assert await mailed(world) == []


async def test_nobody_fills_a_mailbox(world: World) -> None:
    await world.log_in()
    statuses = [(await world.post(f"{SETTINGS}/mail", mail=ADDRESS)).status_code for _ in range(4)]
    assert statuses == [303] * 3 + [429]


async def test_a_forgotten_password_takes_the_link_and_a_second_factor(world: World) -> None:
    await with_address(world)
    link = await link_for(world, " ZONNESTRAAL ")
    assert (await world.http.get(link)).status_code == 200
    assert (await reset(world, link, code="000000")).status_code == 401
    assert (await reset(world, link, code="")).status_code == 401
    assert (await reset(world, link)).status_code == 200
    world.clock.move(seconds=30)
    assert (await world.log_in()).status_code == 401
    assert (await world.log_in(password=NEW)).status_code == 303


async def test_a_link_signs_nobody_in(world: World) -> None:
    await with_address(world)
    link = await link_for(world)
    await world.http.get(link)
    await reset(world, link)
    assert (await world.http.get("/login")).status_code == 200


async def test_a_link_works_once_and_ends_the_others(world: World) -> None:
    await with_address(world)
    first, second = await link_for(world), await link_for(world)
    assert (await reset(world, second)).status_code == 200
    world.clock.move(seconds=30)
    for link in (first, second):
        assert (await world.http.get(link)).status_code == 400
        assert (await reset(world, link)).status_code == 400


@pytest.mark.parametrize("changed", ["password", "mail"])
async def test_a_link_ends_with_the_password_or_the_mailbox_that_it_is_for(world: World, changed: str) -> None:
    """Who is in somebody's mailbox had it mailed, and the person took what it is for out of their reach."""
    await with_address(world)
    link, password = await link_for(world), "Nog-een-lang-geheim-7 van de molen"
    assert (await world.log_in()).status_code == 303
    if changed == "password":
        form = {"current": PASSWORD, "password": password, "again": password}
        answer = await world.post(f"{SETTINGS}/password", **form)
    else:
        await world.post(f"{SETTINGS}/mail", mail="elders@example.test")
        (message,) = [one for one in await mailed(world) if one["To"] == "elders@example.test"]
        answer = await world.post(f"{SETTINGS}/mail/code", code=code_in(message))
    assert (answer.status_code, answer.headers.get("location")) == (303, f"{SETTINGS}?done={changed}"), answer.text
    world.http.cookies = httpx.Cookies()
    world.clock.move(seconds=30)
    assert (await reset(world, link)).status_code == 400
    assert (await world.log_in(password if changed == "password" else PASSWORD)).status_code == 303


async def test_a_link_holds_half_an_hour(world: World) -> None:
    await with_address(world)
    link = await link_for(world)
    world.clock.move(minutes=30)
    assert (await world.http.get(link)).status_code == 400
    assert (await reset(world, link)).status_code == 400


async def test_a_reset_ends_every_session(world: World) -> None:
    await with_address(world)
    await world.log_in()
    home = world.http.cookies
    world.http.cookies = httpx.Cookies()
    world.clock.move(seconds=30)
    await reset(world, await link_for(world))
    world.http.cookies = home
    assert (await world.http.get("/login")).status_code == 200


async def test_codes_behind_a_link_are_guessed_no_faster_than_at_the_login(world: World) -> None:
    await with_address(world)
    link = await link_for(world)
    statuses = [(await reset(world, link, code="000000")).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


@pytest.mark.parametrize("changed", [{"password": "kort", "again": "kort"}, {"again": "iets anders"}])
async def test_a_new_password_has_to_be_good_here_too(world: World, changed: dict[str, str]) -> None:
    await with_address(world)
    assert (await reset(world, await link_for(world), **changed)).status_code == 422


async def test_who_has_an_account_is_not_told(world: World) -> None:
    await with_address(world)
    pages = []
    for login in ("zonnestraal", "nobody", "", "x" * 300):
        answer = await world.post("/login/forgotten", login=login)
        pages.append((answer.status_code, re.sub(r'value="[0-9a-f]{64}"', "", answer.text)))
    assert len(set(pages)) == 1
    assert [message["To"] for message in await mailed(world)] == [ADDRESS]


async def test_without_an_address_no_link_is_made(world: World) -> None:
    await world.post("/login/forgotten", login="zonnestraal")
    assert await mailed(world) == []


async def test_one_login_is_sent_three_links_and_one_address_asks_ten_times(world: World) -> None:
    await with_address(world)
    statuses = [(await world.post("/login/forgotten", login="zonnestraal")).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert len(await mailed(world)) == 3
