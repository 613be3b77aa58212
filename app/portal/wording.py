"""The parts of the record, the actions and the interactions in words; pure."""

from dataclasses import dataclass

from app.access.categories import PARTS, Category
from app.access.representation import Capacity, Power
from app.access.smart_scope import LOOK, Action
from app.access.staff import StaffRole
from app.portal.formats import joined
from app.portal.language import Language, marked


@dataclass(frozen=True, slots=True)
class Part:
    """A category as people read it."""

    name: str
    about: str


CATEGORIES = {
    Category.OWN_MEASUREMENTS: Part(
        marked("Own measurements"), marked("Such as blood pressure and weight, and your diary")
    ),
    Category.MEDICATION: Part(marked("Medicines"), marked("What you use and what you used")),
    Category.GP_SUMMARY: Part(marked("GP summary"), marked("Problems, contacts and what was done")),
    Category.CARE_PLAN: Part(marked("Care plan"), marked("Goals, agreements and your care team")),
    Category.LABORATORY: Part(marked("Laboratory"), marked("Results of blood and urine")),
    Category.QUESTIONNAIRES: Part(marked("Questionnaires"), marked("What you filled in about yourself")),
    Category.DOCUMENTS: Part(marked("Documents"), marked("Letters, reports and pictures")),
    Category.ALLERGIES: Part(marked("Allergies"), marked("What you do not tolerate")),
    Category.VACCINATIONS: Part(marked("Vaccinations"), marked("Which ones you had, and when")),
    Category.APPOINTMENTS: Part(marked("Appointments"), marked("When you go where")),
    Category.MESSAGES: Part(marked("Messages"), marked("Between you and the people who care for you")),
    Category.PERSONAL_DETAILS: Part(marked("Personal details"), marked("Name, date of birth, address, insurance")),
    Category.SENSITIVE: Part(
        marked("Also what is marked as sensitive"),
        marked("For example about mental health, sexuality or abuse. Without this choice it stays hidden."),
    ),
}

POWERS = {
    Power.GIVE: Part(marked("Give practices and apps access"), marked("Never to more than this person may see")),
    Power.LOG: Part(marked("See who looked"), marked("The list of every look at the record")),
}

CAPACITIES = {
    Capacity.CARER: marked("Helps, because you allowed it"),
    Capacity.PARENT: marked("Parent"),
    Capacity.LEGAL: marked("Legal representative"),
}

TYPES = {
    "Observation": marked("measurements"),
    "MedicationRequest": marked("medicines"),
    "MedicationStatement": marked("medicines"),
    "MedicationDispense": marked("medicines"),
    "MedicationAdministration": marked("medicines"),
    "Medication": marked("medicines"),
    "CarePlan": marked("the care plan"),
    "Goal": marked("the care plan"),
    "CareTeam": marked("the care plan"),
    "ServiceRequest": marked("the care plan"),
    "ProcedureRequest": marked("the care plan"),
    "Task": marked("the care plan"),
    "Condition": marked("problems"),
    "EpisodeOfCare": marked("problems"),
    "Composition": marked("contacts with the practice"),
    "Encounter": marked("contacts with the practice"),
    "AllergyIntolerance": marked("allergies"),
    "Immunization": marked("vaccinations"),
    "Patient": marked("personal details"),
    "RelatedPerson": marked("personal details"),
    "Coverage": marked("personal details"),
    "DocumentReference": marked("documents"),
    "Binary": marked("documents"),
    "Questionnaire": marked("questionnaires"),
    "QuestionnaireResponse": marked("questionnaires"),
    "Appointment": marked("appointments"),
    "Communication": marked("messages"),
    "CommunicationRequest": marked("messages"),
    "DeviceRequest": marked("aids and implants"),
    "Device": marked("aids and implants"),
    "DeviceUseStatement": marked("aids and implants"),
    "DiagnosticReport": marked("reports of tests"),
    "FamilyMemberHistory": marked("illnesses in the family"),
    "Flag": marked("warnings"),
    "ImagingStudy": marked("pictures and scans"),
    "ImmunizationRecommendation": marked("vaccinations"),
    "Media": marked("pictures and scans"),
    "NutritionOrder": marked("advice about food"),
    "Procedure": marked("what was done"),
    "Specimen": marked("reports of tests"),
    "AuditEvent": marked("the log"),
    "Consent": marked("who may see what"),
    "Practitioner": marked("who gives care"),
    "PractitionerRole": marked("who gives care"),
    "Organization": marked("who gives care"),
}
ELSE = marked("other parts of the record")


@dataclass(frozen=True, slots=True)
class Way:
    """Something that a grant can let somebody do, as people choose it; ``phrase`` follows "may"."""

    key: str
    actions: Action
    name: str
    about: str
    phrase: str


WAYS = (
    Way("look", LOOK, marked("Look"), marked("Read the parts that you tick."), marked("look")),
    Way("add", Action.CREATE, marked("Add data"), marked("Such as results and a new care plan."), marked("add data")),
    Way(
        "change",
        Action.UPDATE | Action.DELETE,
        marked("Change data"),
        marked("Such as a measurement that was written down wrongly. You can see what it was before."),
        marked("change data"),
    ),
)


ROLES = {
    StaffRole.GP: marked("GP"),
    StaffRole.PRACTICE_NURSE: marked("Practice nurse"),
    StaffRole.ASSISTANT: marked("Assistant"),
    StaffRole.NONE: marked("No role in care"),
}
"""The roles in words."""

ROLE_TEXTS = {
    StaffRole.GP: marked("Sees all that was granted."),
    StaffRole.PRACTICE_NURSE: marked("Sees all that was granted, but not what is sensitive."),
    StaffRole.ASSISTANT: marked("Sees appointments, messages, personal details and own measurements."),
    StaffRole.NONE: marked("Sees nothing of people."),
}
"""What each role sees, in words."""


def category_names(mask: Category, language: Language) -> list[str]:
    """Return the names of the parts in a mask, in the usual order; the sensitive mark is not among them."""
    return [language.gettext(CATEGORIES[category].name) for category in PARTS if category in mask]


def action_words(actions: Action, language: Language) -> str:
    """Return what a grant lets somebody do: look, add, change, or more of these."""
    ways = [language.gettext(way.phrase) for way in WAYS if way.actions & actions]
    return language.gettext("May %(ways)s") % {"ways": joined(ways, language)}


def power_words(powers: Power, language: Language) -> tuple[str, ...]:
    """Return what a representative may do besides looking and adding."""
    return tuple(language.gettext(POWERS[power].name) for power in Power if power in powers)


def type_words(resource_type: str, language: Language) -> str:
    """Return what a resource type is about."""
    return language.gettext(TYPES.get(resource_type, ELSE))
