"""Forms on a slow network: the button says so, what is pressed twice goes out once, and the way back is as it was."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.end_to_end.browser.places import NOBODY
from tests.end_to_end.browser.site import Site, log_in

pytestmark = pytest.mark.browser


KEEP, WAIT = "Bewaren", "Even wachten …"
WATCH = """keep => {
  const button = [...document.querySelectorAll("main button")].find(one => one.textContent === keep);
  const width = button.offsetWidth;
  new MutationObserver(() => {
    sessionStorage.setItem("said", button.textContent);
    sessionStorage.setItem("shrank", button.offsetWidth < width);
    button.click();
  }).observe(button, { childList: true });
}"""
"""Writes down what the button says, and presses it once more then; while a page is on its way no test can look at it."""


def test_a_button_says_that_it_is_sending_and_sends_once(site: Site, browser: Browser) -> None:
    context = site.opened(browser, NOBODY)
    page = context.new_page()
    log_in(page, site.demo["people"][2])  # whom no other test logs in: what it keeps stays with the account
    held: list[Route] = []
    page.route("**/settings", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    site.go(page, "/settings")
    page.evaluate(WATCH, KEEP)
    with page.expect_request("**/settings"):
        page.get_by_role("button", name=KEEP, exact=True).click(no_wait_after=True)
    page.wait_for_timeout(1000)  # in which a second one would come
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_url("**/settings?done=kept")
    assert len(held) == 1
    assert page.evaluate("[sessionStorage.said, sessionStorage.shrank]") == [WAIT, "false"]
    page.go_back()
    expect(page.get_by_role("button", name=KEEP, exact=True)).to_be_visible()
    context.close()
