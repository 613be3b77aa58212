"""What ``make oracle`` makes of two opinions: agreement, an explained difference, or something that is wrong."""

import pytest

from app.fhir.release import Release
from tests.conformance.oracle import Case, Opinion, explanations, report

BLANK = (
    "Patient.name[0].family",
    "family must be text that is not blank, without control characters, of at most 1 character.",
)
MISSING = ("Observation.status", "status is required.")


def opinion(regie: list[tuple[str, str]], hl7: list[tuple[str, str]], fault: str = "") -> Opinion:
    case = Case("one fault against FHIR" if fault else "fixtures", "one", "{}", "kind" if fault else "", fault)
    return Opinion(case, Release.R4, regie, hl7)


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (opinion([], []), "valid"),
        (opinion([MISSING], [("Observation", "minimum required = 1")]), "invalid"),
        (opinion([MISSING], [("Observation.code.coding[0].code", "unknown")]), "other place"),
        (opinion([MISSING], []), "only Regie"),
        (opinion([], [("Observation", "minimum required = 1")]), "only HL7"),
    ],
)
def test_two_opinions_agree_or_differ(one: Opinion, verdict: str) -> None:
    assert one.verdict == verdict


def test_what_both_find_and_what_is_explained_is_not_wrong() -> None:
    found = [opinion([], []), opinion([MISSING], [MISSING], "Observation.status"), opinion([BLANK], [], BLANK[0])]
    text, wrong = report(found)
    assert wrong == []
    assert "| fixtures | 1 | 1 | 0 | 0 | 0 | 0 |  |" in text
    assert "| one fault against FHIR | 2 | 0 | 1 | 0 | 0 | 1 | 2 of 2 |" in text
    assert "| only Regie | 1 | A text of white space only" in text


@pytest.mark.parametrize(
    "one",
    [
        opinion([MISSING], []),
        opinion([BLANK, MISSING], []),
        opinion([], [("Observation", "minimum required = 1")]),
        opinion([MISSING], [MISSING], "Observation.code"),
        opinion([], [], "Observation.code"),
    ],
    ids=["only Regie", "explained in part", "only HL7", "fault found elsewhere", "fault missed"],
)
def test_a_difference_without_reason_and_a_missed_fault_are_wrong(one: Opinion) -> None:
    assert len(report([one])[1]) == 1


def test_every_difference_has_a_reason() -> None:
    assert len(explanations()) >= 5
    assert all(one.who in ("Regie", "HL7") and len(one.why) > 30 for one in explanations())
