"""docs/connect-app.md and docs/connect-practice.md, followed word for word against the whole program."""

import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyotp

from tests.support.running import ROOT, Program, running

LIBRARIES = "## With a library"
"""What follows is done in `tests/clients`."""
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who does what a page says, one block after another."""

    def __init__(self, page: str, program: Program) -> None:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8").replace("http://127.0.0.1:8000", program.url)
        self.blocks = BLOCK.findall(text.partition(f"\n{LIBRARIES}\n")[0])
        self.program = program
        self.names: dict[str, Any] = {"input": self.answer}
        self.answers: dict[str, Callable[[], str]] = {}

    def answer(self, question: str) -> str:
        """Return what the reader types."""
        return self.answers[question.rstrip(": ")]()

    def follow(self, number: int) -> list[str]:
        """Return the lines that a block prints."""
        kind, code = self.blocks[number]
        lines: list[str] = []
        if kind == "sh":
            for command in code.splitlines():
                words = shlex.split(command)
                assert words[0] == ".venv/bin/regie"
                given = [str(self.program.folder / word) if word == "keys.json" else word for word in words[1:]]
                lines.append(self.program.run(*(lines[-1] if word == "PRACTICE" else word for word in given)))
        else:
            with chdir(self.program.folder), redirect_stdout(io.StringIO()) as out:
                exec(compile(code, "page", "exec"), self.names)  # noqa: S102 - the page is what is tested
            lines = out.getvalue().splitlines()
        return lines


@contextmanager
def signed_in(program: Program) -> Iterator[httpx.Client]:
    """Yield a browser in which an invented person is signed in."""
    person = json.loads(program.run("demo", "--json"))["people"][0]
    with httpx.Client(base_url=program.url) as browser:
        submit(browser, "/login", login=person["login"], password=person["password"])
        submit(browser, "/login/code", code=pyotp.TOTP(person["totp_secret"]).now())
        yield browser


def submit(browser: httpx.Client, url: str, **form: Any) -> httpx.Response:
    """Return the answer to the form of a page."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', browser.get(url).text)
    assert found is not None, url
    return browser.post(url, data={"csrf_token": found[1], **form})


def test_an_app_is_connected_as_the_page_says(tmp_path: Path) -> None:
    with running(tmp_path) as program, signed_in(program) as browser:
        reader = Reader("connect-app.md", program)
        (client_id,) = reader.follow(0)
        reader.answers["client_id"] = lambda: client_id
        reader.follow(1)
        (question,) = reader.follow(2)
        place = urlsplit(question)
        allowed = submit(
            browser, f"{place.path}?{place.query}", decision="allow", category="own-measurements", period="1-year"
        )
        reader.answers["The address that the browser was sent to"] = lambda: allowed.headers["location"]
        reader.follow(3)
        assert reader.follow(4) == ["200 Bundle"]
        assert reader.follow(5)[0].startswith("Bearer patient/Observation.rs")
        assert reader.follow(6) == ["200"]
        assert len(reader.blocks) == 7


def test_a_practice_is_connected_as_the_page_says(tmp_path: Path) -> None:
    with running(tmp_path) as program, signed_in(program) as browser:
        reader = Reader("connect-practice.md", program)
        reader.follow(0)
        practice_id, client_id = reader.follow(1)
        reader.answers["client_id"] = lambda: client_id
        assert reader.follow(2) == ["Bearer system/*.rs"]
        assert reader.follow(3) == ["403"]
        given = submit(
            browser, "/access/new", practice=practice_id, category="care-plan", action="look", period="1-year"
        )
        assert given.status_code == 303, given.text
        assert reader.follow(3) == ["200"]
        assert reader.follow(4) == ["200"]
        assert len(reader.blocks) == 5
