"""The index is made again while others read and write, and nobody gets a wrong answer meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.db.database import Transaction
from app.db.statements import hot
from app.errors import UnavailableError
from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.interactions.closing import close_sensitive
from app.store import pages
from app.store.indexing import IndexRows
from app.store.reindex import ALONE, Pace, reindex, to_reindex
from app.store.rules import Rules, current_rules, mark, mark_written
from tests.support.in_process import Inside, inside
from tests.support.world import restricted

TABLES = ("exact_index", "date_index", "quantity_index", "text_index")
SLOW = Pace(batch=2, rest=0.0)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as made:
        yield made


def numbers(*names: str) -> set[int]:
    known = definitions(Release.R4).of("Observation")
    return {known[name].number for name in names}


async def index_by_less(place: Inside, without: Iterable[int]) -> Rules:
    """Leave the person's record as a program would that does not know some parameters; return its rules."""
    less = Rules.made_of(rule for rule in current_rules().of if rule >> 32 not in without)

    async def job(transaction: Transaction) -> None:
        for table in TABLES:
            for number in without:
                spelled = f"DELETE FROM {table} WHERE record_id = :record_id AND param = :number"  # noqa: S608
                await transaction.run(hot(text(spelled)), {"record_id": place.record_id, "number": number})
        await mark(transaction, place.record_id, less, 0)

    await place.parts.database.write(job)
    return less


async def search(place: Inside, **asked: str) -> tuple[int, int]:
    """Return the status of a search for Observations, and how many it found."""
    answer = await place.http.get("/Observation", params={"_summary": "count", **asked}, headers=place.headers)
    return answer.status_code, answer.json().get("total", 0)


async def run(place: Inside, pace: Pace = ALONE, *, everything: bool = False) -> int:
    return await reindex(
        place.parts.database, place.record_id, place.parts.context.index, partial(close_sensitive, place.parts.context),
        pace, everything=everything,
    )  # fmt: skip


async def made(place: Inside, count: int) -> None:
    for number in range(count):
        assert (await place.create(place.observation(f"m{number}", kg=f"7{number}.0"))).status_code == 201


async def test_a_search_for_what_is_not_indexed_yet_is_refused_and_any_other_is_answered(place: Inside) -> None:
    await made(place, 3)
    await index_by_less(place, numbers("value-quantity", "date"))
    assert await search(place, code="29463-7") == (200, 3)
    for asked in ("value-quantity", "date:missing", "code:missing&_sort=date"):
        name, _, sort = asked.partition("&_sort=")
        value = "false" if name.endswith("missing") else "70"
        status, _ = await search(place, **{name: value} | ({"_sort": sort, "_summary": "text"} if sort else {}))
        assert status == 503, asked
    assert await run(place) == 4, "the Patient and three Observations"
    assert await search(place, **{"value-quantity": "70"}) == (200, 1)
    assert await search(place, date="2026-03-01") == (200, 3)
    await asyncio.to_thread(place.soundness.check)


async def test_what_follows_references_is_refused_too(place: Inside) -> None:
    await made(place, 1)
    await index_by_less(place, numbers("subject", "patient", "identifier"))
    assert (await search(place, **{"subject:Patient._id": place.patient_id}))[0] == 503
    answer = await place.http.get("/Patient?_revinclude=Observation:subject", headers=place.headers)
    assert answer.status_code == 503
    answer = await place.http.get("/Patient?_has:Observation:subject:status=final", headers=place.headers)
    assert answer.status_code == 503


async def test_a_resource_that_may_be_there_already_is_not_made_twice(place: Inside) -> None:
    await made(place, 1)
    await index_by_less(place, numbers("identifier"))
    again = place.observation("m0", kg="70.0").replace(b'{"value":"m0"}', b'{"system":"urn:app","value":"m0"}')
    assert (await place.create(again)).status_code == 503
    assert (await place.create(place.observation("m0"), **{"If-None-Exist": "identifier=m0"})).status_code == 503
    await run(place)
    assert (await place.create(place.observation("m0"), **{"If-None-Exist": "identifier=m0"})).status_code == 200


async def test_everything_is_refused_where_nothing_is_known_of_the_index(place: Inside) -> None:
    await made(place, 1)
    await index_by_less(place, current_rules().numbers)
    assert (await search(place, code="29463-7"))[0] == 503
    answer = await place.http.get("/Observation", headers=place.headers)
    assert answer.json()["entry"], "what is current is known without the index"
    await run(place)
    assert await search(place, code="29463-7") == (200, 1)


async def test_records_that_are_done_are_not_looked_at_again(place: Inside) -> None:
    await made(place, 1)
    assert place.record_id not in await to_reindex(place.parts.database, after=-1, limit=100)
    await index_by_less(place, numbers("code"))
    assert await to_reindex(place.parts.database, after=-1, limit=100) == [place.record_id]
    await run(place)
    assert await to_reindex(place.parts.database, after=-1, limit=100) == []
    assert await run(place) == 0


async def test_a_program_of_other_rules_can_tell_which_of_them_a_record_has_that_was_done(place: Inside) -> None:
    await index_by_less(place, numbers("code"))

    async def forget(transaction: Transaction) -> None:  # as where no record was made since the rules changed
        await transaction.run(
            hot(text("DELETE FROM index_rules WHERE version = :version")), {"version": current_rules().version}
        )

    await place.parts.database.write(forget)
    await run(place)
    spelled = hot(text("SELECT rules FROM index_rules NATURAL JOIN (SELECT index_version AS version FROM record) r"))
    assert {frozenset(msgspec.json.decode(row[0])) for row in await place.parts.database.reader.all(spelled, {})} == {
        current_rules().of
    }


