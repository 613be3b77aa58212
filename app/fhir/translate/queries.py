"""A search as the other release would ask it: parameters and codes by the names that they have there.

What means something else in the other release is refused, so that nobody takes half an answer for a whole one.

Spec: https://hl7.org/fhir/R4/searchparameter-registry.html, https://hl7.org/fhir/STU3/searchparameter-registry.html
"""

from collections.abc import Mapping, Sequence

from app.errors import UnknownParameterError
from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.fhir.translate.rules import NOT_DONE
from app.fhir.translate.tables import CODES
from app.fhir.translate.translation import other
from app.fhir.translate.values import system_in

Pairs = Sequence[tuple[str, str]]

_NICTIZ = {"medicationtreatment": "pharmaceutical-treatment-identifier", "periodofuse": "period-of-use"}
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "Appointment": {"incomingreferral": "based-on"},
    "CarePlan": {"definition": "instantiates-canonical"},
    "Communication": {"definition": "instantiates-canonical"},
    "Condition": {"asserted-date": "recorded-date"},
    "DiagnosticReport": {"diagnosis": "conclusion", "image": "media"},
    "DocumentReference": {
        "class": "category",
        "indexed": "date",
        "related-ref": "related",
        "securitylabel": "security-label",
    },
    "Encounter": {"episodeofcare": "episode-of-care", "incomingreferral": "based-on", "reason": "reason-code"},
    "EpisodeOfCare": {"incomingreferral": "incoming-referral"},
    "Immunization": {"practitioner": "performer", "reason": "reason-code", "reason-not-given": "status-reason"},
    "Media": {"subtype": "modality"},
    "MedicationAdministration": {**_NICTIZ, "prescription": "request"},
    "MedicationDispense": _NICTIZ,
    "MedicationRequest": _NICTIZ,
    "MedicationStatement": _NICTIZ,
    "Procedure": {"definition": "instantiates-canonical"},
    "QuestionnaireResponse": {"parent": "part-of"},
}
"""Type -> STU3 parameter -> R4 parameter, apart from ``context``, which is ``encounter`` everywhere."""

_ELSEWHERE = frozenset({"_filter", "_has", "_list", "_profile", "_query"})
"""Parameters that name things of one release in their values."""

_OF_THE_ANSWER = frozenset({"_count", "_elements", "_summary", "_total"})
_STATUS_MADE: Mapping[str, tuple[str, str]] = {
    **{name: (status, standing) for name, (_, status, standing) in NOT_DONE.items()},
    "MedicationStatement": ("not-taken", "stopped"),
}
"""Types whose R4 status is made of a flag besides the STU3 status: the status of what was not done in R4, and in STU3."""

_FLAGS = {"Immunization": "notgiven", "MedicationAdministration": "not-given"}
"""STU3 parameters that ask for the flag; the other types have none."""


def query_in(target: Release, resource_type: str, pairs: Pairs) -> list[tuple[str, str]]:
    """Return what to ask of resources held in ``target`` to find those that ``pairs`` ask in the other release.

    Parameters about the answer, such as ``_count``, are left out. Raises: UnknownParameterError, for a parameter that means
    something else in ``target``; one that is not known there at all is for the parser.
    """
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        if name.partition(":")[0] == "status" and resource_type in _STATUS_MADE:
            found += _status_in(target, resource_type, name, value)
        elif name not in _OF_THE_ANSWER:
            found.append(_pair_in(target, resource_type, name, value))
    return found


def _status_in(target: Release, resource_type: str, name: str, value: str) -> Pairs:
    """Return what asks for a status that is made of more in R4. Raises: UnknownParameterError, where nothing does."""
    not_done, standing = _STATUS_MADE[resource_type]
    asked = value.split(",")
    flag = _FLAGS.get(resource_type)
    if name in ("status", "status:not") and "|" not in value:
        told = [_token_in(target, resource_type, "status", one) for one in asked]
        if target is Release.R4:
            return [(name, ",".join([*told, *([not_done] if standing in asked else [])]))]
        if flag is not None and asked == [not_done]:
            return [(flag if name == "status" else f"{flag}:not", "true")]
        if flag is not None and name == "status" and not_done not in asked:
            return [(name, ",".join(told)), (f"{flag}:not", "true")]
    message = f"{name} of {resource_type} means something else there."
    raise UnknownParameterError(message)


def _pair_in(target: Release, resource_type: str, name: str, value: str) -> tuple[str, str]:
    plain, colon, modifier = name.partition(":")
    plain, dot, chain = plain.partition(".")
    if plain in _ELSEWHERE:
        message = f"{plain} of {resource_type} means something else there."
        raise UnknownParameterError(message)
    if plain == "_sort":
        keys = [key.removeprefix("-") for key in value.split(",")]
        signs = ["-" if key.startswith("-") else "" for key in value.split(",")]
        names = [sign + parameter_in(target, resource_type, key) for sign, key in zip(signs, keys, strict=True)]
        return name, ",".join(names)
    if plain in ("_include", "_revinclude"):
        source, *rest = value.split(":")
        return name, ":".join([source, *(parameter_in(target, source, one) for one in rest[:1]), *rest[1:]])
    renamed = parameter_in(target, resource_type, plain)
    known = definitions(target).supported(resource_type).get(renamed)
    asked = definitions(other(target)).supported(resource_type).get(plain)
    if known is not None and asked is not None and known.kind != asked.kind:
        message = f"{plain} of {resource_type} is another kind of value there."
        raise UnknownParameterError(message)
    if known is not None and known.kind == "token" and not dot and modifier in ("", "not"):
        value = ",".join(_token_in(target, resource_type, plain, one) for one in value.split(","))
    return f"{renamed}{dot}{chain}{colon}{modifier}", value


def parameter_in(target: Release, resource_type: str, name: str) -> str:
    """Return the name in ``target`` of a search parameter of the other release; itself where it has no other."""
    known = definitions(target).supported(resource_type)
    if name in known:
        return name
    renamed = {"context": "encounter", **_RENAMED.get(resource_type, {})}
    if target is Release.STU3:
        renamed = {new: old for old, new in renamed.items()}
    return renamed.get(name, name)


def _token_in(target: Release, resource_type: str, name: str, value: str) -> str:
    """Return one ``system|code``, or ``code``, as the other release writes it."""
    system, bar, code = value.rpartition("|")
    codes = CODES.get((resource_type, name), {})
    if target is Release.STU3:
        codes = {new: old for old, new in codes.items()}
    asked = definitions(other(target)).supported(resource_type).get(name)
    if asked is not None and code in asked.implied.get(system, ()):
        return codes.get(code, code)  # of what it is there by implication, as here
    return f"{system_in(target, system) if bar else ''}{bar}{codes.get(code, code)}"
