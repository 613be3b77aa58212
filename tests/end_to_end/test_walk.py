"""The walk in README.md, done as it is written there: its commands, its addresses, and the names on its pages.

The test follows the page from top to bottom. A command, an address or a name that the page has and the test does not
use next, or the other way round, fails it.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Page

from tests.support.browser import PHONE, TIMEOUT_MS, chromium
from tests.support.ports import free_port
from tests.support.processes import served
from tests.support.running import ROOT, Program

pytestmark = pytest.mark.browser

README = (ROOT / "README.md").read_text(encoding="utf-8")
WALK = README.partition("## The main job, as a walk\n")[2].partition("\n## ")[0]
WRITTEN_FOR = "http://127.0.0.1:8000"
# What a reader does next: run a command, compare its output, open an address, type a value, find a name on a page.
STEP = re.compile(
    r"```(?P<kind>sh|text)\n(?P<block>.*?)\n```|<(?P<address>http\S+)>|`(?P<value>[\w.@-]+)` at|(?<!\*)\*(?P<name>[^*\n]+)\*(?!\*)"
    r"(?:\s\((?P<english>[^)]+)\))?",
    re.DOTALL,
)


class Reader:
    """Goes through the walk; each method takes the next step and fails if the page says something else."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.steps = iter([found.groupdict() for found in STEP.finditer(WALK)])

    def _next(self, part: str) -> str:
        step = next(self.steps)
        assert step[part] is not None, f"The page goes on with {step}."
        return str(step[part])

    def name(self) -> str:
        """Return the next name of something on a page."""
        return self._next("name")

    def value(self) -> str:
        """Return the next value to type."""
        return self._next("value")

    def address(self) -> str:
        """Return the next address, at the server of this test."""
        return self._next("address").replace(WRITTEN_FOR, self.program.url)

    def command(self, *expected: str) -> list[str]:
        """Return the next command, for the server and the folder of this test; ``expected`` is what it is."""
        command = self._next("block")
        assert tuple(shlex.split(command)) == expected
        program = Path(expected[0]).name
        beside = Path(sys.executable)
        words = [str(beside if program == "python" else beside.with_name(program)), *expected[1:]]
        if program == "python":
            words += ["--server", self.program.url]
        if "examples/practice.py" in words:
            words += ["--folder", str(self.folder)]
        return words

    def run(self, *expected: str) -> str:
        """Return what the next command prints."""
        done = subprocess.run(
            self.command(*expected), cwd=ROOT, env=self.program.variables(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def prints(self, output: str) -> None:
        """Compare with the output that the page shows next; … stands for anything."""
        shown = self._next("block")
        pattern = ".*?".join(re.escape(part) for part in shown.split("…"))
        output = output.replace(self.program.url, WRITTEN_FOR).strip()
        assert re.fullmatch(pattern, output, re.DOTALL), f"The page shows:\n{shown}\nIt is:\n{output}"

    def ends(self) -> None:
        """Fail if the page goes on."""
        assert list(self.steps) == []


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The server that step 1 starts, for a folder of its own."""
    program = Program(tmp_path, free_port(), loads_itself=True)
    with served(program):
        yield program


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def tick(page: Page, name: str) -> None:
    """Choose a box or a circle by the first words of its label."""
    page.get_by_role("group").get_by_label(re.compile(f"^{re.escape(name)}")).check()


def looks(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(".look").all_inner_texts()]


def test_the_walk_in_the_readme_goes_as_it_says(program: Program, tmp_path: Path) -> None:
    reader = Reader(program, tmp_path / "examples")

    assert reader._next("block") == "make serve"
    reader.prints(f"{program.run('demo')}\n{program.log.read_text().splitlines()[0]}")

    command = reader.command(".venv/bin/python", "examples/patient_app.py")
    with (
        chromium() as browser,
        subprocess.Popen(command, cwd=ROOT, env=program.variables(), stdout=subprocess.PIPE, text=True) as app,
    ):
        try:
            follow(reader, browser, app)
        finally:
            app.kill()


def follow(reader: Reader, browser: Browser, app: "subprocess.Popen[str]") -> None:
    """Do the rest of the walk, in a browser as wide as a phone and in Dutch."""
    assert app.stdout is not None
    said = app.stdout.readline() + app.stdout.readline()
    context = browser.new_context(locale="nl-NL", viewport=PHONE)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()

    page.goto(said.splitlines()[1])
    login, field = reader.value(), reader.name()
    page.get_by_label(field).fill(login)
    password, field = reader.value(), reader.name()
    page.get_by_label(field).fill(password)
    press(page, reader.name())
    field = reader.name()
    code = reader.run(".venv/bin/regie", "code", login).strip()
    page.get_by_label(field).fill(code)
    press(page, reader.name())
    assert page.locator("input:checked:not([type=radio])").count() == 0
    for _ in range(3):
        tick(page, reader.name())
    press(page, reader.name())
    said += app.communicate(timeout=60)[0]
    assert app.returncode == 0
    reader.prints(said)

    page.goto(reader.address())
    page.get_by_role("link", name=reader.name()).click()
    practice = reader.name()
    for name in (practice, reader.name(), reader.name(), reader.name()):
        tick(page, name)
    press(page, reader.name())
    reader.prints(reader.run(".venv/bin/python", "examples/practice.py"))

    page.goto(reader.address())
    card = page.locator("li", has=page.get_by_role("heading", name=reader.name()))
    card.get_by_role("link", name=reader.name()).click()
    press(page, reader.name())
    reader.prints(reader.run(".venv/bin/python", "examples/practice.py"))

    page.goto(reader.address())
    assert page.get_by_role("heading", level=1).inner_text() == reader.name()
    seen = looks(page)
    refused = [look for look in seen if "mocht niet" in look]
    allowed = [look for look in seen if look not in refused]
    assert sum(practice in look for look in refused) == len(refused) == 4
    assert sum(practice in look for look in allowed) == 4
    assert any("Meetmaatje" in look and "metingen" in look for look in allowed)
    assert all("U gaf toegang" in look for look in allowed)
    reader.ends()
    context.close()


def test_the_names_in_the_walk_are_those_of_the_catalog() -> None:
    with (ROOT / "app/portal/translations/nl.po").open("rb") as file:
        catalog = {(str(message.string), str(message.id)) for message in read_po(file)}
    pairs = {(found["name"], " ".join(found["english"].split())) for found in STEP.finditer(WALK) if found["english"]}
    assert len(pairs) > 10
    assert pairs <= catalog


@pytest.mark.parametrize("example", ["patient_app.py", "practice.py"])
def test_an_example_can_be_told_where_the_server_is(example: str) -> None:
    usage = subprocess.check_output([sys.executable, f"examples/{example}", "--help"], cwd=ROOT, text=True)
    assert "--server" in usage
