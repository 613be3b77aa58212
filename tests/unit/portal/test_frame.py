"""The frame of the pages: links back, and files that browsers keep."""

import re

import pytest

from app.portal.frame import STATIC, local_path, static
from app.portal.navigation import NAVIGATION, PRACTICE_NAVIGATION
from app.portal.page import environment


@pytest.mark.parametrize("path", ["/", "/access", "/activity?who=all&since=2026-01-01", "/login/code?next=/access"])
def test_a_path_of_this_server_is_kept(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "access",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\nevil",
        "/a\\b",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_not(path: str) -> None:
    assert local_path(path) == "/"


def test_a_static_file_has_a_mark_of_its_content() -> None:
    assert re.fullmatch(r"/static/regie\.css\?v=[0-9a-f]{12}", static("regie.css"))


def test_pages_ask_nothing_of_other_servers() -> None:
    foreign = re.compile(r"(?:https?:)?//(?!www\.w3\.org/)[a-z]", re.IGNORECASE)
    for file in (*(one for one in STATIC.iterdir() if one.suffix != ".png"), *(STATIC.parent / "templates").iterdir()):
        assert not foreign.search(re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)), file.name


def test_every_icon_that_a_template_or_a_list_names_is_drawn_and_no_other() -> None:
    icons = environment("nl").get_template("icons.html").module
    drawn = set(icons.paths)  # type: ignore[attr-defined]
    templates = STATIC.parent / "templates"
    named = {name for file in templates.iterdir() for name in re.findall(r'icon\("(\w+)"', file.read_text())}
    assert named | {entry.icon for entry in (*NAVIGATION, *PRACTICE_NAVIGATION)} <= drawn
    files = {*templates.iterdir(), *STATIC.parent.glob("*.py")} - {templates / "icons.html"}
    text = "".join(file.read_text() for file in files)
    assert [name for name in sorted(drawn) if f'"{name}"' not in text] == []


def test_no_page_has_a_style_or_a_script_of_its_own() -> None:
    for file in (STATIC.parent / "templates").iterdir():
        text = file.read_text().replace('<script type="module" src="{{ address }}"></script>', "")
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", text), file.name


def test_every_template_can_be_compiled() -> None:
    templates = environment("en")
    for file in (STATIC.parent / "templates").iterdir():
        templates.get_template(file.name)
