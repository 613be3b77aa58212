"""Daily life, wishes for care, family and devices, as they come in both releases."""

from datetime import date
from typing import Any

import pytest

from app.fhir.elements import plain
from app.portal.background import devices, family, life, wishes
from app.portal.language import language
from app.portal.summary import by_problem, contacts, problem_names

NL = language("nl")
SNOMED = "http://snomed.info/sct"


def concept(code: str, text: str = "", system: str = SNOMED) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def test_answers_about_daily_life_are_newest_first_by_what_they_are_about() -> None:
    smoking = {"status": "final", "code": concept("365980008")}
    found = life(
        [
            smoking | {"effectiveDateTime": "2020-01-01", "valueCodeableConcept": {"text": "rookt"}},
            smoking
            | {"effectiveDateTime": "2024-01-01", "valueCodeableConcept": {"text": "gestopt"}, "comment": "In mei."},
            smoking | {"status": "entered-in-error", "effectiveDateTime": "2025-01-01"},
        ],
        NL,
    )
    assert list(found) == ["Roken"]
    assert [(one.value, one.more, one.on) for one in found["Roken"]] == [
        ("gestopt", ("In mei.",), date(2024, 1, 1)),
        ("rookt", (), date(2020, 1, 1)),
    ]


def test_how_much_somebody_drinks_stands_beside_whether_they_do() -> None:
    amount = {"code": {"text": "Hoeveelheid"}, "valueQuantity": {"value": 2, "unit": "glazen per week"}}
    (lines,) = life([{"code": concept("228273003"), "component": [amount]}], NL).values()
    assert lines[0].more == ("Hoeveelheid: 2\N{NO-BREAK SPACE}glazen per week",)


@pytest.mark.parametrize(("code", "said"), [("JA", "Ja"), ("NEE", "Nee"), ("JA_MAAR", "Ja, maar")])
def test_a_treatment_directive_of_stu3_says_whether_it_is_wanted(code: str, said: str) -> None:
    own = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-"
    consent = {
        "status": "active",
        "category": [concept("11291000146105")],
        "dateTime": "2024-05-01",
        "extension": [{"url": own + "Treatment", "valueCodeableConcept": {"text": "Reanimatie"}}],
        "modifierExtension": [
            {"url": own + "TreatmentPermitted", "valueCodeableConcept": concept(code, system="urn:oid:1")}
        ],
    }
    assert [(one.name, one.value, one.on) for one in wishes([consent], NL)] == [("Reanimatie", said, date(2024, 5, 1))]
    assert wishes([consent | {"status": "entered-in-error"}], NL) == []


def test_a_treatment_directive_and_a_living_will_of_r4_are_wishes() -> None:
    refused = {
        "status": "active",
        "category": [concept("129125009")],
        "provision": {"type": "deny", "code": [{"text": "Beademing"}]},
    }
    will = {"status": "active", "category": [concept("11341000146107"), {"text": "Levenstestament"}]}
    found = {one.name: one.value for one in wishes([refused, will, {"category": [concept("x")]}], NL)}
    assert found == {"Beademing": "Nee", "Levenstestament": ""}


def test_an_illness_of_a_relative_is_said_with_the_age() -> None:
    age = {"value": 61, "unit": "jaar", "code": "a"}
    history = {"relationship": {"text": "moeder"}, "condition": [{"code": {"text": "Diabetes"}, "onsetAge": age}]}
    (one,) = family([history], NL)
    assert (one.name, one.value) == ("moeder", "Diabetes, 61\N{NO-BREAK SPACE}jaar")


def test_a_device_is_called_by_its_product_and_shown_once() -> None:
    products: list[dict[str, Any]] = [
        {"resourceType": "Device", "id": "a", "type": {"text": "Pacemaker"}},
        {"resourceType": "Device", "id": "b", "deviceName": [{"name": "Meter"}]},
    ]
    uses = [{"status": "active", "device": {"reference": "Device/a"}, "whenUsed": {"start": "2020-01-01"}}]
    assert [(one.name, one.on) for one in devices(uses, products)] == [("Pacemaker", date(2020, 1, 1)), ("Meter", None)]


CONDITION = {"resourceType": "Condition", "id": "c", "code": {"text": "Suikerziekte"}}
EPISODE = {"resourceType": "EpisodeOfCare", "id": "e", "diagnosis": [{"condition": {"reference": "Condition/c"}}]}
VISIT = {
    "resourceType": "Encounter",
    "id": "v",
    "status": "finished",
    "class": {"code": "AMB", "display": "Op de polikliniek"},
    "period": {"start": "2026-02-03"},
    "participant": [{"individual": {"display": "Dr. Verzonnen"}}],
    "episodeOfCare": [{"reference": "EpisodeOfCare/e"}],
}


def test_a_contact_without_a_report_is_shown_with_what_it_was_about() -> None:
    names = problem_names([CONDITION], [EPISODE])
    (one,) = contacts([], [], [VISIT], names)
    assert (one.what, one.who, one.about) == ("Op de polikliniek", "Dr. Verzonnen", ("Suikerziekte",))
    assert by_problem([one]) == {"Suikerziekte": [one]}


def test_a_contact_with_a_report_is_shown_once() -> None:
    report = {"date": "2026-02-03", "encounter": {"reference": "Encounter/v"}, "author": [{"display": "Dr. Verzonnen"}]}
    (one,) = contacts([report], [], [VISIT], problem_names([CONDITION], [EPISODE]))
    assert (one.what, one.about) == ("Op de polikliniek", ("Suikerziekte",))


def test_a_section_of_another_report_is_read_from_its_text_and_a_gps_own_notes_never_are() -> None:
    lines = "http://fhir.nl/fhir/NamingSystem/journaalregeltypen"
    said = {"div": "<div>Het <b>gaat</b> goed &amp; wel</div>"}
    sections = [{"title": "Beloop", "text": said}] + [
        {"title": code, "code": concept(code, system=lines), "text": {"div": "<div>geheim</div>"}} for code in "SO"
    ]
    (one,) = contacts([{"date": "2026-02-03", "section": sections}], [])
    assert one.lines == (("Beloop", "Het gaat goed & wel"),)
    assert plain(None) == ""
