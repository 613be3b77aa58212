"""FHIR create, update, patch and delete of one resource.

Spec: https://hl7.org/fhir/R4/http.html#create, https://hl7.org/fhir/STU3/http.html#create
"""

from collections.abc import Awaitable, Callable
from functools import partial

from app.access.giving import CONSENT
from app.access.requester import Requester
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.db.database import Transaction
from app.errors import NotFoundError, RegieError
from app.fhir.patch import labels
from app.fhir.patch.reading import PatchForm, read_patch
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.interactions.beside import beside_if_large
from app.interactions.conditions import NO_CONDITIONS, Conditions
from app.interactions.context import Context, Stored
from app.interactions.gate import Decide, Deed
from app.interactions.repeat import earlier, keep, request_hash
from app.interactions.sound import FromSource, Sound
from app.interactions.write import Changes
from app.interactions.written import Written, wrote


async def create(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    body: bytes,
    *,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the new resource with status 201, or with 200 the one that was there before.

    Raises: MalformedError, InvalidResourceError, AccessDeniedError, MultipleMatchesError, DuplicateError.
    """
    deed = Deed("create", release, resource_type)
    resource = await _sound(context, requester, trace, deed, release, body)

    async def act(changes: Changes) -> Written:
        return await changes.create(resource, conditions, location=resource_type)

    digest = request_hash("create", release.path, resource_type, *conditions.texts, body)
    return await _write(context, requester, trace, release, deed, act, idempotency_key, digest)


async def update(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    body: bytes,
    *,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the new version with status 200, or 201 if the resource is new or was deleted.

    Raises: as ``create``; PreconditionFailedError, and MethodNotAllowedError for an id that may not be chosen.
    """
    deed = Deed("update", release, resource_type, resource_id)
    resource = await _sound(context, requester, trace, deed, release, body)

    async def act(changes: Changes) -> Written:
        return await changes.update(resource, resource_id, conditions, location=resource_type)

    digest = request_hash("update", release.path, resource_type, resource_id, *conditions.texts, body)
    return await _write(context, requester, trace, release, deed, act, idempotency_key, digest)


async def update_matching(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    query: str,
    body: bytes,
    *,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the new version of the one resource that ``query`` finds, or a new resource if it finds none.

    Raises: as ``update``; MultipleMatchesError, ConflictError (an id that is there, but is not what was found).
    """
    deed = Deed("update", release, resource_type)
    resource = await _sound(context, requester, trace, deed, release, body)

    async def act(changes: Changes) -> Written:
        found = await changes.match(resource_type, query, Action.UPDATE)
        return await changes.update_found(resource, found, conditions, location=resource_type)

    digest = request_hash("update", release.path, resource_type, "?", query, *conditions.texts, body)
    return await _write(context, requester, trace, release, deed, act, idempotency_key, digest)


async def delete(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    *,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the deletion. Raises: NotFoundError, PreconditionFailedError, AccessDeniedError."""

    async def act(changes: Changes) -> Written:
        return await changes.delete(resource_type, resource_id, conditions)

    digest = request_hash("delete", release.path, resource_type, resource_id, *conditions.texts)
    deed = Deed("delete", release, resource_type, resource_id)
    return await _write(context, requester, trace, release, deed, act, idempotency_key, digest)


async def delete_matching(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    query: str,
    *,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the deletion of the one resource that ``query`` finds. Raises: as ``delete``; MultipleMatchesError."""

    async def act(changes: Changes) -> Written:
        return await changes.delete_found(await found_by(changes, resource_type, query, Action.DELETE), conditions)

    digest = request_hash("delete", release.path, resource_type, "?", query, *conditions.texts)
    return await _write(
        context, requester, trace, release, Deed("delete", release, resource_type), act, idempotency_key, digest
    )


async def patch(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    target: str,
    form: PatchForm,
    body: bytes,
    *,
    by_condition: bool = False,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the new version of a resource: ``target`` is its id, or the condition that finds it.

    Raises: BadRequestError (no such patch), UnprocessableError (it does not fit), InvalidResourceError (its outcome).
    """
    deed = Deed("patch", release, resource_type, "" if by_condition else target)
    try:
        change = read_patch(release, form, body)
    except RegieError as error:
        await context.gate.refused(requester, trace, deed, error)
        raise

    async def act(changes: Changes) -> Written:
        if by_condition:
            return await changes.patch_found(
                await found_by(changes, resource_type, target, Action.UPDATE), change, conditions
            )
        return await changes.patch(resource_type, target, change, conditions)

    kind = "?" if by_condition else "/"
    digest = request_hash("patch", release.path, resource_type, kind, target, form, *conditions.texts, body)
    return await _write(context, requester, trace, release, deed, act, idempotency_key, digest)


async def change_meta(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str,
    body: bytes,
    *,
    adds: bool,
    conditions: Conditions = NO_CONDITIONS,
    idempotency_key: str | None = None,
) -> Written:
    """Return the new version of a resource with labels added or taken out. Raises: as ``patch``."""
    name = "operation-meta-add" if adds else "operation-meta-delete"
    deed = Deed(name, release, resource_type, resource_id)
    try:
        change = labels.read(release, body, adds=adds)
    except RegieError as error:
        await context.gate.refused(requester, trace, deed, error)
        raise

    async def act(changes: Changes) -> Written:
        return await changes.patch(resource_type, resource_id, change, conditions)

    digest = request_hash(name, release.path, resource_type, resource_id, *conditions.texts, body)
    return await _write(context, requester, trace, release, deed, act, idempotency_key, digest)


async def found_by(changes: Changes, resource_type: str, query: str, action: Action) -> Stored:
    """Return the one resource that a condition finds. Raises: NotFoundError, MultipleMatchesError."""
    found = await changes.match(resource_type, query, action)
    if found is None:
        message = f"The condition finds no {resource_type}."
        raise NotFoundError(message)
    return found


async def _sound(
    context: Context, requester: Requester, trace: Trace, deed: Deed, release: Release, body: bytes
) -> Sound:
    """Return the resource, or leave the refusal in the log."""
    depth, name = context.limits.body_depth_max, deed.resource_type
    try:
        read = partial(parse, release, body, expected_type=name, maximum_depth=depth)
        parsed = await beside_if_large(len(body), read)
    except RegieError as error:
        await context.gate.refused(requester, trace, deed, error)
        raise
    await context.ask_about(requester.kind, release, [parsed.tree])
    resource = FromSource(context, requester.kind, release, parsed)
    await beside_if_large(len(body), partial(resource.work_out, name))
    return resource


async def write_once(
    context: Context,
    requester: Requester,
    trace: Trace,
    deed: Deed,
    act: Callable[[Transaction, Decide], Awaitable[list[Written]]],
    key: str | None,
    digest: bytes,
) -> list[Written]:
    """Return what ``act`` writes, in one transaction; with a ``key`` that came before, what it wrote the first time.

    Raises: DuplicateError, when ``digest`` was another one then; BadRequestError, for a key that is too long; as ``act``.
    """

    async def job(transaction: Transaction, decide: Decide) -> tuple[list[Written], list[Event]]:
        before = None if key is None else await earlier(transaction, requester, key, digest, decide)
        if before is None:
            written = await act(transaction, decide)
            if key is not None:
                await keep(transaction, requester, key, digest, context.now_us(), written)
        else:
            written = [one for one in before if isinstance(one, Written)]
        return written, [wrote(requester, trace, deed, one) for one in written]

    lane = None if deed.resource_type == CONSENT else requester.lane  # a grant may matter to others
    return await context.gate.change(requester, trace, deed, job, lane=lane)


async def _write(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    deed: Deed,
    act: Callable[[Changes], Awaitable[Written]],
    idempotency_key: str | None,
    digest: bytes,
) -> Written:
    async def one(transaction: Transaction, decide: Decide) -> list[Written]:
        changes = Changes(context, transaction, requester, trace, release, decide)
        written = await act(changes)
        await changes.finish()
        return [written]

    (written,) = await write_once(context, requester, trace, deed, one, idempotency_key, digest)
    return written
