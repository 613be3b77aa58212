"""The medication overview in R4, in the way of the medication process 9 (MP9 3.0.0-beta).

Per treatment (MBH): the agreement with the prescriber (MA, MedicationRequest), the request to dispense (VV), the
agreement with the pharmacy (TA, MedicationDispense), each dispense (MVE), and what the person says to use (MGB,
MedicationStatement). A treatment that was stopped has a stop-MA (modifier extension StopType) that ends the earlier one.
Profiles: mp-PharmaceuticalProduct, mp-MedicationAgreement, mp-DispenseRequest, mp-AdministrationAgreement,
mp-MedicationDispense, mp-MedicationUse2. Days count back from today; a negative number is in the future.
"""

from dataclasses import dataclass
from decimal import Decimal

from app.demo.diary import YEAR, Diary
from app.demo.elements import (
    ATC,
    DEMO_IDENTIFIERS,
    HL7,
    NICTIZ,
    PRK,
    Json,
    Link,
    coding,
    concept,
    extension,
    quantity,
    snomed,
)
from app.demo.identity import Cast

MEDICATION_AGREEMENT = snomed("33633005", "voorschrijven van geneesmiddel")
DISPENSE_REQUEST = snomed("52711000146108", "verstrekkingsverzoek")
ADMINISTRATION_AGREEMENT = snomed("422037009", "toedieningsafspraak")
DISPENSE = snomed("373784005", "verstrekken van medicatie")
USE = snomed("422979000", "bevinding betreffende gedrag met betrekking tot medicatieregime")
STOPPED = snomed("410546004", "stopgezet")
POLICY_CHANGED = snomed("112751000146109", "medicatiebeleid veranderd")

G_STANDARD_ROUTES = "urn:oid:2.16.840.1.113883.2.4.4.9"
G_STANDARD_UNITS = "urn:oid:2.16.840.1.113883.2.4.4.1.900.2"
ORAL = coding(G_STANDARD_ROUTES, "9", "oraal")
INHALED = coding(G_STANDARD_ROUTES, "62", "inhalatie")
AS_NEEDED = coding(
    "https://referentiemodel.nhg.org/tabellen/nhg-tabel-25-gebruiksvoorschrift#aanvullend-numeriek", "1137", "Zo nodig"
)
UNITS = {"stuk": "245", "dosis": "208"}


@dataclass(frozen=True, slots=True)
class Product:
    """A medicine: the name that people read, its ATC code, and its PRK where that is known."""

    name: str
    atc: str
    substance: str
    prk: str | None = None


