"""A server with the invented people, and one of them at a browser."""

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.blocks import blocks
from tests.support.browser import chromium
from tests.support.decider import Decider
from tests.support.node import node_modules
from tests.support.origin import served
from tests.support.ports import free_port
from tests.support.running import Program, running


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Give a server with the invented people."""
    with running(tmp_path_factory.mktemp("clients")) as program:
        program.run("demo")
        yield program


@pytest.fixture(scope="session")
def demo(program: Program) -> dict[str, Any]:
    """Return what ``regie demo`` tells of the people."""
    return dict(json.loads(program.run("demo", "--json")))


@pytest.fixture(scope="session")
def kept_login(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the person's login is kept between the browsers of the modules."""
    return tmp_path_factory.mktemp("login") / "cookies.json"


# Not for the session: while Playwright runs, no asynchronous test can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser for the tests of a module."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def sterre(browser: Browser, program: Program, demo: dict[str, Any], kept_login: Path) -> Decider:
    """Give the first invented person, logged in."""
    return Decider(browser, program.url, demo["people"][0], kept_login)


@pytest.fixture(scope="session")
def app_port() -> int:
    """Return where the pages of the app are, in the place of 8765."""
    return free_port()


@pytest.fixture(scope="session")
def library_app(program: Program, app_port: int) -> str:
    """Return the client_id of the app that docs/connect-app.md registers for all libraries."""
    ((_, command),) = blocks("connect-app.md", "## With a library")
    return program.run(*shlex.split(command.replace("localhost:8765", f"localhost:{app_port}"))[1:])


@pytest.fixture(scope="session")
def app_pages(
    program: Program, library_app: str, app_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Give where the two pages of docs/connect-app.md are, which come from another origin than the server."""
    folder = tmp_path_factory.mktemp("pages")
    found = blocks("connect-app.md", "### JavaScript in the browser: fhirclient")
    for name, (kind, text) in zip(("launch.html", "index.html"), found, strict=True):
        assert kind == "html"
        page = text.replace("http://127.0.0.1:8000", program.url).replace("CLIENT_ID", library_app)
        (folder / name).write_text(page, encoding="utf-8")
    shutil.copy(node_modules() / "fhirclient/build/fhir-client.min.js", folder)
    with served(folder, app_port):
        yield f"http://localhost:{app_port}"
