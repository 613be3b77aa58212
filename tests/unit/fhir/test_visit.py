"""What is prepared for a visit, as a Communication, and back."""

from dataclasses import replace
from datetime import date

import pytest

from app.fhir.own_plan import Moment
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import parse
from app.fhir.visit import DAY, ToPractice, Visit, Withdrawn, prepared_of

NOW = Moment("2026-11-26T11:30:00+01:00", "Patient/example")
PRACTICE = ToPractice("0123456789abcdef", "Huisartsenpraktijk De Regenton", ((Release.R4, "example"),))
WANTED = Visit(
    PRACTICE,
    ("Waarom word ik zo vroeg wakker?", "Kan het met minder pillen?"),
    ((Release.R4, "Goal/1"), (Release.STU3, "Observation/2")),
    date(2026, 12, 1),
    "https://regie.test",
)
BOTH = pytest.mark.parametrize("release", list(Release))


@BOTH
def test_what_is_prepared_keeps_its_profile_and_comes_back(release: Release) -> None:
    tree = WANTED.new(release, NOW)
    parse(release, encode_tree(tree))
    own = Profiles(release, Library(PROFILES / "none", PROFILES).definitions(release).resolved)
    assert own.validate(tree) == []
    found = prepared_of(tree, release)
    assert found is not None
    assert (found.questions, found.about, found.day) == (WANTED.questions, WANTED.about, WANTED.day)
    assert (found.practice_id, found.practice, found.is_withdrawn) == (PRACTICE.practice_id, PRACTICE.name, False)
    assert (tree["sender"], found.by) == ({"reference": NOW.patient}, "")
    assert "display" not in str(tree["payload"])


@BOTH
def test_who_acts_for_the_person_is_the_sender_of_what_they_wrote(release: Release) -> None:
    own = Profiles(release, Library(PROFILES / "none", PROFILES).definitions(release).resolved)
    tree = replace(WANTED, by="Maanlicht-Testouder").new(release, NOW)
    parse(release, encode_tree(tree))
    assert own.validate(tree) == []
    found = prepared_of(tree, release)
    assert found is not None
    assert (found.by, tree["subject"]) == ("Maanlicht-Testouder", {"reference": NOW.patient})
    mended = WANTED.amended({**tree, "id": "1"}, release, NOW)
    assert mended["sender"] == {"reference": NOW.patient}, "the person wrote what stands now"
    assert prepared_of({**tree, "sender": {"reference": "Practitioner/1", "display": "Arts"}}, release) is None


@BOTH
def test_what_is_changed_keeps_what_is_not_of_the_form(release: Release) -> None:
    tree = WANTED.new(release, NOW) | {"id": "1", "note": [{"text": "Al gebeld."}]}
    tree["extension"] = [{"url": "https://example.org/other", "valueString": "x"}, *tree["extension"]]
    changed = replace(WANTED, questions=("Alleen dit",), about=(), day=None).amended(tree, release, NOW)
    parse(release, encode_tree(changed))
    assert changed["note"] == tree["note"]
    assert [one["url"] for one in changed["extension"]] == ["https://example.org/other"]
    assert changed["payload"] == [{"contentString": "Alleen dit"}]
    assert DAY not in str(changed)


@BOTH
def test_what_is_withdrawn_is_prepared_no_more(release: Release) -> None:
    gone = Withdrawn().amended(WANTED.new(release, NOW), release, NOW)
    parse(release, encode_tree(gone))
    found = prepared_of(gone, release)
    assert found is not None
    assert found.is_withdrawn
    assert not WANTED.fits(gone)


def test_a_message_of_another_kind_or_of_somebody_else_prepares_nothing() -> None:
    tree = WANTED.new(Release.R4, NOW)
    assert prepared_of({**tree, "meta": {}}, Release.R4) is None
    assert prepared_of({**tree, "sender": {"reference": "Practitioner/1"}}, Release.R4) is None
    other = prepared_of({**tree, "recipient": [{"reference": "Organization/1"}]}, Release.R4)
    assert other is not None
    assert other.practice_id == ""
    assert not WANTED.fits({**tree, "recipient": [{"reference": "Organization/1"}]})


def test_the_day_of_a_visit_is_not_over_on_that_day() -> None:
    found = prepared_of(WANTED.new(Release.R4, NOW), Release.R4)
    assert found is not None
    assert not found.is_over(date(2026, 12, 1))
    assert found.is_over(date(2026, 12, 2))


def test_what_is_on_another_server_is_nothing_of_the_record() -> None:
    tree = WANTED.new(Release.R4, NOW)
    tree["payload"] = [
        {"contentReference": {"reference": "https://example.org/fhir/r4/Goal/1"}},
        {"contentReference": {"reference": "https://example.org/Goal/1"}},
        {"contentReference": {"display": "iets"}},
        {"contentReference": {"reference": "Goal/2"}},
    ]
    found = prepared_of(tree, Release.R4)
    assert found is not None
    assert found.about == ((Release.R4, "Goal/2"),)
