"""The GP summary: problems, allergies, what was done, contacts, vaccinations."""

from datetime import date
from typing import Any

from app.portal.summary import alerts, allergies, contacts, done, problems, says_no_allergies, vaccinations

LINES = "http://fhir.nl/fhir/NamingSystem/journaalregeltypen"


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


def test_the_gps_own_notes_are_never_shown() -> None:
    lines = [{"id": code, "valueString": f"tekst {code}"} for code in "SOEP"]
    report = {"date": "2026-03-01", "section": [section(code, code) for code in "SOEP"]}
    (contact,) = contacts([report], lines)
    assert contact.lines == (("E", "tekst E"), ("P", "tekst P"))


def test_contacts_come_newest_first_and_only_the_last_fifty() -> None:
    found = contacts([{"date": f"{year}-01-12"} for year in range(1950, 2010)], [])
    assert len(found) == 50
    assert str(found[0].on) == "2009-01-12"


def test_only_vaccinations_that_were_given_are_shown() -> None:
    given = {"status": "completed", "vaccineCode": {"text": "Griepprik"}, "date": "2026-10-21"}
    assert [name for name, _ in vaccinations([given, {**given, "notGiven": True}])] == ["Griepprik"]


NONE_KNOWN = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}


def test_that_there_are_no_allergies_is_said_only_if_somebody_recorded_it() -> None:
    said = {"code": NONE_KNOWN, "clinicalStatus": "active", "assertedDate": "2025-04-01"}
    assert allergies([said]) == []
    assert says_no_allergies([said]) == date(2025, 4, 1)
    assert says_no_allergies([]) is None
    assert says_no_allergies([{**said, "verificationStatus": "entered-in-error"}]) is None
    assert says_no_allergies([{"code": NONE_KNOWN, "clinicalStatus": "active"}]) == date.min


def test_a_problem_that_was_refuted_is_not_shown() -> None:
    assert problems([{"code": {"text": "Astma"}, "verificationStatus": "refuted"}], []) == []


def test_what_was_done_comes_newest_first_with_its_reason_and_outcome() -> None:
    eye = {
        "status": "completed",
        "code": {"text": "Staaroperatie"},
        "performedPeriod": {"start": "2022-06-14"},
        "reasonReference": [{"display": "staar"}],
        "performer": [{"actor": {"display": "M. Meetlat-Testarts"}}],
        "outcome": {"text": "Goed verlopen."},
    }
    foot = {"status": "completed", "code": {"text": "Voetcontrole"}, "performedDateTime": "2026-01-01"}
    found = done([eye, foot, {**foot, "status": "entered-in-error"}, {"status": "completed"}])
    assert [(one.name, one.on) for one in found] == [
        ("Voetcontrole", date(2026, 1, 1)),
        ("Staaroperatie", date(2022, 6, 14)),
    ]
    assert (found[1].by, found[1].why, found[1].outcome) == ("M. Meetlat-Testarts", "staar", "Goed verlopen.")


def test_an_alert_that_came_twice_is_said_once_and_an_old_one_not_at_all() -> None:
    one = {"status": "active", "code": {"text": "Kans op een lage suiker"}}
    assert alerts([one, one, {"status": "inactive", "code": {"text": "Oud"}}]) == ["Kans op een lage suiker"]
