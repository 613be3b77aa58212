"""The GP summary: problems, allergies, results, contacts."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.portal.language import language
from app.portal.summary import allergies, contacts, problems, results, vaccinations

DUTCH = language("nl")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LINES = "http://fhir.nl/fhir/NamingSystem/journaalregeltypen"


def result(on: str, value: str, low: str | None = None, high: str | None = None) -> dict[str, Any]:
    bounds = {name: {"value": Decimal(bound)} for name, bound in (("low", low), ("high", high)) if bound}
    return {
        "status": "final",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "49581000146104"}]}],
        "code": {"text": "Kalium"},
        "effectiveDateTime": on,
        "valueQuantity": {"value": Decimal(value), "code": "mmol/L"},
        "referenceRange": [bounds] if bounds else [],
    }


def section(code: str, line: str) -> dict[str, Any]:
    return {
        "title": code,
        "code": {"coding": [{"system": LINES, "code": code}]},
        "entry": [{"reference": f"Observation/{line}"}],
    }


def test_a_problem_that_came_in_both_releases_is_shown_once() -> None:
    old = {"code": {"text": "Hoge bloeddruk"}, "clinicalStatus": "active", "onsetDateTime": "2015-03-02"}
    status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    assert [one.name for one in problems([old, {**old, "clinicalStatus": status}], [])] == ["Hoge bloeddruk"]


def test_open_problems_come_first_newest_first() -> None:
    found = problems(
        [
            {"code": {"text": "Oud"}, "clinicalStatus": "resolved", "onsetDateTime": "2024-01-01"},
            {"code": {"text": "Lang"}, "clinicalStatus": "active", "onsetDateTime": "2010-01-01"},
            {"code": {"text": "Kort"}, "clinicalStatus": "active", "onsetDateTime": "2020-01-01"},
        ],
        [],
    )
    assert [(one.name, one.is_open) for one in found] == [("Kort", True), ("Lang", True), ("Oud", False)]


def test_an_episode_without_its_problem_is_a_problem() -> None:
    title = {"url": "http://nictiz.nl/fhir/StructureDefinition/EpisodeOfCare-Title", "valueString": "Astma"}
    (one,) = problems([], [{"status": "active", "extension": [title], "period": {"start": "2020-05-01"}}])
    assert (one.name, one.is_open) == ("Astma", True)


def test_a_problem_that_was_entered_in_error_is_not_shown() -> None:
    wrong = {"code": {"text": "Fout"}, "clinicalStatus": "active", "verificationStatus": "entered-in-error"}
    assert problems([wrong], []) == []


def test_dangerous_allergies_come_first() -> None:
    found = allergies(
        [
            {"code": {"text": "Appel"}, "clinicalStatus": "active", "criticality": "low"},
            {"code": {"text": "Penicilline"}, "clinicalStatus": "active", "criticality": "high"},
            {"code": {"text": "Pinda"}, "clinicalStatus": "resolved", "criticality": "high"},
        ]
    )
    assert [(one.name, one.is_severe) for one in found] == [("Penicilline", True), ("Appel", False)]


def test_a_result_is_held_against_its_own_reference_range() -> None:
    (row,) = results(
        [result("2026-03-01", "5.4", "3.5", "5.0"), result("2026-01-01", "4.1", "3.5", "5.0")], AMSTERDAM, DUTCH
    )
    assert (row.value, row.normal, row.state) == ("5,4\u00a0mmol/l", "3,5 tot 5,0", 1)
    assert [value for _, value in row.earlier] == ["4,1"]


def test_a_result_without_bounds_is_not_judged() -> None:
    (row,) = results([result("2026-03-01", "5.4")], AMSTERDAM, DUTCH)
    assert (row.normal, row.state) == ("", None)


def test_a_home_glucose_is_no_laboratory_result() -> None:
    glucose = result("2026-03-01", "6.4") | {"code": {"coding": [{"system": "http://loinc.org", "code": "14770-2"}]}}
    assert results([glucose], AMSTERDAM, DUTCH) == []


def test_the_gps_own_notes_are_never_shown() -> None:
    lines = [{"id": code, "valueString": f"tekst {code}"} for code in "SOEP"]
    report = {"date": "2026-03-01", "section": [section(code, code) for code in "SOEP"]}
    (contact,) = contacts([report], lines)
    assert contact.lines == (("E", "tekst E"), ("P", "tekst P"))


def test_contacts_come_newest_first_and_only_the_last_ten() -> None:
    found = contacts([{"date": f"2026-01-{day:02}"} for day in range(1, 13)], [])
    assert len(found) == 10
    assert str(found[0].on) == "2026-01-12"


def test_only_vaccinations_that_were_given_are_shown() -> None:
    given = {"status": "completed", "vaccineCode": {"text": "Griepprik"}, "date": "2026-10-21"}
    assert [name for name, _ in vaccinations([given, {**given, "notGiven": True}])] == ["Griepprik"]
