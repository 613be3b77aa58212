"""What a notice says, and what it must not."""

import re
from email.errors import HeaderParseError

import pytest

from app.jobs.texts import ABOUT_LENGTH_MAX, LANGUAGES, NoticeKind, notice

BASE_URL = "https://regie.example.test"
PRACTICE = "Huisartsenpraktijk De Verzonnen Klaproos"
TO = "zonnestraal@example.test"
EVERY = [(kind, language) for kind in NoticeKind for language in LANGUAGES]


def words_of(kind: NoticeKind, language: str, about: str = PRACTICE) -> str:
    return str(notice(kind, to=TO, language=language, about=about, base_url=BASE_URL).get_content())


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_a_notice_names_who_it_is_about_and_a_page_to_act_on(kind: NoticeKind, language: str) -> None:
    words = words_of(kind, language)
    assert PRACTICE in words
    assert re.findall(r"https?://\S+", words) == [f"{BASE_URL}/{'activity' if kind == 'key-reused' else 'access'}"]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_the_subject_shows_on_a_locked_phone_and_names_nobody(kind: NoticeKind, language: str) -> None:
    subject = notice(kind, to=TO, language=language, about=PRACTICE, base_url=BASE_URL)["Subject"]
    assert 10 < len(subject) < 60
    assert "Klaproos" not in subject


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_no_sentence_is_longer_than_fifteen_words(kind: NoticeKind, language: str) -> None:
    sentences = re.split(r"[.?:]\s", words_of(kind, language, about="Xapp"))
    assert len(sentences) > 5
    assert max(len(sentence.split()) for sentence in sentences) <= 15


def test_the_kinds_and_languages_all_have_words_of_their_own() -> None:
    assert len({words_of(kind, language) for kind, language in EVERY}) == 6


def test_a_language_that_is_not_here_gets_dutch() -> None:
    message = notice(NoticeKind.ACCESS_GIVEN, to=TO, language="fy", about=PRACTICE, base_url=BASE_URL)
    assert message["Content-Language"] == "nl"
    assert "uw dossier" in message.get_content()


def test_no_answering_machine_answers() -> None:
    message = notice(NoticeKind.ACCESS_GIVEN, to=TO, language="nl", about=PRACTICE, base_url=BASE_URL)
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_name_with_line_breaks_stays_on_one_line() -> None:
    words = words_of(NoticeKind.ACCESS_GIVEN, "en", about="Xapp\r\n\r\nWe need\u2028your\x1b[31m password")
    assert "given to: Xapp We need your [31m password." in words


def test_a_long_name_is_cut() -> None:
    words = words_of(NoticeKind.ACCESS_GIVEN, "en", about="x" * 1000)
    assert f"given to: {'x' * (ABOUT_LENGTH_MAX - 1)}…." in words


def test_a_name_with_braces_is_just_a_name() -> None:
    assert "{page} {0}" in words_of(NoticeKind.KEY_REUSED, "en", about="{page} {0}")


@pytest.mark.parametrize("to", ["a@example.test\r\nBcc: b@example.test", "a@example.test, b@example.test"])
def test_an_address_that_is_more_than_one_address_is_refused(to: str) -> None:
    with pytest.raises((ValueError, HeaderParseError)):
        notice(NoticeKind.ACCESS_GIVEN, to=to, language="nl", about=PRACTICE, base_url=BASE_URL)
