"""PostgreSQL keeps plans that it made while a database was new and nobody had counted its rows: they have to do for what came since."""

import psycopg
from psycopg import sql

from app.db.migrate import migrate
from app.store.many import _LOCATED
from tests.support import postgres

SIZE = 5000
FOR_EACH = 4
"""Blocks for each id that is looked up: the levels of the index, and the row."""


def test_an_import_looks_its_ids_up_one_by_one_however_many_there_are_of_the_type() -> None:
    url = postgres.server().new()
    migrate(url)
    made = _LOCATED.postgresql
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan; SET jit = off")
        connection.execute(f"PREPARE asked AS {made.text}".encode())
        connection.execute(
            "INSERT INTO locator SELECT 4, 'Observation', 'id' || n, n FROM generate_series(1, %s) n", (SIZE,)
        )
        given = made.parameters({"release": 4, "type": "Observation", "ids": '["id7", "id4000", "none"]'})
        asked = sql.SQL("EXECUTE asked({})").format(sql.SQL(", ").join(map(sql.Literal, given)))
        assert connection.execute(asked).fetchall() == [("id7", 7), ("id4000", 4000)]
        ((((plan,),),),) = [connection.execute(sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + asked).fetchall()]
    postgres.server().drop(url)
    looked_at = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    assert looked_at <= 3 * FOR_EACH
