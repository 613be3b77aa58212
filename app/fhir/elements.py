"""What people read of a FHIR resource, whichever its release; pure functions over the JSON tree.

The tree was checked when it was stored; what a reader needs and does not find is left out.
"""

import html
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.fhir.dates import interval

Tree = dict[str, Any]
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
YEARS = range(1800, 2300)
"""The years that somebody can mean; a date of another is a mistake, or stands for no date."""
LARGEST = Decimal(10) ** 9
_FINEST_EXPONENT = -12
_FINEST = Decimal(1).scaleb(_FINEST_EXPONENT)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TO_THE_SECOND = len("2026-11-25T07:15:00+01:00")
_TAG = re.compile(r"<[^>]*>")
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def listed(value: Any) -> list[Any]:
    """Return an element that is a list in one release and single in the other, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def codes(concept: Tree | None) -> frozenset[tuple[str, str]]:
    """Return (system, code) of each coding of a CodeableConcept."""
    codings = (concept or {}).get("coding", [])
    return frozenset([(coding.get("system", ""), coding["code"]) for coding in codings if "code" in coding])


def has_code(concepts: Any, *wanted: str) -> bool:
    """Return whether one of the CodeableConcepts has one of the codes, whatever the system."""
    return any(code in wanted for concept in listed(concepts) for _, code in codes(concept))


def words(concept: Any) -> str:
    """Return a CodeableConcept as people read it: its text, or else a display. A list gives its first that says something."""
    for one in listed(concept):
        if one.get("text"):
            return str(one["text"])
        for coding in one.get("coding", []):
            if coding.get("display"):
                return str(coding["display"])
    return ""


def named(reference: Any) -> str:
    """Return the display of a Reference, or of the first in a list that has one."""
    return next((str(one["display"]) for one in listed(reference) if one.get("display")), "")


def referred(reference: Any) -> list[str]:
    """Return the ``Type/id`` of each literal Reference."""
    found = [str(one["reference"]) for one in listed(reference) if one.get("reference")]
    return ["/".join(text.split("/_history")[0].split("/")[-2:]) for text in found]


def own_name(resource: Tree) -> str:
    """Return ``Type/id`` of a resource that is kept, empty for one without an id."""
    return f"{resource['resourceType']}/{resource['id']}" if "id" in resource and "resourceType" in resource else ""


def person_name(patient: Tree) -> str:
    """Return the name of a person as people read it, the official one first; empty when there is none."""
    names = sorted(listed(patient.get("name")), key=lambda name: name.get("use") != "official")
    written = (
        str(name.get("text") or " ".join([*listed(name.get("given")), str(name.get("family") or "")])) for name in names
    )
    return next((" ".join(text.split()) for text in written if text.strip()), "")


def day_of(value: str | None) -> date | None:
    """Return the day in a FHIR date or dateTime as written; a month or year counts from its first day.

    None for one that nobody can have meant, such as the 9999-12-31 that stands for no end.
    """
    found = _PARTIAL_DATE.match(value or "")
    if not found or int(found[1]) not in YEARS:
        return None
    return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))


def moment_of(value: str | None, zone: ZoneInfo) -> datetime | None:
    """Return a FHIR dateTime as an instant in ``zone``; without a time of day it is the start of its day there.

    None for one that nobody can have meant, as in ``day_of``.
    """
    if day_of(value) is None or value is None:
        return None
    if len(value) == _TO_THE_SECOND and value[17:19] != "60":
        return datetime.fromisoformat(value).astimezone(zone)  # the same, in a sixth of the time
    return (_EPOCH + timedelta(microseconds=interval(value, zone)[0])).astimezone(zone)


def effective(resource: Tree, zone: ZoneInfo) -> datetime | None:
    """Return when something was measured: effectiveDateTime, effectiveInstant, or the start of effectivePeriod."""
    period = resource.get("effectivePeriod") or {}
    value = resource.get("effectiveDateTime") or resource.get("effectiveInstant") or period.get("start")
    return moment_of(value or period.get("end"), zone)


def amount(quantity: Tree | None) -> tuple[Decimal, str] | None:
    """Return value and UCUM code of a Quantity (its unit where there is no code).

    None if it has no value, or one that nobody can have measured: the page would be about that one alone.
    """
    if not quantity or "value" not in quantity:
        return None
    value = Decimal(quantity["value"])
    if abs(value) >= LARGEST:
        return None
    return rounded(value), str(quantity.get("code") or quantity.get("unit") or "")


def rounded(value: Decimal) -> Decimal:
    """Return ``value`` with at most twelve decimals: more are what a computation left, and more than a page can write."""
    exponent = value.as_tuple().exponent
    return value.quantize(_FINEST) if isinstance(exponent, int) and exponent < _FINEST_EXPONENT else value


def plain(narrative: Tree | None) -> str:
    """Return what a Narrative says without its marks, in one line; empty for none."""
    return " ".join(html.unescape(_TAG.sub(" ", str((narrative or {}).get("div", "")))).split())


def extension(resource: Tree, name: str) -> Tree | None:
    """Return the extension (or modifier extension) whose URL ends in ``name``; the releases put them in other folders."""
    for one in [*resource.get("extension", []), *resource.get("modifierExtension", [])]:
        if str(one.get("url", "")).rsplit("/", 1)[-1] == name:
            return dict(one)
    return None


def newest_first(resources: Iterable[Tree], *elements: str) -> list[Tree]:
    """Return the resources by the first of ``elements`` that each has, latest first; without any last. A Period counts by its start."""

    def key(resource: Tree) -> datetime:
        value = next((resource[element] for element in elements if resource.get(element)), None)
        if isinstance(value, dict):
            value = value.get("start")
        return moment_of(value, ZoneInfo("UTC")) or datetime.min.replace(tzinfo=UTC)

    return sorted(resources, key=key, reverse=True)
