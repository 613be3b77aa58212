"""Search parameters that are more than a path: computed from the resource by a function each.

Each function takes a resource's tree and returns (FHIR type, value) pairs, to be indexed like values in the resource.

Spec: https://hl7.org/fhir/R4/patient.html#search, https://hl7.org/fhir/STU3/condition.html#search,
http://nictiz.nl/fhir/SearchParameter/period-of-use, http://nictiz.nl/fhir/SearchParameter/Medications-periodofuse
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.fhir.dates import later

Values = list[tuple[str, Any]]

_NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"
_PERIODS = (f"{_NICTIZ}zib-Medication-PeriodOfUse", f"{_NICTIZ}ext-TimeInterval.Period")
_DURATIONS = (f"{_NICTIZ}zib-MedicationUse-Duration", f"{_NICTIZ}ext-TimeInterval.Duration")


def deceased(tree: Mapping[str, Any]) -> Values:
    """Return whether the person has died, by a date or by saying so; also for a Patient that tells nothing."""
    return [("boolean", "deceasedDateTime" in tree or tree.get("deceasedBoolean") is True)]


def abatement_boolean(tree: Mapping[str, Any]) -> Values:
    """Return whether a condition is over, in any of the ways that abatement[x] has to say it; nothing if untold."""
    told = next((member for member in tree if member.startswith("abatement")), None)
    if told is None:
        return []
    return [("boolean", tree[told] is True if told == "abatementBoolean" else True)]


def period_of_use(tree: Mapping[str, Any]) -> Values:
    """Return the period in which a medicine is to be used; a duration stands in for the end, or for the start.

    The duration is an extension of the period (R4), or beside it (STU3).
    """
    period = next((value["valuePeriod"] for value in _extensions(tree, _PERIODS) if "valuePeriod" in value), None)
    if period is None:
        period = tree.get("effectivePeriod") if tree.get("resourceType") == "MedicationStatement" else None
    if period is None:
        return []
    start, end = period.get("start"), period.get("end")
    durations = (extension for place in (period, tree) for extension in _extensions(place, _DURATIONS))
    duration: Mapping[str, Any] = next(
        (extension["valueDuration"] for extension in durations if "valueDuration" in extension), {}
    )
    if "value" in duration and (start is None) != (end is None):
        amount, code = Decimal(duration["value"]), str(duration.get("code", ""))
        if end is None:
            end = later(start, amount, code)
        else:
            start = later(end, -amount, code)
    given = {"start": start, "end": end}
    return [("Period", {name: moment for name, moment in given.items() if moment is not None})]


def when_dispensed(tree: Mapping[str, Any]) -> Values:
    """Return when a medicine was handed over, else when it was prepared."""
    moment = tree.get("whenHandedOver", tree.get("whenPrepared"))
    return [] if moment is None else [("dateTime", moment)]


COMPUTED: Mapping[str, Callable[[Any], Values]] = MappingProxyType(
    {
        "deceased": deceased,
        "abatement-boolean": abatement_boolean,
        "period-of-use": period_of_use,
        "when-dispensed": when_dispensed,
    }
)
"""The functions by the name that follows ``computed:`` in the data."""


def _extensions(tree: Mapping[str, Any], urls: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    for member in ("extension", "modifierExtension"):
        yield from (extension for extension in tree.get(member, ()) if extension.get("url") in urls)
