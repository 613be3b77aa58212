"""The newest resources of several kinds in one look: what an overview shows, with one entry in the log.

``$lastn`` sorts out kinds by the codings that occur, and reads all there is for that; here the kinds are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.prepared import Pairs, ready
from app.interactions.search import looked_into
from app.store.resources import Stored
from app.store.search.run import Run, read_matches

LATEST = ("_sort", "-date")

FEW = 60
"""Matches that are read whatever their order: of a kind that is rare, the newest are found sooner among all of them."""


@dataclass(frozen=True, slots=True)
class Newest:
    """What is looked for: of each of ``searches`` the ``most`` latest by date.

    What was before ``since`` is not looked for, but is there where all that match are few: dates are not asked of these, since all
    dates of a record would be gathered for it.
    """

    release: Release
    resource_type: str
    searches: Sequence[Pairs]
    most: int
    since: date | None = None


async def newest_of_each(context: Context, requester: Requester, trace: Trace, wanted: Newest) -> list[list[Stored]]:
    """Return for each search the latest by date that match, or all if these are few; in any order.

    Of large resources there are as many as one page has room for, the latest.

    Raises: UnknownParameterError, BadRequestError, AccessDeniedError.
    """
    release, resource_type = wanted.release, wanted.resource_type
    latest = [LATEST] if wanted.since is None else [("date", f"ge{wanted.since}"), LATEST]
    runs = [
        tuple(ready(context, release, resource_type, asked, lenient=False).run for asked in (pairs, [*pairs, *latest]))
        for pairs in wanted.searches
    ]
    reader = context.database.reader

    async def newest(scope: AccessScope, plain: Run, sorted_: Run) -> list[Stored]:
        matches = await plain.page(reader, scope, None, FEW + 1)
        if len(matches) <= FEW:
            found, read = await read_matches(matches)
            if read == len(matches):
                return [one.version for one in found]
        # The index of dates is walked: that is quick where there are many, and long where there are few.
        found, _ = await read_matches(await sorted_.page(reader, scope, None, wanted.most))
        return [one.version for one in found]

    async def action(scope: AccessScope) -> tuple[list[list[Stored]], Sequence[Touched]]:
        found = [await newest(scope, *both) for both in runs]
        return found, looked_into(scope, {resource_type}, [version for versions in found for version in versions])

    deed = Deed("search-type", release, resource_type)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)
