"""How a page reads the record: always through the interactions, as the person, with one trace for the whole page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import BinaryIO, Protocol
from zoneinfo import ZoneInfo

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.requester import Requester
from app.access.scope import RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.audit.log import LogEntry
from app.consent.requests import Wanted
from app.db.database import Transaction
from app.fhir.elements import Tree
from app.fhir.own_plan import New
from app.fhir.release import Release
from app.identity.practices import Practice
from app.identity.staff_looks import StaffLook
from app.interactions.access_requests import Asked
from app.interactions.answers import Answers
from app.interactions.archive import Paper
from app.interactions.corrections import Correction
from app.interactions.log import SoughtEntry
from app.interactions.newest import Newest
from app.interactions.own_words import Edit
from app.interactions.restore import Brought
from app.interactions.self_measured import Change, Typed
from app.interactions.series import Choose, Sampled, Series
from app.interactions.shared import Shared, SharedPage, Sought

ONE_RELEASE = {
    "ServiceRequest": (Release.R4,),
    "ProcedureRequest": (Release.STU3,),
    "ReferralRequest": (Release.STU3,),
}
"""Types that only one of the releases has."""

PAGES_MAX = 20
"""Pages of one search that a page of the portal takes in: 20,000 resources."""


class Found(Protocol):
    """A stored resource."""

    @property
    def release(self) -> Release: ...  # noqa: D102 - that it is of
    @property
    def version(self) -> int: ...  # noqa: D102 - the number of the current one
    def tree(self) -> Tree: ...  # noqa: D102 - the current body


class ResultPage(Protocol):
    """One page of what a search found; ``next`` is the cursor of the page after it, None at the end."""

    @property
    def matches(self) -> tuple[Found, ...]: ...  # noqa: D102
    @property
    def included(self) -> tuple[Found, ...]: ...  # noqa: D102
    @property
    def next(self) -> str | None: ...  # noqa: D102
    @property
    def total(self) -> int | None: ...  # noqa: D102 - of all matches, where it was asked


class OldVersion(Protocol):
    """A version of a resource, with when it was written."""

    @property
    def release(self) -> Release: ...  # noqa: D102
    @property
    def resource_type(self) -> str: ...  # noqa: D102
    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def seq(self) -> int: ...  # noqa: D102 - the number of its change in the record
    @property
    def deleted(self) -> bool: ...  # noqa: D102 - it has no body then
    @property
    def last_updated(self) -> datetime: ...  # noqa: D102
    def tree(self) -> Tree: ...  # noqa: D102


class AuthoredVersion(Protocol):
    """A version and who wrote it: ``person``, or a word for what they are, a colon, and their number."""

    @property
    def version(self) -> OldVersion: ...  # noqa: D102
    @property
    def actor(self) -> str: ...  # noqa: D102


class LogPage(Protocol):
    """Part of a record's log, newest first; ``next`` is the cursor of what came before it, None at the end."""

    @property
    def entries(self) -> tuple[LogEntry, ...]: ...  # noqa: D102
    @property
    def next(self) -> str | None: ...  # noqa: D102
    @property
    def firsts(self) -> frozenset[int]: ...  # noqa: D102 - entries that are the first of a practice


class FoundIssue(Protocol):
    """What is wrong with a resource, and where."""

    @property
    def diagnostics(self) -> str: ...  # noqa: D102
    @property
    def expression(self) -> str | None: ...  # noqa: D102


class FoundVersion(Protocol):
    """Which resource, and when it was written."""

    @property
    def resource_type(self) -> str: ...  # noqa: D102
    @property
    def last_updated(self) -> datetime: ...  # noqa: D102


class FoundMisfit(Protocol):
    """A resource that does not keep what was agreed."""

    @property
    def version(self) -> FoundVersion: ...  # noqa: D102
    @property
    def issues(self) -> Sequence[FoundIssue]: ...  # noqa: D102


class CountedSeen(Protocol):
    """How many resources of one type there are in the same categories."""

    @property
    def categories(self) -> int: ...  # noqa: D102
    @property
    def resource_type(self) -> str: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102


