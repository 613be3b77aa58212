"""Literal references are taken apart without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.reference import FragmentReference, LiteralReference, UriReference, is_to_any, localize, parse_reference

IDS = st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)
BASES = st.none() | st.sampled_from(["https://zorg.example/fhir", "http://a.example:8080/r4/x"])


@given(st.builds(LiteralReference, st.sampled_from(["Patient", "MedicationRequest"]), IDS, BASES, st.none() | IDS))
def test_a_literal_reference_survives_being_written_and_read(reference: LiteralReference) -> None:
    assert parse_reference(str(reference)) == reference


@given(st.text())
def test_any_text_is_some_kind_of_reference_and_keeps_its_characters(text: str) -> None:
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Patient/1", LiteralReference("Patient", "1")),
        ("Patient/1/_history/2", LiteralReference("Patient", "1", None, "2")),
        ("https://a.example/fhir/Patient/1", LiteralReference("Patient", "1", "https://a.example/fhir")),
        ("#med", FragmentReference("med")),
        ("#", FragmentReference("")),
        (
            "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
            UriReference("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
        ),
        ("patient/1", UriReference("patient/1")),
        ("/Patient/1", UriReference("/Patient/1")),
        ("Patient/1?x", UriReference("Patient/1?x")),
        ("Patient/" + "a" * 65, UriReference("Patient/" + "a" * 65)),
        ("http://x.example/Questionnaire/q|2.0", UriReference("http://x.example/Questionnaire/q|2.0")),
    ],
)
def test_each_form_is_recognised(text: str, wanted: object) -> None:
    assert parse_reference(text) == wanted


def test_a_url_of_this_server_is_relative_without_version_and_another_servers_stays_whole() -> None:
    ours = ("https://regie.example/fhir/r4",)
    assert str(localize("https://regie.example/fhir/r4/Patient/1/_history/3", ours)) == "Patient/1"
    assert str(localize("https://elders.example/fhir/Patient/1", ours)) == "https://elders.example/fhir/Patient/1"
    assert str(localize("https://regie.example/fhir/r4x/Patient/1", ours)) == "https://regie.example/fhir/r4x/Patient/1"


def test_a_type_is_told_by_the_text_only() -> None:
    assert is_to_any("https://a.example/Patient/1", ("Patient", "Group"))
    assert not is_to_any("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", ("Patient",))
