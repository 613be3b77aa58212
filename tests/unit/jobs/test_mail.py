"""Where mail goes, by URL; and the folder of files."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.jobs.mail import FileMail, SmtpMail, mail_at


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def letter(message_id: str = "<abc@regie.example.test>", words: str = "Dag\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "regie@example.test", "zonnestraal@example.test"
    message["Message-ID"] = message_id
    message.set_content(words)
    return message


def test_a_file_url_is_a_folder_relative_or_not() -> None:
    for url, folder in (("file:var/mail", "var/mail"), ("file:///srv/out%20box", "/srv/out box")):
        mail = mail_at(url)
        assert isinstance(mail, FileMail)
        assert mail.folder == Path(folder)


@pytest.mark.parametrize("url", ["smtp://localhost:2525", "smtps://u:p@mail.example.test"])
def test_an_smtp_url_is_a_server(url: str) -> None:
    assert isinstance(mail_at(url), SmtpMail)


@pytest.mark.parametrize("url", ["", "var/mail", "http://x", "smtp:", "smtps://u:geheim/x@h", "smtp://u:geheim@h:zz"])
def test_another_url_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="REGIE_MAIL_URL has to be") as refused:
        mail_at(url)
    assert "geheim" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


async def test_a_message_is_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when needed"
    await FileMail(folder).send(letter())
    (file,) = files_in(folder)
    assert file.name == "abc@regie.example.test.eml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["To"] == "zonnestraal@example.test"


async def test_a_message_that_is_sent_twice_is_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        await FileMail(tmp_path).send(letter())
    assert len(files_in(tmp_path)) == 1


async def test_a_message_id_can_not_leave_the_folder(tmp_path: Path) -> None:
    await FileMail(tmp_path / "mail").send(letter("<../../x@regie.example.test>"))
    assert [path.name for path in files_in(tmp_path)] == ["mail"]
    assert [path.name for path in files_in(tmp_path / "mail")] == ["..%2F..%2Fx@regie.example.test.eml"]


async def test_a_message_that_can_not_be_written_leaves_nothing_half(tmp_path: Path) -> None:
    (tmp_path / "abc@regie.example.test.eml").mkdir()
    with pytest.raises(IsADirectoryError):
        await FileMail(tmp_path).send(letter())
    assert [entry.name for entry in files_in(tmp_path)] == ["abc@regie.example.test.eml"]
