"""One criterion of a search -> a form and its values; a form -> a condition on the number of a change.

The form is what the SQL text depends on, the values are bound. A search with the same form as an earlier one costs no
compilation. Every condition reads one index table inside the record that is searched.

Spec: https://hl7.org/fhir/R4/search.html#prefix, https://hl7.org/fhir/STU3/search.html#prefix
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    not_,
    or_,
    select,
    tuple_,
)

from app.db.dialects import either, few_or, gathered, items, listed, looked_up, member
from app.fhir.search.definitions import SearchParameter
from app.store.tables import change, current, date_index, exact_index, quantity_index, text_index

_TEXT_OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "lt": operator.lt,
    "ge": operator.ge,
    "le": operator.le,
}


@dataclass(frozen=True, slots=True)
class Form:
    """What the SQL of one criterion looks like: the index, the operator of each value, and whether it is turned round.

    ``every``: one row of a date has to meet all values, instead of any. ``usual``: nearly all in a record meet it.
    ``parameters``: in how many parameters' rows the values may be. An operator of the index ``exact`` names the hashes that are
    compared: ``value``, ``system`` or ``both``. The indexes ``listed``, ``linked`` and ``coded`` take as many values as
    there are, in one JSON list: ids of the resources themselves, hashes of what they refer to, pairs of hashes of codes.
    ``named`` finds the current ones by their ids, as an index does; ``id`` asks a candidate for its own, to leave some out.
    """

    index: str
    operators: tuple[str, ...]
    negated: bool = False
    parameters: int = 1
    every: bool = False
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Criterion:
    """A form and the values of its parameters, named without the criterion's number."""

    form: Form
    values: dict[str, Any]


_ONE_BY_ONE_MAX = 40
"""Values that are looked up each by itself, for each candidate; the statement has a part for each."""

ON_CHANGE = frozenset({"id", "instant", "listed"})
"""What is asked of the change itself, and not of an index."""

_TABLES: dict[str, Table] = {
    "exact": exact_index,
    "linked": exact_index,
    "coded": exact_index,
    "date": date_index,
    "quantity": quantity_index,
    "text": text_index,
    "current": current,
    "named": current,
}


def condition(
    form: Form, number: int, seq: ColumnElement[int], *, probe: bool = False, leads: bool = False, of_all: bool = False
) -> ColumnElement[bool]:
    """Return the condition that the change numbered ``seq`` meets criterion ``number``.

    ``probe`` asks for a form that looks each candidate up (for walking an index in order) instead of gathering all. ``leads``
    says that this criterion finds the candidates, which the others are then asked about; ``of_all``, that all of a type are candidates.
    """
    if form.index == "listed":
        return gathered(change.c.id.in_(listed(f"c{number}_list", Text())))
    if form.index in ON_CHANGE:
        meets = _on_change(form, number)
        return not_(meets) if form.negated else meets
    if form.index == "present":
        return _present(form, number, seq)
    table = _TABLES[form.index]
    rows = rows_of(form, number, table)
    found = seq.in_(rows) if leads else gathered(seq.in_(rows))
    # Of all of a type hardly any may be left by several values: each would be looked up under each of them.
    leaves_few = of_all and form.negated and (len(form.operators) > 1 or not probe)
    if form.index == "exact" and "system" not in form.operators and not leads and not leaves_few:
        # In the key of exact_index seq comes after the value, so that looking one change up is a single probe.
        one = either(sqlite=looked_up(rows.where(table.c.seq == seq)), postgresql=_one_by_one(form, number, seq))
        if probe:
            found = one if form.usual else either(sqlite=one, postgresql=few_or(rows, found, one))
        else:
            found = either(sqlite=seq.in_(rows), postgresql=one)
    return not_(found) if form.negated else found


