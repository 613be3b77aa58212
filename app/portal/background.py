"""What else a GP and others know: daily life, wishes for care, family, devices; pure, and the same for STU3 and R4.

Which codes these are known by is in the data services of MedMij (BgZ 3.0, GGZ 2.0) and in the International Patient Summary.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from app.fhir.elements import (
    Tree,
    amount,
    codes,
    day_of,
    extension,
    has_code,
    listed,
    named,
    newest_first,
    referred,
    words,
)
from app.portal.formats import quantity
from app.portal.language import Language, marked

LIFE = {
    "365980008": marked("Smoking"),
    "72166-2": marked("Smoking"),
    "228273003": marked("Alcohol"),
    "11331-6": marked("Alcohol"),
    "74013-4": marked("Alcohol"),
    "228366006": marked("Drugs"),
    "11343-1": marked("Drugs"),
    "365508006": marked("Home"),
    "365470003": marked("Family situation"),
    "314845004": marked("Taking part in daily life"),
}
"""What is known of daily life, by the code of its Observation (SNOMED CT, LOINC)."""

LIFE_CATEGORIES = ("social-history", "118228005", "384821006", "functional-status", "cognitive-status")
"""Categories of Observations about daily life: how somebody lives, what they can do, and how their mind is."""

WISHES = ("11291000146105", "11341000146107", "129125009", "acd", "dnr", "polst")
"""Categories of a Consent that says what somebody wants for their care: a treatment directive or a living will."""

DEVICE = "Device/"
_PERMITTED = {
    "JA": marked("Yes"),
    "385432009": marked("Yes"),
    "NEE": marked("No"),
    "385429003": marked("No"),
    "JA_MAAR": marked("Yes, but"),
    "permit": marked("Yes"),
    "deny": marked("No"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is known: its name, what was found or wished, more about it, and the day."""

    name: str
    value: str
    more: tuple[str, ...]
    on: date | None


def value_words(tree: Tree, language: Language) -> str:
    """Return the ``value[x]`` of an Observation or a component in words; empty where there is none that can be said."""
    measured = amount(tree.get("valueQuantity"))
    if measured:
        return str(tree["valueQuantity"].get("comparator", "")) + quantity(measured[0], measured[1], language)
    if "valueBoolean" in tree:
        return language.gettext("Yes") if tree["valueBoolean"] else language.gettext("No")
    period = tree.get("valuePeriod") or {}
    said = [day.isoformat() for day in (day_of(period.get("start")), day_of(period.get("end"))) if day]
    single = next((str(tree[name]) for name in ("valueString", "valueInteger", "valueDateTime") if name in tree), "")
    return words(tree.get("valueCodeableConcept")) or single or " - ".join(said)


def notes(tree: Tree) -> list[str]:
    """Return the remarks at a resource, of either release."""
    said = [str(note["text"]) for note in listed(tree.get("note")) if isinstance(note, dict) and note.get("text")]
    comment = extension(tree, "Comment") or {}
    return [one for one in [str(tree.get("comment") or ""), str(comment.get("valueString") or ""), *said] if one]


def life(observations: Iterable[Tree], language: Language) -> dict[str, list[Line]]:
    """Return what is known of daily life, by its name, each newest first; what came in both releases once."""
    found: dict[str, list[Line]] = {}
    for one in newest_first(observations, "effectiveDateTime", "effectivePeriod"):
        if one.get("status") in ("entered-in-error", "cancelled"):
            continue
        known = next((LIFE[code] for _, code in sorted(codes(one.get("code"))) if code in LIFE), "")
        name = language.gettext(known) if known else words(one.get("code"))
        parts = [(words(part.get("code")), value_words(part, language)) for part in one.get("component", [])]
        more = [f"{part}: {value}" if part else value for part, value in parts if value] + notes(one)
        when = one.get("effectiveDateTime") or (one.get("effectivePeriod") or {}).get("start")
        line = Line(name, value_words(one, language), tuple(more), day_of(when))
        lines = found.setdefault(name, [])
        if (line.value, line.more, line.on) not in [(each.value, each.more, each.on) for each in lines]:
            lines.append(line)
    return found


def is_wish(consent: Tree) -> bool:
    """Return whether a Consent says what somebody wants for their care, and holds."""
    return has_code(consent.get("category"), *WISHES) and consent.get("status") == "active"


