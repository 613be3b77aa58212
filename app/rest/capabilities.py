"""The CapabilityStatement, generated from what the code can do.

Spec: https://hl7.org/fhir/R4/capabilitystatement.html, https://hl7.org/fhir/STU3/capabilitystatement.html
"""

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import msgspec

from app.fhir.compartment import OWNERS, compartment_url
from app.fhir.patch.reading import PatchForm
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.search.definitions import SearchParameter, definitions
from app.fhir.search.parse import of_the_whole
from app.fhir.validation.structure import resource_types
from app.fhir.xml.write import to_xml
from app.interactions.conformance import Declared
from app.interactions.context import Context
from app.interactions.translated import RELEASES
from app.rest.audit_events import PARAMETERS
from app.rest.formats import Format

PUBLISHED = "2026-11-26"
_SMART_EXTENSION = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_BULK_DATA = "http://hl7.org/fhir/uv/bulkdata"
_STANDARD = "http://hl7.org/fhir/OperationDefinition"
_SYSTEM, _EVERY_TYPE = "", "*"
_OPERATIONS = (
    ("everything", f"{_STANDARD}/Patient-everything", {"Patient"}),
    ("lastn", f"{_STANDARD}/Observation-lastn", {"Observation"}),
    ("meta", f"{_STANDARD}/Resource-meta", {_SYSTEM, _EVERY_TYPE}),
    ("meta-add", f"{_STANDARD}/Resource-meta-add", {_EVERY_TYPE}),
    ("meta-delete", f"{_STANDARD}/Resource-meta-delete", {_EVERY_TYPE}),
    ("validate", f"{_STANDARD}/Resource-validate", {_EVERY_TYPE}),
    ("export", f"{_BULK_DATA}/OperationDefinition/export", {_SYSTEM}),
    ("export", f"{_BULK_DATA}/OperationDefinition/patient-export", {"Patient"}),
    ("export", f"{_BULK_DATA}/OperationDefinition/group-export", {"Group"}),
    ("delta", "https://regie.example/fhir/OperationDefinition/delta", {_SYSTEM}),
    ("as-seen-by", "https://regie.example/fhir/OperationDefinition/as-seen-by", {"Patient"}),
    ("request-access", "https://regie.example/fhir/OperationDefinition/request-access", {"Consent"}),
    ("access-requests", "https://regie.example/fhir/OperationDefinition/access-requests", {"Consent"}),
    ("receipt", "https://regie.example/fhir/OperationDefinition/receipt", {"AuditEvent"}),
    ("expand", f"{_STANDARD}/ValueSet-expand", {"ValueSet"}),
    ("validate-code", f"{_STANDARD}/ValueSet-validate-code", {"ValueSet"}),
    ("validate-code", f"{_STANDARD}/CodeSystem-validate-code", {"CodeSystem"}),
    ("lookup", f"{_STANDARD}/CodeSystem-lookup", {"CodeSystem"}),
    ("subsumes", f"{_STANDARD}/CodeSystem-subsumes", {"CodeSystem"}),
    ("summary", "http://hl7.org/fhir/uv/ips/OperationDefinition/summary", {"Patient"}),
)
"""Name, definition, and where it is done: for the whole system, for one type, for every type that is kept."""
_ONLY_R4 = ("summary",)
_OPERATIONS_ONLY = ("CodeSystem", "ValueSet")
"""Types of which this server keeps nothing, and knows what is in packages and in FHIR."""
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=8)
def _statement(release: Release, base_url: str, declared: Declared, form: Format) -> bytes:
    body = _encode(statement_tree(release, base_url, declared))
    return to_xml(release, body) if form is Format.XML else body


def capability_statement(context: Context, release: Release, form: Format) -> bytes:
    """Return the statement, made once for each format: anybody may ask for it."""
    declared = context.conformance.declared.get(release, Declared())
    return _statement(release, context.base_url, declared, form)


def statement_tree(release: Release, base_url: str, declared: Declared | None = None) -> dict[str, Any]:
    """Return the statement as a tree; ``declared`` are the profiles of the packages that are loaded."""
    base = f"{base_url}/fhir/{release.path}"
    operated = () if release is Release.STU3 else _OPERATIONS_ONLY
    types = sorted((resource_types(release) - NOT_KEPT).union({"AuditEvent"}, operated))
    tree: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "name": "Regie",
        "title": "Regie, a personal health record",
        "status": "active",
        "date": PUBLISHED,
        "kind": "instance",
        "instantiates": [f"{_BULK_DATA}/CapabilityStatement/bulk-data"],
        "software": {"name": "Regie", "version": _version()},
        "implementation": {"description": "A personal health record server", "url": base},
        "fhirVersion": release.fhir_version,
        "format": [form.value for form in Format],
        "patchFormat": [form.value for form in (PatchForm.JSON, PatchForm.MERGE)] + [form.value for form in Format],
        "rest": [
            {
                "mode": "server",
                "security": _security(release, base_url),
                "resource": [_resource(release, name) for name in types],
                "interaction": [{"code": code} for code in ("batch", "transaction", "history-system", "search-system")],
                "searchParam": _of_all_types(release),
                "operation": _operations(release, _SYSTEM),
                "compartment": [compartment_url(owner) for owner in OWNERS],
            }
        ],
    }
    if release is Release.STU3:
        tree["acceptUnknown"] = "no"
    _add_profiles(release, tree, declared or Declared())
    return tree


