"""What a person writes in their own record by a form, kept once, and changed only as it stood when they opened it.

A practice writes in the record that it looks at in the same way. Plans, goals, actions and what they want to discuss end here. A new one is of R4 where the record has a Patient in R4, else of STU3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.access.requester import Requester
from app.audit.events import Trace
from app.db.database import Transaction
from app.errors import AccessDeniedError, UnprocessableError
from app.fhir.agreed_care_plan import AgreedPlan
from app.fhir.elements import Tree
from app.fhir.own_plan import Amended, Moment, New
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.interactions.conditions import NO_CONDITIONS, Conditions
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed
from app.interactions.repeat import request_hash
from app.interactions.single import write_once
from app.interactions.write import Changes
from app.interactions.written import Written
from app.store.changes import patients_of

RELEASES = (Release.R4, Release.STU3)


@dataclass(frozen=True, slots=True)
class Edit:
    """What becomes of ``tree``, a resource as the person saw it, in its ``version``."""

    release: Release
    tree: Tree
    version: int
    words: Amended


async def add_own(
    context: Context, requester: Requester, trace: Trace, words: New, key: str, releases: Sequence[Release] = RELEASES
) -> Written:
    """Return the new resource; with a ``key`` that came before, that of the first time.

    It is of the first of ``releases`` in which the record has a Patient.
    Raises: DuplicateError (that key came with other words), AccessDeniedError, UnprocessableError (there is no such Patient).
    """

    async def act(transaction: Transaction, decide: Decide) -> list[Written]:
        release, moment = await _where(context, transaction, requester, releases)
        changes = Changes(context, transaction, requester, trace, release, decide)
        written = await _create(changes, release, words.new(release, moment))
        await changes.finish()
        return [written]

    deed = Deed("create", None, words.resource_type)
    digest = request_hash("add own", repr(words))
    (written,) = await write_once(context, requester, trace, deed, act, key, digest)
    return written


async def add_plan(
    context: Context, requester: Requester, trace: Trace, plan: AgreedPlan, parts: Sequence[New], key: str
) -> list[Written]:
    """Return the new resources of ``parts`` and the plan that they belong to, last; all of them are kept, once, or none.

    Raises: as ``add_own``.
    """

    async def act(transaction: Transaction, decide: Decide) -> list[Written]:
        release, moment = await _where(context, transaction, requester, RELEASES)
        changes = Changes(context, transaction, requester, trace, release, decide)
        written = [await _create(changes, release, one.new(release, moment)) for one in parts]
        made = [f"{one.version.resource_type}/{one.version.id}" for one in written]
        written.append(await _create(changes, release, plan.new(release, moment, made)))
        await changes.finish()
        return written

    deed = Deed("create", None, plan.resource_type)
    digest = request_hash("add plan", repr(plan), repr(parts))
    return await write_once(context, requester, trace, deed, act, key, digest)


async def change_own(context: Context, requester: Requester, trace: Trace, edit: Edit, key: str) -> Written:
    """Return the new version of a resource; with a ``key`` that came before, that of the first time.

    Raises: PreconditionFailedError (another version stands), DuplicateError, AccessDeniedError, NotFoundError, GoneError.
    """
    resource_type, resource_id = edit.tree["resourceType"], str(edit.tree["id"])
    patient = next((str(edit.tree[name]["reference"]) for name in ("subject", "for") if name in edit.tree), None)
    if patient is None or not edit.words.fits(edit.tree):
        raise AccessDeniedError("Who did not write this can't change it.")
    tree = edit.words.amended(edit.tree, edit.release, Moment(_now(context), patient))

    async def act(transaction: Transaction, decide: Decide) -> list[Written]:
        changes = Changes(context, transaction, requester, trace, edit.release, decide)
        conditions = Conditions(if_match=f'W/"{edit.version}"')
        resource = changes.sound(parse(edit.release, encode_tree(tree)))
        written = await changes.update(resource, resource_id, conditions, location=resource_type)
        await changes.finish()
        return [written]

    deed = Deed("update", edit.release, resource_type, resource_id)
    digest = request_hash("change own", resource_type, resource_id, str(edit.version), repr(edit.words))
    (written,) = await write_once(context, requester, trace, deed, act, key, digest)
    return written


async def _where(
    context: Context, transaction: Transaction, requester: Requester, releases: Sequence[Release]
) -> tuple[Release, Moment]:
    """Return the first of ``releases`` in which the record has a Patient, and who that is now. Raises: UnprocessableError."""
    record_id = requester.only_record if requester.record_id is None else requester.record_id
    patients = {} if record_id is None else await patients_of(transaction, record_id)
    for release in releases:
        if release in patients:
            return release, Moment(_now(context), f"Patient/{patients[release]}")
    raise UnprocessableError("The record has no Patient.")


async def _create(changes: Changes, release: Release, tree: Tree) -> Written:
    resource = changes.sound(parse(release, encode_tree(tree)))
    return await changes.create(resource, NO_CONDITIONS, location=resource.resource_type)


def _now(context: Context) -> str:
    now: datetime = context.clock()
    return now.astimezone(context.time_zone).isoformat(timespec="seconds")
