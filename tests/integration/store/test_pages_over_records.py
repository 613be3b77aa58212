"""A sorted page over many records: it has the first of all of them, and what one page takes is not sorted again for each record."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.scope import AccessScope, RecordAccess
from app.db.database import Reader, Row
from app.db.sqlite import run_now
from app.db.statements import Statement
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.structure import members_of
from app.interactions.context import Context
from app.interactions.prepared import parsed_search
from app.store.aside import Generated, aside
from app.store.bodies import content_in
from app.store.changes import Draft
from app.store.search import run
from app.store.search.run import Position, Run
from tests.support.in_process import inside

ZONE = ZoneInfo("Europe/Amsterdam")
PEOPLE, EACH = 60, 3
SCOPE = AccessScope(tuple(RecordAccess(number, ALL_PARTS, ALL_PARTS, None, "grant") for number in range(1, PEOPLE + 1)))


class Records:
    """A reader of records that are each in a database of their own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made = {number: self._record(number) for number in range(1, PEOPLE + 1)}

    def _record(self, number: int) -> Reader:
        found = [self._goal(number, one) for one in range(EACH)]
        return run_now(aside(number, ZONE.key, self._context.index, found))

    def _goal(self, number: int, one: int) -> Generated:
        name = f"goal-{number}-{one}"
        body = msgspec.json.encode(
            {
                "resourceType": "Goal", "id": name, "lifecycleStatus": "active", "subject": {"reference": "Patient/a"},
                "description": {"text": "walk"}, "startDate": f"2026-03-{1 + (number * 7 + one * 11) % 31:02}",
            }
        )  # fmt: skip
        rows = self._context.index(Release.R4, "Goal", decode_tree(body), ZONE)
        return Generated(
            Draft(Release.R4, "Goal", name, content_in(members_of(body)), rows, int(Category.CARE_PLAN)), one
        )

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows."""
        return await self._made[parameters["record_id"]].all(statement, parameters)

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        return await self._made[parameters["record_id"]].one(statement, parameters)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    async with inside(tmp_path) as person:
        yield person.parts.context


@pytest.mark.parametrize("limit", [1, 50, PEOPLE * EACH + 1])
async def test_pages_over_many_records_have_everything_in_order_and_sort_it_a_few_times(
    context: Context, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    sorted_together: list[int] = []
    merged = run.merged

    def noted(found: list[run.Match], sort: Any) -> list[run.Match]:
        sorted_together.append(len(found))
        return merged(found, sort)

    monkeypatch.setattr(run, "merged", noted)
    search = Run(
        context.index_key,
        Release.R4,
        parsed_search(context, Release.R4, "Goal", [("_sort", "-start-date")], lenient=False),
    )
    records = Records(context)
    everything = await search.page(records, SCOPE, None, PEOPLE * EACH + 1)
    assert [one.keys for one in everything] == sorted((one.keys for one in everything), reverse=True)
    assert len({one.id for one in everything}) == PEOPLE * EACH
    sorted_together.clear()
    found: list[str] = []
    after: Position | None = None
    for _ in range(3):
        page = await search.page(records, SCOPE, after, limit)
        assert sum(sorted_together) <= 4 * PEOPLE * EACH
        sorted_together.clear()
        found += [one.id for one in page]
        after = page[-1].position if page else after
    assert found == [one.id for one in everything][: 3 * limit]
