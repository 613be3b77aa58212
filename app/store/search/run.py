"""Running a search over the records of a scope, one page at a time.

Each record is searched by a statement of its own, so that every statement stays inside one partition; over several records
the pages are merged. The order is: the sort keys, then the record, then the newest change first.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.access.scope import AccessScope, RecordAccess
from app.db.database import Reader
from app.fhir.release import Release
from app.fhir.search.expression import Search
from app.store.resources import Stored, stored
from app.store.search.conditions import Form, numbers_of
from app.store.search.plan import Plan
from app.store.search.statement import NUMBER_LAST, SearchForm, SortForm, statement
from app.store.search.translate import sort_form

_WIDTH = 9
"""How many columns a stored version takes; the sort keys follow."""


_UNDATED = Form("present", ("date",), negated=True)
"""Has no date in the index that is walked."""


class Position(msgspec.Struct, frozen=True):
    """Where a page ended: the sort keys, the record and the change of its last match."""

    keys: tuple[Any, ...]
    record_id: int
    seq: int


class Found(msgspec.Struct, frozen=True):
    """A match, the position it stands at, and the access that showed it."""

    version: Stored
    position: Position
    access: RecordAccess


def _relevant(scope: AccessScope, resource_type: str) -> list[RecordAccess]:
    """Return the records to search, in the order of their numbers, the person's before the directory."""
    wanted = [access for access in scope.records if access.types is None or resource_type in access.types]
    return sorted(wanted, key=lambda access: (access.record_id == 0, access.record_id))


class Run:
    """One search, translated once for all the records it goes over."""

    def __init__(self, key: bytes, release: Release, search: Search, *, repeats: bool = True) -> None:
        self.plan = Plan(key, release, search.asked)
        self.forms = self.plan.forms
        self.sort = tuple(sort_form(sort) for sort in search.sort)
        self.values: dict[str, Any] = {}
        for number, sort in enumerate(search.sort):
            self.values |= numbers_of(f"s{number}", sort.parameter)
        # An index may be walked in its order only where no resource has two values in it.
        self.can_walk = len(self.sort) == 1 and self.sort[0].index == "date" and not repeats
        self.resource_type = search.resource_type

    async def page(self, reader: Reader, scope: AccessScope, after: Position | None, limit: int) -> list[Found]:
        """Return at most ``limit`` matches behind ``after``, in order."""
        accesses = _relevant(scope, self.resource_type)
        # Whose grants change between two pages: a page goes on as the first one began, in one record or over several.
        began_walking = after is not None and len(after.keys) > len(self.sort)
        if after is not None and began_walking:
            accesses = [access for access in accesses if access.record_id == after.record_id]
        if len(accesses) == 1 and self.can_walk and (after is None or began_walking):
            return await self._walk(reader, scope, accesses[0], after, limit)
        found: list[Found] = []
        for access in accesses:
            found += await self._gather(reader, scope, access, after, limit)
            if not self.sort and len(found) >= limit:
                break
        if len(accesses) > 1 and self.sort:
            found = merged(found, self.sort)
        return found[:limit]

    async def count(self, reader: Reader, scope: AccessScope) -> int:
        """Return how many resources match in all."""
        total = 0
        for access in _relevant(scope, self.resource_type):
            form = SearchForm(self.forms, (), access.types is not None, shows="count")
            row = await reader.one(statement(form), await self.plan.values_in(reader, scope, access))
            total += row[0] if row else 0
        return total

    async def _gather(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, after: Position | None, limit: int
    ) -> list[Found]:
        begin = "start"
        values = self.values | {"limit": limit}
        if after is not None:
            here, there = (access.record_id == 0, access.record_id), (after.record_id == 0, after.record_id)
            if here < there and not self.sort:
                return []
            if here <= there or self.sort:
                begin = "key" if here == there else "keys" if here < there else "tie"
            values |= {f"k{number}": key for number, key in enumerate(after.keys)} | {"after_seq": after.seq}
        values |= await self.plan.values_in(reader, scope, access)
        form = SearchForm(self.forms, self.sort, access.types is not None, begin)
        return self._found(await reader.all(statement(form), values), access)

    async def _walk(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, after: Position | None, limit: int
    ) -> list[Found]:
        """Return a page in the order of a date index; the changes that have no such date come last."""
        values = self.values | await self.plan.values_in(reader, scope, access) | {"limit": limit}
        last = NUMBER_LAST["desc" if self.sort[0].descending else "asc"]
        found: list[Found] = []
        if after is None or after.keys[0] != last:
            begin = "start"
            if after is not None:
                begin = "key"
                values |= {"k0": after.keys[0], "k1": after.keys[1], "after_seq": after.seq}
            form = SearchForm(self.forms, self.sort, access.types is not None, begin, walk=True)
            found = self._found(await reader.all(statement(form), values), access)
            if len(found) >= limit:
                return found
            after = None
        without = SearchForm((*self.forms, _UNDATED), (), access.types is not None, "start" if after is None else "key")
        values |= {f"p{len(self.forms)}_0": self.values["s0_0"], "limit": limit - len(found)}
        if after is not None:
            values["after_seq"] = after.seq
        rest = self._found(await reader.all(statement(without), values), access)
        return found + [
            Found(one.version, Position((last, last), access.record_id, one.version.seq), one.access) for one in rest
        ]

    @staticmethod
    def _found(rows: Sequence[tuple[Any, ...]], access: RecordAccess) -> list[Found]:
        return [Found(stored(row), Position(tuple(row[_WIDTH:]), access.record_id, row[5]), access) for row in rows]


def merged(found: list[Found], sort: tuple[SortForm, ...]) -> list[Found]:
    """Return matches of several records in one order; Python's sort keeps what is equal as it was."""
    ordered = sorted(found, key=lambda one: one.position.seq, reverse=True)
    ordered.sort(key=lambda one: (one.position.record_id == 0, one.position.record_id))
    for number in reversed(range(len(sort))):
        ordered.sort(key=lambda one: one.position.keys[number], reverse=sort[number].descending)
    return ordered
