"""docs/connect-app.md with each library and docs/connect-practice.md in Node, word for word, in a real browser."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.blocks import blocks
from tests.support.decider import MEASUREMENTS, PERSONAL_DETAILS, Decider, allowing
from tests.support.node import folder_for
from tests.support.running import Program

pytestmark = pytest.mark.browser

DECISION = allowing(MEASUREMENTS, PERSONAL_DETAILS)
SHOWN = re.compile(r"Zonnestraal-Testpersoon: (\d+) observations")


def program_on(page: str, heading: str, kind: str, program: Program) -> str:
    """Return the one program under a heading, for the server of this test."""
    ((found, code),) = blocks(page, heading)
    assert found == kind
    return code.replace("http://127.0.0.1:8000", program.url)


def conversation(command: list[str], folder: Path, client_id: str, person: Decider) -> str:
    """Return the last line of a program that asks for a client_id and for where the browser was sent to."""
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        app.stdin.write(f"{client_id}\n")
        app.stdin.flush()
        address = re.search(r"http://\S+", app.stdout.readline())
        assert address is not None
        said, _ = app.communicate(f"{person.asked(address[0], DECISION)}\n", timeout=60)
    assert app.returncode == 0
    return said.splitlines()[-1]


@pytest.mark.parametrize("library", ["fhirclient", "fhirpy"])
def test_a_program_in_python_does_what_the_page_says(
    program: Program, library_app: str, sterre: Decider, tmp_path: Path, library: str
) -> None:
    code = program_on("connect-app.md", f"### Python: {library}", "python", program)
    shown = SHOWN.search(conversation([sys.executable, "-c", code], tmp_path, library_app, sterre))
    assert shown is not None
    assert int(shown[1]) > 100


def test_a_program_in_node_does_what_the_page_says(
    program: Program, library_app: str, sterre: Decider, tmp_path: Path
) -> None:
    code = program_on("connect-app.md", "### Node: fhir-kit-client", "js", program)
    (folder_for(tmp_path) / "app.mjs").write_text(code, encoding="utf-8")
    shown = SHOWN.search(conversation(["node", "app.mjs"], tmp_path, library_app, sterre))
    assert shown is not None
    assert int(shown[1]) > 100


def test_pages_in_the_browser_do_what_the_page_says(sterre: Decider, app_pages: str) -> None:
    page = sterre.context.new_page()
    page.goto(f"{app_pages}/launch.html")
    page.wait_for_url("**/authorize?**")
    DECISION(page)
    page.wait_for_url(f"{app_pages}/index.html?**")
    page.get_by_text(SHOWN).wait_for()
    page.close()
