"""Who shared something with a practice, for the people that work there: a list, and one person with what it rests on.

All are looks within the scope of who asks. Of somebody else there is nothing, not even a number. A name is shown where personal
details were granted, and the role of who looks sees them.

The list is in the log of those whom it shows, a search of those who have the date of birth, and what needs attention of
everybody, since all are looked through for it (decision 32).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant
from app.access.policy import Wish, opened_by, shown_of
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.consent import grants
from app.errors import AccessDeniedError, BadRequestError, NotFoundError
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.news import News, flags, news_of
from app.interactions.prepared import ready
from app.interactions.search import check_number_of_people
from app.store.resources import Stored
from app.store.search.run import read_matches

PATIENT = "Patient"
LOOK = Deed("search-type")
PAGE = 25
TURN = 50
"""People who are looked at before others get their turn."""

PLACE = re.compile(r"(0|-[0-9]{1,6})/(0|-1)/(0|-[0-9]{1,6})/([A-Za-z0-9.-]{1,64})")
FOUND_MAX = 50
"""People that a search shows; who finds more says more of whom they look for."""

People = dict[int, list[Grant]]
"""The grants of each record, those that gave the latest first."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom somebody looks for: all who were born on a day, or those of them whose name begins like ``name``."""

    birth_date: date
    name: str = ""


@dataclass(frozen=True, slots=True)
class Shared:
    """One person, as far as they shared it: the grants in force, the newest first, and what of them is shown.

    ``patient`` is None where no personal details are shown. ``news`` is for the one who looks, who may
    add to the parts ``addable`` and change what is in ``changeable``.
    """

    grants: tuple[Grant, ...]
    shown: Category
    patient: Stored | None
    news: News
    addable: Category
    changeable: Category

    @property
    def record_id(self) -> int:
        """Return the record of the person; it is not for pages."""
        return self.grants[0].record_id

    @property
    def key(self) -> str:
        """Return the grant by which pages name the person."""
        return self.grants[0].grant_id

    @property
    def is_granted_anew(self) -> bool:
        """Return whether a grant was given or changed since the reader last said that they saw it."""
        return self.news.seen_at is not None and self.grants[0].given_at > self.news.seen_at

    @property
    def attention(self) -> tuple[int, bool, int]:
        """Return how much the person needs attention; the highest comes first."""
        news = self.news
        return len(news.alarms), bool(news.counts) or self.is_granted_anew, news.count + news.is_cut


@dataclass(frozen=True, slots=True)
class SharedPage:
    """Part of the list; ``next`` is the key after which it goes on, None at the end. ``is_cut``: there are more than shown."""

    people: tuple[Shared, ...]
    next: str | None = None
    is_cut: bool = False


async def shared_people(context: Context, requester: Requester, trace: Trace, after: str | None = None) -> SharedPage:
    """Return a page of those who shared something with the requester's practice, who did so last first.

    Raises: NotFoundError, when ``after`` is no key of this list (any more).
    """

    async def action(scope: AccessScope, people: People) -> tuple[SharedPage, Sequence[Touched]]:
        every = list(people.values())
        first = 0
        if after is not None:
            places = [place for place, given in enumerate(every) if given[0].grant_id == after]
            if not places:
                raise NotFoundError("The list has changed.")
            first = places[0] + 1
        chosen = every[first : first + PAGE]
        part = scope.only(given[0].record_id for given in chosen)
        patients = await _patients(context, part)
        shown = await _shown(context, requester, part, chosen, patients)
        following = chosen[-1][0].grant_id if first + PAGE < len(every) else None
        return SharedPage(tuple(shown), following), _saw_patients(part, patients) + _saw_news(part, shown)

    return await _people(context, requester, trace, action)