class Preview(Protocol):
    """What a practice or a helper sees: ``access`` None is nothing."""

    @property
    def name(self) -> str: ...  # noqa: D102 - of who sees
    @property
    def access(self) -> RecordAccess | None: ...  # noqa: D102
    @property
    def counts(self) -> Sequence[CountedSeen]: ...  # noqa: D102


class Leave(Protocol):
    """Whether a requester may do something with a grant; each method raises AccessDeniedError if not."""

    @property
    def rests_on(self) -> str | None: ...  # noqa: D102 - the grant that what is given rests on

    async def to(self, action: Action) -> RecordAccess:
        """Return the access on which grants may be created, updated or deleted."""
        ...

    async def to_give(self, grantee: Grantee, categories: Category, actions: Action, until: datetime) -> None:
        """Do nothing if ``grantee`` may be given this."""
        ...

    async def to_change(self, grant: Grant) -> None:
        """Do nothing if this grant may be changed or withdrawn."""
        ...

    async def to_agree(self, grant: Grant) -> None:
        """Do nothing if the requester is the child whose yes this representation needs."""
        ...


class Interactions(Protocol):
    """What a page needs of the interactions."""

    async def search(  # noqa: D102
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, pairs: list[tuple[str, str]]
    ) -> ResultPage: ...

    async def read(  # noqa: D102
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, resource_id: str
    ) -> Found: ...

    async def newest_of_each(self, requester: Requester, trace: Trace, wanted: Newest) -> Sequence[Sequence[Found]]:
        """Return for each search the latest by date that match, or all if they are few; together they are one look."""
        ...

    async def series(self, requester: Requester, trace: Trace, wanted: Series, choose: Choose) -> Sampled:
        """Return all values of some series, and whole those that are chosen; or whole all, if they are few."""
        ...

    async def add_measurements(
        self, requester: Requester, trace: Trace, measured: Sequence[Typed], key: str
    ) -> Sequence[object]:
        """Write measurements that were typed, together and once: with a ``key`` that came before nothing is written.

        Raises: DuplicateError (the key came with other values), AccessDeniedError, UnprocessableError.
        """
        ...

    async def change_measurement(self, requester: Requester, trace: Trace, change: Change) -> object:
        """Correct a measurement that the person made, or take it back.

        Raises: PreconditionFailedError (changed in the meantime), AccessDeniedError, NotFoundError, GoneError.
        """
        ...

    async def add_own(
        self, requester: Requester, trace: Trace, words: New, key: str, releases: Sequence[Release] = ...
    ) -> object:
        """Keep what somebody wrote, once: with a ``key`` that came before nothing is written. ``releases``: of the first that fits.

        Raises: DuplicateError (the key came with other words), AccessDeniedError, UnprocessableError (the record has no Patient).
        """
        ...

    async def change_own(self, requester: Requester, trace: Trace, edit: Edit, key: str) -> object:
        """Change what a person wrote, once.

        Raises: PreconditionFailedError (changed in the meantime), DuplicateError, AccessDeniedError, NotFoundError, GoneError.
        """
        ...

    async def written_history(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, count: int
    ) -> Sequence[AuthoredVersion]:
        """Return the newest versions of a type in the requester's record, with who wrote them. Raises: AccessDeniedError."""
        ...

    async def keep_answers(self, requester: Requester, trace: Trace, answers: Answers, key: str) -> Sequence[object]:
        """Write the answers to a questionnaire, and end its task: once, with a ``key`` that came before nothing is written.

        Raises: DuplicateError (the key came with other answers), PreconditionFailedError, AccessDeniedError, UnprocessableError.
        """
        ...

    async def options_of(self, release: Release, url: str, contained: Tree | None, most: int) -> list[Tree]:
        """Return the codes of a value set as Codings, at most ``most``; none when they aren't known here."""
        ...

    async def grants_of(self, requester: Requester, trace: Trace) -> list[Grant]:
        """Return all versions of all grants of the requester's record, the newest first. Raises: AccessDeniedError."""
        ...

    async def change_access(
        self,
        requester: Requester,
        trace: Trace,
        interaction: str,
        job: Callable[[Transaction, "Leave"], Awaitable[Sequence[Event]]],
    ) -> None:
        """Do with the grants of the record what ``job`` does, as far as it gets leave; it returns what to log."""
        ...

    async def misfits_of(self, requester: Requester, trace: Trace) -> Sequence[FoundMisfit]:
        """Return what was kept though it does not keep what was agreed, newest first."""
        ...

    async def log_of(  # noqa: D102
        self, requester: Requester, trace: Trace, before: str | None, count: int, wanted: SoughtEntry | None = None
    ) -> LogPage: ...

    def log_lines(self, requester: Requester, trace: Trace) -> AsyncIterator[bytes]:
        """Return the log as sealed lines of JSON, one at a time."""
        ...

    def log_table(self, requester: Requester, trace: Trace) -> AsyncIterator[bytes]:
        """Return the log as lines of CSV, one at a time."""
        ...

    def archive(
        self, requester: Requester, trace: Trace, record_id: int, paper: Callable[[ZoneInfo], Paper]
    ) -> AsyncIterator[bytes]:
        """Return all of a record as a signed zip, piece by piece."""
        ...

    async def printed(
        self, requester: Requester, trace: Trace, record_id: int, paper: Callable[[ZoneInfo], Paper]
    ) -> bytes:
        """Return a summary of a record as a PDF."""
        ...

    async def bring_in(self, requester: Requester, trace: Trace, file: BinaryIO, trusted: Collection[str]) -> Brought:
        """Return what an archive brought in; ``trusted`` are names of keys. Raises: UnknownServerError, UnprocessableError."""
        ...

    async def practices_to_ask(self, requester: Requester) -> list[Practice]:
        """Return the practices that can be asked for a correction. Raises: AccessDeniedError."""
        ...

    async def ask_for_correction(self, requester: Requester, trace: Trace, wanted: Correction) -> None:
        """Ask a practice for a correction. Raises: AccessDeniedError, UnprocessableError."""
        ...

    async def erase(self, requester: Requester, trace: Trace, record_id: int, language: str) -> bytes:
        """Return the proof that a record was erased, which is mailed in ``language`` too. Raises: AccessDeniedError."""
        ...

    async def receipt(self, requester: Requester, trace: Trace, number: int) -> bytes:
        """Return an entry of the log and its seal. Raises: NotFoundError."""
        ...

    async def log_faults(self, requester: Requester, trace: Trace) -> list[str]:
        """Return one sentence per fault of the log, none when it is sound."""
        ...

    async def shared_people(self, requester: Requester, trace: Trace, after: str | None = None) -> SharedPage:
        """Return a page of those who shared something with the practice of who asks."""
        ...

    async def people_born(self, requester: Requester, trace: Trace, sought: Sought) -> SharedPage:
        """Return who of them was born on a day. Raises: TooCostlyError."""
        ...

    async def people_in_need(self, requester: Requester, trace: Trace) -> SharedPage:
        """Return who of them needs attention. Raises: TooCostlyError."""
        ...

    async def mark_seen(self, requester: Requester, trace: Trace, look: StaffLook) -> None:
        """Keep that who asks saw what changed of the person that they look at. Raises: AccessDeniedError."""
        ...

    async def shared_person(self, requester: Requester, trace: Trace) -> Shared:
        """Return the one person that who asks looks at. Raises: AccessDeniedError, when nothing is shared."""
        ...

    async def record_of_key(self, practice_id: str, key: str) -> int:
        """Return the record that a grant to a practice is of. Raises: NotFoundError."""
        ...

    async def request_access(self, requester: Requester, trace: Trace, code: str, wanted: Wanted) -> Asked:
        """Return the request of the requester's practice to the person who made the code."""
        ...

    async def access_requests(self, requester: Requester, trace: Trace) -> list[Asked]:
        """Return what the requester's practice asked for, the newest first."""
        ...

    async def preview(self, requester: Requester, trace: Trace, grant: Grant, at: datetime | None) -> Preview:
        """Return what the practice or helper of a grant sees of the requester's record, now or at an instant in the past."""
        ...


