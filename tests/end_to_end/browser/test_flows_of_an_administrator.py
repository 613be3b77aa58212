"""How somebody looks after the logins and the systems of a practice: in both languages, at three widths, by keys, without scripts."""

import json
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.newcomers import colleague, invite
from tests.end_to_end.browser.places import PRACTICE
from tests.end_to_end.browser.site import Site
from tests.end_to_end.browser.walker import Way, every_way, walker

pytestmark = pytest.mark.browser


@every_way
def test_an_administrator_changes_and_ends_the_login_of_a_colleague(site: Site, browser: Browser, way: Way) -> None:
    name = f"W. Wisselaar-Testarts {uuid4().hex[:8]}"
    joined = colleague(site, browser, way, name)
    who = walker(site, browser, way, PRACTICE)
    who.goes_to("/practice/staff")
    line = who.page.get_by_role("main").locator("li", has_text=name)
    who.follow("Change", line)
    who.comes_to_page_of(name)
    who.tick("Assistant")
    who.press("Change the role")
    who.comes_to("Colleagues")
    expect(line).to_contain_text(who.say("Assistant"))
    who.follow("Change", line)
    who.page.get_by_role("button", name=who.say("End the login of %(name)s", name=name)).press("Enter")
    who.comes_to("Colleagues")
    expect(line).to_have_count(0)
    joined.goes_to("/practice")
    joined.comes_to("Log in")
    joined.is_done()
    who.is_done()


@every_way
def test_an_administrator_takes_an_invitation_back(site: Site, browser: Browser, way: Way) -> None:
    name = f"T. Terug-Testarts {uuid4().hex[:8]}"
    who = walker(site, browser, way, PRACTICE)
    link = invite(who, name)
    line = who.page.locator("section[aria-labelledby=invited] li", has_text=name)
    who.press("Withdraw", line)
    who.comes_to("Colleagues")
    expect(line).to_have_count(0)
    late = walker(site, browser, way)
    late.goes_to(link)
    expect(late.page.get_by_label(late.say("Login name"))).to_have_count(0)
    late.is_done()
    who.is_done()


def public_key() -> str:
    """Return a new public key, as a JWK."""
    return json.dumps(ECKey.generate_key("P-256").as_dict(private=False))


@every_way
def test_an_administrator_changes_the_key_of_a_system(site: Site, browser: Browser, way: Way) -> None:
    name, keys = f"Proefsysteem {uuid4().hex[:8]}", site.program.folder / f"{uuid4().hex}.json"
    keys.write_text(json.dumps({"keys": [json.loads(public_key())]}), encoding="utf-8")
    practice = site.demo["practices"][0]["practice_id"]
    site.program.run(
        *("client", "add", "--name", name, "--scope", "system/*.rs", "--redirect-uri", "https://system.example/back"),
        *("--practice", practice, "--jwks-file", str(keys)),
    )
    who = walker(site, browser, way, PRACTICE)
    who.goes_to("/practice/systems")
    who.comes_to("Systems")
    system = who.page.get_by_role("main").locator("section", has_text=name)
    for key in ("{}", public_key()):
        system.get_by_label(who.say("Add a public key")).fill(key)
        who.press("Add the key", system)
        if key == "{}":
            who.is_warned("This is not one public key that we can use. Is it a private key? Then make a new pair.")
    who.is_told("The key was added. It is good from now on, beside the others.")
    expect(system.locator("li")).to_have_count(2)
    who.press("Retire", system)
    who.is_told("The key was retired. It proves nothing any more, and the system asks for a new token.")
    expect(system.locator("li")).to_have_count(1)
    system.get_by_label(who.say("Or the address at which the system publishes its keys")).fill(
        "https://system.example/keys"
    )
    who.press("Keep this address", system)
    who.is_told("The address was changed.")
    who.comes_to("Systems")
    who.is_done()
