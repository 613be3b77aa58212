"""Which references a resource holds, and what a literal reference tells."""

import pytest

from app.fhir.validation.references import references, target_type


def test_every_reference_is_found_with_its_place() -> None:
    tree = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/1"},
        "performer": [{"display": "somebody"}, {"reference": "#p"}],
        "contained": [{"resourceType": "Practitioner", "id": "p", "extension": [{"url": "urn:a", "valueReference": {"reference": "Organization/2"}}]}],
        "component": [{"extension": [{"url": "urn:b", "valueReference": {"reference": "urn:uuid:c"}}]}],
    }  # fmt: skip
    assert list(references(tree)) == [
        ("Observation.subject.reference", "Patient/1"),
        ("Observation.performer[1].reference", "#p"),
        ("Observation.contained[0].extension[0].valueReference.reference", "Organization/2"),
        ("Observation.component[0].extension[0].valueReference.reference", "urn:uuid:c"),
    ]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("Patient/1", "Patient"),
        ("Patient/1/_history/2", "Patient"),
        ("http://example.org/fhir/Patient/1", "Patient"),
        ("http://example.org/fhir/Patient/1/_history/2", "Patient"),
        ("Patient?identifier=a|b/c", "Patient"),
        ("#contained", None),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", None),
        ("1", None),
    ],
)
def test_a_literal_reference_names_its_type(reference: str, name: str | None) -> None:
    assert target_type(reference) == name
