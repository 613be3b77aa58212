"""Data that is right already keeps Regie's own profiles: the demo people, and the examples of the official packages.

A profile of ours may say less than that of the Dutch standards that goes with it, and nothing against it.
"""

import runpy
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from app.demo.people import demo_people
from app.fhir.agreed_care_plan import AgreedPlan
from app.fhir.agreed_plan import AgreedAction, AgreedGoal, AskedMeasuring
from app.fhir.asked_answers import AskedAnswers
from app.fhir.own_plan import Moment, OwnAction, OwnGoal, Range
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.profile import Profiles
from tests.support.official import official_examples

BOTH = pytest.mark.parametrize("release", list(Release))
encode = msgspec.json.Encoder(decimal_format="number").encode
COUNTERPARTS = {
    Release.STU3: """
        zib-BloodPressure blood-pressure       zib-BodyWeight body-weight        zib-BodyHeight body-height
        zib-BodyTemperature body-temperature   zib-HeartRate heart-rate          zib-PulseRate pulse-rate
        zib-Respiration respiratory-rate       zib-OxygenSaturation oxygen-saturation
        vitalsign-bloodglucose blood-glucose   zib-FluidBalance fluid-balance    zib-PainScore pain-score
        nl-core-patient person                 zib-Problem problem               nl-core-episodeofcare episode
        gp-Encounter contact                   gp-EncounterReport contact-report zib-AllergyIntolerance allergy
        gp-LaboratoryResult laboratory-result  zib-LaboratoryTestResult-Observation laboratory-result
        zib-Procedure procedure                zib-Vaccination vaccination       IHE.MHD.Minimal.DocumentReference document
        zib-MedicationAgreement medication-agreement              zib-DispenseRequest dispense-request
        zib-AdministrationAgreement administration-agreement      zib-Dispense medication-dispense
        zib-MedicationUse medication-use       zib-MedicationAdministration medication-administration
        zib-Product medicine                   zib-TreatmentObjective care-goal  nl-core-careteam care-team
        vl-Questionnaire questionnaire         vl-QuestionnaireResponse questionnaire-response
        vl-QuestionnaireProvisioningTask questionnaire-task
    """,
    Release.R4: """
        nl-core-BloodPressure blood-pressure   nl-core-BodyWeight body-weight    nl-core-BodyHeight body-height
        nl-core-BodyTemperature body-temperature  nl-core-HeartRate heart-rate   nl-core-O2Saturation oxygen-saturation
        nl-core-PulseRate.PulseRateValue pulse-rate  nl-core-PainScore pain-score  nl-core-FluidBalance fluid-balance
        nl-core-Patient person                 nl-core-Problem problem           nl-core-EpisodeOfCare episode
        nl-core-Encounter contact              nl-core-AllergyIntolerance allergy
        nl-core-LaboratoryTestResult laboratory-result  nl-core-Procedure-event procedure  nl-core-Vaccination-event vaccination
        mp-MedicationAgreement medication-agreement               mp-DispenseRequest dispense-request
        mp-VariableDosingRegimen variable-dosing-regimen          mp-AdministrationAgreement administration-agreement
        mp-MedicationDispense medication-dispense                 mp-MedicationUse2 medication-use
        mp-MedicationAdministration2 medication-administration    mp-PharmaceuticalProduct medicine
        nl-core-TreatmentObjective care-goal   nl-core-CareTeam care-team
        nl-core-NursingIntervention nursing-intervention
        CarePlan individual-care-plan          Goal care-goal                    CareTeam care-team
        ServiceRequest measuring-request       Task care-task
    """,
}
"""The profiles of the Dutch standards, and the types that the demo people claim, with the profile of ours that goes with each."""


@cache
def own(release: Release) -> Profiles:
    """Return Regie's own profiles, with no other package beside them."""
    return Profiles(release, Library(PROFILES / "none", PROFILES).definitions(release).resolved)


def broken(release: Release, tree: dict[str, Any]) -> tuple[str | None, list[str]]:
    """Return the profile of ours that goes with what a resource claims, and what in the resource breaks it."""
    words = COUNTERPARTS[release].split()
    counterparts = dict(zip(words[::2], words[1::2], strict=True))
    claimed = [url.rsplit("/", 1)[1] for url in tree.get("meta", {}).get("profile", [])]
    name = next((counterparts[one] for one in claimed if one in counterparts), None)
    if name is None:
        return None, []
    issues = own(release).validate({**tree, "meta": {}}, [f"https://regie.example/fhir/StructureDefinition/{name}"])
    return name, [f"{name} {one.expression}: {one.diagnostics}" for one in issues if one.severity == "error"]


@BOTH
def test_the_demo_people_keep_the_profiles(release: Release) -> None:
    kept = set()
    for person in demo_people(date(2026, 11, 25)):
        for _, tree in person.resources[release]:
            name, faults = broken(release, decode_tree(encode(tree)))
            assert faults == []
            kept.add(name)
    assert len(kept) > 12


@pytest.mark.suites
@BOTH
def test_the_official_dutch_examples_keep_the_profiles_but_for_their_bsn(release: Release) -> None:
    kept = set()
    for tree in official_examples(release).values():
        name, faults = broken(release, tree)
        kept.add(name)
        assert [fault for fault in faults if "person-1" not in fault] == [], tree.get("id")
    assert len(kept) >= 20


def test_the_example_of_an_app_keeps_the_profile_that_it_claims() -> None:
    app = runpy.run_path(str(PROFILES.with_name("examples") / "patient_app.py"))
    sent = app["blood_pressure"]("1", datetime(2026, 3, 2, 7, 45, tzinfo=UTC), 128, 79)
    url = next(url for url in sent["meta"]["profile"] if url.startswith("https://regie.example/"))
    assert own(Release.STU3).validate({**sent, "meta": {"profile": [url]}}) == []


@BOTH
def test_what_a_practice_writes_keeps_the_profile_that_it_claims(release: Release) -> None:
    moment, by = Moment("2026-03-02T07:45:00+01:00", "Patient/1"), "K. Klaver-Testmedewerker, Praktijk Zonnestraal"
    reference = ("http://loinc.org", "29463-7", "Gewicht")
    aim = OwnGoal(
        "Ik weeg minder", "Samen afgesproken", date(2026, 9, 1), Range(reference, ("kg", "kg"), None, Decimal(85))
    )
    written = (
        AgreedPlan("Op adem", "COPD", "", date(2026, 3, 1), None, ("Bellen",), by, "1", goals=("Goal/1",)),
        AgreedGoal(aim, by),
        AgreedAction(OwnAction("Wandelen", "Elke dag wat verder", "week-5", date(2026, 9, 1)), by),
        AskedMeasuring(reference, "week-2", by, "Zonder schoenen", date(2026, 9, 1)),
        AskedAnswers("how", "Hoe gaat het?", by, date(2026, 9, 1)),
    )
    for words in written:
        tree = decode_tree(encode(words.new(release, moment)))
        assert own(release).validate(tree) == [], tree["resourceType"]
