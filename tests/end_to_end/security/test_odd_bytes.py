"""Odd bytes in each parameter of each endpoint that takes a form: no fault of ours, nothing sent back that acts, no way elsewhere."""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.support.world import World

MARK = "zq7\"'><script>alert(1)</script>"
REDIRECT = "https://app.example/done"
VALUES = {
    "nothing": "",
    "a script": quote(MARK),
    "no text": "%ff%fe%00",
    "half a character": "%ED%A0%80",
    "a new line": "x%0d%0aSet-Cookie:%20zq7=1%0d%0a%0d%0a<script>zq7</script>",
    "a null": "a%00b",
    "a quote": "%27%20OR%201=1%20--",
    "a way up": "..%2f..%2f..%2fetc%2fpasswd",
    "elsewhere": "https%3A%2F%2Fevil.example%2F%2F%5C%5C",
    "a program": "javascript%3Aalert(1)",
    "right to left": "%E2%80%AE%F0%9F%92%A9",
    "long": "z" * 20_000,
    "a template": "%7B%7B7*7%7D%7D%24%7B7*7%7D%25s%25n",
}
ASKING = {
    "response_type": "code", "client_id": "{app}", "redirect_uri": quote(REDIRECT, safe=""), "scope": "patient/Observation.rs",
    "state": "a", "aud": quote("http://127.0.0.1:8000/fhir/r4", safe=""), "code_challenge": "a" * 43, "code_challenge_method": "S256",
    "nonce": "a", "launch": "a", "prompt": "login", "response_mode": "query", "max_age": "1", "login_hint": "a", "request": "a",
    "request_uri": "a", "dpop_jkt": "a" * 43, "resource": "a", "ui_locales": "nl", "claims": "a", "authorization_details": "a",
}  # fmt: skip
FORMS: dict[str, dict[str, str]] = {
    "GET /authorize": ASKING,
    "POST /authorize": {**ASKING, "decision": "allow", "category": "own-measurements", "look": "yes", "period": "1-year", "csrf_token": "a"},
    "POST /par": ASKING,
    "POST /token": {
        "grant_type": "authorization_code", "code": "a", "redirect_uri": quote(REDIRECT, safe=""), "client_id": "{app}", "code_verifier": "a" * 43,
        "refresh_token": "a", "scope": "patient/Observation.rs", "client_assertion": "a.b.c", "client_secret": "a", "resource": "a",
        "client_assertion_type": quote("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", safe=""), "username": "a", "password": "a",
    },
    "POST /revoke": {"token": "a", "token_type_hint": "access_token", "client_id": "{app}"},
    "POST /introspect": {"token": "a", "token_type_hint": "access_token", "client_id": "{app}", "client_assertion": "a.b.c"},
    "POST /register": {"client_name": "a"},
    "POST /login": {"login": "zonnestraal", "next": "%2F", "csrf_token": "a"},
    "GET /login": {"next": "%2F", "problem": "a"},
    "POST /login/code": {"code": "123456", "next": "%2F", "csrf_token": "a"},
    "POST /login/forgotten": {"login": "zonnestraal", "csrf_token": "a"},
    "GET /login/reset": {"token": "a"},
    "POST /login/reset": {"token": "a", "password": "a", "code": "1", "csrf_token": "a"},
    "POST /language": {"language": "nl", "next": "%2F"},
    "POST /sign-up": {"login": "a", "name": "a", "csrf_token": "a"},
}  # fmt: skip
HEADERS = (
    "host",
    "authorization",
    "dpop",
    "cookie",
    "accept-language",
    "accept",
    "x-request-id",
    "x-forwarded-for",
    "origin",
    "referer",
)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def of_form(world: World, form: dict[str, str]) -> dict[str, str]:
    """Return a form with the id of the app."""
    return {name: value.replace("{app}", world.made.clients["app"]) for name, value in form.items()}


