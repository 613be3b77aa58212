"""Which format a body is in, and which one an answer gets."""

import pytest

from app.errors import MediaTypeError, NotAcceptableError
from app.fhir.release import Release
from app.rest.formats import Format, format_accepted, format_asked, format_sent

R4, JSON, XML = Release.R4, Format.JSON, Format.XML


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/fhir+json", JSON),
        ("application/json", JSON),
        ("application/json+fhir", JSON),
        ("text/json", JSON),
        ("application/fhir+xml", XML),
        ("application/xml", XML),
        ("application/xml+fhir", XML),
        ("text/xml", XML),
        (" Application/FHIR+XML ; Charset=UTF-8", XML),
        ('application/fhir+xml; charset="utf-8"; fhirVersion=4.0', XML),
        ('application/fhir+json; fhirVersion="4.0"', JSON),
    ],
)
def test_a_body_is_in_the_format_that_its_content_type_names(content_type: str, form: Format) -> None:
    assert format_sent(R4, content_type) is form


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "xml",
        "*/*",
        "application/*",
        "application/xhtml+xml",
        "application/fhir+xml; fhirVersion=3.0",
        "application/fhir+xml; charset=utf-16",
        "application/xml; charset=iso-8859-1",
        "application/fhir+json; charset=utf-7",
    ],
)
def test_a_body_in_anything_else_is_refused(content_type: str) -> None:
    with pytest.raises(MediaTypeError):
        format_sent(R4, content_type)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/fhir+xml", XML),
        ("application/xml", XML),
        ("text/xml", XML),
        ("text/xml;q=0.1", XML),
        ("application/fhir+json, application/fhir+xml", JSON),
        ("application/fhir+xml, application/fhir+json", JSON),
        ("application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9", JSON),
        ("application/fhir+json;q=0.8, application/fhir+xml;q=0.9", XML),
        ("application/fhir+json;q=0.9, application/fhir+xml;q=0.8", JSON),
        ("application/fhir+xml, */*;q=0.1", XML),
        ("application/fhir+xml;q=0.1, */*", JSON),
        ("*/*;q=0.1, application/xml;q=0.2", XML),
        ("application/*", JSON),
        ("text/*", JSON),
        ("*/*", JSON),
        ("*/*, application/json;q=0", XML),
        ("application/json;q=0, application/fhir+json", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", XML),
        ("application/fhir+json;fhirVersion=3.0, application/fhir+xml;fhirVersion=4.0", XML),
        ("application/fhir+json;fhirVersion=3.0, */*;q=0.5", JSON),
        ("application/fhir+xml;q=zero", XML),
        (", ;q=1, application/fhir+xml ;Q=0.5", XML),
    ],
)
def test_an_answer_is_in_the_format_that_is_accepted_most(accept: str, form: Format) -> None:
    assert format_accepted(R4, accept) is form


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "image/*",
        "application/fhir+xml;q=0",
        "application/json;q=0",
        "*/*;q=0.000",
        "application/fhir+xml;fhirVersion=3.0",
        "application/fhir+turtle",
    ],
)
def test_where_neither_is_accepted_there_is_no_answer(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        format_accepted(R4, accept)


def test_who_asks_for_another_release_is_told_which_one_this_is() -> None:
    with pytest.raises(NotAcceptableError, match=r"FHIR 4\.0"):
        format_accepted(R4, "application/fhir+xml;fhirVersion=3.0, text/html")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("json", JSON),
        ("xml", XML),
        ("XML", XML),
        ("text/xml", XML),
        ("application/fhir+xml", XML),
        ("application/fhir xml", XML),
        ("application/fhir+xml; fhirVersion=4.0", XML),
        ("application/xml", XML),
        ("application/json", JSON),
        ("*/*", JSON),
    ],
)
def test_a_format_is_asked_by_any_of_its_names(text: str, form: Format) -> None:
    assert format_asked(R4, text) is form


@pytest.mark.parametrize("text", ["", "html", "ttl", "text/html", "application/fhir+xml; fhirVersion=3.0", "xml, json"])
def test_a_format_that_is_not_known_is_not_acceptable(text: str) -> None:
    with pytest.raises(NotAcceptableError):
        format_asked(R4, text)
