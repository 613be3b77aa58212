"""A record erased: nothing but the log has anything of it, what is under way is refused, and the person has a proof."""

import asyncio
import email
import io
import json
import runpy
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from app.access.requester import Requester
from app.audit import alerts
from app.audit.events import Event, unpack
from app.db.database import Transaction
from app.db.metadata import metadata
from app.errors import AuthenticationError, NotFoundError
from app.identity import sessions
from app.interactions import erase as erasing
from app.interactions.erase import erase_record, is_left
from app.interactions.erased import NoteHandler, listed
from app.interactions.restore import bring_in
from app.interactions.transfer import export
from app.jobs.erasure import NOTE_KIND, Note
from app.jobs.outbox import Job
from tests.support.database import file_of
from tests.support.filled import CHOSEN, MAIL, counted, fill, of_person, traces
from tests.support.importing import OPERATOR, TRACE, imported
from tests.support.in_process import Inside, inside

NOT_OF_A_RECORD = {
    "access_version": "how often access was changed",
    "audit_checkpoint": "signs where the log of all ends",
    "audit_cut": "signs where the log of all begins",
    "audit_head": "where the log of all ends",
    "audit_key": "public keys of this server",
    "audit_watched": "up to where the log was looked at",
    "bulk_export": "what a system asked for, for a day",
    "client": "apps and systems",
    "index_rules": "what a version of the index means",
    "invitation": "for an app, not for a person",
    "practice": "practices",
    "pushed_request": "what an app asks before anybody is known",
    "signing_key": "keys of this server",
    "staff": "who works where; a login for work has no record",
    "staff_invitation": "who is to work where",
    "used_assertion": "what systems showed",
}
"""Tables that hold nothing of anybody's record or account, and why that is so."""

KEPT = frozenset({"audit", "audit_own_cut"})
"""What stays on purpose: docs/audit.md says why."""


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    """A person of whom there is something in every table, of several versions, one of them deleted."""
    async with inside(tmp_path) as person:
        for kg in ("72.50", "71.00"):
            body = person.observation("chosen", id_=CHOSEN, kg=kg)
            assert (await person.http.put(f"/Observation/{CHOSEN}", content=body, headers=person.headers)).is_success
        gone = (await person.create(person.observation("gone"))).json()["id"]
        assert (await person.http.delete(f"/Observation/{gone}", headers=person.headers)).is_success
        await fill(person)
        yield person


async def erased(person: Inside, requester: Requester = OPERATOR) -> bytes:
    return await erase_record(person.parts.context, requester, TRACE, person.record_id)


async def settled(person: Inside) -> None:
    """Let the jobs that follow an erasure be done, as the server does within a second."""
    for _ in range(6):  # on a busy machine the file can't be rewritten at the first try
        while await person.parts.deliverer.deliver_due():
            pass
        person.clock.move(seconds=30)


# ---------------------------------------------------------------------------------------------------- what is left


def test_tables_of_a_record_are_not_left_out() -> None:
    assert [name for name in NOT_OF_A_RECORD if "record_id" in metadata.tables[name].c] == []


def put_anything(connection: sqlite3.Connection, table: Table, record_id: int, account_id: str) -> None:
    """Put a row into a table that is new, if a column says of whom it is."""
    columns = [column.name for column in table.c]
    if not {"record_id", "account_id"} & set(columns):
        return
    own: dict[str, object] = {"record_id": record_id, "account_id": account_id}
    values = [own.get(name, 1) for name in columns]
    places = ", ".join("?" * len(columns))
    connection.execute(f"INSERT INTO {table.name} VALUES ({places})", values)  # noqa: S608 - our own names


async def test_after_an_erasure_only_the_log_has_anything_of_the_person(person: Inside) -> None:
    own = of_person(person)
    with closing(sqlite3.connect(file_of(person.parts.database))) as connection, connection:
        for name in set(metadata.tables) - set(traces(person.parts.database.url, *own)) - set(NOT_OF_A_RECORD) - KEPT:
            put_anything(connection, metadata.tables[name], person.record_id, str(own[-2]))
    missing = set(metadata.tables) - set(NOT_OF_A_RECORD) - set(traces(person.parts.database.url, *own)) - KEPT
    assert missing == set(), (
        "what has no record_id and no account_id is filled in filled.py, or said to be about nobody"
    )
    await erased(person)
    await settled(person)
    assert traces(person.parts.database.url, *own, MAIL) == {}
    with person.soundness.opened() as connection:
        last = connection.execute("SELECT record_id, body FROM audit ORDER BY n DESC LIMIT 1").fetchone()
    assert (last[0], json.loads(unpack(last[1]))["action"]) == (person.record_id, "erase")


async def test_an_erasure_takes_nothing_of_anybody_else(person: Inside) -> None:
    other = [json.dumps({"resourceType": "Patient", "id": "somebody-else"}).encode()]
    other += [person.observation("other").replace(person.patient_id.encode(), b"somebody-else")]
    assert (await imported(person.parts, other)).counts == (2, 0, 0)
    rows = counted(person)
    await erased(person)
    kept = counted(person)
    for table in ("change", "current", "exact_index", "date_index", "quantity_index", "locator"):
        assert 0 < kept[table] < rows[table], table
    assert (await person.http.get("/metadata")).status_code == 200
    assert (await person.http.get(f"/Observation/{CHOSEN}", headers=person.headers)).status_code == 401


