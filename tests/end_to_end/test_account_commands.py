"""``regie account`` as an operator runs it."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.running import Program, running

LOGIN = "sterre@example.test"
FIELD = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


def log_in(program: Program, browser: httpx.Client) -> None:
    """Log an invented person in."""
    for path, fields in (
        ("/login", {"login": LOGIN, "password": "proefpersoon-zonder-geheimen"}),
        ("/login/code", {"code": program.run("code", LOGIN)}),
    ):
        found = FIELD.search(browser.get(path).text)
        assert found is not None
        assert browser.post(path, data={"csrf_token": found[1], **fields}).status_code == 303


def test_an_operator_ends_the_sessions_of_a_login(tmp_path: Path) -> None:
    with running(tmp_path) as program, httpx.Client(base_url=program.url) as browser:
        program.run("demo", "--json")
        log_in(program, browser)
        assert browser.get("/activity").status_code == 200
        assert program.run("account", "log-out", LOGIN) == "Ended: 1."
        assert browser.get("/activity").headers["location"].startswith("/login")
        with pytest.raises(subprocess.CalledProcessError) as caught:
            program.run("account", "log-out", "nobody")
    assert "no such login" in caught.value.stderr
