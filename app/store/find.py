"""Finding inside a transaction: by business identifier, by the number of a change, by an idempotency key."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select

from app.db.database import Reader, Transaction
from app.db.rows import adding
from app.db.statements import hot
from app.fhir.release import Release
from app.fhir.search.definitions import core_definitions
from app.fhir.search.expression import TokenValue
from app.store.hashes import wanted_hashes
from app.store.resources import Stored, columns, stored
from app.store.rules import check_version
from app.store.tables import change, exact_index, idempotency

IDENTIFIED_MAX = 20
BusinessIdentifier = tuple[str, str, str]
"""A resource type, and system and value of an identifier."""

_BY_IDENTIFIER = hot(
    select(*columns(change))
    .where(
        change.c.record_id == bindparam("record_id"),
        # Not a join: SQLite would go through the whole record and look up each change.
        change.c.seq.in_(
            select(exact_index.c.seq).where(
                exact_index.c.record_id == bindparam("record_id"),
                exact_index.c.param == bindparam("param"),
                exact_index.c.hash == bindparam("hash"),
                exact_index.c.system_hash == bindparam("system_hash"),
            )
        ),
        change.c.client == bindparam("client"),
    )
    .order_by(change.c.seq)
    .limit(IDENTIFIED_MAX)
)
_BY_SEQ = hot(
    select(*columns(change), change.c.categories).where(
        change.c.record_id == bindparam("record_id"), change.c.seq == bindparam("seq")
    )
)
_ANSWER = hot(
    select(idempotency.c.request_hash, idempotency.c.answer).where(
        idempotency.c.record_id == bindparam("record_id"),
        idempotency.c.client == bindparam("client"),
        idempotency.c.key == bindparam("key"),
    )
)
_KEEP_ANSWER = adding(idempotency)


def business_identifiers(tree: dict[str, Any]) -> list[BusinessIdentifier]:
    """Return those of the resource's own identifiers that have both a system and a value."""
    found = tree.get("identifier")
    identifiers = found if isinstance(found, list) else [found]
    return [
        (tree["resourceType"], one["system"], one["value"])
        for one in identifiers
        if isinstance(one, dict) and isinstance(one.get("system"), str) and isinstance(one.get("value"), str)
    ]


async def with_identifiers(
    transaction: Transaction,
    key: bytes,
    record_id: int,
    version: int,
    release: Release,
    identifiers: Iterable[BusinessIdentifier],
    client: str,
) -> dict[BusinessIdentifier, list[Stored]]:
    """Return for each identifier the current resources that have it and that this client wrote, the oldest first.

    ``version`` is that of the rules by which the record is indexed.
    Raises: UnavailableError, when the index of the record does not answer for identifiers yet.
    """
    sought: dict[BusinessIdentifier, dict[str, Any]] = {}
    none: dict[BusinessIdentifier, list[Stored]] = {}
    for resource_type, system, value in identifiers:
        parameter = core_definitions(release).of(resource_type).get("identifier")
        if parameter is None:
            none[resource_type, system, value] = []
            continue
        (wanted,) = wanted_hashes(key, parameter, TokenValue(system, value))
        sought[resource_type, system, value] = {
            "record_id": record_id,
            "param": parameter.number,
            "hash": wanted.value,
            "system_hash": wanted.system,
            "client": client,
        }
    await check_version(transaction, version, {one["param"] for one in sought.values()})
    found = await transaction.each(_BY_IDENTIFIER, sought.values())
    return none | {one: [stored(row) for row in rows] for one, rows in zip(sought, found, strict=True)}


async def by_seq(reader: Reader, record_id: int, seq: int) -> tuple[Stored, int] | None:
    """Return the version that change ``seq`` made and its categories; whether it may be shown is for the caller to ask."""
    row = await reader.one(_BY_SEQ, {"record_id": record_id, "seq": seq})
    return (stored(row), row[-1]) if row else None


async def answer_to(reader: Reader, record_id: int, client: str, key: str) -> tuple[bytes, bytes] | None:
    """Return (request hash, answer) of an earlier request with this idempotency key."""
    row = await reader.one(_ANSWER, {"record_id": record_id, "client": client, "key": key})
    return (row[0], row[1]) if row else None


async def keep_answer(
    transaction: Transaction, record_id: int, client: str, key: str, request_hash: bytes, instant: int, answer: bytes
) -> None:
    """Keep what was answered, for a request that comes again."""
    row = (record_id, client, key, request_hash, instant, answer)
    await transaction.change_rows((_KEEP_ANSWER, [row]))
