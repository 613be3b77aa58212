"""FHIR batch and transaction.

A transaction is all or nothing; a batch does each entry for itself. In both, what one entry calls another by
(``urn:uuid:...``) becomes the id that the other gets: the Dutch self-measurement standard sends a batch in which the
Observations point at the Patient entry. The Patient entry of a person's app is that person's own Patient.

Order inside a transaction: delete, create, update and patch, then what looks and the operations, which see the changes. Of what is
created, what another one refers to comes first: it may turn out to be there already, and then that is what is referred to. What
the conditions of a transaction find, in URLs and in references (``Patient?identifier=...``), is what stands before its first
change. What looks is asked of whoever speaks FHIR over HTTP, as if it had come alone: see ``Look``.

It is one module, as its steps share the entries, what these are called, and what of them was lost. What an entry and its names are
stands in ``bundle_entries.py`` and ``bundle_names.py``.

Spec: https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/STU3/http.html#transaction
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from app.access.giving import CONSENT
from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.db.database import Timed, Transaction
from app.errors import (
    AccessDeniedError,
    NotFoundError,
    NotSupportedError,
    PreconditionFailedError,
    RegieError,
    TooLargeError,
)
from app.fhir.compartment import patient_references
from app.fhir.reference import LiteralReference, parse_reference
from app.fhir.release import Release
from app.fhir.validation.structure import is_resource_type
from app.interactions.beside import beside_if_large
from app.interactions.bundle_entries import ACTIONS, BundleAnswer, Entry, prepare, refuse_twice
from app.interactions.bundle_names import refuse_lost, renamed, with_names
from app.interactions.conditions import Conditions
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, refusals
from app.interactions.placement import new_patient, record_for
from app.interactions.repeat import Outcome, earlier, keep, request_hash
from app.interactions.room import ANSWER_BYTES_MAX, Room
from app.interactions.sound import FromSource, Sound
from app.interactions.write import Changes
from app.interactions.written import Written, wrote
from app.store.ids import new_id
from app.store.resources import Stored

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}
LOOKS_MAX = 100
LOOKS_SECONDS = 1.0
"""How much a transaction may look at, and how long: nobody else's change is written meanwhile."""


class Answer(Protocol):
    """What an entry that looks is answered with."""

    body: bytes


Look = Callable[[Context, Entry], Awaitable[Answer]]
"""Gives the answer to an entry that looks, or calls an operation; by the context it is inside a transaction, or not."""


async def changes_only(_: Context, entry: Entry) -> Answer:
    """Refuse what looks, for those who send none. Raises: NotSupportedError."""
    message = f"Entry {entry.asked.index} is no change."
    raise NotSupportedError(message)


async def bundle(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    body: bytes,
    *,
    look: Look = changes_only,
    idempotency_key: str | None = None,
) -> BundleAnswer:
    """Return the outcome of every entry.

    Raises: InvalidResourceError, with the places of all that is wrong; in a transaction the error of the first entry that
    could not be done. Then nothing was changed.
    """
    try:
        answer = await _prepared(context, release, body)
    except RegieError as error:
        await context.gate.refused(requester, trace, Deed("transaction", release, "Bundle"), error)
        raise
    sent = [entry.parsed.tree for entry in answer.entries if entry.parsed is not None]
    await context.ask_about(requester.kind, release, sent)
    await beside_if_large(len(body), partial(_work_out, context, requester.kind, release, answer.entries))
    deed = Deed(answer.type, release, "Bundle")
    digest = request_hash("bundle", release.path, body)
    looks = [entry for entry in answer.entries if entry.looks]
    writes = [entry for entry in answer.entries if not entry.looks]

    async def change(transaction: Transaction, decide: Decide) -> None:
        if idempotency_key is not None:
            before = await earlier(transaction, requester, idempotency_key, digest, decide)
            answer.repeated = _repeated(writes, before)
            if answer.repeated:
                return
        for entry in writes:  # a job may be run again from its start
            entry.outcome, entry.found, entry.is_looked_up = entry.fault, None, False
        changes = Changes(context, transaction, requester, trace, release, decide)
        await _write(context, changes, answer.type, writes)
        if idempotency_key is not None:
            outcomes = [entry.outcome for entry in writes if isinstance(entry.outcome, Written | RegieError)]
            await keep(transaction, requester, idempotency_key, digest, context.now_us(), outcomes)

    async def job(transaction: Transaction, decide: Decide) -> tuple[BundleAnswer, list[Event]]:
        await change(transaction, decide)
        if answer.type == "transaction":
            await _look_at_all(context, transaction, look, looks)
        return answer, _events(requester, trace, release, writes)

    if writes or answer.type == "transaction":
        is_alone = (looks and answer.type == "transaction") or any(one.resource_type == CONSENT for one in writes)
        await context.gate.change(requester, trace, deed, job, lane=None if is_alone else requester.lane)
    if answer.type == "batch":
        await _look_at_each(context, look, looks)
    return answer


