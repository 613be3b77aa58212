"""Passwords that everybody tries first."""

import pytest

from app.identity.accounts import PASSWORD_LENGTH_MAX
from app.identity.passwords import CONTEXT, is_easy_to_guess


@pytest.mark.parametrize(
    "password",
    [
        "Wachtwoord1234", "welkomwelkom01", "regieregieregie", "qwertyuiop123", "123456789012", "210987654321", "Zomer-2026-!!!!",
        "sunshine2024!!", "P@ssw0rd123456", "aaaaaaaaaaaaab", "ababababababab", "abcdefghijklmnop", "huisarts dossier",
        "iloveyouprincess", "welkomHuisarts99", "!!!!monkey!!!!",
    ],
)  # fmt: skip
def test_what_everybody_tries_is_easy(password: str) -> None:
    assert is_easy_to_guess(password)


@pytest.mark.parametrize(
    "password",
    ["geen-echt-wachtwoord", "correct horse battery staple", "kachelpijp met sokken", "x7Kp2mQv9LtR", "\u00e9\u00e9n lange zin met streken"],
)  # fmt: skip
def test_a_sentence_or_chance_is_not(password: str) -> None:
    assert not is_easy_to_guess(password)


@pytest.mark.parametrize("word", sorted(CONTEXT))
def test_no_word_of_this_place_is_a_password_when_it_is_decorated(word: str) -> None:
    assert is_easy_to_guess(f"{word.capitalize()}!2026!2026!")


@pytest.mark.parametrize(
    "password", ["", "4@8({[<369&#!1/|0$5+7%2" * 11, "\U0001f600" * PASSWORD_LENGTH_MAX, "\x00" * 300]
)
def test_any_text_is_judged(password: str) -> None:
    assert is_easy_to_guess(password) in (True, False)
