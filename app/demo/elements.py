"""Small pieces of FHIR that all demo resources are made of, and the list that collects the resources.

Data types: https://hl7.org/fhir/STU3/datatypes.html, https://hl7.org/fhir/R4/datatypes.html
References inside one set are ``urn:uuid:`` full urls and point to earlier entries only, so that a set may be cut into
several transactions.
"""

from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from app.fhir.release import Release

Json = dict[str, Any]
Entry = tuple[str, Json]

NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"
NL_CORE = "http://fhir.nl/fhir/StructureDefinition/"
HL7 = "http://hl7.org/fhir/StructureDefinition/"

ATC = "http://www.whocc.no/atc"
BSN = "http://fhir.nl/fhir/NamingSystem/bsn"
ICPC = "http://hl7.org/fhir/sid/icpc-1-nl"
LOINC = "http://loinc.org"
NHG_CONTACT = "https://referentiemodel.nhg.org/tabellen/nhg-tabel-14-contactwijze"
NHG_MEASUREMENT = "https://referentiemodel.nhg.org/tabellen/nhg-tabel-45-diagnostische-bepalingen"
PRK = "urn:oid:2.16.840.1.113883.2.4.4.10"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"

# An invented branch below the OID that Nictiz keeps for test data.
DEMO_IDENTIFIERS = "urn:oid:2.16.840.1.113883.2.4.3.11.999.90"


def coding(system: str, code: str, display: str) -> Json:
    """Return a Coding; ``display`` is Dutch."""
    return {"system": system, "code": code, "display": display}


def snomed(code: str, display: str) -> Json:
    """Return a Coding of SNOMED CT."""
    return coding(SNOMED, code, display)


def loinc(code: str, display: str) -> Json:
    """Return a Coding of LOINC."""
    return coding(LOINC, code, display)


def concept(*codings: Json, text: str | None = None) -> Json:
    """Return a CodeableConcept with ``codings``, or with ``text`` alone."""
    return {**({"coding": list(codings)} if codings else {}), **({"text": text} if text else {})}


def decimal(value: float, digits: int) -> int | Decimal:
    """Return ``value`` with exactly ``digits`` decimals, as the device would show it: an int if there are none."""
    return round(value) if digits == 0 else Decimal(f"{value:.{digits}f}")


def quantity(value: int | Decimal, unit: str, code: str | None = None) -> Json:
    """Return a Quantity in UCUM; ``code`` where what people read differs from the UCUM code."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code or unit}


def extension(url: str, kind: str, value: Any) -> Json:
    """Return an Extension whose value is in ``value[kind]``, such as ``Code`` or ``Period``."""
    return {"url": url, f"value{kind}": value}


@dataclass(frozen=True, slots=True)
class Link:
    """Where a resource of the set is, and what people call it; ``role`` is the PractitionerRole of a Practitioner."""

    full_url: str
    display: str
    role: "Link | None" = None

    def reference(self) -> Json:
        """Return a Reference, with the PractitionerRole in an extension where STU3 profiles want that."""
        found: Json = {"reference": self.full_url, "display": self.display}
        if self.role is not None:
            url = NICTIZ + "practitionerrole-reference"
            found["extension"] = [extension(url, "Reference", self.role.reference())]
        return found


class Entries:
    """The resources of one owner in one release, in the order in which they may be written."""

    def __init__(self, owner: str, release: Release) -> None:
        self.owner = owner
        self.release = release
        self.pairs: list[Entry] = []

    def add(self, resource_type: str, profile: str, key: str, summary: str, elements: Json) -> Link:
        """Add a resource and return the link to it.

        ``key`` is unique per type and gives the same full url each time; ``summary`` becomes the narrative and the
        display of references; ``elements`` that are None are left out. An identifier is added where none is given.
        """
        name = str(uuid5(NAMESPACE_OID, f"{self.owner}/{self.release.name}/{resource_type}/{key}"))
        own = {"system": f"{DEMO_IDENTIFIERS}.1", "value": name}
        resource: Json = {
            "resourceType": resource_type,
            "meta": {"profile": [profile]},
            "text": {
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(summary, quote=False)}</div>',
            },
            "identifier": own if resource_type in ("Composition", "Consent") else [own],
            **elements,
        }
        full_url = f"urn:uuid:{name}"
        self.pairs.append((full_url, {name: value for name, value in resource.items() if value is not None}))
        return Link(full_url, summary)

    def file(self, key: str, content_type: str, base64: str) -> Link:
        """Add a Binary and return the link to it; it has no narrative, and no identifier."""
        full_url = f"urn:uuid:{uuid5(NAMESPACE_OID, f'{self.owner}/{self.release.name}/Binary/{key}')}"
        held = "content" if self.release is Release.STU3 else "data"
        binary = {"resourceType": "Binary", "meta": {"profile": [HL7 + "Binary"]}, "contentType": content_type}
        self.pairs.append((full_url, {**binary, held: base64}))
        return Link(full_url, key)
