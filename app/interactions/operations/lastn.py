"""``Observation/$lastn``: the newest observations of each kind.

Two observations are of one kind if they share a coding: a height measured lying has another second coding than one measured
standing. The newest is that with the latest ``effective[x]``.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html, https://hl7.org/fhir/STU3/observation-operations.html#lastn
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.db.database import Reader
from app.errors import BadRequestError, TooCostlyError
from app.fhir.release import Release
from app.fhir.search.expression import Search
from app.fhir.search.parse import parse_query
from app.interactions.context import Context, gathered
from app.interactions.gate import Deed, Touched
from app.interactions.include import included
from app.interactions.search import Page, narrow, shown
from app.store.search.run import Found, Match, Run, read_matches

LASTN_MAX = 100
_WALKED = 200
"""Matches that are read at once where the next ones are found behind them: about a millisecond."""

_GATHERED = 2000
"""Matches that are read at once where all are gathered for each page."""

NEWEST_MAX_BYTES = 16 * 1024 * 1024
"""How large all the newest may be together: the answer has no further pages."""


class _Coding(msgspec.Struct, frozen=True):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct, frozen=True):
    coding: tuple[_Coding, ...] = ()
    text: str = ""


class _Coded(msgspec.Struct, frozen=True):
    code: msgspec.Raw = msgspec.Raw(b"{}")


_coded = msgspec.json.Decoder(_Coded).decode
_concept = msgspec.json.Decoder(_Concept).decode


async def lastn(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
) -> Page:
    """Return the newest ``max`` (1 unless said) observations of each kind that the other parameters match.

    Raises: BadRequestError, for a ``max`` that is no number from 1 to 100.
    """

    async def action(scope: AccessScope) -> tuple[Page, Sequence[Touched]]:
        parsed = asked_newest(context, release, pairs, lenient=lenient)
        narrowed = await narrow(context, requester, release, scope, parsed)
        personal = narrowed.personal
        found: list[Found] = []
        run = Run(context.index_key, release, parsed, repeats=False)
        for access in personal:
            found += await _newest_in(context, run, narrowed.only({access.record_id, DIRECTORY}), most_of(pairs))
        extra = await included(context, release, narrowed, found, parsed.includes)
        used = tuple(pair for pair in pairs if pair[0] == "max" or pair in parsed.used)
        page = Page("Observation/$lastn", *shown(parsed, found, extra), None, used, parsed.ignored)
        counts = [sum(one.version.record_id == access.record_id for one in found) for access in personal]
        touched = [
            Touched(access.record_id, access.reason, count) for access, count in zip(personal, counts, strict=True)
        ]
        return page, touched

    deed = Deed("operation-lastn", release, "Observation")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, "Observation"), deed, action)


def asked_newest(context: Context, release: Release, pairs: Sequence[tuple[str, str]], *, lenient: bool) -> Search:
    """Return the search for all observations of which the newest are wanted, newest first."""
    asked = [pair for pair in pairs if pair[0] not in ("max", "_sort")]
    return parse_query(
        release, "Observation", [*asked, ("_sort", "-date")], time_zone=context.time_zone, lenient=lenient,
        page_size_default=None, page_size_max=context.limits.page_size_max,
        base_urls=(context.fhir_base(release),), now=context.clock(),
        terminology=context.conformance.terminology(release),
    )  # fmt: skip


def most_of(pairs: Sequence[tuple[str, str]]) -> int:
    """Return how many of each kind are wanted: ``max``, else 1. Raises: BadRequestError."""
    given = [value for name, value in pairs if name == "max"]
    if not given:
        return 1
    if len(given) > 1 or not re.fullmatch("[0-9]{1,3}", given[0]) or not 1 <= int(given[0]) <= LASTN_MAX:
        message = f"max takes one number from 1 to {LASTN_MAX}."
        raise BadRequestError(message)
    return int(given[0])


async def matches_in(context: Context, run: Run, scope: AccessScope) -> list[Match]:
    """Return all that matches in the one record of the scope, in the order of the run; nothing, if it has none."""
    if not scope.personal:
        return []
    look = partial(_gathered_in, context, run, scope)
    return await gathered(context, scope.personal[0].record_id, look)


async def _gathered_in(context: Context, run: Run, scope: AccessScope) -> list[Match]:
    return [match async for chunk in _chunks(context, run, scope, _GATHERED) for match in chunk]


async def _chunks(context: Context, run: Run, scope: AccessScope, size: int) -> AsyncIterator[list[Match]]:
    """Yield all that matches in the order of the run, ``size`` at a time."""
    after = None
    while chunk := await run.page(context.database.reader, scope, after, size):
        yield chunk
        if len(chunk) < size:
            return
        after = chunk[-1].position


async def _newest_in(context: Context, run: Run, scope: AccessScope, most: int) -> list[Found]:
    """Return the first ``most`` of each kind in the one record of the scope, kinds in the order of their first one."""
    if not run.can_walk:
        return await newest_of(context.database.reader, await matches_in(context, run, scope), most)
    newest = _Newest(most)
    if scope.personal:
        async for chunk in _chunks(context, run, scope, _WALKED):
            await newest.take_all(context.database.reader, chunk)
    return newest.found()


async def newest_of(reader: Reader, matches: Sequence[Match], most: int) -> list[Found]:
    """Return the first ``most`` of each kind, kinds in the order of their first one. Raises: TooCostlyError."""
    newest = _Newest(most)
    await newest.take_all(reader, matches)
    return newest.found()


class _Newest:
    """The first ``most`` of each kind of what was taken, and of what turned out later to be of one kind with it.

    What is not among the first of its kind as it is known can't be among those of a kind that it becomes a part of.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kinds = _Kinds()
        self._kept: list[tuple[Found, int]] = []
        self._counts: dict[int, int] = {}
        self._bytes = 0

    async def take_all(self, reader: Reader, matches: Sequence[Match]) -> None:
        """Read further matches and take them, in order; others have their turn in between. Raises: TooCostlyError."""
        begin = 0
        while begin < len(matches):
            found, read = await read_matches(matches[begin : begin + _WALKED], reader)
            self._take(found)
            begin += read
            await asyncio.sleep(0)

    def _take(self, matches: Sequence[Found]) -> None:
        for match in matches:
            kind = self._kinds.root(self._kinds.of(match.version.body))
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
            if count <= self._most:
                self._kept.append((match, kind))
                self._bytes += len(match.version.body)
        if self._bytes > NEWEST_MAX_BYTES:
            message = (
                "The newest of each kind are too large for one answer: ask for fewer kinds, as with code or category."
            )
            raise TooCostlyError(message)

    def found(self) -> list[Found]:
        """Return the first of each kind, in order."""
        counts: Counter[int] = Counter()
        newest = []
        for match, kind in self._kept:
            root = self._kinds.root(kind)
            counts[root] += 1
            if counts[root] <= self._most:
                newest.append(match)
        return newest


class _Kinds:
    """Sets of codings that occur together, joined as observations connect them (union-find)."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._number: dict[tuple[str, str], int] = {}
        self._of_text: dict[bytes, int] = {}

    def of(self, body: bytes) -> int:
        """Return the number of the observation's kind; what has no coding goes by its text."""
        text = bytes(_coded(body).code)
        if text not in self._of_text:  # most are written as another was
            self._of_text[text] = self._of_concept(_concept(text))
        return self._of_text[text]

    def _of_concept(self, concept: _Concept) -> int:
        names = [(coding.system, coding.code) for coding in concept.coding if coding.code] or [("text", concept.text)]
        first = self._of_name(names[0])
        for name in names[1:]:
            self._parents[self.root(self._of_name(name))] = self.root(first)
        return first

    def root(self, number: int) -> int:
        """Return the number that stands for the whole kind."""
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def _of_name(self, name: tuple[str, str]) -> int:
        if name not in self._number:
            self._number[name] = len(self._parents)
            self._parents.append(len(self._parents))
        return self._number[name]
