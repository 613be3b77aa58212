"""Resources that an operator imports: in any order, once, however often it is begun again."""

import asyncio
import gzip
import json
import os
import random
import threading
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.access.categories import ALL_PARTS
from app.access.scope import RecordAccess
from app.audit.events import Trace, unpack
from app.db.database import Transaction
from app.errors import UnavailableError, UnprocessableError
from app.fhir.release import Release
from app.interactions import record_import
from app.interactions.import_lines import Line, Place, files_in, lines_of_files
from app.interactions.import_spool import Part, Spool, Spooled
from app.interactions.people import record_with_patient
from app.store import pages
from app.store.changes import all_records
from app.store.ids import new_id, record_in
from app.store.many import read_many
from tests.support.importing import OPERATOR, imported
from tests.support.in_process import Inside, inside
from tests.support.soundness import Change


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as person:
        yield person


def patient(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"weerklank-{number}", "name": [{"family": "Weerklank-Testpersoon"}]}


def weight(number: int, id_: str, kg: str = "72.50", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id_, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/weerklank-{number}"}, "effectiveDateTime": "2026-03-01",
        "valueQuantity": {"value": float(kg), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}, **more,
    }  # fmt: skip


def some_people(count: int) -> list[bytes]:
    """Return what names each person, what is found by that only, and what is nobody's."""
    found: list[dict[str, Any]] = [
        {"resourceType": "Organization", "id": "praktijk", "name": "Praktijk Weerklank-Test"}
    ]
    for number in range(count):
        found += [
            patient(number),
            *(weight(number, f"weight-{number}-{index}", f"7{index}.5") for index in range(4)),
            weight(number, f"sample-{number}", specimen={"reference": f"Specimen/specimen-{number}"}),
            {"resourceType": "Specimen", "id": f"specimen-{number}"},
            {
                "resourceType": "Provenance", "id": f"provenance-{number}", "recorded": "2026-03-01T08:00:00Z",
                "target": [{"reference": f"Observation/weight-{number}-0"}],
                "agent": [{"who": {"reference": "Organization/praktijk"}}],
            },
        ]  # fmt: skip
    return [json.dumps(one).encode() for one in found]


async def changes_of_all(person: Inside) -> list[Change]:
    records = [0, *await all_records(person.parts.database.reader, 1000)]
    return [change for record in records for change in await asyncio.to_thread(person.soundness.changes, record)]


async def what_is_where(person: Inside) -> dict[str, str]:
    """Return the Patient of the record that each resource is in, by Type/id; ``directory`` for the shared one."""
    changes = await changes_of_all(person)
    whose = {one.record_id: one.id for one in changes if one.resource_type == "Patient"}
    return {f"{one.resource_type}/{one.id}": whose.get(one.record_id, "directory") for one in changes}


