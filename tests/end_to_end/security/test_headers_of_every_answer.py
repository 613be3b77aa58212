"""What every answer tells browsers, whatever was asked and however it went: pages, OAuth, FHIR, files, errors.

Source: https://owasp.org/www-project-secure-headers/
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.access.categories import Category
from app.fhir.release import Release
from app.web.cors import is_open
from tests.access.matrix import ROWS
from tests.access.test_matrix import asked
from tests.access.test_pages import filled, form_token, routes_of
from tests.support.running import running
from tests.support.world import World, world_in

HTTPS = "https://regie.example"
KEPT = ("/static/", "/jwks")
"""What browsers and clients may keep."""
OF_OURS = re.compile(r"Traceback|File \"/|sqlalchemy|sqlite|starlette|fastapi|granian|pydantic|uvicorn", re.IGNORECASE)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
ERRORS: tuple[tuple[str, str, dict[str, str], bytes], ...] = (
    ("GET", "/fhir/r4/Observation/x?a=b", {}, b""),
    ("GET", "/fhir/r4/Unheard", {}, b""),
    ("GET", "/fhir/r9/metadata", {}, b""),
    ("GET", "/fhir/r4/Observation/not-known", {}, b""),
    ("PUT", "/fhir/r4/metadata", {}, b"{}"),
    ("GET", "/fhir/r4/metadata", {"accept": "text/turtle"}, b""),
    ("POST", "/fhir/r4/Observation", {"content-type": "text/plain"}, b"x"),
    ("POST", "/fhir/r4/Observation", {"content-type": "application/fhir+json"}, b"{"),
    ("POST", "/fhir/r4/Observation", {"content-type": "application/fhir+json"}, b"{" + b" " * 20_000_000 + b"}"),
    ("FLY", "/fhir/r4/Observation", {}, b""),
    ("GET", "/nowhere", {}, b""),
    ("GET", "/static/nothing.css", {}, b""),
    ("GET", "/static/../app/main.py", {}, b""),
    ("FLY", "/login", {}, b""),
    ("DELETE", "/token", {}, b""),
    ("POST", "/token", {"content-type": "application/x-www-form-urlencoded"}, b"grant_type=nothing"),
    ("POST", "/login", {"content-type": "application/x-www-form-urlencoded"}, b"a=" + b"x" * 70_000),
    ("POST", "/register", {"content-type": "application/json"}, b"{"),
    ("GET", "/userinfo", {}, b""),
    ("GET", "/register/nobody", {}, b""),
    ("GET", "/authorize?client_id=nobody", {}, b""),
    ("GET", "/.well-known/nothing", {}, b""),
)


def faults(method: str, path: str, answer: httpx.Response, *, is_https: bool) -> list[str]:
    """Return what is missing in an answer, or too much."""
    headers, is_fhir = answer.headers, path.startswith(("/fhir/r4", "/fhir/stu3"))
    policies = headers.get("content-security-policy", "")
    wanted = {
        "nosniff": headers.get("x-content-type-options") == "nosniff",
        "a policy": "default-src 'none'" in policies and "frame-ancestors 'none'" in policies,
        "a policy that lets nothing inline": not re.search(r"unsafe|\*|https?:(?!//)", policies),
        "a referrer policy": headers.get("referrer-policy") in ("no-referrer", "same-origin"),
        "HSTS where it is HTTPS": ("strict-transport-security" in headers) is is_https,
        "its own origin": headers.get("cross-origin-resource-policy") == "same-origin",
        "not to be kept": headers.get("cache-control") == "no-store" or path.startswith(KEPT),
        "no banner": headers.get("server") == "Regie" and "x-powered-by" not in headers,
        "other origins where they are meant": ("access-control-allow-origin" in headers) is (is_fhir or is_open(path)),
        "no credentials of other origins": "access-control-allow-credentials" not in headers,
        "nothing of our own insides": not OF_OURS.search(answer.text) or path in ("/metrics", "/openapi.json"),
        "a type of its content": not answer.content or "content-type" in headers,
        "each header once": not [
            name for name in set(headers) if len(headers.get_list(name)) > 1 and name not in ("set-cookie", "www-authenticate")
        ],
    }  # fmt: skip
    if not is_fhir:
        wanted["no frame"] = headers.get("x-frame-options") == "DENY"
        wanted["no camera"] = "camera=()" in headers.get("permissions-policy", "")
        wanted["no opener"] = headers.get("cross-origin-opener-policy") == "same-origin"
    if headers.get("content-type", "").startswith("text/html") and answer.content:
        wanted["no script or style inline"] = not INLINE.search(answer.text)
        wanted["a language"] = '<html lang="' in answer.text
    for cookie in headers.get_list("set-cookie"):
        words = {word.strip().lower() for word in cookie.split(";")}
        wanted[f"a cookie that is kept from scripts: {cookie}"] = "httponly" in words and "samesite=lax" in words
        wanted[f"a cookie of HTTPS: {cookie}"] = ("secure" in words) is is_https
        wanted[f"a cookie of this host: {cookie}"] = not any(word.startswith("domain") for word in words)
    return [f"{method} {path} {answer.status_code}: {name}" for name, is_so in wanted.items() if not is_so]


@asynccontextmanager
async def browser(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser in which Zonnestraal is signed in; a fault of ours is answered, not raised."""
    url = world.application.settings.base_url
    name = "__Host-regie-session" if url.startswith("https") else "regie-session"
    transport = httpx.ASGITransport(app=world.application, raise_app_exceptions=False)
    cookies = {name: world.made.cookies["zonnestraal"]}
    async with httpx.AsyncClient(transport=transport, base_url=url, cookies=cookies) as client:
        yield client


