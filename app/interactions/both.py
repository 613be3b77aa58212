"""Reading and searching over both releases: one list of what a person has, told in the release that was asked for.

A search is asked in each release by its own names, in the same scope. The record numbers its changes over both, so that the
merged order is exact and a page goes on where the one before ended. What the other release can't be asked is said, and left
out of the answer.

Spec: https://hl7.org/fhir/R4/versions.html, https://hl7.org/fhir/R4/search.html
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import (
    AccessDeniedError,
    BadRequestError,
    GoneError,
    NotFoundError,
    NotSupportedError,
    UnprocessableError,
)
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.search.expression import Criterion, Owner, ReferenceValue, Search
from app.fhir.translate.queries import query_in
from app.fhir.translate.translation import is_translated, other
from app.interactions import search as searches
from app.interactions.beside import beside
from app.interactions.consents import holding, readers
from app.interactions.context import Context, find, standing
from app.interactions.gate import Deed, Touched
from app.interactions.include import included
from app.interactions.operations import everything as everythings
from app.interactions.placement import record_of_patient
from app.interactions.prepared import compartment_of, parsed_search
from app.interactions.read import touched_by, version_of
from app.interactions.search import Page
from app.interactions.translated import RELEASES, Telling, wants_both, without_releases
from app.store.changes import patients_of
from app.store.resources import Stored
from app.store.search.run import Found, Match, Run, merged


async def read(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    version: str | None = None,
) -> Stored:
    """Return the current version, or the one named; what is held in ``release`` goes before what is held in the other.

    Raises: NotFoundError, GoneError, ConflictError, AccessDeniedError.
    """
    named = resource_type, resource_id

    async def held_in(scope: AccessScope, held: Release) -> tuple[Stored, Touched]:
        holder = await holding(context, requester, scope, held, *named)
        if version is None:
            found, access = await find(holder.database.reader, scope, held, *named)
            return found, Touched(found.record_id, access.reason, 1)
        found = await version_of(holder, scope, held, *named, version)
        return found, touched_by(scope, found, 1)

    async def action(scope: AccessScope) -> tuple[Stored, Sequence[Touched]]:
        try:
            found, touched = await held_in(scope, release)
        except (NotFoundError, GoneError) as error:
            is_held = (
                version is not None and await standing(context.database.reader, scope, release, *named) is not None
            )
            if is_held or not is_translated(resource_type):
                raise
            try:
                found, touched = await held_in(scope, other(release))
            except (NotFoundError, GoneError):
                raise error from None
        told = Telling(release).shown(found)
        if told is None:
            message = f"{resource_type} was found but not told."
            raise TypeError(message)
        return told, (touched,)

    deed = Deed("read" if version is None else "vread", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


async def everything(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    patient_id: str | None,
    *,
    narrow: everythings.Narrow,
    after: int,
    count: int | None,
) -> tuple[Sequence[Stored], int | None, Sequence[Issue]]:
    """Return all that a person has in both releases, in pages as a search has them, where the next begins, and what got lost on the way.

    Raises: as ``$everything`` of one release.
    """
    most = context.limits.page_size_max
    found = await everythings.everything(
        context, requester, trace, release, patient_id, narrow=narrow, after=after,
        count=most if count is None else min(count, most), releases=(release, other(release)),
    )  # fmt: skip
    telling = Telling(release)
    versions, following = await found.page()
    shown = await beside(lambda: telling.all_shown(versions))
    return shown, following, telling.issues


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the resources that one release holds, and in which part of the scope."""

    release: Release
    parsed: Search
    scope: AccessScope

    async def included(self, context: Context, found: Sequence[Found]) -> list[Stored]:
        """Return what those matches include that this release holds."""
        own = [one for one in found if one.version.release is self.release]
        return await included(context, self.release, self.scope, own, self.parsed.includes)


def looked_at(questions: Sequence[Question]) -> AccessScope:
    """Return the scope over all questions, for the log."""
    return AccessScope(tuple({one.record_id: one for each in questions for one in each.scope.records}.values()))


async def search(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    owner: Owner | None = None,
) -> Page:
    """Return one page of what matches, of one release or of both, as ``pairs`` or the client say.

    Raises: as ``interactions.search.search``.
    """
    plain = without_releases(pairs)
    named = [value for name, value in pairs if name == RELEASES]
    if not wants_both(requester, release, named):
        return await searches.search(
            context, requester, trace, release, resource_type, plain, lenient=lenient, owner=owner
        )
    asking = Asking(context, requester, release, resource_type, owner)
    deed = Deed("search-type", release, resource_type)

    async def action(scope: AccessScope) -> tuple[Page, Sequence[Touched]]:
        asked, cursor = searches.without_cursor(plain)
        own = parsed_search(context, release, resource_type, asked, lenient=lenient)
        if owner is not None:
            own = replace(own, within=compartment_of(release, resource_type, owner))
        used = (*own.used, *((RELEASES, value) for value in named))
        return await asking.page(scope, replace(own, used=used), own.used, cursor)

    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)


