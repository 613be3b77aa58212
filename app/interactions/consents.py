"""The grants of a person as Consents, beside those that are kept as resources: for the person and their apps only.

They are made from the grants whenever they are asked for. To read and to search them they are put into a record in memory,
so that they are found by the same parameters, and in the same order, as what is kept. What others were allowed is for no
practice and no operator to see.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from app.access.categories import Category
from app.access.giving import may_decide
from app.access.grant import Grant, Grantee
from app.access.policy import Wish
from app.access.representation import Power
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.consent import grants
from app.consent.fhir_consent import consent_tree, told
from app.db.database import Inside, Reader, Row, Transaction
from app.db.sqlite import run_now
from app.db.statements import Statement
from app.fhir.dates import microseconds
from app.fhir.release import Release
from app.fhir.search.expression import Asked, Chained, Combined, Include, Link, Referred, Search
from app.fhir.validation.structure import members_of
from app.identity import practices
from app.identity.accounts import name_of
from app.interactions.beside import beside
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.store.aside import SEQ_FIRST, Generated, aside
from app.store.bodies import content_in
from app.store.changes import Draft, patients_of
from app.store.history import read_changes
from app.store.indexing import IndexRows
from app.store.resources import Stored
from app.store.time_zone import time_zone_of

CONSENT = "Consent"
FEW = 10
"""Consents that are put into the record in memory where they are asked for: to hand 50 us of work to a thread takes 400 more."""


async def holding(
    context: Context,
    requester: Requester,
    scope: AccessScope,
    release: Release,
    resource_type: str,
    resource_id: str,
) -> Context:
    """Return where to read this resource: the record in memory if it is a grant that the requester may know of."""
    if resource_type != CONSENT or not _may_know(requester, scope) or requester.record_id is None:
        return context
    versions = await grants.versions(context.database.reader, requester.record_id, resource_id)
    found = await generated(context, context.database.reader, release, versions)
    return context if found is None else replace(context, database=Inside(found))


async def readers(
    context: Context, requester: Requester, scope: AccessScope, release: Release, search: Search
) -> list[Reader]:
    """Return where to search: the database, and for Consents the record in memory too.

    What a chain or ``_has`` asks of Consents, it asks of both.
    """
    reader = context.database.reader
    if not _asks_consents(search):
        return [reader]
    made = await made_record(context, requester, scope, release)
    if made is None:
        return [reader]
    return (
        [Alongside(reader, made)] if search.resource_type != CONSENT else [reader, Alongside(reader, made, apart=True)]
    )


async def including(
    context: Context, requester: Requester, scope: AccessScope, release: Release, includes: Sequence[Include]
) -> Context:
    """Return where to look for what is included: where that can be Consents, in the record in memory too."""
    if not any(
        one.source_type == CONSENT if one.is_reverse else one.target_type in (None, CONSENT) for one in includes
    ):
        return context
    made = await made_record(context, requester, scope, release)
    if made is None:
        return context
    return replace(context, database=Inside(made, Alongside(context.database.reader, made)))


async def made_record(
    context: Context, requester: Requester, scope: AccessScope, release: Release, *, is_searched: bool = True
) -> Transaction | None:
    """Return the record in memory with all grants of the requester's record; None if there is none to know of.

    Unless it ``is_searched``, it has no index.
    """
    if not _may_know(requester, scope) or requester.record_id is None:
        return None
    reader = context.database.reader
    versions = await grants.of_record(reader, requester.record_id)
    return await generated(context, reader, release, versions, is_searched=is_searched)


class Alongside:
    """The database with a record in memory beside it: what is asked of a type is asked of both, or (``apart``) of that alone."""

    __slots__ = ("_apart", "_kept", "_made", "_type")

    def __init__(self, kept: Reader, made: Reader, *, apart: bool = False, of: str = CONSENT) -> None:
        self._kept, self._made, self._apart, self._type = kept, made, apart, of

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows; versions stand in the order of their numbers, as a search has them."""
        if parameters.get("type") != self._type:
            return await self._kept.all(statement, parameters)
        made = await self._made.all(statement, parameters)
        if self._apart:
            return made
        # What was made has the higher numbers: the newest come first, and no more than were asked for.
        return (made + await self._kept.all(statement, parameters))[: parameters.get("limit")]

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        rows = await self.all(statement, parameters)
        return rows[0] if rows else None


