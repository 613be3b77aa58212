"""The resource types that Regie serves in every release, and those of them that no record keeps."""

SERVED_IN_BOTH = frozenset(
    """
    Account ActivityDefinition AllergyIntolerance Appointment AuditEvent Binary Bundle CapabilityStatement CarePlan
    CareTeam ClinicalImpression Communication CommunicationRequest Composition Condition Consent Coverage Device
    DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference Encounter Endpoint
    EpisodeOfCare FamilyMemberHistory Flag Goal Group HealthcareService Immunization ImmunizationRecommendation List
    Location Media Medication MedicationAdministration MedicationDispense MedicationRequest MedicationStatement
    NutritionOrder Observation OperationOutcome Organization Parameters Patient PlanDefinition Practitioner
    PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup RiskAssessment
    Schedule Slot Specimen Substance Task
    """.split()
)

NOT_KEPT = frozenset({"AuditEvent", "Bundle", "OperationOutcome", "CapabilityStatement", "Parameters"})
"""Made here or carrying other resources: nobody can write one, whichever way they come in."""
