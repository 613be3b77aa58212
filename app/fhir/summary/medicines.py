"""Which medicines somebody uses now: of each treatment, what the person says to use, or else what was agreed.

A treatment is what shares a medication treatment's identifier (the Dutch medication process), or else a medicine. It has
stopped when the newest that is said of it says so, or when its period is over. Requests to dispense and dispenses are no
agreements.

Spec: https://hl7.org/fhir/uv/ips/STU1.1/StructureDefinition-MedicationStatement-uv-ips.html
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.fhir.elements import Tree, codes, extension, has_code, listed, moment_of, newest_first, referred, words

_UTC = ZoneInfo("UTC")
_TYPES = ("MedicationStatement", "MedicationRequest")
_IGNORED = frozenset({"entered-in-error", "draft", "cancelled", "not-taken"})
_STOPPED = frozenset({"stopped", "completed"})
_NO_AGREEMENT = ("52711000146108", "373784005")
"""SNOMED CT: request to dispense, dispense."""
_INTENTS = frozenset({"order", "plan", "original-order", "instance-order", "reflex-order"})


def used_now(resources: Sequence[Tree], now: datetime) -> list[Tree]:
    """Return the statements and requests that say what is used at ``now``, or will be; one for each treatment, by name."""
    treatments: dict[object, list[Tree]] = {}
    for one in newest_first(filter(_is_agreement, resources), "dateAsserted", "authoredOn"):
        treatments.setdefault(_treatment(one), []).append(one)
    current = (_current(every, now) for every in treatments.values())
    found = [one for one in current if one is not None]
    return sorted(found, key=lambda one: words(one.get("medicationCodeableConcept")).casefold())


def period_of_use(resource: Tree) -> Tree:
    """Return the Period in which a medicine is used; empty if nothing says it."""
    for name in ("ext-TimeInterval.Period", "zib-Medication-PeriodOfUse"):
        if found := extension(resource, name):
            return dict(found.get("valuePeriod", {}))
    if resource.get("effectivePeriod"):
        return dict(resource["effectivePeriod"])
    first: Tree = next(iter(listed(resource.get("dosageInstruction"))), {})
    return dict(((first.get("timing") or {}).get("repeat") or {}).get("boundsPeriod") or {})


def _is_agreement(resource: Tree) -> bool:
    if resource["resourceType"] not in _TYPES or resource.get("status") in _IGNORED or resource.get("doNotPerform"):
        return False
    return resource.get("intent", "order") in _INTENTS and not has_code(resource.get("category"), *_NO_AGREEMENT)


def _treatment(resource: Tree) -> object:
    for name in ("ext-PharmaceuticalTreatment.Identifier", "zib-Medication-MedicationTreatment"):
        if found := extension(resource, name):
            identifier = found.get("valueIdentifier", {})
            return identifier.get("system", ""), identifier.get("value", "")
    concept, reference = resource.get("medicationCodeableConcept"), referred(resource.get("medicationReference"))
    return codes(concept) or words(concept) or tuple(reference) or resource.get("id")


def _current(every: list[Tree], now: datetime) -> Tree | None:
    """Return what holds of one treatment, the newest first in ``every``; None if it has ended."""
    if _has_ended(every[0], now):
        return None
    going_on = [one for one in every if not _has_ended(one, now)]
    saying = [one for one in going_on if not _is_stop(one)] or going_on
    return next((one for one in saying if one["resourceType"] == "MedicationStatement"), saying[0])


def _has_ended(resource: Tree, now: datetime) -> bool:
    if resource.get("status") in _STOPPED:
        return True
    end = period_of_use(resource).get("end") or (resource.get("authoredOn") if _is_stop(resource) else None)
    moment = moment_of(end, _UTC)
    return moment is not None and moment.date() < now.date()


def _is_stop(resource: Tree) -> bool:
    """Return whether an agreement says that a medicine is to be stopped, at the end of its period."""
    return any(extension(resource, name) for name in ("ext-StopType", "zib-Medication-StopType"))
