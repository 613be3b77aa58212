"""FHIR R4 (4.0.1): the resource types that Regie serves, and what 4.0.1 has otherwise than the R4B (4.3.0) models.

The table ``data/r4_structure.txt`` comes from R4B. Compared with the official 4.0.1 definitions, element by element,
the two differ in the types named here and nowhere else among the types that a resource of 4.0.1 can hold.

Spec: https://hl7.org/fhir/R4/resourcelist.html, https://hl7.org/fhir/R4B/history.html
"""

from app.fhir.releases.served import SERVED_IN_BOTH

SERVED = SERVED_IN_BOTH | {"BodyStructure", "ServiceRequest"}

# Types of 4.3.0 that 4.0.1 doesn't have, and three (Evidence, EvidenceVariable, MarketingStatus) that have the name
# only in common; none of them is served, so a resource can't hold them either.
ABSENT = frozenset(
    """
    AdministrableProductDefinition Citation ClinicalUseDefinition CodeableReference Evidence EvidenceReport
    EvidenceVariable Ingredient ManufacturedItemDefinition MarketingStatus MedicinalProductDefinition NutritionProduct
    PackagedProductDefinition RatioRange RegulatedAuthorization SubscriptionStatus SubscriptionTopic
    SubstanceDefinition
    """.split()
)

_WIDER_SUBJECT = frozenset({"Medication", "Organization", "Practitioner", "Procedure", "Substance"})

# (type, element) -> types, and targets of references, that 4.3.0 added to the element.
_ADDED_TYPES = {
    ("ActivityDefinition", "subject[x]"): {"canonical"},
    ("PlanDefinition", "subject[x]"): {"canonical"},
    ("PlanDefinitionAction", "subject[x]"): {"canonical"},
}
_ADDED_TARGETS = {
    ("ActivityDefinition", "product[x]"): {"Ingredient"},
    ("DiagnosticReport", "subject"): _WIDER_SUBJECT,
    ("GroupMember", "entity"): {"RelatedPerson"},
    ("Observation", "subject"): _WIDER_SUBJECT,
}

# Open choices (Extension.value[x] and the like) may hold a Meta in 4.0.1.
_OPEN_CHOICES = frozenset(
    {
        ("Extension", "value[x]"),
        ("ElementDefinition", "defaultValue[x]"),
        ("ElementDefinition", "fixed[x]"),
        ("ElementDefinition", "pattern[x]"),
        ("ElementDefinitionExample", "value[x]"),
    }
)


def as_in_4_0_1(
    element: tuple[str, str], types: tuple[str, ...], targets: frozenset[str]
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the types and reference targets that ``element``, a pair of type and name, has in 4.0.1."""
    added = ABSENT | _ADDED_TYPES.get(element, set())
    kept = tuple(kind for kind in types if kind not in added)
    if element in _OPEN_CHOICES:
        kept += ("Meta",)
    return kept, targets - ABSENT - _ADDED_TARGETS.get(element, frozenset())