@dataclass(frozen=True, slots=True)
class Dose:
    """How to use it: ``frequency`` times per ``every`` days ``amount`` of ``unit``, at the events ``when``."""

    text: str
    amount: int | Decimal = 1
    frequency: int = 1
    when: tuple[str, ...] = ()
    unit: str = "stuk"
    route: str = "oral"
    as_needed: bool = False
    every: int = 1

    def dosage(self) -> Json:
        """Return the Dosage."""
        repeat: Json = {"frequency": self.frequency, "period": self.every, "periodUnit": "d"}
        if self.when:
            repeat["when"] = list(self.when)
        return {
            "text": self.text,
            "timing": {"repeat": repeat},
            **({"asNeededCodeableConcept": concept(AS_NEEDED)} if self.as_needed else {}),
            "route": concept(ORAL if self.route == "oral" else INHALED),
            "doseAndRate": [{"doseQuantity": pieces(self.amount, self.unit)}],
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was agreed from ``start`` to and including ``end`` (None: no end)."""

    start: int
    end: int | None
    dose: Dose


@dataclass(frozen=True, slots=True)
class Treatment:
    """One medicine over time: its agreements, oldest first, why, and why it was stopped if it was.

    ``supply`` is for how many days the pharmacy gives at a time, ``used`` whether the person says to use it.
    """

    product: Product
    reason: str
    agreements: tuple[Agreement, ...]
    supply: int = 90
    stopped: str | None = None
    used: bool = True
    remark: str | None = None


def pieces(amount: int | Decimal, unit: str) -> Json:
    """Return a quantity in UCUM with its translation to the units of the G-Standaard."""
    standard = {"value": amount, "unit": unit, "system": G_STANDARD_UNITS, "code": UNITS[unit]}
    translation = extension(HL7 + "iso21090-PQ-translation", "Quantity", standard)
    return {"extension": [translation], **quantity(amount, unit, "1")}


class MedicationOverview:
    """Adds the treatments of one person."""

    def __init__(self, cast: Cast, diary: Diary) -> None:
        self.cast = cast
        self.diary = diary
        self.patient = cast.patient
        self.products: dict[Product, Link] = {}

    def treatment(self, treatment: Treatment) -> None:
        """Add a treatment with its agreements, dispenses and use."""
        product = self._product(treatment.product)
        requests: list[Link] = []
        for number, agreement in enumerate(treatment.agreements):
            last = number == len(treatment.agreements) - 1
            stopped = last and treatment.stopped is not None
            request = self._agreement(treatment, agreement, product, requests, stopped=stopped)
            requests.append(request)
            self._pharmacy(treatment, agreement, product, request, stopped=stopped)
        last_agreement = treatment.agreements[-1]
        if treatment.stopped is not None:
            self._stop(treatment, last_agreement, product, requests[-1], treatment.stopped)
        if treatment.used and last_agreement.start > 0:
            self._use(treatment, last_agreement, product, requests[-1])

    def _product(self, product: Product) -> Link:
        if product not in self.products:
            codes = [coding(PRK, product.prk, product.name)] if product.prk else []
            codes.append(coding(ATC, product.atc, product.substance))
            self.products[product] = self.cast.entries.add(
                "Medication",
                NICTIZ + "mp-PharmaceuticalProduct",
                product.name,
                product.name,
                {"code": concept(*codes, text=product.name)},
            )
        return self.products[product]

    def _agreement(
        self, treatment: Treatment, agreement: Agreement, product: Link, earlier: list[Link], *, stopped: bool
    ) -> Link:
        at = self.diary.at(max(agreement.start, 1), 10, 15)
        return self.cast.entries.add(
            "MedicationRequest",
            NICTIZ + "mp-MedicationAgreement",
            f"MA/{treatment.product.name}/{agreement.start}",
            f"{treatment.product.name}: {agreement.dose.text}",
            {
                "extension": self._extensions(treatment, agreement, registered=at),
                "status": "stopped" if stopped else self._status(agreement),
                "intent": "order",
                "category": [concept(MEDICATION_AGREEMENT)],
                "medicationReference": product.reference(),
                "subject": self.patient.reference(),
                "authoredOn": at,
                "requester": self.cast.doctor.reference(),
                "reasonCode": [concept(POLICY_CHANGED)] if earlier else None,
                "reasonReference": [{"display": treatment.reason}],
                "dosageInstruction": [agreement.dose.dosage()],
                "priorPrescription": earlier[-1].reference() if earlier else None,
            },
        )

    def _stop(self, treatment: Treatment, agreement: Agreement, product: Link, request: Link, why: str) -> None:
        at = self.diary.at(agreement.end or 1, 16, 40)
        stop = extension(NICTIZ + "ext-StopType", "CodeableConcept", concept(STOPPED))
        self.cast.entries.add(
            "MedicationRequest",
            NICTIZ + "mp-MedicationAgreement",
            f"stop/{treatment.product.name}/{agreement.start}",
            f"Gestopt: {treatment.product.name}",
            {
                "extension": self._extensions(treatment, agreement, registered=at),
                "modifierExtension": [stop],
                "status": "stopped",
                "intent": "order",
                "category": [concept(MEDICATION_AGREEMENT)],
                "medicationReference": product.reference(),
                "subject": self.patient.reference(),
                "authoredOn": at,
                "requester": self.cast.doctor.reference(),
                "reasonCode": [concept(POLICY_CHANGED)],
                "note": [{"text": f"Gestopt: {why}."}],
                "dosageInstruction": [agreement.dose.dosage()],
                "priorPrescription": request.reference(),
            },
        )

    def _pharmacy(
        self, treatment: Treatment, agreement: Agreement, product: Link, request: Link, *, stopped: bool
    ) -> None:
        """Add the request to dispense, the pharmacy's agreement, and each time in the last year that something was handed over."""
        dose = agreement.dose
        count = round(dose.amount * dose.frequency * treatment.supply / dose.every)
        shared: Json = {"medicationReference": product.reference(), "subject": self.patient.reference()}
        key = f"{treatment.product.name}/{agreement.start}"
        to_dispense = self.cast.entries.add(
            "MedicationRequest",
            NICTIZ + "mp-DispenseRequest",
            f"VV/{key}",
            f"Verzoek aan de apotheek: {treatment.product.name}",
            {
                "extension": [self._treatment_identifier(treatment)],
                "status": self._status(agreement),
                "intent": "order",
                "category": [concept(DISPENSE_REQUEST)],
                **shared,
                "authoredOn": self.diary.at(max(agreement.start, 1), 10, 20),
                "requester": self.cast.doctor.reference(),
                "performer": self.cast.pharmacy.reference(),
                "basedOn": [request.reference()],
                "dispenseRequest": {"quantity": pieces(count, agreement.dose.unit)},
            },
        )
        at = self.diary.at(max(agreement.start, 1), 13)
        ended = agreement.end is not None and agreement.end > 0
        by_pharmacy = [{"actor": self.cast.pharmacy.reference()}]
        self.cast.entries.add(
            "MedicationDispense",
            NICTIZ + "mp-AdministrationAgreement",
            f"TA/{key}",
            f"Afspraak met de apotheek: {treatment.product.name}",
            {
                "extension": [
                    *self._extensions(treatment, agreement, registered=at),
                    extension(NICTIZ + "ext-AdministrationAgreement.AdministrationAgreementDateTime", "DateTime", at),
                ],
                "status": "stopped" if stopped else "completed" if ended else "in-progress",
                "category": concept(ADMINISTRATION_AGREEMENT),
                **shared,
                "performer": by_pharmacy,
                "authorizingPrescription": [request.reference()],
                "dosageInstruction": [agreement.dose.dosage()],
            },
        )
        last_day = max(agreement.end or 1, 1)
        for handed_over in range(agreement.start, last_day - 1, -treatment.supply):
            if handed_over > YEAR:
                continue
            self.cast.entries.add(
                "MedicationDispense",
                NICTIZ + "mp-MedicationDispense",
                f"MVE/{key}/{handed_over}",
                f"Meegekregen: {count} {agreement.dose.unit} {treatment.product.name}",
                {
                    "extension": [self._treatment_identifier(treatment)],
                    "status": "completed",
                    "category": concept(DISPENSE),
                    **shared,
                    "performer": by_pharmacy,
                    "authorizingPrescription": [to_dispense.reference()],
                    "quantity": pieces(count, agreement.dose.unit),
                    "daysSupply": quantity(treatment.supply, "dagen", "d"),
                    "whenHandedOver": self.diary.at(handed_over, 16, 5),
                },
            )

    def _use(self, treatment: Treatment, agreement: Agreement, product: Link, request: Link) -> None:
        status = self._status(agreement) if treatment.stopped is None else "stopped"
        told = max((agreement.end or 1) - 1, 1)
        derived = {
            "extension": [extension(NICTIZ + "ext-ResourceCategory", "CodeableConcept", concept(MEDICATION_AGREEMENT))],
            **request.reference(),
        }
        stop = extension(NICTIZ + "ext-StopType", "CodeableConcept", concept(STOPPED))
        self.cast.entries.add(
            "MedicationStatement",
            NICTIZ + "mp-MedicationUse2",
            f"MGB/{treatment.product.name}",
            f"Gebruik: {treatment.product.name}, {agreement.dose.text}",
            {
                "extension": [
                    extension(NICTIZ + "ext-RenderedDosageInstruction", "String", agreement.dose.text),
                    extension(NICTIZ + "ext-AsAgreedIndicator", "Boolean", value=True),
                    self._treatment_identifier(treatment),
                    extension(NICTIZ + "ext-MedicationUse2.Author", "Reference", self.patient.reference()),
                ],
                "modifierExtension": None if treatment.stopped is None else [stop],
                "status": status,
                "category": concept(USE),
                "medicationReference": product.reference(),
                "subject": self.patient.reference(),
                "effectivePeriod": self._period(agreement),
                "dateAsserted": self.diary.at(told, 20, 15),
                "informationSource": self.patient.reference(),
                "derivedFrom": [derived],
                "reasonCode": [concept(text=treatment.reason)],
                "note": [{"text": treatment.remark}] if treatment.remark else None,
                "dosage": [agreement.dose.dosage()],
            },
        )

    def _extensions(self, treatment: Treatment, agreement: Agreement, *, registered: str) -> list[Json]:
        return [
            extension(NICTIZ + "ext-RegistrationDateTime", "DateTime", registered),
            extension(NICTIZ + "ext-RenderedDosageInstruction", "String", agreement.dose.text),
            extension(NICTIZ + "ext-TimeInterval.Period", "Period", self._period(agreement)),
            self._treatment_identifier(treatment),
        ]

    def _treatment_identifier(self, treatment: Treatment) -> Json:
        value = f"{self.cast.entries.owner}-{treatment.product.atc}"
        identifier = {"system": f"{DEMO_IDENTIFIERS}.6", "value": value}
        return extension(NICTIZ + "ext-PharmaceuticalTreatment.Identifier", "Identifier", identifier)

    def _period(self, agreement: Agreement) -> Json:
        period = {"start": self.diary.at(agreement.start, 0)}
        if agreement.end is not None:
            period["end"] = f"{self.diary.at(agreement.end, 23, 59)}"
        return period

    @staticmethod
    def _status(agreement: Agreement) -> str:
        return "completed" if agreement.end is not None and agreement.end > 0 else "active"
