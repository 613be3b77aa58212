"""What a notice says, and what it must not."""

import re
from email.errors import HeaderParseError

import pytest

from app.jobs.texts import CAN_STOP, LANGUAGES, NoticeKind, notice

BASE_URL = "https://regie.example.test"
TO = "zonnestraal@example.test"
PAGES = {
    "key-reused": "activity",
    "unusual": "activity",
    "new-device": "login-and-devices",
    "login-changed": "login-and-devices",
    "may-agree": "helpers",
    "decides-alone": "helpers",
    "child-older": "helping",
    **dict.fromkeys(("task-waits", "plan-changed", "message"), ""),
}
EVERY = [(kind, language) for kind in NoticeKind for language in LANGUAGES]


def words_of(kind: NoticeKind, language: str) -> str:
    return str(notice(kind, to=TO, language=language, base_url=BASE_URL).get_content())


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_a_notice_gives_a_page_to_act_on(kind: NoticeKind, language: str) -> None:
    words = words_of(kind, language)
    stops = [f"{BASE_URL}/settings/mails"] if kind in CAN_STOP else []
    assert re.findall(r"https?://\S+", words) == [f"{BASE_URL}/{PAGES.get(kind, 'access')}", *stops]


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_what_can_be_switched_off_says_where_to_people_and_to_their_mail_program(
    kind: NoticeKind, language: str
) -> None:
    stops = notice(kind, to=TO, language=language, base_url=BASE_URL)["List-Unsubscribe"]
    assert stops == (f"<{BASE_URL}/settings/mails>" if kind in CAN_STOP else None)


@pytest.mark.parametrize("kind", ["access-given", "access-ended", "key-reused", "new-device", "login-changed"])
def test_what_tells_of_access_or_of_a_login_can_not_be_switched_off(kind: str) -> None:
    assert kind not in CAN_STOP


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_the_subject_is_short_enough_for_a_locked_phone(kind: NoticeKind, language: str) -> None:
    subject = notice(kind, to=TO, language=language, base_url=BASE_URL)["Subject"]
    assert 10 < len(subject) < 60


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_no_sentence_is_longer_than_fifteen_words(kind: NoticeKind, language: str) -> None:
    sentences = re.split(r"[.?:]\s", words_of(kind, language))
    assert len(sentences) > 5
    assert max(len(sentence.split()) for sentence in sentences) <= 15


def test_the_kinds_and_languages_all_have_words_of_their_own() -> None:
    assert len({words_of(kind, language) for kind, language in EVERY}) == len(EVERY)


def test_a_language_that_is_not_here_gets_dutch() -> None:
    message = notice(NoticeKind.ACCESS_GIVEN, to=TO, language="fy", base_url=BASE_URL)
    assert message["Content-Language"] == "nl"
    assert "uw dossier" in message.get_content()


def test_no_answering_machine_answers() -> None:
    message = notice(NoticeKind.ACCESS_GIVEN, to=TO, language="nl", base_url=BASE_URL)
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("to", ["a@example.test\r\nBcc: b@example.test", "a@example.test, b@example.test"])
def test_an_address_that_is_more_than_one_address_is_refused(to: str) -> None:
    with pytest.raises((ValueError, HeaderParseError)):
        notice(NoticeKind.ACCESS_GIVEN, to=to, language="nl", base_url=BASE_URL)
