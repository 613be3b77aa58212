"""The pages and the other routes beside FHIR: what is open to all, and that one person never sees another's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route

from app.access.categories import ALL_PARTS
from app.access.smart_scope import LOOK
from app.consent import grants
from app.fhir.release import Release
from app.web.head import BEGINS
from tests.end_to_end.browser.places import BESIDE, PLACES
from tests.support.world import World, never_made, world_in

PUBLIC = {
    "GET /.well-known/oauth-authorization-server": "discovery",
    "GET /.well-known/openid-configuration": "discovery",
    "GET /.well-known/smart-configuration": "discovery",
    "GET /jwks": "public keys",
    "GET /.well-known/regie-audit-keys": "public keys",
    "GET /health/live": "operations",
    "GET /health/ready": "operations",
    "GET /metrics": "operations",
    "GET /openapi.json": "describes the OAuth endpoints",
    "GET /static": "style and pictures",
    "GET /offline": "an empty form, the same for all",
    "GET /worker.js": "a program, the same for all",
    "GET /manifest.webmanifest": "style and pictures",
    "GET /login": "where a session begins",
    "POST /login": "where a session begins",
    "GET /login/code": "the second step, which needs the first",
    "POST /login/code": "the second step, which needs the first",
    "GET /login/forgotten": "asks for a mail",
    "POST /login/forgotten": "asks for a mail",
    "GET /login/reset": "needs the secret of a link that was mailed",
    "POST /login/reset": "needs the secret of a link that was mailed, and a second factor",
    "GET /sign-up": "where an account begins",
    "POST /sign-up": "where an account begins",
    "POST /sign-up/code": "the second step, which needs the first",
    "GET /practice/join": "needs the secret of an invitation",
    "POST /practice/join": "needs the secret of an invitation",
    "POST /practice/join/code": "the second step, which needs the first",
    "POST /language": "a choice of the browser, about nobody",
    "POST /token": "asks for its own proof",
    "POST /revoke": "asks for its own proof",
    "POST /introspect": "asks for its own proof",
    "POST /par": "asks for its own proof",
    "POST /register": "asks for an invitation",
    "GET /register/{client_id}": "asks for the token of that registration",
    "PUT /register/{client_id}": "asks for the token of that registration",
    "DELETE /register/{client_id}": "asks for the token of that registration",
    "GET /userinfo": "asks for a token",
    "POST /userinfo": "asks for a token",
}
"""What answers without a session, and why it may."""

WITHOUT_A_PERSON = frozenset({"GET /", "POST /logout", "GET /authorize", "POST /authorize"})
"""Pages that say something to somebody who isn't signed in, too: a welcome, or that an app asked wrongly."""


def routes_of(application: FastAPI) -> Iterator[str]:
    """Yield ``METHOD /path`` of every route beside FHIR; what is mounted answers to GET."""
    for route in application.routes:
        if isinstance(route, Mount):
            yield f"GET {route.path}"
        else:
            assert isinstance(route, Route)
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield f"{method} {route.path}"


def filled(route: str, world: World) -> tuple[str, str]:
    """Return method and URL of a route, with Zonnestraal's ids where it takes any."""
    method, path = route.split(" ")
    grant = world.made.grants["granted of zonnestraal"].grant_id
    values = {"grant_id": grant, "request_id": never_made(), "key": "weight", "number": "1", "release": "stu3"}
    values["resource_id"] = world.zonnestraal.ids[Release.STU3, "weight"]
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return method, path


async def session(world: World, who: str) -> httpx.AsyncClient:
    """Return a browser in which somebody is signed in."""
    transport = httpx.ASGITransport(app=world.application)
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000", cookies={"regie-session": world.made.cookies[who]}
    )


async def form_token(browser: httpx.AsyncClient) -> str:
    """Return the token of the forms of a session."""
    page = (await browser.get("/access/new")).text
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


async def test_every_route_is_open_for_a_reason_or_needs_a_session(world: World) -> None:
    routes = list(routes_of(world.application.pages))
    assert len(routes) > 20
    assert set(PUBLIC) | WITHOUT_A_PERSON <= set(routes)
    for route in routes:
        if route in PUBLIC or route in WITHOUT_A_PERSON:
            continue
        method, url = filled(route, world)
        answer = await world.http.request(method, url)
        assert answer.status_code == 303, route
        assert answer.headers["location"].startswith("/login?next="), route
        assert answer.content == b"", route