async def people_born(context: Context, requester: Requester, trace: Trace, sought: Sought) -> SharedPage:
    """Return who of those who shared personal details was born on a day, and is called so if a name is given.

    Who has that date of birth was looked at, also if the name is another one. Raises: TooCostlyError, among too many people.
    """

    async def action(scope: AccessScope, people: People) -> tuple[SharedPage, Sequence[Touched]]:
        check_number_of_people(scope)
        born = await _patients(context, scope, ("birthdate", sought.birth_date.isoformat()))
        part = scope.only(born)
        named = born
        if sought.name and born:
            name = sought.name.replace("\\", "").replace(",", "\\,")
            named = await _patients(context, part, ("name", name))
        chosen = [given for record_id, given in people.items() if record_id in named]
        shown = await _shown(context, requester, scope, chosen[:FOUND_MAX], named)
        touched = _saw_patients(part, born) + _saw_news(scope, shown)
        return SharedPage(tuple(sorted(shown, key=_place)), is_cut=len(chosen) > FOUND_MAX), touched

    return await _people(context, requester, trace, action)


async def people_in_need(context: Context, requester: Requester, trace: Trace, after: str | None = None) -> SharedPage:
    """Return a page of those of all who shared something who need attention: an alarm, or something new since who looks saw them last.

    They stand in the order of their attention over all pages. Everybody is looked at for each page, so that it is of this moment.
    Raises: TooCostlyError, among too many people; BadRequestError, when ``after`` is none that a page gave.
    """
    before = None if after is None else _read_place(after)

    async def action(scope: AccessScope, people: People) -> tuple[SharedPage, Sequence[Touched]]:
        check_number_of_people(scope)
        found: list[Shared] = []
        searches = flags(context)
        for number, access in enumerate(scope.personal, 1):
            if number % TURN == 0:
                await asyncio.sleep(0)
            if given := people.get(access.record_id):
                found.append(_shared(requester, given, None, await news_of(context, requester, access, searches)))
        needing = sorted((one for one in found if any(one.attention)), key=_place)
        left = [one for one in needing if before is None or _place(one) > before]
        chosen = left[:PAGE]
        part = scope.only(one.record_id for one in chosen)
        patients = await _patients(context, part)
        shown = [replace(one, patient=patients.get(one.record_id)) for one in chosen]
        following = "/".join(map(str, _place(chosen[-1]))) if len(left) > PAGE else None
        return SharedPage(tuple(shown), following), _saw_patients(part, patients) + _saw_news(scope, found)

    return await _people(context, requester, trace, action)


async def shared_person(context: Context, requester: Requester, trace: Trace) -> Shared:
    """Return the one person that the requester looks at (``only_record``), and what the look rests on.

    Raises: AccessDeniedError, when nothing is shared (any more).
    """

    async def action(scope: AccessScope) -> tuple[Shared, Sequence[Touched]]:
        given = (await _listed(context, requester, scope)).get(requester.only_record or DIRECTORY)
        if given is None:  # it ended after the decision
            raise AccessDeniedError("No consent covers this request.")
        patients = await _patients(context, scope)
        (shared,) = await _shown(context, requester, scope, [given], patients)
        return shared, _saw_patients(scope, patients) + _saw_news(scope, [shared])

    return await context.gate.look(requester, trace, Wish(Action.SEARCH, PATIENT), LOOK, action)


async def record_of_key(context: Context, practice_id: str, key: str) -> int:
    """Return the record that a grant to a practice is of, in force or not. Raises: NotFoundError, for one of another."""
    record_id = await grants.record_granted(context.database.reader, practice_id, key)
    if record_id is None:
        raise NotFoundError("This person is not known.")
    return record_id


async def _given(context: Context, requester: Requester) -> list[Grant]:
    """Return the grants in force that show the requester something, the newest first."""
    now, shows = context.clock(), dict[Category, bool]()
    found = []
    for one in await context.gate.grants_of(requester):
        if one.categories not in shows:
            shows[one.categories] = bool(shown_of(one, requester.staff_role) & ALL_PARTS)
        if shows[one.categories] and one.is_in_force(now):
            found.append(one)
    return sorted(found, key=lambda one: (one.given_at, one.grant_id), reverse=True)


