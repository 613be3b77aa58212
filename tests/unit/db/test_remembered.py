"""What is remembered, under which version, and for how long."""

from typing import Any

import pytest

from app.db.database import Reader, Row
from app.db.remembered import Remembered, Seen
from app.db.statements import Statement


class Versions:
    """A database that holds a version of access, and nothing else."""

    def __init__(self, version: int | None = 1) -> None:
        self.version = version
        self.asked = 0

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the version."""
        del statement, parameters
        self.asked += 1
        return None if self.version is None else (self.version,)

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return the version."""
        row = await self.one(statement, parameters)
        return [] if row is None else [row]


class Told:
    """What is to be remembered, and how often it was looked up."""

    def __init__(self, value: str | None = "grant") -> None:
        self.value = value
        self.times = 0

    async def read(self, _: Reader) -> str | None:
        """Return the value."""
        self.times += 1
        return self.value


async def test_what_was_looked_up_is_looked_up_once_as_long_as_the_version_stays() -> None:
    database, remembered, told = Versions(), Remembered(), Told()
    for _ in range(3):
        assert await (await remembered.beside(database)).of("her", told.read) == "grant"
    assert (told.times, database.asked) == (1, 1)


async def test_a_version_that_a_transaction_saw_ends_what_was_remembered_before() -> None:
    database, remembered, told = Versions(), Remembered(), Told()
    before = await remembered.beside(database)
    await before.of("her", told.read)
    database.version, told.value = 2, "no grant"
    within = await Seen(remembered).view(database)
    assert (before.version, within.version) == (1, 2)
    assert await within.of("her", told.read) == "no grant"
    assert await (await remembered.beside(database)).of("her", told.read) == "no grant"
    assert told.times == 2


async def test_what_is_filed_late_under_an_older_version_is_not_given_under_a_newer_one() -> None:
    database, remembered, late = Versions(), Remembered(), Told("what was")
    old = await remembered.beside(database)
    database.version = 2
    assert await old.is_over()
    assert await old.of("her", late.read) == "what was"
    assert await (await remembered.beside(database)).of("her", Told("what is").read) == "what is"
    assert not await (await remembered.beside(database)).is_over()


async def test_a_database_that_lost_its_last_moments_does_not_bring_back_what_was_remembered_of_them() -> None:
    database, remembered = Versions(3), Remembered()
    await (await remembered.beside(database)).of("her", Told("a grant that was lost").read)
    database.version = 2
    await Seen(remembered).view(database)
    database.version = 3
    await Seen(remembered).view(database)
    assert await (await remembered.beside(database)).of("her", Told("no grant").read) == "no grant"


async def test_a_group_that_changed_something_remembers_nothing_that_is_not_committed() -> None:
    database, remembered, told = Versions(), Remembered(), Told()
    seen = Seen(remembered)
    await (await seen.view(database)).of("her", told.read)
    seen.is_over, told.value = True, "changed, not committed"
    within = await seen.view(database)
    assert within.version is None
    assert await within.of("her", told.read) == "changed, not committed"
    assert await (await remembered.beside(database)).of("her", told.read) == "grant"


async def test_what_is_not_there_is_looked_up_each_time() -> None:
    database, remembered, told = Versions(), Remembered(), Told(None)
    view = await remembered.beside(database)
    assert [await view.of("nobody", told.read) for _ in range(3)] == [None] * 3
    assert told.times == 3


async def test_a_database_without_a_version_is_not_remembered() -> None:
    remembered, told = Remembered(), Told()
    view = await remembered.beside(Versions(None))
    assert view.version is None
    assert [await view.of("her", told.read) for _ in range(2)] == ["grant"] * 2
    assert told.times == 2
    assert not await view.is_over()


async def test_what_is_asked_for_stays_and_the_rest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.remembered.KEPT_MAX", 4)
    view = await Remembered().beside(Versions())
    her, him = Told(), Told()
    await view.of("him", him.read)
    for number in range(20):
        await view.of("her", her.read)
        await view.of(number, Told().read)
    await view.of("him", him.read)
    assert (her.times, him.times) == (1, 2)


class Heavy:
    """A value that weighs as much as two."""

    weight = 2


async def test_what_is_heavy_takes_the_room_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.remembered.KEPT_MAX", 4)
    view = await Remembered().beside(Versions())
    told = Told()
    await view.of("her", told.read)
    for number in range(4):

        async def read(_: Reader) -> Heavy:
            return Heavy()

        await view.of(number, read)
    await view.of("her", told.read)
    assert told.times == 2