def _asks_consents(asked: Search | Asked) -> bool:
    """Return whether a search is for Consents, or goes over them on its way."""
    return asked.resource_type == CONSENT or any(map(_asks_consents, _beyond(asked.links)))


def _beyond(links: Iterable[Link]) -> Iterator[Asked]:
    """Yield what is asked at the other ends of links."""
    for link in links:
        if isinstance(link, Chained):
            yield from link.targets
        elif isinstance(link, Referred):
            yield link.source
        elif isinstance(link, Combined):
            yield from link.leaves


async def grants_of(context: Context, requester: Requester, trace: Trace) -> list[Grant]:
    """Return all versions of all grants of the record that the requester is about, the newest first.

    Raises: AccessDeniedError, unless they may give access to it.
    """

    async def action(scope: AccessScope) -> tuple[list[Grant], Sequence[Touched]]:
        access = may_decide(requester, Action.READ, scope)
        found = await grants.of_record(context.database.reader, access.record_id)
        return found, (Touched(access.record_id, access.reason, len(found)),)

    deed = Deed("search-type", None, CONSENT)
    return await context.gate.look(requester, trace, Wish(Action.READ, CONSENT), deed, action)


def _may_know(requester: Requester, scope: AccessScope) -> bool:
    access = None if requester.record_id is None else scope.of(requester.record_id)
    if access is None or (requester.kind is RequesterKind.REPRESENTATIVE and Power.GIVE not in access.powers):
        return False
    return requester.has_one_record and access.covers(CONSENT, int(Category.PERSONAL_DETAILS))


async def versions_after(
    made: Reader, access: RecordAccess, release: Release, number: int, size: int
) -> tuple[list[Stored], bool]:
    """Return the versions of grants after the first ``number``, in the order in which they came to be, and whether there are more.

    They have no number in the log. Their order only grows: what is done to a grant comes after all that was done before.
    """
    found, more = await read_changes(made, access, release, after=SEQ_FIRST + number, size=size)
    return [msgspec.structs.replace(one, seq=0) for one in found], more


async def generated(
    context: Context, reader: Reader, release: Release, versions: Sequence[Grant], *, is_searched: bool = True
) -> Transaction | None:
    """Return a record in memory with these grants of one person as Consents; None where there is nothing to tell.

    ``versions`` are all of each grant. A person without a Patient in this release has no Consents in it. Unless it
    ``is_searched``, it has no index.
    """
    if not versions:
        return None
    record_id = versions[0].record_id
    patient_id = (await patients_of(reader, record_id)).get(release)
    if patient_id is None:
        return None
    zone = await time_zone_of(reader, record_id) or context.time_zone
    given = {kind: {one.grantee_id for one in versions if one.grantee is kind} for kind in Grantee}
    known = await practices.of(reader, given[Grantee.PRACTICE])
    apps = await context.app_names(reader, given[Grantee.APP])
    index = context.index if is_searched else _unindexed
    found = []
    for version in told(versions, context.clock()):
        grant, name, organization_id = version.grant, apps.get(version.grant.grantee_id), None
        if grant.grantee is Grantee.PERSON:
            name = await name_of(reader, grant.grantee_id)
        elif grant.grantee is Grantee.PRACTICE and (practice := known.get(grant.grantee_id)) is not None:
            name = practice.name
            organization_id = practice.organization_stu3 if release is Release.STU3 else practice.organization_r4
        tree = consent_tree(release, version, patient_id=patient_id, name=name, organization_id=organization_id)
        content, rows = content_in(members_of(msgspec.json.encode(tree))), index(release, CONSENT, tree, zone)
        draft = Draft(release, CONSENT, grant.grant_id, content, rows, int(Category.PERSONAL_DETAILS))
        found.append(Generated(draft, microseconds(version.instant) // 1000 * 1000))
    made = aside(record_id, zone.key, index, found)
    return await made if len(found) <= FEW else await beside(lambda: run_now(made))


def _unindexed(*_: object) -> IndexRows:
    """Return no rows: nobody searches."""
    return IndexRows([], [], [], [])
