"""Laboratory results as a person reads them: the newest of each test beside what is normal, and its course; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.fhir.elements import Tree, amount, codes, effective, has_code, words
from app.portal.chart import Band, Dot, Scale, drawn
from app.portal.formats import day, quantity
from app.portal.kinds import WRONG, kind_of
from app.portal.language import Language

LABORATORY = ("49581000146104", "laboratory")
SHOWN_MAX = 12
"""Results of one test that are shown, and drawn."""

_BELOW, _NORMAL, _ABOVE = frozenset({"L", "LL", "<"}), frozenset({"N"}), frozenset({"H", "HH", ">"})
"""Codes of v3 ObservationInterpretation, which are those of v2 table 0078 too."""


@dataclass(frozen=True, slots=True)
class Course:
    """A small chart: the line as points in a square of 1000, its dots, what is normal, and all of it in words."""

    line: str
    dots: tuple[Dot, ...]
    normal: Band | None
    said: str


@dataclass(frozen=True, slots=True)
class OneResult:
    """One result of a test; ``state`` is 0 inside what is normal for it, -1 below, 1 above, None where that is not known."""

    on: date
    value: str
    state: int | None


@dataclass(frozen=True, slots=True)
class ResultView:
    """One test: its results, the newest first, what is normal in words (or empty), how it changed, and its course.

    ``has_more`` is whether there are earlier results that are not shown.
    """

    name: str
    results: tuple[OneResult, ...]
    normal: str
    change: str
    course: Course | None
    has_more: bool

    @property
    def newest(self) -> OneResult:
        """Return the newest result."""
        return self.results[0]


def normal_range(resource: Tree, language: Language) -> tuple[str, Decimal | None, Decimal | None]:
    """Return the reference range in words, empty if there is none, and its ends."""
    bounds: Tree = next(iter(resource.get("referenceRange", [])), {})
    low, high = amount(bounds.get("low")), amount(bounds.get("high"))
    if low and high:
        text = language.gettext("%(low)s to %(high)s") % {
            "low": quantity(low[0], "", language),
            "high": quantity(high[0], "", language),
        }
    elif high:
        text = language.gettext("at most %(value)s") % {"value": quantity(high[0], "", language)}
    elif low:
        text = language.gettext("at least %(value)s") % {"value": quantity(low[0], "", language)}
    else:
        text = str(bounds.get("text", ""))
    return text, low[0] if low else None, high[0] if high else None


def results(observations: Iterable[Tree], zone: ZoneInfo, language: Language) -> list[ResultView]:
    """Return the laboratory results, one entry per test, the most recent test first."""
    tests: dict[str, list[tuple[datetime, Tree]]] = {}
    for resource in observations:
        at = effective(resource, zone)
        is_laboratory = has_code(resource.get("category"), *LABORATORY) and kind_of(resource) is None
        if is_laboratory and at and resource.get("status") not in WRONG:
            tests.setdefault(words(resource.get("code")), []).append((at, resource))
    found = []
    for name, every in tests.items():
        every.sort(key=lambda one: one[0], reverse=True)
        shown = every[:SHOWN_MAX]
        found.append(
            ResultView(
                name,
                tuple(OneResult(at.date(), _value(one, language), _state(one)) for at, one in shown),
                normal_range(shown[0][1], language)[0],
                _change(shown, language),
                _course(shown, language),
                has_more=len(every) > SHOWN_MAX,
            )
        )
    return sorted(found, key=lambda one: (-one.newest.on.toordinal(), one.name.casefold()))


def _value(resource: Tree, language: Language) -> str:
    measured = amount(resource.get("valueQuantity"))
    if measured:
        return str((resource["valueQuantity"]).get("comparator", "")) + quantity(measured[0], measured[1], language)
    return str(resource.get("valueString") or words(resource.get("valueCodeableConcept")))


def _state(resource: Tree) -> int | None:
    """Return how a result lies to its own reference range; without one, what the laboratory said of it."""
    measured = amount(resource.get("valueQuantity"))
    bounds: Tree = next(iter(resource.get("referenceRange", [])), {})
    low, high = amount(bounds.get("low")), amount(bounds.get("high"))
    if measured and (low or high):
        return -1 if low and measured[0] < low[0] else 1 if high and measured[0] > high[0] else 0
    interpretation = resource.get("interpretation")
    concepts = interpretation if isinstance(interpretation, list) else [interpretation]
    said = {code for concept in concepts for _, code in codes(concept)}
    return next((sign for sign, known in ((-1, _BELOW), (1, _ABOVE), (0, _NORMAL)) if said & known), None)


def _numbers(every: Sequence[tuple[datetime, Tree]]) -> tuple[list[tuple[datetime, Decimal]], str]:
    """Return those with a number in the unit of the newest one, the newest first, and that unit."""
    measured = [(at, amount(one.get("valueQuantity"))) for at, one in every]
    unit = next((found[1] for _, found in measured if found), "")
    return [(at, found[0]) for at, found in measured if found and found[1] == unit], unit


def _change(every: Sequence[tuple[datetime, Tree]], language: Language) -> str:
    """Return how the newest number lies to the one before, empty where there are no two."""
    numbers, _ = _numbers(every)
    if len(numbers) < 2 or numbers[0][0] != every[0][0]:
        return ""
    (_, newest), (at, before) = numbers[:2]
    said = {"value": quantity(before, "", language), "day": day(at.date(), language)}
    if newest == before:
        return language.gettext("The same as on %(day)s.") % said
    if newest > before:
        return language.gettext("Higher than on %(day)s: %(value)s.") % said
    return language.gettext("Lower than on %(day)s: %(value)s.") % said


def _course(every: Sequence[tuple[datetime, Tree]], language: Language) -> Course | None:
    """Return the course of the numbers, None where there are no two at different times."""
    numbers, unit = _numbers(every)
    numbers.reverse()
    if len(numbers) < 2 or numbers[0][0] == numbers[-1][0]:
        return None
    _, low, high = normal_range(every[0][1], language)
    values = [float(value) for _, value in numbers]
    ends = [float(end) for end in (low, high) if end is not None]
    bottom, top = min([*values, *ends]), max([*values, *ends])
    room = (top - bottom) * 0.15 or 1.0
    up = Scale(top + room, bottom - room)
    across = Scale(numbers[0][0].timestamp(), numbers[-1][0].timestamp())
    dots = tuple(
        Dot(
            across.place(at.timestamp()),
            up.place(float(value)),
            f"{day(at.date(), language)}: {quantity(value, unit, language)}",
            beyond=False,
        )
        for at, value in numbers
    )
    band = None
    if ends:
        upper = up.place(float(high)) if high is not None else 0.0
        lower = up.place(float(low)) if low is not None else 100.0
        band = Band(upper, round(lower - upper, 2))
    said = language.gettext("%(count)s results: from %(first)s on %(start)s to %(last)s on %(end)s.") % {
        "count": len(numbers),
        "first": quantity(numbers[0][1], "", language),
        "start": day(numbers[0][0].date(), language),
        "last": quantity(numbers[-1][1], "", language),
        "end": day(numbers[-1][0].date(), language),
    }
    return Course(drawn([(dot.x, dot.y) for dot in dots]), dots, band, said)
