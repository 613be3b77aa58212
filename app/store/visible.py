"""AccessScope -> the one SQL condition. Every query has it, before LIMIT."""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, FromClause, Integer, Text, and_, bindparam, or_
from sqlalchemy.sql.expression import exists, literal_column

from app.access.categories import Category
from app.access.scope import AccessScope, IndexRow, RecordAccess
from app.access.smart_scope import Narrowed
from app.db.dialects import items, listed, member
from app.fhir.release import Release
from app.fhir.search.definitions import core_definitions
from app.fhir.search.expression import TokenValue
from app.store.hashes import wanted_hashes
from app.store.tables import exact_index


def visible(row: FromClause, *, limited_types: bool) -> ColumnElement[bool]:
    """Return the condition "this row is inside the scope", for a table with categories, type and the number of a change.

    Its parameters are filled by ``parameters``, so that a statement is compiled once for all scopes; ``limited_types``
    says whether the scope names types (the other form saves the database the comparison).
    """
    condition = and_(
        row.c.record_id == bindparam("record_id"),
        row.c.categories.bitwise_and(bindparam("parts")) != 0,
        or_(
            row.c.categories.bitwise_and(int(Category.SENSITIVE)) == 0,
            row.c.categories.bitwise_and(bindparam("unlocked")) != 0,
        ),
    )
    if limited_types:
        whole = row.c.type.in_(listed("types", Text()))
        condition = and_(condition, or_(whole, _has_tokens(row)))
    return condition


def _has_tokens(row: FromClause) -> ColumnElement[bool]:
    """Return the condition that a row is of a type of which a part is open, and has the tokens of that part.

    The index has rows of current versions only, so that nothing else of these types is seen: no older version, no deletion.
    """
    part = items("narrowed", "part")
    token = items(member(part.c.value, "rows", JSON()), "token")
    # Each is correlated by name: what SQLAlchemy does not see as the enclosing row would be looked for among all rows.
    there = (
        exists(literal_column("1"))
        .where(
            exact_index.c.record_id == bindparam("record_id"),
            exact_index.c.param == member(token.c.value, 0, Integer()),
            exact_index.c.hash == member(token.c.value, 1, BigInteger()),
            exact_index.c.seq == row.c.seq,
            exact_index.c.system_hash == member(token.c.value, 2, BigInteger()),
        )
        .correlate_except(exact_index)
    )
    missing = exists(literal_column("1")).select_from(token).where(~there).correlate_except(token)
    is_of_type = row.c.type == member(part.c.value, "type", Text())
    return exists(literal_column("1")).select_from(part).where(is_of_type, ~missing).correlate_except(part)


def parameters(access: RecordAccess) -> dict[str, Any]:
    """Return the values of the condition's parameters."""
    values: dict[str, Any] = {
        "record_id": access.record_id,
        "parts": int(access.parts),
        "unlocked": int(access.unlocked),
    }
    if access.types is not None:
        whole = access.types - access.narrowed_types
        values["types"] = "[" + ",".join(f'"{name}"' for name in sorted(whole)) + "]"
        open_parts = [{"type": name, "rows": rows} for name, rows in access.rows if name in access.types]
        values["narrowed"] = json.dumps(open_parts) if open_parts else "[]"
    return values


def with_rows(scope: AccessScope, key: bytes) -> AccessScope:
    """Return the scope with the index rows that say which resources have the tokens it is narrowed to."""
    everyone = scope.everyone
    if not any(access.narrowed for access in (*scope.records, *([] if everyone is None else [everyone]))):
        return scope
    return AccessScope(
        tuple(_with_rows(access, key) for access in scope.records),
        None if everyone is None else _with_rows(everyone, key),
    )


def _with_rows(access: RecordAccess, key: bytes) -> RecordAccess:
    found = [(one.resource_type, _rows(release, one, key)) for one in access.narrowed for release in Release]
    return replace(access, rows=tuple((name, rows) for name, rows in found if rows))


def _rows(release: Release, narrowed: Narrowed, key: bytes) -> tuple[IndexRow, ...]:
    """Return the rows that all have to be there, none where the release does not know one of the parameters."""
    known = core_definitions(release).supported(narrowed.resource_type)
    rows: list[IndexRow] = []
    for name, system, code in sorted(narrowed.tokens):
        if name not in known:
            return ()
        for wanted in wanted_hashes(key, known[name], TokenValue(system, code)):
            if wanted.value is None or wanted.system is None:
                return ()
            rows.append((known[name].number, wanted.value, wanted.system))
    return tuple(rows)
