"""PostgreSQL that is spread over machines by Citus: which table is where, and how it gets there.

A record is on one machine with all that is keyed by it, and every statement about it names its number; the rest stays on the
coordinator, where it was. See decision 29, also for what of this was not tried with Citus itself.

Sources: https://docs.citusdata.com/en/stable/develop/api_udf.html, https://docs.citusdata.com/en/stable/develop/reference_ddl.html
"""

from collections.abc import Mapping
from functools import cache

import asyncpg
from sqlalchemy import Connection, text

from app.db.metadata import metadata
from app.db.schema import in_transaction
from app.errors import UnavailableError

PARTITION = "record_id"
_FIRST = "record"
"""The table that the others are put beside."""

REFERENCE = ("audit_key", "index_rules", "practice", "signing_key")
"""Directory and settings, small and seldom changed: each machine has a copy."""

COORDINATOR: Mapping[str, str] = {
    "access_code": "looked up by the code, before it is known whose it is; its hash is there once",
    "access_version": "one row, read with each look and raised in the transaction of each change",
    "account": "looked up by the login, which is there once",
    "audit": "one chain for all, whose end moves with every commit",
    "audit_checkpoint": "of the chain",
    "audit_cut": "of the chain",
    "audit_head": "of the chain",
    "audit_watched": "of the chain",
    "authorization_code": "looked up by its hash",
    "bulk_export": "of an operator or a practice",
    "challenge": "of somebody who is not logged in yet",
    "client": "its triggers raise the version of access",
    "external_identity": "looked up by who says so, before it is known whose it is",
    "failed_try": "of somebody who is not logged in yet",
    "helper_invitation": "looked up by its hash",
    "invitation": "looked up by its hash",
    "known_device": "of a login",
    "launch": "looked up by its hash",
    "locator": "looked up by the id that a caller chose, before it is known whose it is",
    "mail_code": "of a login",
    "passkey": "looked up by its id, before it is known whose it is",
    "portal_session": "looked up by its hash",
    "pushed_request": "of a client",
    "recovery_code": "of a login",
    "reset_link": "looked up by its hash",
    "staff": "of a practice; its triggers raise the version of access",
    "staff_invitation": "looked up by its hash",
    "token": "looked up by its hash; its triggers raise the version of access",
    "used_assertion": "of a client",
}
"""What is neither, and why."""

_TRIGGERS = "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal"
_ADAPT = (
    "SELECT set_config('plan_cache_mode', 'auto', false) WHERE to_regclass('record') IS NOT NULL AND NOT EXISTS "
    "(SELECT FROM pg_trigger WHERE tgrelid = to_regclass('record') AND NOT tgisinternal)"
)
_SERVED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'regie'"
_SORTED_OTHERWISE = (
    "SELECT count(*) FROM run_command_on_workers($$SELECT 'B' < 'a' AND 'z' < 'é'$$) WHERE NOT success OR result <> 't'"
)


@cache
def spread_tables() -> frozenset[str]:
    """Return the names of the tables whose rows are with their record: their keys begin with it, and no reason keeps them."""
    return frozenset(
        table.name
        for table in metadata.tables.values()
        if next(iter(table.primary_key.columns)).name == PARTITION and table.name not in COORDINATOR
    )


async def adapt(connection: asyncpg.Connection) -> bool:
    """Return whether the database is spread; statements are planned with their values then, as Citus needs them to find the machine.

    It is where the triggers are not that Citus does not take.
    """
    return await connection.fetchval(_ADAPT) is not None


def spread(url: str) -> list[str]:
    """Return the names of the tables that were put on the machines; empty when all were there.

    All in one transaction, with what is in them. Nobody may serve meanwhile.
    Raises: UnavailableError, if the database has no Citus, is served from, or a machine sorts texts otherwise.
    """
    return in_transaction(url, _spread)


def _spread(connection: Connection) -> list[str]:
    if connection.dialect.name != "postgresql" or not _value(connection, "SELECT to_regclass('pg_dist_partition')"):
        raise UnavailableError("The database has no Citus: CREATE EXTENSION citus, and add its machines, first.")
    if _value(connection, _SERVED):
        raise UnavailableError("The database is in use: stop all servers first.")
    if _value(connection, _SORTED_OTHERWISE):
        raise UnavailableError("The database of each machine has to be made with LC_COLLATE 'C'.")
    known = {name for (name,) in connection.execute(text("SELECT logicalrelid::regclass::text FROM pg_dist_partition"))}
    wanted = [name for name in (_FIRST, *sorted(spread_tables() - {_FIRST}), *REFERENCE) if name not in known]
    for name in wanted:
        if name in REFERENCE:
            _value(connection, f"SELECT create_reference_table('{name}')")
        else:
            for (trigger,) in connection.execute(text(_TRIGGERS), {"table": name}).all():
                connection.execute(text(f"DROP TRIGGER {trigger} ON {name}"))
            beside = "none" if name == _FIRST else _FIRST
            _value(connection, f"SELECT create_distributed_table('{name}', '{PARTITION}', colocate_with => '{beside}')")
        # Citus leaves what it copied where it was, out of sight: erasing would leave it too.
        _value(connection, f"SELECT truncate_local_data_after_distributing_table('{name}')")
    return wanted


def _value(connection: Connection, statement: str) -> object:
    return connection.execute(text(statement)).scalar()
