"""What a page shows besides its matches: what they refer to (``_include``) and what refers to them (``_revinclude``).

A reference leads to the same record or to the directory; what refers to something is of the same record, or, to something in
the directory, of any record that was searched. A canonical leads to what has it as its ``url``, in the version that it names if
it names one. Each step has the access condition in its statement.

Spec: https://hl7.org/fhir/R4/search.html#include, https://hl7.org/fhir/STU3/search.html#include
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from app.access.policy import DIRECTORY_TYPES
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.errors import BadRequestError, TooCostlyError
from app.fhir.reference import localize
from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter, definitions
from app.fhir.search.expression import Asked, Criterion, Include, UriValue
from app.interactions.context import Context
from app.store.indexing import reference_values
from app.store.resources import Stored, read_current
from app.store.search.plan import Plan, referring
from app.store.search.run import Found

INCLUDED_MAX = 1000
INCLUDED_MAX_BYTES = 16 * 1024 * 1024
"""How large all that is included may be together, a single larger one apart; a page with more ends earlier."""

FOLLOWED_MAX = 10_000
"""Canonicals that one answer follows, once for each type that may have them: each is a search, whether it finds something or not."""

_TURN = 50
"""Resources whose references are followed before others get their turn."""


class IncludedTooLargeError(TooCostlyError):
    """What is included does not fit one answer."""

    def __init__(self) -> None:
        super().__init__("What this includes is too large for one answer: read it by its references.")


def _too_many() -> BadRequestError:
    return BadRequestError(f"This includes more than {INCLUDED_MAX} resources: ask for smaller pages with _count.")


_Shown = tuple[Stored, RecordAccess]


async def included(
    context: Context, release: Release, scope: AccessScope, found: Sequence[Found], includes: Sequence[Include]
) -> list[Stored]:
    """Return what the matches refer to, and what refers to them, through ``includes``: each once.

    Raises: BadRequestError, for more than ``INCLUDED_MAX`` or ``FOLLOWED_MAX``; IncludedTooLargeError.
    """
    if not includes:
        return []
    gathering = _Gathering(context, release, scope, found)
    wanted, last = includes, [(one.version, one.access) for one in found]
    while wanted and last:
        last = await gathering.step(last, wanted)
        wanted = [include for include in includes if include.iterate]
    return gathering.collected


class _Gathering:
    """What was included so far."""

    def __init__(self, context: Context, release: Release, scope: AccessScope, found: Sequence[Found]) -> None:
        self.context, self.release, self.scope = context, release, scope
        self.seen = {(one.version.record_id, one.version.reference) for one in found}
        self.collected: list[Stored] = []
        self._followed: set[tuple[int, str, str]] = set()
        self._bytes = 0

    async def step(self, from_: Sequence[_Shown], includes: Sequence[Include]) -> list[_Shown]:
        """Return what is new, one reference further."""
        new: list[_Shown] = []
        forward = [include for include in includes if not include.is_reverse]
        for number, (version, access) in enumerate(from_ if forward else (), 1):
            for target_type, target_id in self._targets(version, forward):
                self._add(new, await self._target(access, target_type, target_id))
            for target_type, url in self._canonicals(version, forward):
                async for shown in self._having(access, target_type, url):
                    self._add(new, shown)
            if number % _TURN == 0:
                await asyncio.sleep(0)
        for include in includes:
            if include.is_reverse:
                await self._referring(new, from_, include)
        return new

    def _add(self, new: list[_Shown], shown: _Shown | None) -> None:
        if shown is None or (shown[0].record_id, shown[0].reference) in self.seen:
            return
        self.seen.add((shown[0].record_id, shown[0].reference))
        self.collected.append(shown[0])
        new.append(shown)
        self._bytes += len(shown[0].body)
        if self._bytes > INCLUDED_MAX_BYTES and len(self.collected) > 1:
            raise IncludedTooLargeError
        if len(self.collected) > INCLUDED_MAX:
            raise _too_many()

    def _targets(self, version: Stored, includes: Sequence[Include]) -> list[tuple[str, str]]:
        """Return the (type, id) of the local resources that one version refers to."""
        tree = version.tree()
        found: dict[tuple[str, str], None] = {}
        for include in includes:
            if include.source_type not in (None, version.resource_type):
                continue
            for parameter in self._parameters(version, include):
                for text in reference_values(parameter, tree):
                    local = self.context.local(self.release, text)
                    if local is not None and include.target_type in (None, local.resource_type):
                        found[local.resource_type, local.id] = None
        return list(found)

    def _canonicals(self, version: Stored, includes: Sequence[Include]) -> list[tuple[str, str]]:
        """Return the (type, canonical) of what one version names by its url."""
        tree, known = version.tree(), definitions(self.release)
        found: dict[tuple[str, str], None] = {}
        for include in includes:
            if include.source_type not in (None, version.resource_type):
                continue
            for parameter in self._parameters(version, include):
                if "canonical" not in parameter.types:
                    continue
                wanted = parameter.targets if include.target_type is None else {include.target_type}
                types = [one for one in sorted(wanted) if "url" in known.supported(one)]
                found |= dict.fromkeys((one, text) for text in reference_values(parameter, tree) for one in types)
        return list(found)

    async def _having(self, access: RecordAccess, resource_type: str, canonical: str) -> AsyncIterator[_Shown]:
        """Yield the resources with a canonical, of the same record or else of the directory; each canonical is followed once."""
        if (access.record_id, resource_type, canonical) in self._followed:
            return
        self._followed.add((access.record_id, resource_type, canonical))
        if len(self._followed) > FOLLOWED_MAX:
            message = f"This names more than {FOLLOWED_MAX} canonicals: ask for smaller pages with _count."
            raise BadRequestError(message)
        url, _, named = canonical.partition("|")
        has_url = Criterion(definitions(self.release).of(resource_type)["url"], None, (UriValue(url),))
        plan = Plan(self.context.index_key, self.release, Asked(resource_type, (has_url,)))
        for place in self._places(access, resource_type):
            is_here = False
            async for one in plan.versions(self.context.database.reader, self.scope, place):
                if not named or one.tree().get("version") == named:
                    is_here = True
                    yield one, place
            if is_here:
                return

    def _places(self, access: RecordAccess, resource_type: str) -> list[RecordAccess]:
        """Return where a reference to a type leads: the same record, then the directory."""
        directory = self.scope.of(DIRECTORY)
        if directory is None or resource_type not in DIRECTORY_TYPES or access.record_id == DIRECTORY:
            return [access]
        return [access, directory]

    def _parameters(self, version: Stored, include: Include) -> list[SearchParameter]:
        if include.parameter is not None:
            return [include.parameter]
        known = definitions(self.release).supported(version.resource_type)
        return [parameter for parameter in known.values() if parameter.kind == "reference"]

    async def _target(self, access: RecordAccess, resource_type: str, resource_id: str) -> _Shown | None:
        """Return a resource of the same record, else of the directory; None if it isn't inside the scope."""
        for place in self._places(access, resource_type):
            found = await read_current(self.context.database.reader, place, self.release, resource_type, resource_id)
            if found is not None and not found.deleted:
                return found, place
        return None

    async def _referring(self, new: list[_Shown], to: Sequence[_Shown], include: Include) -> None:
        """Add what refers by ``include`` to any of the resources ``to``."""
        if include.parameter is None:
            message = "A reverse include names its parameter."
            raise ValueError(message)
        is_canonical = "canonical" in include.parameter.types
        by_place: dict[RecordAccess, list[str]] = {}
        for version, access in to:
            if include.target_type in (None, version.resource_type):
                names = [version.reference, *(self._names(version) if is_canonical else ())]
                for place in (access,) if access.record_id != DIRECTORY else self.scope.records:
                    by_place.setdefault(place, []).extend(names)
        for place, references in by_place.items():
            meant, looked_at = frozenset(references), 0
            async for version in referring(
                self.context.database.reader,
                self.context.index_key,
                include.parameter,
                place,
                references,
                INCLUDED_MAX + 1,
            ):
                looked_at += 1
                if not is_canonical or not meant.isdisjoint(self._named(version, include.parameter)):
                    self._add(new, (version, place))
            if looked_at > INCLUDED_MAX:
                raise _too_many()  # some were here already, or name another version: there may be more behind them

    def _names(self, version: Stored) -> list[str]:
        """Return the canonicals of a resource: its url, and that with its version."""
        tree = version.tree()
        url, number = tree.get("url"), tree.get("version")
        texts = [] if url is None else [url] if number is None else [url, f"{url}|{number}"]
        return [self._as_kept(text) for text in texts]

    def _named(self, version: Stored, parameter: SearchParameter) -> set[str]:
        """Return the canonicals that a resource names by a parameter."""
        return {self._as_kept(text) for text in reference_values(parameter, version.tree())}

    def _as_kept(self, text: str) -> str:
        """Return a canonical as the index has it: an address here is ``Type/id``."""
        return str(localize(text, (self.context.fhir_base(self.release),)))
