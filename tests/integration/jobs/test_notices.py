"""A notice from the change it is about to the file it becomes, also when the process is killed in between."""

import os
import subprocess
import sys
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

from app.db.database import Database, Transaction
from app.jobs import notices
from app.jobs.deliver import Deliverer
from app.jobs.mail import FileMail
from app.jobs.notices import NoticeHandler, notify
from app.jobs.texts import NoticeKind

if TYPE_CHECKING:
    from tests.integration.jobs.conftest import Clock

ROOT = Path(__file__).resolve().parents[3]

# Sends the mail, and is gone before the outbox hears of it.
KILLED_AFTER_SENDING = """
import asyncio, os, sys
from pathlib import Path
from app.jobs import notices
from app.jobs.deliver import Deliverer
from app.wiring import open_database
from tests.integration.jobs.test_notices import handler_into

async def main() -> None:
    handler = handler_into(Path(sys.argv[2]))

    async def and_die(job) -> None:
        await handler(job)
        os._exit(9)

    await Deliverer(open_database(sys.argv[1]), {notices.KIND: and_die}, now_us=lambda: int(sys.argv[3])).deliver_due()

asyncio.run(main())
"""


async def addresses(record_id: int, account_id: str) -> list[str]:
    return [f"zonnestraal.{record_id}@example.test"]


def handler_into(folder: Path) -> NoticeHandler:
    return NoticeHandler(
        FileMail(folder), addresses, mail_from="regie@example.test", base_url="https://regie.example.test"
    )


async def withdraw(database: Database, clock: "Clock") -> None:
    """Put the notice that a change of consent would put."""

    async def change(transaction: Transaction) -> None:
        await notify(
            transaction,
            record_id=7,
            kind=NoticeKind.ACCESS_WITHDRAWN,
            now_us=clock(),
            language="nl",
        )

    await database.write(change)


def ended_with(program: str, *arguments: str) -> int:
    """Return how a Python process that runs ``program`` ended."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-c", program, *arguments)
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=30).returncode


async def test_a_notice_becomes_a_file(database: Database, clock: "Clock", tmp_path: Path) -> None:
    await withdraw(database, clock)
    works = Deliverer(database, {notices.KIND: handler_into(tmp_path / "mail")}, now_us=clock)
    assert await works.deliver_due() == 1
    (file,) = (tmp_path / "mail").iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert message["To"] == "zonnestraal.7@example.test"
    assert "U stopte de toegang tot uw dossier." in message.get_content()
    assert (await works.waiting()).jobs == 0


async def test_killed_after_sending_the_second_mail_is_the_same_mail(
    database: Database, clock: "Clock", tmp_path: Path
) -> None:
    await withdraw(database, clock)
    folder = tmp_path / "mail"
    arguments = (database.url, str(folder), str(clock()))
    assert ended_with(KILLED_AFTER_SENDING, *arguments) == 9
    (file,) = folder.iterdir()
    first = file.read_bytes()

    works = Deliverer(database, {notices.KIND: handler_into(folder)}, now_us=clock)
    assert (await works.waiting()).jobs == 1
    assert await works.deliver_due() == 0
    clock.move(timedelta(minutes=5))
    file.unlink()
    assert await works.deliver_due() == 1
    assert [again.name for again in folder.iterdir()] == [file.name]
    assert file.read_bytes() == first
    assert (await works.waiting()).jobs == 0
