"""Running a search over the records of a scope, one page at a time.

Each record is searched by a statement of its own, so that every statement stays inside one partition; over several records
the pages are merged. The order is: the sort keys, then the record, then the newest change first.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app.access.scope import AccessScope, RecordAccess
from app.db.database import Reader, Row
from app.db.statements import Statement
from app.errors import BadRequestError
from app.fhir.release import Release
from app.fhir.search.expression import Criterion, Search, SortKey
from app.store.pages import PAGE_COLUMNS, SEQ, inline, read_rows
from app.store.resources import Stored
from app.store.rules import check_version
from app.store.search.conditions import Form, number_values, numbers_of
from app.store.search.order import is_read, key_of
from app.store.search.plan import TURN_BYTES, Plan
from app.store.search.statement import NUMBER_LAST, SearchForm, statement
from app.store.search.translate import CURRENT, sort_form, translate
from app.store.time_zone import time_zone_of

_RULES = PAGE_COLUMNS
"""The column behind those of a version: the rules by which the record was indexed."""

_ZONE = _RULES + 1
"""The next: the record's time zone, where the search asks for days of it. The sort keys follow."""

SORTED_MAX = 10_000
"""Matches whose bodies one page reads to sort them; see ``order.py``."""

_CHUNK = 500

_TURN = 50
"""Records that are searched before others get their turn."""

_UNDATED = Form("present", ("date",), negated=True)
"""Has no date in the index that is walked."""


class Position(msgspec.Struct, frozen=True):
    """Where a page ended: the sort keys, the record and the change of its last match."""

    keys: tuple[Any, ...]
    record_id: int
    seq: int


class Match(msgspec.Struct, frozen=True):
    """A match whose body need not have been read yet: its row, the sort keys it stands at, and by what and within which access it is read."""

    row: Row
    keys: tuple[Any, ...]
    access: RecordAccess
    reader: Reader

    @property
    def record_id(self) -> int:
        """The record that it is in."""
        return int(self.row[0])

    @property
    def id(self) -> str:
        """The id of the resource."""
        return str(self.row[3])

    @property
    def seq(self) -> int:
        """The number of its change."""
        return int(self.row[SEQ])

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.keys, self.record_id, self.seq)


class Found(msgspec.Struct, frozen=True):
    """A match that was read, and the access that showed it."""

    version: Stored
    access: RecordAccess


async def read_matches(matches: Sequence[Match], reader: Reader | None = None) -> tuple[list[Found], int]:
    """Return the first of these matches, as many as a page has room for, and how many that is; what has gone since is left out.

    ``reader`` is for who goes on in another thread than the one that found them.
    """
    versions, read = await read_rows(
        [one.row for one in matches], lambda n: (reader or matches[n].reader, matches[n].access)
    )
    if len(versions) == read:
        return [Found(version, one.access) for version, one in zip(versions, matches, strict=False)], read
    accesses = {one.record_id: one.access for one in matches}
    return [Found(version, accesses[version.record_id]) for version in versions], read


def _relevant(scope: AccessScope, resource_type: str) -> list[RecordAccess]:
    """Return the records to search, in the order of their numbers, the person's before the directory."""
    wanted = [access for access in scope.records if access.types is None or resource_type in access.types]
    return sorted(wanted, key=lambda access: (access.record_id == 0, access.record_id))


