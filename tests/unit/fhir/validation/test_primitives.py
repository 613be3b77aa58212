"""Forms of primitive values that no served resource has in a handy place."""

import re
from typing import Any

import pytest

from app.fhir.validation.primitives import COMMON_PATTERNS, PATTERNS, is_valid


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("base64Binary", "QUJD", True),
        ("base64Binary", "QQ==", True),
        ("base64Binary", "QU JD\nQQ==", True),
        ("base64Binary", "QQ=", False),
        ("base64Binary", "QUJD=", False),
        ("base64Binary", "QQ==QQ==", False),
        ("base64Binary", "Q", False),
        ("base64Binary", "QU!D", False),
        ("base64Binary", " ", False),
        ("oid", "urn:oid:1.2.3", True),
        ("oid", "1.2.3", False),
        ("oid", "urn:oid:1.02", False),
        ("uuid", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", True),
        ("uuid", "c757873d-ec9a-4326-a141-556f43239520", False),
        ("time", "23:59:60.5", True),
        ("time", "24:00:00", False),
        ("time", "10:00:00Z", False),
        ("boolean", 1, False),
        ("boolean", "true", False),
        ("integer", True, False),
        ("integer", -(2**31), True),
        ("integer", 2**31, False),
        ("unsignedInt", -1, False),
        ("decimal", 10**300, True),
        ("decimal", 10**400, False),
        ("decimal", True, False),
        ("decimal", "1", False),
    ],
)
def test_a_value_has_the_form_of_its_type(kind: str, value: Any, expected: bool) -> None:
    assert is_valid(kind, value) is expected


@pytest.mark.parametrize("kind", ["date", "dateTime"])
def test_the_quick_pattern_accepts_only_days_that_exist(kind: str) -> None:
    quick = re.compile(COMMON_PATTERNS[kind])
    for year in (1999, 2000, 2023, 2024):
        for month in range(14):
            for day in range(33):
                text = f"{year}-{month:02}-{day:02}"
                accepted = quick.fullmatch(text) is not None
                assert accepted <= is_valid(kind, text), text
                assert (accepted or text.endswith("-02-29")) >= is_valid(kind, text), text


@pytest.mark.parametrize("kind", sorted(PATTERNS))
def test_no_pattern_takes_long_on_a_long_value(kind: str) -> None:
    for text in ("a " * 50_000, "1." * 50_000, " " * 100_000, "urn:oid:1" + ".1" * 50_000 + "."):
        assert not is_valid(kind, text + "\x00")
