"""Passkeys in a real browser, with the virtual device that Chromium has for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PHONE, chromium
from tests.support.ports import free_port
from tests.support.running import running

pytestmark = pytest.mark.browser

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a name, since no browser has passkeys for an IP address."""
    port = free_port()
    url = f"http://localhost:{port}"
    with running(tmp_path_factory.mktemp("site"), port=port, REGIE_BASE_URL=url):
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@contextmanager
def phone(browser: Browser, **device: Any) -> Iterator[tuple[Page, list[str]]]:
    """Give a page on a phone with a device for passkeys, and what its console complains about."""
    context = browser.new_context(viewport=PHONE, locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    tools = context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, **device}})
    yield page, complaints
    context.close()


def signed_up(page: Page, site: str, login: str) -> None:
    page.goto(f"{site}/sign-up")
    page.get_by_label("Your name").fill("Maneschijn-Testpersoon")
    page.get_by_label("Login name").fill(login)
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_text("Maneschijn-Testpersoon").first).to_be_visible()


def test_a_person_signs_up_and_logs_in_with_a_passkey_and_nothing_else(browser: Browser, site: str) -> None:
    with phone(browser) as (page, complaints):
        signed_up(page, site, "maneschijn-1")
        page.goto(f"{site}/menu")
        page.get_by_role("main").get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{site}/")  # logging out empties what the browser keeps before it leaves the page
        page.goto(f"{site}/login?next=/menu")
        page.get_by_role("button", name="Log in with a passkey").click()
        page.wait_for_url(f"{site}/menu")
        page.goto(f"{site}/login-and-devices")
        expect(page.get_by_text("Chrome, Linux").first).to_be_visible()
        expect(page.get_by_text("this one")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert complaints == []


def test_a_device_is_given_a_second_passkey_by_nobody(browser: Browser, site: str) -> None:
    with phone(browser) as (page, _):
        signed_up(page, site, "maneschijn-2")
        page.goto(f"{site}/login-and-devices")
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("Perhaps this device has a passkey already")


def test_a_device_that_does_not_know_its_owner_signs_nobody_up(browser: Browser, site: str) -> None:
    with phone(browser, isUserVerified=False) as (page, _):
        page.goto(f"{site}/sign-up")
        page.get_by_label("Your name").fill("Maneschijn-Testpersoon")
        page.get_by_label("Login name").fill("maneschijn-3")
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.goto(f"{site}/login")
        expect(page.get_by_role("button", name="Log in with a passkey")).to_be_visible()


def test_what_is_wrong_with_the_form_is_said_before_a_passkey_is_made(browser: Browser, site: str) -> None:
    with phone(browser) as (page, _):
        page.goto(f"{site}/sign-up")
        page.get_by_label("Your name").fill("Maneschijn-Testpersoon")
        page.get_by_label("Login name").fill("x y")
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose a login name")


def test_without_scripts_passkeys_are_not_shown_and_the_password_is(browser: Browser, site: str) -> None:
    context = browser.new_context(viewport=PHONE, locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/login")
    assert not page.get_by_role("button", name="Log in with a passkey").is_visible()
    assert page.get_by_label("Password").is_visible()
    context.close()
