"""docs/settings.md against app/settings.py."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter

from app.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
SECTION = re.compile(r"^### `REGIE_(\w+)`\n\nDefault: `([^`]*)`\n\n(\S.*)$", re.MULTILINE)


def sections() -> dict[str, tuple[str, str]]:
    """The default and the first line of the explanation, by field."""
    found = SECTION.findall(PAGE.read_text(encoding="utf-8"))
    return {name.lower(): (default, explanation) for name, default, explanation in found}


def shown(value: Any) -> str:
    """A default as it is written in an environment variable."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return str(TypeAdapter(timedelta).dump_python(value, mode="json"))
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value)


def test_every_setting_has_a_section_and_every_section_a_setting() -> None:
    assert set(sections()) == set(Settings.model_fields)
    assert len(re.findall("^### ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) == len(Settings.model_fields)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_the_page_gives_the_default_that_the_code_has(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REGIE_")]:
        monkeypatch.delenv(name)
    assert sections()[field][0] == shown(getattr(Settings(), field))


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_says_what_it_is_for(field: str) -> None:
    assert Settings.model_fields[field].description
