"""What of a record has no page of its own, so that nobody has data that no page shows.

``PAGE_OF`` says which types have one. What a page leaves out of its types, such as an allergy that is over, is here too; what
was entered in error is nowhere. What the record only refers to, such as who gives care, stands by its name where it counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.access.policy import DIRECTORY_TYPES
from app.consent.categorize import CORRECTION
from app.consent.fhir_consent import is_grant
from app.fhir.diary import DiaryKind
from app.fhir.elements import Tree, amount, codes, day_of, has_code, listed, person_name, plain, words
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.structure import resource_types
from app.fhir.visit import PROFILE as VISIT
from app.portal import background, results, summary
from app.portal.kinds import KINDS
from app.portal.language import Language, marked
from app.portal.measurements import codes_of
from app.portal.page import language_of, near, page
from app.portal.reading import Reading
from app.portal.wording import type_words

HERE = "/other"
SHOWN_MAX, TEXT_LENGTH_MAX = 200, 600
"""Things that are shown, the newest, and characters of one."""

PAGE_OF = {
    **dict.fromkeys("CarePlan Goal CareTeam ServiceRequest ProcedureRequest Task".split(), "/care-plan"),
    **dict.fromkeys("MedicationRequest MedicationStatement MedicationDispense Medication".split(), "/medication"),
    **dict.fromkeys(("Questionnaire", "QuestionnaireResponse"), "/questionnaires"),
    **dict.fromkeys(("DocumentReference", "Binary"), "/documents"),
    **dict.fromkeys("Condition EpisodeOfCare AllergyIntolerance Immunization Procedure Flag".split(), "/summary"),
    **dict.fromkeys("Composition Encounter FamilyMemberHistory DeviceUseStatement Device".split(), "/summary"),
}
"""Where each type is shown that has a page; an Observation is on the page of what it measures."""

LEFT_OUT: dict[str, tuple[tuple[str, str], ...]] = {
    "AllergyIntolerance": (("clinical-status:not", "active,recurrence,relapse"),),
    "Immunization": (),
    "Procedure": (),
    "Flag": (),
    "DocumentReference": (("status:not", "current"),),
}
"""Types of which a page leaves something out, and the search that finds that, or more."""

_WRONG = frozenset({"entered-in-error", "error"})
_JOURNAL = ("S", "O", "E", "P")
_NAMES = (
    "code vaccineCode codeCodeableConcept codeReference title name description type category serviceType serviceCategory "
    "medicationCodeableConcept reasonCode reason relationship topic class"
).split()
_DATES = (
    "effectiveDateTime effectivePeriod performedDateTime performedPeriod occurrenceDateTime occurrencePeriod start date dateTime "
    "authoredOn sent created recordedDate assertedDate dateAsserted issued indexed recorded period servicedDate birthDate"
).split()


_NOT_DONE, _OFF, _UNTRUE = marked("Was not done"), marked("Did not go on"), marked("Turned out not to be so")
_REFUSED, _OVER, _REPLACED = marked("Was refused"), marked("Is over"), marked("Was replaced")
_UNSURE = marked("Is not certain yet")
STATES = {
    "not-done": _NOT_DONE,
    **dict.fromkeys(("cancelled", "revoked", "abandoned", "aborted", "noshow", "failed"), _OFF),
    "refuted": _UNTRUE,
    **dict.fromkeys(("rejected", "declined"), _REFUSED),
    **dict.fromkeys(("resolved", "inactive", "stopped", "retired"), _OVER),
    **dict.fromkeys(("superseded", "replaced"), _REPLACED),
    **dict.fromkeys(("draft", "proposed", "preliminary", "registered", "pending", "unconfirmed"), _UNSURE),
}
"""What is said of a state in which something is not, or no longer, as its name says."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of the record: its name, what it says, the day, or else when it was kept, and its state where that matters."""

    name: str
    text: str
    on: date | None
    state: str = ""


@cache
def other_types(release: Release) -> tuple[str, ...]:
    """Return the types without a page of their own, of which a record can have something."""
    return tuple(sorted(resource_types(release) - NOT_KEPT - DIRECTORY_TYPES - PAGE_OF.keys() - {"Observation"}))


def thing_of(tree: Tree, language: Language) -> Thing:
    """Return any resource as people read it: by its own words, or else by its narrative."""
    name = next((said for one in _NAMES if (said := _said(tree.get(one)))), "")
    if tree["resourceType"] in ("Patient", "RelatedPerson"):
        name = person_name(tree) or name
    value = background.value_words(tree, language)
    parts = [(words(one.get("code")), background.value_words(one, language)) for one in listed(tree.get("component"))]
    told = [value, *(f"{part}: {said}" for part, said in parts if said), *background.notes(tree)]
    payload = [str(one["contentString"]) for one in listed(tree.get("payload")) if one.get("contentString")]
    told += [*payload, str(tree.get("conclusion") or "")]
    text = "; ".join(dict.fromkeys(one for one in told if one)) or plain(tree.get("text")) or _strings(tree)
    days = (tree.get(one) for one in _DATES)
    when = next((day for one in days if (day := day_of(one.get("start") if isinstance(one, dict) else one))), None)
    kept = day_of((tree.get("meta") or {}).get("lastUpdated"))
    return Thing(name, "" if text == name else text[:TEXT_LENGTH_MAX], when or kept, _state(tree, language))


