"""What a search asks, as typed values: the result of ``parse.py`` and what ``store/search`` turns into SQL.

Spec: https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/STU3/search.html
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.fhir.issues import Issue
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.subset import Shown

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "po", "co"]
"""``po`` and ``co``, of dates: overlaps, contains; in a ``_filter`` only."""

TextComparison = Literal["eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"]
Modifier = Literal["exact", "contains", "not", "missing", "identifier", "in", "not-in", "above", "below"]
CODED: frozenset[Modifier] = frozenset({"in", "not-in", "above", "below"})
"""Modifiers whose values are codes that were looked up: any of them, or with ``not-in`` none."""
Total = Literal["none", "estimate", "accurate"]


@dataclass(frozen=True, slots=True)
class TokenValue:
    """``system|code``: None is any, an empty system is none; not both are None."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class IdentifierValue:
    """The identifier inside a reference (``:identifier``); ``system`` and ``value`` as those of a ``TokenValue``."""

    system: str | None
    value: str | None


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """``resource_type`` and ``id`` for a resource here (any type if None); ``url`` alone for any other."""

    resource_type: str | None = None
    id: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class LocalDate:
    """A date that names no zone: ``text`` as it was written, and the zone and the present that its interval was made by.

    ``now`` is in microseconds since 1970 UTC.
    """

    text: str
    time_zone: str
    now: int


@dataclass(frozen=True, slots=True)
class DateValue:
    """An interval in microseconds since 1970 UTC, both ends included.

    ``local`` is what it has to be made of again for a record in another zone, None if the date names its zone.
    """

    prefix: Prefix
    low: int
    high: int
    local: LocalDate | None = None


@dataclass(frozen=True, slots=True)
class NumberValue:
    """An interval: for ``eq`` and ``ne`` what the digits given round to, for ``ap`` 10 % around, else the number itself."""

    prefix: Prefix
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """An interval as in ``NumberValue``.

    ``canonical``: ``code`` is a canonical UCUM unit, and the interval is in it. Otherwise ``code`` None is any unit, and
    ``system`` None any system.
    """

    prefix: Prefix
    low: float
    high: float
    system: str | None = None
    code: str | None = None
    canonical: bool = False


@dataclass(frozen=True, slots=True)
class StringValue:
    """``folded`` for starts-with and ``:contains``, ``exact`` as it was written for ``:exact``."""

    folded: str
    exact: str


@dataclass(frozen=True, slots=True)
class TextValue:
    """How a ``_filter`` compares a string; both sides folded."""

    comparison: TextComparison
    folded: str


@dataclass(frozen=True, slots=True)
class UriValue:
    """A whole uri."""

    uri: str


@dataclass(frozen=True, slots=True)
class MissingValue:
    """What ``:missing`` asks: True for the resources without a value."""

    missing: bool


Value = (
    TokenValue
    | IdentifierValue
    | ReferenceValue
    | DateValue
    | NumberValue
    | QuantityValue
    | StringValue
    | TextValue
    | UriValue
    | MissingValue
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of the query: any of ``values`` (none of them, with the modifiers ``not`` and ``not-in``).

    The modifier ``:[type]`` of a reference is in its values; ``missing`` has exactly one ``MissingValue``. With ``every`` all of
    the values have to be met, by one value of the resource.
    """

    parameter: SearchParameter
    modifier: Modifier | None
    values: tuple[Value, ...]
    every: bool = False


@dataclass(frozen=True, slots=True)
class Chained:
    """``parameter`` refers to a resource that meets one of ``targets``, each of another type."""

    parameter: SearchParameter
    targets: tuple["Asked", ...]


@dataclass(frozen=True, slots=True)
class Referred:
    """``_has``: a resource that meets ``source`` refers to this one by ``parameter``, a parameter of the source's type."""

    source: "Asked"
    parameter: SearchParameter


@dataclass(frozen=True, slots=True)
class Together:
    """A composite parameter: one element meets all criteria of one of ``alternatives``, a criterion for each part.

    ``base_urls`` are for reading the element, as they are for indexing it.
    """

    parameter: SearchParameter
    alternatives: tuple[tuple[Criterion, ...], ...]
    base_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a value of ``parameter`` says, by a modifier of ``told.py``: any of ``values``, each in its parts."""

    parameter: SearchParameter
    modifier: str
    values: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Worded:
    """``_text`` and ``_content``: all words of one of ``alternatives`` are in the narrative, or in any text."""

    in_narrative: bool
    alternatives: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """``_filter``: all, any or none of the parts hold; ``not`` has one part."""

    operator: Literal["and", "or", "not"]
    parts: tuple["Asked | Combined", ...]

    @property
    def leaves(self) -> tuple["Asked", ...]:
        """Return what is combined, from left to right."""
        return tuple(leaf for part in self.parts for leaf in (part.leaves if isinstance(part, Combined) else (part,)))


class Owner(NamedTuple):
    """The resource whose compartment it is; it need not be there."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Within:
    """Refers to the owner of a compartment by any of the parameters by which resources of the type are in it."""

    parameters: tuple[SearchParameter, ...]
    owner: Owner


Link = Chained | Referred | Together | Told | Worded | Combined | Within
"""What more than one parameter of the resource itself tells."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the resources of one type; all of it must hold."""

    resource_type: str
    criteria: tuple[Criterion, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of ``_sort``."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """``_include``: the references of ``parameter`` in resources of ``source_type``.

    ``source_type`` and ``parameter`` None are any. ``target_type`` None is any; ``iterate`` also from resources that were
    included themselves. ``is_reverse`` is ``_revinclude``: from the target to the source, which is known then.
    """

    source_type: str | None
    parameter: SearchParameter | None
    target_type: str | None
    iterate: bool
    is_reverse: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """A search on one resource type; all ``criteria`` and ``links`` must hold.

    ``shown`` is the part of each match that is shown, None for the whole; what is included is shown whole, but for a summary.
    ``count`` is the page size, 0 for the number of matches only, None for all on one page. ``used`` is for the self link:
    the parameters that were understood, in the order and with the values that came. ``ignored`` says what was not.
    ``within`` is the compartment that is searched, None for all.
    """

    resource_type: str
    criteria: tuple[Criterion, ...] = ()
    links: tuple[Link, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int | None = None
    includes: tuple[Include, ...] = ()
    total: Total | None = None
    shown: Shown | None = None
    ignored: tuple[Issue, ...] = ()
    used: tuple[tuple[str, str], ...] = ()
    within: Within | None = None

    @property
    def asked(self) -> Asked:
        """Return what the resources must meet, without how they are shown."""
        return Asked(
            self.resource_type, self.criteria, self.links if self.within is None else (*self.links, self.within)
        )

    @property
    def place(self) -> str:
        """Return the path below the base that is searched: a type, or a type in a compartment."""
        return self.resource_type if self.within is None else "/".join((*self.within.owner, self.resource_type))
