"""What create, update, delete, batch and transaction share: changes inside one database transaction.

``Changes`` lives inside the transaction. Every check is made before a row is written, so that an entry of a batch that is
refused leaves nothing behind. A write may be repeated safely in three ways: ``If-None-Exist``, a business identifier that
the same client sent before with the very same content, or an ``Idempotency-Key`` (``repeat.py``).
It is one class and long, as all its steps work on what one transaction has learnt so far.

Spec: https://hl7.org/fhir/R4/http.html#create, https://hl7.org/fhir/STU3/http.html#create
"""

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import msgspec

from app.access.categories import ALL_PARTS, Category
from app.access.giving import CONSENT
from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.db.database import Transaction
from app.errors import (
    AccessDeniedError,
    BadRequestError,
    ConflictError,
    GoneError,
    MethodNotAllowedError,
    MultipleMatchesError,
    NotFoundError,
    UnprocessableError,
)
from app.fhir.issues import Issue
from app.fhir.patch.json_patch import Patch
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import Parsed, parse
from app.interactions.closing import write_closed
from app.interactions.condition_search import ConditionSearches, condition_of
from app.interactions.conditions import NO_CONDITIONS, Conditions
from app.interactions.context import Context, standing
from app.interactions.gate import Decide, Deed
from app.interactions.giving import Giving
from app.interactions.placement import check_label, check_references, open_directory, place
from app.interactions.room import PATCHED_BYTES_MAX, Room
from app.interactions.search import narrow
from app.interactions.sent_before import SentBefore
from app.interactions.sound import FromSource, Sound
from app.interactions.waiting import is_placed, take_out, waits_in
from app.interactions.written import Written, wrote
from app.store.bodies import content_of, with_identity
from app.store.changes import Author, Draft, RecordWriter, set_patient
from app.store.find import business_identifiers
from app.store.ids import UUID_ID, new_id, record_in
from app.store.misfits import Replaced, keep_misfits
from app.store.resources import Stored, read_current

BINARY = "Binary"


