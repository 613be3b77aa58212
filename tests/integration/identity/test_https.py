"""What a server says to browsers that is reached over HTTPS, beside one that is not."""

from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response

from app.identity.display import Display
from app.portal import display
from app.web.middleware import Frame
from tests.support.authorization import world_in


async def test_over_https_each_cookie_is_of_this_host_alone_and_never_sent_in_the_open(tmp_path: Path) -> None:
    async with world_in(tmp_path, base_url="https://regie.example") as world:
        answers = [await world.http.get("/login"), await world.log_in()]
        assert answers[-1].status_code == 303
        cookies = [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]
        assert len(cookies) > 1
        for cookie in cookies:
            words = [word.strip().lower() for word in cookie.split(";")]
            assert words[0].startswith("__host-"), cookie
            assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(words), cookie
            assert not any(word.startswith("domain") for word in words), cookie


@pytest.mark.parametrize("is_https", [True, False])
async def test_a_page_runs_nothing_from_elsewhere_and_stands_in_no_frame(*, is_https: bool) -> None:
    framed = Frame(PlainTextResponse("a page"), is_https=is_https, trust_forwarded=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=framed), base_url="http://regie.example") as http:
        headers = (await http.get("/")).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert ("strict-transport-security" in headers) is is_https


@pytest.mark.parametrize(("is_https", "name"), [(True, "__Host-display"), (False, "display")])
def test_the_cookie_of_how_pages_look_is_of_this_host_alone_over_https(*, is_https: bool, name: str) -> None:
    answer = Response()
    display.remember(answer, Display(language="en", size="large"), is_https=is_https)
    assert answer.headers["set-cookie"].startswith(f"{name}=en.large;")
    assert ("secure" in answer.headers["set-cookie"].lower()) is is_https
