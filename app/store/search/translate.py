"""A criterion of a parsed search -> the form and values that ``conditions.py`` knows."""

from typing import Any

import msgspec

from app.fhir.search.expression import (
    CODED,
    Criterion,
    DateValue,
    IdentifierValue,
    MissingValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    SortKey,
    StringValue,
    TextComparison,
    TextValue,
    TokenValue,
    UriValue,
)
from app.store.hashes import Wanted, unit_hash, wanted_hashes
from app.store.search import conditions
from app.store.search.conditions import Form
from app.store.search.statement import SortForm

_TABLE = {
    "token": "exact",
    "reference": "exact",
    "uri": "exact",
    "date": "date",
    "string": "text",
    "quantity": "quantity",
    "number": "quantity",
}
_END_OF_TEXT = "\U0010ffff"
_LIKE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
CURRENT = Form("current", ())
"""The form of a search that asks nothing of the index: every current resource of the type."""


def translate(key: bytes, criterion: Criterion) -> conditions.Criterion:  # noqa: C901, PLR0912 - a case for each kind of value
    """Return what to compare; ``key`` is that of the hashes."""
    name = criterion.parameter.name
    if name == "_id":
        ids = [value.code for value in criterion.values if isinstance(value, TokenValue)]
        is_negated = criterion.modifier == "not"
        form = Form("id" if is_negated else "named", ("eq",) * len(ids), is_negated)
        return conditions.Criterion(form, {str(i): value for i, value in enumerate(ids)})
    if criterion.modifier == "missing":
        return _missing(criterion)
    if criterion.modifier in CODED:
        return _coded(key, criterion)
    operators: list[str] = []
    values: dict[str, Any] = {}
    index = "instant" if name == "_lastUpdated" else _TABLE[criterion.parameter.kind]
    if criterion.modifier == "exact":
        index = "exact"
    for value in criterion.values:
        place = str(len(operators))
        match value:
            case DateValue() | NumberValue():
                operators.append(value.prefix if index != "quantity" else f"{value.prefix} any")
                values |= {f"{place}_low": value.low, f"{place}_high": value.high}
            case QuantityValue():
                column, unit = unit_hash(key, value)
                operators.append(f"{value.prefix} {column}")
                values |= {f"{place}_low": value.low, f"{place}_high": value.high}
                if unit is not None:
                    values[f"{place}_unit"] = unit
            case StringValue() if criterion.modifier != "exact":
                comparison: TextComparison = "co" if criterion.modifier == "contains" else "sw"
                _add_text(operators, values, TextValue(comparison, value.folded))
            case TextValue():
                _add_text(operators, values, value)
            case TokenValue() | IdentifierValue() | ReferenceValue() | UriValue() | StringValue():
                for wanted in wanted_hashes(key, criterion.parameter, value):
                    values |= _of_pair(str(len(operators)), wanted)
                    operators.append(_operator(wanted))
            case MissingValue():
                message = "A value of :missing stands alone."
                raise ValueError(message)
    parameters = 0 if criterion.parameter.is_column else len(criterion.parameter.stored_in)
    # Nearly all are about the same person.
    is_usual = criterion.parameter.kind == "reference" and criterion.modifier is None
    form = Form(index, tuple(operators), criterion.modifier == "not", parameters, criterion.every, is_usual)
    return conditions.Criterion(form, values)


def _add_text(operators: list[str], values: dict[str, Any], value: TextValue) -> None:
    place = str(len(operators))
    match value.comparison:
        case "sw":
            operators.append("starts")
            values |= {place: value.folded, f"{place}_end": value.folded + _END_OF_TEXT}
        case "co" | "ew":
            operators.append("like")
            values[place] = f"%{value.folded.translate(_LIKE)}" + ("%" if value.comparison == "co" else "")
        case _:
            operators.append(value.comparison)
            values[place] = value.folded


def _missing(criterion: Criterion) -> conditions.Criterion:
    (asked,) = criterion.values
    table = _TABLE[criterion.parameter.kind]
    tables = ("exact",) if table == "exact" else (table, "exact")
    missing = isinstance(asked, MissingValue) and asked.missing
    return conditions.Criterion(Form("present", tables, missing, len(criterion.parameter.stored_in)), {})


def _coded(key: bytes, criterion: Criterion) -> conditions.Criterion:
    """Return what to compare for a great many codes: one list, so that the statement stays the same."""
    tokens = [value for value in criterion.values if isinstance(value, TokenValue)]
    wanted = [one for token in tokens for one in wanted_hashes(key, criterion.parameter, token)]
    has_system = all(one.system is not None for one in wanted)
    found: list[Any] = list(wanted) if has_system else [one.value for one in wanted]
    form = Form(
        "coded" if has_system else "linked", (), criterion.modifier == "not-in", len(criterion.parameter.stored_in)
    )
    return conditions.Criterion(form, {"list": msgspec.json.encode(found).decode()})


def _operator(wanted: Wanted) -> str:
    if wanted.value is None:
        return "system"
    return "value" if wanted.system is None else "both"


def _of_pair(name: str, wanted: Wanted) -> dict[str, int]:
    pair = {name: wanted.value, f"{name}_system": wanted.system}
    return {key: found for key, found in pair.items() if found is not None}


def is_selective(form: Form) -> bool:
    """Return whether a criterion finds only current resources, as every index row belongs to one."""
    return not form.negated and form.index not in ("id", "instant", "listed")


def sort_form(key: SortKey) -> SortForm:
    """Return where the sort key comes from."""
    name = key.parameter.name
    if name == "_lastUpdated":
        return SortForm("seq", key.descending)
    if name == "_id":
        return SortForm("id", key.descending)
    return SortForm(_TABLE[key.parameter.kind], key.descending, len(key.parameter.stored_in))
