"""The GP summary as a person reads it: problems, allergies, what was done, contacts, vaccinations; pure.

Laboratory results are in ``results.py``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from app.fhir.elements import (
    Tree,
    codes,
    day_of,
    extension,
    has_code,
    listed,
    named,
    newest_first,
    own_name,
    referred,
    words,
)

NO_ALLERGIES = ("716186003", "no-known-allergies")
"""SNOMED CT and HL7: it is known that there are none."""

_NOT_TRUE = frozenset({"entered-in-error", "refuted"})
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
class DoneView:
    """An operation or examination: why, and what came of it."""

    name: str
    on: date | None
    by: str
    why: str
    outcome: str


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
        if _code(condition, "verificationStatus") in _NOT_TRUE:
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


def _holds(allergy: Tree) -> bool:
    is_open = _code(allergy, "clinicalStatus") in _OPEN
    return is_open and _code(allergy, "verificationStatus") not in _NOT_TRUE


def allergies(resources: Iterable[Tree]) -> list[AllergyView]:
    """Return the allergies and intolerances that still hold, dangerous ones first."""
    found: dict[str, AllergyView] = {}
    for resource in resources:
        if not _holds(resource) or has_code(resource.get("code"), *NO_ALLERGIES):
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


def says_no_allergies(resources: Iterable[Tree]) -> date | None:
    """Return since when it is recorded that there are no allergies; None where nobody recorded that.

    No allergies in a record can also mean that nobody asked.
    """
    said = [one for one in resources if _holds(one) and has_code(one.get("code"), *NO_ALLERGIES)]
    days = (day_of(one.get("assertedDate") or one.get("recordedDate") or one.get("onsetDateTime")) for one in said)
    return max((day or date.min for day in days), default=None)


def alerts(flags: Iterable[Tree]) -> list[str]:
    """Return what everybody who gives care has to know, each said once."""
    return list(
        dict.fromkeys(words(one.get("code")) for one in flags if one.get("status") == "active" and one.get("code"))
    )


def done(procedures: Iterable[Tree], most: int = 30) -> list[DoneView]:
    """Return the ``most`` latest operations and examinations that were done."""
    found = [one for one in procedures if one.get("status") == "completed"]
    views = []
    for one in newest_first(found, "performedDateTime", "performedPeriod")[:most]:
        when = one.get("performedDateTime") or (one.get("performedPeriod") or {}).get("start")
        performers = [part.get("actor") for part in one.get("performer", []) if part.get("actor")]
        outcome = words(one.get("outcome")) or " ".join(
            note["text"] for note in one.get("note", []) if note.get("text")
        )
        why = words(one.get("reasonCode")) or named(one.get("reasonReference"))
        views.append(DoneView(words(one.get("code")), day_of(when), named(performers), why, outcome))
    return [one for one in views if one.name]


def contacts(compositions: Iterable[Tree], lines: Iterable[Tree], most: int = 50) -> list[ContactView]:
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
