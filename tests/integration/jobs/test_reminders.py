"""A person hears two weeks before access ends, and when it has ended; of what was changed or withdrawn they don't."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.smart_scope import LOOK
from app.consent import grants
from app.db.database import Database, Transaction
from app.identity.instants import to_us
from app.jobs import reminders
from app.jobs.deliver import Deliverer
from app.jobs.mail import FileMail
from app.jobs.notices import NoticeHandler
from app.jobs.reminders import ReminderHandler, remind
from tests.integration.jobs.conftest import Clock

RECORD = 7


def now_of(clock: Clock) -> datetime:
    """Return the time of the clock."""
    return datetime.fromtimestamp(clock() / 1_000_000, UTC)


async def addresses(record_id: int, account_id: str) -> list[str]:
    return [f"zonnestraal.{record_id}@example.test"]


def deliverer(database: Database, clock: Clock, folder: Path) -> Deliverer:
    """Return what mails reminders into a folder, as the server is wired."""
    notices = NoticeHandler(
        FileMail(folder), addresses, mail_from="regie@example.test", base_url="https://regie.example.test"
    )

    async def stands(record_id: int, grant_id: str, version: int) -> bool:
        grant = await grants.one(database.reader, record_id, grant_id)
        return grant is not None and grant.version == version and grant.withdrawn_at is None

    return Deliverer(database, {reminders.KIND: ReminderHandler(notices, stands)}, now_us=clock)


async def given(database: Database, clock: Clock, lifetime: timedelta) -> Grant:
    """Return a grant whose end is to be told of."""

    async def job(transaction: Transaction) -> Grant:
        grant = await grants.give(
            transaction, record_id=RECORD, grantee=Grantee.PRACTICE, grantee_id="klaproos",
            categories=Category.CARE_PLAN, actions=LOOK, until=now_of(clock) + lifetime, purpose="treatment", now=now_of(clock),
        )  # fmt: skip
        await remind(
            transaction, record_id=RECORD, grant_id=grant.grant_id, version=grant.version,
            ends_us=to_us(grant.until), now_us=clock(),
        )  # fmt: skip
        return grant

    return await database.write(job)


def subjects(folder: Path) -> set[str]:
    """Return what was mailed."""
    if not folder.exists():
        return set()
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.iterdir()]
    return {str(message["Subject"]) for message in read}


SOON, ENDED = "Over twee weken stopt een toegang tot uw dossier", "Een toegang tot uw dossier is gestopt"


async def test_the_first_mail_goes_two_weeks_ahead_the_second_on_the_day(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    works, folder = deliverer(database, clock, tmp_path / "mail"), tmp_path / "mail"
    await given(database, clock, timedelta(days=92))
    for days, told in ((77, set()), (1, {SOON}), (13, {SOON}), (1, {SOON, ENDED}), (30, {SOON, ENDED})):
        clock.move(timedelta(days=days))
        await works.deliver_due()
        assert subjects(folder) == told, days
    assert (await works.waiting()).jobs == 0


async def test_of_a_short_access_only_the_end_is_told(database: Database, clock: Clock, tmp_path: Path) -> None:
    works = deliverer(database, clock, tmp_path / "mail")
    await given(database, clock, timedelta(days=10))
    assert (await works.waiting()).jobs == 0  # what is not due yet does not wait
    clock.move(timedelta(days=10))
    assert (await works.waiting()).jobs == 1
    await works.deliver_due()
    assert subjects(tmp_path / "mail") == {ENDED}


@pytest.mark.parametrize("withdrawn", [True, False])
async def test_of_what_was_withdrawn_or_changed_nothing_is_told(
    database: Database, clock: Clock, tmp_path: Path, withdrawn: bool
) -> None:
    works = deliverer(database, clock, tmp_path / "mail")
    grant = await given(database, clock, timedelta(days=92))

    async def job(transaction: Transaction) -> None:
        if withdrawn:
            await grants.withdraw(transaction, RECORD, grant.grant_id, now_of(clock))
        else:
            await grants.change(
                transaction, RECORD, grant.grant_id, categories=Category.CARE_PLAN, actions=LOOK,
                until=now_of(clock) + timedelta(days=400), now=now_of(clock),
            )  # fmt: skip

    await database.write(job)
    clock.move(timedelta(days=93))
    assert await works.deliver_due() == 2
    assert subjects(tmp_path / "mail") == set()
    assert (await works.waiting()).jobs == 0
