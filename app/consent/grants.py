"""Grants at rest: given, withdrawn, listed.

A version of a grant is never altered: a changed grant has a new one, and the one before is withdrawn at the same instant.
That keeps what was allowed at any moment in the past. What is read here are candidates; ``access/policy.py`` decides which
are in force.
"""

import base64
import secrets
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import bindparam, func, insert, select, tuple_, update

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.representation import Capacity, Mandate, Power
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import Action
from app.consent.tables import access_grant
from app.db.database import Reader, Row, Transaction
from app.db.statements import hot
from app.errors import ConflictError, NotFoundError, UnprocessableError

LONGEST = timedelta(days=5 * 366)
"""No grant lasts longer: a person is asked again at least every five years. What a parent may do ends with the law instead."""

FORMER_MAX = 1000
"""How many people hear that a practice, which may see nobody any more, tried."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_columns = access_grant.c

_INSERT = hot(insert(access_grant))
_withdraw = (
    update(access_grant)
    .where(_columns.record_id == bindparam("of_record"), _columns.withdrawn_at.is_(None))
    .values(withdrawn_at=bindparam("at"))
)
_WITHDRAW = hot(_withdraw.where(_columns.grant_id == bindparam("which")))
_WITHDRAW_RESTING = hot(_withdraw.where(_columns.rests_on == bindparam("which")))
_versions = (
    select(access_grant)
    .where(_columns.record_id == bindparam("record_id"), _columns.grant_id == bindparam("grant_id"))
    .order_by(_columns.version.desc())
)
_theirs = select(access_grant.c.record_id, access_grant.c.grant_id).where(
    _columns.grantee == Grantee.PERSON.value, _columns.grantee_id == bindparam("account_id")
)
_END_GIVEN_BY = hot(
    update(access_grant)
    .where(tuple_(_columns.record_id, _columns.rests_on).in_(_theirs), _columns.withdrawn_at.is_(None))
    .values(withdrawn_at=bindparam("at"))
)
_FORGET_PERSON = hot(
    update(access_grant)
    .where(_columns.grantee == Grantee.PERSON.value, _columns.grantee_id == bindparam("account_id"))
    .values(grantee_id="", withdrawn_at=func.coalesce(_columns.withdrawn_at, bindparam("at")))
)
_ONE = hot(_versions.limit(1))
_VERSIONS = hot(_versions)
_OF_RECORD = hot(
    select(access_grant)
    .where(_columns.record_id == bindparam("record_id"))
    .order_by(_columns.given_at.desc(), _columns.grant_id, _columns.version.desc())
)
_to_grantee = (
    select(access_grant)
    .where(
        _columns.grantee == bindparam("grantee"),
        _columns.grantee_id == bindparam("grantee_id"),
        _columns.ends_at > bindparam("now"),
        _columns.withdrawn_at.is_(None),
    )
    .order_by(_columns.record_id, _columns.grant_id)
)
_ONCE_OPENED = hot(
    select(_columns.record_id)
    .where(_columns.grantee == Grantee.PRACTICE.value, _columns.grantee_id == bindparam("grantee_id"))
    .group_by(_columns.record_id)
    .order_by(func.max(_columns.ends_at).desc())
    .limit(FORMER_MAX)
)
_RECORD_GRANTED = hot(
    select(_columns.record_id)
    .where(
        _columns.grantee == Grantee.PRACTICE.value,
        _columns.grantee_id == bindparam("grantee_id"),
        _columns.grant_id == bindparam("grant_id"),
    )
    .limit(1)
)
_PARENTS = hot(
    select(access_grant)
    .where(
        _columns.grantee == Grantee.PERSON.value,
        _columns.capacity == Capacity.PARENT.value,
        _columns.birth_date >= bindparam("first"),
        _columns.birth_date <= bindparam("last"),
        _columns.withdrawn_at.is_(None),
    )
    .order_by(_columns.record_id, _columns.grant_id)
)
_OF_GRANTEE = hot(_to_grantee)
_OF_GRANTEE_IN_RECORD = hot(_to_grantee.where(_columns.record_id == bindparam("record_id")))


async def give(
    transaction: Transaction,
    *,
    record_id: int,
    grantee: Grantee,
    grantee_id: str,
    categories: Category,
    actions: Action,
    until: datetime,
    purpose: str,
    now: datetime,
    starts_at: datetime | None = None,
    grant_id: str | None = None,
    mandate: Mandate | None = None,
    rests_on: str | None = None,
) -> Grant:
    """Return the new grant; it starts ``now`` unless ``starts_at`` is later. All instants are UTC.

    ``grant_id`` None makes one up. ``mandate`` is for a person, ``rests_on`` for what a representative gives.

    Raises: UnprocessableError, when it would open nothing or last longer than ``LONGEST``.
    """
    grant = Grant(
        grant_id=grant_id or base64.b32encode(secrets.token_bytes(15)).decode().lower(),
        record_id=record_id,
        grantee=grantee,
        grantee_id=grantee_id,
        categories=categories,
        actions=actions,
        starts_at=starts_at or now,
        until=until,
        purpose=purpose,
        given_at=now,
        mandate=mandate,
        rests_on=rests_on,
    )
    await _insert(transaction, grant)
    return grant


async def withdraw(transaction: Transaction, record_id: int, grant_id: str, at: datetime) -> Grant:
    """Return the grant as it is after being withdrawn; one that was withdrawn before keeps its earlier instant.

    With that of a representative end those that they gave.
    Raises: NotFoundError, when this record has no such grant.
    """
    grant = await one(transaction, record_id, grant_id)
    if grant is None:
        raise NotFoundError("This grant is not known.")
    if grant.withdrawn_at is not None:
        return grant
    ended = {"of_record": record_id, "which": grant_id, "at": _us(at)}
    await transaction.run(_WITHDRAW, ended)
    if grant.mandate is not None:
        await transaction.run(_WITHDRAW_RESTING, ended)
    return replace(grant, withdrawn_at=at)


async def change(
    transaction: Transaction,
    record_id: int,
    grant_id: str,
    *,
    categories: Category,
    actions: Action,
    until: datetime,
    now: datetime,
    purpose: str | None = None,
    starts_at: datetime | None = None,
    mandate: Mandate | None = None,
    rests_on: str | None = None,
) -> Grant:
    """Return the new version of ``grant_id``; the one before is withdrawn at the same instant.

    Tokens that rest on the grant go on with what is left, but what a representative gave ends with the version before.
    ``purpose``, ``starts_at``, ``mandate`` and ``rests_on`` None keep what they were.
    Raises: NotFoundError, when there is no such grant or it is over; UnprocessableError, as ``give`` does.
    """
    old = await one(transaction, record_id, grant_id)
    if old is None or old.withdrawn_at is not None or old.until <= now:
        raise NotFoundError("This grant is not known.")
    await withdraw(transaction, record_id, grant_id, now)
    new = replace(
        old,
        version=old.version + 1,
        categories=categories,
        actions=actions,
        starts_at=max(starts_at or old.starts_at, now),
        until=until,
        purpose=purpose or old.purpose,
        given_at=now,
        mandate=mandate or old.mandate,
        rests_on=rests_on or old.rests_on,
    )
    await _insert(transaction, new)
    return new


async def forget_person(transaction: Transaction, account_id: str, at: datetime) -> None:
    """End what was given to a person, in every record, with what they gave there, and forget to whom it was."""
    await transaction.run(_END_GIVEN_BY, {"account_id": account_id, "at": _us(at)})
    await transaction.run(_FORGET_PERSON, {"account_id": account_id, "at": _us(at)})


async def keep(transaction: Transaction, grant: Grant, now: datetime, exported_at: datetime) -> None:
    """Keep a version of a grant that was given elsewhere: one that is not over is withdrawn ``now``, so that it opens nothing.

    So is one that was not over when it was exported: the clock here may be ahead, and be set right later.
    Raises: ConflictError, when another record has a grant of this name: by it a practice finds the person.
    """
    if grant.grantee is Grantee.PRACTICE:
        known = await record_granted(transaction, grant.grantee_id, grant.grant_id)
        if known not in (None, grant.record_id):
            raise ConflictError("A grant of this record has the id of another one here.")
    if grant.withdrawn_at is None and grant.until > min(now, exported_at):
        grant = replace(grant, withdrawn_at=now)
    await _insert(transaction, grant)


async def _insert(transaction: Transaction, grant: Grant) -> None:
    """Write a version. Raises: as ``check`` does."""
    check(grant)
    await transaction.run(_INSERT, _row(grant))


def check(grant: Grant) -> None:
    """Raise UnprocessableError for a grant that would open nothing or last longer than ``LONGEST``."""
    if not grant.categories & ~Category.SENSITIVE:
        raise UnprocessableError("A grant names at least one part of the record.")
    if not grant.actions:
        raise UnprocessableError("A grant allows at least one action.")
    if grant.until <= grant.starts_at:
        raise UnprocessableError("A grant ends after it starts.")
    is_parent = grant.mandate is not None and grant.mandate.capacity is Capacity.PARENT
    if grant.until - grant.starts_at > LONGEST and not is_parent:
        raise UnprocessableError("A grant lasts five years at most.")


async def one(reader: Reader, record_id: int, grant_id: str) -> Grant | None:
    """Return the newest version of a grant, in force or over; None when this record has no such grant. A point read."""
    row = await reader.one(_ONE, {"record_id": record_id, "grant_id": grant_id})
    return None if row is None else _grant(row)


async def versions(reader: Reader, record_id: int, grant_id: str) -> list[Grant]:
    """Return all versions of a grant, the newest first; none when this record has no such grant."""
    return [_grant(row) for row in await reader.all(_VERSIONS, {"record_id": record_id, "grant_id": grant_id})]


async def of_record(reader: Reader, record_id: int) -> list[Grant]:
    """Return all versions of all that this person ever granted, the newest first."""
    return [_grant(row) for row in await reader.all(_OF_RECORD, {"record_id": record_id})]


async def of_practice(reader: Reader, practice_id: str, now: datetime, record_id: int | None = None) -> list[Grant]:
    """Return the grants to a practice that are not over at ``now``; with ``record_id`` only those of that record."""
    wanted = {"grantee": Grantee.PRACTICE.value, "grantee_id": practice_id, "now": _us(now)}
    if record_id is None:
        rows = await reader.all(_OF_GRANTEE, wanted)
    else:
        rows = await reader.all(_OF_GRANTEE_IN_RECORD, {**wanted, "record_id": record_id})
    return [_grant(row) for row in rows]


async def to_app(reader: Reader, client_id: str, now: datetime) -> list[Grant]:
    """Return what people gave to an app and did not withdraw, and what has not ended."""
    wanted = {"grantee": Grantee.APP.value, "grantee_id": client_id, "now": _us(now)}
    return [_grant(row) for row in await reader.all(_OF_GRANTEE, wanted)]


async def once_opened_to(reader: Reader, practice_id: str) -> list[int]:
    """Return the records that were ever granted to a practice, those granted the latest first, at most ``FORMER_MAX``."""
    return [row[0] for row in await reader.all(_ONCE_OPENED, {"grantee_id": practice_id})]


async def of_person(reader: Reader, account_id: str, now: datetime) -> list[Grant]:
    """Return the representations of the person of an account that are in force at ``now``, by the name of the represented."""
    wanted = {"grantee": Grantee.PERSON.value, "grantee_id": account_id, "now": _us(now)}
    found = [grant for grant in map(_grant, await reader.all(_OF_GRANTEE, wanted)) if grant.is_in_force(now)]
    return sorted(found, key=lambda grant: (grant.mandate.represented if grant.mandate else "", grant.grant_id))


async def parents_of_born(reader: Reader, first: date, last: date) -> list[Grant]:
    """Return the representations of parents of children born on these days or between them, in force or over by themselves."""
    rows = await reader.all(_PARENTS, {"first": first.isoformat(), "last": last.isoformat()})
    return [_grant(row) for row in rows]


async def record_granted(reader: Reader, practice_id: str, grant_id: str) -> int | None:
    """Return the record that a grant to a practice, in force or over, is of; None when the practice has no such grant."""
    row = await reader.one(_RECORD_GRANTED, {"grantee_id": practice_id, "grant_id": grant_id})
    return None if row is None else row[0]


async def candidates(reader: Reader, requester: Requester, now: datetime) -> list[Grant]:
    """Return the grants that ``policy.decide`` needs for this requester: one read, none for a person or an operator."""
    if requester.kind is RequesterKind.PRACTICE and requester.practice_id is not None:
        return await of_practice(reader, requester.practice_id, now, requester.only_record)
    if requester.has_one_record and requester.record_id is not None and requester.grant_id is not None:
        grant = await one(reader, requester.record_id, requester.grant_id)
        return [] if grant is None else [grant]
    return []


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _row(grant: Grant) -> dict[str, object]:
    return {
        "record_id": grant.record_id,
        "grant_id": grant.grant_id,
        "version": grant.version,
        "grantee": grant.grantee.value,
        "grantee_id": grant.grantee_id,
        "categories": int(grant.categories),
        "actions": int(grant.actions),
        "starts_at": _us(grant.starts_at),
        "ends_at": _us(grant.until),
        "purpose": grant.purpose,
        "given_at": _us(grant.given_at),
        "withdrawn_at": None if grant.withdrawn_at is None else _us(grant.withdrawn_at),
        "rests_on": grant.rests_on,
        **_mandate_row(grant.mandate),
    }


def _mandate_row(mandate: Mandate | None) -> dict[str, object]:
    names = ("capacity", "represented", "powers", "birth_date", "time_zone", "agreed_at")
    if mandate is None:
        return dict.fromkeys(names)
    birth_date = None if mandate.birth_date is None else mandate.birth_date.isoformat()
    agreed_at = None if mandate.agreed_at is None else _us(mandate.agreed_at)
    values = (mandate.capacity.value, mandate.represented, int(mandate.powers), birth_date, mandate.zone, agreed_at)
    return dict(zip(names, values, strict=True))


def _mandate(row: Row) -> Mandate | None:
    capacity, represented, powers, birth_date, zone, agreed_at = row
    if capacity is None:
        return None
    return Mandate(
        Capacity(capacity),
        represented,
        Power(powers),
        None if birth_date is None else date.fromisoformat(birth_date),
        zone,
        None if agreed_at is None else _instant(agreed_at),
    )


def _grant(row: Row) -> Grant:
    """Return the row as a value."""
    (
        record_id,
        grant_id,
        version,
        grantee,
        grantee_id,
        categories,
        actions,
        starts_at,
        ends_at,
        purpose,
        given_at,
        withdrawn_at,
        *mandate,
        rests_on,
    ) = row
    return Grant(
        grant_id=grant_id,
        version=version,
        record_id=record_id,
        grantee=Grantee(grantee),
        grantee_id=grantee_id,
        categories=Category(categories),
        actions=Action(actions),
        starts_at=_instant(starts_at),
        until=_instant(ends_at),
        purpose=purpose,
        given_at=_instant(given_at),
        withdrawn_at=None if withdrawn_at is None else _instant(withdrawn_at),
        mandate=_mandate(tuple(mandate)),
        rests_on=rests_on,
    )
