"""Values of a query string are read as their parameter's kind wants."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequestError
from app.fhir.dates import microseconds
from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter, definitions
from app.fhir.search.expression import (
    DateValue,
    IdentifierValue,
    MissingValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from app.fhir.search.values import Surroundings, escape, read_value, split, unescape

AROUND = Surroundings(
    ZoneInfo("Europe/Amsterdam"), ("https://regie.example/fhir/r4",), datetime(2024, 1, 20, tzinfo=UTC)
)
UCUM = "http://unitsofmeasure.org"


def parameter(name: str, resource_type: str = "Observation") -> SearchParameter:
    return definitions(Release.R4).of(resource_type)[name]


def us(text: str) -> int:
    return microseconds(datetime.fromisoformat(text))


@given(st.lists(st.text(), min_size=1), st.sampled_from([",", "|", "$"]))
def test_escaped_parts_survive_being_joined_split_and_unescaped(parts: list[str], separator: str) -> None:
    joined = separator.join(escape(part) for part in parts)
    assert [unescape(part) for part in split(joined, separator)] == parts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("a\\,b,c", ["a\\,b", "c"]), ("a\\\\,b", ["a\\\\", "b"]), ("a\\", ["a\\"]), ("", [""]), (",", ["", ""])],
)
def test_only_separators_that_are_not_escaped_divide(text: str, wanted: list[str]) -> None:
    assert split(text, ",") == wanted


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("code", "8867-4", TokenValue(None, "8867-4")),
        ("code", "http://loinc.org|8867-4", TokenValue("http://loinc.org", "8867-4")),
        ("code", "http://loinc.org|", TokenValue("http://loinc.org", None)),
        ("code", "|8867-4", TokenValue("", "8867-4")),
        ("code", r"http://x.example/a\|b|c\,d", TokenValue("http://x.example/a|b", "c,d")),
        ("status", "http://hl7.org/fhir/observation-status|final", TokenValue(None, "final")),
        ("status", "|final", TokenValue(None, "final")),
        ("status", "http://x.example|final", TokenValue("http://x.example", "final")),
        (
            "status",
            "http://hl7.org/fhir/observation-status|x",
            TokenValue("http://hl7.org/fhir/observation-status", "x"),
        ),
        ("_profile", "http://x.example/p", UriValue("http://x.example/p")),
        ("value-string", "  Zoë  B ", StringValue("zoe b", "  Zoë  B ")),
    ],
)
def test_tokens_uris_and_strings_are_read(name: str, text: str, wanted: Value) -> None:
    assert read_value(parameter(name), None, text, AROUND) == wanted


@pytest.mark.parametrize(
    ("name", "modifier", "text", "wanted"),
    [
        ("subject", None, "Patient/1", ReferenceValue("Patient", "1")),
        ("subject", None, "1", ReferenceValue(None, "1")),
        ("patient", None, "1", ReferenceValue("Patient", "1")),
        ("subject", "Patient", "1", ReferenceValue("Patient", "1")),
        ("subject", "Patient", "Patient/1", ReferenceValue("Patient", "1")),
        ("subject", None, "https://regie.example/fhir/r4/Patient/1", ReferenceValue("Patient", "1")),
        ("subject", None, "Patient/1/_history/3", ReferenceValue("Patient", "1")),
        ("subject", None, "https://elders.example/Patient/1", ReferenceValue(url="https://elders.example/Patient/1")),
        ("subject", None, "urn:uuid:1", ReferenceValue(url="urn:uuid:1")),
        ("subject", "identifier", "urn:oid:1.2|3", IdentifierValue("urn:oid:1.2", "3")),
        ("subject", "identifier", "3", IdentifierValue(None, "3")),
        ("subject", "identifier", "|3", IdentifierValue("", "3")),
        ("subject", "identifier", "urn:oid:1.2|", IdentifierValue("urn:oid:1.2", None)),
        ("subject", "missing", "true", MissingValue(missing=True)),
        ("code", "missing", "false", MissingValue(missing=False)),
    ],
)
def test_references_and_modifiers_are_read(name: str, modifier: str | None, text: str, wanted: Value) -> None:
    assert read_value(parameter(name), modifier, text, AROUND) == wanted


def test_a_canonical_is_a_url_also_if_it_looks_like_an_id() -> None:
    questionnaire = parameter("questionnaire", "QuestionnaireResponse")
    assert read_value(questionnaire, None, "http://x.example/Questionnaire/q|2", AROUND) == ReferenceValue(
        url="http://x.example/Questionnaire/q|2"
    )
    assert read_value(questionnaire, None, "phq-9", AROUND) == ReferenceValue(url="phq-9")


@pytest.mark.parametrize(
    ("text", "prefix", "low", "high"),
    [
        ("2024-01-10", "eq", "2024-01-10T00:00:00+01:00", "2024-01-10T23:59:59.999999+01:00"),
        ("ge2024-01", "ge", "2024-01-01T00:00:00+01:00", "2024-01-31T23:59:59.999999+01:00"),
        ("lt2024-01-10T07:35:00Z", "lt", "2024-01-10T07:35:00+00:00", "2024-01-10T07:35:00.999999+00:00"),
        ("2024-01-10T07:35:00 02:00", "eq", "2024-01-10T07:35:00+02:00", "2024-01-10T07:35:00.999999+02:00"),
        ("ap2024-01-10T00:00:00Z", "ap", "2024-01-09T00:00:00.100000+00:00", "2024-01-11T00:00:00.899999+00:00"),
        ("ap2024-01-20", "ap", "2024-01-20T00:00:00+01:00", "2024-01-20T23:59:59.999999+01:00"),
    ],
)
def test_a_date_is_read_with_its_prefix(text: str, prefix: str, low: str, high: str) -> None:
    value = read_value(parameter("date"), None, text, AROUND)
    assert isinstance(value, DateValue)
    assert value.prefix == prefix
    assert abs(value.low - us(low)) <= 1
    assert abs(value.high - us(high)) <= 1


@pytest.mark.parametrize(
    ("text", "low", "inside", "outside"),
    [
        ("100", 99.5, 100.4999, 100.5),
        ("100.00", 99.995, 100.0049, 100.005),
        ("1e2", 95.0, 104.9999, 105.0),
        ("1.0e2", 95.0, 104.9999, 105.0),
        ("1.00E2", 99.5, 100.4999, 100.5),
        ("12e1", 115.0, 124.9999, 125.0),
        ("8e-1", 0.795, 0.80499, 0.805),
        ("0.8", 0.75, 0.8499, 0.85),
        ("8", 7.5, 8.4999, 8.5),
        ("5.40e-3", 0.005395, 0.0054049, 0.005405),
        ("-5.4", -5.45, -5.3501, -5.35),
    ],
)
def test_equal_to_a_number_is_what_rounds_to_its_digits(text: str, low: float, inside: float, outside: float) -> None:
    value = read_value(parameter("probability", "RiskAssessment"), None, text, AROUND)
    assert isinstance(value, NumberValue)
    assert value.low == low
    assert inside <= value.high < outside


def test_other_prefixes_take_the_number_itself() -> None:
    probability = parameter("probability", "RiskAssessment")
    assert read_value(probability, None, "gt0.50", AROUND) == NumberValue("gt", 0.5, 0.5)
    assert read_value(probability, None, "ap100", AROUND) == NumberValue("ap", 90.0, 110.0)
    assert read_value(probability, None, "ap-100", AROUND) == NumberValue("ap", -110.0, -90.0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gt140", QuantityValue("gt", 140.0, 140.0)),
        ("gt140||mm[Hg]", QuantityValue("gt", 140.0, 140.0, None, "mm[Hg]")),
        (f"gt140|{UCUM}|mm[Hg]", QuantityValue("gt", 140.0, 140.0, UCUM, "mm[Hg]", canonical=True)),
        (f"lt2|{UCUM}|h", QuantityValue("lt", 120.0, 120.0, UCUM, "min", canonical=True)),
        (f"lt2|{UCUM}|florps", QuantityValue("lt", 2.0, 2.0, UCUM, "florps")),
        ("lt2|http://x.example|h", QuantityValue("lt", 2.0, 2.0, "http://x.example", "h")),
    ],
)
def test_a_quantity_with_a_known_unit_is_compared_in_the_canonical_one(text: str, wanted: QuantityValue) -> None:
    assert read_value(parameter("value-quantity"), None, text, AROUND) == wanted


@pytest.mark.parametrize(
    ("name", "modifier", "text"),
    [
        ("code", None, "|"),
        ("code", None, "a|b|c"),
        ("status", None, "http://x.example|"),
        ("code", "missing", "yes"),
        ("subject", "identifier", "|"),
        ("subject", "identifier", "a|b|c"),
        ("subject", "Patient", "Group/1"),
        ("subject", None, "#p"),
        ("date", None, "yesterday"),
        ("date", None, "ge"),
        ("date", None, "ge2024-13"),
        ("date", None, "xx2024"),
        ("value-quantity", None, "many"),
        ("value-quantity", None, "1|mg"),
        ("value-quantity", None, "1|http://x.example|"),
        ("value-quantity", None, "1e999"),
        ("value-quantity", None, "NaN"),
        ("value-quantity", None, "1_000"),
        ("value-quantity", None, "\N{ARABIC-INDIC DIGIT ONE}"),
        ("value-string", None, "\u0301"),
    ],
)
def test_what_can_not_be_read_is_an_error_that_names_the_parameter_and_not_the_value(
    name: str, modifier: str | None, text: str
) -> None:
    with pytest.raises(BadRequestError) as refusal:
        read_value(parameter(name), modifier, text, AROUND)
    assert name in str(refusal.value)
    assert refusal.value.expression == f"http.{name}"
    assert len(text) < 3 or text not in str(refusal.value)


@given(st.sampled_from(["code", "subject", "date", "value-quantity", "value-string", "_profile"]), st.text(min_size=1))
def test_any_text_is_a_value_or_a_bad_request(name: str, text: str) -> None:
    with suppress(BadRequestError):
        read_value(parameter(name), None, text, AROUND)
