"""``$meta``, ``$meta-add`` and ``$meta-delete``: the profiles, security labels and tags of resources.

What is added or taken out makes a new version: a version that was written is never changed here. A security label may move a
resource into another category; who adds or takes one out has to be allowed to change the resource before and after.

Spec: https://hl7.org/fhir/R4/resource-operation-meta-add.html, https://hl7.org/fhir/STU3/resource-operations.html#meta-add
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import BadRequestError
from app.fhir.patch.json_patch import Patch
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.interactions.context import Context, find
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import EVERYTHING_MAX, person
from app.store.resources import read_everything

Meta = dict[str, Any]
_LISTS = ("profile", "security", "tag")


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
        found = await read_everything(context.database.reader, access, release, after=0, limit=EVERYTHING_MAX)
        metas = [_decode(one.body).meta for one in found]
        return _joined(metas), (Touched(access.record_id, access.reason, len(found)),)

    deed = Deed("operation-meta", release, resource_type or "")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)


def _joined(metas: Iterable[Meta]) -> Meta:
    """Return the labels of all, each once, in the order in which they come."""
    joined: Meta = {}
    for meta in metas:
        _add(joined, meta)
    return joined


def _key(name: str, label: Any) -> Any:
    """Return what makes two labels the same one: a profile's URL, a coding's system and code."""
    return label if name == "profile" else (label.get("system"), label.get("code"))


def _add(meta: Meta, more: Meta) -> None:
    for name in _LISTS:
        known = {_key(name, label) for label in meta.get(name, ())}
        new = {_key(name, label): label for label in more.get(name, ()) if _key(name, label) not in known}
        if new:
            meta[name] = [*meta.get(name, ()), *new.values()]


def _take_out(meta: Meta, gone: Meta) -> None:
    for name in _LISTS:
        keys = {_key(name, label) for label in gone.get(name, ())}
        left = [label for label in meta.get(name, ()) if _key(name, label) not in keys]
        if left:
            meta[name] = left
        else:
            meta.pop(name, None)


def read_meta_change(release: Release, body: bytes, *, adds: bool) -> Patch:
    """Return what ``$meta-add`` or ``$meta-delete`` with this body does to a resource's tree.

    Raises: InvalidResourceError, MalformedError, BadRequestError (no parameter ``meta``).
    """
    parameters = parse(release, body, expected_type="Parameters").tree.get("parameter", [])
    given = [one["valueMeta"] for one in parameters if one["name"] == "meta" and "valueMeta" in one]
    if len(given) != 1 or len(parameters) != 1:
        message = "This takes one parameter, meta, with a valueMeta."
        raise BadRequestError(message)
    labels: Meta = given[0]
    if labels.keys() - _LISTS or any(f"_{name}" in labels for name in _LISTS):
        message = "Of a meta profiles, security labels and tags can be added and deleted."
        raise BadRequestError(message)

    def apply(tree: dict[str, Any]) -> dict[str, Any]:
        meta = tree.setdefault("meta", {})
        if adds:
            _add(meta, labels)
        else:
            _take_out(meta, labels)
        return tree

    return apply