class Reading:
    """The record during one page view. ``now`` is a local instant of the person's time zone."""

    def __init__(
        self, interactions: Interactions, requester: Requester, trace: Trace, now: datetime, zone: ZoneInfo
    ) -> None:
        self._interactions = interactions
        self._requester = requester
        self._trace = trace
        self.now = now
        self.zone = zone

    @property
    def today(self) -> date:
        """Return the date where the person lives."""
        return self.now.date()

    async def all(self, resource_type: str, *pairs: tuple[str, str]) -> list[Tree]:
        """Return every resource of a type that the search parameters match, of both releases."""
        return [one.tree() for one in await self.found(resource_type, *pairs)]

    async def found(self, resource_type: str, *pairs: tuple[str, str]) -> list[Found]:
        """Return what ``all`` does, with version and release."""
        releases = ONE_RELEASE.get(resource_type, tuple(Release))
        found = await asyncio.gather(*(self._of_release(release, resource_type, list(pairs)) for release in releases))
        return [one for several in found for one in several]

    async def newest(self, resource_type: str, searches: Sequence[list[tuple[str, str]]], most: int) -> list[Tree]:
        """Return the ``most`` latest resources that each search matches, or all if they are few, of both releases in one look."""
        found = await asyncio.gather(
            *(
                self._interactions.newest_of_each(
                    self._requester, self._trace, Newest(release, resource_type, searches, most)
                )
                for release in ONE_RELEASE.get(resource_type, tuple(Release))
            )
        )
        return [one.tree() for searched in found for matches in searched for one in matches]

    async def read(self, release: Release, resource_type: str, resource_id: str) -> Found:
        """Return one resource. Raises: NotFoundError, GoneError, AccessDeniedError."""
        return await self._interactions.read(self._requester, self._trace, release, resource_type, resource_id)

    async def latest(
        self, resource_type: str, most: int, by: Mapping[Release, str], *pairs: tuple[str, str]
    ) -> list[Found]:
        """Return the first ``most`` of each release that the search parameters match, sorted by a parameter of that release."""
        found = await asyncio.gather(
            *(
                self._of_release(release, resource_type, [*pairs, ("_sort", order), ("_count", str(most))], enough=most)
                for release, order in by.items()
            )
        )
        return [one for several in found for one in several[:most]]

    async def series(self, wanted: Callable[[Release], Series], choose: Choose) -> list[Sampled]:
        """Return what each release has of some series of Observations."""
        return await asyncio.gather(
            *(self._interactions.series(self._requester, self._trace, wanted(release), choose) for release in Release)
        )

    async def count(self, resource_type: str, *pairs: tuple[str, str]) -> int:
        """Return how many resources of a type the search parameters match, of both releases."""
        asked = [*pairs, ("_summary", "count")]
        found = await asyncio.gather(
            *(
                self._interactions.search(self._requester, self._trace, release, resource_type, asked)
                for release in ONE_RELEASE.get(resource_type, tuple(Release))
            )
        )
        return sum(page.total or 0 for page in found)

    async def history(self, resource_type: str, most: int) -> list[AuthoredVersion]:
        """Return the newest versions of a type, ``most`` of each release, with who wrote them."""
        found = await asyncio.gather(
            *(
                self._interactions.written_history(self._requester, self._trace, release, resource_type, most)
                for release in ONE_RELEASE.get(resource_type, tuple(Release))
            )
        )
        return [one for several in found for one in several]

    async def several(self, *resource_types: str) -> list[list[Tree]]:
        """Return all resources of each type, in the order asked."""
        return list(await asyncio.gather(*(self.all(resource_type) for resource_type in resource_types)))

    async def _of_release(
        self, release: Release, resource_type: str, pairs: list[tuple[str, str]], enough: int | None = None
    ) -> list[Found]:
        several: list[Found] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            asked = [*pairs, ("_cursor", cursor)] if cursor else pairs
            page = await self._interactions.search(self._requester, self._trace, release, resource_type, asked)
            several += page.matches
            cursor = page.next
            if cursor is None or (enough is not None and len(several) >= enough):
                break
        return several
