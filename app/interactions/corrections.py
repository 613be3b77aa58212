"""A request for correction (AVG art. 16): a message to a practice, and a Task in which the practice says how it goes on.

The message is the Communication of the Dutch information standard; the standard has no Task, so that its code is that of the message.
A practice sees both under a grant with messages, and answers by the Task's status and a Communication ``inResponseTo`` the message.

Specs: http://nictiz.nl/fhir/StructureDefinition/dwv-PatientCorrectionsCommunication, https://hl7.org/fhir/R4/task.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.consent import grants
from app.consent.categorize import CORRECTION
from app.db.database import Reader, Transaction
from app.errors import AccessDeniedError, UnprocessableError
from app.fhir.instants import instant_text
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.identity import practices
from app.identity.practices import Practice
from app.interactions.conditions import NO_CONDITIONS
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched
from app.interactions.repeat import earlier, keep, request_hash
from app.interactions.write import Changes
from app.interactions.written import Written, wrote
from app.store.changes import patients_of

PROFILE = "http://nictiz.nl/fhir/StructureDefinition/dwv-PatientCorrectionsCommunication"
CONSENT = "Consent"
_NEEDED = Action.READ | Action.SEARCH


@dataclass(frozen=True, slots=True)
class Correction:
    """What is asked of which practice: ``topic`` in a few words, ``text`` what is wrong and what it should be.

    ``about`` is the resource that is wrong: its release, and ``Type/id``.
    """

    practice_id: str
    topic: str
    text: str
    about: tuple[Release, str] | None = None


def _whole(requester: Requester, scope: AccessScope) -> RecordAccess:
    """Return what is open of the record of a person. Raises: AccessDeniedError, unless they or who stands for them by law ask."""
    access = None if requester.record_id is None else scope.of(requester.record_id)
    if access is None or not access.is_whole:
        raise AccessDeniedError("A correction is asked for by the person it is about.")
    return access


async def practices_to_ask(context: Context, requester: Requester, trace: Trace) -> list[Practice]:
    """Return the practices that see messages in the requester's record now, by name. Raises: AccessDeniedError."""

    async def action(scope: AccessScope) -> tuple[list[Practice], Sequence[Touched]]:
        access = _whole(requester, scope)
        found = await _practices(context.database.reader, access.record_id, context.clock())
        return found, (Touched(access.record_id, access.reason, len(found)),)

    deed = Deed("search-type", None, CONSENT)
    return await context.gate.look(requester, trace, Wish(Action.READ, CONSENT), deed, action)


async def _practices(reader: Reader, record_id: int, now: datetime) -> list[Practice]:
    found = {
        grant.grantee_id
        for grant in await grants.of_record(reader, record_id)
        if grant.grantee is Grantee.PRACTICE
        and grant.is_in_force(now)
        and Category.MESSAGES in grant.categories
        and grant.actions & _NEEDED == _NEEDED
    }
    return list((await practices.of(reader, found)).values())


async def ask(
    context: Context,
    requester: Requester,
    trace: Trace,
    wanted: Correction,
    record_of: int | None = None,
    key: str | None = None,
) -> None:
    """Put the message and its Task into the requester's own record, or for an operator into the one that is named.

    With a ``key`` that came before nothing more is put there.
    Raises: AccessDeniedError (this practice would not see it, or it is not the own record), UnprocessableError (no Patient in
    R4), DuplicateError (that key came with other words).
    """
    by_operator = requester.kind is RequesterKind.OPERATOR
    now = instant_text(context.now_us())
    digest = request_hash("ask for a correction", repr(wanted))

    def told(found: Iterable[Written]) -> list[Event]:
        return [wrote(requester, trace, Deed("create", Release.R4, one.version.resource_type), one) for one in found]

    async def job(transaction: Transaction, decide: Decide) -> tuple[None, list[Event]]:
        if by_operator and record_of is not None:
            record_id = record_of
        else:
            record_id = _whole(requester, await decide(Wish(Action.CREATE))).record_id
        before = None if key is None else await earlier(transaction, requester, key, digest, decide)
        if before is not None:
            return None, told(one for one in before if isinstance(one, Written))
        asked = await _practices(transaction, record_id, context.clock())
        practice = next((one for one in asked if one.practice_id == wanted.practice_id), None)
        if practice is None:
            raise AccessDeniedError("This practice does not see messages in this record.")
        patient_id = (await patients_of(transaction, record_id)).get(Release.R4)
        if patient_id is None:
            raise UnprocessableError("The record has no Patient in R4.")
        name = {} if by_operator else {"display": requester.on_behalf_of or requester.display}
        patient = {"reference": f"Patient/{patient_id}", "type": "Patient", **name}
        sender = {"type": "RelatedPerson", "display": requester.display} if requester.on_behalf_of else patient
        changes = Changes(context, transaction, requester, trace, Release.R4, decide)
        message = await _create(
            changes, {**_message(wanted, patient, sender, _organization(practice), now), **_about(context, wanted)}
        )
        task_tree = _task(wanted, patient, sender, _organization(practice), now, message.version.id)
        task = await _create(changes, task_tree)
        await changes.finish()
        if key is not None:
            await keep(transaction, requester, key, digest, context.now_us(), [message, task])
        return None, told((message, task))

    await context.gate.change(requester, trace, Deed("create", Release.R4, "Communication"), job)


async def _create(changes: Changes, tree: dict[str, Any]) -> Written:
    resource = changes.sound(parse(Release.R4, msgspec.json.encode(tree)))
    return await changes.create(resource, NO_CONDITIONS, location=tree["resourceType"])


def _organization(practice: Practice) -> dict[str, str]:
    known = {"reference": f"Organization/{practice.organization_r4}"} if practice.organization_r4 else {}
    return {**known, "type": "Organization", "display": practice.name}


def _message(
    wanted: Correction, patient: dict[str, str], sender: dict[str, str], organization: dict[str, str], now: str
) -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "meta": {"profile": [PROFILE]},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid4()}"}],
        "status": "completed",
        "category": [_code()],
        "subject": patient,
        "topic": {"text": wanted.topic},
        "sent": now,
        "recipient": [organization],
        "sender": sender,
        "payload": [{"contentString": wanted.text}],
    }


def _about(context: Context, wanted: Correction) -> dict[str, Any]:
    """Return what the message is about; a resource of STU3 by its whole URL, as it is at another base than the message."""
    if wanted.about is None:
        return {}
    release, name = wanted.about
    reference = name if release is Release.R4 else f"{context.fhir_base(release)}/{name}"
    return {"about": [{"reference": reference, "type": name.partition("/")[0], "display": wanted.topic}]}


def _task(
    wanted: Correction,
    patient: dict[str, str],
    sender: dict[str, str],
    organization: dict[str, str],
    now: str,
    message_id: str,
) -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "proposal",
        "code": _code(),
        "description": wanted.topic,
        "focus": {"reference": f"Communication/{message_id}", "type": "Communication", "display": wanted.topic},
        "for": patient,
        "authoredOn": now,
        "lastModified": now,
        "requester": sender,
        "owner": organization,
    }


def _code() -> dict[str, Any]:
    system, code = CORRECTION
    return {
        "coding": [{"system": system, "code": code, "display": "Correction request by the Patient or RelatedPerson"}]
    }
