"""docs/fapi.md and docs/asvs.md: each test and file that they name as evidence is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:tests|app|docs|examples|migrations|\.github)/[\w./-]+|[A-Z]\w+\.md|Makefile|Dockerfile)`")


def named(page: str) -> list[str]:
    """Return the files that a page names."""
    return sorted(set(NAMED.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))))


@pytest.mark.parametrize("page", ["fapi.md"])
def test_what_is_named_as_evidence_is_there(page: str) -> None:
    found = named(page)
    assert len(found) > 10
    for name in found:
        assert (ROOT / name).exists(), name
        if Path(name).name.startswith("test_") and name.endswith(".py"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert re.search(r"^(?:async )?def test_", text, re.MULTILINE), name
