"""What is written in a diary: who says that it is sensitive, and what becomes of other labels."""

from datetime import UTC, datetime

import pytest

from app.fhir.diary import DiaryEntry, DiaryKind, diary_amended, diary_observation
from app.fhir.labels import CONFIDENTIALITY, is_restricted
from app.fhir.release import Release

ENTRY = DiaryEntry(DiaryKind.COMPLAINT, "Hoofdpijn", datetime(2026, 3, 1, 8, tzinfo=UTC))
SENSITIVE = DiaryEntry(ENTRY.kind, ENTRY.text, ENTRY.at, is_sensitive=True)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("code", ["R", "V"])
def test_what_another_program_labelled_is_sensitive_until_its_person_says_otherwise(
    release: Release, code: str
) -> None:
    label, other = {"system": CONFIDENTIALITY[release], "code": code}, {"system": "https://example.org", "code": "a"}
    tree = {**diary_observation(ENTRY, release, "1"), "meta": {"security": [label, other]}}
    assert is_restricted(tree)
    assert diary_amended(tree, SENSITIVE, release)["meta"]["security"] == [label, other]
    opened = diary_amended(tree, ENTRY, release)
    assert opened["meta"]["security"] == [other]
    assert not is_restricted(opened)
