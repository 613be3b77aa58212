"""``_list=$current-problems`` and its like: what is current of a kind, by its status, as a List of it would name it.

The specification leaves to the server what is current. Here it is what is said to be active and not taken back; who keeps a List
of their own asks for it by its id.

Spec: https://hl7.org/fhir/R4/lifecycle.html#current, https://hl7.org/fhir/STU3/lifecycle.html#current
"""

from collections.abc import Mapping
from types import MappingProxyType

_ACTIVE = ("clinical-status", "active,recurrence,relapse")
_NOT_TAKEN_BACK = ("verification-status:not", "refuted,entered-in-error")

CURRENT: Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]] = MappingProxyType(
    {
        "$current-allergies": {"AllergyIntolerance": (_ACTIVE, _NOT_TAKEN_BACK)},
        "$current-drug-allergies": {"AllergyIntolerance": (_ACTIVE, _NOT_TAKEN_BACK, ("category", "medication"))},
        "$current-medications": {
            "MedicationRequest": (("status", "active"),),
            "MedicationStatement": (("status", "active"),),
        },
        "$current-problems": {"Condition": (_ACTIVE, _NOT_TAKEN_BACK)},
    }
)
"""For each list and type, the parameters and values that all have to hold."""