@dataclass(frozen=True, slots=True)
class Asking:
    """One search over both releases."""

    context: Context
    requester: Requester
    release: Release
    resource_type: str
    owner: Owner | None

    async def page(
        self, scope: AccessScope, own: Search, pairs: Sequence[tuple[str, str]], cursor: str | None
    ) -> tuple[Page, Sequence[Touched]]:
        """Return the page behind ``cursor`` of what ``own`` asks; ``pairs`` are its parameters."""
        context, reader = self.context, self.context.database.reader
        questions, problems = await self.questions(scope, own, pairs)
        after = None
        if cursor is not None:
            after = searches.read_cursor(context, self.requester, self.release, own, cursor)
        size = context.limits.page_size_default if own.count is None else own.count
        counted, matches = Counter[int](), list[Match]()
        for question in questions:
            # Gathered, not walked: the keys of both have to be of one form.
            run = Run(context.index_key, question.release, question.parsed, repeats=True)
            looked_in = [reader]
            if question.release is self.release:
                looked_in = await readers(context, self.requester, scope, self.release, question.parsed)
            for one in looked_in:
                if own.count == 0 or own.total in ("accurate", "estimate"):
                    counted += await run.count(one, question.scope)
                if size > 0:
                    matches += await run.page(one, question.scope, after, size + 1)

        async def include(found: Sequence[Found]) -> list[Stored]:
            return [version for question in questions for version in await question.included(context, found)]

        found, extra, last = await searches.read_page(merged(matches, own.sort), size, include)
        following = None
        if last is not None:
            following = searches.cursor_after(context, self.requester, self.release, own, last)
        telling = Telling(self.release)
        page = Page(
            own.place,
            await beside(lambda: telling.all_shown([one.version for one in found], own.shown)),
            await beside(lambda: telling.all_shown(extra, None if isinstance(own.shown, frozenset) else own.shown)),
            following,
            own.used,
            (*own.ignored, *problems, *telling.issues),
            counted.total() if own.count == 0 or own.total in ("accurate", "estimate") else None,
        )
        return page, searches.looked_into(
            looked_at(questions),
            {self.resource_type},
            [one.version for one in found] + extra,
            counted if own.count == 0 else None,
        )

    async def questions(
        self, scope: AccessScope, own: Search, pairs: Sequence[tuple[str, str]]
    ) -> tuple[list[Question], list[Issue]]:
        """Return what to ask in each release, and what can't be asked.

        A practice may name a patient by the id of either release. Raises: AccessDeniedError, when it may see neither.
        """
        refusals: list[AccessDeniedError] = []
        questions: list[Question] = []
        theirs, problems = await self._theirs(own, pairs)
        for release, parsed in ((self.release, own), (other(self.release), theirs)):
            if parsed is None:
                continue
            try:
                narrowed = await searches.narrow(self.context, self.requester, release, scope, parsed)
            except AccessDeniedError as error:
                refusals.append(error)
            else:
                questions.append(Question(release, parsed, narrowed))
        if not questions:
            refusals[0].about = tuple(sorted({record for error in refusals for record in error.about}))
            raise refusals[0]
        return questions, problems

    async def _theirs(self, own: Search, pairs: Sequence[tuple[str, str]]) -> tuple[Search | None, list[Issue]]:
        """Return the search as the other release would ask it; None, and why, if it can't."""
        release, context = other(self.release), self.context
        if not is_translated(self.resource_type):
            return None, [self._problem(f"{self.resource_type} is not translated.")]
        try:
            asked = query_in(release, self.resource_type, pairs)
            base = f"{context.fhir_base(self.release)}/"
            asked = [(name, value.replace(base, "")) for name, value in asked]
            theirs = parsed_search(context, release, self.resource_type, asked, lenient=False)
            if self.owner is not None:
                there = await self._same_owner(self.owner)
                theirs = replace(theirs, within=compartment_of(release, self.resource_type, there))
        except (BadRequestError, NotSupportedError, UnprocessableError) as error:
            return None, [self._problem(str(error))]
        kinds = [[(key.parameter.kind, key.descending) for key in search.sort] for search in (own, theirs)]
        if kinds[0] != kinds[1]:
            return None, [self._problem("It sorts by another kind of value there.")]
        criteria = tuple([await self._about_same_patient(criterion) for criterion in theirs.criteria])
        return replace(theirs, criteria=criteria), []

    def _problem(self, why: str) -> Issue:
        held = f"FHIR {other(self.release).mime_version}"
        return Issue("warning", "incomplete", f"What is held in {held} is not in this answer. {why}")

    async def _same_owner(self, owner: Owner) -> Owner:
        """Return whose compartment it is in the other release: a person's Patient there goes by an id of its own."""
        if owner.type != "Patient":
            return owner
        return Owner("Patient", await self._same_patient(owner.id) or owner.id)

    async def _about_same_patient(self, criterion: Criterion) -> Criterion:
        """Return the criterion with the Patients that it names under the ids that they have in the other release."""
        if "Patient" not in (criterion.parameter.targets or ("Patient",)):
            return criterion
        there = {
            value: replace(value, id=await self._same_patient(value.id) or value.id)
            for value in criterion.values
            if isinstance(value, ReferenceValue) and value.id and value.resource_type in (None, "Patient")
        }
        values = (
            there[value] if isinstance(value, ReferenceValue) and value in there else value
            for value in criterion.values
        )
        return replace(criterion, values=tuple(values))

    async def _same_patient(self, patient_id: str) -> str | None:
        """Return the id that the Patient of the same record has in the other release, None if there is none."""
        reader = self.context.database.reader
        record = await record_of_patient(reader, self.release, patient_id)
        return None if record is None else (await patients_of(reader, record)).get(other(self.release))
