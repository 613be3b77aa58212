"""The table of what passes: counted from the runner's results, and written between its marks."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.run_all import rows, totals
from tests.support.pages import table, write_between


def script(path: str, role: str, *checks: str, reason: str | None = None) -> dict[str, Any]:
    status = "skipped" if reason else "failed" if "failed" in checks else "passed"
    tests = [{"checks": [{"status": check} for check in checks]}]
    return {"path": path, "role": role, "status": status, "skipReason": reason, "tests": tests}


def test_a_role_has_a_row_for_each_format_and_one_for_what_was_not_run() -> None:
    scripts = [
        script("a-json.xml", "Step/Serving", "passed", "passed", "not checked"),
        script("b-json.xml", "Step/Serving", "passed", "failed"),
        script("a-xml.xml", "Step/Serving", "passed", "error"),
        script("c.xml", "Client", reason="tests a client"),
    ]
    assert list(rows("R4/One", [{"scripts": scripts}])) == [
        ("R4/One", "Serving", "JSON", "1 of 2", "3", "1", "1"),
        ("R4/One", "Serving", "XML", "1 of 1", "1", "1", "0"),
        ("R4/One", "Client", "", "1 not run: tests a client", "", "", ""),
    ]
    assert totals("R4/One", [{"scripts": scripts}]) == ("R4/One", "2 of 3", "4", "2", "1")


def test_only_what_is_between_the_marks_of_a_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n<!-- a -->\nold\n<!-- end of a -->\n\nrest\n", encoding="utf-8")
    write_between(page, "a", table(("x", "y"), [("1", "2")]))
    expected = "# One\n\n<!-- a -->\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\n<!-- end of a -->\n\nrest\n"
    assert page.read_text(encoding="utf-8") == expected
    write_between(page, "a", table(("x", "y"), [("1", "2")]))
    assert page.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("content", ["", "<!-- a -->\n", "<!-- end of a -->\n<!-- a -->\n"])
def test_a_page_without_the_marks_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(content, encoding="utf-8")
    with pytest.raises(LookupError, match="has no part"):
        write_between(page, "a", "new")
    assert page.read_text(encoding="utf-8") == content
