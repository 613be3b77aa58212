"""SMART's client for pages, the npm package `fhirclient`, in pages of another origin: those of docs/connect-app.md."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.decider import MEASUREMENTS, PERSONAL_DETAILS, Decider, allowing, denying
from tests.support.running import Program

pytestmark = pytest.mark.browser

WEIGHT = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "effectiveDateTime": "2026-03-01T08:00:00+01:00",
    "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}


class App:
    """The two pages of the app in one tab."""

    def __init__(self, page: Page, pages: str) -> None:
        self.page = page
        self.pages = pages

    def decided(self, decide: Callable[[Page], None]) -> str:
        """Return what the app shows after the server's page was answered."""
        self.page.wait_for_url("**/authorize?**")
        decide(self.page)
        self.page.wait_for_url(f"{self.pages}/index.html?**")
        shown = self.page.locator("#shown", has_not_text="…")
        shown.wait_for()
        return shown.inner_text()

    def done(self, code: str, given: Any = None) -> Any:
        """Return what a function of the client makes of what is given, or what it fails with."""
        program = f"given => FHIR.oauth2.ready().then(client => ({code})(client, given)).catch(error => error.message)"
        return self.page.evaluate(program, given)


@pytest.fixture
def app(sterre: Decider, app_pages: str) -> Iterator[App]:
    """Give the app in a tab of its own, with what it keeps there."""
    page = sterre.context.new_page()
    yield App(page, app_pages)
    page.close()


ALL = allowing(MEASUREMENTS, PERSONAL_DETAILS)


@pytest.mark.parametrize("release", ["stu3", "r4"])
def test_it_reads_and_writes_from_another_origin(app: App, program: Program, release: str) -> None:
    base = f"{program.url}/fhir/{release}"
    app.page.goto(f"{app.pages}/launch.html?iss={base}")
    assert "Zonnestraal-Testpersoon" in app.decided(ALL)
    person = app.done("client => client.user.read().then(person => person.id)")
    assert (
        app.done("client => client.getFhirUser()") == f"Patient/{person}" == f"Patient/{app.done('c => c.patient.id')}"
    )
    assert app.done("client => client.getIdToken().iss") == program.url
    subject = {"reference": f"Patient/{person}"}
    made = app.done("(client, weight) => client.create(weight)", {**WEIGHT, "subject": subject, "performer": [subject]})
    changed = {**made, "status": "amended"}
    assert app.done("(client, weight) => client.update(weight)", changed)["meta"]["versionId"] == "2"
    patch = [{"op": "replace", "path": "/valueQuantity/value", "value": 72}]
    url = f"Observation/{made['id']}"
    patched = app.done("(client, [url, patch]) => client.patch(url, patch)", [url, patch])
    assert (patched["status"], patched["valueQuantity"]["value"]) == ("amended", 72)
    assert app.done("(client, url) => client.delete(url).then(() => client.request(url))", url).startswith("410")


def test_it_is_opened_from_the_portal(sterre: Decider, app_pages: str) -> None:
    page = sterre.open_app("My library app")
    app = App(page, app_pages)
    assert "Zonnestraal-Testpersoon" in app.decided(ALL)
    assert "launch" in app.done("client => client.state.tokenResponse.scope").split()
    page.close()


def test_it_refreshes_without_its_client_id_before_its_token_is_over(app: App, program: Program) -> None:
    app.page.goto(f"{app.pages}/launch.html")
    app.decided(ALL)
    first = app.done("client => client.state.tokenResponse.refresh_token")
    with app.page.expect_request(f"{program.url}/token") as asked:
        total = app.done(
            "client => { client.state.expiresAt = 1; return client.request('Observation?_summary=count'); }"
        )
    assert total["total"] > 100
    assert "client_id" not in str(asked.value.post_data)
    assert app.done("client => client.state.tokenResponse.refresh_token") not in (None, first)


def test_it_says_that_the_person_did_not_allow_it(app: App) -> None:
    app.page.goto(f"{app.pages}/launch.html")
    assert app.decided(denying) == "access_denied: The person did not allow this."


def test_it_reads_why_something_is_refused(app: App) -> None:
    app.page.goto(f"{app.pages}/launch.html")
    app.decided(allowing(MEASUREMENTS, PERSONAL_DETAILS, change=False))
    assert "patient/Observation.rs" in app.done("client => client.state.tokenResponse.scope").split()
    person = {"reference": f"Patient/{app.done('client => client.patient.id')}"}
    refusal = app.done("(client, weight) => client.create(weight)", {**WEIGHT, "subject": person})
    assert refusal.startswith("403")
    assert "token" in refusal


def test_its_tokens_are_given_back_from_the_page(app: App, program: Program, library_app: str) -> None:
    app.page.goto(f"{app.pages}/launch.html")
    app.decided(ALL)
    given_back = """(client, [url, client_id]) => fetch(url, {
        method: "POST", body: new URLSearchParams({ token: client.state.tokenResponse.refresh_token, client_id }),
    }).then(answer => answer.status)"""
    assert app.done(given_back, [f"{program.url}/revoke", library_app]) == 200
    assert "Session expired" in app.done("client => client.request('Observation')")