def _one_by_one(form: Form, number: int, seq: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that the change has one of the values, each looked up by itself.

    For several at once PostgreSQL may go through all rows of the parameter, for each candidate; of very many it gathers them.
    """
    if len(form.operators) > _ONE_BY_ONE_MAX:
        return gathered(seq.in_(rows_of(form, number, exact_index)))
    rows = select(exact_index.c.seq).where(
        exact_index.c.record_id == bindparam("record_id"),
        is_of(exact_index, f"p{number}", form.parameters),
        exact_index.c.seq == seq,
    )
    pairs = ((operator, f"c{number}_{i}") for i, operator in enumerate(form.operators))
    return or_(*(looked_up(rows.where(_exact_pair(exact_index, operator, name))) for operator, name in pairs))


def leading(form: Form, number: int, *, goes_on: bool) -> FromClause:
    """Return a table of the candidates that criterion ``number`` finds, each once, newest first; its column is ``seq``.

    ``goes_on``: only those behind the cursor's.
    """
    rows = rows_of(form, number, _TABLES[form.index].alias("leading"))
    seq = rows.selected_columns.seq
    if goes_on:
        rows = rows.where(seq < bindparam("after_seq"))
    return rows.distinct().order_by(seq.desc()).subquery("candidate")


def rows_of(form: Form, number: int, table: FromClause) -> Select[Any]:
    """Return the numbers of the changes whose rows in the form's index meet criterion ``number``; some may come more than once."""
    if form.index in ("current", "named"):
        where = [
            table.c.release == bindparam("release"),
            table.c.type == bindparam("type"),
            table.c.deleted.is_(False),
        ]
        if form.index == "named":
            where.append(table.c.id.in_(_names(form, number)))
    else:
        where = [is_of(table, f"p{number}", form.parameters), any_value(form, number, table)]
    return select(table.c.seq).where(table.c.record_id == bindparam("record_id"), *where)


def is_of(table: FromClause, name: str, parameters: int) -> ColumnElement[bool]:
    """Return the condition that a row is of one of so many parameters, whose numbers are ``name_0`` and so on."""
    if parameters == 1:
        return table.c.param == bindparam(f"{name}_0")
    return table.c.param.in_([bindparam(f"{name}_{i}") for i in range(parameters)])


def numbers_of(name: str, parameter: SearchParameter) -> dict[str, int]:
    """Return the values of ``is_of``."""
    return {f"{name}_{i}": stored.number for i, stored in enumerate(parameter.stored_in)}


def _present(form: Form, number: int, seq: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that the parameter has a value; the form's operators name the tables it may be in."""
    tables: dict[str, Table] = {
        "exact": exact_index,
        "date": date_index,
        "quantity": quantity_index,
        "text": text_index,
    }
    found = or_(
        *(
            gathered(
                seq.in_(
                    select(tables[name].c.seq).where(
                        tables[name].c.record_id == bindparam("record_id"),
                        is_of(tables[name], f"p{number}", form.parameters),
                    )
                )
            )
            for name in form.operators
        )
    )
    return not_(found) if form.negated else found


def _on_change(form: Form, number: int) -> ColumnElement[bool]:
    if form.index == "id":
        return change.c.id.in_(_names(form, number))
    return or_(
        *(
            _compare(operator, change.c.instant, change.c.instant, f"c{number}_{i}")
            for i, operator in enumerate(form.operators)
        )
    )


def _names(form: Form, number: int) -> list[BindParameter[Any]]:
    return [bindparam(f"c{number}_{i}") for i in range(len(form.operators))]


def any_value(form: Form, number: int, table: FromClause) -> ColumnElement[bool]:
    """Return the condition that a row of the form's index meets its values."""
    names = [f"c{number}_{i}" for i in range(len(form.operators))]
    pairs = list(zip(form.operators, names, strict=True))
    if form.index == "linked":
        return table.c.hash.in_(listed(f"c{number}_list", BigInteger()))
    if form.index == "coded":
        return _coded(table, number)
    if form.index == "exact":
        return _exact(table, pairs)
    if form.index == "text":
        return or_(*(_text(table, operator, name) for operator, name in pairs))
    if form.index == "date":
        met = (_compare(operator, table.c.low, table.c.high, name) for operator, name in pairs)
        return and_(*met) if form.every else or_(*met)
    return or_(*(_quantity(table, operator, name) for operator, name in pairs))


def _exact(table: FromClause, pairs: list[tuple[str, str]]) -> ColumnElement[bool]:
    values: list[BindParameter[Any]] = [bindparam(name) for operator, name in pairs if operator != "system"]
    if all(operator == "value" for operator, _ in pairs):
        return table.c.hash.in_(values)
    any_pair = or_(*(_exact_pair(table, operator, name) for operator, name in pairs))
    # With the values named first they are looked up in the key; only a system alone has to walk the parameter.
    return and_(table.c.hash.in_(values), any_pair) if len(values) == len(pairs) else any_pair


def _exact_pair(table: FromClause, operator: str, name: str) -> ColumnElement[bool]:
    is_value, is_system = table.c.hash == bindparam(name), table.c.system_hash == bindparam(f"{name}_system")
    return {"value": is_value, "system": is_system, "both": and_(is_value, is_system)}[operator]


def _coded(table: FromClause, number: int) -> ColumnElement[bool]:
    wanted = items(f"c{number}_list")
    asked = select(*(member(wanted.c.value, place, BigInteger()) for place in (0, 1)))
    return tuple_(table.c.hash, table.c.system_hash).in_(asked)


def _text(table: FromClause, operator: str, name: str) -> ColumnElement[bool]:
    if operator == "starts":
        return and_(table.c.value >= bindparam(name), table.c.value < bindparam(f"{name}_end"))
    if operator in _TEXT_OPERATORS:
        return _TEXT_OPERATORS[operator](table.c.value, bindparam(name))
    return table.c.value.like(bindparam(name), escape="\\")


def _quantity(table: FromClause, operator: str, name: str) -> ColumnElement[bool]:
    """``eq unit``: a comparison, and which of the unit's hashes is compared (``any``, ``code``, ``system``)."""
    prefix, unit = operator.split(" ")
    meets = _compare(prefix, table.c.low, table.c.high, name)
    if unit == "any":
        return and_(meets, table.c.code_hash != 0)  # 0: the same value again, in its canonical unit
    if unit == "code":
        return and_(meets, table.c.code_hash == bindparam(f"{name}_unit"))
    return and_(meets, table.c.system_code_hash == bindparam(f"{name}_unit"))


def _compare(prefix: str, low: ColumnElement[Any], high: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return how the resource's interval stands to the value's; both include their ends.

    What follows for its beginning is said too, for the index is in that order.
    """
    value_low: ColumnElement[Any] = bindparam(f"{name}_low")
    value_high: ColumnElement[Any] = bindparam(f"{name}_high")
    contained = and_(low >= value_low, low <= value_high, high <= value_high)
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not_(contained)
        case "gt":
            return high > value_high
        case "lt":
            return low < value_low
        case "ge":
            return high >= value_low
        case "le":
            return low <= value_high
        case "sa":
            return low > value_high
        case "eb":
            return and_(low < value_low, high < value_low)
        case "co":
            return and_(low <= value_low, high >= value_high)
        case "ap" | "po":
            return and_(low <= value_high, high >= value_low)
    message = f"There is no comparison {prefix}."
    raise ValueError(message)


def number_values(criterion: Criterion, number: int, parameter: SearchParameter | None) -> dict[str, Any]:
    """Return the criterion's values under the names that ``condition`` gave them; ``parameter`` None for a column."""
    values = {f"c{number}_{name}": value for name, value in criterion.values.items()}
    return values if parameter is None else values | numbers_of(f"p{number}", parameter)
