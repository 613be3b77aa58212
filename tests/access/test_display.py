"""Settings of how the pages look: kept with the account, on all devices, from the first byte, and of nobody else."""

import httpx

from tests.support.acting import browser_of, send
from tests.support.world import World


async def first_tags(browser: httpx.AsyncClient, path: str = "/menu") -> str:
    """Return the page up to its body, which is what a browser lays it out by."""
    return (await browser.get(path)).text.partition("<body")[0]


async def test_what_somebody_chose_is_so_on_their_next_device_from_the_first_byte(world: World) -> None:
    phone, desk = await browser_of(world, world.zonnestraal), await browser_of(world, world.zonnestraal)
    before = await first_tags(desk)
    assert '<html lang="en">' in before
    assert 'content="light dark"' in before
    answer = await send(phone, "/settings", "/settings", language="nl", size="large", contrast="more", scheme="dark")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings?done=kept")
    for browser in (phone, desk):
        now = await first_tags(browser)
        assert '<html lang="nl" class="large">' in now
        assert 'content="dark"' in now
        assert now.count('media="screen"') == 2


async def test_what_somebody_chose_is_not_what_another_sees(world: World) -> None:
    await send(await browser_of(world, world.zonnestraal), "/settings", "/settings", size="large")
    assert "large" not in await first_tags(await browser_of(world, world.maanlicht))


async def test_the_choice_of_a_language_is_kept_with_the_account_and_changes_nothing_else(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    await send(browser, "/settings", "/settings", language="nl", size="large")
    await browser.post("/language", data={"language": "en", "next": "/menu"})
    assert '<html lang="en" class="large">' in await first_tags(await browser_of(world, world.zonnestraal))


async def test_before_a_login_the_browser_says_how_the_pages_look(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    await send(browser, "/settings", "/settings", size="large", language="nl")
    browser.cookies.delete("regie-session")
    assert '<html lang="nl" class="large">' in await first_tags(browser, "/login")


async def test_a_choice_that_is_not_known_is_as_the_device_has_it(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    answer = await send(browser, "/settings", "/settings", size='"><script>', scheme="purple", language="xx")
    assert answer.status_code == 303
    assert '<html lang="en">' in await first_tags(browser)


async def test_settings_need_the_token_of_their_form(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    answer = await browser.post("/settings", data={"size": "large"})
    assert answer.status_code == 403
    assert "large" not in await first_tags(browser)
