"""The sections of a patient summary, in their order, and which resources belong in each.

What was entered in error, refuted or refused is in none. Of observations the newest of each kind is shown;
what shares a coding is of one kind.

Spec: https://hl7.org/fhir/uv/ips/STU1.1/StructureDefinition-Composition-uv-ips.html
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from app.fhir.elements import LOINC, SNOMED, Tree, codes, effective, has_code, newest_first, words
from app.fhir.summary.medicines import used_now

T = TypeVar("T")
_UTC = ZoneInfo("UTC")
_WRONG = frozenset({"entered-in-error", "cancelled", "refuted", "not-done", "rejected", "unknown"})
_OPEN = ("active", "recurrence", "relapse")
_VITAL_SIGNS = frozenset(
    (LOINC, code)
    for code in (
        "85354-9 8480-6 29463-7 8302-2 8308-9 8306-3 39156-5 8310-5 8867-4 8893-0 9279-1 59408-5 2708-6".split()
    )
)
_GLUCOSE = frozenset((LOINC, code) for code in ("14743-9", "14760-3", "14770-2"))
_SOCIAL_HISTORY = frozenset(
    {(LOINC, "72166-2"), (LOINC, "74013-4")}  # smoking, alcohol
    | {(SNOMED, code) for code in ("365980008", "228273003", "228366006")}  # the same in Dutch data, and drugs
)
_PREGNANCY = frozenset((LOINC, code) for code in ("82810-3", "11778-8", "11636-8"))
_LABORATORY = ("laboratory", "49581000146104", "LAB")
_DIRECTIVES = ("acd", "dnr", "polst", "11291000146105", "11341000146107")


TYPES = frozenset(
    """
    AllergyIntolerance CarePlan Condition Consent DeviceUseStatement DiagnosticReport Immunization MedicationRequest
    MedicationStatement Observation Patient Procedure
    """.split()
)
"""What a summary is made of."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its LOINC code, its title in both languages, and what goes in.

    ``absent`` is the code that stands for «nothing is known» where the section may not be empty, and ``absent_type`` the
    resource that says it.
    """

    key: str
    code: str
    dutch: str
    english: str
    choose: Callable[[Sequence[Tree], datetime], list[Tree]]
    absent: str = ""
    absent_type: str = ""


def _is_right(resource: Tree) -> bool:
    verification = {code for _, code in codes(resource.get("verificationStatus"))}
    return resource.get("status") not in _WRONG and _WRONG.isdisjoint(verification)


def _right(resources: Iterable[Tree], *types: str) -> list[Tree]:
    return [one for one in resources if one["resourceType"] in types and _is_right(one)]


def _is_open(condition: Tree) -> bool:
    status = condition.get("clinicalStatus")
    return has_code(status, *_OPEN) or (not codes(status) and "abatementDateTime" not in condition)


def _problems(resources: Sequence[Tree], _: datetime) -> list[Tree]:
    found = [one for one in _right(resources, "Condition") if _is_open(one)]
    return newest_first(found, "onsetDateTime", "recordedDate")


def _past_problems(resources: Sequence[Tree], _: datetime) -> list[Tree]:
    found = [one for one in _right(resources, "Condition") if not _is_open(one)]
    return newest_first(found, "abatementDateTime", "onsetDateTime", "recordedDate")


def _allergies(resources: Sequence[Tree], _: datetime) -> list[Tree]:
    found = _right(resources, "AllergyIntolerance")
    current = [one for one in found if not has_code(one.get("clinicalStatus"), "resolved")]
    return sorted(current, key=lambda one: one.get("criticality") != "high")


def _of_type(name: str, *dates: str) -> Callable[[Sequence[Tree], datetime], list[Tree]]:
    def choose(resources: Sequence[Tree], _: datetime) -> list[Tree]:
        return newest_first(_right(resources, name), *dates)

    return choose


def _devices(resources: Sequence[Tree], _: datetime) -> list[Tree]:
    found = [one for one in _right(resources, "DeviceUseStatement") if one.get("status") != "completed"]
    return newest_first(found, "recordedOn")


def _plans(resources: Sequence[Tree], _: datetime) -> list[Tree]:
    found = [one for one in _right(resources, "CarePlan") if one.get("status") in ("active", "on-hold")]
    return newest_first(found, "created")


def _directives(resources: Sequence[Tree], _: datetime) -> list[Tree]:
    found = [one for one in _right(resources, "Consent") if has_code(one.get("category"), *_DIRECTIVES)]
    return newest_first([one for one in found if one.get("status") == "active"], "dateTime")


def _observed(
    is_wanted: Callable[[Tree], bool], types: tuple[str, ...] = ("Observation",)
) -> Callable[[Sequence[Tree], datetime], list[Tree]]:
    """Return what chooses the newest of each kind among the resources of the types ``types`` that are wanted."""

    def choose(resources: Sequence[Tree], _: datetime) -> list[Tree]:
        return newest_of_each_kind(one for one in resources if one["resourceType"] in types and is_wanted(one))

    return choose


def newest_of_each_kind(resources: Iterable[Tree]) -> list[Tree]:
    """Return the observations and reports, of either release, that say what was found last, the newest first."""
    return last_of_each_kind((finding_of(one), one) for one in resources)


class Finding(NamedTuple):
    """When an observation or report found something, and of which kinds it is."""

    when: datetime
    kinds: frozenset[object]


def finding_of(resource: Tree) -> Finding | None:
    """Return when and what a resource found, None if it says nothing, or what is not right."""
    if not _is_right(resource) or not _says_something(resource):
        return None
    kinds = codes(resource.get("code")) or (words(resource.get("code")),)
    return Finding(_when(resource), frozenset((resource["resourceType"], kind) for kind in kinds))


def last_of_each_kind(findings: Iterable[tuple[Finding | None, T]]) -> list[T]:
    """Return what goes with the findings that are the last of their kind, the newest first."""
    shown: list[T] = []
    seen: set[object] = set()
    told = [(finding, one) for finding, one in findings if finding is not None]
    for finding, one in sorted(told, key=lambda pair: pair[0].when, reverse=True):
        if seen.isdisjoint(finding.kinds):
            shown.append(one)
        seen |= finding.kinds
    return shown


def _when(resource: Tree) -> datetime:
    return effective(resource, _UTC) or datetime.min.replace(tzinfo=_UTC)


def _says_something(resource: Tree) -> bool:
    if resource["resourceType"] == "DiagnosticReport":
        return True
    return any(name.startswith("value") or name in ("component", "hasMember") for name in resource)


def _is_vital_sign(resource: Tree) -> bool:
    return bool(codes(resource.get("code")) & _VITAL_SIGNS) or (
        has_code(resource.get("category"), "vital-signs") and not codes(resource.get("code")) & _GLUCOSE
    )


def _is_result(resource: Tree) -> bool:
    return has_code(resource.get("category"), *_LABORATORY) or bool(codes(resource.get("code")) & _GLUCOSE)


def _is_social_history(resource: Tree) -> bool:
    return has_code(resource.get("category"), "social-history") or bool(codes(resource.get("code")) & _SOCIAL_HISTORY)


def _is_pregnancy(resource: Tree) -> bool:
    return bool(codes(resource.get("code")) & _PREGNANCY)


SECTIONS = (
    Section(
        "medication", "10160-0", "Medicijnen", "Medication Summary", used_now, "no-medication-info", "MedicationStatement"
    ),
    Section(
        "allergies", "48765-2", "Allergieën", "Allergies and Intolerances", _allergies,
        "no-allergy-info", "AllergyIntolerance",
    ),
    Section("problems", "11450-4", "Gezondheidsproblemen", "Problem List", _problems, "no-problem-info", "Condition"),
    Section("immunizations", "11369-6", "Vaccinaties", "Immunizations", _of_type("Immunization", "occurrenceDateTime")),
    Section("procedures", "47519-4", "Verrichtingen", "Procedures", _of_type("Procedure", "performedDateTime")),
    Section("devices", "46264-8", "Hulpmiddelen", "Medical Devices", _devices),
    Section(
        "results", "30954-2", "Uitslagen", "Diagnostic Results", _observed(_is_result, ("Observation", "DiagnosticReport")),
    ),
    Section("vital-signs", "8716-3", "Metingen", "Vital Signs", _observed(_is_vital_sign)),
    Section("past-problems", "11348-0", "Problemen van vroeger", "History of Past Problems", _past_problems),
    Section("social-history", "29762-2", "Leefstijl", "Social History", _observed(_is_social_history)),
    Section("pregnancy", "10162-6", "Zwangerschap", "Pregnancy", _observed(_is_pregnancy)),
    Section("plans", "18776-5", "Zorgplan", "Plan of Care", _plans),
    Section("directives", "42348-3", "Wensen voor de zorg", "Advance Directives", _directives),
)  # fmt: skip