async def _people(
    context: Context,
    requester: Requester,
    trace: Trace,
    choose: Callable[[AccessScope, People], Awaitable[tuple[SharedPage, Sequence[Touched]]]],
) -> SharedPage:
    """Return what is chosen of all who shared something, by the grants on which the scope rests."""
    if not await _given(context, requester):
        return SharedPage(())

    async def action(scope: AccessScope) -> tuple[SharedPage, Sequence[Touched]]:
        return await choose(scope, await _listed(context, requester, scope))

    return await context.gate.look(requester, trace, Wish(Action.SEARCH, PATIENT), LOOK, action)


async def _listed(context: Context, requester: Requester, scope: AccessScope) -> People:
    """Return the grants on which the scope rests, by record, those that gave the latest first."""
    people: People = {}
    opened = {access.record_id for access in scope.personal}
    for grant in await _given(context, requester):
        if grant.record_id in opened:
            people.setdefault(grant.record_id, []).append(grant)
    return people


def _shared(requester: Requester, given: list[Grant], patient: Stored | None, news: News) -> Shared:
    role = requester.staff_role
    shown, addable, changeable = Category(0), Category(0), Category(0)
    for grant in given:
        shown |= shown_of(grant, role)
        addable |= opened_by(grant, role, Action.CREATE)
        changeable |= opened_by(grant, role, Action.UPDATE)
    return Shared(tuple(given), shown, patient, news, addable, changeable)


async def _shown(
    context: Context,
    requester: Requester,
    scope: AccessScope,
    chosen: Sequence[list[Grant]],
    patients: Mapping[int, Stored],
) -> list[Shared]:
    """Return the people who gave the ``chosen`` grants, each with what is new."""
    found, searches = [], flags(context)
    for given in chosen:
        access = scope.of(given[0].record_id)
        if access is not None:
            news = await news_of(context, requester, access, searches)
            found.append(_shared(requester, given, patients.get(access.record_id), news))
    return found


def _place(one: Shared) -> tuple[int, int, int, str]:
    """Return where somebody stands in the order of attention: who needs most first, each at a place of their own."""
    alarms, is_new, count = one.attention
    return -alarms, -is_new, -count, one.key


def _read_place(text: str) -> tuple[int, int, int, str]:
    """Return a place that stood in the link to the next page. Raises: BadRequestError."""
    found = PLACE.fullmatch(text)
    if found is None:
        raise BadRequestError("This is not a place in the list.")
    return int(found[1]), int(found[2]), int(found[3]), found[4]


def _saw_patients(scope: AccessScope, patients: Mapping[int, Stored]) -> list[Touched]:
    """Return what to log of Patients that were read."""
    return [
        Touched(access.record_id, access.reason, 1, PATIENT)
        for access in scope.personal
        if access.record_id in patients
    ]


def _saw_news(scope: AccessScope, people: Iterable[Shared]) -> list[Touched]:
    """Return what to log of people whose changes and alarms were looked through, also where there were none."""
    counts = {one.record_id: one.news.count + len(one.news.alarms) for one in people}
    return [
        Touched(access.record_id, access.reason, counts[access.record_id], interaction="operation-delta")
        for access in scope.personal
        if access.record_id in counts
    ]


async def _patients(context: Context, scope: AccessScope, *pairs: tuple[str, str]) -> dict[int, Stored]:
    """Return a Patient of each record that has one that matches; R4 goes before STU3."""
    people = AccessScope(scope.personal)
    found: dict[int, Stored] = {}
    for release in (Release.R4, Release.STU3):
        run = ready(context, release, PATIENT, pairs, lenient=False).run
        matches = await run.page(context.database.reader, people, None, len(people.records))
        begin = 0
        while begin < len(matches):
            page, read = await read_matches(matches[begin:])
            begin += read
            for one in page:
                found.setdefault(one.version.record_id, one.version)
    return found
