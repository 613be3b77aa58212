"""The statement of a search over one record, compiled once per form.

Two shapes. *Walk*: sorted by one date, the index is walked in order and the search stops when the page is full; changes
without that date come after the others, in a second statement. *Gather*: everything else; what matches is gathered and
sorted. Every shape ends with the number of the change as last key, so that a page can go on where the one before ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, func, or_, select, true
from sqlalchemy import tuple_ as row_of

from app.db.dialects import gathered, in_turn
from app.db.statements import Statement
from app.store.pages import page_columns
from app.store.resources import columns
from app.store.search.conditions import ON_CHANGE, Form, any_value, condition, is_of, leading
from app.store.tables import change, current, date_index, exact_index, quantity_index, record, text_index
from app.store.visible import visible

NUMBER_LAST = {"asc": 2**63 - 1, "desc": -(2**63) + 1}
TEXT_LAST = {"asc": "\U0010ffff", "desc": ""}
_OF_CHANGE = ("seq", "id")
"""Sort keys that are columns of the change itself."""

_LEADERS = ("named", "exact", "coded", "linked", "text", "quantity", "date", "current")
"""Indexes, the one first that is likely to find the fewest."""

FLOAT_LAST = {"asc": 1.7e308, "desc": -1.7e308}


@dataclass(frozen=True, slots=True)
class SortForm:
    """One sort key: the index it comes from (``seq``, ``id`` or a table), and its direction."""

    index: str
    descending: bool
    parameters: int = 1


@dataclass(frozen=True, slots=True)
class SearchForm:
    """All that the text of the statement depends on.

    ``after`` says where a page begins: ``start``; ``key``, behind the cursor's keys and number; ``keys``, behind its
    keys alone (for a record that comes before the cursor's); ``tie``, at its keys or behind (for one that comes later).
    ``shows`` is what comes out: the versions of a ``page``, the ``count`` of all, the ``ids`` of all, the ``numbers`` of their
    changes, or the hashes of what all refer to by a parameter, ``references``. ``on_walked`` are the criteria that the row that is walked answers itself.
    ``tells_zone``: the rows of a page tell the time zone of the record.
    """

    criteria: tuple[Form, ...]
    sort: tuple[SortForm, ...]
    limited_types: bool
    after: str = "start"
    walk: bool = False
    on_walked: frozenset[int] = frozenset()
    tells_zone: bool = False
    shows: Literal["page", "count", "ids", "numbers", "references"] = "page"


@lru_cache(maxsize=2048)
def statement(form: SearchForm) -> Statement:
    """Return the compiled statement. Its rows are those of ``page_columns``, then the record's rules, its zone where that is told, then the sort keys."""
    if form.walk:
        walk = partial(_walk, form)
        return Statement(walk, walk)
    return Statement(partial(_gather, form), partial(_gather, form, from_leader=True))


def _gather(form: SearchForm, *, from_leader: bool = False) -> Any:
    """Return the statement that finds all matches and sorts them.

    ``from_leader`` is for PostgreSQL. What leads is a table of candidates then; only those that meet the other criteria are looked
    up, and in the order of their numbers no more than a page takes. Sort keys are joined to the matches, by a join that has to be
    made by hashing or merging (``FULL``): what it takes for a handful of rows it would join by going through all sort keys for
    each match.
    """
    leader = _leader(form.criteria)
    source: FromClause = change
    seq: ColumnElement[int] = change.c.seq
    if from_leader and leader is not None:
        goes_on = not form.sort and form.after == "key"
        candidate = leading(form.criteria[leader], leader, goes_on=goes_on)
        seq = candidate.c.seq
        source = candidate.join(change, (change.c.record_id == bindparam("record_id")) & (change.c.seq == seq))
    is_narrow = any(map(_is_narrow, form.criteria))
    of_all = leader is not None and form.criteria[leader].index == "current"
    where = [
        condition(criterion, number, seq, probe=is_narrow and not from_leader, leads=number == leader, of_all=of_all)
        for number, criterion in enumerate(form.criteria)
        if source is change or number != leader
    ]
    if form.shows == "count":
        if from_leader and _finds_nearly_all(form, leader):
            return _count(form, select(seq).where(*where))
        return select(func.count()).select_from(source).where(*_of_type(form, change), *where)
    where = [*_of_type(form, change), *where]
    if form.shows in ("ids", "numbers"):
        column = change.c.id if form.shows == "ids" else change.c.seq
        return select(column).select_from(source).where(*where).limit(bindparam("limit"))
    if form.shows == "references":
        return _references(select(seq).select_from(source).where(*where))
    found: FromClause = change
    if from_leader and any(sort.index not in _OF_CHANGE for sort in form.sort):
        source = found = select(*columns(change)).select_from(source).where(*where).subquery("found")
        seq, where = found.c.seq, [func.coalesce(found.c.seq, 0) > 0]
    source, keys = _with_keys(form.sort, found, source)
    begin = _begin(keys, seq, form.after)
    if begin is not None:
        where.append(begin)
    labelled = [key.label(f"key{number}") for number, (key, _) in enumerate(keys)]
    order = [key.desc() if descending else key.asc() for key, descending in keys]
    return (
        select(*page_columns(found), *_of_record(form), *labelled)
        .select_from(source)
        .where(*where)
        .order_by(*order, seq.desc())
        .limit(bindparam("limit"))
    )


def _of_type(form: SearchForm, row: FromClause) -> list[ColumnElement[bool]]:
    return [
        visible(row, limited_types=form.limited_types),
        row.c.release == bindparam("release"),
        row.c.type == bindparam("type"),
    ]


def _finds_nearly_all(form: SearchForm, leader: int | None) -> bool:
    """Return whether so many are to be counted that it is better to go through all of the type."""
    if leader is None or any(one.index in ON_CHANGE for one in form.criteria):
        return False
    return form.criteria[leader].usual or form.criteria[leader].index == "current"


def _count(form: SearchForm, numbers: Select[Any]) -> Select[Any]:
    """Return the statement that counts among the rows of ``current``, of which a hundred are on a page, and not those of ``change``."""
    where = [*_of_type(form, current), current.c.deleted.is_(False)]
    if [one.index for one in form.criteria] != ["current"]:
        where.append(gathered(current.c.seq.in_(numbers)))
    return select(func.count()).select_from(current).where(*where)


def _with_keys(
    sorts: Sequence[SortForm], found: FromClause, source: FromClause
) -> tuple[FromClause, list[tuple[ColumnElement[Any], bool]]]:
    """Return the ``source`` of what is found joined with its sort keys, and these with their directions."""
    keys: list[tuple[ColumnElement[Any], bool]] = []
    for number, sort in enumerate(sorts):
        if sort.index in _OF_CHANGE:
            keys.append((found.c[sort.index], sort.descending))
            continue
        rows, values = _sort_rows(sort, number)
        source = source.outerjoin(rows, rows.c.seq == found.c.seq, full=found is not change)
        keys.extend((func.coalesce(rows.c[name], last), sort.descending) for name, last in values)
    return source, keys


def _of_record(form: SearchForm) -> list[ColumnElement[Any]]:
    """Return by which rules the record was indexed, and its zone where it is told, at the moment that the rows are of."""
    told = [record.c.index_version, record.c.time_zone] if form.tells_zone else [record.c.index_version]
    of_record = record.c.record_id == bindparam("record_id")
    return [select(one).where(of_record).scalar_subquery().label(one.name) for one in told]


def _is_narrow(criterion: Form) -> bool:
    """Return whether a criterion leaves few changes to look up: those with some ids, of a day, or from one to another."""
    if criterion.index == "named":
        return True
    return criterion.index == "date" and (criterion.every or set(criterion.operators) == {"eq"})


def _leader(criteria: Sequence[Form]) -> int | None:
    """Return the number of the criterion that finds the candidates, None if none is fit for it; those by a reference come last."""
    able = [number for number, one in enumerate(criteria) if not one.negated and one.index in _LEADERS]
    return min(
        able,
        default=None,
        key=lambda number: _LEADERS.index(criteria[number].index) - 10 * _is_narrow(criteria[number]),
    )


def _references(found: Any) -> Any:
    return (
        select(exact_index.c.hash)
        .distinct()
        .where(
            exact_index.c.record_id == bindparam("record_id"),
            exact_index.c.param == bindparam("refers"),
            gathered(exact_index.c.seq.in_(found)),
        )
        .limit(bindparam("limit"))
    )


def _sort_rows(sort: SortForm, number: int) -> tuple[Any, list[tuple[str, Any]]]:
    """Return one row per change with its lowest (or, descending, highest) value, and where changes without one go."""
    table = {"date": date_index, "quantity": quantity_index, "text": text_index, "exact": exact_index}[sort.index]
    extreme = func.max if sort.descending else func.min
    direction = "desc" if sort.descending else "asc"
    names: list[tuple[str, Any]]
    if sort.index == "text":
        names = [("value", TEXT_LAST[direction])]
    elif sort.index == "exact":
        names = [("hash", NUMBER_LAST[direction])]
    else:
        # A date sorts by its beginning both ways, as walking the index does; a period may be open at its end for years.
        by_high = sort.descending and sort.index == "quantity"
        last = NUMBER_LAST[direction] if sort.index == "date" else FLOAT_LAST[direction]
        names = [("high" if by_high else "low", last)]
    # code_hash 0 is the same quantity again, in its canonical unit.
    written = [quantity_index.c.code_hash != 0] if sort.index == "quantity" else []
    rows = (
        select(table.c.seq, *(extreme(table.c[name]).label(name) for name, _ in names))
        .where(table.c.record_id == bindparam("record_id"), is_of(table, f"s{number}", sort.parameters), *written)
        .group_by(table.c.seq)
        .subquery(f"sort{number}")
    )
    return rows, names


def _walk(form: SearchForm) -> Any:
    descending = form.sort[0].descending
    row = date_index.alias("walked")
    joined = row.join(change, (change.c.record_id == row.c.record_id) & (change.c.seq == row.c.seq))
    where = [
        row.c.record_id == bindparam("record_id"),
        is_of(row, "s0", 1),
        *_of_type(form, change),
        *(any_value(form.criteria[number], number, row) for number in sorted(form.on_walked)),
    ]
    others = {number: one for number, one in enumerate(form.criteria) if number not in form.on_walked}
    where += [condition(one, number, row.c.seq) for number, one in others.items() if one.index in ON_CHANGE]
    of_all = not form.on_walked
    probes = [
        condition(one, number, row.c.seq, probe=True, of_all=of_all)
        for number, one in others.items()
        if one.index not in ON_CHANGE
    ]
    if probes:
        where.append(in_turn(probes))
    order = [row.c.low, row.c.high, row.c.seq]
    if form.after == "key":
        cursor = row_of(bindparam("k0"), bindparam("k1"), bindparam("after_seq"))
        where.append(row_of(*order) < cursor if descending else row_of(*order) > cursor)
    return (
        select(*page_columns(change), *_of_record(form), row.c.low.label("key0"), row.c.high.label("key1"))
        .select_from(joined)
        .where(*where)
        .order_by(*(column.desc() if descending else column.asc() for column in order))
        .limit(bindparam("limit"))
    )


def _begin(
    keys: list[tuple[ColumnElement[Any], bool]], seq: ColumnElement[int], after: str
) -> ColumnElement[bool] | None:
    """Return the condition "comes after the cursor" for keys in mixed directions."""
    if after == "start":
        return None
    steps: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for number, (key, descending) in enumerate(keys):
        cursor: Any = bindparam(f"k{number}")
        steps.append(and_(*same, key < cursor if descending else key > cursor))
        same.append(key == cursor)
    if after == "key":
        steps.append(and_(*same, seq < bindparam("after_seq")))
    elif after == "tie":
        steps.append(and_(*same) if same else true())
    return or_(*steps)