async def test_every_page_is_looked_at_in_a_browser(world: World) -> None:
    shown = [path.split("?")[0] for paths in PLACES.values() for path in paths]
    for route in routes_of(world.application.pages):
        method, path = route.split(" ")
        is_page = method == "GET" and (route not in PUBLIC or path.startswith(("/login", "/sign-up", "/practice")))
        if is_page and path not in BESIDE:
            like = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
            assert any(like.fullmatch(one) for one in shown), (
                f"{path} needs a line in tests/end_to_end/browser/places.py"
            )


@pytest.mark.parametrize("route", sorted(WITHOUT_A_PERSON))
async def test_what_answers_without_a_person_shows_none(world: World, route: str) -> None:
    method, url = filled(route, world)
    answer = await world.http.request(method, url)
    assert answer.status_code in (200, 303, 400, 403), answer.text
    for person in world.made.people.values():
        assert person.family not in answer.text


@pytest.mark.parametrize("cookie", ["", "nonsense", "half"])
async def test_half_a_session_is_none(world: World, cookie: str) -> None:
    from app.identity import sessions

    if cookie == "half":
        now = world.parts.clock()
        account = await world.parts.accounts.by_login(world.parts.database.reader, "zonnestraal")
        assert account is not None
        cookie = await world.parts.database.write(
            lambda transaction: sessions.begin_half(transaction, account.account_id, now)
        )
    answer = await world.http.get("/measurements", headers={"cookie": f"regie-session={cookie}"})
    assert answer.status_code == 303


async def test_no_page_shows_anything_of_another_person(world: World) -> None:
    him = world.zonnestraal
    secrets = [him.family, him.bsn, *(him.marker(thing) for _, thing in him.ids)]
    secrets += [grant.grant_id for name, grant in world.made.grants.items() if name.endswith("of zonnestraal")]
    secrets += [resource_id for (_, thing), resource_id in him.ids.items() if thing != "chosen"]
    async with await session(world, "maanlicht") as browser:
        token = await form_token(browser)
        for route in routes_of(world.application.pages):
            method, url = filled(route, world)
            if method == "POST":
                answer = await browser.post(url, data={"csrf_token": token})
            else:
                answer = await browser.get(url)
            assert answer.status_code < 500, route
            found = [secret for secret in secrets if secret in answer.text]
            assert found == [], route
            if route in ("POST /logout", "POST /login", "POST /login/code"):
                browser.cookies = httpx.Cookies({"regie-session": world.made.cookies["maanlicht"]})
    assert await grants_of(world) == before_grants(world)


def before_grants(world: World) -> set[str]:
    """Return the ids of Zonnestraal's grants that stand."""
    return {
        grant.grant_id
        for name, grant in world.made.grants.items()
        if name.endswith("of zonnestraal") and not name.startswith("withdrawn")
    }


async def grants_of(world: World) -> set[str]:
    """Return the ids of Zonnestraal's grants that are not withdrawn now."""
    found = await grants.of_record(world.parts.database.reader, world.zonnestraal.record_id)
    return {grant.grant_id for grant in found if grant.withdrawn_at is None}


