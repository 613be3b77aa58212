"""Wherever a page ends because what it has grew too large, its links lead on to all the rest, each once and in order."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store import pages
from tests.support.in_process import Inside, inside

COUNT = 12
WAYS = (
    "/Observation?",
    "/Observation?_sort=-date",
    "/Observation?_sort=value-quantity",
    "/Observation?_sort=code",
    "/Observation?_release=both&_sort=date",
    "/?_type=Observation,Condition",
    "/Patient/$everything?_release=both",
    "/Observation/_history?",
    "/$delta?since=0",
)


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as person:
        await fill(person, random.Random(7))
        yield person


async def fill(person: Inside, chosen: random.Random) -> None:
    """Make resources of all sizes; change some of them, and delete one."""
    ids = []
    for number in range(COUNT):
        padding = chosen.choice([0, 0, 900, 3000, 9000])
        body = person.observation(f"m{number}", kg=f"{chosen.randint(40, 99)}.0", padding=padding)
        answer = await person.create(body.replace(b"2026-03", f"2026-{chosen.randint(1, 12):02}".encode()))
        assert answer.status_code == 201, answer.text
        ids.append(answer.headers["location"].split("/")[-3])
    for id_ in ids[:3]:
        changed = person.observation("changed", id_=id_, padding=2000)
        answer = await person.http.put(f"/Observation/{id_}", content=changed, headers=person.headers)
        assert answer.status_code == 200, answer.text
    assert (await person.http.delete(f"/Observation/{ids[3]}", headers=person.headers)).status_code < 300


async def shown(person: Inside, url: str) -> list[str]:
    """Return what all pages show, from the one at ``url`` on."""
    found: list[str] = []
    following: str | None = url
    while following is not None:
        answer = await person.http.get(following, headers=person.headers)
        assert answer.status_code == 200, answer.text
        for entry in answer.json().get("entry", []):
            one = entry.get("resource")
            found.append(f"{one['id']} {one['meta']['versionId']}" if one else entry["request"]["url"])
        links = answer.json()["link"]
        following = next((link["url"] for link in links if link["relation"] == "next"), None)
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_pages_that_end_early_show_what_one_page_does(
    person: Inside, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    everything = await shown(person, f"{way}&_count=100")
    assert len(everything) >= COUNT - 1
    for bytes_max in (1, 600, 5000):
        monkeypatch.setattr(pages, "PAGE_BYTES", bytes_max)
        for count in (1, 3, 100):
            assert await shown(person, f"{way}&_count={count}") == everything, (bytes_max, count)
