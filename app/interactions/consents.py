"""The grants of a person as Consents, beside those that are kept as resources: for the person and their apps only.

They are made from the grants whenever they are asked for. To read and to search them they are put into a record in memory,
so that they are found by the same parameters, and in the same order, as what is kept. What others were allowed is for no
practice and no operator to see.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.representation import Power
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.consent import grants
from app.consent.fhir_consent import consent_tree, told
from app.db.database import Inside, Reader, Transaction
from app.db.sqlite import run_now
from app.fhir.dates import microseconds
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.identity import practices
from app.identity.accounts import name_of
from app.interactions.beside import beside
from app.interactions.context import Context
from app.store.aside import Generated, aside
from app.store.changes import Draft, patients_of
from app.store.time_zone import time_zone_of

CONSENT = "Consent"


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
    context: Context, requester: Requester, scope: AccessScope, release: Release, resource_type: str
) -> list[Reader]:
    """Return where to search for a type: the database, and for Consents the record in memory too."""
    reader = context.database.reader
    if resource_type != CONSENT or not _may_know(requester, scope) or requester.record_id is None:
        return [reader]
    versions = await grants.of_record(reader, requester.record_id)
    found = await generated(context, reader, release, versions)
    return [reader] if found is None else [reader, found]


def _may_know(requester: Requester, scope: AccessScope) -> bool:
    access = None if requester.record_id is None else scope.of(requester.record_id)
    if access is None or (requester.kind is RequesterKind.REPRESENTATIVE and Power.GIVE not in access.powers):
        return False
    return requester.has_one_record and access.covers(CONSENT, int(Category.PERSONAL_DETAILS))


async def generated(
    context: Context, reader: Reader, release: Release, versions: Sequence[Grant]
) -> Transaction | None:
    """Return a record in memory with these grants of one person as Consents; None where there is nothing to tell.

    ``versions`` are all of each grant. A person without a Patient in this release has no Consents in it.
    """
    if not versions:
        return None
    record_id = versions[0].record_id
    patient_id = (await patients_of(reader, record_id)).get(release)
    if patient_id is None:
        return None
    zone = await time_zone_of(reader, record_id) or context.time_zone
    known = {one.practice_id: one for one in await practices.every(reader)}
    apps = await context.app_names(reader)
    found = []
    for version in told(versions, context.clock()):
        grant, name, organization_id = version.grant, apps.get(version.grant.grantee_id), None
        if grant.grantee is Grantee.PERSON:
            name = await name_of(reader, grant.grantee_id)
        elif grant.grantee is Grantee.PRACTICE and (practice := known.get(grant.grantee_id)) is not None:
            name = practice.name
            organization_id = practice.organization_stu3 if release is Release.STU3 else practice.organization_r4
        tree = consent_tree(release, version, patient_id=patient_id, name=name, organization_id=organization_id)
        parsed = parse(release, encode_tree(tree))
        draft = Draft(
            release, CONSENT, grant.grant_id, parsed.members, parsed.tree, int(Category.PERSONAL_DETAILS)
        )  # fmt: skip
        found.append(Generated(draft, microseconds(version.instant) // 1000 * 1000))
    return await beside(lambda: run_now(aside(record_id, zone.key, context.index, found)))
