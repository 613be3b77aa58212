"""The kinds of resources that a scope with tokens opens, in words; pure.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from urllib.parse import urlsplit

from app.access.smart_scope import Narrowed
from app.portal.formats import capital
from app.portal.kinds import KINDS
from app.portal.language import Language, marked
from app.portal.wording import type_words

_OBSERVATION = (
    "http://hl7.org/fhir/observation-category",
    "http://terminology.hl7.org/CodeSystem/observation-category",
)
_CONDITION = ("http://hl7.org/fhir/condition-category", "http://terminology.hl7.org/CodeSystem/condition-category")
_OF_OBSERVATIONS = {
    "vital-signs": marked("blood pressure, weight, temperature and the like"),
    "laboratory": marked("results of blood and urine"),
    "survey": marked("answers to questionnaires"),
    "social-history": marked("how you live, such as smoking"),
    "activity": marked("exercise and activity"),
    "imaging": marked("pictures and scans"),
    "exam": marked("what a doctor found when examining you"),
    "procedure": marked("what was measured during a treatment"),
    "therapy": marked("how a treatment went"),
}
_OF_CONDITIONS = {
    "problem-list-item": marked("what is on your list of problems"),
    "encounter-diagnosis": marked("what was found at a visit"),
}
WORDS = {
    **{(system, code): text for system in _OBSERVATION for code, text in _OF_OBSERVATIONS.items()},
    **{(system, code): text for system in _CONDITION for code, text in _OF_CONDITIONS.items()},
}
_MEASUREMENTS = {coding: kind.name for kind in KINDS for coding in kind.codes}


def kind_key(kind: Narrowed) -> str:
    """Return the name of a kind in a form: ``Observation?category=system|code``."""
    tokens = sorted(f"{name}={system}|{code}" for name, system, code in kind.tokens)
    return f"{kind.resource_type}?{'&'.join(tokens)}"


def kind_words(kind: Narrowed, language: Language) -> str:
    """Return what a kind is, as people read it; a code that has no words here is told as it is."""
    told = [_token_words(system, code, language) for _, system, code in sorted(kind.tokens)]
    return f"{capital(type_words(kind.resource_type, language))}: {', '.join(told)}"


def _token_words(system: str, code: str, language: Language) -> str:
    if (system, code) in WORDS:
        return language.gettext(WORDS[system, code])
    if (system, code) in _MEASUREMENTS:
        name = language.gettext(_MEASUREMENTS[system, code])
        return name[:1].lower() + name[1:]
    return language.gettext("only what has the code %(code)s of %(list)s") % {
        "code": code,
        "list": urlsplit(system).hostname or system,
    }