@dataclass(slots=True)
class Changes:
    """Writes of one requester in one transaction; end it with ``finish``.

    Whoever asks for a write leaves its entry in the log; what is written along with it has one from here, of the same ``trace``.
    A file is as sensitive as what names it, which a Binary does not say itself; one that became so stays so until its person
    writes it again.
    """

    context: Context
    transaction: Transaction
    requester: Requester
    trace: Trace
    release: Release
    decide: Decide
    writers: dict[int, RecordWriter] = field(default_factory=dict)
    sent_before: SentBefore = field(init=False)
    _closed: set[tuple[int, str]] = field(default_factory=set)  # Binaries that something sensitive names here
    _to_close: dict[tuple[int, str], str] = field(default_factory=dict)  # those to look up, with the ground
    _replaced: list[Replaced] = field(default_factory=list)
    _asked: ConditionSearches = field(default_factory=ConditionSearches)
    _to_patch: Room = field(default_factory=lambda: Room(PATCHED_BYTES_MAX))

    def __post_init__(self) -> None:
        self.sent_before = SentBefore(self.transaction, self.context.index_key, self.release, self.requester.client_id)

    @property
    def giving(self) -> Giving:
        """The grants of the requester's record."""
        return Giving(self.context, self.transaction, self.requester, self.release, self.decide)

    async def scope(self, action: Action, resource_type: str) -> AccessScope:
        """Return what the requester may touch. Raises: AccessDeniedError."""
        return await self.decide(Wish(action, resource_type))

    async def create(
        self,
        resource: Sound,
        conditions: Conditions,
        *,
        location: str,
        made_id: str | None = None,
        bundle_record: int | None = None,
    ) -> Written:
        """Return the new resource, or the one that was there before if the conditions or its identifier say so."""
        resource_type = resource.resource_type
        if resource_type == CONSENT and await self.giving.is_about(resource.parsed, None):
            return await self.giving.create(resource.parsed, conditions, location=location, made_id=made_id)
        scope = await self.scope(Action.CREATE, resource_type)
        record_id = await place(
            self.context, self.transaction, self.requester, scope, self.release, resource.parsed.tree,
            location=location, own_id=made_id, bundle_record=bundle_record,
        )  # fmt: skip
        access = self._access(scope, record_id)
        patients = await self.patients(record_id)
        if resource_type == "Patient" and patients.get(self.release, made_id) != made_id:
            return await self._own_patient(record_id, patients[self.release])
        before = await self._before(resource, access, conditions)
        if before is not None:
            return Written(before, 200, access.reason, "")
        writer = await self.writer(record_id)
        resource_id = made_id or new_id(record_id, writer.instant)
        return await self._write(resource, writer, access, resource_id, None, location=location, chosen=False)

    async def update(
        self,
        resource: Sound,
        resource_id: str,
        conditions: Conditions,
        *,
        location: str,
        bundle_record: int | None = None,
    ) -> Written:
        """Return the new version of a resource; of one that isn't there yet where the caller may choose its id."""
        resource_type = resource.resource_type
        if resource_type == CONSENT and await self.giving.is_about(resource.parsed, resource_id):
            return await self.giving.update(resource.parsed, resource_id, conditions, location=location)
        if resource.parsed.id != resource_id:
            message = "The id in the resource and the id in the URL have to be the same."
            raise BadRequestError(message, expression=f"{location}.id")
        scope = await self.scope(Action.UPDATE, resource_type)
        standing = await self._standing(scope, resource_type, resource_id)
        if standing is None:
            return await self._create_chosen(
                resource, resource_id, conditions, location=location, bundle_record=bundle_record
            )
        before, access = standing
        if await is_placed(self.context, self.transaction, self.requester, before, resource.parsed.tree):
            conditions.check(before.standing, before.reference)
            return await self._place_anew(resource, before, location)
        if before.deleted:  # what was deleted is made anew, which may be another right
            access = self._access(await self.scope(Action.CREATE, resource_type), before.record_id)
        conditions.check(before.standing, before.reference)
        writer = await self.writer(before.record_id)
        return await self._write(resource, writer, access, resource_id, before, location=location, chosen=False)

    async def update_found(
        self,
        resource: Sound,
        found: Stored | None,
        conditions: Conditions,
        *,
        location: str,
        made_id: str | None = None,
        bundle_record: int | None = None,
    ) -> Written:
        """Return the new version of the resource that a condition found; of a new one where it found none.

        An id in the resource has to be that of the match, or is the one that the new resource gets; in STU3 it says nothing.
        """
        chosen = resource.parsed.id if self.release is not Release.STU3 else None
        if found is not None:
            if chosen not in (None, found.id):
                message = "The id in the resource is another one than that of the resource which the condition found."
                raise BadRequestError(message, expression=f"{location}.id")
            before, access = await self._standing_of(found, Action.UPDATE)
            conditions.check(before.standing, before.reference)
            writer = await self.writer(before.record_id)
            return await self._write(resource, writer, access, found.id, before, location=location, chosen=False)
        if chosen is None:
            conditions.check(None, "What the condition asks for")
            return await self.create(
                resource, NO_CONDITIONS, location=location, made_id=made_id, bundle_record=bundle_record
            )
        standing = await self._standing(
            await self.scope(Action.UPDATE, resource.resource_type), resource.resource_type, chosen
        )
        if standing is not None and not standing[0].deleted:
            message = f"{resource.resource_type}/{chosen} is there, and the condition does not find it."
            raise ConflictError(message)
        return await self.update(resource, chosen, conditions, location=location, bundle_record=bundle_record)

    async def patch(self, resource_type: str, resource_id: str, patch: Patch, conditions: Conditions) -> Written:
        """Return the new version of a resource, as the patch makes it of the one that stands.

        Who patches is shown the outcome, so has to be allowed to read it, too.
        Raises: NotFoundError, GoneError, UnprocessableError, InvalidResourceError, AccessDeniedError.
        """
        if resource_type == CONSENT and await self.giving.is_about(None, resource_id):
            parsed = self._patched(await self.giving.standing(resource_id), patch)
            written = await self.giving.update(parsed, resource_id, conditions, location=resource_type)
            return msgspec.structs.replace(written, interaction="patch" if written.interaction else "")
        scope = await self.scope(Action.UPDATE, resource_type)
        standing = await self._standing(scope, resource_type, resource_id)
        if standing is None:
            message = f"{resource_type}/{resource_id} is not known."
            raise NotFoundError(message)
        return await self._patch(*standing, patch, conditions)

    async def patch_found(self, found: Stored, patch: Patch, conditions: Conditions) -> Written:
        """Return the new version of the resource that a condition found."""
        return await self._patch(*await self._standing_of(found, Action.UPDATE), patch, conditions)

    async def _patch(self, before: Stored, access: RecordAccess, patch: Patch, conditions: Conditions) -> Written:
        if not await self._visible(before, before.resource_type):
            message = "What may not be read can't be patched."
            raise AccessDeniedError(message, about=(before.record_id,))
        conditions.check(before.standing, before.reference)
        if before.deleted:
            message = f"{before.reference} was deleted."
            raise GoneError(message, about=(before.record_id,))
        parsed = self._patched(before, patch)
        writer = await self.writer(before.record_id)
        written = await self._write(
            self.sound(parsed), writer, access, before.id, before, location=before.resource_type, chosen=False
        )
        return msgspec.structs.replace(written, interaction="patch")

    def _patched(self, before: Stored, patch: Patch) -> Parsed:
        self._to_patch.take(len(before.body))
        parsed = parse(
            self.release,
            encode_tree(patch(before.tree())),
            expected_type=before.resource_type,
            maximum_depth=self.context.limits.body_depth_max,
        )
        if parsed.id != before.id:
            message = "A patch can't change the id."
            raise UnprocessableError(message, expression=f"{before.resource_type}.id")
        return parsed

    async def delete(self, resource_type: str, resource_id: str, conditions: Conditions) -> Written:
        """Return the deletion; of a resource that is deleted already, the deletion of then.

        Raises: NotFoundError.
        """
        if resource_type == CONSENT and await self.giving.is_about(None, resource_id):
            return await self.giving.delete(resource_id, conditions)
        scope = await self.scope(Action.DELETE, resource_type)
        standing = await self._standing(scope, resource_type, resource_id)
        if standing is None:
            message = f"{resource_type}/{resource_id} is not known."
            raise NotFoundError(message)
        return await self._delete(*standing, conditions)

    async def delete_found(self, found: Stored, conditions: Conditions) -> Written:
        """Return the deletion of the resource that a condition found."""
        return await self._delete(*await self._standing_of(found, Action.DELETE), conditions)

    async def _delete(self, before: Stored, access: RecordAccess, conditions: Conditions) -> Written:
        if before.deleted:
            return Written(before, 200, access.reason, "")
        conditions.check(before.standing, before.reference)
        own_patient = (await self.patients(before.record_id)).get(self.release)
        if before.resource_type == "Patient" and own_patient == before.id:
            message = "The Patient that a record is about can't be deleted; erasing the record does that."
            raise MethodNotAllowedError(message)
        writer = await self.writer(before.record_id)
        current = await writer.current(self.release, before.resource_type, before.id)
        categories = current[1] if current else 0
        gone = writer.delete(before, categories, self._author())
        self._replace(gone, before)
        return Written(gone, 200, access.reason, "delete")

    async def finish(self) -> None:
        """Write what was gathered so far; it can be found from now on."""
        for writer in self.writers.values():
            await writer.flush()
        replaced, self._replaced = self._replaced, []
        await keep_misfits(self.transaction, replaced)
        to_close, self._to_close = self._to_close, {}
        for record_id, named in groupby(sorted(to_close), key=itemgetter(0)):
            writer = await self.writer(record_id)
            for binary_id in await writer.standing(self.release, BINARY, [one for _, one in named]):
                await self._close_file(writer, binary_id, to_close[record_id, binary_id])

    async def writer(self, record_id: int) -> RecordWriter:
        """Return the one writer of a record in this transaction."""
        if record_id not in self.writers:
            if record_id == DIRECTORY:
                await open_directory(self.context, self.transaction)
            begun = await RecordWriter.begin(self.transaction, record_id, self.context.now_us(), self.context.index)
            self.writers[record_id] = begun
        return self.writers[record_id]

    async def patients(self, record_id: int) -> dict[Release, str]:
        """Return the ids of the person's Patients, those too that this transaction made."""
        return {} if record_id == DIRECTORY else (await self.writer(record_id)).patients

    async def matches(self, resource_type: str, query: str, access: RecordAccess) -> list[Stored]:
        """Return at most two current resources that a condition such as ``identifier=a|b`` finds in one record."""
        await self.finish()
        condition, scope = condition_of(self.context, self.release, resource_type, query), AccessScope((access,))
        return await self._asked.first_two(self.context, self.transaction, self.release, condition, scope)

    async def match(self, resource_type: str, query: str, action: Action | None = None) -> Stored | None:
        """Return the one resource that a condition finds among all that the requester may see, or None.

        Where ``action`` is to be done with it, it is looked for in the records in which that may be done.
        Raises: MultipleMatchesError, AccessDeniedError, BadRequestError.
        """
        await self.finish()
        scope = await self.scope(Action.SEARCH, resource_type)
        allowed = scope if action is None else await self.scope(action, resource_type)
        condition = condition_of(self.context, self.release, resource_type, query)
        narrowed = await narrow(self.context, self.requester, self.release, scope, condition, self.transaction)
        open_ = tuple(access for access in narrowed.records if allowed.of(access.record_id) is not None)
        found = await self._asked.first_two(self.context, self.transaction, self.release, condition, AccessScope(open_))
        if len(found) > 1 and found[0].record_id != found[1].record_id == DIRECTORY:
            found.pop()  # what is in the person's own record goes before the shared directory
        if len(found) > 1:
            message = "The condition finds more than one resource."
            raise MultipleMatchesError(message)
        return found[0] if found else None

    def _author(self) -> Author:
        return Author(self.requester.actor, self.requester.client_id)

    @staticmethod
    def _access(scope: AccessScope, record_id: int) -> RecordAccess:
        """Return the access to a record. Raises: AccessDeniedError, when policy opened none."""
        access = scope.of(record_id)
        if access is None:
            message = "No consent covers this request."
            raise AccessDeniedError(message, about=(record_id,))
        return access

    async def _own_patient(self, record_id: int, patient_id: str) -> Written:
        """Return the Patient that the record has: a second one is never made, what was sent is not looked at.

        Who may write but not look gets to know which one it is, which its token tells too, and not what is in it.
        """
        whole = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "own Patient")
        found = await read_current(self.transaction, whole, self.release, "Patient", patient_id)
        if found is None:
            message = "The record has no Patient in this release yet."
            raise ConflictError(message)
        visible = await self._visible(found, "Patient")
        return Written(found if visible else msgspec.structs.replace(found, body=b""), 200, "own Patient", "")

    async def _visible(self, version: Stored, resource_type: str) -> bool:
        """Return whether the requester may look at this version too."""
        try:
            access = (await self.scope(Action.READ, resource_type)).of(version.record_id)
        except AccessDeniedError:
            return False
        if access is None:
            return False
        return await read_current(self.transaction, access, self.release, resource_type, version.id) is not None

    async def _before(self, resource: Sound, access: RecordAccess, conditions: Conditions) -> Stored | None:
        """Return the resource that makes this create one that has been here before, or None.

        A condition is a search, with the leave and scope of one; what was sent before counts within ``access``.
        """
        if conditions.if_none_exist is not None:
            searched = self._access(await self.scope(Action.SEARCH, resource.resource_type), access.record_id)
            found = await self.matches(resource.resource_type, conditions.if_none_exist, searched)
            if len(found) > 1:
                message = "More than one resource matches If-None-Exist."
                raise MultipleMatchesError(message)
            return found[0] if found else None
        identifiers = business_identifiers(resource.parsed.tree) if self.requester.has_one_record else []
        if identifiers:
            if self.sent_before.is_written_here(identifiers):
                await self.finish()
            same = await self.sent_before.find(await self.writer(access.record_id), identifiers)
            sent = content_of(with_identity(resource.content, "x", 1, 0)) if same else b""
            known = next((one for one in same if content_of(one.body) == sent), None)
            return known and await read_current(self.transaction, access, self.release, known.resource_type, known.id)
        return None

    async def _standing(
        self, scope: AccessScope, resource_type: str, resource_id: str
    ) -> tuple[Stored, RecordAccess] | None:
        """Return the newest version that the requester may change, deletes too, or None."""
        await self.finish()
        return await standing(self.transaction, scope, self.release, resource_type, resource_id)

    async def _standing_of(self, found: Stored, action: Action) -> tuple[Stored, RecordAccess]:
        """Return what a condition found as it stands, with the access to change it. Raises: AccessDeniedError."""
        scope = (await self.scope(action, found.resource_type)).only((found.record_id,))
        standing = await self._standing(scope, found.resource_type, found.id)
        if standing is None:
            message = f"What was granted does not include this kind of {found.resource_type}."
            raise AccessDeniedError(message, about=(found.record_id,))
        return standing

    async def _create_chosen(
        self, resource: Sound, resource_id: str, conditions: Conditions, *, location: str, bundle_record: int | None
    ) -> Written:
        """Return the resource under an id that the caller chose."""
        conditions.check(None, f"{resource.resource_type}/{resource_id}")
        kind = self.requester.kind
        is_apps_uuid = self.requester.has_one_record and UUID_ID.fullmatch(resource_id) is not None
        if resource.resource_type == "Patient" and kind is not RequesterKind.OPERATOR:
            is_apps_uuid = False  # which Patient a record is about is not the app's to choose
        if kind is not RequesterKind.OPERATOR and not is_apps_uuid:
            message = (
                "There is no such resource, and an id can be chosen here only if it is a UUID: create it with POST."
            )
            raise MethodNotAllowedError(message)
        scope = await self.scope(Action.CREATE, resource.resource_type)
        record_id = await place(
            self.context, self.transaction, self.requester, scope, self.release, resource.parsed.tree,
            location=location, own_id=resource_id, bundle_record=bundle_record,
        )  # fmt: skip
        if record_in(resource_id) not in (None, record_id):
            message = "An id of this form names the record that it is in, which is another one: choose another id."
            raise UnprocessableError(message)
        access = self._access(scope, record_id)
        if resource.resource_type == "Patient":
            known = (await self.patients(record_id)).get(self.release)
            if known not in (None, resource_id):
                raise ConflictError("The record has another Patient.")
        writer = await self.writer(record_id)
        hidden = await writer.current(self.release, resource.resource_type, resource_id)
        # What stands and is not among what may be updated is not made anew by who may create.
        if hidden is not None and not (hidden[0].deleted and access.covers(resource.resource_type, hidden[1])):
            raise AccessDeniedError("This id can't be used.")
        before = hidden[0] if hidden is not None else None
        return await self._write(resource, writer, access, resource_id, before, location=location, chosen=True)

    def sound(self, parsed: Parsed) -> FromSource:
        """Return a parsed resource as what is to be written."""
        return FromSource(self.context, self.requester.kind, self.release, parsed)

    async def _write(
        self,
        resource: Sound,
        writer: RecordWriter,
        access: RecordAccess,
        resource_id: str,
        before: Stored | None,
        *,
        location: str,
        chosen: bool,
    ) -> Written:
        resource_type, facts = resource.resource_type, resource.facts
        if facts.is_grant:
            message = "A grant can't be made of another Consent: create it with POST."
            raise UnprocessableError(message, expression=f"{location}.policyRule")
        patients = await self.patients(writer.record_id)
        own_patient = resource_id if resource_type == "Patient" else patients.get(self.release)
        check_references(
            self.release, writer.record_id, resource_type, facts, location=location, own_patient=own_patient
        )
        rows = resource.rows(writer.time_zone) if resource_type in access.narrowed_types else None
        if not access.covers(resource_type, facts.categories, () if rows is None else rows.exact):
            message = f"What was granted does not include this kind of {resource_type}."
            raise AccessDeniedError(message, about=(writer.record_id,))
        categories = facts.categories
        if resource_type == BINARY and await self._is_closed(
            writer.record_id, resource_id, may_be_known=chosen or before is not None
        ):
            categories |= int(Category.SENSITIVE)
        if before is not None and not Category.SENSITIVE & categories:
            await check_label(self.requester, writer, before)
        findings = resource.findings(location)
        is_new = before is None or before.deleted
        expected = facts.expected if writer.record_id != DIRECTORY else ()
        rows = resource.rows(writer.time_zone) if rows is None else rows
        draft = Draft(self.release, resource_type, resource_id, resource.content, rows, categories, chosen, expected)
        written = writer.write(draft, before, self._author())
        self._to_close |= {(writer.record_id, one): access.reason for one in facts.closes}
        self._closed.update((writer.record_id, one) for one in facts.closes)
        self._replace(written, before, findings.broken)
        if self.requester.kind is RequesterKind.OPERATOR and writer.record_id != DIRECTORY:
            await self._take_in(writer, (*draft.expected, (draft.resource_type, draft.id)))
        if resource_type == "Patient" and self.release not in patients and writer.record_id != DIRECTORY:
            await set_patient(self.transaction, writer.record_id, self.release, resource_id, chosen=chosen)
            patients[self.release] = resource_id
        interaction = "create" if is_new else "update"
        return Written(written, 201 if is_new else 200, access.reason, interaction, findings.told)

    async def _is_closed(self, record_id: int, binary_id: str, *, may_be_known: bool) -> bool:
        """Return whether a Binary holds a file of what is sensitive: in this transaction, or a document that stands."""
        if not may_be_known or (record_id, binary_id) in self._closed:
            return (record_id, binary_id) in self._closed
        url = f"{BINARY}/{binary_id}"
        named = f"location={url},{self.context.fhir_base(self.release)}/{url}"
        condition = condition_of(self.context, self.release, "DocumentReference", named)
        only_sensitive = RecordAccess(record_id, Category.SENSITIVE, Category.SENSITIVE, None, "label")
        search = ConditionSearches()  # no condition of whoever writes, so not of the time that these have
        return bool(
            await search.first_two(
                self.context, self.transaction, self.release, condition, AccessScope((only_sensitive,))
            )
        )

    async def _close_file(self, writer: RecordWriter, binary_id: str, ground: str) -> None:
        """Make a Binary that stands as sensitive as what names it: a version that says the same."""
        found = await writer.current(self.release, BINARY, binary_id)
        if found is None or found[1] & Category.SENSITIVE:
            return
        before, categories = found
        closed = await write_closed(writer, before, categories, self._author())
        await self._tell(Written(closed, 200, ground, "update"))
        self.sent_before.forget()

    async def _tell(self, written: Written) -> None:
        """Leave an entry in the log for what was written along with what was asked for."""
        event = wrote(self.requester, self.trace, Deed(written.interaction), written)
        await self.context.gate.audit.record(self.transaction, event)

    async def _take_in(self, writer: RecordWriter, names: tuple[tuple[str, str], ...]) -> None:
        """Move what waited until something in this record referred to it, or was what it refers to."""
        for waiting in await waits_in(self.transaction, self.release, names, writer.record_id):
            await self._put_down(writer, await self._take_out(waiting))

    async def _place_anew(self, resource: Sound, before: Stored, location: str) -> Written:
        """Return the resource in the record that it names, where what waited with it goes along."""
        rest = [one for one in await self._take_out(before.record_id) if one.reference != before.reference]
        written = await self._create_chosen(resource, before.id, NO_CONDITIONS, location=location, bundle_record=None)
        await self._put_down(await self.writer(written.version.record_id), rest)
        return written

    async def _take_out(self, waiting: int) -> list[Stored]:
        await self.finish()
        self.writers.pop(waiting, None)
        self._closed = {one for one in self._closed if one[0] != waiting}
        return await take_out(self.transaction, self.release, waiting)

    async def _put_down(self, writer: RecordWriter, resources: list[Stored]) -> None:
        for one in resources:
            parsed = parse(self.release, one.body, expected_type=one.resource_type)
            access = self._access(await self.scope(Action.CREATE, one.resource_type), writer.record_id)
            written = await self._write(
                self.sound(parsed), writer, access, one.id, None, location=one.resource_type, chosen=True
            )
            await self._tell(written)

    def _replace(self, written: Stored, before: Stored | None, broken: tuple[Issue, ...] = ()) -> None:
        """Remember what a version breaks, to be kept with it."""
        if before is not None:
            self.sent_before.forget()
        self._replaced.append(Replaced(written.record_id, written.seq, before.seq if before else None, broken))