async def test_not_a_byte_of_what_was_erased_is_in_the_files_of_the_database(person: Inside) -> None:
    file = file_of(person.parts.database)
    marks = [MAIL.encode(), b"Zonnestraal-Testpersoon"]
    for number in range(300):
        made = await person.create(person.observation(f"erased-mark-{number}", padding=number * 20))
        if number % 3 == 0:
            await person.http.delete(f"/Observation/{made.json()['id']}", headers=person.headers)
    copy = file.with_name("copy.sqlite3")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        bodies = target.execute("SELECT body FROM change WHERE record_id = ?", (person.record_id,)).fetchall()
    marks += [body for (body,) in bodies if body and body in copy.read_bytes()]  # as they are kept: packed
    assert len(marks) > 200  # what lies in one piece
    assert {mark for mark in marks if mark not in copy.read_bytes()} == set()
    copy.unlink()
    await erased(person)
    await settled(person)
    with person.soundness.opened() as connection:  # the log keeps whose acts they were
        texts = [row[0] for row in connection.execute("SELECT body FROM audit")]
    found = {
        mark: path.read_bytes().count(mark) - sum(text.count(mark) for text in texts)
        for path in sorted(file.parent.glob(f"{file.name}*"))
        for mark in marks
        if path.read_bytes().count(mark) > sum(text.count(mark) for text in texts)
    }
    assert found == {}


# ------------------------------------------------------------------------------------------------ while others write


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "bundle"])
async def test_what_is_under_way_when_a_record_is_erased_is_refused(person: Inside, method: str) -> None:
    own = of_person(person)
    write = person.parts.context.gate.database.write
    is_done = False

    async def erase_first(job: Callable[[Transaction], Awaitable[Any]], *, lane: int | None = None) -> Any:
        nonlocal is_done
        if not is_done:
            is_done = True  # as another process would, between the look at the token and this transaction
            await erased(person)
        return await write(job, lane=lane)

    person.parts.database.write = erase_first  # type: ignore[method-assign]
    url, body = f"/Observation/{CHOSEN}", person.observation("late", id_=CHOSEN)
    if method == "POST":
        url, body = "/Observation", person.observation("late")
    if method == "bundle":
        entry = {
            "request": {"method": "POST", "url": "Observation"},
            "resource": json.loads(person.observation("late")),
        }
        url, body = "", json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
    verb = "POST" if method == "bundle" else method
    answer = await person.http.request(
        verb, url, content=body if verb in ("POST", "PUT") else None, headers=person.headers
    )
    assert answer.status_code == 401, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    await settled(person)
    assert traces(person.parts.database.url, *own) == {}


async def test_of_writes_and_an_erasure_at_once_each_is_before_it_and_erased_or_refused(person: Inside) -> None:
    own = of_person(person)

    async def write(number: int) -> int:
        return (await person.create(person.observation(f"at-once-{number}"))).status_code

    first = [asyncio.create_task(write(number)) for number in range(20)]
    await asyncio.sleep(0)
    erasing_now = asyncio.create_task(erased(person))
    statuses = await asyncio.gather(*first, *(write(number) for number in range(20, 40)))
    await erasing_now
    assert set(statuses) <= {201, 401}
    await settled(person)
    assert traces(person.parts.database.url, *own, "at-once") == {}


async def test_who_shows_a_password_as_the_record_is_erased_gets_no_session(person: Inside) -> None:
    with person.soundness.opened() as connection:
        (account_id,) = connection.execute("SELECT account_id FROM account").fetchone()
    await erased(person)
    with pytest.raises(AuthenticationError):
        await person.parts.database.write(
            lambda transaction: sessions.begin_half(transaction, account_id, person.clock.now)
        )


async def test_what_stood_out_before_an_erasure_is_told_to_nobody_after_it(person: Inside) -> None:
    await person.parts.watcher.watch()
    for _ in range(3):
        await person.http.get("/Observation", headers=person.headers)
    await erased(person)
    await settled(person)
    before = counted(person)
    await person.parts.watcher.watch()
    assert counted(person)["audit_alert"] == before["audit_alert"] == 0
    assert counted(person)["outbox"] == 0
    assert alerts.DAY_US > 0


async def test_an_erasure_that_breaks_off_removes_nothing(person: Inside) -> None:
    with closing(sqlite3.connect(file_of(person.parts.database))) as connection:
        connection.execute("CREATE TRIGGER fails BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'broken off'); END")
    before = counted(person)
    with pytest.raises(sqlite3.IntegrityError):
        await erased(person)
    assert counted(person) == before
    await asyncio.to_thread(person.soundness.check)


async def test_a_record_is_erased_once(person: Inside) -> None:
    await erased(person)
    with pytest.raises(NotFoundError):
        await erased(person)


# ------------------------------------------------------------------------------------------------------------ proof


