"""What a resource is found by: its index rows, worked out from its tree by the search parameters of its type.

Exact values are kept as hashes, each form with a letter; ``hashes.py`` lists them. ``LAYOUT`` of ``rules.py`` is to be raised when
rows of the same values change.

A quantity in a unit that isn't the canonical one has two rows: as written, and in the canonical unit with ``code_hash`` 0; a
search that names no unit must leave the latter out. A unit with a code and another name has a row for that name too. Codes are case sensitive. ``:missing`` needs no rows of its own: a
resource that has any row of a parameter has a value (``p`` sees to the rest). What ``patient`` tells, ``subject`` has no rows for.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.fhir.path import Guard
from app.fhir.reference import (
    KEPT_LENGTH_MAX,
    FragmentReference,
    LiteralReference,
    Reference,
    localize,
    parse_reference,
)
from app.fhir.release import Release
from app.fhir.search.definitions import INDEXED_TYPES, Definitions, SearchParameter, definitions
from app.fhir.sorts import Names, remember
from app.store.hashes import exact_hash, system_hash
from app.store.index_values import ROWS_MAX, Unit, date_intervals, quantities, refuse_many, strings

ExactRow = tuple[int, int, int]
DateRow = tuple[int, int, int]
QuantityRow = tuple[int, float, float, int, int]
TextRow = tuple[int, str]


class IndexRows(NamedTuple):
    """The rows of one resource, without record and change; the first of each is the parameter's number.

    ``exact`` are the hash of a value and that of its system. ``dates`` are microseconds since 1970 UTC, ends included. ``quantities`` are low, high, code hash, system-and-code hash.
    """

    exact: list[ExactRow]
    dates: list[DateRow]
    quantities: list[QuantityRow]
    texts: list[TextRow]

    def of(self, record: int, seq: int) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of each table for change ``seq`` of a record, as the table has its columns."""
        return {
            "exact": [(record, param, value, seq, system) for param, value, system in self.exact],
            "dates": [(record, param, low, high, seq) for param, low, high in self.dates],
            "quantities": [(record, *row[:3], seq, *row[3:]) for row in self.quantities],
            "texts": [(record, param, value, seq) for param, value in self.texts],
        }

    def lacking(self, parameters: frozenset[int]) -> "IndexRows":
        """Return the rows of other parameters than these."""
        return IndexRows(
            [row for row in self.exact if row[0] not in parameters],
            [row for row in self.dates if row[0] not in parameters],
            [row for row in self.quantities if row[0] not in parameters],
            [row for row in self.texts if row[0] not in parameters],
        )


def index_rows(
    release: Release,
    resource_type: str,
    tree: Mapping[str, Any],
    *,
    time_zone: ZoneInfo,
    key: bytes,
    base_urls: tuple[str, ...],
) -> IndexRows:
    """Return the rows of a valid resource, without duplicates.

    ``time_zone`` is the person's, for dates that have none; ``base_urls`` (without final slash) are this server's names: an
    absolute reference below one of them is the same as a relative one.
    Raises: UnprocessableError, for a resource with more values than ``ROWS_MAX``.
    """
    program = _program(definitions(release), resource_type)
    rows = _Rows(key, time_zone, base_urls)
    _visit(program.root, tree, rows)
    for leaf, compute in program.computed:
        for fhir_type, value in compute(tree):
            leaf.emit(rows, leaf.parameters, fhir_type, value)
    _check(rows)  # one concept alone may have too many codes
    exact, told = rows.exact, program.told_by
    for row in [row for row in exact if row[0] in told]:
        if (told[row[0]], *row[1:]) in exact:
            del exact[row]
    return IndexRows(list(exact), list(rows.dates), list(rows.quantities), list(rows.texts))


def rows_of(
    parameter: SearchParameter,
    values: Iterable[tuple[str, Any]],
    *,
    time_zone: ZoneInfo,
    key: bytes,
    base_urls: tuple[str, ...],
) -> IndexRows:
    """Return the rows that ``parameter`` makes of (FHIR type, value) pairs; the rest is as for ``index_rows``."""
    rows = _Rows(key, time_zone, base_urls)
    for fhir_type, value in values:
        _EMITTERS[parameter.kind](rows, (parameter,), fhir_type, value)
    return IndexRows(list(rows.exact), list(rows.dates), list(rows.quantities), list(rows.texts))


