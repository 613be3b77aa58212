"""In whose record a resource belongs, and whether all that it refers to may be referred to from there.

A resource names its person through the references of the patient compartment. A person's app writes in that person's
record only; a practice in the records that were granted to it; an operator anywhere, so that an import may send what
belongs to a person before the Patient itself.
"""

from functools import partial
from typing import Any

from app.access.categories import Category
from app.access.policy import DIRECTORY_TYPES
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY, AccessScope
from app.db.database import Reader, Transaction
from app.errors import AccessDeniedError, InvalidResourceError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.references import references
from app.fhir.validation.structure import is_resource_type
from app.interactions.context import Context
from app.interactions.sound import Facts, Name, named_patients
from app.store.changes import RecordWriter, open_record, patients_of, record_exists, set_patient
from app.store.ids import new_id, new_record_id, record_in
from app.store.resources import Stored, records_with


async def record_of_patient(reader: Reader, release: Release, patient_id: str) -> int | None:
    """Return the record that this Patient is of; None if there is none.

    It looks in the same places whatever it finds: how long it takes must not tell whether there is such a Patient.
    """
    made_in = record_in(patient_id)
    own = {} if made_in is None else await patients_of(reader, made_in)
    found = [record for record in await records_with(reader, release, "Patient", patient_id) if record != DIRECTORY]
    if own.get(release) == patient_id:
        return made_in
    return found[0] if found else None


async def place(
    context: Context,
    transaction: Transaction,
    requester: Requester,
    scope: AccessScope,
    release: Release,
    tree: dict[str, Any],
    *,
    location: str,
    own_id: str | None = None,
    bundle_record: int | None = None,
) -> int:
    """Return the record that a new resource goes to; for an operator it is made if need be.

    ``own_id`` is the id of the resource, if it has one already; ``bundle_record`` the record that a transaction is about,
    where a resource without a patient goes along.
    Raises: AccessDeniedError, InvalidResourceError.
    """
    if requester.has_one_record:
        return requester.record_id if requester.record_id is not None else _denied()
    resource_type = tree["resourceType"]
    patients = named_patients(partial(context.local, release), release, resource_type, tree)
    if resource_type == "Patient":
        if requester.kind is not RequesterKind.OPERATOR:
            _denied()
        known = await record_of_patient(transaction, release, own_id) if own_id else None
        return known if known is not None else await _new_record(context, transaction)
    if not patients:
        if bundle_record is not None:
            return bundle_record
        if requester.kind is RequesterKind.OPERATOR:
            return await _of_nobody(context, transaction, release, tree, own_id, location)
        raise _patient_missing(resource_type, location)
    everyone = {await record_for(context, transaction, requester, release, patient) for patient in patients}
    records = everyone
    if requester.kind is not RequesterKind.OPERATOR:
        # A patient who allowed nothing is from here on like one who is not there.
        records = {None if record is None or scope.of(record) is None else record for record in everyone}
    if len(records) > 1 and None not in records:
        raise _issue("business-rule", f"A {resource_type} can't be about more than one patient.", location)
    (record_id,) = records if len(records) == 1 else (None,)
    if requester.kind is RequesterKind.OPERATOR:
        if record_id is None:
            raise _issue("not-found", "The patient that is referred to is not known.", location)
    elif record_id is None:
        message = "No consent covers this request."
        raise AccessDeniedError(message, about=tuple(sorted(record for record in everyone if record is not None)))
    return record_id


async def record_for(
    context: Context, transaction: Transaction, requester: Requester, release: Release, patient_id: str
) -> int | None:
    """Return the record of a Patient, None if it is not known.

    An operator may name a Patient that is still to come: its record is made now, unless the id is one that Regie makes.
    """
    known = await record_of_patient(transaction, release, patient_id)
    if known is None and requester.kind is RequesterKind.OPERATOR and record_in(patient_id) is None:
        known = await _new_record(context, transaction)
        await set_patient(transaction, known, release, patient_id, chosen=True)
    return known


async def new_patient(context: Context, transaction: Transaction, release: Release) -> str:
    """Return the id of a Patient that is about to be written, in a record that is made for it."""
    record_id = await _new_record(context, transaction)
    patient_id = new_id(record_id, context.now_us())
    await set_patient(transaction, record_id, release, patient_id, chosen=False)
    return patient_id


