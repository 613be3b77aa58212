"""The medication overview: what is used now, what is planned, what was stopped."""

from datetime import date
from typing import Any

from app.portal.language import language
from app.portal.medication import State, agreement_of, overview

DUTCH = language("nl")
TODAY = date(2026, 11, 25)
NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"


def block(
    resource_type: str = "MedicationRequest",
    start: str | None = "2026-01-01",
    end: str | None = None,
    treatment: str = "t1",
    how: str = "1 keer per dag 1 tablet",
    code: str = "33633005",
    **more: Any,
) -> dict[str, Any]:
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    dosage = "dosage" if resource_type == "MedicationStatement" else "dosageInstruction"
    return {
        "resourceType": resource_type,
        "status": "active",
        "category": [{"coding": [{"code": code}]}],
        "medicationReference": {"reference": "Medication/1", "display": "Proefmiddel 10 mg"},
        "extension": [
            {"url": NICTIZ + "ext-TimeInterval.Period", "valuePeriod": period},
            {"url": NICTIZ + "ext-PharmaceuticalTreatment.Identifier", "valueIdentifier": {"value": treatment}},
        ],
        dosage: [{"text": how}],
        **more,
    }


def stop(last: str, **more: Any) -> dict[str, Any]:
    mark = {"url": NICTIZ + "ext-StopType", "valueCodeableConcept": {"coding": [{"code": "410546004"}]}}
    return block(end=last, modifierExtension=[mark], **more)


def shown(*resources: dict[str, Any]) -> dict[State, list[Any]]:
    found = [agreement_of(resource, {}, DUTCH) for resource in resources]
    return overview([one for one in found if one], TODAY)


def names(found: dict[State, list[Any]]) -> dict[State, list[str]]:
    return {state: [one.name for one in medicines] for state, medicines in found.items()}


def test_an_agreement_without_end_is_used_now() -> None:
    assert names(shown(block())) == {State.NOW: ["Proefmiddel 10 mg"], State.PLANNED: [], State.STOPPED: []}


def test_the_last_day_of_an_agreement_still_counts() -> None:
    assert shown(block(end="2026-11-25"))[State.NOW]
    assert shown(block(end="2026-11-24"))[State.STOPPED]


def test_an_agreement_that_starts_later_is_planned() -> None:
    assert shown(block(start="2026-11-26"))[State.PLANNED]


def test_the_building_blocks_of_one_treatment_are_one_medicine() -> None:
    found = shown(
        block(note=[{"text": "Reden: proef."}]),
        block("MedicationDispense", code="422037009", how="1 tablet per dag, volgens apotheek"),
        block("MedicationStatement", code="422979000", how="Ik neem er 1 per dag", reasonCode=[{"text": "proef"}]),
    )
    (one,) = found[State.NOW]
    assert one.how == "Ik neem er 1 per dag"
    assert one.why == "proef"
    assert one.note == ""


def test_a_request_to_dispense_and_a_dispense_are_no_agreements() -> None:
    request = block(code="52711000146108")
    dispense = block("MedicationDispense", code="373784005")
    assert shown(request, dispense) == {State.NOW: [], State.PLANNED: [], State.STOPPED: []}


def test_a_stop_ends_the_agreement_before_it() -> None:
    found = shown(
        block(authoredOn="2026-01-01"),
        stop("2026-06-30", authoredOn="2026-06-30", note=[{"text": "Gestopt: te veel hoesten."}]),
    )
    (one,) = found[State.STOPPED]
    assert one.end == date(2026, 6, 30)
    assert one.note == "Gestopt: te veel hoesten."


def test_a_stop_leaves_a_later_agreement_alone() -> None:
    again = block(start="2026-08-01", authoredOn="2026-08-01")
    found = shown(block(authoredOn="2026-01-01"), stop("2026-06-30", authoredOn="2026-06-30"), again)
    assert names(found)[State.NOW] == ["Proefmiddel 10 mg"]


def test_a_change_that_is_coming_is_said_with_what_is_used_now() -> None:
    found = shown(block(end="2026-12-07"), block(start="2026-12-08", how="2 keer per dag 1 tablet"))
    (one,) = found[State.NOW]
    assert (one.how, one.next_how, one.next_start) == (
        "1 keer per dag 1 tablet",
        "2 keer per dag 1 tablet",
        date(2026, 12, 8),
    )
    assert found[State.PLANNED] == []


def test_medicines_without_a_treatment_are_kept_apart_by_name() -> None:
    first = block(extension=[], medicationReference={"display": "Proefmiddel A"}, authoredOn="2026-01-01")
    second = block(extension=[], medicationReference={"display": "Proefmiddel B"}, authoredOn="2026-01-01")
    assert names(shown(second, first))[State.NOW] == ["Proefmiddel A", "Proefmiddel B"]


def test_a_product_without_display_is_named_by_the_medication() -> None:
    found = agreement_of(block(medicationReference={"reference": "Medication/7"}), {"Medication/7": "Uit lijst"}, DUTCH)
    assert found is not None
    assert found.name == "Uit lijst"


def test_a_dosage_without_text_is_said_from_its_parts() -> None:
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    bare = block(
        dosageInstruction=[{"timing": timing, "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}]
    )
    found = agreement_of(bare, {}, DUTCH)
    assert found is not None
    assert found.how == "1\u00a0tablet, 2 keer per dag"


def test_what_was_entered_in_error_is_not_shown() -> None:
    assert agreement_of(block() | {"status": "entered-in-error"}, {}, DUTCH) is None
