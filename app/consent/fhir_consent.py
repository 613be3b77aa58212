"""A grant as a FHIR Consent, in either release: what is permitted stands in one provision, all else is not.

STU3 has no provision of what is permitted but the exception to a policy that permits nothing: there it is the ``except``.

Spec: https://hl7.org/fhir/R4/consent.html, https://hl7.org/fhir/STU3/consent.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.smart_scope import Action
from app.fhir.dates import microseconds
from app.fhir.instants import instant_text
from app.fhir.release import Release

POLICY_SYSTEM = "https://regie.example/fhir/CodeSystem/consent-policy"
POLICY_CODE = "grant"
POLICY_URI = f"{POLICY_SYSTEM}/{POLICY_CODE}"
CATEGORY_SYSTEM = "https://regie.example/fhir/CodeSystem/consent-category"
GRANTEE_SYSTEMS = {
    Grantee.PRACTICE: "https://regie.example/fhir/NamingSystem/practice",
    Grantee.APP: "https://regie.example/fhir/NamingSystem/app",
    Grantee.PERSON: "https://regie.example/fhir/NamingSystem/account",
}
ACTION_SYSTEM = "http://hl7.org/fhir/restful-interaction"
ACTION_CODES = {
    Action.READ: "read",
    Action.SEARCH: "search-type",
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.DELETE: "delete",
}
PURPOSE_SYSTEMS = {
    Release.STU3: "http://hl7.org/fhir/v3/ActReason",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-ActReason",
}
PURPOSE_CODES = {"treatment": "TREAT", "coordination": "COC", "app": "PATRQT", "representation": "FAMRQT"}
"""What a grant is for, and the code of HL7 v3 ActReason that says so."""

TYPE_SYSTEMS = {
    Release.STU3: "http://hl7.org/fhir/v3/ActCode",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-ActCode",
}
TYPE_CODE = "INFA"
"""Consent to access information."""

SCOPE = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
ROLE_SYSTEMS = {
    Release.STU3: "http://hl7.org/fhir/v3/ParticipationType",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
}
ROLE_CODE = "IRCP"
"""Who gets the information."""


@dataclass(frozen=True, slots=True)
class Told:
    """One version of a grant as a Consent tells it: ``instant`` is when it came to be so, in UTC."""

    grant: Grant
    is_active: bool
    instant: datetime


def told(versions: Iterable[Grant], now: datetime) -> list[Told]:
    """Return all that was to tell of grants up to ``now``, the oldest first: each was given, perhaps changed, and ended.

    ``versions`` are those of whole grants, in any order.
    """
    by_grant: dict[str, list[Grant]] = {}
    for grant in sorted(versions, key=lambda one: one.version):
        by_grant.setdefault(grant.grant_id, []).append(grant)
    found = []
    for chain in by_grant.values():
        for grant, following in zip(chain, [*chain[1:], None], strict=True):
            found.append(Told(grant, is_active=True, instant=grant.given_at))
            ended = grant.ends_at if grant.withdrawn_at is None else min(grant.withdrawn_at, grant.ends_at)
            is_over = ended <= now or grant.withdrawn_at is not None
            if is_over if following is None else ended < following.given_at:
                found.append(Told(grant, is_active=False, instant=max(ended, grant.given_at)))
    return sorted(found, key=lambda one: (one.instant, one.grant.grant_id, one.grant.version, not one.is_active))


def consent_tree(
    release: Release, version: Told, *, patient_id: str, name: str | None, organization_id: str | None
) -> dict[str, Any]:
    """Return the Consent, without its meta. ``name`` is that of the practice, app or person, ``organization_id`` in the directory."""
    grant = version.grant
    parts = [_part(category) for category in Category if category in grant.categories]
    whose = {"reference": f"Patient/{patient_id}"}
    head = {
        "resourceType": "Consent",
        "id": grant.grant_id,
        "status": "active" if version.is_active else "inactive",
        "category": [
            {"coding": [{"system": TYPE_SYSTEMS[release], "code": TYPE_CODE}]},
            *({"coding": [part]} for part in parts),
        ],
        "patient": whose,
        "dateTime": instant_text(microseconds(version.grant.given_at)),
    }
    period = {"start": _text(grant.starts_at), "end": _text(grant.ends_at)}
    provision = {
        "type": "permit",
        "period": period,
        "actor": [
            {
                "role": {"coding": [{"system": ROLE_SYSTEMS[release], "code": ROLE_CODE}]},
                "reference": _grantee(grant, name, organization_id),
            }
        ],
        "action": [
            {"coding": [{"system": ACTION_SYSTEM, "code": code}]}
            for action, code in ACTION_CODES.items()
            if action in grant.actions
        ],
        "purpose": [{"system": PURPOSE_SYSTEMS[release], "code": PURPOSE_CODES[grant.purpose]}]
        if grant.purpose in PURPOSE_CODES
        else [],
        "class": parts,
    }
    provision = {key: value for key, value in provision.items() if value}
    if release is Release.STU3:
        return head | {
            "period": period,
            "consentingParty": [whose],
            "policyRule": POLICY_URI,
            "except": [provision],
        }
    return head | {
        "scope": {"coding": [SCOPE]},
        "performer": [whose],
        "policyRule": {"coding": [{"system": POLICY_SYSTEM, "code": POLICY_CODE}]},
        "provision": provision,
    }


def is_grant(release: Release, tree: dict[str, Any]) -> bool:
    """Return whether a resource is a Consent under the policy by which a grant is given."""
    rule = tree.get("policyRule") if tree["resourceType"] == "Consent" else None
    if release is Release.STU3 or not isinstance(rule, dict):
        return rule == POLICY_URI
    return any(coding.get("system") == POLICY_SYSTEM for coding in rule.get("coding", ()))


def _part(category: Category) -> dict[str, str]:
    return {"system": CATEGORY_SYSTEM, "code": category.code}


def _grantee(grant: Grant, name: str | None, organization_id: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"identifier": {"system": GRANTEE_SYSTEMS[grant.grantee], "value": grant.grantee_id}}
    if organization_id is not None:
        found["reference"] = f"Organization/{organization_id}"
    if name:
        found["display"] = name
    return found


def _text(moment: datetime) -> str:
    return instant_text(microseconds(moment))
