"""The words for the kinds of resources that a scope opens."""

import pytest

from app.access.smart_scope import Narrowed
from app.portal.language import language
from app.portal.scope_words import WORDS, kind_key, kind_words

LOINC = "http://loinc.org"


def kind(*tokens: tuple[str, str, str], resource_type: str = "Observation") -> Narrowed:
    """Return a kind."""
    return Narrowed(resource_type, frozenset(tokens))


@pytest.mark.parametrize("token", sorted(WORDS))
def test_every_category_that_is_known_has_words_in_both_languages(token: tuple[str, str]) -> None:
    told = {code: kind_words(kind(("category", *token)), language(code)) for code in ("en", "nl")}
    assert told["nl"] != told["en"]
    assert token[1] not in told["nl"]


def test_a_measurement_is_told_by_its_name() -> None:
    assert kind_words(kind(("code", LOINC, "29463-7")), language("en")) == "Measurements: weight"


def test_a_code_without_words_is_told_as_it_is() -> None:
    assert kind_words(kind(("code", LOINC, "1-8"), resource_type="Condition"), language("en")) == (
        "Problems: only what has the code 1-8 of loinc.org"
    )


def test_the_key_of_a_kind_names_all_its_tokens_in_one_order() -> None:
    tokens = ("code", LOINC, "1-8"), ("category", "urn:x", "y")
    assert kind_key(kind(*tokens)) == "Observation?category=urn:x|y&code=http://loinc.org|1-8"
    assert kind_key(kind(*reversed(tokens))) == kind_key(kind(*tokens))
