"""Names and addresses in the way of nl-core: the parts marked by extensions, as Dutch systems exchange them.

Profiles: nl-core-humanname and nl-core-address (STU3), nl-core-NameInformation and nl-core-AddressInformation (R4).
"""

from app.demo.elements import HL7, NICTIZ, Json, coding, concept, extension
from app.fhir.release import Release


def address(release: Release, street: str, number: str, city: str, *, at_work: bool) -> Json:
    """Return an Address in the way of nl-core: the line in parts, and what kind of address it is."""
    stu3 = release is Release.STU3
    kind = concept(
        coding(
            "http://hl7.org/fhir/v3/AddressUse" if stu3 else "http://terminology.hl7.org/CodeSystem/v3-AddressUse",
            "WP" if at_work else "PHYS",
            "Werkadres" if at_work else "Woon-/verblijfadres",
        )
    )
    url = NICTIZ + ("zib-AddressInformation-AddressType" if stu3 else "ext-AddressInformation.AddressType")
    part = HL7 + "iso21090-ADXP-"
    return {
        "extension": [extension(url, "CodeableConcept", kind)],
        "use": "work" if at_work else "home",
        **({} if at_work else {"type": "physical"}),
        "line": [f"{street} {number}"],
        "_line": [
            {
                "extension": [
                    extension(part + "streetName", "String", street),
                    extension(part + "houseNumber", "String", number),
                ]
            }
        ],
        "city": city,
        "postalCode": "9999ZZ",
    }


def human_name(given: str | None, initials: str, family: str) -> Json:
    """Return an official HumanName in the way of nl-core: initials and call name marked, the family name as own name."""
    qualifier = HL7 + "iso21090-EN-qualifier"
    own_name = HL7 + "humanname-own-name"
    parts = [(given, "BR")] if given else []
    parts.append((initials, "IN"))
    return {
        "extension": [extension(HL7 + "humanname-assembly-order", "Code", "NL1")],
        "use": "official",
        "text": f"{given or initials} {family}",
        "family": family,
        "_family": {"extension": [extension(own_name, "String", family)]},
        "given": [part for part, _ in parts],
        "_given": [{"extension": [extension(qualifier, "Code", code)]} for _, code in parts],
    }
