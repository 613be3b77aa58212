"""How apps and others who act for somebody get in and out: in both languages, at three widths, by keys, without scripts."""

from datetime import date, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.browser.giving import card_of, stop
from tests.end_to_end.browser.newcomers import ADDRESSES, log_in, newcomer
from tests.end_to_end.browser.places import WALKER
from tests.end_to_end.browser.site import Site, code_of
from tests.end_to_end.browser.walker import Way, every_way, walker

pytestmark = pytest.mark.browser

YEARS_OF_CHILD = 13
CHILD = "Fenna Ochtendnevel-Testpersoon"


@every_way
def test_a_person_opens_an_app_says_no_then_yes_and_stops_it(site: Site, browser: Browser, way: Way) -> None:
    name, back = f"Proefapp {uuid4().hex[:8]}", f"{site.url}/offline"  # a page that answers to all: it plays the app
    app = site.program.run(
        *("client", "add", "--name", name, "--public", "--redirect-uri", back, "--launch-uri", back),
        *("--launch-release", "r4", "--scope", "launch patient/*.rs"),
    )
    who = walker(site, browser, way, WALKER)
    for decision in ("Do not allow", "Allow"):
        who.goes_to("/apps")
        who.comes_to("Open an app")
        who.press("Open", who.page.get_by_role("main").locator("li", has_text=name))
        who.page.wait_for_url(f"{back}?*")
        opened = parse_qs(urlsplit(who.page.url).query)
        assert opened["iss"] == [f"{site.url}/fhir/r4"]
        asked = {
            "response_type": "code", "client_id": app, "redirect_uri": back, "aud": opened["iss"][0], "state": "a-state",
            "scope": "launch patient/Observation.rs patient/Goal.rs", "launch": opened["launch"][0],
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
        }  # fmt: skip
        who.goes_to(f"/authorize?{urlencode(asked)}")
        who.comes_to("May %(app)s use your record?", app=name)
        if decision == "Allow":
            who.page.get_by_label(who.say("Own measurements")).set_checked(True)
        who.press(decision)
        who.page.wait_for_url(f"{back}?*")
        answer = parse_qs(urlsplit(who.page.url).query)
        assert answer["state"] == ["a-state"]
        assert ("code" in answer) == (decision == "Allow"), answer
    who.goes_to("/access")
    who.comes_to("Who may see what")
    expect(card_of(who, name)).to_contain_text(who.say("Own measurements"))
    stop(who, name)
    expect(card_of(who, name)).to_have_count(0)
    who.is_done()


@every_way
def test_a_person_takes_back_a_code_for_somebody_who_was_to_help(site: Site, browser: Browser, way: Way) -> None:
    called = f"mijn neef {uuid4().hex[:8]}"
    who = walker(site, browser, way, WALKER)
    who.goes_to("/helpers/new")
    who.comes_to("Ask someone to help")
    who.fill("Who is it?", called)
    who.tick("Medicines", "Look")
    who.press("Make a code")
    who.comes_to("Give this code to %(name)s", name=called)
    who.follow("I gave the code")
    waiting = who.page.locator("section[aria-labelledby=waiting] li", has_text=called)
    who.press("Take the code back", waiting)
    who.comes_to("People who help me")
    expect(waiting).to_have_count(0)
    who.is_done()


@every_way
def test_a_child_of_thirteen_chooses_what_a_parent_sees(site: Site, browser: Browser, way: Way) -> None:
    parent, login, _ = newcomer(site, browser, way)
    told = site.program.run("representation", "new-record", "--name", CHILD, "--by", "Balie Proefdorp")
    patient, own_login = told.split()[-1], f"fenna-{uuid4().hex[:12]}"
    of_child = ("--patient", patient, "--name", CHILD, "--by", "Balie Proefdorp")
    told = site.program.run("representation", "new-login", *of_child, "--login", own_login)
    _, password, _, phone = told.split()
    born = date.today().replace(day=1) - timedelta(days=YEARS_OF_CHILD * 366)
    site.program.run(
        "representation", "add", *of_child, "--login", login, "--as", "parent", "--birth-date", born.isoformat()
    )
    child = walker(site, browser, way, address=next(ADDRESSES))
    child.goes_to("/login?next=/helpers")
    log_in(child, own_login, password, code=code_of(parse_qs(urlsplit(phone).query)["secret"][0]))
    child.comes_to("People who help me")
    child.follow("Choose what your parent sees")
    expect(child.page.get_by_role("heading", level=1)).to_contain_text("?")
    child.tick("Own measurements", "Look")
    child.press("Yes, this is right")
    child.comes_to("People who help me")
    parent.goes_to("/helping")
    parent.comes_to("People whom I help")
    parent.press("Go to this record")
    expect(parent.page.locator(".acting")).to_contain_text(CHILD)
    child.follow("Change or stop")
    child.press("My parent sees nothing")
    child.comes_to("People who help me")
    parent.goes_to("/measurements")
    expect(parent.page.locator(".acting")).to_have_count(0)
    parent.is_done()
    child.is_done()
