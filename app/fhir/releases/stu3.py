"""FHIR STU3 (3.0.2): the resource types that Regie serves.

Spec: https://hl7.org/fhir/STU3/resourcelist.html
"""

from app.fhir.releases.served import SERVED_IN_BOTH

SERVED = SERVED_IN_BOTH | {"BodySite", "ProcedureRequest", "ReferralRequest"}
