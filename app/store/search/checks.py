"""A criterion of a search, held against index rows in memory: what ``conditions.py`` says in SQL.

For what an index row of its own would not pay: a composite parameter is checked on the resources that its parts find.
"""

from collections.abc import Callable
from typing import Any, cast

from app.fhir.search.expression import Prefix
from app.fhir.search.intervals import meets
from app.store.indexing import IndexRows
from app.store.search.conditions import Criterion


def holds(criterion: Criterion, rows: IndexRows) -> bool:
    """Return whether any of the values of a criterion is met by the rows, all of which are of its parameter."""
    check = _CHECKS[criterion.form.index]
    return any(
        check(operator, str(number), criterion.values, rows) for number, operator in enumerate(criterion.form.operators)
    )


def _exact(operator: str, name: str, values: dict[str, Any], rows: IndexRows) -> bool:
    value = values[name] if operator != "system" else None
    system = values[f"{name}_system"] if operator != "value" else None
    return any(value in (None, found) and system in (None, of) for _, found, of in rows.exact)


def _date(operator: str, name: str, values: dict[str, Any], rows: IndexRows) -> bool:
    asked = (values[f"{name}_low"], values[f"{name}_high"])
    return any(meets(cast("Prefix", operator), asked, (low, high)) for _, low, high in rows.dates)


def _quantity(operator: str, name: str, values: dict[str, Any], rows: IndexRows) -> bool:
    prefix, unit = operator.split(" ")
    asked = (values[f"{name}_low"], values[f"{name}_high"])
    for _, low, high, code_hash, system_code_hash in rows.quantities:
        is_unit = {
            "any": code_hash != 0,
            "code": code_hash == values.get(f"{name}_unit"),
            "system": system_code_hash == values.get(f"{name}_unit"),
        }[unit]
        if is_unit and meets(cast("Prefix", prefix), asked, (low, high)):
            return True
    return False


def _text(_: str, name: str, values: dict[str, Any], rows: IndexRows) -> bool:
    return any(value.startswith(values[name]) for _, value in rows.texts)


_CHECKS: dict[str, Callable[[str, str, dict[str, Any], IndexRows], bool]] = {
    "exact": _exact,
    "date": _date,
    "quantity": _quantity,
    "text": _text,
}
