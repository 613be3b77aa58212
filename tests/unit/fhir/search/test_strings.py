"""Strings are compared without case, accents and extra space."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.search.strings import MAXIMUM_LENGTH, fold


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("  Zonnestraal-\tTestpersoon ", "zonnestraal- testpersoon"),
        ("Zoë ÇELIK", "zoe celik"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("\ufb01etsen", "fietsen"),
        ("", ""),
    ],
)
def test_text_is_folded(text: str, wanted: str) -> None:
    assert fold(text) == wanted


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert len(fold(text)) <= MAXIMUM_LENGTH