def reference_values(parameter: SearchParameter, tree: Mapping[str, Any]) -> list[str]:
    """Return the literal references, as they were written, that ``parameter`` finds in a resource: what an _include follows."""
    found = []
    for select in _selects(parameter):
        for value in select(tree):
            text = value.get("reference") if isinstance(value, dict) else value
            if isinstance(text, str) and (not parameter.targets or _may_be_to(text, parameter.targets)):
                found.append(text)
    return found


def _may_be_to(text: str, targets: frozenset[str]) -> bool:
    target = parse_reference(text)
    return not isinstance(target, LiteralReference) or target.resource_type in targets


@cache
def _selects(parameter: SearchParameter) -> tuple[Callable[[Any], list[Any]], ...]:
    selectors = (selector for selector in parameter.selectors if selector.fhir_type in INDEXED_TYPES["reference"])
    return tuple(selector.compile() for selector in selectors)


class _Rows:
    """The rows gathered so far, and what is needed to make one."""

    __slots__ = ("base_urls", "dates", "exact", "key", "quantities", "texts", "time_zone")

    def __init__(self, key: bytes, time_zone: ZoneInfo, base_urls: tuple[str, ...]) -> None:
        self.key, self.time_zone, self.base_urls = key, time_zone, base_urls
        # Dicts keep the order, so that the same resource gives the same rows in the same order.
        self.exact: dict[ExactRow, None] = {}
        self.dates: dict[DateRow, None] = {}
        self.quantities: dict[QuantityRow, None] = {}
        self.texts: dict[TextRow, None] = {}

    def add_exact(self, parameters: tuple[SearchParameter, ...], pairs: Iterable[tuple[int, int]]) -> None:
        exact = self.exact
        for parameter in parameters:
            number = parameter.number
            for value, system in pairs:
                exact[number, value, system] = None

    def add_present(self, parameters: tuple[SearchParameter, ...], system: int = 0) -> None:
        self.add_exact(parameters, ((exact_hash(self.key, "p"), system),))


Emit = Callable[[_Rows, tuple[SearchParameter, ...], str, Any], None]


class _Leaf(NamedTuple):
    """What to do with the values at one place: the parameters of one kind that want them."""

    parameters: tuple[SearchParameter, ...]
    fhir_type: str
    emit: Emit


class _Edge(NamedTuple):
    """The way down from a node, for the items that pass."""

    guard: Guard | None
    position: int | None
    node: "_Node"


class _Node:
    """A place in a resource that parameters look at or beyond.

    ``known`` tells of the names that an object here may have which of its members to look at.
    """

    __slots__ = ("children", "known", "leaves")

    def __init__(self) -> None:
        self.children: dict[str, list[_Edge]] = {}
        self.leaves: list[_Leaf] = []
        self.known: dict[Names, list[tuple[str, list[_Edge]]]] = {}

    def to_look_at(self, names: Names) -> list[tuple[str, list[_Edge]]]:
        """Return what ``known`` has for an object with these members; most objects have the same few."""
        return remember(self.known, names, [(name, self.children[name]) for name in names if name in self.children])


class _Program(NamedTuple):
    """How rows are made; ``told_by`` is, by its number, of which other parameter the rows tell what they would tell, too."""

    root: _Node
    computed: list[tuple[_Leaf, Callable[[Any], list[tuple[str, Any]]]]]
    told_by: dict[int, int]


