"""What the pages need of the interactions, and of what these return; a member without a docstring says by its name what it is."""

# ruff: noqa: D102 - as above

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
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
from app.fhir.agreed_care_plan import AgreedPlan
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


class Found(Protocol):
    """A stored resource."""

    @property
    def release(self) -> Release: ...  # that it is of
    @property
    def version(self) -> int: ...  # the number of the current one
    @property
    def seq(self) -> int: ...  # the number of the change that made it
    def tree(self) -> Tree: ...  # the current body


class ResultPage(Protocol):
    """One page of what a search found; ``next`` is the cursor of the page after it, None at the end."""

    @property
    def matches(self) -> tuple[Found, ...]: ...
    @property
    def included(self) -> tuple[Found, ...]: ...
    @property
    def next(self) -> str | None: ...
    @property
    def total(self) -> int | None: ...  # of all matches, where it was asked


class OldVersion(Protocol):
    """A version of a resource, with when it was written."""

    @property
    def release(self) -> Release: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def seq(self) -> int: ...  # the number of its change in the record
    @property
    def deleted(self) -> bool: ...  # it has no body then
    @property
    def last_updated(self) -> datetime: ...
    def tree(self) -> Tree: ...


class AuthoredVersion(Protocol):
    """A version and who wrote it: ``person``, or a word for what they are, a colon, and their number."""

    @property
    def version(self) -> OldVersion: ...
    @property
    def actor(self) -> str: ...


class LogPage(Protocol):
    """Part of a record's log, newest first; ``next`` is the cursor of what came before it, None at the end."""

    @property
    def entries(self) -> tuple[LogEntry, ...]: ...
    @property
    def next(self) -> str | None: ...
    @property
    def firsts(self) -> frozenset[int]: ...  # entries that are the first of a practice


class FoundIssue(Protocol):
    """What is wrong with a resource, and where."""

    @property
    def diagnostics(self) -> str: ...
    @property
    def expression(self) -> str | None: ...


class FoundVersion(Protocol):
    """Which resource, and when it was written."""

    @property
    def resource_type(self) -> str: ...
    @property
    def last_updated(self) -> datetime: ...


class FoundMisfit(Protocol):
    """A resource that does not keep what was agreed."""

    @property
    def version(self) -> FoundVersion: ...
    @property
    def issues(self) -> Sequence[FoundIssue]: ...


class CountedSeen(Protocol):
    """How many resources of one type there are in the same categories."""

    @property
    def categories(self) -> int: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def count(self) -> int: ...


class Preview(Protocol):
    """What a practice or a helper sees: ``access`` None is nothing."""

    @property
    def name(self) -> str: ...  # of who sees
    @property
    def access(self) -> RecordAccess | None: ...
    @property
    def counts(self) -> Sequence[CountedSeen]: ...


class Leave(Protocol):
    """Whether a requester may do something with a grant; each method raises AccessDeniedError if not."""

    @property
    def rests_on(self) -> str | None: ...  # the grant that what is given rests on

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

    async def is_first(self, key: str, *said: str) -> bool:
        """Return whether this was not done before under this key. Raises: DuplicateError, when something else was."""
        ...


class Interactions(Protocol):
    """What a page needs of the interactions."""

    async def search(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, pairs: list[tuple[str, str]]
    ) -> ResultPage: ...

    async def read(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, resource_id: str
    ) -> Found: ...

    async def search_of_types(
        self, requester: Requester, trace: Trace, release: Release, pairs: Sequence[tuple[str, str]]
    ) -> ResultPage:
        """Return a page of what matches in the types that ``_type`` names."""
        ...

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

    async def add_plan(
        self, requester: Requester, trace: Trace, plan: AgreedPlan, parts: Sequence[New], key: str
    ) -> Sequence[object]:
        """Keep a care plan and its ``parts`` together, once: with a ``key`` that came before nothing is written. Raises: as ``add_own``."""
        ...

    async def change_own(self, requester: Requester, trace: Trace, edit: Edit, key: str) -> object:
        """Change what a person wrote, once.

        Raises: PreconditionFailedError (changed in the meantime), DuplicateError, AccessDeniedError, NotFoundError, GoneError.
        """
        ...

    async def writers(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, seqs: Sequence[int]
    ) -> Mapping[int, str]: ...
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

    async def log_of(
        self,
        requester: Requester,
        trace: Trace,
        before: str | None,
        count: int,
        wanted: SoughtEntry | None = None,
        after_us: int = 0,
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

    async def practices_to_ask(self, requester: Requester, trace: Trace) -> list[Practice]:
        """Return the practices that can be asked for a correction. Raises: AccessDeniedError."""
        ...

    async def ask_for_correction(self, requester: Requester, trace: Trace, wanted: Correction, key: str) -> None:
        """Ask a practice for a correction, once for each key. Raises: AccessDeniedError, DuplicateError, UnprocessableError."""
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

    async def people_in_need(self, requester: Requester, trace: Trace, after: str | None = None) -> SharedPage:
        """Return a page of who of them needs attention, who needs most first. Raises: TooCostlyError, BadRequestError."""
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
