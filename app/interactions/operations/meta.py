"""``$meta``: the profiles, security labels and tags of resources.

Spec: https://hl7.org/fhir/R4/resource-operation-meta.html, https://hl7.org/fhir/STU3/resource-operations.html#meta
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.fhir.patch.labels import Meta, add_labels
from app.fhir.release import Release
from app.interactions.context import Context, find, gathered
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import EVERYTHING_MAX, person
from app.store.everything import read_everything


class _Labelled(msgspec.Struct):
    meta: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Labelled).decode


async def meta_of_one(
    context: Context, requester: Requester, trace: Trace, release: Release, resource_type: str, resource_id: str
) -> Meta:
    """Return the meta of the current version. Raises: as ``read``."""

    async def action(scope: AccessScope) -> tuple[Meta, Sequence[Touched]]:
        found, access = await find(context.database.reader, scope, release, resource_type, resource_id)
        return _decode(found.body).meta, (Touched(found.record_id, access.reason, 1),)

    deed = Deed("operation-meta", release, resource_type, resource_id)
    return await context.gate.look(requester, trace, Wish(Action.READ, resource_type), deed, action)


async def meta_of_many(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str | None,
    *,
    patient_id: str | None,
) -> Meta:
    """Return all profiles, labels and tags of a type (None: of every type) in one record, each once.

    ``patient_id`` None is the one person whose record the requester has. Raises: NotFoundError, BadRequestError.
    """

    async def action(scope: AccessScope) -> tuple[Meta, Sequence[Touched]]:
        access = await person(context, scope, release, patient_id)
        if resource_type is not None:
            access = replace(access, types=frozenset({resource_type}))
        metas = await gathered(context, access.record_id, partial(_metas, context, access, release))
        return _joined(metas), (Touched(access.record_id, access.reason, len(metas)),)

    deed = Deed("operation-meta", release, resource_type or "")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)


async def _metas(context: Context, access: RecordAccess, release: Release) -> list[Meta]:
    found = read_everything(context.database.reader, access, release, after=0, limit=EVERYTHING_MAX)
    return [_decode(one.body).meta async for one in found]


def _joined(metas: Iterable[Meta]) -> Meta:
    """Return the labels of all, each once, in the order in which they come."""
    joined: Meta = {}
    for meta in metas:
        add_labels(joined, meta)
    return joined
