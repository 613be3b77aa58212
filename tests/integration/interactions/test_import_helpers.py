"""An import of which other processes check the lines: it comes out as it does without them, and they end with it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import UnavailableError
from app.fhir.release import Release
from app.interactions import record_import
from app.interactions.import_checks import Checked
from app.interactions.import_helper import LENGTH, READY, Told, decode_answer, encode, framed
from app.interactions.import_helpers import CHUNKS_EACH, Chunk, Helpers
from app.interactions.import_lines import Place
from app.interactions.import_spool import Part, Piece, Spooled
from app.interactions.setup import Setup
from app.store.changes import all_records
from tests.support.importing import Brought, imported
from tests.support.in_process import Inside, inside
from tests.support.running import ROOT

DEEP = b'{"resourceType":"Observation","contained":' + b"[" * 5000 + b"]" * 5000 + b"}"


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as person:
        yield person


class Ready(Helpers):
    """Helpers that are waited for when they are started."""

    async def start(self) -> None:
        """Start them, and wait."""
        await super().start()
        await asyncio.gather(*self._starting)


@pytest.fixture(autouse=True)
def helped_from_the_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_import, "Helpers", Ready)
    monkeypatch.setattr(record_import, "HELPED_FROM", 1)
    monkeypatch.setattr(record_import, "CHUNK", 5)


def weight(number: int, id_: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id_, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/weerklank-{number}"}, "effectiveDateTime": "2026-03-01",
        "valueQuantity": {"value": 72.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}, **more,
    }  # fmt: skip


BODY = json.dumps(weight(0, "weight")).encode()


@pytest.fixture
def bodies() -> Iterator[int]:
    """Give the descriptor of a file with a body, and something that is none behind it."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(BODY + b"no JSON")
        yield file.fileno()


def some_lines() -> list[bytes]:
    """Return lines of all kinds: good ones, versions, what breaks a profile's rule, and what nobody can take."""
    found: list[dict[str, Any]] = [
        {"resourceType": "Organization", "id": "praktijk", "name": "Praktijk Weerklank-Test"}
    ]
    for number in range(4):
        found.append(
            {"resourceType": "Patient", "id": f"weerklank-{number}", "name": [{"family": "Weerklank-Testpersoon"}]}
        )
        found += [weight(number, f"weight-{number}-{index}") for index in range(6)]
        found.append(weight(number, f"weight-{number}-0", status="amended"))
        found.append(weight(number, f"bad-{number}", status="unknown-status"))
        found.append(weight(number, f"elsewhere-{number}", hasMember=[{"reference": "Patient/somebody-else"}]))
        found.append(weight(number, f"sample-{number}", specimen={"reference": f"Specimen/specimen-{number}"}))
        found.append({"resourceType": "Specimen", "id": f"specimen-{number}"})
    together = {"resource": weight(1, "together"), "request": {"method": "PUT", "url": "Observation/together"}}
    found.append({"resourceType": "Bundle", "type": "transaction", "entry": [together]})
    return [*(json.dumps(one).encode() for one in found), DEEP, b"no JSON"]


def told(brought: Brought) -> dict[int, list[tuple[str, str | None]]]:
    return {
        number: [(one.diagnostics, one.expression) for one in rejected.issues]
        for number, rejected in brought.rejected.items()
    }


async def what_came_in(person: Inside) -> list[tuple[str, str, int, bytes]]:
    """Return every version, but the Patient of the fixture."""
    records = [0, *sorted(await all_records(person.parts.database.reader, 1000))]
    found = [one for record in records for one in await asyncio.to_thread(person.soundness.changes, record)]
    return sorted((one.resource_type, one.id, one.version, one.body) for one in found if one.id != person.patient_id)


async def test_it_comes_out_the_same_as_in_one_process(tmp_path: Path) -> None:
    outcomes = []
    for processes in (1, 3):
        (folder := tmp_path / str(processes)).mkdir()
        async with inside(folder) as person:
            brought = await imported(person.parts, some_lines(), processes=processes)
            again = await imported(person.parts, some_lines(), processes=processes)
            await asyncio.to_thread(person.soundness.check)
            outcomes.append((brought.counts, again.counts, told(brought), told(again), await what_came_in(person)))
    assert outcomes[0][0] == (42, 0, 10)
    assert outcomes[0][1] == (0, 42, 10)
    assert outcomes[0] == outcomes[1]


