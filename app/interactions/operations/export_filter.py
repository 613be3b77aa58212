"""Which resources the filters of a bulk export choose, as they stood at its moment.

What nobody has changed since is found by the index, as every search is. The index has rows of current versions only: those that
something newer has replaced are put into a record in memory, some at a time, and searched there by the same statements. What a
chain asks of other resources, it asks of them as they are now.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from app.access.categories import Category
from app.access.scope import AccessScope, RecordAccess
from app.db.database import Reader
from app.db.sqlite import run_now
from app.interactions.beside import beside
from app.interactions.consents import Alongside
from app.interactions.context import Context
from app.interactions.operations.export_asked import search_of
from app.jobs.exports import Export
from app.store.aside import Generated, aside
from app.store.at_moment import read_replaced
from app.store.bodies import content_in
from app.store.changes import Draft
from app.store.resources import Stored
from app.store.search.plan import Plan
from app.store.time_zone import time_zone_of

_AT_ONCE = 100
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


async def chosen(
    context: Context, scope: AccessScope, access: RecordAccess, export: Export, resource_type: str
) -> frozenset[int] | None:
    """Return the numbers of changes among which are all that made what the filters of a type choose in a record.

    ``access`` is to this type alone. None: no filter is about it, so that all is chosen. Raises: BadRequestError, when one finds too many.
    """
    queries = [query for name, query in export.narrowing.filters if name == resource_type]
    if not queries:
        return None
    reader, whole = context.database.reader, scope.of(access.record_id) or access  # a chain goes to other types
    searches = [search_of(context, export.release, resource_type, query) for query in queries]
    plans = [Plan(context.index_key, export.release, one.asked, beyond=reader) for one in searches]
    # What is current first: what is replaced in the meantime was looked at already, or is seen to have been replaced.
    found = {number for plan in plans for number in await plan.numbers(reader, scope, whole)}
    zone = await time_zone_of(reader, access.record_id) or context.time_zone
    after, more = 0, True
    while more:
        versions, more = await read_replaced(
            reader, access, export.release, instant=export.instant, since=export.since, after=after, size=_AT_ONCE
        )
        if versions:
            made = await _aside(context, access, zone, versions)
            beside_it = Alongside(reader, made, apart=True, of=resource_type)
            ids = {one for plan in plans for one in await plan.ids(beside_it, scope, whole)}
            found |= {one.seq for one in versions if one.id in ids}
            after = versions[-1].seq
    return frozenset(found)


async def _aside(context: Context, access: RecordAccess, zone: ZoneInfo, versions: Sequence[Stored]) -> Reader:
    """Return a record in memory with these versions, each of another resource, all of which are inside ``access``."""
    categories = int(access.parts & ~Category.SENSITIVE)

    def made() -> Reader:
        found = [
            Generated(
                Draft(
                    one.release, one.resource_type, one.id, content_in(_members(one.body)),
                    context.index(one.release, one.resource_type, one.tree(), zone), categories,
                ),
                one.instant,
            )
            for one in versions
        ]  # fmt: skip
        return run_now(aside(access.record_id, zone.key, context.index, found))

    return await beside(made)
