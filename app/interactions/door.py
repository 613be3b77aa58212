"""The interactions as one object, for those who are handed them: the pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

from app.access.grant import Grant, Grantee
from app.access.requester import Requester
from app.access.scope import DIRECTORY
from app.audit.events import Event, Trace
from app.consent.requests import Wanted
from app.db.database import Transaction
from app.fhir.agreed_care_plan import AgreedPlan
from app.fhir.elements import Tree
from app.fhir.own_plan import New
from app.fhir.release import Release
from app.identity.practices import Practice
from app.identity.staff_looks import StaffLook
from app.interactions import access_requests as asking
from app.interactions import corrections
from app.interactions.access_requests import Asked
from app.interactions.answers import Answers, keep_answers, options_of
from app.interactions.archive import Paper, archive, printed
from app.interactions.archive_import import bring_in_archive
from app.interactions.consents import CONSENT, grants_of
from app.interactions.context import Context, Stored
from app.interactions.corrections import Correction
from app.interactions.erase import erase_record
from app.interactions.gate import Decide, Deed
from app.interactions.leave import Leave
from app.interactions.log import LogPage, SoughtEntry, log_faults, log_of
from app.interactions.log_export import log_lines, log_table, receipt
from app.interactions.misfits import misfits_of
from app.interactions.newest import Newest, newest_of_each
from app.interactions.news import mark_seen
from app.interactions.operations.as_seen_by import Preview, SeenBy, preview
from app.interactions.own_words import RELEASES, Edit, add_own, add_plan, change_own
from app.interactions.read import read
from app.interactions.restore import Brought
from app.interactions.search import Page, search
from app.interactions.search_of_types import search_of_types
from app.interactions.self_measured import Change, Typed, add_measurements, change_measurement
from app.interactions.series import Choose, Sampled, Series, series
from app.interactions.shared import (
    Shared,
    SharedPage,
    Sought,
    people_born,
    people_in_need,
    record_of_key,
    shared_people,
    shared_person,
)
from app.interactions.turns import Turns
from app.interactions.written import Written
from app.interactions.written_history import Authored, writers, written_history
from app.store.misfits import Misfit


class Interactions:
    """What pages ask; each method is the interaction of the same name."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turns = Turns()

    async def search(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, pairs: list[tuple[str, str]]
    ) -> Page:
        """Return a page of what matches."""
        return await search(self._context, requester, trace, release, resource_type, pairs)

    async def read(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, resource_id: str
    ) -> Stored:
        """Return the current version of a resource."""
        return await read(self._context, requester, trace, release, resource_type, resource_id)

    async def search_of_types(
        self, requester: Requester, trace: Trace, release: Release, pairs: Sequence[tuple[str, str]]
    ) -> Page:
        """Return a page of what matches in several types."""
        return await search_of_types(self._context, requester, trace, release, pairs)

    async def newest_of_each(self, requester: Requester, trace: Trace, wanted: Newest) -> list[list[Stored]]:
        """Return for each search the latest that match, in one look."""
        return await newest_of_each(self._context, requester, trace, wanted)

    async def series(self, requester: Requester, trace: Trace, wanted: Series, choose: Choose) -> Sampled:
        """Return all values of some series, and whole those that are chosen."""
        return await series(self._context, requester, trace, wanted, choose)

    async def add_measurements(
        self, requester: Requester, trace: Trace, measured: Sequence[Typed], key: str
    ) -> list[Written]:
        """Return the Observations of what a person typed; with a key that came before, those of the first time."""
        return await add_measurements(self._context, requester, trace, measured, key)

    async def change_measurement(self, requester: Requester, trace: Trace, change: Change) -> Written:
        """Return the new version of what a person measured: corrected, or taken back."""
        return await change_measurement(self._context, requester, trace, change)

    async def add_own(
        self, requester: Requester, trace: Trace, words: New, key: str, releases: Sequence[Release] = RELEASES
    ) -> Written:
        """Return what somebody wrote in a form; with a key that came before, that of the first time."""
        return await add_own(self._context, requester, trace, words, key, releases)

    async def add_plan(
        self, requester: Requester, trace: Trace, plan: AgreedPlan, parts: Sequence[New], key: str
    ) -> list[Written]:
        """Return a care plan, last, and what was made with it; with a key that came before, those of the first time."""
        return await add_plan(self._context, requester, trace, plan, parts, key)

    async def change_own(self, requester: Requester, trace: Trace, edit: Edit, key: str) -> Written:
        """Return the new version of what a person wrote; with a key that came before, that of the first time."""
        return await change_own(self._context, requester, trace, edit, key)

    async def written_history(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, count: int
    ) -> list[Authored]:
        """Return the newest versions of a type in the requester's record, with who wrote them."""
        return await written_history(self._context, requester, trace, release, resource_type, count)

    async def writers(
        self, requester: Requester, trace: Trace, release: Release, resource_type: str, seqs: Sequence[int]
    ) -> dict[int, str]:
        """Return who made changes of a type in the requester's record, by their numbers."""
        return await writers(self._context, requester, trace, release, resource_type, seqs)

    async def keep_answers(self, requester: Requester, trace: Trace, answers: Answers, key: str) -> list[Written]:
        """Return what became of the answers to a questionnaire; with a key that came before, what became of them then."""
        return await keep_answers(self._context, requester, trace, answers, key)

    async def options_of(self, release: Release, url: str, contained: Tree | None, most: int) -> list[Tree]:
        """Return the codes of a value set, which is about nobody."""
        return await options_of(self._context, release, url, contained, most)

    async def grants_of(self, requester: Requester, trace: Trace) -> list[Grant]:
        """Return all versions of all grants of the requester's record."""
        return await grants_of(self._context, requester, trace)

    async def change_access(
        self,
        requester: Requester,
        trace: Trace,
        interaction: str,
        job: Callable[[Transaction, Leave], Awaitable[Sequence[Event]]],
    ) -> None:
        """Do with the grants of the requester's record what ``job`` does, as far as it gets leave; it returns what to log."""

        async def work(transaction: Transaction, decide: Decide) -> tuple[None, Sequence[Event]]:
            return None, await job(transaction, Leave(transaction, requester, decide, self._context.clock()))

        await self._context.gate.change(requester, trace, Deed(interaction, None, CONSENT), work)

    async def misfits_of(self, requester: Requester, trace: Trace) -> list[Misfit]:
        """Return what of the requester's own record does not keep its profiles."""
        return await misfits_of(self._context, requester, trace)

    async def log_of(
        self,
        requester: Requester,
        trace: Trace,
        before: str | None,
        count: int,
        wanted: SoughtEntry | None = None,
        after_us: int = 0,
    ) -> LogPage:
        """Return part of the requester's own log."""
        return await log_of(self._context, requester, trace, before, count, wanted, after_us)

    def log_lines(self, requester: Requester, trace: Trace) -> AsyncIterator[bytes]:
        """Return the requester's own log as sealed lines of JSON."""
        return log_lines(self._context, requester, trace)

    def log_table(self, requester: Requester, trace: Trace) -> AsyncIterator[bytes]:
        """Return the requester's own log as lines of CSV."""
        return log_table(self._context, requester, trace)

    async def archive(
        self, requester: Requester, trace: Trace, record_id: int, paper: Callable[[ZoneInfo], Paper]
    ) -> AsyncIterator[bytes]:
        """Return all of a record as a signed zip."""
        with self._turns.of(record_id):
            async for piece in archive(self._context, requester, trace, record_id, paper):
                yield piece

    async def printed(
        self, requester: Requester, trace: Trace, record_id: int, paper: Callable[[ZoneInfo], Paper]
    ) -> bytes:
        """Return a summary of a record on paper."""
        return await printed(self._context, requester, trace, record_id, paper)

    async def bring_in(self, requester: Requester, trace: Trace, file: BinaryIO, trusted: Collection[str]) -> Brought:
        """Return the record that an archive brought in."""
        with self._turns.of(DIRECTORY if requester.record_id is None else requester.record_id):
            return await bring_in_archive(self._context, requester, trace, file, trusted)

    async def practices_to_ask(self, requester: Requester, trace: Trace) -> list[Practice]:
        """Return the practices that the requester can ask for a correction."""
        return await corrections.practices_to_ask(self._context, requester, trace)

    async def ask_for_correction(self, requester: Requester, trace: Trace, wanted: Correction, key: str) -> None:
        """Ask a practice for a correction, once for each key."""
        await corrections.ask(self._context, requester, trace, wanted, key=key)

    async def erase(self, requester: Requester, trace: Trace, record_id: int, language: str) -> bytes:
        """Return the proof that a record was erased."""
        return await erase_record(self._context, requester, trace, record_id, language=language)

    async def receipt(self, requester: Requester, trace: Trace, number: int) -> bytes:
        """Return an entry of the requester's own log, and its seal."""
        return await receipt(self._context, requester, trace, number)

    async def shared_people(self, requester: Requester, trace: Trace, after: str | None = None) -> SharedPage:
        """Return a page of those who shared something with the requester's practice."""
        return await shared_people(self._context, requester, trace, after)

    async def people_born(self, requester: Requester, trace: Trace, sought: Sought) -> SharedPage:
        """Return who of them was born on a day."""
        return await people_born(self._context, requester, trace, sought)

    async def people_in_need(self, requester: Requester, trace: Trace, after: str | None = None) -> SharedPage:
        """Return who of them needs attention."""
        return await people_in_need(self._context, requester, trace, after)

    async def mark_seen(self, requester: Requester, trace: Trace, look: StaffLook) -> None:
        """Keep that the requester saw what changed of the person that they look at."""
        await mark_seen(self._context, requester, trace, look)

    async def shared_person(self, requester: Requester, trace: Trace) -> Shared:
        """Return the one person that the requester looks at."""
        return await shared_person(self._context, requester, trace)

    async def record_of_key(self, practice_id: str, key: str) -> int:
        """Return the record that a grant to a practice is of."""
        return await record_of_key(self._context, practice_id, key)

    async def log_faults(self, requester: Requester, trace: Trace) -> list[str]:
        """Return what is wrong with the requester's own log."""
        return await log_faults(self._context, requester, trace)

    async def request_access(self, requester: Requester, trace: Trace, code: str, wanted: Wanted) -> Asked:
        """Return the request of the requester's practice to the person who made the code."""
        return await asking.request_access(self._context, requester, trace, code, wanted)

    async def access_requests(self, requester: Requester, trace: Trace) -> list[Asked]:
        """Return what the requester's practice asked for."""
        return await asking.access_requests(self._context, requester, trace)

    async def preview(self, requester: Requester, trace: Trace, grant: Grant, at: datetime | None) -> Preview:
        """Return how much of the record the practice or helper of a grant may see."""
        is_helper = grant.grantee is Grantee.PERSON
        seen_by = SeenBy(grant_id=grant.grant_id) if is_helper else SeenBy(grant.grantee_id)
        return await preview(self._context, requester, trace, seen_by, at)
