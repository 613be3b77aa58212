"""A record taken along, checked, brought in again and erased, inside this process."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from app.access.categories import EVERYTHING, Category
from app.access.grant import Grantee
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import ALL_ACTIONS
from app.consent import grants
from app.db.database import Transaction
from app.errors import AccessDeniedError, ConflictError, NotFoundError, UnprocessableError
from app.fhir.release import Release
from app.interactions.closing import index_anew
from app.interactions.erase import erase_record
from app.interactions.restore import Brought, bring_in
from app.interactions.transfer import ChangeLine, export, faults, read_line
from app.jobs import outbox
from app.oauth import tokens
from app.store.changes import GENESIS, chained
from app.store.ids import UUID_ID, new_id
from app.store.reindex import ALONE
from tests.support.filled import APP_ID, CHOSEN, counted, fill
from tests.support.importing import OPERATOR, TRACE, imported
from tests.support.in_process import Inside, inside


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    """A person with measurements of several versions, one with line breaks, one deleted, and one that names another."""
    async with inside(tmp_path) as person:
        await put(person, person.observation("chosen", id_=CHOSEN))
        made = (await person.create(person.observation("made"))).json()["id"]
        named = json.loads(person.observation("names-others"))
        named["derivedFrom"] = [{"reference": f"Observation/{made}"}, {"reference": f"Observation/{CHOSEN}"}]
        await person.create(json.dumps(named, indent=2).encode())
        await put(person, person.observation("chosen", id_=CHOSEN, kg="71.00"))
        gone = (await person.create(person.observation("gone"))).json()["id"]
        assert (await person.http.delete(f"/Observation/{gone}", headers=person.headers)).status_code in (200, 204)
        yield person


async def put(person: Inside, body: bytes) -> None:
    answer = await person.http.put(f"/Observation/{CHOSEN}", content=body, headers=person.headers)
    assert answer.is_success, answer.text


async def exported(person: Inside, record_id: int | None = None, requester: Requester = OPERATOR) -> list[bytes]:
    found = export(person.parts.context, requester, TRACE, record_id or person.record_id)
    return [line async for line in found]


async def erased(person: Inside, requester: Requester = OPERATOR) -> None:
    await erase_record(person.parts.context, requester, TRACE, person.record_id)


async def brought_in(person: Inside, lines: list[bytes]) -> Brought:
    brought = await bring_in(person.parts.context, OPERATOR, TRACE, io.BytesIO(b"".join(lines)))
    await index_anew(person.parts.context, brought.record_id, ALONE)
    return brought


async def everything(person: Inside, patient_id: str) -> list[dict[str, Any]]:
    """The current resources of a person, without what the server says of them."""

    async def job(transaction: Transaction) -> str:
        return await tokens.issue_for_patient(
            transaction, record_id=await record(person, patient_id), display="Zonnestraal-Testpersoon",
            scope="patient/*.rs", lifetime=timedelta(days=1), now=person.clock.now,
        )  # fmt: skip

    token = await person.parts.database.write(job)
    answer = await person.http.get(f"/Patient/{patient_id}/$everything", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json()["entry"]]
    for resource in found:
        del resource["meta"]
    return found


async def record(person: Inside, patient_id: str) -> int:
    with person.soundness.opened() as connection:
        found = {
            patient: record_id for record_id, patient in connection.execute("SELECT record_id, patient_r4 FROM record")
        }
    return int(found[patient_id])


# ------------------------------------------------------------------------------------------------------------- export


async def test_an_export_has_every_change_byte_for_byte(person: Inside) -> None:
    found = [json.loads(line) for line in await exported(person)]
    kept = person.soundness.changes(person.record_id)
    changes = [line for line in found if line["line"] == "change"]
    assert [line["seq"] for line in changes] == [change.seq for change in kept] == list(range(1, 8))
    raw = [line for line in await exported(person) if line.startswith(b'{"line":"change"')]
    for line, text, change in zip(changes, raw, kept, strict=True):
        assert line.get("text", "").encode() == change.body or change.body in text
    assert any("text" in line for line in changes), "one was sent with line breaks"
    assert any(b"71.00" in line for line in raw), "digits stay"


async def test_an_export_is_sound_and_stands_in_the_log_that_it_has(person: Inside) -> None:
    lines = await exported(person)
    assert list(faults(lines)) == []
    entry, seal = (json.loads(line) for line in lines[-2:])
    assert (entry["event"]["action"], entry["event"]["record_id"]) == ("export", person.record_id)
    assert (seal["seal"]["n"], seal["seal"]["hash"]) == (entry["n"], entry["hash"])


async def test_an_export_has_what_was_granted(person: Inside) -> None:
    await fill(person)
    found = [json.loads(line) for line in await exported(person)]
    (grant,) = [line for line in found if line["line"] == "grant"]
    assert (grant["grantee_id"], grant["categories"], grant["until"]) == (
        APP_ID,
        ["own-measurements", "medication"],
        "2026-03-31T12:00:00Z",
    )


async def test_the_person_can_take_the_record_along_too(person: Inside) -> None:
    requester = replace(OPERATOR, kind=RequesterKind.PERSON, actor="person", record_id=person.record_id)
    assert list(faults(await exported(person, requester=requester))) == []


async def test_an_app_gets_no_export_and_erases_nothing_whatever_it_was_granted(person: Inside) -> None:
    async def job(transaction: Transaction) -> str:
        given = await grants.give(
            transaction, record_id=person.record_id, grantee=Grantee.APP, grantee_id=APP_ID, categories=EVERYTHING,
            actions=ALL_ACTIONS, until=person.clock.now + timedelta(days=30), purpose="", now=person.clock.now,
        )  # fmt: skip
        return given.grant_id

    grant_id = await person.parts.database.write(job)
    requester = replace(
        OPERATOR, kind=RequesterKind.APP, actor=f"app:{APP_ID}", client_id=APP_ID, record_id=person.record_id,
        grant_id=grant_id,
    )  # fmt: skip
    with pytest.raises(AccessDeniedError):
        await exported(person, requester=requester)
    with pytest.raises(AccessDeniedError):
        await erased(person, requester)


async def test_a_record_that_is_not_there_has_no_export(person: Inside) -> None:
    with pytest.raises(NotFoundError):
        await exported(person, person.record_id + 1)


def changed(line: bytes, **members: Any) -> bytes:
    return json.dumps({**json.loads(line), **members}, separators=(",", ":")).encode() + b"\n"


async def test_whatever_is_altered_missing_or_moved_in_an_export_is_found(person: Inside) -> None:
    await fill(person)
    sound = await exported(person)
    kinds = [json.loads(line)["line"] for line in sound]
    change, grant, entry = kinds.index("change"), kinds.index("grant"), kinds.index("audit")
    odd = {
        "a digit of a body": [line.replace(b"71.00", b"17.00") for line in sound],
        "who made a change": [*sound[:change], changed(sound[change], actor="somebody"), *sound[change + 1 :]],
        "the first change is missing": [*sound[:change], *sound[change + 1 :]],
        "a change is missing": [*sound[: change + 2], *sound[change + 3 :]],
        "the last change is missing": [*sound[: grant - 1], *sound[grant:]],
        "two changes are swapped": [*sound[:change], sound[change + 1], sound[change], *sound[change + 2 :]],
        "a grant is missing": [*sound[:grant], *sound[grant + 1 :]],
        "an entry of the log is missing": [*sound[:entry], *sound[entry + 1 :]],
        "an entry of the log says something else": [line.replace(b'"create"', b'"delete"') for line in sound],
        "an entry of the log stands twice": [*sound, sound[-2]],
        "the seal stands twice": [*sound, sound[-1]],
        "the seal is missing": [line for line in sound if json.loads(line)["line"] != "seal"],
        "the end is missing": sound[:-1],
        "the last line is cut off": [*sound[:-1], sound[-1][:40]],
        "the record is another": [changed(sound[0], record_id=1), *sound[1:]],
        "the beginning is missing": sound[1:],
        "nothing is there": [],
    }
    assert list(faults(sound)) == []
    unnoticed = [what for what, lines in odd.items() if not list(faults(lines))]
    assert unnoticed == []


# ------------------------------------------------------------------------------------------------------------- import


def content(lines: list[bytes]) -> list[dict[str, Any]]:
    """What an export says of the record itself: not when and by whom it was made, and not what the log says."""
    found = [json.loads(line) for line in lines]
    kept = [line for line in found if line["line"] in ("export", "change", "grant")]
    return [{name: value for name, value in line.items() if name not in ("exported_at", "entries")} for line in kept]


async def test_an_erased_record_comes_back_whole(person: Inside) -> None:
    before = await everything(person, person.patient_id)
    lines = await exported(person)
    await erased(person)
    brought = await brought_in(person, lines)
    assert brought == Brought(person.record_id, {Release.R4: person.patient_id}, 7, is_new=True)
    assert content(await exported(person)) == content(lines)
    assert await everything(person, person.patient_id) == before
    await asyncio.to_thread(person.soundness.check)


async def test_what_was_granted_comes_back_as_history_and_opens_nothing(person: Inside) -> None:
    await fill(person)
    lines = await exported(person)
    (given,) = [json.loads(line) for line in lines if line.startswith(b'{"line":"grant"')]
    await erased(person)
    person.clock.move(hours=1)
    await brought_in(person, lines)
    (kept,) = await grants.of_record(person.parts.database.reader, person.record_id)
    assert (kept.grant_id, kept.version, kept.withdrawn_at) == (given["id"], 1, person.clock.now)
    assert not kept.is_in_force(person.clock.now)


async def test_what_is_brought_in_again_changes_nothing(person: Inside) -> None:
    lines = await exported(person)
    await erased(person)
    first = await brought_in(person, lines)
    rows = counted(person)
    assert await brought_in(person, lines) == replace(first, is_new=False)
    assert counted(person) == rows
    body = person.observation("after")
    assert (await imported(person.parts, [body])).counts == (1, 0, 0)
    assert await brought_in(person, lines) == replace(first, is_new=False)
    await asyncio.to_thread(person.soundness.check)


async def test_an_import_that_breaks_off_leaves_nothing(person: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = await exported(person)
    await erased(person)
    before = counted(person)

    async def fails(*_: Any, **__: Any) -> None:
        raise OSError("The disk is gone.")

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "put", fails)
        with pytest.raises(OSError, match="gone"):
            await brought_in(person, lines)
    assert counted(person) == before
    assert (await brought_in(person, lines)).is_new


async def refused(person: Inside, lines: list[bytes], why: str) -> None:
    before = counted(person)
    with pytest.raises((UnprocessableError, ConflictError), match=why):
        await brought_in(person, lines)
    after = counted(person)
    assert after.pop("audit") > before.pop("audit"), "it stands in the log that it was refused"
    changed_tables = {name for name in after if after[name] != before[name]}
    assert changed_tables <= {"audit_head", "audit_checkpoint"}


def forged(lines: list[bytes], *changes: ChangeLine) -> list[bytes]:
    """An export that is sound in itself, with other changes and nothing else."""
    head, digest, found = json.loads(lines[0]), GENESIS, []
    for seq, change in enumerate(changes, 1):
        change.seq = seq
        digest = chained(digest, change.fields(head["record_id"]), change.exact_body)
        change.hash = digest.hex()
        found.append(msgspec.json.encode(change) + b"\n")
    return [changed(lines[0], changes=len(changes), hash=digest.hex(), grants=0, entries=0), *found]


def changes_of(lines: list[bytes]) -> list[ChangeLine]:
    found = [read_line(line) for line in lines[1:]]
    return [line for line in found if isinstance(line, ChangeLine)]


async def test_a_record_is_not_brought_in_beside_itself_or_over_another(person: Inside) -> None:
    lines = await exported(person)
    changes = changes_of(lines)
    assert not (await brought_in(person, lines)).is_new
    await refused(
        person, forged(lines, *changes[:-2], replace_body(changes[-2], b"72.50", b"70.00"), changes[-1]), "in use"
    )


def replace_body(line: ChangeLine, old: bytes, new: bytes) -> ChangeLine:
    assert old in line.exact_body or not old
    return msgspec.structs.replace(line, body=Raw(line.exact_body.replace(old, new)), text="")


async def test_an_export_with_something_odd_is_refused_with_the_line(person: Inside) -> None:
    """Each is sound as a chain: whoever makes a file can make its hashes too."""
    lines = await exported(person)
    patient, first, *rest = changes_of(lines)
    other = person.patient_id[:-1] + ("0" if person.patient_id[-1] != "0" else "1")
    await erased(person)
    year = 365 * 24 * 3600 * 1_000_000
    change = msgspec.structs.replace
    odd: dict[str, tuple[ChangeLine, ...]] = {
        "is not kept as a resource": (patient, change(first, type="AuditEvent")),
        "made in another record": (patient, change(first, id=new_id(1, 1))),
        "another patient's record|not in the patient's own record": (
            patient,
            replace_body(first, person.patient_id.encode(), other.encode()),
        ),
        "does not follow": (patient, change(first, version=2)),
        "does not follow from": (patient, first, change(first, operation="create")),
        "does not follow from the": (patient, change(first, operation="delete", body=msgspec.UNSET)),
        "still to come": (patient, change(first, instant=first.instant + year)),
        "before that of an earlier": (patient, change(first, instant=first.instant - year)),
        "in no part": (patient, change(first, categories=0)),
        "in no part of": (patient, change(first, categories=1 << 20)),
        "no part of a record": (patient, change(first, categories=1 << 20 | 1)),
        "in no part of a record": (patient, change(first, categories=1 << 70 | 1)),
        "wrong with it can't be read": (patient, change(first, misfit=Raw(b'[{"severity":5}]'))),
        "another id, version or time": (patient, replace_body(first, b'"versionId":"1"', b'"versionId":"2"')),
        "Observation.status": (patient, replace_body(first, b'"final"', b'"nonsense"')),
        "Patient of another": (
            replace_body(change(patient, id=other), person.patient_id.encode(), other.encode()),
            first,
        ),
        "Patient of r4 is not in": (change(first),),
        "is not JSON|can't be read|not sound": (patient, replace_body(first, b"{", b"[{")),
    }
    for why, changes in odd.items():
        await refused(person, forged(lines, *changes), why)
    assert rest


_MANDATE = {
    "capacity": "parent", "represented": "Fenna Voorbeeld", "powers": 3, "birth_date": "2018-01-01",
    "zone": "Europe/Amsterdam", "agreed_at": None,
}  # fmt: skip


def mandate(**members: Any) -> dict[str, Any]:
    return {"grantee": "person", "purpose": "representation", "mandate": {**_MANDATE, **members}}


async def test_a_grant_with_something_odd_is_refused_and_nothing_is_kept(person: Inside) -> None:
    await fill(person)
    lines = await exported(person)
    at = [json.loads(line)["line"] for line in lines].index("grant")
    await erased(person)
    odd: list[dict[str, Any]] = [
        {"version": 2**63}, {"version": -1}, {"purpose": "p" * 1000}, {"grantee_id": ""}, {"grantee_id": "\0"}, {"mandate": _MANDATE},
        {"starts_at": "2026-01-01T00:00:00", "until": "2026-02-01T00:00:00"}, {"given_at": "0001-01-01T00:00:00+14:00"},
        {"starts_at": "9998-01-01T00:00:00Z", "until": "9999-12-31T23:59:59.999999Z"},
        {"withdrawn_at": "0001-01-01T00:00:00Z"}, {"grantee": "person", "mandate": None}, mandate(powers=2**70),
        mandate(birth_date="9999-01-01"), mandate(birth_date="0001-01-01"), mandate(birth_date=None),
        mandate(agreed_at="2026-01-01T00:00:00"), mandate(zone="../zone"), mandate(represented="x" * 1000),
    ]  # fmt: skip
    for members in odd:
        await refused(person, [*lines[:at], changed(lines[at], **members), *lines[at + 1 :]], f"Line {at + 1}: ")
    await brought_in(person, [*lines[:at], changed(lines[at], **mandate(), grantee_id=""), *lines[at + 1 :]])


async def test_an_entry_with_a_number_that_nothing_can_have_is_refused(person: Inside) -> None:
    lines = await exported(person)
    at = [json.loads(line)["line"] for line in lines].index("audit")
    await refused(person, [*lines[:at], changed(lines[at], n=2**70), *lines[at + 1 :]], "can't be read")


async def test_an_export_that_is_not_sound_is_not_imported(person: Inside) -> None:
    lines = await exported(person)
    await erased(person)
    await refused(person, [line.replace(b"71.00", b"17.00") for line in lines], "altered")
    await refused(person, [changed(lines[0], time_zone="../Mars"), *lines[1:]], "time zone")
    signature = json.loads(lines[-1])["seal"]["signature"].encode()
    await refused(person, [line.replace(signature, b"A" * len(signature)) for line in lines], "seal")
    await refused(person, [lines[0], *lines[2:-2], lines[1], *lines[-2:]], "not sound|order")


async def test_nobody_gets_the_number_of_an_erased_record_by_making_an_export(person: Inside) -> None:
    lines = await exported(person)
    await erased(person)
    # Sound in itself, but its log is not the one that is kept here.
    await refused(person, forged(lines, *changes_of(lines)), "in use")


async def test_an_export_of_the_first_form_still_comes_in_with_the_versions_of_its_grants(person: Inside) -> None:
    await fill(person)

    async def job(transaction: Transaction) -> None:
        (grant,) = await grants.of_record(transaction, person.record_id)
        await grants.change(
            transaction, person.record_id, grant.grant_id, categories=Category.MEDICATION, actions=ALL_ACTIONS,
            until=grant.until, now=person.clock.now,
        )  # fmt: skip

    person.clock.move(minutes=1)
    await person.parts.database.write(job)
    lines = await exported(person)
    old = [re.sub(rb',"version":\d', b"", line) if line.startswith(b'{"line":"grant"') else line for line in lines]
    assert old != lines
    old[0] = changed(lines[0], format=1)
    await erased(person)
    await brought_in(person, old)
    kept = await grants.of_record(person.parts.database.reader, person.record_id)
    assert [(grant.version, int(grant.categories)) for grant in kept] == [(2, 2), (1, 3)]


async def test_lines_of_fhir_go_in_and_each_that_is_refused_is_told_of(person: Inside) -> None:
    patient = json.dumps({"resourceType": "Patient", "id": "weerklank", "name": [{"family": "Weerklank-Testpersoon"}]})
    measured = person.observation("imported").replace(person.patient_id.encode(), b"weerklank")
    lines = [
        measured,  # before its Patient
        patient.encode(),
        b"",
        measured.replace(b'"final"', b'"no status"'),
        b"no JSON",
        person.observation("v1", id_="twice").replace(person.patient_id.encode(), b"weerklank"),
        person.observation("v2", id_="twice").replace(person.patient_id.encode(), b"weerklank"),
        b'{"resourceType":"AuditEvent","id":"made-up"}',
        b'{"resourceType":["Patient"]}',
        measured.replace(b"weerklank", new_id(1, 1).encode()),
        b'{"resourceType":"Organization","id":"huisartsenpraktijk","name":"Praktijk Weerklank-Test"}',
    ]
    for counts in ((5, 0, 5), (0, 5, 5)):
        brought = await imported(person.parts, lines)
        assert (brought.counts, sorted(brought.rejected)) == (counts, [4, 5, 8, 9, 10])
        assert brought.rejected[4].issues[0].expression == "Observation.status"
    changes = person.soundness.changes(await record(person, "weerklank"))
    assert [(change.id, change.version) for change in changes[-2:]] == [("twice", 1), ("twice", 2)]
    assert len(changes) == 4, "what was sent again was not done again"
    assert UUID_ID.fullmatch(changes[0].id), "an id was made for what had none"
    await asyncio.to_thread(person.soundness.check)


async def test_what_was_erased_can_be_imported_again(person: Inside) -> None:
    lines = [b'{"resourceType":"Patient","id":"weerklank"}']
    lines += [person.observation("one").replace(person.patient_id.encode(), b"weerklank")]
    for _ in range(2):
        assert (await imported(person.parts, lines)).counts == (2, 0, 0)
        record_id = await record(person, "weerklank")
        await erase_record(person.parts.context, OPERATOR, TRACE, record_id)