def wishes(consents: Iterable[Tree], language: Language) -> list[Line]:
    """Return treatment directives and living wills that hold, the newest first."""
    found = []
    for one in newest_first(consents, "dateTime"):
        if not is_wish(one):
            continue
        kinds = [words(part) for part in listed(one.get("category")) if not has_code(part, *WISHES)]
        treatment = words((extension(one, "zib-TreatmentDirective-Treatment") or {}).get("valueCodeableConcept"))
        provision = one.get("provision") or {}
        treatment = treatment or words(provision.get("code")) or next((kind for kind in kinds if kind), "")
        permitted = (extension(one, "zib-TreatmentDirective-TreatmentPermitted") or {}).get("valueCodeableConcept")
        code = next(
            (code for _, code in sorted(codes(permitted)) if code in _PERMITTED), str(provision.get("type", ""))
        )
        decided = language.gettext(_PERMITTED[code]) if code in _PERMITTED else words(permitted)
        limits = [
            str(part.get("valueString") or words(part.get("valueCodeableConcept")))
            for held in [one, *listed(one.get("except"))]
            for part in held.get("extension", [])
            if str(part.get("url", "")).rsplit("/", 1)[-1].endswith(("Restrictions", "SpecificationOther"))
        ]
        name = treatment or words(one.get("category")) or language.gettext("Wish for care")
        more = (*[limit for limit in limits if limit], *notes(one))
        found.append(Line(name, decided, more, day_of(one.get("dateTime"))))
    return found


def family(histories: Iterable[Tree], language: Language) -> list[Line]:
    """Return what is known of relatives: who, which illnesses, and more about these."""
    found = []
    for one in histories:
        if one.get("status") == "entered-in-error":
            continue
        ills = []
        for part in one.get("condition", []):
            age = amount(part.get("onsetAge"))
            unit = str((part.get("onsetAge") or {}).get("unit") or "")
            at = quantity(age[0], unit or age[1], language) if age else str(part.get("onsetString") or "")
            told = [words(part.get("code")), at, *notes(part)]
            ills.append(", ".join(text for text in told if text))
        name = words(one.get("relationship")) or str(one.get("name") or language.gettext("A relative"))
        found.append(Line(name, "; ".join(ills), tuple(notes(one)), day_of(one.get("date"))))
    return found


def used_of(uses: Iterable[Tree]) -> list[str]:
    """Return the ids of the Devices that are used and stand by themselves: another is inside its use, or nowhere here."""
    found = dict.fromkeys(one for use in uses for one in referred(use.get("device")) if one.startswith(DEVICE))
    return [one.removeprefix(DEVICE) for one in found]


def devices(uses: Iterable[Tree], products: Iterable[Tree]) -> list[Line]:
    """Return the aids and implants: what is used first, then what is only registered."""
    known = {f"{DEVICE}{one['id']}": one for one in products if "id" in one}
    used: set[str] = set()
    found = []
    for use in newest_first(uses, "recordedOn", "timingDateTime", "timingPeriod", "whenUsed"):
        if use.get("status") == "entered-in-error":
            continue
        inside = {f"#{one['id']}": one for one in use.get("contained", []) if "id" in one}
        of = [one for one in referred(use.get("device")) if one in known or one in inside]
        used |= set(of)
        name = (_device_name((known | inside)[of[0]]) if of else "") or named(use.get("device"))
        period = use.get("whenUsed") or use.get("timingPeriod") or {}
        since = day_of(period.get("start") or use.get("timingDateTime") or use.get("recordedOn"))
        why = words(use.get("indication")) or words(use.get("reasonCode")) or named(use.get("reasonReference"))
        place = words(use.get("bodySite"))
        found.append(Line(name, place, tuple(one for one in [why, *notes(use)] if one), since))
    beside = [one for name, one in known.items() if name not in used and one.get("status") != "entered-in-error"]
    found += [Line(_device_name(one), "", tuple(notes(one)), day_of(one.get("manufactureDate"))) for one in beside]
    return found


def _device_name(device: Tree) -> str:
    names = [str(one["name"]) for one in listed(device.get("deviceName")) if one.get("name")]
    return next((one for one in [*names, words(device.get("type")), str(device.get("model") or "")] if one), "")