def _repeated(writes: list[Entry], before: Sequence[Outcome] | None) -> bool:
    """Return whether these changes were made before; then they have the outcomes of that time."""
    if before is None or len(before) != len(writes):
        return False
    for entry, outcome in zip(writes, before, strict=True):
        entry.outcome = outcome
    return True


async def _look_at_all(context: Context, transaction: Transaction, look: Look, looks: list[Entry]) -> None:
    """Answer the entries of a transaction that look. Raises: RegieError, with its place in the Bundle; TooCostlyError."""
    timed = Timed(transaction, LOOKS_SECONDS)
    inside, room = context.inside(transaction, timed), Room(ANSWER_BYTES_MAX)
    for entry in looks:
        try:
            timed.check()
            await _look_at(inside, look, entry, room)
        except RegieError as error:
            if error.expression is None:
                error.expression = f"Bundle.entry[{entry.asked.index}]"
            raise


async def _look_at_each(context: Context, look: Look, looks: list[Entry]) -> None:
    """Answer the entries of a batch that look; one that can't be answered keeps its error."""
    room = Room(ANSWER_BYTES_MAX)
    for entry in looks:
        try:
            await _look_at(context, look, entry, room)
        except RegieError as error:
            entry.outcome = error


async def _look_at(context: Context, look: Look, entry: Entry, room: Room) -> None:
    room.take(0)
    answer = await look(context, entry)
    room.take(len(answer.body))
    entry.outcome = answer


async def _prepared(context: Context, release: Release, body: bytes) -> BundleAnswer:
    """Return the entries as they are before anything is done. Raises: as ``prepare``; TooLargeError."""
    answer = await beside_if_large(len(body), partial(prepare, context, release, body))
    if answer.type == "transaction" and sum(entry.looks for entry in answer.entries) > LOOKS_MAX:
        message = f"A transaction may have {LOOKS_MAX} entries that look or call an operation; a batch may have more."
        raise TooLargeError(message)
    return answer


def _work_out(context: Context, source: RequesterKind, release: Release, entries: list[Entry]) -> None:
    """Work out what follows from each resource alone; what refers to another of the Bundle by its full URL is not known yet."""
    names = {entry.asked.full_url for entry in entries}
    for entry in entries:
        if entry.parsed is not None:
            entry.sound = FromSource(context, source, release, entry.parsed)
            if names.isdisjoint(text for _, text in entry.parsed.references):
                entry.sound.work_out(entry.location)


async def _write(context: Context, changes: Changes, kind: str, writes: list[Entry]) -> None:
    """Do all changes; in a batch an entry that can't be done keeps its error, in a transaction the error is raised."""
    ready = [entry for entry in writes if entry.outcome is None]
    names: dict[str, str] = {}
    lost = {name for entry in writes if entry.fault is not None and entry.makes_new for name in _called(entry)}
    if kind == "transaction":
        for entry in ready:
            await _look_up(changes, entry, names)
        refuse_twice(ready)
    await _name_patients(context, changes, ready, names)
    about = await _bundle_record(context, changes, ready, names)
    await _name_others(context, changes, ready, names, about)
    if changes.requester.has_one_record:
        changes.sent_before.expect(entry.parsed for entry in ready if entry.parsed and entry.method == "POST")
    room = Room(ANSWER_BYTES_MAX)
    for entry in sorted(_referred_to_first(ready, with_files=kind == "batch"), key=lambda entry: _ORDER[entry.method]):
        try:
            room.take(0)
            entry.outcome = written = await _do(changes, entry, names, lost, about)
            if entry.made_id is not None and entry.made_id != written.version.id:
                _name(names, entry, written.version.reference)  # it was there before
            room.take(len(written.version.body))
        except RegieError as error:
            if error.expression is None:
                error.expression = f"Bundle.entry[{entry.asked.index}]"
            if kind == "transaction":
                raise
            entry.outcome = error
            if entry.made_id is not None:  # what refers to it would refer to nothing
                lost.update(_called(entry))
    await changes.finish()


