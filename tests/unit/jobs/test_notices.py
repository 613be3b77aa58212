"""A notice job as mail."""

from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from app.jobs.notices import KIND, Notice, NoticeHandler
from app.jobs.outbox import Job
from app.jobs.texts import NoticeKind

AT_US = 1_772_366_400_123_456  # 2026-03-01 12:00:00.123456 UTC
ADDRESSES = {7: ["zonnestraal@example.test", "zonnestraal@elders.example.test"], 8: ["maneschijn@example.test"], 9: []}


class KeptMail:
    """Mail that keeps what it is handed; refuses an address when told to."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.refused = ""

    async def send(self, message: EmailMessage) -> None:
        """Keep the message."""
        if message["To"] == self.refused:
            raise ConnectionRefusedError
        self.sent.append(message)


def job(record_id: int = 7, job_id: str = "5f0c", tries: int = 1) -> Job:
    body = msgspec.json.encode(Notice(NoticeKind.ACCESS_GIVEN, AT_US, "en"))
    return Job(record_id, job_id, KIND, body, AT_US, tries)


async def addresses(record_id: int, account_id: str) -> list[str]:
    return ADDRESSES[record_id]


@pytest.fixture
def mail() -> KeptMail:
    return KeptMail()


@pytest.fixture
def handler(mail: KeptMail) -> NoticeHandler:
    return NoticeHandler(mail, addresses, mail_from="regie@example.test", base_url="https://regie.example.test:8443")


async def test_every_address_gets_a_message_that_shows_no_other(handler: NoticeHandler, mail: KeptMail) -> None:
    await handler(job())
    assert [message["To"] for message in mail.sent] == ADDRESSES[7]
    for message, other in zip(mail.sent, reversed(ADDRESSES[7]), strict=True):
        assert other not in message.as_string()


async def test_a_message_has_what_a_mail_server_asks_for(handler: NoticeHandler, mail: KeptMail) -> None:
    await handler(job(8))
    (message,) = mail.sent
    assert message["From"] == "regie@example.test"
    assert parsedate_to_datetime(message["Date"]).timestamp() == AT_US // 1_000_000
    assert message["Message-ID"].endswith("@regie.example.test>")


async def test_the_second_try_makes_the_same_bytes(handler: NoticeHandler, mail: KeptMail) -> None:
    await handler(job(tries=1))
    await handler(job(tries=2))
    first, second = mail.sent[:2], mail.sent[2:]
    assert [m.as_bytes(policy=policy.SMTP) for m in first] == [m.as_bytes(policy=policy.SMTP) for m in second]


async def test_no_two_messages_share_an_id_and_none_tells_of_whom_it_is(handler: NoticeHandler, mail: KeptMail) -> None:
    for one in (job(7, "a"), job(7, "b"), job(8, "a")):
        await handler(one)
    ids = [message["Message-ID"] for message in mail.sent]
    assert len(set(ids)) == 5
    assert not [found for found in ids if "zonnestraal" in found or "maneschijn" in found]


async def test_a_person_without_an_address_is_sent_nothing(handler: NoticeHandler, mail: KeptMail) -> None:
    await handler(job(9))
    assert mail.sent == []


async def test_mail_that_is_not_taken_fails_the_job(handler: NoticeHandler, mail: KeptMail) -> None:
    mail.refused = ADDRESSES[7][1]
    with pytest.raises(ConnectionRefusedError):
        await handler(job())