def _add_profiles(release: Release, tree: dict[str, Any], declared: Declared) -> None:
    """Put in which profiles hold for a type, and which can be checked: STU3 has one list of these."""
    if release is Release.STU3 and declared.supported:
        tree["profile"] = [{"reference": url} for _, url in declared.supported]
    for resource in tree["rest"][0]["resource"]:
        supported = [url for name, url in declared.supported if name == resource["type"]]
        if supported and release is not Release.STU3:
            resource["supportedProfile"] = supported
        for url in declared.of(resource["type"])[:1]:
            resource["profile"] = url if release is not Release.STU3 else {"reference": url}


def _version() -> str:
    return version("regie")


def _security(release: Release, base_url: str) -> dict[str, Any]:
    system = {
        Release.STU3: "http://hl7.org/fhir/restful-security-service",
        Release.R4: "http://terminology.hl7.org/CodeSystem/restful-security-service",
    }[release]
    uris = {"authorize": "authorize", "token": "token", "register": "register", "manage": "access"}
    return {
        "extension": [
            {
                "url": _SMART_EXTENSION,
                "extension": [{"url": name, "valueUri": f"{base_url}/{path}"} for name, path in uris.items()],
            }
        ],
        "cors": True,
        "service": [{"coding": [{"system": system, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}]}],
        "description": "OAuth 2.1 with PKCE for apps, private_key_jwt for practice systems.",
    }


def _resource(release: Release, name: str) -> dict[str, Any]:
    if name in _OPERATIONS_ONLY:
        return {"type": name, "operation": _operations(release, name)}
    if name == "AuditEvent":
        codes = ["read", "search-type"]
        return {
            "type": name,
            "interaction": [{"code": code} for code in codes],
            "documentation": "The log of the record, for the person that it is about; newest first.",
            "searchParam": [
                {"name": name, "definition": f"http://hl7.org/fhir/SearchParameter/AuditEvent-{name}", "type": kind}
                for name, kind in PARAMETERS[release]
            ],
            **({"operation": operations} if (operations := _operations(release, name)) else {}),
        }
    codes = ["read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"]
    supported = definitions(release).supported(name)
    includes = [f"{name}:{parameter.name}" for parameter in supported.values() if parameter.kind == "reference"]
    resource: dict[str, Any] = {
        "type": name,
        "interaction": [{"code": code} for code in codes],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "searchInclude": [*(["*"] if includes else []), *includes],
        "searchRevInclude": [
            f"{parameter.resource_type}:{parameter.name}" for parameter in definitions(release).referring(name)
        ],
        "searchParam": _parameters(supported.values())
        + [{"name": one, "type": "string"} for one in of_the_whole(release, name)]
        + [{"name": RELEASES, "type": "string", "documentation": "both: what either FHIR release holds, as one."}],
        "operation": _operations(release, name),
    }
    return {key: value for key, value in resource.items() if value != []}


def _parameters(supported: Iterable[SearchParameter]) -> list[dict[str, Any]]:
    return [
        {"name": parameter.name, "definition": parameter.url, "type": parameter.kind}
        for parameter in sorted(supported, key=lambda one: one.name)
    ]


def _of_all_types(release: Release) -> list[dict[str, Any]]:
    """Return what a search of several types takes, whichever they are; it has to name them."""
    known = definitions(release)
    first, *others = (known.supported(name) for name in sorted(known.resource_types))
    common = [parameter for name, parameter in first.items() if all(name in one for one in others)]
    documentation = "The types to look for, with commas between them: required."
    return [{"name": "_type", "type": "token", "documentation": documentation}, *_parameters(common)]


def _operations(release: Release, place: str) -> list[dict[str, Any]]:
    """Return the operations of a type, or of the whole system; STU3 has one list for all of them."""
    if release is Release.STU3:
        known = [(name, url) for name, url, _ in _OPERATIONS if place == _SYSTEM and name not in _ONLY_R4]
        return [{"name": name, "definition": {"reference": url}} for name, url in known]
    group = place if place in (_SYSTEM, *NOT_KEPT, *_OPERATIONS_ONLY) else _EVERY_TYPE
    return [{"name": name, "definition": url} for name, url, places in _OPERATIONS if {place, group} & places]