async def sent(world: World, endpoint: str, encoded: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return the answer to a form whose parameters are encoded already."""
    method, path = endpoint.split(" ")
    if method == "GET":
        return await world.http.request(
            method, httpx.URL(f"{path}?").copy_with(query=encoded.encode()), headers=headers
        )
    if path == "/authorize":
        path = f"/authorize?{encoded}"
    return await world.http.request(method, path, content=encoded.encode(), headers={**FORM, **(headers or {})})


def unsafe(answer: httpx.Response) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    if answer.status_code >= 500:
        yield "a fault of ours"
    if MARK in answer.text or "<script>zq7" in answer.text:
        yield "a script that was sent comes back"
    if answer.headers.get("content-type", "").startswith("application/json") and "zq7" in answer.text:
        yield "what was sent comes back"
    if any("zq7=" in cookie for cookie in answer.headers.get_list("set-cookie")):
        yield "a header was made"
    location = urlsplit(answer.headers.get("location", ""))
    if location.netloc not in ("", "127.0.0.1:8000", "app.example") or location.scheme not in ("", "http", "https"):
        yield "it leads elsewhere"
    if location.netloc == "app.example" and location.path != "/done":
        yield "it leads to another place of the app"


@pytest.mark.parametrize("endpoint", FORMS)
async def test_odd_bytes_in_a_parameter_are_no_fault_of_ours_and_do_not_act(world: World, endpoint: str) -> None:
    form, found = of_form(world, FORMS[endpoint]), []
    if "/authorize" in endpoint:
        world.http.cookies = httpx.Cookies({"regie-session": world.made.cookies["zonnestraal"]})
    if "csrf_token" in form:
        page = await world.http.get("/access/new" if "/authorize" in endpoint else "/login")
        form["csrf_token"] = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert form["csrf_token"]
    for name in form:
        for what, value in VALUES.items():
            encoded = "&".join(f"{one}={value if one == name else other}" for one, other in form.items())
            answer = await sent(world, endpoint, encoded)
            found += [f"{name}: {what}: {fault} ({answer.status_code})" for fault in unsafe(answer)]
    assert found == []


@pytest.mark.parametrize("endpoint", ["GET /authorize", "POST /par", "POST /token", "POST /revoke", "POST /introspect"])
async def test_a_parameter_that_comes_twice_is_refused_whichever_it_is(world: World, endpoint: str) -> None:
    form = of_form(world, FORMS[endpoint])
    for name, value in form.items():
        encoded = "&".join([*(f"{one}={other}" for one, other in form.items()), f"{name}={value}b"])
        answer = await sent(world, endpoint, encoded)
        is_refused = answer.status_code == 400 or "error=invalid_request" in answer.headers.get("location", "")
        assert is_refused, (name, answer.status_code, answer.headers.get("location"))
        assert not list(unsafe(answer)), name


async def test_odd_bytes_in_a_header_or_a_name_are_no_fault_of_ours(world: World) -> None:
    values = (b"\xff\xfe", b"zq7<script>", b"a" * 20_000, b"", b"'", b"%00", b"evil.example", "né".encode())
    for endpoint, form in FORMS.items():
        encoded = "&".join(f"{name}={value}" for name, value in of_form(world, form).items())
        for name in HEADERS:
            for value in values:
                method, path = endpoint.split(" ")
                url = f"{path}?{encoded}" if method == "GET" or path == "/authorize" else path
                request = world.http.build_request(
                    method, url, content=encoded if method == "POST" else None, headers=FORM
                )
                request.headers = httpx.Headers([*request.headers.raw, (name.encode(), value)])
                answer = await world.http.send(request)
                assert not list(unsafe(answer)), (endpoint, name, value)
        for odd in (
            "%ff=%ff",
            "=",
            "&&&",
            "a",
            "[]=1",
            "a[b]=c",
            "__proto__=1",
            "&".join(f"p{n}=1" for n in range(2000)),
        ):
            answer = await sent(world, endpoint, f"{encoded}&{odd}")
            assert not list(unsafe(answer)), (endpoint, odd)
