"""Who shared something with a practice, for the people that work there: a list, and one person with what it rests on.

Both are looks within the scope of who asks. Of somebody else there is nothing, not even a number. A name is shown where personal
details were granted, and the role of who looks sees them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant
from app.access.policy import Wish, shown_of
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.consent import grants
from app.db.database import Reader
from app.errors import AccessDeniedError, NotFoundError
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.prepared import parsed_search
from app.interactions.search import check_number_of_people, looked_into
from app.store.resources import Stored
from app.store.search.run import Run, read_matches

PATIENT = "Patient"
PAGE = 25
FOUND_MAX = 50
"""People that a search shows; who finds more says more of whom they look for."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom somebody looks for; empty and None for everybody."""

    name: str = ""
    birth_date: date | None = None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the parameters of a FHIR search for them."""
        born = [] if self.birth_date is None else [("birthdate", self.birth_date.isoformat())]
        return [*([("name", self.name.replace("\\", "").replace(",", "\\,"))] if self.name else []), *born]


@dataclass(frozen=True, slots=True)
class Shared:
    """One person, as far as they shared it: the grants in force, the newest first, and what of them is shown.

    ``patient`` is None where no personal details are shown.
    """

    grants: tuple[Grant, ...]
    shown: Category
    patient: Stored | None

    @property
    def record_id(self) -> int:
        """Return the record of the person; it is not for pages."""
        return self.grants[0].record_id

    @property
    def key(self) -> str:
        """Return the grant by which pages name the person."""
        return self.grants[0].grant_id


@dataclass(frozen=True, slots=True)
class SharedPage:
    """Part of the list; ``next`` is the key after which it goes on, None at the end. ``is_cut``: there are more than shown."""

    people: tuple[Shared, ...]
    next: str | None = None
    is_cut: bool = False


async def shared_people(
    context: Context, requester: Requester, trace: Trace, sought: Sought, after: str | None = None
) -> SharedPage:
    """Return those who shared something with the requester's practice: all a page at a time, or those who are sought.

    Raises: NotFoundError, when ``after`` is no key of this list (any more); TooCostlyError, when somebody is sought among too many.
    """
    if not await _given(context.database.reader, requester, context.clock()):
        return SharedPage(())

    async def action(scope: AccessScope) -> tuple[SharedPage, Sequence[Touched]]:
        people = await _listed(context, requester, scope)
        if sought.pairs:
            check_number_of_people(scope)
            patients = await _patients(context, scope, sought.pairs, FOUND_MAX + 1)
            found = [(given, patients[record_id]) for record_id, given in people.items() if record_id in patients]
            page = SharedPage(
                tuple(_shared(requester, given, patient) for given, patient in found[:FOUND_MAX]),
                is_cut=len(found) > FOUND_MAX,
            )
            return page, looked_into(scope, {PATIENT}, [one.patient for one in page.people if one.patient])
        every = list(people.values())
        first = 0
        if after is not None:
            places = [place for place, given in enumerate(every) if given[0].grant_id == after]
            if not places:
                raise NotFoundError("The list has changed.")
            first = places[0] + 1
        chosen = every[first : first + PAGE]
        part = scope.only(given[0].record_id for given in chosen)
        patients = await _patients(context, part, [], None)
        shown = tuple(_shared(requester, given, patients.get(given[0].record_id)) for given in chosen)
        touched = looked_into(part, {PATIENT}, [one.patient for one in shown if one.patient])
        following = chosen[-1][0].grant_id if first + PAGE < len(every) else None
        return SharedPage(shown, following), [one for one in touched if one.count]

    deed = Deed("search-type", None, PATIENT)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, PATIENT), deed, action)


async def shared_person(context: Context, requester: Requester, trace: Trace) -> Shared:
    """Return the one person that the requester looks at (``only_record``), and what the look rests on.

    Raises: AccessDeniedError, when nothing is shared (any more).
    """

    async def action(scope: AccessScope) -> tuple[Shared, Sequence[Touched]]:
        given = (await _listed(context, requester, scope)).get(requester.only_record or DIRECTORY)
        if given is None:  # it ended after the decision
            raise AccessDeniedError("No consent covers this request.")
        patients = await _patients(context, scope, [], None)
        shared = _shared(requester, given, patients.get(given[0].record_id))
        return shared, looked_into(scope, {PATIENT}, [shared.patient] if shared.patient else [])

    deed = Deed("search-type", None, PATIENT)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, PATIENT), deed, action)


async def record_of_key(context: Context, practice_id: str, key: str) -> int:
    """Return the record that a grant to a practice is of, in force or not. Raises: NotFoundError, for one of another."""
    record_id = await grants.record_granted(context.database.reader, practice_id, key)
    if record_id is None:
        raise NotFoundError("This person is not known.")
    return record_id


async def _given(reader: Reader, requester: Requester, now: datetime) -> list[Grant]:
    """Return the grants in force that show the requester something, the newest first."""
    every = await grants.candidates(reader, requester, now)
    shown = [one for one in every if one.is_in_force(now) and shown_of(one, requester.staff_role) & ALL_PARTS]
    return sorted(shown, key=lambda one: (one.given_at, one.grant_id), reverse=True)


async def _listed(context: Context, requester: Requester, scope: AccessScope) -> dict[int, list[Grant]]:
    """Return the grants on which the scope rests, by record, those that gave the latest first."""
    people: dict[int, list[Grant]] = {}
    opened = {access.record_id for access in scope.personal}
    for grant in await _given(context.database.reader, requester, context.clock()):
        if grant.record_id in opened:
            people.setdefault(grant.record_id, []).append(grant)
    return people


def _shared(requester: Requester, given: list[Grant], patient: Stored | None) -> Shared:
    shown = Category(0)
    for grant in given:
        shown |= shown_of(grant, requester.staff_role)
    return Shared(tuple(given), shown, patient)


async def _patients(
    context: Context, scope: AccessScope, pairs: list[tuple[str, str]], most: int | None
) -> dict[int, Stored]:
    """Return a Patient of each record that has one that matches, at most ``most`` of each release; R4 goes before STU3."""
    people = AccessScope(scope.personal)
    found: dict[int, Stored] = {}
    for release in (Release.R4, Release.STU3):
        parsed = parsed_search(context, release, PATIENT, pairs, lenient=False)
        matches = await Run(context.index_key, release, parsed).page(
            context.database.reader, people, None, len(people.records) if most is None else most
        )
        begin = 0
        while begin < len(matches):
            page, read = await read_matches(matches[begin:])
            begin += read
            for one in page:
                found.setdefault(one.version.record_id, one.version)
    return found
