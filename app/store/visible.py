"""AccessScope -> the one SQL condition. Every query has it, before LIMIT."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, func, select
from sqlalchemy.sql.expression import literal_column

from app.access.scope import RecordAccess


def visible(row: FromClause, *, limited_types: bool) -> ColumnElement[bool]:
    """Return the condition "this row is inside the scope", for a table with categories and type.

    Its parameters are filled by ``parameters``, so that a statement is compiled once for all scopes; ``limited_types``
    says whether the scope names types (the other form saves the database the comparison).
    """
    condition = and_(
        row.c.record_id == bindparam("record_id"),
        row.c.categories.bitwise_and(bindparam("categories")) != 0,
        row.c.categories.bitwise_and(bindparam("withheld")) == 0,
    )
    if limited_types:
        named = func.json_each(bindparam("types")).table_valued("value")
        condition = and_(condition, row.c.type.in_(select(literal_column("value")).select_from(named)))
    return condition


def parameters(access: RecordAccess) -> dict[str, Any]:
    """Return the values of the condition's parameters."""
    values: dict[str, Any] = {
        "record_id": access.record_id,
        "categories": int(access.parts),
        "withheld": int(access.withheld),
    }
    if access.types is not None:
        values["types"] = "[" + ",".join(f'"{name}"' for name in sorted(access.types)) + "]"
    return values
