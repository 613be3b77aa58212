"""The pages hold together: links lead somewhere, and what they say about commands and modules is so."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The names that the headings of a page can be linked to by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), link
        assert found.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(found), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_begins_with_its_title(page: Path) -> None:
    assert page.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


def regie_commands(text: str) -> list[list[str]]:
    """Each ``regie`` command on a page, as words: indented, in a block, or in a sentence."""
    found = re.findall(r"^(?: {4})?\.venv/bin/regie (.+?)(?: +#.*)?$|`regie ([^`]+)`", text, re.MULTILINE)
    return [shlex.split(one or other) for one, other in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_regie_commands_that_a_page_names_exist_with_their_options(page: Path) -> None:
    for words in regie_commands(page.read_text(encoding="utf-8")):
        command: Any = get_command(main)
        for word in words:
            if hasattr(command, "commands"):
                assert word in command.commands, words
                command = command.commands[word]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words


def test_commands_are_found_on_pages() -> None:
    found = [words for page in PAGES for words in regie_commands(page.read_text(encoding="utf-8"))]
    assert ["audit", "verify"] in found
    assert len(found) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(r"`((?:app|tests|docs|examples|migrations)/[\w./-]*)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_package_is_on_the_map() -> None:
    map_of_packages = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {init.parent.name for init in (ROOT / "app").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"`(\w+)`", map_of_packages))


def test_every_decision_has_the_five_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert decisions
    for decision in decisions:
        text = decision.read_text(encoding="utf-8")
        parts = [part for part in re.findall(r"^## (.+)$", text, re.MULTILINE) if part != "Measured"]
        assert parts == ["Context", "Decision", "Consequences", "Alternatives", "Checked by"], decision.name
