"""FHIR search of several types at once, at the base or in a compartment: ``[base]?_type=Observation,Condition&...``.

Each type is searched by itself, by parameters that it has; the pages are put into one order. A position in that order is the
sort keys, the record and the number of the change, whatever the type, so that cursors mean the same as in a search of one.

Spec: https://hl7.org/fhir/R4/http.html#search, https://hl7.org/fhir/STU3/http.html#search
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import BadRequestError
from app.fhir.compartment import compartment_parameters
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.search.expression import Owner, Search
from app.fhir.validation.structure import is_resource_type, resource_types
from app.interactions.consents import including, readers
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.include import included
from app.interactions.prepared import compartment_of, parsed_search
from app.interactions.search import (
    Page,
    cursor_after,
    looked_into,
    narrow,
    read_cursor,
    read_page,
    shown,
    without_cursor,
)
from app.store.search.run import Match, Position, Run, merged


async def search_of_types(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    owner: Owner | None = None,
) -> Page:
    """Return one page of what matches in the types that ``_type`` names. ``pairs`` are the query's parameters, decoded.

    ``owner`` is whose compartment is searched: in it, all types that it has need no names.
    Raises: UnknownParameterError, BadRequestError, AccessDeniedError, NotSupportedError.
    """

    async def action(scope: AccessScope) -> tuple[Page, Sequence[Touched]]:
        asked, cursor = without_cursor(pairs)
        searches = _searches(context, release, asked, owner, lenient=lenient)
        whole = _whole(asked, searches)
        narrowed = await narrow(context, requester, release, scope, searches[0])
        after = read_cursor(context, requester, release, whole, cursor) if cursor is not None else None
        return await _page(context, requester, release, narrowed, whole, searches, after)

    deed = Deed("search-system", release)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH), deed, action)


def _searches(
    context: Context, release: Release, pairs: Sequence[tuple[str, str]], owner: Owner | None, *, lenient: bool
) -> tuple[Search, ...]:
    """Return the search of each type that ``_type`` names. Raises: BadRequestError, when they have no order in common."""
    named = [value for name, value in pairs if name == "_type"]
    types = tuple(dict.fromkeys(named[0].split(","))) if len(named) == 1 else ("",)
    if owner is not None and not named:
        kept = resource_types(release) - NOT_KEPT
        types = tuple(sorted(one for one in kept if compartment_parameters(release, one, owner.type)))
    if not all(is_resource_type(release, one) and one not in NOT_KEPT for one in types):
        message = "A search of the base names the types to look for, as in _type=Observation,Condition."
        raise BadRequestError(message, expression="http._type")
    others = [pair for pair in pairs if pair[0] != "_type"]
    searches = tuple(parsed_search(context, release, one, others, lenient=lenient) for one in types)
    if owner is not None:
        searches = tuple(replace(one, within=compartment_of(release, one.resource_type, owner)) for one in searches)
    if len({tuple(key.parameter.kind for key in one.sort) for one in searches}) > 1:
        message = "What _sort names is not of the same kind in all types."
        raise BadRequestError(message, expression="http._sort")
    return searches


def _whole(pairs: Sequence[tuple[str, str]], searches: Sequence[Search]) -> Search:
    """Return what the searches have in common, with the pairs that any of them used, for the links and the cursor."""
    used = {pair for one in searches for pair in one.used}
    ignored = dict.fromkeys(issue for one in searches for issue in one.ignored)
    return replace(
        searches[0],
        resource_type="" if searches[0].within is None else "*",
        used=tuple(pair for pair in pairs if pair[0] == "_type" or pair in used),
        ignored=tuple(ignored),
    )


async def _page(
    context: Context,
    requester: Requester,
    release: Release,
    scope: AccessScope,
    whole: Search,
    searches: Sequence[Search],
    after: Position | None,
) -> tuple[Page, Sequence[Touched]]:
    runs = [
        (Run(context.index_key, release, one), reader)
        for one in searches
        for reader in await readers(context, requester, scope, release, one)
    ]
    counted = None
    if whole.count == 0 or whole.total in ("accurate", "estimate"):
        counted = sum([await run.count(reader, scope) for run, reader in runs], Counter[int]())
    size = context.limits.page_size_default if whole.count is None else whole.count
    matches: list[Match] = []
    for run, reader in runs if size > 0 else ():
        matches = merged(matches + await run.page(reader, scope, after, size + 1), whole.sort)[: size + 1]
    beside_it = await including(context, requester, scope, release, whole.includes)
    found, extra, last = await read_page(
        matches, size, lambda found: included(beside_it, release, scope, found, whole.includes)
    )
    following = None if last is None else cursor_after(context, requester, release, whole, last)
    page = Page(
        whole.place,
        *shown(whole, found, extra),
        following,
        whole.used,
        whole.ignored,
        None if counted is None else counted.total(),
    )
    types = frozenset(one.resource_type for one in searches)
    told = counted if whole.count == 0 else None
    return page, looked_into(scope, types, [one.version for one in found] + extra, told)
