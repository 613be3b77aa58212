"""What has no page of its own: no type is forgotten, and whatever is there can be said."""

from datetime import date
from typing import Any

import pytest

from app.access.policy import DIRECTORY_TYPES
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.structure import resource_types
from app.portal.background import wishes
from app.portal.language import language
from app.portal.other_data import LEFT_OUT, PAGE_OF, TEXT_LENGTH_MAX, other_types, thing_of, things
from tests.support.made import Maker

NL = language("nl")
BOTH = pytest.mark.parametrize("release", list(Release))


@BOTH
def test_every_type_that_a_record_can_have_is_on_some_page(release: Release) -> None:
    kept = resource_types(release) - NOT_KEPT
    assert kept == set(other_types(release)) | (kept & (PAGE_OF.keys() | DIRECTORY_TYPES | {"Observation"}))
    assert not set(other_types(release)) & PAGE_OF.keys()
    assert LEFT_OUT.keys() <= PAGE_OF.keys()


@BOTH
def test_whatever_a_resource_has_it_is_said_in_words_of_a_length_that_can_be_read(release: Release) -> None:
    for name in (*other_types(release), "Observation"):
        for seed in range(6):
            tree = Maker(release, seed).resource(name) | {"text": {"div": "<div>Een verzonnen tekst</div>"}}
            one = thing_of(tree, NL)
            assert one.name or one.text, name
            assert len(one.text) <= TEXT_LENGTH_MAX


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"resourceType": "Procedure", "status": "not-done"}, "Is niet gedaan"),
        ({"resourceType": "Procedure", "status": "completed", "notDone": True}, "Is niet gedaan"),
        ({"resourceType": "Immunization", "status": "completed", "notGiven": True}, "Is niet gedaan"),
        ({"resourceType": "Appointment", "status": "cancelled"}, "Ging niet door"),
        ({"resourceType": "AllergyIntolerance", "clinicalStatus": "resolved"}, "Is voorbij"),
        ({"resourceType": "AllergyIntolerance", "clinicalStatus": {"coding": [{"code": "resolved"}]}}, "Is voorbij"),
        ({"resourceType": "AllergyIntolerance", "verificationStatus": "refuted"}, "Bleek niet zo te zijn"),
        ({"resourceType": "DocumentReference", "status": "superseded"}, "Is vervangen"),
        ({"resourceType": "Appointment", "status": "booked"}, ""),
    ],
)
def test_what_is_not_or_no_longer_so_is_said_to_be(resource: dict[str, Any], said: str) -> None:
    ((one,),) = things([resource | {"code": {"text": "Verzonnen"}}], NL).values()
    assert one.state == said


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "inactive"])
def test_a_wish_for_care_that_does_not_hold_is_said_here_and_not_as_one(status: str) -> None:
    wish = {"resourceType": "Consent", "status": status, "category": [{"coding": [{"code": "dnr"}]}]}
    ((one,),) = things([wish], NL).values()
    assert one.state
    assert wishes([wish], NL) == []
    held = wish | {"status": "active"}
    assert things([held], NL) == {}
    assert len(wishes([held], NL)) == 1


def test_what_was_entered_in_error_is_said_nowhere() -> None:
    wrong = {"resourceType": "Appointment", "status": "entered-in-error", "description": "Verzonnen"}
    assert things([wrong], NL) == {}


def test_a_thing_has_its_words_what_it_says_and_its_day() -> None:
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "code": {"text": "Longfoto"},
        "effectiveDateTime": "2026-02-01",
        "conclusion": "Geen bijzonderheden",
    }
    (lines,) = things([report, dict(report)], NL).values()
    assert [(one.name, one.text, one.on) for one in lines] == [("Longfoto", "Geen bijzonderheden", date(2026, 2, 1))]


def test_what_has_no_narrative_is_said_by_the_words_inside_it() -> None:
    stay = {"resourceType": "Account", "name": "Rekening", "owner": {"display": "Ziekenhuis Verzonnen"}, "id": "a-1"}
    assert thing_of(stay, NL).text == "Rekening; Ziekenhuis Verzonnen"
