"""The GP summary as a person reads it: problems, allergies, laboratory results, contacts, vaccinations; pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.fhir.elements import (
    Tree,
    amount,
    codes,
    day_of,
    effective,
    extension,
    has_code,
    listed,
    named,
    newest_first,
    own_name,
    referred,
    words,
)
from app.portal.formats import quantity
from app.portal.kinds import WRONG, kind_of
from app.portal.language import Language

LABORATORY = ("49581000146104", "laboratory")
_OPEN = frozenset({"active", "recurrence", "relapse", ""})
_FOR_THE_PERSON = frozenset({"E", "P"})
"""Lines of a GP's report that a person reads; S and O are the GP's own notes (MedMij GP data 2.0)."""


@dataclass(frozen=True, slots=True)
class ProblemView:
    """A problem; ``until`` None while it lasts."""

    name: str
    since: date | None
    until: date | None
    note: str
    is_open: bool
    source: str = field(default="", compare=False)
    """``Type/id`` of where it comes from."""


@dataclass(frozen=True, slots=True)
class AllergyView:
    """What somebody does not tolerate, how the body reacts, and whether it is dangerous."""

    name: str
    reaction: str
    note: str
    is_severe: bool
    since: date | None
    source: str = field(default="", compare=False)
    """``Type/id`` of where it comes from."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """One test with its newest result and those before; ``state`` is 0 inside its reference range, -1 below, 1 above."""

    name: str
    value: str
    on: date
    normal: str
    state: int | None
    earlier: tuple[tuple[date, str], ...]


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact with the practice, with the lines of its report that are for the person."""

    on: date | None
    what: str
    who: str
    lines: tuple[tuple[str, str], ...]


def _code(resource: Tree, element: str) -> str:
    """Return a status: a code in STU3, a CodeableConcept in R4; empty if there is none."""
    status = resource.get(element, "")
    if isinstance(status, str):
        return status
    return next((code for system, code in sorted(codes(status)) if "hl7" in system), "")


def problems(conditions: Iterable[Tree], episodes: Iterable[Tree]) -> list[ProblemView]:
    """Return the problems, open ones first; the same problem in both releases, or also as an episode, is shown once."""
    found: dict[str, ProblemView] = {}
    for condition in conditions:
        if _code(condition, "verificationStatus") == "entered-in-error":
            continue
        view = ProblemView(
            words(condition.get("code")),
            day_of(condition.get("onsetDateTime")),
            day_of(condition.get("abatementDateTime")),
            " ".join(note["text"] for note in condition.get("note", []) if note.get("text")),
            _code(condition, "clinicalStatus") in _OPEN,
            own_name(condition),
        )
        known = found.get(view.name)
        if view.name and (known is None or (view.note and not known.note)):
            found[view.name] = view
    for episode in episodes:
        title = extension(episode, "EpisodeOfCare-Title") or {}
        name = str(title.get("valueString") or named([part["condition"] for part in episode.get("diagnosis", [])]))
        if name and name not in found and episode.get("status") not in ("entered-in-error", "cancelled"):
            period = episode.get("period") or {}
            found[name] = ProblemView(
                name,
                day_of(period.get("start")),
                day_of(period.get("end")),
                "",
                episode.get("status") == "active",
                own_name(episode),
            )
    return sorted(found.values(), key=lambda one: (not one.is_open, -(one.since or date.min).toordinal()))


def allergies(resources: Iterable[Tree]) -> list[AllergyView]:
    """Return the allergies and intolerances that still hold, dangerous ones first."""
    found: dict[str, AllergyView] = {}
    for resource in resources:
        if _code(resource, "clinicalStatus") not in _OPEN or _code(resource, "verificationStatus") in (
            "entered-in-error",
            "refuted",
        ):
            continue
        reactions = [reaction for reaction in resource.get("reaction", []) if reaction.get("manifestation")]
        view = AllergyView(
            words(resource.get("code")),
            ", ".join(words(one) for reaction in reactions for one in reaction["manifestation"]),
            " ".join(note["text"] for note in resource.get("note", []) if note.get("text")),
            resource.get("criticality") == "high" or any(one.get("severity") == "severe" for one in reactions),
            day_of(resource.get("onsetDateTime") or resource.get("assertedDate") or resource.get("recordedDate")),
            own_name(resource),
        )
        found.setdefault(view.name, view)
    return sorted(found.values(), key=lambda one: (not one.is_severe, one.name.casefold()))


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
    """Return the laboratory results, one row per test, the most recent test first."""
    tests: dict[str, list[tuple[datetime, Tree]]] = {}
    for resource in observations:
        at = effective(resource, zone)
        is_laboratory = has_code(resource.get("category"), *LABORATORY) and kind_of(resource) is None
        if is_laboratory and at and resource.get("status") not in WRONG:
            tests.setdefault(words(resource.get("code")), []).append((at, resource))
    found = []
    for name, every in tests.items():
        every.sort(key=lambda one: one[0], reverse=True)
        at, newest = every[0]
        measured = amount(newest.get("valueQuantity"))
        normal, low, high = normal_range(newest, language)
        state = None
        if measured and (low is not None or high is not None):
            state = -1 if low is not None and measured[0] < low else 1 if high is not None and measured[0] > high else 0
        earlier = tuple((moment.date(), _value(resource, language, with_unit=False)) for moment, resource in every[1:4])
        found.append(ResultView(name, _value(newest, language), at.date(), normal, state, earlier))
    return sorted(found, key=lambda one: (-one.on.toordinal(), one.name.casefold()))


def _value(resource: Tree, language: Language, *, with_unit: bool = True) -> str:
    measured = amount(resource.get("valueQuantity"))
    if measured:
        return quantity(measured[0], measured[1] if with_unit else "", language)
    return str(resource.get("valueString") or words(resource.get("valueCodeableConcept")))


def contacts(compositions: Iterable[Tree], lines: Iterable[Tree], most: int = 10) -> list[ContactView]:
    """Return the newest contacts that have a report; ``lines`` are Observations that its sections refer to.

    A line that is not for the person is never shown, whatever the practice sent.
    """
    texts = {f"Observation/{line['id']}": str(line["valueString"]) for line in lines if "valueString" in line}
    found = []
    for composition in newest_first(compositions, "date")[:most]:
        shown = []
        for section in composition.get("section", []):
            letters = {code for _, code in codes(section.get("code"))} & _FOR_THE_PERSON
            texts_of = [texts[one] for entry in section.get("entry", []) for one in referred(entry) if one in texts]
            if letters and texts_of:
                shown.append((str(section.get("title") or words(section.get("code"))), " ".join(texts_of)))
        what = words(composition.get("type"))
        found.append(
            ContactView(day_of(composition.get("date")), what, named(listed(composition.get("author"))), tuple(shown))
        )
    return found


def vaccinations(resources: Iterable[Tree]) -> list[tuple[str, date | None]]:
    """Return name and day of each vaccination that was given, newest first."""
    given = [one for one in resources if one.get("status") == "completed" and not one.get("notGiven")]
    return [
        (words(one.get("vaccineCode")), day_of(one.get("date") or one.get("occurrenceDateTime")))
        for one in newest_first(given, "date", "occurrenceDateTime")
    ]