@pytest.fixture(params=["http", "https"])
async def somewhere(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Give a world at http or at https."""
    async with world_in(tmp_path, **({"base_url": HTTPS} if request.param == "https" else {})) as world:
        yield world


def is_https(world: World) -> bool:
    """Return whether a world is reached over HTTPS."""
    return world.application.settings.base_url == HTTPS


async def test_every_page_and_every_oauth_endpoint_has_its_headers(somewhere: World) -> None:
    found, seen = [], 0
    async with browser(somewhere) as signed_in:
        token = await form_token(signed_in)
        session = dict(signed_in.cookies)
        for route in routes_of(somewhere.application.pages):
            method, path = filled(route, somewhere)
            data = {"csrf_token": token} if method == "POST" else None
            for how in (method, "HEAD", "OPTIONS"):
                for client in (signed_in, somewhere.http):
                    answer = await client.request(how, path, data=data if how == "POST" else None)
                    found += faults(how, path, answer, is_https=is_https(somewhere))
                    seen += 1
            signed_in.cookies = httpx.Cookies(session)
            somewhere.http.cookies.clear()
    assert found == []
    assert seen > 300


async def test_every_answer_of_fhir_has_its_headers(somewhere: World) -> None:
    found = []
    for row in ROWS:
        for who in ("zonnestraal", "no grant", None):
            answer = await asked(somewhere, row, who, row.releases[-1])
            found += faults(row.method, f"/fhir/r4 {row.name}", answer, is_https=is_https(somewhere))
        preflight = await somewhere.http.options(f"/fhir/r4{row.route}")
        found += faults("OPTIONS", f"/fhir/r4 {row.name}", preflight, is_https=is_https(somewhere))
    assert found == []


@pytest.mark.parametrize(("method", "path", "headers", "body"), ERRORS, ids=lambda value: str(value)[:40])
async def test_every_error_has_its_headers(
    world: World, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    answer = await world.caller("zonnestraal")(method, f"http://127.0.0.1:8000{path}", body or None, **headers)
    assert answer.status_code >= 400
    assert faults(method, path, answer, is_https=False) == []


async def test_a_fault_of_ours_tells_its_number_and_nothing_else(world: World) -> None:
    @world.application.pages.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError(world.zonnestraal.bsn)

    async with browser(world) as signed_in:
        answer = await signed_in.get("/broken", headers={"X-Request-ID": "the-one"})
        assert (answer.status_code, faults("GET", "/broken", answer, is_https=False)) == (500, [])
        assert "the-one" in answer.text
        assert world.zonnestraal.bsn not in answer.text
        await world.give("no grant", world.zonnestraal, Category.GP_SUMMARY)
        world.parts.database.close()
        for path in ("/measurements", f"/fhir/r4{world.zonnestraal.url('weight', Release.R4)}"):
            token = {"Authorization": f"Bearer {world.made.tokens['zonnestraal']}"}
            answer = await signed_in.get(path, headers=token)
            assert answer.status_code in (500, 503), path
            assert faults("GET", path, answer, is_https=False) == []


def test_the_program_itself_adds_no_banner(tmp_path: Path) -> None:
    with running(tmp_path) as program, httpx.Client(base_url=program.url) as client:
        for path in ("/login", "/fhir/r4/metadata", "/nowhere", "/fhir/r4/Observation/1"):
            assert faults("GET", path, client.get(path), is_https=False) == []