class Run:
    """One search, translated once for all the records it goes over."""

    def __init__(self, key: bytes, release: Release, search: Search, *, repeats: bool = True) -> None:
        self.plan = Plan(key, release, search.asked)
        self.forms = self.plan.forms
        self.keys = search.sort
        indexed = [one for one in search.sort if not is_read(one)]
        self.is_read = len(indexed) < len(search.sort)
        self.sort = tuple(sort_form(one) for one in indexed)
        self.values: dict[str, Any] = {}
        for number, one in enumerate(indexed):
            self.values |= numbers_of(f"s{number}", one.parameter)
            self.plan.need(None if one.parameter.is_column else one.parameter)
        # An index may be walked in its order only where no resource has two values in it.
        self.can_walk = len(search.sort) == len(self.sort) == 1 and self.sort[0].index == "date" and not repeats
        self.on_walked = frozenset(
            number
            for number, parameter in enumerate(self.plan.of_parameter)
            if self.can_walk and parameter == search.sort[0].parameter and self.forms[number].index == "date"
        )
        self.tells_zone = bool(self.plan.local)
        self.resource_type = search.resource_type
        self._statements: dict[tuple[str, bool, str], Statement] = {}

    def about(self, changed: Mapping[int, Criterion]) -> "Run":
        """Return the same search with other values of the same form in place of the criteria of these numbers."""
        found = copy(self)
        found.values = dict(self.values)
        for number, criterion in changed.items():
            translated = translate(self.plan.key, criterion)
            if translated.form != self.forms[number]:
                message = "A search can't go on with values of another form."
                raise ValueError(message)
            found.values |= number_values(translated, number, None)
        return found

    async def page(self, reader: Reader, scope: AccessScope, after: Position | None, limit: int) -> list[Match]:
        """Return at most ``limit`` matches behind ``after``, in order; ``read_matches`` reads them."""
        accesses = _relevant(scope, self.resource_type)
        if self.is_read:
            return await self._read(reader, scope, accesses, after, limit)
        # Whose grants change between two pages: a page goes on as the first one began, in one record or over several.
        began_walking = after is not None and len(after.keys) > len(self.sort)
        if after is not None and began_walking:
            accesses = [access for access in accesses if access.record_id == after.record_id]
        if len(accesses) == 1 and self.can_walk and (after is None or began_walking):
            return await self._walk(reader, scope, accesses[0], after, limit)
        found: list[Match] = []
        for number, access in enumerate(accesses, 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            values = await self._values(reader, scope, access, zone_told=True)
            found += await self._gather(reader, values, access, after, limit)
            if not self.sort and len(found) >= limit:
                break
            if len(found) > 2 * limit:  # of 5,000 people three pages at most are in memory
                found = merged(found, self.keys)[:limit]
        if len(accesses) > 1 and self.sort:
            found = merged(found, self.keys)
        return found[:limit]

    async def count(self, reader: Reader, scope: AccessScope) -> Counter[int]:
        """Return how many resources match in each record."""
        found: Counter[int] = Counter()
        for number, access in enumerate(_relevant(scope, self.resource_type), 1):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            await self.plan.check(reader, access)
            values = await self._values(reader, scope, access)
            row = await reader.one(self._statement("count", access, "start"), values)
            found[access.record_id] += row[0] if row else 0
        return found

    async def _read(
        self, reader: Reader, scope: AccessScope, accesses: Sequence[RecordAccess], after: Position | None, limit: int
    ) -> list[Match]:
        """Return a page in an order that bodies tell, for which all matches are read; only a page's worth of them is kept.

        Raises: BadRequestError, for more than ``SORTED_MAX`` matches.
        """
        page: list[Match] = []
        left = SORTED_MAX
        for access in accesses:
            values = await self._values(reader, scope, access)
            last: Position | None = None
            while found := await self._gather(reader, values, access, last, _CHUNK):
                left -= len(found)
                if left < 0:
                    message = f"More than {SORTED_MAX} resources are to be sorted by _sort: ask more of them."
                    raise BadRequestError(message)
                placed = [one async for one in self._placed(found)]
                page = merged([*page, *(one for one in placed if self._is_behind(one.position, after))], self.keys)
                page = page[:limit]
                if len(found) < _CHUNK:
                    break
                last = found[-1].position
                await asyncio.sleep(0)
        return page

    async def _placed(self, matches: Sequence[Match]) -> AsyncIterator[Match]:
        """Yield matches with all their sort keys, those that the body tells among those of the index."""
        of_change = {one.seq: one for one in matches}
        begin, looked_at = 0, 0
        while begin < len(matches):
            found, read = await read_matches(matches[begin:])
            begin += read
            for version in (one.version for one in found):
                match, tree = of_change[version.seq], version.tree()
                indexed = iter(match.keys)
                keys = tuple(key_of(key, tree) if is_read(key) else next(indexed) for key in self.keys)
                yield Match(match.row, keys, match.access, match.reader)
                looked_at += len(version.body)
                if looked_at > TURN_BYTES:
                    looked_at = 0
                    await asyncio.sleep(0)

    def _is_behind(self, position: Position, after: Position | None) -> bool:
        if after is None:
            return True
        for key, own, other in zip(self.keys, position.keys, after.keys, strict=True):
            if own != other:
                return bool(own < other) if key.descending else bool(own > other)
        here, there = ((one.record_id == 0, one.record_id, -one.seq) for one in (position, after))
        return here > there

    async def _values(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, *, zone_told: bool = False
    ) -> dict[str, Any]:
        return await self.plan.values_in(reader, scope, access, zone_told=zone_told) | self.values

    async def _gather(
        self, reader: Reader, values: dict[str, Any], access: RecordAccess, after: Position | None, limit: int
    ) -> list[Match]:
        begin = "start"
        values = values | {"limit": limit, "inline": inline(limit)}
        if after is not None:
            here, there = (access.record_id == 0, access.record_id), (after.record_id == 0, after.record_id)
            if here < there and not self.sort:
                return []
            if here <= there or self.sort:
                begin = "key" if here == there else "keys" if here < there else "tie"
            values |= {f"k{number}": key for number, key in enumerate(after.keys)} | {"after_seq": after.seq}
        found, _ = await self._found(reader, "gather", begin, access, values)
        return found

    async def _walk(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, after: Position | None, limit: int
    ) -> list[Match]:
        """Return a page in the order of a date index; the changes that have no such date come last."""
        values = await self._values(reader, scope, access, zone_told=True)
        values |= {"limit": limit, "inline": inline(limit)}
        last = NUMBER_LAST["desc" if self.sort[0].descending else "asc"]
        found: list[Match] = []
        version = None
        if after is None or after.keys[0] != last:
            begin = "start"
            if after is not None:
                begin = "key"
                values |= {"k0": after.keys[0], "k1": after.keys[1], "after_seq": after.seq}
            found, version = await self._found(reader, "walk", begin, access, values)
            if len(found) >= limit or self.on_walked:  # what has no such date does not meet what is asked of it
                return found
            after = None
        values |= {f"p{len(self.forms)}_0": self.values["s0_0"], "limit": limit - len(found)}
        if after is not None:
            values["after_seq"] = after.seq
        begin = "start" if after is None else "key"
        rest, _ = await self._found(reader, "undated", begin, access, values, version)
        return found + [Match(one.row, (last, last), one.access, one.reader) for one in rest]

    async def _found(
        self,
        reader: Reader,
        shape: str,
        begin: str,
        access: RecordAccess,
        values: dict[str, Any],
        before: int | None = None,
    ) -> tuple[list[Match], int | None]:
        """Return what a statement finds, of an index that answers for what is asked, and the version of that.

        By which rules the record was indexed comes with each row. Where there is none it is looked up, and then, for it may have
        changed in between, the statement is run again; unless the version is as it was ``before`` the statement. What goes through
        all of a type, such as ``code:not``, takes so long that it is looked up before. The statement is run again, too, if it asked
        for days of another zone than the record's, which is among ``values`` from then on.
        """
        if before is None and CURRENT in self.forms:
            before = await self.plan.check(reader, access)
        made = self._statement(shape, access, begin)
        rows = await reader.all(made, values)
        if self.tells_zone:
            zone = ZoneInfo(rows[0][_ZONE]) if rows else await time_zone_of(reader, access.record_id)
            if zone is not None and zone.key != values["zone"]:
                values |= self.plan.in_zone(zone)
                rows = await reader.all(made, values)
        version: int | None = rows[0][_RULES] if rows else None
        if version is not None:
            await check_version(reader, version, self.plan.asks_index)
        elif self.plan.asks_index:
            version = await self.plan.check(reader, access)
            if version is None or version != before:
                rows = await reader.all(made, values)
        return [Match(row, tuple(row[_ZONE + self.tells_zone :]), access, reader) for row in rows], version

    def _statement(self, shape: str, access: RecordAccess, begin: str) -> Statement:
        """Return the statement of a shape; each is looked up once, for finding it by its whole form takes as long as it does."""
        key = shape, access.types is not None, begin
        found = self._statements.get(key)
        if found is None:
            found = self._statements[key] = statement(self._form(*key))
        return found

    def _form(self, shape: str, limited_types: bool, begin: str) -> SearchForm:  # noqa: FBT001 - a form that is kept
        match shape:
            case "walk":
                return SearchForm(
                    self.forms, self.sort, limited_types, begin,
                    walk=True, on_walked=self.on_walked, tells_zone=self.tells_zone,
                )  # fmt: skip
            case "undated":
                return SearchForm((*self.forms, _UNDATED), (), limited_types, begin, tells_zone=self.tells_zone)
            case "count":
                return SearchForm(self.forms, (), limited_types, shows="count")
        return SearchForm(self.forms, self.sort, limited_types, begin, tells_zone=self.tells_zone)


def merged(found: list[Match], sort: Sequence[SortKey]) -> list[Match]:
    """Return matches of several records in one order; Python's sort keeps what is equal as it was."""
    ordered = sorted(found, key=lambda one: one.seq, reverse=True)
    ordered.sort(key=lambda one: (one.record_id == 0, one.record_id))
    for number in reversed(range(len(sort))):
        ordered.sort(key=lambda one: one.keys[number], reverse=sort[number].descending)
    return ordered