async def _look_up(changes: Changes, entry: Entry, names: dict[str, str]) -> None:
    """Find what the conditions of a transaction's entry stand for; ``names`` gets what its references become.

    Raises: MultipleMatchesError, PreconditionFailedError (a reference that finds nothing), with the place.
    """
    try:
        await _find(changes, entry)
    except RegieError as error:
        error.expression = f"Bundle.entry[{entry.asked.index}].request.url"
        raise
    if entry.parsed is None or b"?" not in (entry.asked.resource or b""):
        return
    for place, text in entry.parsed.references:
        name, _, query = text.partition("?")
        if not query or text in names or not is_resource_type(changes.release, name):
            continue
        try:
            found = await changes.match(name, query)
            if found is None:
                message = "The condition of this reference finds nothing."
                raise PreconditionFailedError(message)
        except RegieError as error:
            error.expression = f"{entry.location}{place[len(entry.resource_type) :]}"
            raise
        names[text] = found.reference


async def _find(changes: Changes, entry: Entry) -> None:
    """Look up the condition in an entry's URL, once."""
    if entry.condition is None or entry.is_looked_up:
        return
    entry.found = await changes.match(entry.resource_type, entry.condition, ACTIONS[entry.method])
    entry.is_looked_up = True
    if entry.found is None and entry.method != "PUT":
        message = f"The condition finds no {entry.resource_type}."
        raise NotFoundError(message)
    if entry.found is None and entry.parsed is not None and changes.release is not Release.STU3:
        entry.resource_id = entry.parsed.id  # the id that the new one gets, if it was given one


async def _do(changes: Changes, entry: Entry, names: dict[str, str], lost: set[str], about: int | None) -> Written:
    asked = entry.asked
    conditions = Conditions(asked.if_none_exist, asked.if_match, asked.if_none_match)
    await _find(changes, entry)
    if entry.patch is not None:
        if entry.found is not None:
            return await changes.patch_found(entry.found, entry.patch, conditions)
        return await changes.patch(entry.resource_type, entry.resource_id or "", entry.patch, conditions)
    if entry.method == "DELETE":
        if entry.found is not None:
            return await changes.delete_found(entry.found, conditions)
        return await changes.delete(entry.resource_type, entry.resource_id or "", conditions)
    resource = _renamed(changes, entry, names, lost)
    if entry.condition is not None:
        return await changes.update_found(
            resource, entry.found, conditions, location=entry.location, made_id=entry.made_id, bundle_record=about
        )
    if entry.method == "PUT":
        return await changes.update(
            resource, entry.resource_id or "", conditions, location=entry.location, bundle_record=about
        )
    return await changes.create(
        resource, conditions, location=entry.location, made_id=entry.made_id, bundle_record=about
    )


async def _name_patients(context: Context, changes: Changes, entries: list[Entry], names: dict[str, str]) -> None:
    """Add what the full URLs of Patients, and of all that has its id already, become: ``Type/id``.

    For a person and an app the Patient is their own. An operator's new Patient gets its record here.
    """
    requester = changes.requester
    own = await changes.patients(requester.record_id) if requester.record_id is not None else {}
    for entry in entries:
        if entry.method == "PUT" and entry.known_id is not None:
            _name(names, entry, f"{entry.resource_type}/{entry.known_id}")
        elif entry.makes_new and entry.resource_type == "Patient":
            if changes.release in own:
                _name(names, entry, f"Patient/{own[changes.release]}")
                continue
            if requester.record_id is not None:
                entry.made_id = new_id(requester.record_id, context.now_us())
            elif requester.kind is RequesterKind.OPERATOR:
                entry.made_id = await new_patient(context, changes.transaction, changes.release)
            if entry.made_id is not None:
                _name(names, entry, f"Patient/{entry.made_id}")


async def _bundle_record(context: Context, changes: Changes, entries: list[Entry], names: dict[str, str]) -> int | None:
    """Return the one record that the Bundle is about, None if it is about several or nobody."""
    if changes.requester.record_id is not None:
        return changes.requester.record_id
    patients = {patient for entry in entries for patient in _patients(context, changes.release, entry, names)}
    if len(patients) != 1:
        return None
    return await _record_of(context, changes, patients.pop())


async def _record_of(context: Context, changes: Changes, patient_id: str) -> int | None:
    """Return the record of a Patient, None for one that is not known, or that did not allow the requester to add to it."""
    record_id = await record_for(context, changes.transaction, changes.requester, changes.release, patient_id)
    if record_id is None or changes.requester.kind is RequesterKind.OPERATOR:
        return record_id
    try:
        scope = await changes.decide(Wish(Action.CREATE))
    except AccessDeniedError:
        return None
    return record_id if scope.of(record_id) is not None else None


