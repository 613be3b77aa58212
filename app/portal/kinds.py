"""The kinds of measurement that have a page, and what a page needs of Observations and Goals about them; pure.

Codes: LOINC and SNOMED CT as in the MedMij self-measurements, https://informatiestandaarden.nictiz.nl (Zelfmetingen 2.0).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import repeat
from zoneinfo import ZoneInfo

from app.fhir import own_plan
from app.fhir.elements import LOINC, SNOMED, Tree, amount, codes, effective, extension, has_code, listed, named, words
from app.fhir.release import Release
from app.fhir.self_measured import is_own
from app.portal.language import marked

WRONG = frozenset({"entered-in-error", "cancelled", "unknown"})
_CLOSED_GOALS = frozenset({"completed", "achieved", "cancelled", "rejected", "entered-in-error", "proposed"})
_FACTORS = {
    ("g", "kg"): Decimal("0.001"),
    ("[lb_av]", "kg"): Decimal("0.45359237"),
    ("m", "cm"): Decimal(100),
    ("[in_i]", "cm"): Decimal("2.54"),
    ("kPa", "mm[Hg]"): Decimal("7.50062"),
    ("mg/dL", "mmol/L"): Decimal("0.0555"),
    ("{breaths}/min", "/min"): Decimal(1),
    ("{beats}/min", "/min"): Decimal(1),
    ("{steps}/(24.h)", "{steps}/d"): Decimal(1),
    ("{steps}", "{steps}/d"): Decimal(1),
    ("1/d", "{steps}/d"): Decimal(1),
    ("/d", "{steps}/d"): Decimal(1),
    ("1", "{steps}/d"): Decimal(1),
    ("1", "{score}"): Decimal(1),
}


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: the code of the value, how it is called, and whether a line joins its values."""

    code: str
    name: str
    has_line: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of measurement; ``span_min`` keeps the chart from making a storm of a ripple.

    ``is_pair``: one measurement has a value of each series. Otherwise it has one value, of the first series that fits.
    ``is_daily``: it is about a day, not about a moment.
    """

    key: str
    name: str
    icon: str
    codes: tuple[tuple[str, str], ...]
    series: tuple[Series, ...]
    unit: str
    span_min: Decimal
    is_pair: bool = False
    is_daily: bool = False

    @property
    def search(self) -> str:
        """Return the value of the search parameter ``code`` that finds this kind."""
        return ",".join(f"{system}|{code}" for system, code in self.codes)


KINDS = (
    Kind(
        "blood-pressure",
        marked("Blood pressure"),
        "heart",
        ((LOINC, "85354-9"),),
        (Series("8480-6", marked("Upper pressure")), Series("8462-4", marked("Lower pressure"))),
        "mm[Hg]",
        Decimal(60),
        is_pair=True,
    ),
    Kind(
        "weight",
        marked("Weight"),
        "scale",
        ((LOINC, "29463-7"),),
        (Series("29463-7", marked("Weight")),),
        "kg",
        Decimal(6),
    ),
    Kind(
        "glucose",
        marked("Blood glucose"),
        "drop",
        ((LOINC, "14743-9"), (LOINC, "14760-3"), (LOINC, "14770-2")),
        (
            Series("14770-2", marked("Before breakfast")),
            Series("14760-3", marked("After a meal"), has_line=False),
            Series("14743-9", marked("Other moments"), has_line=False),
        ),
        "mmol/L",
        Decimal(6),
    ),
    Kind(
        "oxygen-saturation",
        marked("Oxygen in the blood"),
        "lungs",
        ((LOINC, "59408-5"), (LOINC, "2708-6")),
        (Series("59408-5", marked("Oxygen saturation")),),
        "%",
        Decimal(8),
    ),
    Kind(
        "heart-rate",
        marked("Heart rate"),
        "pulse",
        ((LOINC, "8867-4"), (LOINC, "8893-0")),
        (Series("8867-4", marked("Heart rate")),),
        "/min",
        Decimal(30),
    ),
    Kind(
        "temperature",
        marked("Temperature"),
        "thermometer",
        ((LOINC, "8310-5"),),
        (Series("8310-5", marked("Temperature")),),
        "Cel",
        Decimal(3),
    ),
    Kind(
        "respiration",
        marked("Breathing"),
        "breath",
        ((SNOMED, "422834003"), (LOINC, "9279-1")),
        (Series("9279-1", marked("Breathing rate")),),
        "/min",
        Decimal(12),
    ),
    Kind(
        "height",
        marked("Height"),
        "ruler",
        ((LOINC, "8302-2"),),
        (Series("8302-2", marked("Height")),),
        "cm",
        Decimal(10),
    ),
    Kind(
        "steps",
        marked("Steps"),
        "steps",
        ((LOINC, "41950-7"), (LOINC, "55423-8")),
        (Series("41950-7", marked("Steps")),),
        "{steps}/d",
        Decimal(4000),
        is_daily=True,
    ),
    Kind(
        "peak-flow",
        marked("Peak flow"),
        "breath",
        ((LOINC, "19935-6"),),
        (Series("19935-6", marked("Peak flow")),),
        "L/min",
        Decimal(150),
    ),
    Kind(
        "waist",
        marked("Waist"),
        "ruler",
        ((LOINC, "8280-0"),),
        (Series("8280-0", marked("Waist")),),
        "cm",
        Decimal(10),
    ),
    Kind(
        "pain",
        marked("Pain"),
        "pain",
        ((SNOMED, "225908003"),),
        (Series("225908003", marked("Pain, from 0 to 10")),),
        "{score}",
        Decimal(10),
    ),
)
BY_KEY = {kind.key: kind for kind in KINDS}

_PLACES = {
    code: place
    for place, kind in reversed(list(enumerate(KINDS)))
    for code in (*kind.codes, *((LOINC, series.code) for series in kind.series))
}
"""The place of a kind in ``KINDS`` by each of its codes; of two that share one, the first."""

MOMENTS = {
    "14770-2": marked("before breakfast"),
    "14760-3": marked("two hours after a meal"),
    "ACM": marked("before breakfast"),
    "PCM": marked("after breakfast"),
    "ACD": marked("before lunch"),
    "PCD": marked("after lunch"),
    "ACV": marked("before dinner"),
    "PCV": marked("after dinner"),
    "HS": marked("before the night"),
    "WAKE": marked("on getting up"),
    "NIGHT": marked("in the night"),
}
"""When a glucose value was measured: by its LOINC code, or by the event-timing extension, which is more exact."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement: a value for each series of its kind (None where it has none), in the kind's unit.

    ``is_half`` says that its ``resource``, the Observation of ``release`` (None where that was not asked), has one value of a pair.
    What few are asked for is read when it is.
    """

    at: datetime
    values: tuple[Decimal | None, ...]
    is_half: bool = False
    resource: Tree = field(default_factory=dict, compare=False)
    release: Release | None = field(default=None, compare=False)

    @property
    def place(self) -> str:
        """Return the path below its kind at which it is corrected; empty without its release."""
        return f"{self.release.path}/{self.source}" if self.release and self.source else ""

    @property
    def moment(self) -> str:
        """Return the English text of ``MOMENTS`` that says when of a day it was, or an empty one."""
        timing = extension(self.resource, "observation-eventTiming")
        if timing is not None:
            event = timing.get("valueCodeableConcept") or (extension(timing, "code") or {}).get("valueCodeableConcept")
            code = timing.get("valueCode") or next((code for _, code in codes(event)), "")
            if code in MOMENTS:
                return MOMENTS[code]
        own = sorted(codes(self.resource.get("code")))
        return next((MOMENTS[code] for _, code in own if code in MOMENTS), "")

    @property
    def by(self) -> str:
        """Return who measured, empty for the person."""
        performers = listed(self.resource.get("performer"))
        return named([one for one in performers if "Patient/" not in one.get("reference", "Patient/")])

    @property
    def note(self) -> str:
        """Return what was written with it."""
        remark = " ".join(note["text"] for note in self.resource.get("note", []) if note.get("text"))
        return str(self.resource.get("comment") or remark or "")

    @property
    def source(self) -> str:
        """Return the id of the Observation."""
        return str(self.resource.get("id", ""))

    @property
    def is_own(self) -> bool:
        """Return whether the person may correct it, which half a pair has no form for."""
        return not self.is_half and is_own(self.resource)


@dataclass(frozen=True, slots=True)
class Target:
    """A range to be in; None is an open end. Equal ends are a value to reach."""

    low: Decimal | None
    high: Decimal | None
    goal: str

    def side(self, value: Decimal) -> int:
        """Return 0 inside the range (ends included), -1 below, 1 above."""
        if self.low is not None and value < self.low:
            return -1
        return 1 if self.high is not None and value > self.high else 0


def converted(value: Decimal, unit: str, wanted: str) -> Decimal | None:
    """Return ``value`` in the unit ``wanted``, rounded to a tenth if it had to be changed; None if they do not compare."""
    if unit == wanted:
        return value
    if (unit, wanted) == ("[degF]", "Cel"):
        return ((value - 32) * 5 / 9).quantize(Decimal("0.1"))
    factor = _FACTORS.get((unit, wanted))
    if factor is None:
        return None
    return value if factor == 1 else (value * factor).quantize(Decimal("0.1"))


def units_of(kind: Kind) -> list[tuple[str, Decimal]]:
    """Return the units whose values can be told in that of a kind, each with its factor, its own first."""
    return [
        (kind.unit, Decimal(1)),
        *((unit, factor) for (unit, wanted), factor in _FACTORS.items() if wanted == kind.unit),
    ]


def kind_of(resource: Tree) -> Kind | None:
    """Return the kind that an Observation is of, None if it has no page; one value of a pair is of the kind of the pair."""
    return _kind(codes(resource.get("code")))


def _kind(coded: frozenset[tuple[str, str]]) -> Kind | None:
    places = [_PLACES[code] for code in coded if code in _PLACES]
    return KINDS[min(places)] if places else None


def _values(kind: Kind, resource: Tree, own: Collection[str]) -> tuple[Decimal | None, ...]:
    parts = {
        coding.get("code"): component
        for component in resource.get("component", ())
        for coding in component.get("code", {}).get("coding", ())
    }
    found: list[Decimal | None] = []
    for series in kind.series:
        is_whole = len(kind.series) == 1 or series.code in own
        part = parts.get(series.code) or (resource if is_whole else {})
        measured = amount(part.get("valueQuantity"))
        is_taken = not kind.is_pair and found.count(None) < len(found)
        found.append(converted(*measured, kind.unit) if measured and not is_taken else None)
    return tuple(found)


def measurements_of(
    kind: Kind, resources: Iterable[Tree], zone: ZoneInfo, releases: Iterable[Release | None] = repeat(None)
) -> list[Measurement]:
    """Return the measurements of one kind, oldest first; ``releases`` has that of each resource, where it matters.

    One that came in twice, such as in both releases, is shown once: the same business identifier is the same measurement.
    The values of a pair that came one by one, as a practice sends a blood pressure, are put together again.
    """
    found: list[Measurement] = []
    seen: set[tuple[str, str]] = set()
    for resource, release in zip(resources, releases, strict=False):
        coded = codes(resource.get("code"))
        if resource.get("status") in WRONG or _kind(coded) is not kind:
            continue
        identifiers = {
            (one.get("system", ""), one["value"]) for one in resource.get("identifier", ()) if "value" in one
        }
        values = _values(kind, resource, {code for _, code in coded})
        at = effective(resource, zone)
        if at is None or not seen.isdisjoint(identifiers) or values.count(None) == len(values):
            continue
        seen |= identifiers
        found.append(Measurement(at, values, kind.is_pair and None in values, resource, release))
    return _paired(sorted(found, key=lambda one: one.at))


def by_kind(resources: Iterable[Tree], zone: ZoneInfo) -> dict[str, list[Measurement]]:
    """Return the measurements of each kind that has any, by its key, in the order of ``KINDS``."""
    groups: dict[str, list[Tree]] = {}
    for resource in resources:
        kind = kind_of(resource)
        if kind is not None:
            groups.setdefault(kind.key, []).append(resource)
    found = ((kind.key, measurements_of(kind, groups.get(kind.key, ()), zone)) for kind in KINDS)
    return {key: measured for key, measured in found if measured}


def _paired(measured: list[Measurement]) -> list[Measurement]:
    """Return the measurements, with those that complete each other (same instant, same measurer) as one."""
    found: list[Measurement] = []
    for one in measured:
        last = found[-1] if found else None
        if (
            last
            and last.at == one.at
            and last.by == one.by
            and not any(
                mine is not None and other is not None for mine, other in zip(last.values, one.values, strict=True)
            )
        ):
            both = zip(last.values, one.values, strict=True)
            found[-1] = replace(last, values=tuple(mine if mine is not None else other for mine, other in both))
        else:
            found.append(one)
    return found


def is_open_goal(goal: Tree) -> bool:
    """Return whether a Goal still counts."""
    return (goal.get("lifecycleStatus") or goal.get("status") or "active") not in _CLOSED_GOALS


def target_of(target: Tree, unit: str, goal: str) -> Target | None:
    """Return one Goal.target in ``unit``; None if it is no number, or of a unit that does not compare."""
    if bounds := target.get("detailRange"):
        ends = [amount(bounds.get("low")), amount(bounds.get("high"))]
        low, high = (converted(*end, unit) if end else None for end in ends)
        return Target(low, high, goal) if low is not None or high is not None else None
    quantity = target.get("detailQuantity") or {}
    measured = amount(quantity)
    value = converted(*measured, unit) if measured else None
    if value is None:
        return None
    comparator = quantity.get("comparator", "")
    return Target(None if "<" in comparator else value, None if ">" in comparator else value, goal)


def targets_of(kind: Kind, goals: Iterable[Tree]) -> tuple[Target | None, ...]:
    """Return the target of each series of ``kind`` in the open goals; the first goal that has one counts.

    What a person wants for themselves counts where nothing was agreed.
    """
    found: dict[str, Target] = {}
    alike = {code for _, code in kind.codes} if len(kind.series) == 1 else set()
    for goal in sorted(goals, key=own_plan.is_own):
        if not is_open_goal(goal):
            continue
        for part in listed(goal.get("target")):
            for series in kind.series:
                target = target_of(part, kind.unit, words(goal.get("description")))
                if target and series.code not in found and has_code(part.get("measure"), series.code, *alike):
                    found[series.code] = target
    return tuple(found.get(series.code) for series in kind.series)
