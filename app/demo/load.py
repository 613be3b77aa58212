"""Putting the invented people into a database, through the same interactions as everybody's data.

It may be stopped at any moment and done again: what is there is not made twice. A record and the requests that fill it
have numbers and keys that follow from the login.
"""

import hashlib
import hmac
import uuid
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import Trace
from app.db.database import Transaction
from app.demo.people import PASSWORD, DemoPerson, demo_people
from app.demo.practices import DemoMember, DemoPractice, demo_members, demo_practices
from app.fhir.release import Release
from app.identity import practices, staff
from app.identity.accounts import Accounts
from app.identity.staff import Described
from app.interactions.bundle import bundle
from app.interactions.context import Context
from app.interactions.people import ensure_record, patients_in
from app.interactions.written import Written

_SCOPES = SmartScopes.of("user/*.cruds")
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class LoadedPerson:
    """An invented person who can log in."""

    login: str
    password: str
    totp_secret: str
    name: str
    about: str
    patients: dict[Release, str]


@dataclass(frozen=True, slots=True)
class LoadedPractice:
    """An invented practice to which access can be given."""

    practice_id: str
    name: str
    city: str
    about: str


@dataclass(frozen=True, slots=True)
class LoadedMember:
    """Somebody invented who can log in for a practice."""

    login: str
    password: str
    totp_secret: str
    name: str
    about: str


@dataclass(frozen=True, slots=True)
class Loader:
    """Puts people and practices in place; ``key`` (32 bytes) makes their one-time-code secrets."""

    context: Context
    accounts: Accounts
    key: bytes
    clock: Callable[[], datetime]

    async def people(self, today: date) -> list[LoadedPerson]:
        """Return the invented people, made where they are absent."""
        return [await self._person(person) for person in demo_people(today)]

    async def practices(self) -> list[LoadedPractice]:
        """Return the invented practices, made where they are absent."""
        return [await self._practice(practice) for practice in demo_practices()]

    async def members(self, practice_id: str) -> list[LoadedMember]:
        """Return who logs in for a practice, made where they are absent."""
        return [await self._member(practice_id, member) for member in demo_members()]

    async def _member(self, practice_id: str, member: DemoMember) -> LoadedMember:
        secret, now = self.totp_secret(member.login), self.clock()
        if await self.accounts.by_login(self.context.database.reader, member.login) is None:
            password_hash = await self.accounts.hash_password(PASSWORD)
            described = Described(member.name, member.role, member.is_administrator)

            async def job(transaction: Transaction) -> None:
                account_id = await self.accounts.create(
                    transaction, login=member.login, password_hash=password_hash, name=member.name,
                    record_id=None, totp_secret=secret, now=now,
                )  # fmt: skip
                token = await staff.invite(transaction, practice_id, described, "operator", now)
                await staff.join(transaction, token, account_id, now)

            await self.context.database.write(job)
        return LoadedMember(member.login, PASSWORD, secret, member.name, member.about)

    async def _person(self, person: DemoPerson) -> LoadedPerson:
        reader = self.context.database.reader
        account = await self.accounts.by_login(reader, person.login)
        secret = self.totp_secret(person.login)
        record_id = (account and account.record_id) or self._record_id(person.login)
        if account is None:
            await ensure_record(self.context, record_id)
            requester = Requester(RequesterKind.PERSON, "operator", "invented data", _SCOPES, record_id=record_id)
            for release, resources in person.resources.items():
                await self._load(requester, release, resources, f"demo {person.login} {release.path}")
            password_hash = await self.accounts.hash_password(person.password)

            async def job(transaction: Transaction) -> None:
                await self.accounts.create(
                    transaction, login=person.login, password_hash=password_hash, name=person.name,
                    record_id=record_id, totp_secret=secret, now=self.clock(),
                )  # fmt: skip

            await self.context.database.write(job)
        patients = await patients_in(self.context, record_id)
        return LoadedPerson(person.login, person.password, secret, person.name, person.about, patients)

    async def _practice(self, practice: DemoPractice) -> LoadedPractice:
        for known in await practices.sought(self.context.database.reader, f"{practice.name} {practice.city}", 100):
            if (known.name, known.city) == (practice.name, practice.city):
                return LoadedPractice(known.practice_id, known.name, known.city, practice.about)
        operator = Requester(RequesterKind.OPERATOR, "operator", "invented data", _SCOPES)
        organizations = {
            release: await self._load(operator, release, resources, f"demo {practice.key} {release.path}")
            for release, resources in practice.resources.items()
        }

        async def job(transaction: Transaction) -> str:
            return await practices.add(
                transaction, name=practice.name, city=practice.city, now=self.clock(),
                organization_stu3=organizations.get(Release.STU3), organization_r4=organizations.get(Release.R4),
            )  # fmt: skip

        practice_id = await self.context.database.write(job)
        return LoadedPractice(practice_id, practice.name, practice.city, practice.about)

    async def _load(
        self, requester: Requester, release: Release, resources: list[tuple[str, dict[str, Any]]], key: str
    ) -> str | None:
        """Write resources in one transaction and return the id of the first one."""
        entries = [
            {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
            for full_url, resource in resources
        ]
        if not entries:
            return None
        body = _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        answer = await bundle(self.context, requester, Trace(str(uuid.uuid4())), release, body, idempotency_key=key)
        first = answer.entries[0].outcome
        return first.version.id if isinstance(first, Written) else None

    def totp_secret(self, login: str) -> str:
        """Return the one-time-code secret of an invented person."""
        return b32encode(self._digest(f"totp {login}")[:20]).decode()

    def _record_id(self, login: str) -> int:
        return int.from_bytes(self._digest(f"record {login}")[:6]) or 1

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self.key, text.encode(), hashlib.sha256)
