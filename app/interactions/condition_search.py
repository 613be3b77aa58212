"""The search of a conditional interaction: what it asks for, and whether it finds none, one or more.

Spec: https://hl7.org/fhir/R4/http.html#cond-update, https://hl7.org/fhir/STU3/http.html#cond-update
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from app.access.scope import AccessScope
from app.db.database import Timed, Transaction
from app.errors import BadRequestError
from app.fhir.release import Release
from app.fhir.search.expression import Search
from app.fhir.search.parse import parse_query
from app.interactions.conditions import without_url
from app.interactions.context import Context
from app.store.resources import Stored
from app.store.search.run import Run, read_matches

CONDITIONS_SECONDS = 1.0
"""How long the conditions of one transaction may take in all: nobody else's change is written meanwhile."""
_QUICK_SECONDS = 0.005
"""What one that an index answers takes at most, and which is not counted."""


def condition_of(context: Context, release: Release, resource_type: str, query: str) -> Search:
    """Return what a condition such as ``identifier=a|b`` asks for.

    A parameter without a value, which a search passes over, is refused: what is written would be found by less than was meant.
    Raises: BadRequestError.
    """
    try:
        pairs = parse_qsl(without_url(query, resource_type), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        message = "A condition is not readable: percent-encoded UTF-8."
        raise BadRequestError(message) from error
    if not all(value.strip() for _, value in pairs):
        message = "In a condition, every parameter needs a value."
        raise BadRequestError(message)
    search = parse_query(
        release, resource_type, pairs, time_zone=context.time_zone, lenient=False,
        page_size_default=2, page_size_max=2, base_urls=(context.fhir_base(release),), now=context.clock(),
        terminology=context.conformance.terminology(release),
    )  # fmt: skip
    if not search.criteria and not search.links:
        message = "A condition needs at least one search parameter."
        raise BadRequestError(message)
    return search


@dataclass(slots=True)
class ConditionSearches:
    """The searches for the conditions of one transaction, and for how long there may be more of them."""

    seconds_left: float = field(default_factory=lambda: CONDITIONS_SECONDS)

    async def first_two(
        self, context: Context, transaction: Transaction, release: Release, condition: Search, scope: AccessScope
    ) -> list[Stored]:
        """Return the first two resources that the condition finds in the scope, or fewer. Raises: TooCostlyError."""
        timed = Timed(transaction, self.seconds_left)
        try:
            run = Run(context.index_key, release, condition)
            return [
                one.version
                for match in await run.page(timed, scope, None, 2)
                for one in (await read_matches([match]))[0]
            ]
        finally:
            self.seconds_left -= max(timed.spent - _QUICK_SECONDS, 0)
