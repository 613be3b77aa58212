"""A migration is applied while the version before it serves: nobody is refused, and that version goes on until it is ended."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from app.db.migrate import migrate
from app.db.schema import MIGRATIONS, is_current
from tests.support.in_process import Inside, inside

NEXT = '''"""Add a column, a table and an index, as one that expands does."""

from alembic import op

revision, down_revision = "9999", {last!r}


def upgrade():
    op.execute("ALTER TABLE change ADD COLUMN added BIGINT")
    op.execute("ALTER TABLE record ADD COLUMN added BIGINT NOT NULL DEFAULT 7")
    op.execute("CREATE TABLE added (record_id BIGINT PRIMARY KEY)")
    op.execute("CREATE INDEX added_instant ON change (added)")
'''
CLIENTS = 4
BEFORE_AND_AFTER = 5


@pytest.fixture
def following(tmp_path: Path) -> Path:
    """The migrations, and one more that the code knows nothing of."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    last = max(path.name[:4] for path in (folder / "versions").glob("[0-9]*.py"))
    (folder / "versions" / "9999_next.py").write_text(NEXT.format(last=last))
    return folder


async def test_the_version_before_serves_while_the_next_is_migrated_to(tmp_path: Path, following: Path) -> None:
    async with inside(tmp_path) as person:
        url = person.parts.settings.database_url
        answered: Counter[int] = Counter()
        rounds = [0] * CLIENTS
        enough = asyncio.Event()

        async def use(number: int) -> None:
            while not enough.is_set():
                for status in await _round(person, f"{number}-{rounds[number]}"):
                    answered[status] += 1
                rounds[number] += 1

        using = [asyncio.create_task(use(number)) for number in range(CLIENTS)]
        await _each_has(rounds, BEFORE_AND_AFTER)
        assert await asyncio.to_thread(migrate, url, following) == ["9999"]
        await _each_has(rounds, max(rounds) + BEFORE_AND_AFTER)
        enough.set()
        await asyncio.gather(*using)
        assert set(answered) == {200, 201}, answered
        assert not await asyncio.to_thread(is_current, url)
        await asyncio.to_thread(person.soundness.check)


async def _round(person: Inside, mark: str) -> list[int]:
    """Return the statuses of a create, a read, a change and a search."""
    made = await person.create(person.observation(mark))
    path = f"/Observation/{made.json()['id']}"
    read = await person.http.get(path, headers=person.headers)
    changed = person.observation(mark, id_=made.json()["id"], kg="73.00")
    put = await person.http.put(path, content=changed, headers=person.headers)
    found = await person.http.get("/Observation", params={"identifier": mark}, headers=person.headers)
    return [made.status_code, read.status_code, put.status_code, found.status_code]


async def _each_has(rounds: list[int], count: int) -> None:
    async with asyncio.timeout(120):
        while min(rounds) < count:  # noqa: ASYNC110 - those who count are several
            await asyncio.sleep(0.01)