def verified(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str]:
    """Run examples/verify_log.py as a person does, and return its exit status and what it says."""
    monkeypatch.setattr(sys, "argv", ["verify_log.py", "--erasure", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path("examples/verify_log.py", run_name="__main__")
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


async def test_the_person_can_check_the_proof_alone_also_against_an_export(
    person: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier, proof = tmp_path / "record.ndjson", tmp_path / "proof.ndjson"
    earlier.write_bytes(
        b"".join([line async for line in export(person.parts.context, OPERATOR, TRACE, person.record_id)])
    )
    proof.write_bytes(await erased(person))
    first, counts, *_ = (json.loads(line) for line in proof.read_bytes().splitlines())
    assert (first["record_id"], first["server"]) == (person.record_id, person.parts.settings.base_url)
    assert counts["resources"]["Observation"] == 3
    assert counts["rows"]["account"] == counts["rows"]["record"] == 1
    code, said = verified(monkeypatch, capsys, proof, earlier)
    assert (code, "was erased on 2026-03-01 at 12:00 UTC by the operator" in said) == (0, True), said
    assert b"Zonnestraal" not in proof.read_bytes()


async def test_a_proof_that_was_altered_is_none(
    person: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = await erased(person)
    other = tmp_path / "other.ndjson"
    first, counts, entry, seal = sound.splitlines(keepends=True)
    altered = {
        "another number of changes": sound.replace(b'"changes":', b'"changes":1', 1),
        "another count": sound.replace(b'"Observation":3', b'"Observation":2'),
        "by somebody else": sound.replace(b'"kind":"operator"', b'"kind":"person"'),
        "no erasure": entry + seal,
        "no seal": first + counts + entry,
        "another server": first.replace(b"127.0.0.1", b"127.0.0.2") + counts + entry + seal,
    }
    for what, lines in altered.items():
        assert lines != sound, what
        other.write_bytes(lines)
        assert verified(monkeypatch, capsys, other)[0] == 1, what
    other.write_bytes(first + entry + seal)
    assert verified(monkeypatch, capsys, other)[0] == 0, "without what was counted it is a proof still: that is mailed"


def mailed(person: Inside) -> list[EmailMessage]:
    folder = Path(person.parts.settings.mail_url.get_secret_value().removeprefix("file:"))
    return [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.glob("*.eml")]


async def test_the_proof_goes_to_the_mail_address_without_a_word_of_health(person: Inside) -> None:
    await erased(person)
    await settled(person)
    (sent,) = [message for message in mailed(person) if "gewist" in message["Subject"]]
    assert sent["To"] == MAIL
    (attached,) = sent.iter_attachments()
    lines = [json.loads(line) for line in attached.get_content().splitlines()]
    assert [line["line"] for line in lines] == ["erasure", "audit", "seal"]
    assert "Observation" not in attached.get_content()


# ---------------------------------------------------------------------------------------------------------- backups


async def test_a_backup_that_is_put_back_loses_the_record_again_and_nothing_that_came_after(
    person: Inside, tmp_path: Path
) -> None:
    file, list_file = file_of(person.parts.database), person.parts.settings.erased_list
    backup = tmp_path / "backup.sqlite3"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    await erased(person)
    await settled(person)
    ((record_id, proof),) = listed(list_file)
    assert record_id == person.record_id
    assert not await is_left(person.parts.context, record_id, proof)
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
    assert await is_left(person.parts.context, record_id, proof)
    await erase_record(person.parts.context, OPERATOR, TRACE, record_id, again=proof)
    assert not await is_left(person.parts.context, record_id, proof)
    await settled(person)
    assert {known for known, _ in listed(list_file)} == {record_id}


async def test_a_record_that_was_brought_in_again_is_left_however_long_its_log_became(person: Inside) -> None:
    context = person.parts.context
    lines = b"".join([line async for line in export(context, OPERATOR, TRACE, person.record_id)])
    await erased(person)
    await settled(person)
    ((record_id, proof),) = listed(person.parts.settings.erased_list)
    assert (await bring_in(context, OPERATOR, TRACE, io.BytesIO(lines))).record_id == record_id

    async def look_often(transaction: Transaction) -> None:
        transaction.at_commit(person.parts.audit, [Event("read", record_id=record_id) for _ in range(250)])

    await person.parts.database.write(look_often)
    assert not await is_left(context, record_id, proof)


async def test_a_list_that_a_power_cut_tore_goes_on_with_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "erased"
    handler = NoteHandler(path)
    job = Job(0, "job", NOTE_KIND, json.dumps({"record_id": 7, "at_us": 0, "proof": "abc"}).encode(), 0, 1)
    assert job.decoded(Note) == Note(7, 0, "abc")
    for _ in range(2):  # a job may come again
        await handler(job)
    assert list(listed(path)) == [(7, "abc")]
    path.write_text(path.read_text() + "1970-01-01")
    await handler(Job(0, "job", NOTE_KIND, json.dumps({"record_id": 8, "at_us": 0, "proof": "def"}).encode(), 0, 1))
    assert list(listed(path)) == [(7, "abc"), (8, "def")]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_proof_has_a_number_for_its_form() -> None:
    assert erasing.FORMAT == 1
