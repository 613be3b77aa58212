"""Spread over machines: what `regie migrate --citus` asks of Citus, and that what the database is asked then is for one machine.

Citus itself is not here; ``tests/support/citus.py`` says what its stand-in can show.
"""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.access.categories import EVERYTHING
from app.access.smart_scope import ALL_ACTIONS
from app.db import postgres as writing
from app.db.access_version import CAUSES
from app.db.citus import COORDINATOR, REFERENCE, spread, spread_tables
from app.db.metadata import metadata
from app.db.migrate import migrate
from app.db.postgres_connections import Connection
from app.errors import UnavailableError
from app.fhir.release import Release
from tests.support import citus, postgres
from tests.support.citus import unrouted
from tests.support.ports import free_port
from tests.support.running import Program
from tests.support.world import World, bundle, entry, weight, world_in

OVER_ALL = {
    "SELECT access_grant.record_id": "who shared something with a practice, an app or a person",
    "SELECT access_grant.record_id, access_grant.grant_id": "the same, with what was shared",
    "UPDATE access_grant SET withdrawn_at=": "an app or a representative comes to an end, and what rested on them",
    "UPDATE access_grant SET grantee_id=": "a login that is erased was given something by others",
    "SELECT access_request.record_id": "what a practice asked of people",
    "SELECT count(*) AS count_1 FROM access_request": "how much a practice asked of people",
    "SELECT outbox.": "what waits to be sent",
    "SELECT count(*) AS count_1, count(*) FILTER (WHERE outbox.error": "figures of what waits to be sent",
    "SELECT idempotency.record_id": "answers that are kept no longer",
    "DELETE FROM idempotency WHERE (idempotency.record_id": "answers that are kept no longer",
    "SELECT record.record_id FROM record": "for the operator: the list of records, to verify, to index anew, to search all",
}
"""How statements begin that are about all machines, and what they are for: nothing that a person waits for in their own record."""


def is_over_all(text: str) -> bool:
    return any(" ".join(text.split()).startswith(begin) for begin in OVER_ALL)


@pytest.fixture
def url(database_kind: str) -> Iterator[str]:
    """A migrated database of PostgreSQL with the stand-in, not spread yet."""
    if database_kind != "postgresql":
        pytest.skip("is about PostgreSQL")
    made = postgres.server().new()
    migrate(made)
    citus.install(made)
    yield made
    postgres.server().drop(made)