def _denied() -> int:
    message = "No consent covers this request."
    raise AccessDeniedError(message)


async def _new_record(context: Context, transaction: Transaction) -> int:
    record_id = new_record_id()
    await open_record(transaction, record_id, context.time_zone.key)
    return record_id


async def open_directory(context: Context, transaction: Transaction) -> None:
    """Make the directory's record if this is the first thing in it."""
    if not await record_exists(transaction, DIRECTORY):
        await open_record(transaction, DIRECTORY, context.time_zone.key)


async def _of_nobody(
    context: Context,
    transaction: Transaction,
    release: Release,
    tree: dict[str, Any],
    resource_id: str | None,
    location: str,
) -> int:
    """Return where an operator's resource goes that names no patient.

    That is the directory, the record that refers to it, or the one that has what it refers to. Where none does so yet, it
    waits in a record of its own (``waiting.py``).
    """
    resource_type = tree["resourceType"]
    if resource_type in DIRECTORY_TYPES:
        return DIRECTORY
    if resource_id is None:
        raise _patient_missing(resource_type, location)
    named_in = await records_with(transaction, release, resource_type, resource_id)
    if not named_in:
        named_in = await _referred_to(context, transaction, release, tree)
    if len(named_in) > 1:
        raise _patient_missing(resource_type, location)
    return named_in[0] if named_in else await _new_record(context, transaction)


async def _referred_to(context: Context, reader: Reader, release: Release, tree: dict[str, Any]) -> list[int]:
    """Return the records of people that have something that the resource refers to, such as the target of a Provenance."""
    local = (context.local(release, text) for _, text in references(tree))
    names = {(one.resource_type, one.id) for one in local if one is not None}
    found = {record for name in names for record in await records_with(reader, release, *name)}
    return [record for record in sorted(found - {DIRECTORY}) if await patients_of(reader, record)]


def _patient_missing(resource_type: str, location: str) -> InvalidResourceError:
    return _issue("required", f"A {resource_type} has to refer to the patient it is about.", location)


def check_references(
    release: Release, record_id: int, resource_type: str, facts: Facts, *, location: str, own_patient: str | None
) -> None:
    """Refuse a reference that leads out of the record: to another Patient, or by an id that another record made.

    The answer is the same whether what is referred to exists or not. ``own_patient`` is the record's Patient, None if it
    has none in this release. What everybody may read, the directory, says nothing about anybody.
    Raises: InvalidResourceError, with every such place.
    """
    issues = []
    if record_id == DIRECTORY and facts.is_somebodys:
        issues.append(Issue("error", "business-rule", "The shared directory has nothing that is somebody's.", location))
    for expression, target in facts.pointers:
        if target is None:
            code = "not-supported"
            message = "A reference by a search is for transactions: name the resource, as in Type/id."
        elif _is_strange(release, record_id, target, own_patient):
            code = "business-rule"
            message = "This refers to something that is not in the patient's own record."
        else:
            continue
        issues.append(Issue("error", code, message, f"{location}{expression[len(resource_type) :]}"))
    if issues:
        raise InvalidResourceError(issues)


def _is_strange(release: Release, record_id: int, target: Name, own_patient: str | None) -> bool:
    """Return whether a reference leads out of the record, as far as its type and id tell."""
    resource_type, resource_id = target
    if record_id != DIRECTORY and resource_type == "Patient":
        return resource_id != own_patient
    if record_id == DIRECTORY and is_resource_type(release, resource_type) and resource_type not in DIRECTORY_TYPES:
        return True
    return record_in(resource_id) not in (None, record_id, DIRECTORY)


async def check_label(requester: Requester, writer: RecordWriter, before: Stored) -> None:
    """Refuse a practice that takes off that something is sensitive: it hides it from others, and is the person's.

    Raises: AccessDeniedError.
    """
    if requester.kind is not RequesterKind.PRACTICE:
        return
    newest = await writer.current(before.release, before.resource_type, before.id)
    if newest is not None and newest[1] & Category.SENSITIVE:
        message = "Only the person may say that this is not sensitive any more."
        raise AccessDeniedError(message, about=(writer.record_id,))


def _issue(code: str, diagnostics: str, location: str) -> InvalidResourceError:
    return InvalidResourceError([Issue("error", code, diagnostics, location)])