def _state(tree: Tree, language: Language) -> str:
    """Return in words that something is not, or no longer, as its name says: a code, or in R4 perhaps a concept."""
    told = [tree.get(one) for one in ("verificationStatus", "status", "clinicalStatus")]
    said = ["not-done"] if tree.get("notDone") or tree.get("notGiven") else []
    for one in told:
        said += [one] if isinstance(one, str) else sorted(code for _, code in codes(one))
    return next((language.gettext(STATES[one]) for one in said if one in STATES), "")


def _said(value: Any) -> str:
    """Return an element as it is read: a text, or what a concept, a coding or a reference is called."""
    one = next(iter(listed(value)), None)
    if isinstance(one, dict):
        return words(one) or str(one.get("display") or one.get("text") or "")
    return one if isinstance(one, str) else ""


def _strings(value: Any) -> str:
    """Return all that is written in words inside a resource without a narrative."""
    found: list[str] = []

    def gather(inside: Any, key: str) -> None:
        if isinstance(inside, dict):
            measured = amount(inside) if "value" in inside and "unit" in inside else None
            if measured:
                found.append(f"{inside['value']} {inside['unit']}")
            for name, each in inside.items():
                if name not in ("meta", "identifier", "extension", "modifierExtension"):
                    gather(each, name)
        elif isinstance(inside, list):
            for each in inside:
                gather(each, key)
        elif isinstance(inside, str) and (key in _WORDED or key.lower().endswith("date")):
            found.append(inside)

    gather(value, "")
    return "; ".join(dict.fromkeys(found))


_WORDED = frozenset("display text title description name comment value line city family given reason summary".split())


def _is_shown_elsewhere(tree: Tree) -> bool:
    """Return whether a resource is wrong, a grant, or a message that has a page."""
    verified = tree.get("verificationStatus")  # a code in STU3, a concept in R4
    if tree.get("status") in _WRONG or (
        verified in _WRONG if isinstance(verified, str) else has_code(verified, *_WRONG)
    ):
        return True
    if tree["resourceType"] == "Immunization":
        return bool(summary.vaccinations([tree]))
    if tree["resourceType"] == "Procedure":
        return bool(summary.done([tree]))
    if tree["resourceType"] == "Flag":
        return bool(summary.alerts([tree]))
    if tree["resourceType"] == "Consent":
        return background.is_wish(tree) or any(is_grant(release, tree) for release in Release)
    if tree["resourceType"] == "Communication":
        is_asked = any(CORRECTION in codes(one) for one in listed(tree.get("category")))
        return VISIT in listed((tree.get("meta") or {}).get("profile")) or is_asked
    return False


def things(trees: Iterable[Tree], language: Language) -> dict[str, list[Thing]]:
    """Return what there is by the kind of data, each the newest first; what came in both releases once."""
    found: dict[str, list[Thing]] = {}
    for tree in trees:
        if not _is_shown_elsewhere(tree):
            one = thing_of(tree, language)
            lines = found.setdefault(type_words(tree["resourceType"], language), [])
            if one not in lines:
                lines.append(one)
    for lines in found.values():
        lines.sort(key=lambda one: one.on or date.min, reverse=True)
    return dict(sorted(found.items()))


def _observed_elsewhere() -> tuple[tuple[str, str], ...]:
    """Return the search of the Observations that other pages do not show; of a GP's own lines no page shows any."""
    known = [code for kind in KINDS for code in codes_of(kind).split(",")]
    known += [*background.LIFE, *DiaryKind, *_JOURNAL]
    categories = (*results.LABORATORY, *background.LIFE_CATEGORIES)
    return ("code:not", ",".join(dict.fromkeys(known))), ("category:not", ",".join(categories))


async def show_other(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page with what has no page of its own, the newest of it."""
    trees, is_cut = await reading.of_types(other_types, SHOWN_MAX)
    observed, is_more = await reading.some("Observation", SHOWN_MAX, *_observed_elsewhere())
    for name, left in LEFT_OUT.items():
        over, are_more = await reading.some(name, SHOWN_MAX, *left)
        trees, is_cut = [*trees, *over], is_cut or are_more
    found = things([*trees, *observed], language_of(request))
    return page(
        request,
        "other_data.html",
        groups=found,
        is_cut=is_cut or is_more,
        **near(request, reading.now),
        **frame,
    )