async def test_a_helper_that_is_killed_ends_the_import_which_can_be_begun_again(
    person: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Helpers] = []

    class Mortal(Ready):
        async def checked(self, chunks: Any) -> AsyncIterator[tuple[Chunk, list[Checked | None]]]:
            started.append(self)
            count = 0
            async for chunk in super().checked(chunks):
                yield chunk
                count += 1
                if count == 2:
                    self._processes[0].kill()

    with monkeypatch.context() as patched:
        patched.setattr(record_import, "Helpers", Mortal)
        with pytest.raises(UnavailableError, match="begin again"):
            await imported(person.parts, some_lines(), processes=2)
    for process in started[0]._processes:  # what it ended with is not known always: to end it again may take that away
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)
    brought = await imported(person.parts, some_lines(), processes=2)
    assert brought.imported.already > 0
    assert brought.counts[0] + brought.counts[1] == 42
    await asyncio.to_thread(person.soundness.check)


async def test_an_import_that_is_cancelled_leaves_no_helper(person: Inside, bodies: int) -> None:
    async with Ready(person.parts.context.setup, Release.R4, 2, bodies) as helpers:
        await helpers.start()
        pids = [process.pid for process in helpers._processes]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_all(helpers, never_ending()), 0.01)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_helper_finds_the_libraries_that_are_found_here(
    person: Inside, bodies: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = "from pathlib import Path\nPath(__file__).with_name('was-found').touch()\n"
    await asyncio.to_thread((tmp_path / "sitecustomize.py").write_text, shown)
    monkeypatch.syspath_prepend(str(tmp_path))
    async with Ready(person.parts.context.setup, Release.R4, 2, bodies) as helpers:
        await helpers.start()
        assert await _all(helpers, iter([chunk(1)])) == [1]
    assert (tmp_path / "was-found").exists()


def never_ending() -> Iterator[Chunk]:
    number = 0
    while True:
        number += 1
        yield chunk(number)


def chunk(number: int) -> Chunk:
    place = Place("lines", number)
    return [Spooled(place, "", Part.OF_A_PERSON, "weerklank-0", "Observation", None, b"", Piece(0, len(BODY)))]


async def _all(helpers: Helpers, chunks: Iterator[Chunk]) -> list[int]:
    return [chunk[0].place.number async for chunk, _ in helpers.checked(chunks)]


async def test_only_some_chunks_are_on_their_way_and_they_come_back_in_order(person: Inside, bodies: int) -> None:
    taken = 0

    def chunks() -> Iterator[Chunk]:
        nonlocal taken
        for number in range(40):
            taken += 1
            yield chunk(number)

    found: list[int] = []
    async with Ready(person.parts.context.setup, Release.R4, 2, bodies) as helpers:
        await helpers.start()
        async for (one,), (checked,) in helpers.checked(chunks()):
            assert taken - len(found) <= CHUNKS_EACH * 2 + 1
            assert checked is not None
            found.append(one.place.number)
    assert found == list(range(40))


async def test_a_helper_that_is_still_starting_is_not_waited_for(person: Inside, bodies: int) -> None:
    async with Helpers(person.parts.context.setup, Release.R4, 2, bodies) as helpers:
        await helpers.start()
        assert [checked async for _, checked in helpers.checked(iter([chunk(1), chunk(2)]))] == [[None], [None]]
        await asyncio.gather(*helpers._starting)
        (((_, (checked,))),) = [one async for one in helpers.checked(iter([chunk(3)]))]
        assert checked is not None


async def test_a_helper_that_ends_while_it_starts_is_told(person: Inside, bodies: int) -> None:
    async with Helpers(person.parts.context.setup, Release.R4, 2, bodies) as helpers:
        await helpers.start()
        helpers._processes[0].kill()
        await asyncio.wait(helpers._starting[:1])
        with pytest.raises(UnavailableError, match="begin again"):
            await _all(helpers, iter([chunk(1)]))


async def test_a_helper_ignores_an_interruption_and_ends_when_nobody_asks_any_more(person: Inside, bodies: int) -> None:
    await asyncio.to_thread(ask_and_interrupt, person.parts.context.setup, bodies)


def ask_and_interrupt(setup: Setup, bodies: int) -> None:
    command = [sys.executable, "-m", "app.interactions.import_helper"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[bodies]
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(framed(encode(Told(setup, Release.R4, bodies))))
        process.stdin.flush()
        assert process.stdout.read(LENGTH.size + len(READY)) == framed(READY)
        for _ in range(2):
            process.stdin.write(framed(encode([Piece(0, len(BODY)), Piece(len(BODY), len(b"no JSON"))])))
            process.stdin.flush()
            (length,) = LENGTH.unpack(process.stdout.read(LENGTH.size))
            answer = decode_answer(process.stdout.read(length))
            assert answer[0] is not None
            assert answer[0].patients == ("weerklank-0",)
            assert answer[1] is None
            process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.wait(timeout=60) == 0
