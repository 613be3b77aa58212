"""A stand-in for Citus in PostgreSQL: it refuses what Citus' documentation says that Citus refuses, and keeps what was asked of it.

It spreads nothing. What it can't show is how Citus plans a statement; for that there is ``unrouted``, by the rule of its
documentation that a statement goes to one machine if every table in it is held to one value of the distribution column.

Sources: https://docs.citusdata.com/en/stable/develop/reference_ddl.html, https://docs.citusdata.com/en/stable/develop/reference_workarounds.html
"""

import gc
import importlib
import json
import pkgutil
import re
import sys

import psycopg

import app
from app.db.citus import spread, spread_tables
from app.db.metadata import metadata
from app.db.statements import Statement

STAND_IN = """
CREATE TABLE pg_dist_partition (
    logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL, partkey name, beside regclass, emptied bool NOT NULL DEFAULT false
);
CREATE FUNCTION refuse_unfit(wanted regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = wanted) THEN
        RAISE EXCEPTION 'table % is already distributed', wanted;
    END IF;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = wanted AND NOT tgisinternal) THEN
        RAISE EXCEPTION 'cannot distribute relation % because it has triggers', wanted;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = wanted AND attidentity <> '')
        OR EXISTS (SELECT FROM pg_attrdef WHERE adrelid = wanted AND pg_get_expr(adbin, adrelid) LIKE 'nextval%') THEN
        RAISE EXCEPTION 'the numbers of % are made where it is now', wanted;
    END IF;
END $$;
CREATE FUNCTION create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash', colocate_with text DEFAULT 'default'
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE number int2; kind oid;
BEGIN
    PERFORM refuse_unfit(table_name);
    SELECT attnum, atttypid INTO STRICT number, kind FROM pg_attribute
        WHERE attrelid = table_name AND attname = distribution_column AND attnotnull;
    IF EXISTS (
        SELECT FROM pg_index WHERE indrelid = table_name AND (indisunique OR indisexclusion) AND NOT number = ANY (indkey)
    ) THEN
        RAISE EXCEPTION 'cannot create constraint on %: it has to have the distribution column', table_name;
    END IF;
    IF EXISTS (
        SELECT FROM pg_constraint WHERE contype = 'f' AND table_name IN (conrelid, confrelid) AND NOT (
            EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = confrelid AND partmethod = 'n')
            OR (number = ANY (conkey) AND EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = confrelid))
        )
    ) THEN
        RAISE EXCEPTION 'cannot create foreign key constraint of %', table_name;
    END IF;
    IF colocate_with <> 'none' AND NOT EXISTS (
        SELECT FROM pg_dist_partition JOIN pg_attribute ON attrelid = logicalrelid AND attname = partkey
        WHERE logicalrelid = colocate_with::regclass AND atttypid = kind
    ) THEN
        RAISE EXCEPTION 'cannot colocate tables % and %', table_name, colocate_with;
    END IF;
    INSERT INTO pg_dist_partition
    VALUES (table_name, 'h', distribution_column, CASE WHEN colocate_with <> 'none' THEN colocate_with::regclass END);
END $$;
CREATE FUNCTION create_reference_table(table_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_unfit(table_name);
    INSERT INTO pg_dist_partition VALUES (table_name, 'n');
END $$;
CREATE FUNCTION truncate_local_data_after_distributing_table(function_name regclass) RETURNS void LANGUAGE sql AS $$
    UPDATE pg_dist_partition SET emptied = true WHERE logicalrelid = function_name
$$;
CREATE FUNCTION run_command_on_workers(command text, OUT nodename text, OUT nodeport int, OUT success bool, OUT result text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command INTO result;
    result := left(result, 1);
    RETURN QUERY SELECT 'machine', 5432, true, result;
END $$;
"""

_TABLES = "|".join(metadata.tables)
_NAMED = re.compile(rf'(?:\b(?:FROM|JOIN|UPDATE|INTO|USING)\s+"?|,\s+)({_TABLES})"?(?!\w|\.)(?:\s+AS\s+"?(\w+)"?)?')
_COLUMNS = re.compile(r'(INSERT INTO "?\w+"?) \([^)]*\)')
_GIVEN = re.compile(r'"?(\w+)"?\."?record_id"? = (\$\d+)')
_JOINED = re.compile(r"(\w+)\.record_id = (\w+)\.record_id")
_ADDED = re.compile(r'INSERT INTO "?(\w+)"? \(([^)]*)\)\s*(?:VALUES \(|SELECT )([^)]*?)(?:\)|\s+FROM\b)', re.DOTALL)


def install(url: str) -> None:
    """Put the stand-in into a database, if it is not there."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('pg_dist_partition')").fetchone() == (None,):
            connection.execute(STAND_IN.encode())


def spread_over_machines(url: str) -> None:
    """Do to a database what ``regie migrate --citus`` does, with the stand-in."""
    install(url)
    spread(url)


def unrouted(text: str) -> str | None:
    """Return why a statement of PostgreSQL's would not be for one machine; None if it is, or is about none of the tables that are spread.

    Each such table has to be held to one parameter, the same in all of it, and none may stand beside one that is not spread.
    """
    found = [(table, name or table) for table, name in _NAMED.findall(_COLUMNS.sub(r"\1", text))]
    spread = {name for table, name in found if table in spread_tables()}
    if not spread:
        return None
    given = {(name, number) for name, number in _GIVEN.findall(text) if name in spread}
    for table, columns, values in _ADDED.findall(text):
        for column, value in zip(columns.split(","), values.split(","), strict=False):
            if table in spread and column.strip(' "') == "record_id" and (number := re.match(r"\$\d+", value.strip())):
                given.add((table, number[0]))
    known, joined = {name for name, _ in given}, _JOINED.findall(text)
    for _ in joined:
        known |= {name for pair in joined if known & {*pair} for name in pair}
    if spread - known:
        return f"{', '.join(sorted(spread - known))} without a record"
    if len({number for _, number in given}) > 1:
        return "more than one record"
    if beside := sorted({table for table, _ in found} - spread_tables()):
        return f"beside {', '.join(beside)}"
    return None


def statements_of_the_program() -> list[str]:
    """Return all statements that the program has made when it is imported; in a process that has none of the tests' own."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        importlib.import_module(module.name)
    return sorted({one.postgresql.text for one in gc.get_objects() if isinstance(one, Statement)})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(statements_of_the_program()))