@pytest.mark.parametrize("seed", range(3))
async def test_the_order_of_the_lines_makes_no_difference(
    person: Inside, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(record_import, "CHUNK", 5)
    lines = some_people(4)
    random.Random(seed).shuffle(lines)
    assert (await imported(person.parts, lines)).counts == (len(lines), 0, 0)
    found = await what_is_where(person)
    for number in range(4):
        for name in (
            f"Specimen/specimen-{number}",
            f"Provenance/provenance-{number}",
            f"Observation/weight-{number}-3",
        ):
            assert found[name] == f"weerklank-{number}"
    assert found["Organization/praktijk"] == "directory"
    await asyncio.to_thread(person.soundness.check)


async def test_what_was_imported_is_not_imported_again(person: Inside) -> None:
    lines = some_people(3)
    await imported(person.parts, lines)
    before = await changes_of_all(person)
    random.Random(1).shuffle(lines)
    assert (await imported(person.parts, lines)).counts == (0, len(lines), 0)
    assert await changes_of_all(person) == before
    await asyncio.to_thread(person.soundness.check)


async def test_what_somebody_changed_since_is_left_as_it_is(person: Inside) -> None:
    lines = some_people(1)
    await imported(person.parts, lines)
    corrected = json.dumps(weight(0, "weight-0-1", "80")).encode()
    assert (await imported(person.parts, [corrected])).counts == (1, 0, 0)
    assert (await imported(person.parts, lines)).counts == (0, len(lines), 0)


async def test_large_resources_that_stand_already_are_not_in_memory_together(person: Inside) -> None:
    ids = [f"large-{number}" for number in range(40)]
    about: dict[str, Any] = {"subject": {"reference": f"Patient/{person.patient_id}"}}
    text = b64encode(random.Random(1).randbytes(600_000)).decode()
    lines = [json.dumps(weight(0, one, **about, note=[{"text": text}])).encode() for one in ids]
    assert (await imported(person.parts, lines)).counts == (40, 0, 0)
    access = RecordAccess(person.record_id, ALL_PARTS, ALL_PARTS, None, "own record")
    tracemalloc.start()

    async def job(transaction: Transaction) -> list[str]:
        return [one.id async for one in read_many(transaction, Release.R4, [(access, "Observation", ids)])]

    seen = await person.parts.database.write(job)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sorted(seen) == sorted(ids)
    assert peak < 20_000_000, f"{peak} bytes: all of them are 32 MB, and twice that while they are unpacked"
    assert (await imported(person.parts, lines)).counts == (0, 40, 0)


async def test_what_was_deleted_since_comes_in_again(person: Inside) -> None:
    line = json.dumps(weight(0, "deleted", subject={"reference": f"Patient/{person.patient_id}"})).encode()
    assert (await imported(person.parts, [line])).counts == (1, 0, 0)
    assert (await person.http.delete("/Observation/deleted", headers=person.headers)).status_code == 204
    assert (await imported(person.parts, [line])).counts == (0, 1, 0), "it was in, and somebody took it out"


async def test_the_same_content_twice_without_an_id_is_two_resources_and_stays_two(person: Inside) -> None:
    made = weight(0, "")
    del made["id"]
    lines = [json.dumps(one).encode() for one in (made, made, patient(0))]
    assert (await imported(person.parts, lines)).counts == (3, 0, 0)
    assert (await imported(person.parts, lines)).counts == (0, 3, 0)


async def test_versions_of_a_resource_come_in_one_after_the_other_and_once(
    person: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_import, "CHUNK", 2)
    versions = [weight(0, "again", kg) for kg in ("70", "71", "70", "72")]
    lines = [json.dumps(one).encode() for one in versions]
    assert (await imported(person.parts, lines[:2])).counts == (2, 0, 0)
    assert (await imported(person.parts, lines)).counts == (2, 2, 0), (
        "what was in the part that was done is not done again"
    )
    found = [one.body for one in await changes_of_all(person) if one.id == "again"]
    assert [json.loads(body)["valueQuantity"]["value"] for body in found] == [70, 71, 70, 72]


async def test_versions_that_no_page_has_room_for_together_come_in_once(
    person: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 1_000)
    lines = [json.dumps(weight(0, "again", kg, note=[{"text": "x" * 600}])).encode() for kg in ("70", "71", "72", "73")]
    assert (await imported(person.parts, lines)).counts == (4, 0, 0)
    assert (await imported(person.parts, lines)).counts == (0, 4, 0)


async def test_what_is_refused_is_told_with_its_place_and_leaves_no_record(person: Inside) -> None:
    records = await all_records(person.parts.database.reader, 1000)
    lines = [
        json.dumps(weight(7, "bad", status="unknown-status")).encode(),
        json.dumps(weight(8, "elsewhere", hasMember=[{"reference": f"Observation/{new_id(1, 1)}"}])).encode(),
    ]
    brought = await imported(person.parts, lines)
    assert brought.counts == (0, 0, 2)
    places = [brought.rejected[number].issues[0].expression for number in (1, 2)]
    assert places == ["Observation.status", "Observation.hasMember[0].reference"]
    assert await all_records(person.parts.database.reader, 1000) == records


async def test_a_line_that_nobody_can_read_is_rejected_and_the_others_go_in(person: Inside, tmp_path: Path) -> None:
    deep = b'{"resourceType":"Observation","contained":' + b"[" * 5000 + b"]" * 5000 + b"}"
    named = b'{"fullUrl":"urn:uuid:2f6a0c5e-0c0e-4e1e-9d3c-0d5b8f1c7a11","resource":' + json.dumps(patient(1)).encode()
    strange = b'{"resource":{"resourceType":"Observation","subject":{"reference":"\xff"}}}'
    collection = b'{"resourceType":"Bundle","type":"collection","entry":[' + named + b"}," + strange + b"]}"
    (tmp_path / "in.ndjson").write_bytes(b"\n".join([deep, collection, json.dumps(patient(2)).encode()]))
    rejected: list[record_import.Rejected] = []
    lines = lines_of_files(Release.R4, [tmp_path / "in.ndjson"])
    found = await record_import.import_resources(
        person.parts.context, OPERATOR, Trace("test"), Release.R4, lines, rejected.append
    )
    assert (found.written, found.already, found.rejected) == (2, 0, 2)
    places = {(one.place.number, one.place.entry): one.issues[0].diagnostics for one in rejected}
    assert "nested too deep" in places[1, None]
    assert "not JSON in UTF-8" in places[2, 1]


async def test_what_this_server_made_comes_back_into_a_record_of_the_same_number(person: Inside) -> None:
    own, number = new_id(4711, 1), new_id(4711, 2)
    lines = [
        json.dumps(weight(0, number, subject={"reference": f"Patient/{own}"})).encode(),
        json.dumps({**patient(0), "id": own}).encode(),
    ]
    assert (await imported(person.parts, lines)).counts == (2, 0, 0)
    assert await record_with_patient(person.parts.context, Release.R4, own) == record_in(number) == 4711
    alone = await imported(person.parts, [lines[0].replace(own.encode(), new_id(4712, 1).encode())])
    assert alone.counts == (0, 0, 1), "nobody is made of a reference"


async def test_a_collection_is_its_resources_and_they_find_each_other(person: Inside, tmp_path: Path) -> None:
    made, observed = "urn:uuid:2f6a0c5e-0c0e-4e1e-9d3c-0d5b8f1c7a11", weight(0, "")
    del observed["id"]
    observed["subject"] = {"reference": made}
    entries = [
        {"fullUrl": "urn:uuid:5b0c4f9e-6a1a-4d26-8b0e-3c1f0a7d9e22", "resource": observed},
        {"fullUrl": made, "resource": {"resourceType": "Patient"}},
    ]
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "people.json").write_text(body)
    for counts in ((2, 0, 0), (0, 2, 0)):
        lines = list(lines_of_files(Release.R4, files_in([tmp_path / "in"])))
        told: list[record_import.Rejected] = []
        found = await record_import.import_resources(
            person.parts.context, OPERATOR, Trace("test"), Release.R4, lines, told.append
        )
        assert (found.written, found.already, found.rejected) == counts, told


