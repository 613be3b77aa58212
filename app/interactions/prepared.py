"""What a search asks, made ready to run: read and translated once, whoever it is about.

An app asks the same of each of its people, again and again. What differs is whom it is about: a search that was asked before,
of somebody else, is run as that one was, with the new reference in its place. What was found is not kept, nor of whom it was
asked; and who may see what is decided anew each time, and no part of this.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.errors import NotSupportedError
from app.fhir.compartment import compartment_parameters
from app.fhir.release import Release
from app.fhir.search.definitions import Definitions, definitions
from app.fhir.search.expression import CODED, Criterion, DateValue, Owner, ReferenceValue, Search, Within
from app.fhir.search.parse import parse_query
from app.interactions.context import Context
from app.store.search.run import Run

KEPT_MAX = 512
"""Searches that are kept; the one that came first goes first."""

KEPT_LENGTH_MAX = 1000
"""Characters of a search that is kept."""

_WHOM = frozenset({"patient", "subject"})
_NAMED = re.compile(r"((?:Patient/)?)[A-Za-z0-9\-.]{1,64}")
STAND_IN = "whom-it-is-about"
"""The id that a kept search has in place of somebody's."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Ready:
    """A search, and how it is run."""

    parsed: Search
    run: Run


def ready(
    context: Context,
    release: Release,
    resource_type: str,
    pairs: Pairs,
    *,
    lenient: bool,
    owner: Owner | None = None,
) -> Ready:
    """Return what the parameters ask, cursor apart; ``owner`` is whose compartment is searched, None for none.

    Raises: UnknownParameterError, BadRequestError, NotSupportedError (no such compartment has this type).
    """
    if owner is None and sum(len(name) + len(text) for name, text in pairs) <= KEPT_LENGTH_MAX:
        found = _found(context, release, resource_type, pairs, lenient=lenient)
        if found is not None:
            return found
    parsed = parsed_search(context, release, resource_type, pairs, lenient=lenient)
    if owner is not None:
        parsed = replace(parsed, within=compartment_of(release, resource_type, owner))
    return _made(context, release, parsed)


def _made(context: Context, release: Release, parsed: Search) -> Ready:
    # Consents may be in memory too, and be merged with those that are kept: their index is not walked.
    repeats = parsed.resource_type == "Consent" or sorts_by_repeating(parsed)
    return Ready(parsed, Run(context.index_key, release, parsed, repeats=repeats))


def parsed_search(context: Context, release: Release, resource_type: str, pairs: Pairs, *, lenient: bool) -> Search:
    """Return what the parameters ask, cursor apart. Raises: UnknownParameterError, BadRequestError."""
    return parse_query(
        release,
        resource_type,
        pairs,
        time_zone=context.time_zone,
        lenient=lenient,
        page_size_default=context.limits.page_size_default,
        page_size_max=context.limits.page_size_max,
        base_urls=(context.fhir_base(release),),
        now=context.clock(),
        terminology=context.conformance.terminology(release),
    )


def compartment_of(release: Release, resource_type: str, owner: Owner) -> Within:
    """Return a type in a compartment. Raises: NotSupportedError, when it is in none of that sort."""
    parameters = compartment_parameters(release, resource_type, owner.type)
    if not parameters:
        message = f"{resource_type} is not in a compartment of {owner.type}."
        raise NotSupportedError(message)
    return Within(parameters, owner)


def sorts_by_repeating(parsed: Search) -> bool:
    """Return whether a sort parameter may have more than one value in a resource."""
    return any(sort.parameter.repeats for sort in parsed.sort)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A search about the stand-in; ``whom`` are the criteria that name it, each with its number in the statement."""

    known: Definitions
    ready: Ready
    whom: tuple[tuple[int, int], ...]

    def about(self, named: Sequence[str], pairs: Pairs) -> Ready:
        """Return the same search with these ids in place of the stand-in; ``pairs`` are its parameters."""
        parsed = self.ready.parsed
        criteria, changed = list(parsed.criteria), {}
        for resource_id, (place, number) in zip(named, self.whom, strict=True):
            criteria[place] = changed[number] = _naming(criteria[place], resource_id)
        return Ready(replace(parsed, criteria=tuple(criteria), used=tuple(pairs)), self.ready.run.about(changed))


def _naming(criterion: Criterion, resource_id: str) -> Criterion:
    types = [value.resource_type for value in criterion.values if isinstance(value, ReferenceValue)]
    return replace(criterion, values=tuple(ReferenceValue(one, resource_id) for one in types))


def _found(context: Context, release: Release, resource_type: str, pairs: Pairs, *, lenient: bool) -> Ready | None:
    """Return the search by one that is kept; None, if such searches are not."""
    form, named = [], []
    for pair in pairs:
        match = _NAMED.fullmatch(pair[1]) if pair[0] in _WHOM else None
        if match is None:
            form.append(pair)
        else:
            form.append((pair[0], match[1] + STAND_IN))
            named.append(pair[1][len(match[1]) :])
    key = (release, resource_type, lenient, *form)
    known = definitions(release)
    try:
        kept = context.prepared[key]
    except KeyError:
        if len(context.prepared) >= KEPT_MAX:
            del context.prepared[next(iter(context.prepared))]
        made = _made(context, release, parsed_search(context, release, resource_type, form, lenient=lenient))
        kept = context.prepared[key] = _to_keep(known, made, form, len(named))
    return None if kept is None or kept.known is not known else kept.about(named, pairs)


def _to_keep(known: Definitions, made: Ready, form: Pairs, named: int) -> _Kept | None:
    """Return a search as one to keep; None, if it means something else at another moment, or with other codes at hand.

    One that follows links is not kept either: it holds whom it is about in more than one place.
    """
    parsed, ordered = made.parsed, made.run.plan.ordered
    is_lasting = not any(
        one.modifier in CODED or any(isinstance(value, DateValue) and value.prefix == "ap" for value in one.values)
        for one in parsed.criteria
    )
    if parsed.links or not is_lasting or parsed.used != tuple(form):
        return None
    whom = [
        (place, next(number for number, other in enumerate(ordered) if other is one))
        for place, one in enumerate(parsed.criteria)
        if any(isinstance(value, ReferenceValue) and value.id == STAND_IN for value in one.values)
    ]
    return _Kept(known, made, tuple(whom)) if len(whom) == named else None
