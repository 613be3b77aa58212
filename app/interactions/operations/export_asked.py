"""What a bulk export is asked for: whose data, of which types, and what of it is left out.

A filter is a search of one type. It asks what a resource says, so that what tells how matches are shown has no place in it, nor
has ``_has``, which asks what others say. It is never passed over: that would bring more than was asked for.

Spec: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qsl

from app.access.scope import AccessScope
from app.db.database import Reader
from app.errors import AccessDeniedError, BadRequestError
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.search.definitions import definitions
from app.fhir.search.expression import Chained, Combined, Link, Referred, Search
from app.fhir.search.subset import element_names
from app.fhir.validation.structure import is_resource_type
from app.interactions.context import Context
from app.interactions.placement import record_of_patient
from app.interactions.prepared import parsed_search
from app.jobs.exports import Narrowing

FILTERS_MAX = 20
PATIENTS_MAX = 5000
_RESULTS = re.compile(
    r"_(count|cursor|sort|summary|elements|total|include|revinclude|contained|containedType|format|pretty)(:.*)?"
)
"""Parameters that say how matches are shown."""
_BETWEEN = re.compile(r",(?=[A-Z][A-Za-z]*\?)")
"""The comma between two filters: behind it is another type. Others belong to a value."""

_PATIENT = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})")


class Level(Enum):
    """Of whom: everybody with the directory, all patients, or the patients who granted something to one practice."""

    SYSTEM = "system"
    PATIENT = "patient"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an export is asked for; ``since`` in microseconds UTC, ``types`` empty for all, ``group`` the id of a practice.

    ``patients`` are the ids of those that it is about, None for all.
    """

    level: Level
    request: str
    types: frozenset[str] = frozenset()
    since: int = 0
    group: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] | None = None


def read_types(release: Release, texts: Iterable[str]) -> frozenset[str]:
    """Return the types that ``_type`` names. Raises: BadRequestError."""
    named = [name.strip() for text in texts for name in text.split(",")]
    if not all(is_resource_type(release, name) and name not in NOT_KEPT for name in named):
        message = "_type takes resource types that this server keeps, with commas between them."
        raise BadRequestError(message)
    return frozenset(named)


def read_filters(
    context: Context, release: Release, texts: Iterable[str], types: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """Return the filters of ``_typeFilter``, as type and query; ``types`` are those that are exported, empty for all.

    Raises: BadRequestError.
    """
    filters = tuple(_filter(release, one, types) for text in texts for one in _BETWEEN.split(text))
    if len(filters) > FILTERS_MAX:
        message = f"An export takes {FILTERS_MAX} filters."
        raise BadRequestError(message)
    for resource_type, query in filters:
        search_of(context, release, resource_type, query)
    return filters


def _filter(release: Release, text: str, types: frozenset[str]) -> tuple[str, str]:
    resource_type, mark, query = text.strip().partition("?")
    if not mark or not query or not is_resource_type(release, resource_type) or resource_type in NOT_KEPT:
        message = "_typeFilter takes searches of a type, such as Observation?code=8480-6, with commas between them."
        raise BadRequestError(message)
    if types and resource_type not in types:
        message = f"A filter is about {resource_type}, which _type leaves out."
        raise BadRequestError(message)
    return resource_type, query


def search_of(context: Context, release: Release, resource_type: str, query: str) -> Search:
    """Return what a filter asks. Raises: BadRequestError, UnknownParameterError."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=100)
    except (ValueError, UnicodeDecodeError) as error:
        message = "A filter is not readable: percent-encoded UTF-8, at most 100 parameters."
        raise BadRequestError(message) from error
    if any(_RESULTS.fullmatch(name) for name, _ in pairs):
        message = "A filter says what resources have to meet, and not how they are shown, sorted or included."
        raise BadRequestError(message)
    parsed = parsed_search(context, release, resource_type, pairs, lenient=False)
    if any(map(_asks_others, parsed.links)):
        message = "A filter asks of a resource itself: _has has no place in it."
        raise BadRequestError(message)
    return parsed


def _asks_others(link: Link) -> bool:
    if isinstance(link, Combined):
        inner: Sequence[Link] = [one for leaf in link.leaves for one in leaf.links]
    else:
        inner = [one for target in link.targets for one in target.links] if isinstance(link, Chained) else []
    return isinstance(link, Referred) or any(map(_asks_others, inner))


def read_elements(release: Release, texts: Iterable[str], types: frozenset[str]) -> tuple[str, ...]:
    """Return the names in ``_elements``: of an element, in all types that have it, or with one type before it.

    Raises: BadRequestError.
    """
    named = tuple(name.strip() for text in texts for name in text.split(","))
    for name in named:
        before, dot, element = name.rpartition(".")
        if dot:
            is_known = is_resource_type(release, before) and element in element_names(release, before)
        else:
            known = types or definitions(release).resource_types
            is_known = any(element in element_names(release, one) for one in known)
        if not is_known:
            message = "_elements takes elements of resources, such as code or Patient.name, with commas between them."
            raise BadRequestError(message)
    return named


def read_patients(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the patients that ``patient`` refers to. Raises: BadRequestError."""
    matches = [_PATIENT.fullmatch(text) for text in texts]
    if len(texts) > PATIENTS_MAX:
        message = f"An export takes {PATIENTS_MAX} patients: begin several."
        raise BadRequestError(message)
    ids = tuple(match[1] for match in matches if match is not None)
    if len(ids) < len(texts):
        message = "patient takes references such as Patient/[id]."
        raise BadRequestError(message)
    return ids


def shown_of(narrowing: Narrowing, resource_type: str) -> frozenset[str] | None:
    """Return the elements of a type that are shown; None: all, for none of it was named."""
    pairs = [name.rpartition(".") for name in narrowing.elements]
    found = frozenset(element for before, _, element in pairs if before in ("", resource_type))
    return found or None


async def records_named(reader: Reader, release: Release, asked: Asked) -> list[int | None]:
    """Return the records of the patients that are named, None for one that is not there. They may be thousands."""
    return [await record_of_patient(reader, release, one) for one in asked.patients or ()]


def narrowing_of(scope: AccessScope, asked: Asked, records: Sequence[int | None]) -> Narrowing:
    """Return what an export leaves out; ``records`` are ``records_named``.

    Raises: AccessDeniedError, when it names a patient outside the scope, known or not.
    """
    if asked.patients is None:
        return Narrowing(asked.filters, asked.elements)
    known = sorted({record for record in records if record is not None})
    if None in records or len(scope.inside(known)) < len(known):
        message = "No consent covers this request."
        raise AccessDeniedError(message, about=tuple(known))
    return Narrowing(asked.filters, asked.elements, tuple(known))
