"""The invented practices, the people who work there, and the app of the demo.

Profiles: nl-core-organization, nl-core-practitioner, nl-core-practitionerrole (STU3), nl-core-HealthcareProvider-
Organization, nl-core-HealthProfessional-Practitioner and -PractitionerRole (R4). They carry no AGB or UZI number: each
of those could be somebody's.
"""

from dataclasses import dataclass, field

from app.access.staff import StaffRole
from app.demo.elements import DEMO_IDENTIFIERS, NICTIZ, NL_CORE, Entries, Entry, Json, Link, coding, concept
from app.demo.nl_core import address, human_name
from app.fhir.release import Release

SPECIALTIES = "urn:oid:2.16.840.1.113883.2.4.6.7"
ROLES = "http://fhir.nl/fhir/NamingSystem/uzi-rolcode"
ORGANIZATION_TYPES = "http://nictiz.nl/fhir/NamingSystem/organization-type"


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody who works in a practice."""

    key: str
    initials: str
    family: str
    job: str
    role: Json
    specialty: Json

    @property
    def name(self) -> str:
        """Return the name as people read it."""
        return f"{self.initials} {self.family}"


@dataclass(frozen=True, slots=True)
class Workplace:
    """A practice, clinic or pharmacy."""

    key: str
    name: str
    city: str
    street: str
    number: str
    phone: str
    about: str
    kind: Json
    workers: tuple[Worker, ...] = ()


def _doctor(key: str, initials: str, family: str) -> Worker:
    return Worker(
        key,
        initials,
        family,
        "huisarts",
        coding(ROLES, "01.015", "Huisarts"),
        coding(SPECIALTIES, "0100", "Huisartsen, niet nader gespecificeerd"),
    )


def _nurse(key: str, initials: str, family: str, job: str) -> Worker:
    return Worker(
        key,
        initials,
        family,
        job,
        coding(ROLES, "30.000", "Verpleegkundige"),
        coding(SPECIALTIES, "9100", "Verpleegkundigen, niet nader gespecificeerd"),
    )


GP_PRACTICE = Workplace(
    "regenton",
    "Huisartsenpraktijk De Regenton",
    "Proefdorp",
    "Voorbeeldstraat",
    "1",
    "+31 99 900 0001",
    "Huisartsenpraktijk met een huisarts en een praktijkondersteuner.",
    coding(ORGANIZATION_TYPES, "Z3", "Huisartspraktijk (zelfstandig of groepspraktijk)"),
    (
        _doctor("meetlat", "M.", "Meetlat-Testarts"),
        _nurse("polsslag", "P.", "Polsslag-Testverpleegkundige", "praktijkondersteuner"),
    ),
)
CLINIC = Workplace(
    "kompas",
    "Ketenzorg Het Kompas",
    "Modelstad",
    "Oefenlaan",
    "20",
    "+31 99 900 0002",
    "Zorggroep voor diabetes, COPD en hartfalen, met een eigen polikliniek.",
    coding(ORGANIZATION_TYPES, "Z4", "Zelfstandig behandelcentrum"),
    (
        _nurse("luchtkasteel", "L.", "Luchtkasteel-Testverpleegkundige", "longverpleegkundige"),
        _nurse("suikerspin", "S.", "Suikerspin-Testverpleegkundige", "diabetesverpleegkundige"),
        _nurse("hartenvrouw", "H.", "Hartenvrouw-Testverpleegkundige", "hartfalenverpleegkundige"),
    ),
)
PHARMACY = Workplace(
    "zandloper",
    "Apotheek De Zandloper",
    "Proefdorp",
    "Voorbeeldstraat",
    "3",
    "+31 99 900 0003",
    "Apotheek.",
    coding(ORGANIZATION_TYPES, "J8", "Openbare apotheek"),
)


@dataclass(frozen=True)
class Staff:
    """Links to the workplaces and workers that stand in one set; ``workers`` as its release refers to them."""

    workplaces: dict[str, Link] = field(default_factory=dict)
    workers: dict[str, Link] = field(default_factory=dict)


@dataclass(frozen=True)
class DemoPractice:
    """A practice that a person can share with; ``resources`` has its Organization first, then its staff."""

    key: str
    name: str
    city: str
    about: str
    resources: dict[Release, list[Entry]]

    def organization(self, release: Release) -> Json:
        """Return the Organization."""
        return self.resources[release][0][1]

    def staff(self, release: Release) -> list[Json]:
        """Return the Practitioners and PractitionerRoles; they refer to each other by full url."""
        return [resource for _, resource in self.resources[release][1:]]


@dataclass(frozen=True, slots=True)
class DemoApp:
    """The app of the demo, a public client of the person."""

    name: str
    about: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class DemoMember:
    """Somebody who logs in for the GP practice; ``about`` is one line of Dutch."""

    login: str
    name: str
    role: StaffRole
    about: str
    is_administrator: bool = False


def demo_members() -> list[DemoMember]:
    """Return who logs in for the GP practice: the GP, who also administers it, and the assistant."""
    return [
        DemoMember(
            "huisarts@example.test",
            "M. Meetlat-Testarts",
            StaffRole.GP,
            "huisarts, beheert de praktijk",
            is_administrator=True,
        ),
        DemoMember("assistent@example.test", "K. Kalender-Testassistent", StaffRole.ASSISTANT, "doktersassistent"),
    ]


def demo_practices() -> list[DemoPractice]:
    """Return the two practices of the demo."""
    return [_practice(workplace) for workplace in (GP_PRACTICE, CLINIC)]


def demo_app() -> DemoApp:
    """Return the app; ``examples/patient_app.py`` plays it, and listens at its redirect URI."""
    return DemoApp("Meetmaatje (proef-app)", "Stuurt thuismetingen naar uw dossier.", "http://127.0.0.1:8765/callback")


def add_staff(entries: Entries, *workplaces: Workplace) -> Staff:
    """Add the organizations with everybody who works there and return the links.

    A worker's link is a Practitioner with its role in STU3 and a PractitionerRole in R4, as the profiles ask for.
    """
    staff = Staff()
    for workplace in workplaces:
        organization = _add_organization(entries, workplace)
        staff.workplaces[workplace.key] = organization
        for worker in workplace.workers:
            staff.workers[worker.key] = _add_worker(entries, worker, organization)
    return staff


def _practice(workplace: Workplace) -> DemoPractice:
    resources = {}
    for release in Release:
        entries = Entries(workplace.key, release)
        add_staff(entries, workplace)
        resources[release] = entries.pairs
    return DemoPractice(workplace.key, workplace.name, workplace.city, workplace.about, resources)


def _add_organization(entries: Entries, workplace: Workplace) -> Link:
    stu3 = entries.release is Release.STU3
    profile = NL_CORE + "nl-core-organization" if stu3 else NICTIZ + "nl-core-HealthcareProvider-Organization"
    return entries.add(
        "Organization",
        profile,
        workplace.key,
        workplace.name,
        {
            "identifier": [{"system": f"{DEMO_IDENTIFIERS}.2", "value": workplace.key}],
            "active": True,
            "type": [concept(workplace.kind)],
            "name": workplace.name,
            "telecom": [{"system": "phone", "value": workplace.phone, "use": "work"}],
            "address": [address(entries.release, workplace.street, workplace.number, workplace.city, at_work=True)],
        },
    )


def _add_worker(entries: Entries, worker: Worker, organization: Link) -> Link:
    stu3 = entries.release is Release.STU3
    practitioner = entries.add(
        "Practitioner",
        NL_CORE + "nl-core-practitioner" if stu3 else NICTIZ + "nl-core-HealthProfessional-Practitioner",
        worker.key,
        worker.name,
        {
            "identifier": [{"system": f"{DEMO_IDENTIFIERS}.3", "value": worker.key}],
            "active": True,
            "name": [human_name(None, worker.initials, worker.family)],
        },
    )
    label = f"{worker.name}, {worker.job}"
    role = entries.add(
        "PractitionerRole",
        NL_CORE + "nl-core-practitionerrole" if stu3 else NICTIZ + "nl-core-HealthProfessional-PractitionerRole",
        worker.key,
        f"{label}, {organization.display}",
        {
            "identifier": [{"system": f"{DEMO_IDENTIFIERS}.4", "value": worker.key}],
            "active": True,
            "practitioner": practitioner.reference(),
            "organization": organization.reference(),
            "specialty": [concept(worker.role if stu3 else worker.specialty, text=worker.job)],
        },
    )
    return Link(practitioner.full_url, label, role) if stu3 else role
