"""What is asked of the resources of one type, made ready: the forms of a statement, and the values it is run with.

A reference is kept as a hash of ``Type/id``, so a link is followed before the statement runs: what stands at its other end is
found by a statement of its own, and goes into the statement as a list. Each of these has the access condition too, so that a
chain finds what its reader could have found step by step, and tells of nothing else. A composite parameter goes the same way:
its parts find resources by the index, and those that have them in one element go into the list.

Spec: https://hl7.org/fhir/R4/search.html#chaining, https://hl7.org/fhir/R4/search.html#has
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.db.database import Reader
from app.errors import BadRequestError
from app.fhir.release import Release
from app.fhir.search.composite import elements
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import (
    Asked,
    Chained,
    Combined,
    Criterion,
    MissingValue,
    ReferenceValue,
    Referred,
    Together,
    Told,
    Within,
    Worded,
)
from app.fhir.search.told import tells
from app.fhir.search.values import in_zone, is_local, zone_of
from app.fhir.search.wording import may_say, says
from app.store.hashes import reference_hash
from app.store.indexing import rows_of
from app.store.pages import SEQ, every_row, inline
from app.store.resources import Stored
from app.store.rules import check_rules
from app.store.search.checks import holds
from app.store.search.conditions import Criterion as Translated
from app.store.search.conditions import Form, number_values, numbers_of
from app.store.search.statement import SearchForm, statement
from app.store.search.translate import CURRENT, is_selective, translate
from app.store.time_zone import time_zone_of
from app.store.visible import parameters

LINKED_MAX = 50_000
"""Resources in one record, or in the directory, that one step of a chain may go over."""

_CHUNK = 1000
"""Resources that are read by one statement."""
TURN_BYTES = 128 * 1024
"""How much of bodies is looked at before others get their turn."""

_Followed = Chained | Referred | Together | Told | Worded | Combined

_encode = msgspec.json.Encoder().encode


def _open(places: Sequence[RecordAccess], resource_type: str) -> list[RecordAccess]:
    return [place for place in places if place.types is None or resource_type in place.types]


def _joined(criteria: Sequence[Criterion]) -> list[Criterion]:
    """Return criteria with those on a date that has one value at most as one, for which its index is gone through once."""
    found: list[Criterion] = []
    dates: dict[SearchParameter, list[Criterion]] = {}
    for one in criteria:
        is_date = one.parameter.kind == "date" and not one.parameter.is_column and one.modifier is None
        if is_date and not one.parameter.repeats and len(one.values) == 1:
            dates.setdefault(one.parameter, []).append(one)
        else:
            found.append(one)
    for parameter, asked in dates.items():
        found.append(Criterion(parameter, None, tuple(one.values[0] for one in asked), every=len(asked) > 1))
    return found


class Plan:
    """What is asked of one type, translated once for all the records that are searched.

    ``beyond`` is where chains go on, None for the same place: what is searched aside refers to what is kept.
    """

    def __init__(self, key: bytes, release: Release, asked: Asked, beyond: Reader | None = None) -> None:
        self.key, self.release, self.resource_type, self.beyond = key, release, asked.resource_type, beyond
        # The database asks in this order. That it is about this patient is true of nearly all in a record: ask it last.
        ordered = sorted(_joined(asked.criteria), key=lambda criterion: criterion.parameter.kind == "reference")
        self.ordered = tuple(ordered)
        criteria = [translate(key, criterion) for criterion in ordered]
        of_parameter: list[SearchParameter | None] = [
            None if criterion.parameter.is_column else criterion.parameter for criterion in ordered
        ]
        self.of_parameter = tuple(of_parameter)
        forms = [criterion.form for criterion in criteria]
        self.asks_index: set[int] = set()
        for parameter in of_parameter:
            self.need(parameter)
        self.values: dict[str, Any] = {"release": release.value, "type": asked.resource_type}
        for number, criterion in enumerate(criteria):
            self.values |= number_values(criterion, number, of_parameter[number])
        self.local = [(number, one) for number, one in enumerate(ordered) if is_local(one)]
        if self.local:
            self.values["zone"] = zone_of(self.local[0][1])
        self.links: dict[int, tuple[_Followed, tuple[Plan, ...]]] = {}
        for link in asked.links:
            if isinstance(link, Within):
                forms.append(self._within(link, len(forms)))
                continue
            self.links[len(forms)] = (link, self._plans(link, asked.criteria))
            if isinstance(link, Chained):
                self.need(link.parameter)
                self.values |= numbers_of(f"p{len(forms)}", link.parameter)
                forms.append(Form("linked", (), parameters=len(link.parameter.stored_in)))
            else:
                forms.append(Form("listed", ()))
        if not any(is_selective(form) for form in forms):
            forms.append(CURRENT)
        self.forms = tuple(forms)

    def _within(self, link: Within, number: int) -> Form:
        stored_in = [part for parameter in link.parameters for part in parameter.stored_in]
        self.values |= {f"p{number}_{i}": part.number for i, part in enumerate(stored_in)}
        self.asks_index |= {part.number for part in stored_in}
        hashes = [reference_hash(self.key, ReferenceValue(*link.owner))]
        self.values[f"c{number}_list"] = _encode(hashes).decode()
        return Form("linked", (), parameters=len(stored_in))

    def _plans(self, link: _Followed, criteria: tuple[Criterion, ...]) -> tuple["Plan", ...]:
        """Return the searches of a link; for a composite parameter of what the other ``criteria`` and its parts find."""
        match link:
            case Chained():
                targets = link.targets
            case Referred():
                targets = (link.source,)
            case Together():
                targets = tuple(Asked(self.resource_type, (*criteria, *parts)) for parts in link.alternatives)
            case Worded():
                targets = (Asked(self.resource_type, criteria),)
            case Combined():
                everything = Asked(self.resource_type, criteria)
                parts = (Asked(self.resource_type, (*criteria, *leaf.criteria), leaf.links) for leaf in link.leaves)
                targets = (everything, *parts)
            case Told():
                has_value = Criterion(link.parameter, "missing", (MissingValue(missing=False),))
                targets = (Asked(self.resource_type, (*criteria, has_value)),)
        plans = tuple(Plan(self.key, self.release, target, self.beyond) for target in targets)
        if isinstance(link, Referred):
            plans[0].need(link.parameter)
        return plans

    def need(self, parameter: SearchParameter | None) -> None:
        """Take down that the index is asked for a parameter; None for a column, which is not in the index."""
        if parameter is not None:
            self.asks_index |= {stored_in.number for stored_in in parameter.stored_in}

    async def check(self, reader: Reader, access: RecordAccess) -> int | None:
        """Return the version of a record's index, which answers for what is asked; None where nothing is asked of it.

        Raises: UnavailableError, when it does not answer yet.
        """
        return await check_rules(reader, access.record_id, self.asks_index) if self.asks_index else None

    async def values_in(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, *, zone_told: bool = False
    ) -> dict[str, Any]:
        """Return the values of the statement's parameters for one record; links are followed inside the scope.

        With ``zone_told`` dates are those of the zone that they were read in, as ``zone`` among the values says: the statement
        tells that of the record, and is run again with the values ``in_zone`` where it is another.
        """
        values = self.values | parameters(access)
        zone = await time_zone_of(reader, access.record_id) if self.local and not zone_told else None
        if zone is not None:
            values |= self.in_zone(zone)
        for number, (link, plans) in self.links.items():
            match link:
                case Chained():
                    where = self.beyond or reader
                    found: list[Any] = [one for plan in plans for one in await plan.reachable(where, scope, access)]
                case Referred():
                    found = await self._referred(reader, scope, access, link, plans[0])
                case Together():
                    found = await self._together(reader, scope, access, link, plans)
                case Told():
                    candidates = plans[0].versions(reader, scope, access)
                    found = [version.id async for version in candidates if tells(link, version.tree())]
                case Worded():
                    candidates = plans[0].versions(reader, scope, access)
                    found = [
                        version.id
                        async for version in candidates
                        if may_say(link, version.body) and says(link, version.tree())
                    ]
                case Combined():
                    found = sorted(await self._combined(reader, scope, access, link, plans))
            values[f"c{number}_list"] = _encode(found).decode()
        return values

    def in_zone(self, zone: ZoneInfo) -> dict[str, Any]:
        """Return the values that depend on the zone of the record that is searched."""
        values: dict[str, Any] = {"zone": zone.key}
        for number, criterion in self.local:
            parameter = None if criterion.parameter.is_column else criterion.parameter
            values |= number_values(translate(self.key, in_zone(criterion, zone)), number, parameter)
        return values

    async def ids(self, reader: Reader, scope: AccessScope, access: RecordAccess) -> list[str]:
        """Return the ids of all matches in one record. Raises: BadRequestError, for too many."""
        return await self._all(reader, scope, access, SearchForm(self.forms, (), access.types is not None, shows="ids"))

    async def numbers(self, reader: Reader, scope: AccessScope, access: RecordAccess) -> list[int]:
        """Return the numbers of the changes that made all matches in one record. Raises: BadRequestError, for too many."""
        form = SearchForm(self.forms, (), access.types is not None, shows="numbers")
        return await self._all(reader, scope, access, form)

    async def reachable(self, reader: Reader, scope: AccessScope, access: RecordAccess) -> list[int]:
        """Return the hashes of the references, from a resource of this record, to all matches: here or in the directory."""
        directory = scope.of(DIRECTORY)
        places = [access] if directory is None or access.record_id == DIRECTORY else [access, directory]
        ids = [one for place in _open(places, self.resource_type) for one in await self.ids(reader, scope, place)]
        return [reference_hash(self.key, ReferenceValue(self.resource_type, one)) for one in ids]

    async def _referred(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, link: Referred, source: "Plan"
    ) -> list[str]:
        """Return the ids of this type in one record that matches of ``source`` refer to."""
        places = [access] if access.record_id != DIRECTORY else scope.records
        hashes: set[int] = set()
        for place in _open(places, source.resource_type):
            for part in link.parameter.stored_in:
                form = SearchForm(source.forms, (), place.types is not None, shows="references")
                hashes |= set(await source._all(reader, scope, place, form, refers=part.number))  # noqa: SLF001 - another Plan
        if not hashes:
            return []
        everything = Plan(self.key, self.release, Asked(self.resource_type))
        return [
            one
            for one in await everything.ids(reader, scope, access)
            if reference_hash(self.key, ReferenceValue(self.resource_type, one)) in hashes
        ]

    async def _together(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, link: Together, plans: Sequence["Plan"]
    ) -> list[str]:
        """Return the ids of those that have all parts of one alternative in one element."""
        zone = await time_zone_of(reader, access.record_id)
        if zone is None:
            return []
        return [
            version.id
            for plan, parts in zip(plans, link.alternatives, strict=True)
            for criteria in [[translate(self.key, in_zone(part, zone)) for part in parts]]
            async for version in plan.versions(reader, scope, access)
            if self._in_one_element(link, criteria, version.tree(), zone)
        ]

    async def _combined(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, link: Combined, plans: Sequence["Plan"]
    ) -> set[str]:
        """Return the ids of those that a filter finds; the first of ``plans`` finds all that it chooses from."""
        everything, *leaves = plans
        next_leaf = iter(leaves)

        async def ids_of(part: Asked | Combined) -> set[str]:
            if isinstance(part, Asked):
                return set(await next(next_leaf).ids(reader, scope, access))
            found = [await ids_of(inner) for inner in part.parts]
            match part.operator:
                case "and":
                    return set.intersection(*found)
                case "or":
                    return set.union(*found)
                case "not":
                    return set(await everything.ids(reader, scope, access)).difference(*found)

        return await ids_of(link)

    def _in_one_element(
        self, link: Together, criteria: Sequence[Translated], tree: Mapping[str, Any], zone: ZoneInfo
    ) -> bool:
        return any(
            all(
                holds(
                    criterion,
                    rows_of(part, found, time_zone=zone, key=self.key, base_urls=link.base_urls),
                )
                for criterion, part, found in zip(criteria, link.parameter.parts, values, strict=True)
            )
            for values in elements(link.parameter, tree)
        )

    async def versions(self, reader: Reader, scope: AccessScope, access: RecordAccess) -> AsyncIterator[Stored]:
        """Yield all matches in one record, newest first; others get their turn in between.

        Raises: BadRequestError, for too many.
        """
        await self.check(reader, access)
        values = await self.values_in(reader, scope, access) | {"limit": _CHUNK, "inline": inline(_CHUNK)}
        begin: Literal["start", "key"] = "start"
        for _ in range(LINKED_MAX // _CHUNK):
            rows = await reader.all(statement(SearchForm(self.forms, (), access.types is not None, begin)), values)
            looked_at = 0
            async for version in every_row(reader, access, rows):
                yield version
                looked_at += len(version.body)
                if looked_at > TURN_BYTES:
                    looked_at = 0
                    await asyncio.sleep(0)
            if len(rows) < _CHUNK:
                return
            begin, values["after_seq"] = "key", rows[-1][SEQ]
        raise _too_much()

    async def _all(
        self, reader: Reader, scope: AccessScope, access: RecordAccess, form: SearchForm, **more: Any
    ) -> list[Any]:
        await self.check(reader, access)
        values = await self.values_in(reader, scope, access) | {"limit": LINKED_MAX + 1} | more
        rows = await reader.all(statement(form), values)
        await asyncio.sleep(0)  # a search may follow many links: others get their turn
        if len(rows) > LINKED_MAX:
            raise _too_much()
        return [row[0] for row in rows]


def _too_much() -> BadRequestError:
    return BadRequestError("There is too much to go through for this search: ask more of it.")


async def referring(
    reader: Reader,
    key: bytes,
    parameter: SearchParameter,
    access: RecordAccess,
    references: Sequence[str],
    limit: int,
) -> AsyncIterator[Stored]:
    """Yield at most ``limit`` resources of one record that refer by ``parameter`` to one of ``references``, newest first.

    A reference is ``Type/id`` or a URL; one that the parameter can't have finds nothing. A URL without a version finds all of them.
    Raises: UnavailableError, when the index of the record does not answer for the parameter yet.
    """
    if not _open([access], parameter.resource_type):
        return
    await check_rules(reader, access.record_id, [stored_in.number for stored_in in parameter.stored_in])
    form = SearchForm((Form("linked", (), parameters=len(parameter.stored_in)),), (), access.types is not None)
    hashes = [reference_hash(key, ReferenceValue(url=reference)) for reference in references]
    values = {
        "release": parameter.release.value,
        "type": parameter.resource_type,
        "c0_list": _encode(hashes).decode(),
        "limit": limit,
        "inline": inline(limit),
    }
    rows = await reader.all(statement(form), values | numbers_of("p0", parameter) | parameters(access))
    async for version in every_row(reader, access, rows):
        yield version