@cache
def _program(searched: Definitions, resource_type: str) -> _Program:
    """Return all parameters of a type as one tree of members, so that a resource is walked once and only where it is filled."""
    root = _Node()
    places: dict[tuple[int, str, str], list[SearchParameter]] = {}
    nodes: dict[int, _Node] = {}
    computed, told_by = [], {}
    for parameter in searched.supported(resource_type).values():
        if not parameter.has_rows:
            continue
        if len(parameter.stored_in) > 1:
            told_by[parameter.number] = parameter.stored_in[0].number
        if compute := parameter.computed:
            computed.append((_Leaf((parameter,), "", _EMITTERS[parameter.kind]), compute))
        for selector in parameter.selectors:
            node = root
            for step in selector.steps:
                edges = node.children.setdefault(step.member, [])
                known = [edge.node for edge in edges if (edge.guard, edge.position) == (step.guard, step.position)]
                if known:
                    node = known[0]
                else:
                    node = _Node()
                    edges.append(_Edge(step.guard, step.position, node))
            nodes[id(node)] = node
            places.setdefault((id(node), selector.fhir_type, parameter.kind), []).append(parameter)
    for (place, fhir_type, kind), parameters in places.items():
        emit = _EMITTERS[kind] if fhir_type in INDEXED_TYPES[kind] else _present
        nodes[place].leaves.append(_Leaf(tuple(parameters), fhir_type, emit))
    return _Program(root, computed, told_by)


def _visit(node: _Node, tree: Mapping[str, Any], rows: _Rows) -> None:
    names = tuple(tree)
    found = node.known.get(names)
    for member, edges in node.to_look_at(names) if found is None else found:
        value = tree[member]
        is_list = type(value) is list
        items = value if is_list else (value,)
        if len(items) > ROWS_MAX:
            refuse_many()
        for guard, position, child in edges:
            for item in items if position is None else items[position : position + 1]:
                if item is None or (guard is not None and not guard(item)):
                    continue
                for parameters, fhir_type, emit in child.leaves:
                    emit(rows, parameters, fhir_type, item)
                if child.children and type(item) is dict:
                    _visit(child, item, rows)
        if is_list and len(items) > 1:
            _check(rows)


def _check(rows: _Rows) -> None:
    if len(rows.exact) > ROWS_MAX or len(rows.texts) > ROWS_MAX or len(rows.dates) > ROWS_MAX:
        refuse_many()


def _present(rows: _Rows, parameters: tuple[SearchParameter, ...], _: str, __: Any) -> None:
    """Add that there is a value, of a type by which nothing is found, such as SampledData."""
    rows.add_present(parameters)


def _token(rows: _Rows, parameters: tuple[SearchParameter, ...], fhir_type: str, value: Any) -> None:
    if fhir_type == "CodeableConcept":
        codings = value.get("coding", ())
        for coding in codings:
            _coded(rows, parameters, coding.get("system", ""), coding.get("code"))
        if not codings:
            rows.add_present(parameters)
    elif fhir_type == "Coding":
        _coded(rows, parameters, value.get("system", ""), value.get("code"))
    elif fhir_type == "Identifier":
        _coded(rows, parameters, value.get("system", ""), value.get("value"))
    elif fhir_type == "ContactPoint":
        # The specification calls the use its system, and leaves to the server what to make of it.
        _coded(rows, parameters, value.get("use", ""), value.get("value"))
    elif fhir_type == "boolean":
        _coded(rows, parameters, "", "true" if value else "false")
    else:
        for parameter in parameters:
            _coded(rows, (parameter,), "", str(value).casefold() if parameter.ignores_case else str(value))


def _token_hashes(key: bytes, system: str, code: str) -> tuple[int, int]:
    """Return the hash of a code and that of its system."""
    return exact_hash(key, "c", code), system_hash(key, system)


_kept_token = lru_cache(maxsize=4096)(_token_hashes)


def _coded(rows: _Rows, parameters: tuple[SearchParameter, ...], system: str, code: str | None) -> None:
    if code is None:
        rows.add_present(parameters, system_hash(rows.key, system))
        return
    hashes = _kept_token if len(system) + len(code) <= KEPT_LENGTH_MAX else _token_hashes
    value, hashed = hashes(rows.key, system, code)
    for parameter in parameters:
        rows.exact[parameter.number, value, hashed] = None