async def test_head_of_every_page_is_get_without_the_body(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        for route in routes_of(world.application.pages):
            method, url = filled(route, world)
            if method != "GET" or url.startswith(BEGINS) or url == "/static":
                continue
            head, whole = await browser.head(url), await browser.get(url)
            assert (head.status_code, head.content) == (whole.status_code, b""), route
            for name in ("content-type", "content-security-policy", "location"):
                assert name not in whole.headers or name in head.headers, (route, name)
        style = await browser.head("/static/regie.css")
        assert (style.status_code, style.content) == (200, b"")
        for url, status in (
            ("/nothing", 404), ("/logout", 405), ("/access/nobody/withdraw", 404), ("/authorize", 405),
        ):  # fmt: skip
            answer = await browser.head(url)
            assert (answer.status_code, answer.content) == (status, b"")
    assert (await world.http.head("/measurements")).status_code == 303


async def test_head_neither_begins_nor_ends_a_login_with_another_party(tmp_path: Path) -> None:
    other = {"key": "makelaar", "name": "Makelaar-Test", "issuer": "http://127.0.0.1:1", "client_id": "regie"}
    settings = json.dumps([{**other, "client_secret": "not-asked-here", "levels": {"high": "high"}}])
    async with world_in(tmp_path, openid_providers=settings) as world:
        await world.http.get("/login")
        for url in ("/login/with/makelaar", "/login/from/makelaar?code=of-a-login&state=of-a-login"):
            assert (await world.http.head(url)).status_code == 405
        assert (await world.http.get("/login/from/makelaar?code=of-a-login&state=of-a-login")).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_grant_of_another_is_like_one_that_was_never_given(world: World, method: str) -> None:
    async with await session(world, "maanlicht") as browser:
        token = await form_token(browser)
        answers = []
        for grant_id in (world.made.grants["granted of zonnestraal"].grant_id, "abcdefghijklmnopqrstuvwx"):
            url = f"/access/{grant_id}/withdraw"
            answer = await browser.request(method, url, data={"csrf_token": token} if method == "POST" else None)
            text = answer.text.replace(grant_id, "GRANT").replace(answer.headers["x-request-id"], "REQUEST")
            answers.append((answer.status_code, text))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert await grants_of(world) == before_grants(world)


async def test_a_form_of_another_session_changes_nothing(world: World) -> None:
    grant_id = world.made.grants["granted of zonnestraal"].grant_id
    async with await session(world, "maanlicht") as browser:
        foreign = await form_token(browser)
    async with await session(world, "zonnestraal") as browser:
        for data in ({}, {"csrf_token": ""}, {"csrf_token": foreign}, {"csrf_token": "0" * 64}):
            answer = await browser.post(f"/access/{grant_id}/withdraw", data=data)
            assert answer.status_code == 403, data
    assert await grants_of(world) == before_grants(world)


OF_PROGRAMS = ("asks for its own proof", "asks for an invitation", "asks for a token")
ENDS_OR_ASKS_MORE = ("/language", "/logout", "/authorize", "/measurements/waiting")
"""Forms that change the browser only, end the session, or ask for more than the token."""


@pytest.mark.parametrize(("who", "is_at_work"), [("zonnestraal", False), ("gp of no grant", True)])
async def test_every_form_needs_the_token_of_its_own_session(world: World, who: str, *, is_at_work: bool) -> None:
    async with await session(world, who) as browser, await session(world, "maanlicht") as another:
        own = (await browser.get("/menu")).text.partition('name="csrf_token" value="')[2].partition('"')[0]
        foreign = await form_token(another)
        for route in sorted(routes_of(world.application.pages)):
            method, _, url = route.partition(" ")  # with the names of ids in it, which are ids of nobody
            is_form = method == "POST" and PUBLIC.get(route) not in OF_PROGRAMS
            if not is_form or url in ENDS_OR_ASKS_MORE or url.startswith("/practice") is not is_at_work:
                continue
            answers = [await browser.post(url, data={"csrf_token": token}) for token in ("", foreign, own)]
            assert [one.status_code == 403 for one in answers] == [True, True, False], route
        assert (await browser.post("/logout", data={"csrf_token": foreign})).status_code == 403
        assert (await browser.get("/menu")).status_code == 200


async def test_what_a_person_withdraws_in_the_browser_is_closed_at_the_next_request(world: World) -> None:
    grant_id = world.made.grants["granted of zonnestraal"].grant_id
    practice, url = world.caller("granted"), world.zonnestraal.url("weight")
    assert (await practice("GET", url)).status_code == 200
    async with await session(world, "zonnestraal") as browser:
        answer = await browser.post(f"/access/{grant_id}/withdraw", data={"csrf_token": await form_token(browser)})
        assert answer.status_code == 303
        assert (await practice("GET", url)).status_code == 403
        assert "Praktijk Granted-Test" in (await browser.get("/activity")).text


async def test_what_a_person_changes_in_the_browser_holds_at_the_next_request(world: World) -> None:
    grant, him = world.made.grants["granted of zonnestraal"], world.zonnestraal
    practice = world.caller("granted")
    assert (await practice("GET", him.url("weight"))).status_code == 200
    async with await session(world, "zonnestraal") as browser:
        shown = await browser.get(f"/access/{grant.grant_id}/change")
        assert shown.text.count("checked") == 8  # three parts, what they may do (3), what for and until when
        form = {"csrf_token": await form_token(browser), "category": "gp-summary", "period": "as-it-is", "version": "1"}
        form["action"] = "look"
        empty = await browser.post(f"/access/{grant.grant_id}/change", data=form | {"category": "sensitive"})
        assert empty.status_code == 422
        answer = await browser.post(f"/access/{grant.grant_id}/change", data=form | {"purpose": "coordination"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/access?done=changed")
    assert (await practice("GET", him.url("weight"))).status_code == 404
    assert (await practice("GET", him.url("condition"))).status_code == 200
    changed = await grants.one(world.parts.database.reader, him.record_id, grant.grant_id)
    assert changed is not None
    assert (changed.actions, changed.until, changed.purpose) == (LOOK, grant.until, "coordination")


async def test_a_changed_app_goes_on_with_what_is_left(world: World) -> None:
    grant, him = world.made.grants["app of zonnestraal"], world.zonnestraal
    app = world.caller("app of zonnestraal")
    async with await session(world, "zonnestraal") as browser:
        form = {
            "csrf_token": await form_token(browser),
            "category": "own-measurements",
            "period": "3-months",
            "version": "1",
        }
        form["action"] = "look"
        answer = await browser.post(f"/access/{grant.grant_id}/change", data=form)
        assert answer.status_code == 303, answer.text
    assert (await app("GET", him.url("weight"))).status_code == 200
    assert (await app("DELETE", him.url("weight"))).status_code == 403


async def test_a_person_sees_what_a_practice_sees_now_and_saw_before(world: World) -> None:
    grant = world.made.grants["granted of zonnestraal"]
    async with await session(world, "zonnestraal") as browser:
        shown = (await browser.get(f"/access/{grant.grant_id}/seen", headers={"accept-language": "en"})).text
        assert shown.count("<strong>4</strong>") == 1  # two measurements in each release
        assert shown.count("<strong>2</strong>") == 2  # problems, and personal details
        assert "is not among it" in shown
        before = await browser.get(
            f"/access/{grant.grant_id}/seen?at=2020-01-01T10:00", headers={"accept-language": "en"}
        )
        assert "had no access" in before.text
        for wrong in ("2099-01-01T10:00", "yesterday"):
            assert (await browser.get(f"/access/{grant.grant_id}/seen?at={wrong}")).status_code == 422
        assert (
            await browser.get(f"/access/{world.made.grants['app of zonnestraal'].grant_id}/seen")
        ).status_code == 404
    async with await session(world, "maanlicht") as browser:
        assert (await browser.get(f"/access/{grant.grant_id}/seen")).status_code == 404


async def test_a_practice_is_found_by_its_name_or_place(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        found = (await browser.get("/access/new?q=granted-TEST")).text
        assert "Praktijk Granted-Test" in found
        assert "Praktijk Both-Test" not in found
        assert "Praktijk" not in (await browser.get("/access/new?q=nergens")).text.partition('<form method="get"')[2]


async def test_what_a_person_withdraws_from_an_app_ends_its_token(world: World) -> None:
    grant = world.made.grants["app of zonnestraal"]
    app, url = world.caller("app of zonnestraal"), world.zonnestraal.url("weight")
    assert (await app("GET", url)).status_code == 200
    async with await session(world, "zonnestraal") as browser:
        await browser.post(f"/access/{grant.grant_id}/withdraw", data={"csrf_token": await form_token(browser)})
    assert (await app("GET", url)).status_code in (401, 403)
    assert (await world.caller("app of maanlicht")("GET", world.maanlicht.url("weight"))).status_code == 200


async def test_what_a_person_gives_in_the_browser_is_open_at_the_next_request(world: World) -> None:
    practice, him = world.caller("no grant"), world.zonnestraal
    async with await session(world, "zonnestraal") as browser:
        form = {
            "csrf_token": await form_token(browser),
            "practice": world.made.practices["no grant"],
            "category": "own-measurements",
            "period": "1-year",
            "action": "look",
        }
        answer = await browser.post("/access/new", data=form)
        assert answer.status_code == 303, answer.text
    assert (await practice("GET", him.url("weight"))).status_code == 200
    assert (await practice("GET", him.url("condition"))).status_code == 404
    assert (await practice("PUT", him.url("weight"), {"resourceType": "Observation"})).status_code != 200
    refused = await practice("GET", f"/Observation?patient={world.maanlicht.patients[Release.R4]}")
    nobody = await practice("GET", f"/Observation?patient={never_made()}")
    assert (refused.status_code, refused.text) == (403, nobody.text)
    found = await grants.of_practice(world.parts.database.reader, world.made.practices["no grant"], world.parts.clock())
    assert [grant.categories & ~ALL_PARTS for grant in found] == [0]