async def _name_others(
    context: Context, changes: Changes, entries: list[Entry], names: dict[str, str], about: int | None
) -> None:
    """Add what the full URLs of the other new resources become: a new id, or what ``If-None-Exist`` finds and nobody deletes."""
    deleted = {(entry.resource_type, entry.known_id) for entry in entries if entry.method == "DELETE"}
    for entry in entries:
        if not entry.makes_new or entry.resource_type == "Patient":
            continue
        record_id = about
        if about is None:
            patients = _patients(context, changes.release, entry, names)
            found = await _record_of(context, changes, patients.pop()) if len(patients) == 1 else None
            record_id = DIRECTORY if found is None else found
        match = await _match(changes, entry, record_id) if entry.asked.if_none_exist and entry.asked.full_url else None
        if match is None or (entry.resource_type, match.id) in deleted:
            entry.made_id = new_id(DIRECTORY if record_id is None else record_id, context.now_us())
            _name(names, entry, f"{entry.resource_type}/{entry.made_id}")
        else:
            _name(names, entry, match.reference)


def _name(names: dict[str, str], entry: Entry, name: str) -> None:
    """Remember what an entry is called."""
    names |= dict.fromkeys(_called(entry), name)


def _called(entry: Entry) -> list[str]:
    """Return what other entries may call an entry: its full URL, and the relative reference that this ends with."""
    full_url = entry.asked.full_url
    if not full_url:
        return []
    parsed = parse_reference(full_url)
    if isinstance(parsed, LiteralReference) and entry.method == "POST":
        return [full_url, parsed.relative]
    return [full_url]


def _referred_to_first(entries: list[Entry], *, with_files: bool) -> list[Entry]:
    """Return the entries so that those that make something come after what they refer to of these, unless that leads back to them.

    ``with_files``: after their files too, which in a batch may fail alone; else these come best after what closes them.
    """
    named = {name: entry for entry in entries if entry.makes_new for name in _called(entry)}
    ordered: dict[int, Entry] = {}
    begun: set[int] = set()
    for first in entries:
        waiting = [first]
        while waiting:
            entry = waiting[-1]
            if entry.asked.index in begun:
                ordered.setdefault(entry.asked.index, entry)
                waiting.pop()
                continue
            begun.add(entry.asked.index)
            links: list[str] = []
            if entry.parsed is not None and named:
                links = [text for _, text in entry.parsed.references] + (entry.parsed.addresses if with_files else [])
            waiting += [named[text] for text in links if text in named and named[text].asked.index not in begun]
    return list(ordered.values())


def _patients(context: Context, release: Release, entry: Entry, names: dict[str, str]) -> set[str]:
    """Return the ids of the Patients that an entry is about, those of the Bundle's own entries too."""
    if entry.parsed is None:
        return set()
    if entry.resource_type == "Patient":
        known = entry.made_id or entry.known_id
        return {known} if known else set()
    found = set()
    body, tree = entry.asked.resource or b"", entry.parsed.tree
    if b"urn:" in body or b"?" in body:  # names that tell no type
        tree = with_names(tree, names)
    for text in patient_references(release, entry.resource_type, tree):
        local = context.local(release, names.get(text, text))
        if local is not None and local.resource_type == "Patient":
            found.add(local.id)
    return found


async def _match(changes: Changes, entry: Entry, record_id: int | None) -> Stored | None:
    """Return the one resource that If-None-Exist finds; when there are more, the create itself will say so."""
    try:
        scope = await changes.scope(Action.SEARCH, entry.resource_type)
        access = scope.of(DIRECTORY if record_id is None else record_id)
        if access is None:
            return None
        found = await changes.matches(entry.resource_type, entry.asked.if_none_exist or "", access)
    except RegieError:
        return None  # the create itself meets the same error, and then it is the entry's
    return found[0] if len(found) == 1 else None


def _renamed(changes: Changes, entry: Entry, names: dict[str, str], lost: set[str]) -> Sound:
    """Return the entry's resource with its links to other entries replaced. Raises: as ``renamed``."""
    body, sound = entry.asked.resource, entry.sound
    if body is None or sound is None:
        message = f"Entry {entry.asked.index} has no resource."
        raise ValueError(message)
    depth = changes.context.limits.body_depth_max
    refuse_lost(sound.parsed, lost, entry.location)
    parsed = renamed(changes.release, sound.parsed, body, names, location=entry.location, maximum_depth=depth)
    return sound if parsed is sound.parsed else changes.sound(parsed)


def _events(requester: Requester, trace: Trace, release: Release, writes: list[Entry]) -> list[Event]:
    """Return the log's entries: one for each entry of the Bundle."""
    events: list[Event] = []
    for entry in writes:
        deed = Deed(entry.deed, release, entry.resource_type, entry.resource_id or "")
        if isinstance(entry.outcome, Written):
            events.append(wrote(requester, trace, deed, entry.outcome))
        elif isinstance(entry.outcome, RegieError):
            events += refusals(requester, trace, deed, entry.outcome)
    return events