async def test_what_is_too_large_for_one_page_and_what_is_sensitive_get_their_rows(
    place: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(place, 5)
    sensitive = {**msgspec.json.decode(place.observation("m5", kg="75.0")), "meta": restricted()}
    assert (await place.create(msgspec.json.encode(sensitive))).status_code == 201
    await index_by_less(place, numbers("value-quantity"))
    monkeypatch.setattr(pages, "PAGE_BYTES", 1000)
    assert await run(place) == 7, "the Patient and six Observations"
    await asyncio.to_thread(place.soundness.check)


async def test_all_brings_back_rows_that_no_rule_misses(place: Inside) -> None:
    await made(place, 2)

    async def job(transaction: Transaction) -> None:
        await transaction.run(hot(text("DELETE FROM exact_index")), {})

    await place.parts.database.write(job)
    assert await run(place) == 0
    assert await search(place, code="29463-7") == (200, 0)
    await run(place, everything=True)
    assert await search(place, code="29463-7") == (200, 2)
    await asyncio.to_thread(place.soundness.check)


async def test_what_was_stopped_halfway_is_still_refused_and_goes_on(place: Inside) -> None:
    await made(place, 6)
    await index_by_less(place, numbers("code"))
    running = asyncio.create_task(run(place, Pace(batch=1, rest=60)))
    await asyncio.sleep(0.03)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await search(place, code="29463-7"))[0] == 503
    assert (await search(place, status="final")) == (200, 6)
    await run(place, SLOW)
    assert await search(place, code="29463-7") == (200, 6)
    await asyncio.to_thread(place.soundness.check)


async def test_a_record_that_another_program_writes_to_meanwhile_is_begun_again(place: Inside) -> None:
    """The other one knows less: what it writes lacks rows, whether it came before or behind the batches."""
    await made(place, 4)
    less = await index_by_less(place, numbers("code"))
    wrote = False

    async def other(transaction: Transaction) -> None:
        spelled = "UPDATE record SET index_target = 0 WHERE record_id = :record_id"
        await transaction.run(hot(text(spelled)), {"record_id": place.record_id})

    def index(release: Release, resource_type: str, tree: dict[str, Any], zone: ZoneInfo) -> IndexRows:
        nonlocal wrote
        if not wrote:
            wrote = True
            place.parts.database.write_blocking(other)
        return place.parts.context.index(release, resource_type, tree, zone)

    assert less.version != current_rules().version
    close = partial(close_sensitive, place.parts.context)
    await reindex(place.parts.database, place.record_id, index, close, SLOW)
    assert await search(place, code="29463-7") == (200, 4)


async def test_it_gives_up_on_a_record_that_another_program_writes_to_all_the_time(place: Inside) -> None:
    await made(place, 1)
    less = await index_by_less(place, numbers("code"))

    async def other(transaction: Transaction) -> None:
        await mark(transaction, place.record_id, less, 0)

    def index(release: Release, resource_type: str, tree: dict[str, Any], zone: ZoneInfo) -> IndexRows:
        place.parts.database.write_blocking(other)
        return place.parts.context.index(release, resource_type, tree, zone)

    close = partial(close_sensitive, place.parts.context)
    with pytest.raises(UnavailableError, match="other definitions"):
        await reindex(place.parts.database, place.record_id, index, close, SLOW)
    assert (await search(place, code="29463-7"))[0] == 503


async def test_who_writes_by_other_rules_leaves_those_that_both_have(place: Inside) -> None:
    await made(place, 1)
    foreign = 1 << 32 | 7
    less = [rule for rule in current_rules().of if rule >> 32 not in numbers("code")]
    theirs = Rules.made_of([*less, foreign])

    async def job(transaction: Transaction) -> tuple[int, int]:
        await mark(transaction, place.record_id, theirs, theirs.version)
        await mark_written(transaction, place.record_id, theirs.version, theirs.version)
        row = await transaction.one(
            hot(text("SELECT index_version, index_target FROM record WHERE record_id = :record_id")),
            {"record_id": place.record_id},
        )
        assert row is not None
        return row[0], row[1]

    assert await place.parts.database.write(job) == (Rules.made_of(less).version, 0)
    assert (await search(place, code="29463-7"))[0] == 503


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    without=st.sets(st.sampled_from(sorted(current_rules().numbers)), max_size=40),
    steps=st.lists(st.tuples(st.sampled_from(("create", "update", "delete")), st.integers(0, 3)), max_size=12),
    known=st.sets(st.sampled_from(("code", "identifier", "date", "value-quantity", "subject"))),
)
async def test_whatever_is_written_meanwhile_the_index_equals_a_fresh_one(
    place: Inside, without: set[int], steps: list[tuple[str, int]], known: set[str]
) -> None:
    ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
    for id_ in ids:
        body = place.observation("x", id_=id_).replace(b'"identifier":[{"value":"x"}],', b"")
        await place.http.put(f"/Observation/{id_}", content=body, headers=place.headers)
    await index_by_less(place, without | numbers(*known))
    running = asyncio.create_task(run(place, SLOW))
    for step, which in steps:
        id_ = ids[which]
        body = place.observation("y", id_=id_, kg=f"6{which}.5").replace(b'"identifier":[{"value":"y"}],', b"")
        if step == "delete":
            await place.http.delete(f"/Observation/{id_}", headers=place.headers)
        else:
            await place.http.put(f"/Observation/{id_}", content=body, headers=place.headers)
    await running
    await asyncio.to_thread(place.soundness.check)
