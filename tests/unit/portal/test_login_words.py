"""What the log says about logging in, in plain words."""

import pytest

from app.portal.language import language
from app.portal.login_words import change_words, way_words


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("passkey", "logged in with a passkey"),
        ("passkey, signed up", "logged in with a passkey"),
        ("password and one-time code", "logged in with a password and a code"),
        ("password and recovery code, again", "logged in with a password and a recovery code"),
        ("provider, Makelaar, Test, substantial", "logged in with Makelaar, Test, level substantial"),
        ("provider, again", "logged in"),
        ("", "logged in"),
    ],
)
def test_the_log_says_with_what_somebody_logged_in(detail: str, words: str) -> None:
    assert way_words(detail, language("en")) == words


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("password", "changed the password"),
        ("forgotten password", "set another password by a mailed link"),
        ("linked to Makelaar-Test, substantial", "linked the login to Makelaar-Test, substantial"),
        ("no longer linked to Makelaar-Test", "no longer logs in with Makelaar-Test"),
        ("something new", "changed how to log in"),
    ],
)
def test_the_log_says_what_was_changed_about_logging_in(detail: str, words: str) -> None:
    assert change_words(detail, language("en")) == words