def _reference(rows: _Rows, parameters: tuple[SearchParameter, ...], fhir_type: str, value: Any) -> None:
    if fhir_type != "Reference":
        _canonical_reference(rows, parameters, value)
        return
    key = rows.key
    identified = _identified(key, value.get("identifier"))
    text = value.get("reference")
    if not text:
        rows.add_exact(parameters, identified) if identified else rows.add_present(parameters)
        return
    target, whole = (_kept_target if len(text) <= KEPT_LENGTH_MAX else _target)(key, text, rows.base_urls)
    if isinstance(target, FragmentReference):
        rows.add_present(parameters)
        return
    literal = target if isinstance(target, LiteralReference) else None
    for parameter in parameters:
        targets, number = parameter.targets, parameter.number
        if literal is not None and targets and literal.resource_type not in targets:
            continue
        rows.exact[number, whole, 0] = None
        for hashed, system in identified:
            rows.exact[number, hashed, system] = None
        if literal is not None and literal.base is None and not targets:
            rows.exact[number, exact_hash(key, "i", literal.id), 0] = None


def _target(key: bytes, text: str, base_urls: tuple[str, ...]) -> tuple[Reference, int]:
    """Return where a reference leads, and its hash."""
    target = localize(text, base_urls)
    return target, exact_hash(key, "r", str(target))


_kept_target = lru_cache(maxsize=4096)(_target)


def _identified(key: bytes, identifier: Mapping[str, Any] | None) -> list[tuple[int, int]]:
    value = identifier.get("value") if identifier else None
    if identifier is None or value is None:
        return []
    return [(exact_hash(key, "v", value), system_hash(key, identifier.get("system", "")))]


def _canonical_reference(rows: _Rows, parameters: tuple[SearchParameter, ...], value: Any) -> None:
    for text in _versions(str(value)):
        rows.add_exact(parameters, ((exact_hash(rows.key, "r", str(localize(text, rows.base_urls))), 0),))


def _uri(rows: _Rows, parameters: tuple[SearchParameter, ...], fhir_type: str, value: Any) -> None:
    for text in _versions(value) if fhir_type == "canonical" else [value]:
        rows.add_exact(parameters, ((exact_hash(rows.key, "u", text), 0),))


def _versions(canonical: str) -> list[str]:
    """Return a canonical URL, and the same without its version if it has one."""
    return [canonical, canonical.partition("|")[0]] if "|" in canonical else [canonical]


def _string(rows: _Rows, parameters: tuple[SearchParameter, ...], fhir_type: str, value: Any) -> None:
    found = strings(fhir_type, value)
    for parameter in parameters:
        for original, folded in found:
            rows.texts[parameter.number, folded] = None
            rows.exact[parameter.number, exact_hash(rows.key, "x", original), 0] = None
    if not found:
        rows.add_present(parameters)


def _date(rows: _Rows, parameters: tuple[SearchParameter, ...], fhir_type: str, value: Any) -> None:
    found = date_intervals(fhir_type, value, rows.time_zone)
    for parameter in parameters:
        for low, high in found:
            rows.dates[parameter.number, low, high] = None
    if not found:
        rows.add_present(parameters)


def _quantity(rows: _Rows, parameters: tuple[SearchParameter, ...], fhir_type: str, value: Any) -> None:
    key = rows.key
    found = []
    for low, high, unit in quantities(fhir_type, value):
        hashes = _kept_unit if len(unit.system) + len(unit.code) <= KEPT_LENGTH_MAX else _unit_hashes
        found.append((low, high, *hashes(key, unit)))
    for parameter in parameters:
        for row in found:
            rows.quantities[(parameter.number, *row)] = None
    if not found:
        rows.add_present(parameters)


def _unit_hashes(key: bytes, unit: Unit) -> tuple[int, int]:
    """Return the hash of the code of a unit, 0 for that of a converted value, and that of what it is compared by, 0 for a mere name."""
    if unit.is_name:
        both = 0
    elif unit.canonical is not None:
        both = exact_hash(key, "k", unit.canonical)
    else:
        both = exact_hash(key, "m", unit.system, unit.code)
    return exact_hash(key, "q", unit.code) if unit.as_written else 0, both


_kept_unit = lru_cache(maxsize=4096)(_unit_hashes)

_EMITTERS: dict[str, Emit] = {
    "token": _token,
    "reference": _reference,
    "uri": _uri,
    "string": _string,
    "date": _date,
    "quantity": _quantity,
    "number": _quantity,
}
