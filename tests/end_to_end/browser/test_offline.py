"""Measurements without a network: they wait on the phone, are sent once, and only by whose they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Cookie, Dialog, Page, Route, expect

from tests.end_to_end.browser.places import PERSON, WALKER
from tests.end_to_end.browser.site import OFFLINE_KEPT, Site, log_in

pytestmark = pytest.mark.browser

SENDING = "**/measurements/waiting"
SENT = "Wat op deze telefoon wachtte, staat nu in uw dossier."
STORE = """const ask = (name, how) => new Promise((resolve, reject) => {
  const opening = indexedDB.open("regie", 1);
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const asked = how(opening.result.transaction(name).objectStore(name));
    asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
  };
});"""
NOTHING_WAITS = f"async () => {{ {STORE} return (await ask('entries', store => store.count())) === 0; }}"
OWNER_CHANGED = f"async whose => {{ {STORE} return (await ask('state', store => store.get('owner'))) === whose; }}"


@pytest.fixture
def phone(site: Site, browser: Browser) -> Iterator[BrowserContext]:
    """Give a phone on which the walker is logged in, with the offline form."""
    context = site.opened(browser, WALKER)
    page = context.new_page()
    page.goto("/")
    page.wait_for_function(OFFLINE_KEPT)
    page.close()
    yield context
    context.close()


def typed(phone: BrowserContext, weight: str) -> None:
    """Type a weight without a network, and leave the page."""
    phone.set_offline(True)
    page = phone.new_page()
    page.goto("/measurements")
    expect(page.get_by_role("heading", level=1)).to_have_text("Zonder internet")
    page.get_by_label("Wat wilt u opschrijven?").select_option("weight")
    page.get_by_label("Gewicht", exact=True).fill(weight)
    page.get_by_role("button", name="Op deze telefoon bewaren").dblclick()
    expect(page.get_by_role("heading", name=f"Gewicht: {weight}")).to_have_count(1)
    page.close()
    phone.set_offline(False)


def log_in_as(phone: BrowserContext, cookies: list[Cookie]) -> None:
    """Let the phone have the cookies of another browser."""
    phone.add_cookies(cookies)  # type: ignore[arg-type]  # what one gives is what the other takes


def times_kept(page: Page, weight: str) -> int:
    """Return how often a weight is in the record."""
    page.goto("/measurements/weight?period=month")
    return page.locator("td.value", has_text=weight).count()


def test_what_is_typed_without_a_network_outlives_the_page_and_is_kept_once(phone: BrowserContext) -> None:
    typed(phone, "81,25")
    page = phone.new_page()
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text(SENT)
    assert times_kept(page, "81,25") == 1


def test_a_phone_that_dies_before_it_hears_the_answer_sends_again_and_it_is_kept_once(phone: BrowserContext) -> None:
    typed(phone, "82,25")
    page = phone.new_page()

    def answer_is_lost(route: Route) -> None:
        assert route.fetch().ok
        route.abort()

    page.route(SENDING, answer_is_lost)
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text("Wat nog op deze telefoon wacht: 1.")
    page.close()
    page = phone.new_page()
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text(SENT)
    assert times_kept(page, "82,25") == 1


def test_two_tabs_that_send_at_the_same_time_keep_it_once(phone: BrowserContext) -> None:
    typed(phone, "83,25")
    pages = [phone.new_page(), phone.new_page()]
    for page in pages:
        page.goto("/menu", wait_until="commit")
    for page in pages:
        page.wait_for_function(NOTHING_WAITS)
    assert times_kept(pages[0], "83,25") == 1


def test_another_person_on_the_phone_neither_sees_nor_sends_it(
    site: Site, browser: Browser, phone: BrowserContext
) -> None:
    typed(phone, "84,25")
    own = phone.cookies()
    other = site.opened(browser, PERSON)
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.clear_cookies()
    log_in_as(phone, other.cookies())
    other.close()
    page = phone.new_page()
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert (
        page.get_by_text("op deze telefoon").count() == 0 or not page.get_by_text("op deze telefoon").first.is_visible()
    )
    page.goto("/offline")
    expect(page.get_by_role("button", name="Op deze telefoon bewaren")).to_be_visible()
    assert not page.get_by_text("84,25").count()
    assert not [url for url in asked if url.endswith("/measurements/waiting")]
    phone.clear_cookies()
    log_in_as(phone, own)
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text(SENT)
    assert times_kept(page, "84,25") == 1


def test_what_is_taken_away_in_another_tab_while_it_is_sent_does_not_come_back(phone: BrowserContext) -> None:
    typed(phone, "89,25")
    other, page, held = phone.new_page(), phone.new_page(), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    other.goto("/offline")
    other.on("dialog", lambda dialog: dialog.accept())
    page.route(SENDING, hold)
    with page.expect_request(SENDING):
        page.goto("/")
    other.get_by_role("listitem").filter(has_text="89,25").get_by_role("button").click()
    expect(other.get_by_text("89,25")).to_have_count(0)
    held[0].fulfill(status=422, json={"problems": ["Dit kan niet kloppen."]})
    page.evaluate("navigator.locks.request('sync', () => {})")  # what is sent has its answer
    assert page.evaluate(NOTHING_WAITS)


@pytest.mark.parametrize("status", [200, 422])
def test_an_answer_that_does_not_say_that_it_is_kept_leaves_it_waiting(phone: BrowserContext, status: int) -> None:
    weight = f"86,{status}"[:5]
    typed(phone, weight)
    page = phone.new_page()
    page.route(SENDING, lambda route: route.fulfill(status=status, content_type="text/html", body="<p>Onderhoud"))
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text("Wat nog op deze telefoon wacht: 1.")
    page.unroute(SENDING)
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text(SENT)
    assert times_kept(page, weight) == 1


@pytest.mark.parametrize("status", [400, 403])
def test_what_the_record_does_not_take_holds_up_nothing_behind_it_and_says_so(
    phone: BrowserContext, status: int
) -> None:
    refused, taken = f"87,{status % 100 + 10}", f"88,{status % 100 + 10}"
    for weight in (refused, taken):
        typed(phone, weight)
    page = phone.new_page()

    def answer(route: Route) -> None:
        is_first = refused.replace(",", "%2C") in (route.request.post_data or "")
        if is_first:
            route.fulfill(status=status, content_type="text/html", body="<p>Nee")
        else:
            route.continue_()

    page.route(SENDING, answer)
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text("Wat nog op deze telefoon wacht: 1.")
    page.get_by_role("status").get_by_role("link", name="Kijken").click()
    line = page.get_by_role("main").locator("li", has_text=refused)
    expect(line).to_contain_text("Dit kon niet worden bewaard.")
    expect(page.get_by_role("main").locator("li", has_text=taken)).to_have_count(0)
    assert times_kept(page, taken) == 1
    expect(page.get_by_role("status")).to_contain_text("Wat nog op deze telefoon wacht: 1.")  # this page tried too
    page.unroute(SENDING)
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text(SENT)
    assert (times_kept(page, refused), times_kept(page, taken)) == (1, 1)


def test_what_is_refused_once_the_network_is_back_says_so_on_an_open_page_too(phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto("/")
    page.route(SENDING, lambda route: route.fulfill(status=403, content_type="text/html", body="<p>Nee"))
    typed(phone, "89,75")
    expect(page.get_by_role("status")).to_contain_text("Wat nog op deze telefoon wacht: 1.")
    page.get_by_role("status").get_by_role("link", name="Kijken").click()
    expect(page.get_by_role("main").locator("li", has_text="89,75")).to_contain_text("Dit kon niet worden bewaard.")


@pytest.mark.parametrize(
    "answer", ["{ throw new DOMException('no room', 'QuotaExceededError'); }", "({})"], ids=["has no room", "is silent"]
)
def test_a_browser_that_does_not_say_what_waits_logs_out_and_nothing_in_it_is_thrown_away(
    site: Site, browser: Browser, answer: str
) -> None:
    context = site.opened(browser, WALKER)
    context.add_init_script(f"indexedDB.open = () => {answer};")
    page = context.new_page()
    sent: list[str] = []

    def take(route: Route) -> None:  # the login is needed after this
        sent.append(route.request.post_data or "")
        route.fulfill(body="sent")

    page.route("**/logout", take)
    page.goto("/menu")
    page.get_by_role("main").get_by_role("button", name="Uitloggen").click()
    page.wait_for_url("**/logout")
    assert "waiting=unknown" in sent[0]
    context.close()


def test_logging_out_asks_and_leaves_it_waiting_for_its_person(site: Site, browser: Browser) -> None:
    phone = site.opened(browser, "nobody")
    page = phone.new_page()
    log_in(page, site.demo["people"][1])
    page.wait_for_function(OFFLINE_KEPT)
    page.route(SENDING, lambda route: route.abort())
    typed(phone, "85,25")
    page.goto("/menu")
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    page.get_by_role("main").get_by_role("button", name="Uitloggen").click()
    page.wait_for_url(f"{site.url}/")
    assert "wacht: 1." in asked[0]
    page.goto("/offline")
    expect(page.get_by_text("Log eerst in als u internet heeft.")).to_be_visible()
    assert not page.get_by_text("85,25").count()
    page.unroute(SENDING)
    again = site.opened(browser, WALKER)
    log_in_as(phone, again.cookies())
    again.close()
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text(SENT)
    assert times_kept(page, "85,25") == 1
    phone.close()


def test_logging_out_sends_what_waits_and_leaves_nothing_on_the_phone(site: Site, browser: Browser) -> None:
    phone = site.opened(browser, "nobody")
    page = phone.new_page()
    log_in(page, site.demo["people"][1])
    page.wait_for_function(OFFLINE_KEPT)
    page.goto("/menu")
    typed(phone, "87,25")  # a page that stands open does not know of it
    page.get_by_role("main").get_by_role("button", name="Uitloggen").click()
    page.wait_for_url(f"{site.url}/")
    assert page.evaluate("async () => (await indexedDB.databases()).length") == 0
    again = site.opened(browser, WALKER)
    assert times_kept(again.new_page(), "87,25") == 1
    again.close()
    phone.close()


def test_it_is_said_that_who_can_open_the_phone_can_read_what_waits(phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto("/offline")
    expect(page.get_by_text("Wie deze telefoon open kan maken, kan het lezen.")).to_be_visible()


def test_steps_have_a_day_and_no_time_without_a_network_too(phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto("/offline")
    page.get_by_label("Wat wilt u opschrijven?").select_option("steps")
    expect(page.get_by_label("Dag")).to_be_visible()
    expect(page.get_by_label("Tijd")).to_be_hidden()


def test_the_offline_form_has_the_clock_of_the_record_on_a_phone_far_away(site: Site, browser: Browser) -> None:
    phone = site.opened(browser, WALKER, timezone_id="Asia/Tokyo")
    page = phone.new_page()
    page.goto("/measurements/add/weight")
    here = datetime.fromisoformat(f"{page.get_by_label('Dag').input_value()}T{page.get_by_label('Tijd').input_value()}")
    page.wait_for_function(OFFLINE_KEPT)
    page.goto("/offline")
    there = datetime.fromisoformat(
        f"{page.get_by_label('Dag').input_value()}T{page.get_by_label('Tijd').input_value()}"
    )
    assert timedelta() <= there - here < timedelta(minutes=5)
    phone.close()


@pytest.mark.parametrize(
    ("kind", "typed", "answer"),
    [
        ("blood-pressure", {"upper": "80", "lower": "120"}, "Heeft u ze omgewisseld?"),
        ("oxygen-saturation", {"value": "95,25"}, "Dit kan niet kloppen."),
        ("steps", {"value": "10.000"}, "Het wacht nu op deze telefoon."),
        ("steps", {"value": "10.00"}, "Dit kan niet kloppen."),
        ("weight", {"value": "900"}, "Dit kan niet kloppen."),
    ],
)
def test_the_offline_form_reads_numbers_as_the_record_does(
    phone: BrowserContext, kind: str, typed: dict[str, str], answer: str
) -> None:
    page = phone.new_page()
    page.goto("/offline")
    page.get_by_label("Wat wilt u opschrijven?").select_option(kind)
    for name, text in typed.items():
        page.locator(f"fieldset[data-kind={kind}] [name={name}]").fill(text)
    page.get_by_role("button", name="Op deze telefoon bewaren").click()
    expect(page.get_by_role("status")).to_contain_text(answer)


def test_a_choice_for_dark_pages_reaches_the_offline_form(site: Site, phone: BrowserContext) -> None:
    phone.add_cookies([{"name": "display", "value": "dark", "url": site.url}])
    page = phone.new_page()
    page.goto("/menu")
    page.wait_for_function("""async () => {
      for (const name of await caches.keys()) {
        const form = await (await caches.open(name)).match("/offline", { ignoreVary: true });
        if (form && (await form.text()).includes('name="color-scheme" content="dark"')) return true;
      }
      return false;
    }""")
