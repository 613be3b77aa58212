"""FHIR read and vread.

Spec: https://hl7.org/fhir/R4/http.html#read, https://hl7.org/fhir/STU3/http.html#read
"""

import re

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import ConflictError, GoneError, NotFoundError
from app.fhir.release import Release
from app.interactions.consents import holding
from app.interactions.context import Context, find, where
from app.interactions.gate import Deed, Touched
from app.store.history import HistoryWindow, read_versions
from app.store.resources import Stored

_NUMBER = re.compile("[1-9][0-9]{0,8}")  # below 2**31, as its column is


async def read(
    context: Context, requester: Requester, trace: Trace, release: Release, resource_type: str, resource_id: str
) -> Stored:
    """Return the current version. Raises: NotFoundError, GoneError, ConflictError, AccessDeniedError."""

    async def action(scope: AccessScope) -> tuple[Stored, tuple[Touched, ...]]:
        held = await holding(context, requester, scope, release, resource_type, resource_id)
        found, access = await find(held.database.reader, scope, release, resource_type, resource_id)
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
        held = await holding(context, requester, scope, release, resource_type, resource_id)
        found = await version_of(held, scope, release, resource_type, resource_id, version)
        return found, (touched_by(scope, found, 1),)

    deed = Deed("vread", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


async def version_of(
    context: Context, scope: AccessScope, release: Release, resource_type: str, resource_id: str, version: str
) -> Stored:
    """Return one version within the scope. Raises: NotFoundError, ConflictError; GoneError if that version is a delete."""
    if _NUMBER.fullmatch(version):
        window = HistoryWindow(version=int(version))
        kept, _ = await versions(context, scope, release, resource_type, resource_id, window, 1)
        for found in kept:
            if found.deleted:
                message = f"Version {version} of {resource_type}/{resource_id} is its deletion."
                raise GoneError(message)
            return found
    message = f"{resource_type}/{resource_id} has no such version."
    raise NotFoundError(message)


def touched_by(scope: AccessScope, found: Stored, count: int) -> Touched:
    """Return the log's mark of a look at ``count`` versions, of which ``found`` is one."""
    access = scope.of(found.record_id)
    return Touched(found.record_id, access.reason if access else "", count)


async def versions(
    context: Context,
    scope: AccessScope,
    release: Release,
    resource_type: str,
    resource_id: str,
    window: HistoryWindow,
    size: int,
) -> tuple[list[Stored], bool]:
    """Return a page of versions in the one record of the scope that has this id, and whether there are more.

    The person's own record goes before the directory.
    """
    reader = context.database.reader
    found: list[tuple[list[Stored], bool]] = []
    for access in await where(reader, scope, release, resource_type, resource_id):
        kept = await read_versions(reader, access, release, resource_type, resource_id, window=window, size=size)
        if kept[0] and not (found and access.record_id == DIRECTORY):
            found.append(kept)
    if len(found) > 1:
        message = f"More than one person's record has {resource_type}/{resource_id}: search with the patient parameter."
        raise ConflictError(message)
    return found[0] if found else ([], False)
