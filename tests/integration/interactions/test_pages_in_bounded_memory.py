"""A page of large resources is never in memory as a whole: it ends early, and those behind it come by its link."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from app.audit.events import Trace
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions import include
from app.interactions.operations import export, lastn
from app.interactions.operations.export_asked import Asked, Level
from app.oauth import tokens
from app.store.pages import PAGE_BYTES
from tests.support.in_process import Inside, inside

DOCUMENTS = 4
NOTES = 5
NOTE_SIZE = 980_000
SIZE = NOTES * NOTE_SIZE
PEAK_MAX = 40_000_000
"""A page has one document, of which who asks, in this process too, makes copies: 15 to 25 MB. All at once were 59 to 79 MB."""

R4 = Release.R4


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    """Give a person."""
    async with inside(tmp_path) as made:
        gc.freeze()  # what is loaded need not be looked through again before each page
        yield made
        gc.unfreeze()


async def fill(person: Inside, documents: int) -> list[str]:
    """Return the ids of so many large resources, each with a small one behind it."""
    one_note = person.observation("MARK", padding=NOTE_SIZE)
    begin, end = one_note.index(b'{"text"'), one_note.index(b"]", one_note.index(b'{"text"'))
    large = one_note[:begin] + b",".join([one_note[begin:end]] * NOTES) + one_note[end:]
    ids = []
    for number in range(documents):
        for body in (large.replace(b"MARK", f"large-{number}".encode()), person.observation(f"small-{number}")):
            answer = await person.create(body)
            assert answer.status_code == 201, answer.text[:500]
            ids.append(answer.headers["location"].split("/")[-3])
    return ids[::2]


async def pages(person: Inside, url: str) -> list[list[str]]:
    """Return the marks on each page, from the one at ``url`` on along the links ``next``."""
    found: list[list[str]] = []
    following: str | None = url
    while following is not None:
        gc.collect()
        answer = await person.http.get(following, headers=person.headers)
        assert answer.status_code == 200, answer.text[:500]
        bundle = answer.json()
        del answer
        shown = [entry["resource"] for entry in bundle.get("entry", [])]
        found.append([one["identifier"][0]["value"] for one in shown if one["resourceType"] == "Observation"])
        following = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return found


def is_each_there_once(marks: list[str]) -> bool:
    return Counter(marks) == {f"{size}-{number}": 1 for size in ("large", "small") for number in range(DOCUMENTS)}


async def test_all_ways_to_read_many_take_the_memory_of_one_page(person: Inside) -> None:
    await fill(person, DOCUMENTS)
    ways = (
        "/Observation?_count=60",
        "/Observation?_sort=-date&_count=60",
        "/Observation?_sort=code&_count=60",
        "/?_type=Observation,Condition&_count=60",
        "/Observation?_release=both&_count=60",
        "/Patient/$everything?_release=both",
        "/Observation/_history?_count=60",
        "/$delta?since=0",
    )
    for url in ways:
        tracemalloc.start()
        found = await pages(person, url)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert is_each_there_once([mark for page in found for mark in page]), (url, found)
        assert DOCUMENTS <= len(found) <= 2 * DOCUMENTS + 1, url
        assert peak < PEAK_MAX, f"{url}: {peak} bytes"
    await export_is_bounded(person)


async def export_is_bounded(person: Inside) -> None:
    """Fetch all that there is as lines of JSON."""
    context = person.parts.context

    async def for_operator(transaction: Transaction) -> str:
        lifetime = person.parts.settings.access_token_lifetime
        return await tokens.issue_for_operator(
            transaction, scope="system/*.rs", lifetime=lifetime, now=person.clock.now
        )

    token = await context.database.write(for_operator)
    operator = await tokens.find(context.database.reader, token, person.clock())
    assert operator is not None
    asked = Asked(Level.PATIENT, "Patient/$export", frozenset({"Observation"}))
    job = await export.begin(context, operator, Trace("test"), R4, asked)
    assert (await export.progress(context, operator, Trace("test"), R4, job)).is_ready
    marks: list[str] = []
    tracemalloc.start()
    async for lines in export.lines(context, operator, Trace("test"), R4, job, 0):
        assert len(lines) < PAGE_BYTES + SIZE
        marks += [msgspec.json.decode(line)["identifier"][0]["value"] for line in lines.splitlines()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert is_each_there_once(marks)
    assert peak < PEAK_MAX


def panel(person: Inside, number: int, members: list[str]) -> bytes:
    """Return an Observation that refers to others."""
    return msgspec.json.encode({
        "resourceType": "Observation", "status": "final", "identifier": [{"value": f"panel-{number}"}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85353-1"}]},
        "subject": {"reference": f"Patient/{person.patient_id}"}, "effectiveDateTime": "2026-03-01",
        "hasMember": [{"reference": f"Observation/{one}"} for one in members],
    })  # fmt: skip


async def test_a_page_ends_where_what_it_includes_gets_too_large(person: Inside) -> None:
    ids = await fill(person, 5)
    for number, one in enumerate(ids):
        assert (await person.create(panel(person, number, [one]))).status_code == 201
    found = await pages(person, "/Observation?code=85353-1&_include=Observation:has-member")
    assert sorted(mark for page in found for mark in page if mark.startswith("panel")) == [
        f"panel-{number}" for number in range(len(ids))
    ]
    assert len(found) > 1
    assert all(sum(mark.startswith("large") for mark in page) <= 3 for page in found)


async def test_one_match_that_includes_too_much_and_the_newest_that_are_too_large_are_refused(
    person: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(include, "INCLUDED_MAX_BYTES", 1_000)
    monkeypatch.setattr(lastn, "NEWEST_MAX_BYTES", 1_000)
    answers = [await person.create(person.observation(f"member-{number}", padding=400)) for number in range(2)]
    members = [one.headers["location"].split("/")[-3] for one in answers]
    assert (await person.create(panel(person, 0, members))).status_code == 201
    for url in (
        "/Observation?code=85353-1&_include=Observation:has-member",
        f"/Observation/$lastn?patient={person.patient_id}&code=29463-7&max=2",
    ):
        answer = await person.http.get(url, headers=person.headers)
        assert answer.status_code == 422, url
        (issue,) = answer.json()["issue"]
        assert issue["code"] == "too-costly"
        assert "too large for one answer" in issue["diagnostics"]
    fewer = await person.http.get(url.removesuffix("2") + "1", headers=person.headers)
    assert len(fewer.json()["entry"]) == 1