async def test_a_transaction_in_an_import_is_done_once(person: Inside) -> None:
    entry = {"resource": {**patient(0)}, "request": {"method": "PUT", "url": "Patient/weerklank-0"}}
    made = weight(0, "")
    del made["id"]
    other = {"resource": made, "request": {"method": "POST", "url": "Observation"}}
    line = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry, other]}).encode()
    assert (await imported(person.parts, [line])).counts == (2, 0, 0)
    assert (await imported(person.parts, [line])).counts == (0, 2, 0)
    await asyncio.to_thread(person.soundness.check)


async def test_what_comes_next_is_made_ready_while_the_database_answers(
    person: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, ready = record_import._Import.read, [threading.Event(), threading.Event()]

    def reading(*given: Any) -> Any:
        found = read(*given)
        next(one for one in ready if not one.is_set()).set()
        return found

    monkeypatch.setattr(record_import._Import, "read", reading)
    monkeypatch.setattr(record_import, "CHUNK", 1)

    async def holding(_: Transaction) -> bool:
        return ready[1].wait(20)

    held = asyncio.create_task(person.parts.database.write(holding))
    await asyncio.sleep(0)  # its turn, so that it is written first
    brought = await imported(person.parts, [json.dumps(patient(number)).encode() for number in range(2)])
    assert await held
    assert brought.counts == (2, 0, 0)


async def test_an_import_ends_with_the_write_that_fails(person: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: Any) -> None:
        await asyncio.sleep(0)  # the turn of what comes next
        raise UnavailableError("The record could not be written now. Try again later.")

    monkeypatch.setattr(person.parts.context.gate, "change", failing)
    monkeypatch.setattr(record_import, "CHUNK", 1)
    with pytest.raises(UnavailableError, match="could not be written"):
        await imported(person.parts, [json.dumps(patient(number)).encode() for number in range(3)])
    monkeypatch.undo()
    assert (await imported(person.parts, [json.dumps(patient(number)).encode() for number in range(3)])).counts == (
        3,
        0,
        0,
    )


def test_a_folder_is_all_its_files_packed_or_not(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(b'{"resourceType":"Patient","id":"a"}\n\n')
    (tmp_path / "Observation.ndjson.gz").write_bytes(gzip.compress(b'{"resourceType":"Observation"}'))
    (tmp_path / "README.txt").write_text("not a resource")
    found = list(lines_of_files(Release.R4, files_in([tmp_path])))
    assert [(line.place.file, line.place.number) for line in found] == [
        (str(tmp_path / "Observation.ndjson.gz"), 1),
        (str(tmp_path / "Patient.ndjson"), 1),
    ], "with its folder: two may have a file of one name"
    (tmp_path / "Observation.ndjson.gz").write_bytes(b"no gzip")
    with pytest.raises(UnprocessableError, match="can't be read"):
        list(lines_of_files(Release.R4, files_in([tmp_path])))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnprocessableError, match="has no file"):
        files_in([tmp_path / "empty"])


async def test_everybody_reads_that_it_was_imported(person: Inside) -> None:
    await imported(person.parts, some_people(1))
    record_id = await record_with_patient(person.parts.context, Release.R4, "weerklank-0")
    with person.soundness.opened() as connection:
        rows = connection.execute("SELECT record_id, body FROM audit ORDER BY n").fetchall()
    told = [json.loads(unpack(body)) for about, body in rows if about == record_id]
    assert [one["action"] for one in told] == ["import-resources", "import-resources"], (
        "what names a person, then the rest"
    )
    assert sum(one["count"] for one in told) == 8


@pytest.mark.parametrize("full", ["reading", "putting in order", "the bodies"])
async def test_a_full_disk_for_temporary_files_is_told_and_nothing_goes_in(
    person: Inside, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    class SmallSpool(Spool):
        def __init__(self) -> None:
            super().__init__()
            if full == "the bodies":
                with Path("/dev/full").open("r+b", buffering=0) as of_no_room:
                    os.dup2(of_no_room.fileno(), self.file)
            elif full == "reading":
                self._connection.execute("PRAGMA max_page_count=2")

        def read(self) -> Iterator[Spooled]:
            if full == "putting in order":
                self._put_down()
                self._connection.execute("PRAGMA max_page_count=1")  # none more than there are
            return super().read()

    monkeypatch.setattr(record_import, "Spool", SmallSpool)
    records = await all_records(person.parts.database.reader, 100)
    with pytest.raises(UnavailableError, match="TMPDIR"):
        await imported(person.parts, some_people(60))
    assert await all_records(person.parts.database.reader, 100) == records


@pytest.mark.parametrize("variable", ["", "TMPDIR", "SQLITE_TMPDIR"])
def test_the_bodies_stand_where_sqlite_puts_what_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Without a variable that is no folder which may be in memory, as ``/tmp`` is in many systems."""
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    with Spool() as spool:
        folder = Path(f"/proc/self/fd/{spool.file}").readlink().parent
    assert folder == (tmp_path if variable else Path("/var", "tmp"))


def test_the_same_line_again_and_again_costs_as_much_each_time() -> None:
    with Spool() as spool:
        for number in range(2_000):
            spool.add(Line(Place("lines", number), b'{"resourceType":"Basic"}'), Part.OF_NOBODY, "", "Basic", None)
        thousands: list[None] = []
        spool._connection.set_progress_handler(lambda: thousands.append(None), 1_000)
        assert [one.times for one in spool.read()] == list(range(2_000))
    assert len(thousands) < 500, "two hundred and fifty operations of SQLite for each line"
