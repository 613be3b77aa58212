"""What a log line may hold."""

import base64
import io
import json
import logging
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
import structlog
from hypothesis import assume, given
from hypothesis import strategies as st

from app.logs import HIDDEN, configure_logs, scrub

TEST_BSN = "999900006"  # in the range for tests
TOKEN = "Zq3vX9bT0pLm7KdR2sWyA5hN"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logs("info", stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers = handlers
    root.setLevel(level)


def the_line(lines: io.StringIO) -> dict[str, Any]:
    written = lines.getvalue().splitlines()
    assert len(written) == 1
    line: dict[str, Any] = json.loads(written[0])
    return line


def test_a_line_is_json_with_event_level_time_and_request_id(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="5f3c9f0e-2f4e-4c39-9a53-2c1d4f6b7a80")
    structlog.get_logger().info("request answered", status=200, duration_ms=1.5)
    line = the_line(lines)
    assert line["event"] == "request answered"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert line["request_id"] == "5f3c9f0e-2f4e-4c39-9a53-2c1d4f6b7a80"
    assert (line["status"], line["duration_ms"]) == (200, 1.5)


def test_lines_below_the_level_are_not_written(lines: io.StringIO) -> None:
    structlog.get_logger().debug("too much")
    logging.getLogger("some.library").debug("too much")
    assert lines.getvalue() == ""


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="not a log level"):
        configure_logs("loud")


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"GET /fhir/r4/Patient?identifier=http://fhir.nl/fhir/NamingSystem/bsn|{TEST_BSN}",
        f"bsn {TEST_BSN} in a sentence",
        f"access_token={TOKEN}",
        f'{{"refresh_token": "{TOKEN}"}}',
        "code=abc123 was replayed",
        "sterre@example.test logged in",
        f"the token {TOKEN} is unknown",
        "QwErTyUiOpAsDfGhJkLzXcVbNm-QwErTyUiOp",
        f"basic {TOKEN}",
        "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJleGFtcGxlMSJ9.c2lnbmF0dXJlMQ",
    ],
)
def test_secrets_and_personal_data_in_a_text_are_cut_out(text: str) -> None:
    cleaned = scrub(text)
    assert HIDDEN in cleaned
    for secret in (TOKEN, TEST_BSN, "identifier=", "abc123", "sterre", "eyJpc3Mi", "QwErTy"):
        assert secret not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "request answered",
        "/fhir/r4/Observation/06b2k1mzr3q8v5x7c9d0f4g6h8",
        "5f3c9f0e-2f4e-4c39-9a53-2c1d4f6b7a80",
        "migrated to 0001",
        "ImmunizationRecommendation",
        "read of Observation/06b2k1mzr3q8v5x7c9d0f4g6h8 for app.rest.routes.Routes",
        "123456789 bytes",
        "listening on http://127.0.0.1:8000",
    ],
)
def test_words_that_tell_nothing_about_a_person_stay(text: str) -> None:
    assert scrub(text) == text


@given(token=st.binary(min_size=32, max_size=32).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")))
def test_a_random_token_is_cut_out_of_any_text(token: str) -> None:
    mixed = any(each.isupper() for each in token) and any(each.islower() for each in token)
    assume(mixed)
    assert token not in scrub(f"unknown {token} here")


def test_a_long_text_is_cut_before_it_is_searched() -> None:
    assert len(scrub("a" * 100_000)) == 2000


@pytest.mark.parametrize("field", ["family", "bsn", "access_token", "query_string", "password", "body", "patient_id"])
def test_a_field_whose_name_says_that_it_is_personal_is_hidden(lines: io.StringIO, field: str) -> None:
    structlog.get_logger().info("something", **{field: "Zonnestraal"})
    assert the_line(lines)[field] == HIDDEN


def test_a_resource_in_any_field_is_hidden(lines: io.StringIO) -> None:
    structlog.get_logger().info("something", thing={"resourceType": "Patient"}, other=b"{}")
    line = the_line(lines)
    assert (line["thing"], line["other"]) == (HIDDEN, HIDDEN)


def test_a_bsn_as_a_number_is_hidden(lines: io.StringIO) -> None:
    structlog.get_logger().info("something", count=int(TEST_BSN), size_bytes=123456789)
    line = the_line(lines)
    assert (line["count"], line["size_bytes"]) == (HIDDEN, 123456789)


def test_lists_and_enumerations_of_plain_values_stay(lines: io.StringIO) -> None:
    class Colour(Enum):
        GREEN = 1

    structlog.get_logger().info("something", zone=Colour.GREEN, types=["Observation", "Goal"])
    line = the_line(lines)
    assert (line["zone"], line["types"]) == ("green", ["Observation", "Goal"])


def test_an_exception_leaves_its_class_and_place_but_not_its_message(lines: io.StringIO) -> None:
    try:
        try:
            raise KeyError(f"Zonnestraal {TEST_BSN}")
        except KeyError as error:
            raise RuntimeError("Zonnestraal has diabetes") from error
    except RuntimeError:
        structlog.get_logger().exception("unforeseen")
    line = the_line(lines)
    assert [each["class"] for each in line["exception"]] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert line["exception"][0]["at"][0].startswith("test_logs.py:")
    assert "Zonnestraal" not in lines.getvalue()


def test_other_peoples_loggers_go_the_same_way(lines: io.StringIO) -> None:
    try:
        raise ValueError(TEST_BSN)
    except ValueError:
        logging.getLogger("some.library").exception("GET %s failed", f"https://example.test/a?token={TOKEN}")
    line = the_line(lines)
    assert line["event"] == f"GET https://example.test/a?{HIDDEN} failed"
    assert line["exception"][0]["class"] == "builtins.ValueError"
    assert TEST_BSN not in lines.getvalue()


def test_a_library_that_logs_each_url_or_the_letters_of_a_text_is_kept_quiet(lines: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://example.test")
    logging.getLogger("fontTools.subset").info("Glyph names: %s", ["Z", "o", "n"])
    assert lines.getvalue() == ""
