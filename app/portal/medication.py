"""The medication overview as a person reads it: what is used now, what is planned, what was stopped; pure.

Building blocks of the Dutch medication process (R4 and STU3) are brought together per treatment: the agreement with the
prescriber, that with the pharmacy, and what the person says to use. Requests to dispense and dispenses are no agreements.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from app.fhir.elements import Tree, amount, day_of, extension, has_code, listed, named, own_name, referred, words
from app.fhir.summary.medicines import period_of_use
from app.portal.formats import quantity
from app.portal.language import Language
from app.portal.schedule import timing_in_words

NO_AGREEMENT = ("52711000146108", "373784005")
"""SNOMED CT: request to dispense, dispense."""

_STOPPED = frozenset({"stopped", "cancelled", "completed", "not-taken", "on-hold", "declined", "abandoned"})
_IGNORED = frozenset({"entered-in-error", "draft", "unknown"})


class State(StrEnum):
    """Where an agreement is in time."""

    NOW = "now"
    PLANNED = "planned"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One building block: how to use a medicine in a period. ``rank`` 0 is what the person says, 1 pharmacy, 2 prescriber."""

    treatment: str
    name: str
    how: str
    why: str
    by: str
    note: str
    start: date | None
    end: date | None
    made: date | None
    status: str
    rank: int
    is_stop: bool
    source: str = field(default="", compare=False)
    """``Type/id`` of where it comes from."""

    def state(self, today: date) -> State:
        """Return whether it holds on ``today``; its last day counts."""
        if self.start and self.start > today and self.status not in _STOPPED:
            return State.PLANNED
        if self.status in _STOPPED or (self.end and self.end < today):
            return State.STOPPED
        return State.NOW


@dataclass(frozen=True, slots=True)
class Medicine:
    """One treatment on the page; ``next_how`` is what is agreed from ``next_start`` on, empty if nothing changes."""

    name: str
    how: str
    why: str
    by: str
    note: str
    start: date | None
    end: date | None
    next_how: str = ""
    next_start: date | None = None
    source: str = field(default="", compare=False)
    """``Type/id`` of the agreement that is shown."""


def _how(resource: Tree, language: Language) -> str:
    rendered = extension(resource, "ext-RenderedDosageInstruction")
    if rendered and rendered.get("valueString"):
        return str(rendered["valueString"])
    found = []
    for dosage in listed(resource.get("dosageInstruction")) or listed(resource.get("dosage")):
        dose = next(iter(dosage.get("doseAndRate", [])), dosage)
        measured = amount(dose.get("doseQuantity"))
        unit = str((dose.get("doseQuantity") or {}).get("unit", ""))
        built = [
            quantity(measured[0], unit, language) if measured else "",
            timing_in_words(dosage.get("timing"), language),
        ]
        found.append(dosage.get("text") or ", ".join(part for part in built if part))
    return "; ".join(part for part in found if part)


def _period(resource: Tree) -> Tree:
    return period_of_use(resource) or {"start": resource.get("effectiveDateTime") or resource.get("authoredOn")}


def _treatment(resource: Tree) -> str:
    for name in ("ext-PharmaceuticalTreatment.Identifier", "zib-Medication-MedicationTreatment"):
        if found := extension(resource, name):
            identifier = found.get("valueIdentifier", {})
            return f"{identifier.get('system', '')}|{identifier.get('value', '')}"
    return ""


def agreement_of(resource: Tree, products: dict[str, str], language: Language) -> Agreement | None:
    """Return what a medication resource says, None if it is no agreement. ``products``: ``Medication/id`` to name."""
    if resource.get("status") in _IGNORED or has_code(resource.get("category"), *NO_AGREEMENT):
        return None
    is_use = resource["resourceType"] == "MedicationStatement"
    is_pharmacy = resource["resourceType"] == "MedicationDispense"
    if is_pharmacy and not has_code(resource.get("category"), "422037009"):
        return None
    reference = resource.get("medicationReference")
    known = next((products[one] for one in referred(reference) if one in products), "")
    name = words(resource.get("medicationCodeableConcept")) or named(reference) or known
    period = _period(resource)
    notes = " ".join(note["text"] for note in resource.get("note", []) if note.get("text"))
    why = next((str(reason["text"]) for reason in listed(resource.get("reasonCode")) if reason.get("text")), "")
    requester = resource.get("requester") or {}
    stop = extension(resource, "ext-StopType") or extension(resource, "zib-Medication-StopType")
    made = resource.get("authoredOn") or resource.get("dateAsserted") or resource.get("whenHandedOver")
    return Agreement(
        treatment=_treatment(resource) or name,
        name=name,
        how=_how(resource, language),
        why=why or named(resource.get("reasonReference")),
        by=named(requester.get("agent", requester)),
        note=notes,
        start=day_of(period.get("start")),
        end=day_of(period.get("end")),
        made=day_of(made),
        status=str(resource.get("status", "")),
        rank=0 if is_use else 1 if is_pharmacy else 2,
        is_stop=stop is not None and not is_use,
        source=own_name(resource),
    )


def overview(agreements: Iterable[Agreement], today: date) -> dict[State, list[Medicine]]:
    """Return the treatments by state, each list by name (what was stopped: the latest first)."""
    treatments: dict[str, list[Agreement]] = {}
    for agreement in agreements:
        treatments.setdefault(agreement.treatment, []).append(agreement)
    found: dict[State, list[Medicine]] = {state: [] for state in State}
    for every in treatments.values():
        state, medicine = _medicine(every, today)
        found[state].append(medicine)
    for state, medicines in found.items():
        if state is State.STOPPED:
            medicines.sort(key=lambda one: one.end or date.min, reverse=True)
        else:
            medicines.sort(key=lambda one: one.name.casefold())
    return found


def _medicine(every: list[Agreement], today: date) -> tuple[State, Medicine]:
    stops = [one for one in every if one.is_stop]
    blocks = [_ended(one, stops) for one in every if not one.is_stop] or every
    by_state: dict[State, list[Agreement]] = {state: [] for state in State}
    for block in sorted(blocks, key=lambda one: one.start or date.min, reverse=True):
        by_state[block.state(today)].append(block)
    state = next(state for state in State if by_state[state])
    shown = by_state[state]
    if state is State.PLANNED:
        shown = shown[::-1]
    best = min(shown, key=lambda one: one.rank) if state is State.NOW else shown[0]
    why = next((one.why for one in every if one.why), "")
    notes = [one.note for one in stops or shown if one.note and not (why and why.casefold() in one.note.casefold())]
    coming = [one for one in reversed(by_state[State.PLANNED]) if one.how != best.how] if state is State.NOW else []
    return state, Medicine(
        name=best.name,
        how=best.how,
        why=why,
        by=next((one.by for one in shown if one.by), ""),
        note=next(iter(notes), ""),
        start=min((one.start for one in shown if one.start), default=None),
        end=max((one.end for one in shown if one.end), default=None) if state is State.STOPPED else best.end,
        next_how=coming[0].how if coming else "",
        next_start=coming[0].start if coming else None,
        source=best.source,
    )


def _ended(block: Agreement, stops: list[Agreement]) -> Agreement:
    """Return ``block`` with the end that a stop of its treatment gave it; a later agreement is not touched by it."""
    for stop in stops:
        last = stop.end or stop.made
        began_before = not (block.made and stop.made and block.made > stop.made)
        if last and began_before and (block.end is None or block.end > last):
            block = replace(block, end=last)
    return block
