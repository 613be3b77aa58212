"""Giving, changing and withdrawing access by writing a Consent: the same as the page does, in the transaction of the write.

Such a Consent is under the policy of a grant; any other is a resource like all others. It has no place in the record's log
of changes: the log of who did what tells of it, and the grant keeps its versions.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from app.access.categories import ALL_PARTS, Category
from app.access.giving import CONSENT
from app.access.grant import Grant, Grantee
from app.access.requester import Requester
from app.access.scope import RecordAccess
from app.access.smart_scope import Action
from app.consent import grants
from app.consent.asked import Asked, asked
from app.consent.fhir_consent import is_grant
from app.db.database import Transaction
from app.errors import (
    BadRequestError,
    ConflictError,
    InvalidResourceError,
    MethodNotAllowedError,
    UnprocessableError,
)
from app.fhir.dates import microseconds
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.structure import Parsed
from app.identity import practices
from app.interactions.conditions import Conditions
from app.interactions.consents import generated
from app.interactions.context import Context
from app.interactions.gate import Decide
from app.interactions.leave import Leave
from app.interactions.written import Written
from app.jobs.notices import notify
from app.jobs.reminders import remind
from app.jobs.texts import NoticeKind
from app.store.changes import patients_of
from app.store.ids import new_id
from app.store.resources import Stored, read_current
from app.store.time_zone import time_zone_of

GIVEN_MAX = 1000
"""Versions of grants in one record from which apps add no more: all of them are read for a search of Consents."""


@dataclass(frozen=True, slots=True)
class Giving:
    """The grants of one requester's record in one transaction."""

    context: Context
    transaction: Transaction
    requester: Requester
    release: Release
    decide: Decide

    async def is_about(self, parsed: Parsed | None, resource_id: str | None) -> bool:
        """Return whether a write of a Consent is about a grant: by what it says, or by the id of one of the requester's record."""
        if parsed is not None and is_grant(self.release, parsed.tree):
            return True
        record_id = self.requester.record_id
        if record_id is None or resource_id is None:
            return False
        return await grants.one(self.transaction, record_id, resource_id) is not None

    async def create(self, parsed: Parsed, conditions: Conditions, *, location: str, made_id: str | None) -> Written:
        """Give what a Consent asks for. Raises: AccessDeniedError, InvalidResourceError, UnprocessableError."""
        access = await self._access(Action.CREATE)
        if conditions.if_none_exist is not None:
            message = "A grant can't be given on a condition."
            raise BadRequestError(message, expression="http.If-None-Exist")
        wanted = await self._asked(access.record_id, parsed, location)
        if not wanted.is_active:
            raise _refusal("business-rule", "A grant that is given is active.", f"{location}.status")
        practice_id = await self._practice(wanted)
        now = self.context.clock()
        await self._check(wanted)
        try:
            grant = await grants.give(
                self.transaction, record_id=access.record_id, grantee=Grantee.PRACTICE, grantee_id=practice_id,
                categories=wanted.categories, actions=wanted.actions, until=wanted.until,
                purpose=wanted.purpose or "treatment", now=now,
                starts_at=None if wanted.starts_at is None else max(wanted.starts_at, now),
                grant_id=made_id or new_id(access.record_id, microseconds(now)),
                rests_on=self._leave.rests_on,
            )  # fmt: skip
        except UnprocessableError as error:
            error.expression = wanted.place
            raise
        await self._tell(NoticeKind.ACCESS_GIVEN, now, grant)
        return Written(await self.current(access, grant.grant_id), 201, access.reason, "create")

    async def update(self, parsed: Parsed, resource_id: str, conditions: Conditions, *, location: str) -> Written:
        """Change or withdraw a grant, as its Consent says. Raises: as ``create``; PreconditionFailedError."""
        access = await self._access(Action.UPDATE)
        if parsed.id != resource_id:
            message = "The id in the resource and the id in the URL have to be the same."
            raise BadRequestError(message, expression=f"{location}.id")
        before = await self._one(access, resource_id)
        standing = await self.current(access, resource_id)
        conditions.check(standing.version, standing.reference)
        if not is_grant(self.release, parsed.tree):
            raise _refusal("business-rule", "A grant stays under its policy.", f"{location}.policyRule")
        wanted = await self._asked(access.record_id, parsed, location)
        now = self.context.clock()
        is_over = before.withdrawn_at is not None or before.ends_at <= now
        if not wanted.is_active:
            return await self._withdraw(access, before, "update")
        if is_over:
            raise _refusal("business-rule", "A grant that is over stays so: give a new one.", f"{location}.status")
        await self._same_grantee(wanted, before)
        await self._check(wanted, before)
        if _is_same(wanted, before):
            return Written(standing, 200, access.reason, "")
        try:
            grant = await grants.change(
                self.transaction, access.record_id, resource_id, categories=wanted.categories, actions=wanted.actions,
                until=wanted.until, now=now, purpose=wanted.purpose, starts_at=wanted.starts_at,
                rests_on=self._leave.rests_on,
            )  # fmt: skip
        except UnprocessableError as error:
            error.expression = wanted.place
            raise
        await self._tell(NoticeKind.ACCESS_CHANGED, now, grant)
        return Written(await self.current(access, resource_id), 200, access.reason, "update")

    async def delete(self, resource_id: str, conditions: Conditions) -> Written:
        """Withdraw a grant; that it was given stays to be read. Raises: AccessDeniedError, PreconditionFailedError."""
        access = await self._access(Action.DELETE)
        before = await self._one(access, resource_id)
        standing = await self.current(access, resource_id)
        conditions.check(standing.version, standing.reference)
        written = await self._withdraw(access, before, "delete")
        gone = msgspec.structs.replace(written.version, operation="delete", body=b"")
        return msgspec.structs.replace(written, version=gone)

    async def standing(self, resource_id: str) -> Stored:
        """Return a grant as it stands, to be patched. Raises: AccessDeniedError."""
        return await self.current(await self._access(Action.READ | Action.UPDATE), resource_id)

    async def current(self, access: RecordAccess, grant_id: str) -> Stored:
        """Return a grant as the Consent that it is now. Raises: ConflictError, when the record has no Patient in the release."""
        versions = await grants.versions(self.transaction, access.record_id, grant_id)
        aside = await generated(self.context, self.transaction, self.release, versions)
        found = None if aside is None else await read_current(aside, access, self.release, CONSENT, grant_id)
        if found is None:
            message = "The record has no Patient in this release yet."
            raise ConflictError(message)
        return msgspec.structs.replace(found, seq=0)  # it has no number in the record's log

    async def _access(self, action: Action) -> RecordAccess:
        return await self._leave.to(action)

    @property
    def _leave(self) -> Leave:
        return Leave(self.transaction, self.requester, self.decide, self.context.clock())

    async def _one(self, access: RecordAccess, grant_id: str) -> Grant:
        """Return a grant that the requester may change or withdraw. Raises: MethodNotAllowedError, AccessDeniedError."""
        found = await grants.one(self.transaction, access.record_id, grant_id)
        if found is None:
            message = f"{CONSENT}/{grant_id} is no grant, and a grant gets its id here: create it with POST."
            raise MethodNotAllowedError(message)
        await self._leave.to_change(found)
        return found

    async def _asked(self, record_id: int, parsed: Parsed, location: str) -> Asked:
        patients = await patients_of(self.transaction, record_id)
        zone = await time_zone_of(self.transaction, record_id) or self.context.time_zone
        return asked(self.release, parsed.tree, patient_id=patients.get(self.release), zone=zone, location=location)

    async def _practice(self, wanted: Asked) -> str:
        """Return the number of the practice that is named. Raises: InvalidResourceError."""
        place = f"{wanted.place}.actor[0].reference"
        if wanted.grantee is Grantee.APP:
            raise _refusal("business-rule", "An app asks for access itself, by OAuth.", place)
        if wanted.grantee is Grantee.PERSON:
            raise _refusal("business-rule", "Another person is asked for help on the pages.", place)
        if wanted.grantee_id is not None:
            known = list((await practices.of(self.transaction, [wanted.grantee_id])).values())
        else:
            known = await practices.of_organization(self.transaction, wanted.organization or "")
        for practice in known:
            organization = practice.organization_stu3 if self.release is Release.STU3 else practice.organization_r4
            if wanted.organization in (None, organization):
                return practice.practice_id
        raise _refusal("not-found", "No practice with this name uses this server.", place)

    async def _same_grantee(self, wanted: Asked, before: Grant) -> None:
        place = f"{wanted.place}.actor[0].reference"
        grantee_id = await self._practice(wanted) if wanted.grantee is Grantee.PRACTICE else wanted.grantee_id
        if (wanted.grantee, grantee_id) != (before.grantee, before.grantee_id):
            raise _refusal("business-rule", "A grant stays with whom it was given to: give a new one.", place)

    async def _check(self, wanted: Asked, before: Grant | None = None) -> None:
        """Refuse what may not be given. Raises: AccessDeniedError, InvalidResourceError, UnprocessableError."""
        if len(await grants.of_record(self.transaction, self.requester.record_id or 0)) >= GIVEN_MAX:
            message = "This record has too many grants to give more like this: its person can do so on the pages."
            raise UnprocessableError(message)
        grantee = Grantee.PRACTICE if before is None else before.grantee
        await self._leave.to_give(grantee, wanted.categories, wanted.actions, wanted.until)
        kept_for = {Grantee.APP: "app", Grantee.PERSON: "representation"}.get(grantee)
        if wanted.purpose is not None and kept_for != (
            wanted.purpose if wanted.purpose in ("app", "representation") else None
        ):
            raise _refusal("business-rule", "This is no purpose of such a grant.", f"{wanted.place}.purpose[0]")
        if wanted.categories and not wanted.categories & ALL_PARTS:
            message = f"{Category.SENSITIVE.code} opens no part by itself: name the parts too."
            raise _refusal("business-rule", message, f"{wanted.place}.class")

    async def _withdraw(self, access: RecordAccess, before: Grant, interaction: str) -> Written:
        now = self.context.clock()
        if before.withdrawn_at is not None or before.ends_at <= now:
            return Written(await self.current(access, before.grant_id), 200, access.reason, "")
        await grants.withdraw(self.transaction, access.record_id, before.grant_id, now)
        await self._tell(NoticeKind.ACCESS_WITHDRAWN, now)
        return Written(await self.current(access, before.grant_id), 200, access.reason, interaction)

    async def _tell(self, kind: NoticeKind, now: datetime, grant: Grant | None = None) -> None:
        """Have the person told of what was done, and of the end of ``grant`` when that comes."""
        record_id = self.requester.record_id
        if record_id is None:
            return
        await notify(self.transaction, record_id=record_id, kind=kind, now_us=microseconds(now))
        if grant is not None:
            await remind(
                self.transaction, record_id=record_id, grant_id=grant.grant_id, version=grant.version,
                ends_us=microseconds(grant.until), now_us=microseconds(now),
            )  # fmt: skip


def _is_same(wanted: Asked, before: Grant) -> bool:
    """Return whether nothing would change; instants are told to the millisecond, and a start that is past is past."""
    return (
        wanted.categories == before.categories
        and wanted.actions == before.actions
        and wanted.purpose in (None, before.purpose)
        and microseconds(wanted.until) // 1000 == microseconds(before.until) // 1000
        and (
            wanted.starts_at is None or microseconds(wanted.starts_at) // 1000 == microseconds(before.starts_at) // 1000
        )
    )


def _refusal(code: str, message: str, place: str) -> InvalidResourceError:
    return InvalidResourceError([Issue("error", code, message, place)])
