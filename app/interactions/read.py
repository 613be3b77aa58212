"""FHIR read, vread and history of one resource.

Spec: https://hl7.org/fhir/R4/http.html#read, https://hl7.org/fhir/STU3/http.html#read
"""

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import ConflictError, GoneError, NotFoundError
from app.fhir.release import Release
from app.interactions.context import Context, find, where
from app.interactions.gate import Deed, Touched
from app.store.resources import HISTORY_MAX, Stored, read_versions

NEWEST = 2**62


async def read(
    context: Context, requester: Requester, trace: Trace, release: Release, resource_type: str, resource_id: str
) -> Stored:
    """Return the current version. Raises: NotFoundError, GoneError, ConflictError, AccessDeniedError."""

    async def action(scope: AccessScope) -> tuple[Stored, tuple[Touched, ...]]:
        found, access = await find(context.database.reader, scope, release, resource_type, resource_id)
        return found, (Touched(found.record_id, access.reason, 1),)

    deed = Deed("read", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


async def vread(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    version: str,
) -> Stored:
    """Return one version. Raises: as ``read``; GoneError if that version is a delete."""

    async def action(scope: AccessScope) -> tuple[Stored, tuple[Touched, ...]]:
        for found in await _versions(context, scope, release, resource_type, resource_id, NEWEST, HISTORY_MAX):
            if str(found.version) == version:
                if found.deleted:
                    message = f"Version {version} of {resource_type}/{resource_id} is its deletion."
                    raise GoneError(message)
                return found, (_touched(scope, found, 1),)
        message = f"{resource_type}/{resource_id} has no such version."
        raise NotFoundError(message)

    deed = Deed("vread", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


async def history(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    *,
    before: int = NEWEST,
    count: int = 1000,
) -> tuple[list[Stored], bool]:
    """Return the versions written before change ``before``, newest first, deletes too, and whether there are more.

    Raises: NotFoundError, when there is none at all.
    """

    async def action(scope: AccessScope) -> tuple[tuple[list[Stored], bool], tuple[Touched, ...]]:
        found = await _versions(context, scope, release, resource_type, resource_id, before, count + 1)
        if not found and before == NEWEST:
            message = f"{resource_type}/{resource_id} is not known."
            raise NotFoundError(message)
        page = found[:count]
        touched = (_touched(scope, page[0], len(page)),) if page else ()
        return (page, len(found) > count), touched

    deed = Deed("history-instance", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


def _touched(scope: AccessScope, found: Stored, count: int) -> Touched:
    access = scope.of(found.record_id)
    return Touched(found.record_id, access.reason if access else "", count)


async def _versions(
    context: Context,
    scope: AccessScope,
    release: Release,
    resource_type: str,
    resource_id: str,
    before: int,
    limit: int,
) -> list[Stored]:
    """Return the versions in the one record of the scope that has this id; the person's own goes before the directory."""
    reader = context.database.reader
    found: list[list[Stored]] = []
    for access in await where(reader, scope, release, resource_type, resource_id):
        versions = await read_versions(reader, access, release, resource_type, resource_id, before=before, limit=limit)
        if versions and not (found and access.record_id == DIRECTORY):
            found.append(versions)
    if len(found) > 1:
        message = f"More than one person's record has {resource_type}/{resource_id}: search with the patient parameter."
        raise ConflictError(message)
    return found[0] if found else []