def rows(url: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(text.encode()).fetchall()


def test_each_table_is_with_its_record_on_all_machines_or_has_a_reason_not_to_be() -> None:
    assert spread_tables() | {*REFERENCE} | {*COORDINATOR} == {*metadata.tables}
    assert len(spread_tables()) + len(REFERENCE) + len(COORDINATOR) == len(metadata.tables)
    assert {"record", "change", "current", "exact_index", "access_grant", "outbox"} <= spread_tables()


def test_all_tables_are_spread_side_by_side_and_only_once(url: str) -> None:
    assert {*spread(url)} == spread_tables() | {*REFERENCE}
    found = rows(
        url, "SELECT logicalrelid::text, partmethod::text, partkey::text, beside::text, emptied FROM pg_dist_partition"
    )
    beside = {name: None if name == "record" else "record" for name in spread_tables()}
    assert {*found} == {(name, "h", "record_id", beside[name], True) for name in spread_tables()} | {
        (name, "n", None, None, True) for name in REFERENCE
    }
    assert spread(url) == []


def test_the_command_says_what_it_put_where_and_does_it_once(url: str, tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_DATABASE_URL": url})
    assert "Put on the machines: record, access_grant, access_request," in program.run("migrate", "--citus")
    assert "Put on the machines: nothing, all is there." in program.run("migrate", "--citus")


def test_a_file_is_not_spread(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="has no Citus"):
        spread(f"sqlite:///{tmp_path / 'regie.sqlite3'}")


def test_every_key_of_a_table_that_is_spread_has_the_record(url: str) -> None:
    keys = rows(
        url,
        "SELECT indrelid::regclass::text, array_agg(attname::text) FROM pg_index JOIN pg_attribute "
        "ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indisunique OR indisexclusion GROUP BY indexrelid, indrelid",
    )
    of_spread = [(table, columns) for table, columns in keys if table in spread_tables()]
    assert {table for table, _ in of_spread} == spread_tables()
    assert [one for one in of_spread if "record_id" not in one[1]] == []
    assert rows(url, "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'") == []


def test_nothing_is_spread_where_somebody_serves_a_machine_sorts_otherwise_or_citus_is_not(url: str) -> None:
    with psycopg.connect(url, application_name="regie"), pytest.raises(UnavailableError, match="stop all servers"):
        spread(url)
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION run_command_on_workers(command text, OUT nodename text, OUT nodeport int, "
            "OUT success bool, OUT result text) RETURNS SETOF record LANGUAGE sql AS $$ SELECT 'other', 5432, true, 'f' $$"
        )
    with pytest.raises(UnavailableError, match="LC_COLLATE"):
        spread(url)
    assert rows(url, "SELECT logicalrelid FROM pg_dist_partition") == []
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE pg_dist_partition")
    with pytest.raises(UnavailableError, match="has no Citus"):
        spread(url)


def test_what_citus_refuses_leaves_everything_as_it_was(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE UNIQUE INDEX one_hash ON change (hash)")
    with pytest.raises(Exception, match="has to have the distribution column"):
        spread(url)
    assert rows(url, "SELECT logicalrelid FROM pg_dist_partition") == []
    triggers = {
        table for (table,) in rows(url, "SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
    }
    assert triggers == {*CAUSES}


@pytest.fixture
async def asked(
    database_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[World, list[str]]]:
    """A world that is spread, and all that its database is asked."""
    if database_kind != "postgresql":
        pytest.skip("is about PostgreSQL")
    texts: list[str] = []

    class Heard(Connection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.add_query_logger(lambda heard: texts.append(heard.query))

    def copied(made: str, _folder: Path) -> str:
        copy = postgres.server().new(made)
        citus.spread_over_machines(copy)
        return copy

    monkeypatch.setattr(writing, "Connection", Heard)
    monkeypatch.setattr("tests.support.world.copied", copied)
    async with world_in(tmp_path) as world:
        texts.clear()  # what made the first world, which others are copies of and which is not spread
        yield world, texts


async def test_what_people_do_is_asked_of_one_machine(asked: tuple[World, list[str]]) -> None:
    world, texts = asked
    for release in Release:
        me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
        made = await me.made(weight(release, patient))
        thing = f"/Observation/{made['id']}"
        search = f"/Observation?patient={patient}&code=29463-7&date=ge2020&_include=Observation:subject&_count=5"
        assert await me.found(search)
        await me.found("/Observation?subject:Patient.birthdate=gt1900&_sort=-date")
        await me.found("/Patient?_has:Observation:subject:code=29463-7")
        for url in (thing, f"{thing}/_history", "/_history", f"/{patient}/$everything"):
            await me.get(url)
        assert (await me("PUT", thing, made)).status_code == 200
        assert (await me("DELETE", thing)).status_code == 204
        sent = bundle("transaction", *(entry("POST", "Observation", weight(release, patient)) for _ in range(3)))
        assert (await me("POST", "", sent)).status_code == 200
    grant = await world.give("no grant", world.zonnestraal, EVERYTHING, ALL_ACTIONS)
    await world.withdraw(grant)
    wrong = {text: why for text in texts if (why := unrouted(text)) is not None and not is_over_all(text)}
    assert wrong == {}
    assert sum("INSERT INTO change" in text for text in texts) >= 8


async def test_a_withdrawal_closes_without_triggers_too(asked: tuple[World, list[str]]) -> None:
    world, texts = asked
    grant = await world.give("no grant", world.zonnestraal, EVERYTHING, ALL_ACTIONS)
    practice, url = world.caller("no grant"), world.zonnestraal.url("weight")
    assert (await practice("GET", url)).status_code == 200
    await world.withdraw(grant)
    assert (await practice("GET", url)).status_code in {403, 404}
    assert any(text.startswith("UPDATE access_version") for text in texts)


def test_every_statement_of_the_program_is_for_one_machine_or_has_a_reason() -> None:
    command = [sys.executable, "-m", "tests.support.citus"]
    texts = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert len(texts) > 200
    wrong = {text: why for text in texts if (why := unrouted(text)) is not None}
    assert {text: why for text, why in wrong.items() if not is_over_all(text)} == {}
    assert {begin for begin in OVER_ALL if not any(" ".join(text.split()).startswith(begin) for text in wrong)} == set()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT change.body FROM change WHERE change.record_id = $1::BIGINT AND change.seq = $2", None),
        ("SELECT change.body FROM change WHERE change.seq = $1", "change without a record"),
        (
            "SELECT a.seq FROM change AS a JOIN current ON a.record_id = current.record_id WHERE current.record_id = $1",
            None,
        ),
        ("SELECT a.seq FROM change AS a, current WHERE current.record_id = $1", "a without a record"),
        (
            "DELETE FROM change USING current WHERE change.record_id = $1 AND current.record_id = $2",
            "more than one record",
        ),
        ("SELECT 1 FROM record, account WHERE record.record_id = $1", "beside account"),
        (
            'INSERT INTO change ("record_id", "seq") SELECT $1::BIGINT, given."seq" FROM unnest($2) AS given ("seq")',
            None,
        ),
        ('INSERT INTO change ("seq", "record_id") VALUES ($1, 7)', "change without a record"),
        ("SELECT account.login FROM account", None),
    ],
)
def test_the_rule_finds_what_is_not_for_one_machine(text: str, why: str | None) -> None:
    assert unrouted(text) == why
