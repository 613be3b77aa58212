"""The GP summary as a person reads it: problems, allergies, what was done, contacts, vaccinations; pure.

Laboratory results are in ``results.py``.
"""

from collections.abc import Iterable, Mapping
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
    plain,
    referred,
    words,
)

NO_ALLERGIES = ("716186003", "no-known-allergies")
"""SNOMED CT and HL7: it is known that there are none."""

_NOT_TRUE = frozenset({"entered-in-error", "refuted"})
_OPEN = frozenset({"active", "recurrence", "relapse", ""})
_LINES, _FOR_THE_PERSON = frozenset({"S", "O", "E", "P"}), frozenset({"E", "P"})
"""Lines of a GP's report, and those that a person reads; S and O are the GP's own notes (MedMij GP data 2.0)."""


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
    """A contact with who gives care: the lines of its report that are for the person, and the names of the problems it was about."""

    on: date | None
    what: str
    who: str
    lines: tuple[tuple[str, str], ...]
    about: tuple[str, ...] = ()


def _code(resource: Tree, element: str) -> str:
    """Return a status: a code in STU3, a CodeableConcept in R4; empty if there is none."""
    status = resource.get(element, "")
    if isinstance(status, str):
        return status
    return next((code for system, code in sorted(codes(status)) if "hl7" in system), "")


def problems(conditions: Iterable[Tree], episodes: Iterable[Tree]) -> list[ProblemView]:
    """Return the problems, open ones first; the same problem in both releases, or also as an episode, is shown once."""
    found: dict[str, ProblemView] = {}
    conditions = [*conditions]
    names = problem_names(conditions, ())
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
        name = _episode_name(episode, names)
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
    """Return the ``most`` latest operations and examinations that were done; in STU3 ``notDone`` says that one was not."""
    found = [
        one
        for one in procedures
        if one.get("status") == "completed" and not one.get("notDone") and words(one.get("code"))
    ]
    views = []
    for one in newest_first(found, "performedDateTime", "performedPeriod")[:most]:
        when = one.get("performedDateTime") or (one.get("performedPeriod") or {}).get("start")
        performers = [part.get("actor") for part in one.get("performer", []) if part.get("actor")]
        outcome = words(one.get("outcome")) or " ".join(
            note["text"] for note in one.get("note", []) if note.get("text")
        )
        why = words(one.get("reasonCode")) or named(one.get("reasonReference"))
        views.append(DoneView(words(one.get("code")), day_of(when), named(performers), why, outcome))
    return views


def contacts(
    compositions: Iterable[Tree],
    lines: Iterable[Tree],
    encounters: Iterable[Tree] = (),
    names: Mapping[str, str] | None = None,
    most: int = 50,
) -> list[ContactView]:
    """Return the newest contacts, with their report where there is one; ``lines`` are Observations that its sections refer to.

    ``names`` are those of problems by ``Type/id``. A line that is not for the person is never shown, whatever the practice sent.
    """
    texts = {f"Observation/{line['id']}": str(line["valueString"]) for line in lines if "valueString" in line}
    known, reported = {own_name(one): one for one in encounters}, set[str]()
    found = []
    for composition in compositions:
        shown = []
        for section in composition.get("section", []):
            letters = {code for _, code in codes(section.get("code"))} & _FOR_THE_PERSON
            texts_of = [texts[one] for entry in section.get("entry", []) for one in referred(entry) if one in texts]
            text = " ".join(texts_of) or plain(section.get("text"))
            is_line = {code for _, code in codes(section.get("code"))} & _LINES
            if text and (letters or not is_line):
                shown.append((str(section.get("title") or words(section.get("code"))), text))
        held = [known[one] for one in referred(composition.get("encounter")) if one in known]
        reported |= {own_name(one) for one in held}
        entries = [entry for section in composition.get("section", []) for entry in section.get("entry", [])]
        about = _about([*entries, *(one for encounter in held for one in _reasons(encounter))], names or {})
        what = next((_way(one) for one in held), "") or words(composition.get("type"))
        who = named(listed(composition.get("author")))
        found.append(ContactView(day_of(composition.get("date")), what, who, tuple(shown), about))
    for name, encounter in known.items():
        if name in reported or encounter.get("status") in ("entered-in-error", "cancelled"):
            continue
        workers = [part.get("individual") for part in encounter.get("participant", []) if part.get("individual")]
        who = named(workers) or named(encounter.get("serviceProvider"))
        why = words(encounter.get("reason") or encounter.get("reasonCode"))
        about = _about(_reasons(encounter), names or {})
        lines_of = (("", why),) if why and why not in about else ()
        on = day_of((encounter.get("period") or {}).get("start"))
        found.append(ContactView(on, _way(encounter), who, lines_of, about))
    return sorted(found, key=lambda one: one.on or date.min, reverse=True)[:most]


def by_problem(found: Iterable[ContactView]) -> dict[str, list[ContactView]]:
    """Return the contacts by the names of the problems that they were about."""
    sorted_out: dict[str, list[ContactView]] = {}
    for one in found:
        for name in one.about:
            sorted_out.setdefault(name, []).append(one)
    return sorted_out


def problem_names(conditions: Iterable[Tree], episodes: Iterable[Tree]) -> dict[str, str]:
    """Return the names of problems by ``Type/id``, as ``problems`` shows them."""
    found = {own_name(one): words(one.get("code")) for one in conditions}
    return found | {own_name(one): _episode_name(one, found) for one in episodes}


def _episode_name(episode: Tree, known: Mapping[str, str]) -> str:
    ills = [part["condition"] for part in episode.get("diagnosis", []) if "condition" in part]
    title = extension(episode, "EpisodeOfCare-Title") or {}
    by_reference = next((known[one] for one in referred(ills) if known.get(one)), "")
    return by_reference or str(title.get("valueString") or named(ills) or words(episode.get("type")))


def _reasons(encounter: Tree) -> list[Tree]:
    """Return the references from a contact to what it was about."""
    ills = [part["condition"] for part in encounter.get("diagnosis", []) if "condition" in part]
    return [*ills, *listed(encounter.get("reasonReference")), *listed(encounter.get("episodeOfCare"))]


def _about(references: Iterable[Tree], names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the problems among what is referred to, each once."""
    kinds = ("Condition/", "EpisodeOfCare/")
    found = [(one, target) for one in references for target in referred(one) if target.startswith(kinds)]
    return tuple(dict.fromkeys(name for one, target in found if (name := names.get(target) or named(one))))


def _way(encounter: Tree) -> str:
    """Return how a contact was: the words of its type, or else of its class, a Coding in both releases."""
    act = encounter.get("class") or {}
    return words(encounter.get("type")) or str(act.get("display", ""))


def vaccinations(resources: Iterable[Tree]) -> list[tuple[str, date | None]]:
    """Return name and day of each vaccination that was given, newest first."""
    given = [one for one in resources if one.get("status") == "completed" and not one.get("notGiven")]
    return [
        (words(one.get("vaccineCode")), day_of(one.get("date") or one.get("occurrenceDateTime")))
        for one in newest_first(given, "date", "occurrenceDateTime")
    ]
