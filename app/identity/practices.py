"""Practices: who a person can give access to."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import msgspec
from sqlalchemy import Text, bindparam, insert, or_, select

from app.db.database import Reader, Transaction
from app.db.dialects import listed
from app.db.statements import hot
from app.identity.instants import to_us
from app.identity.tables import practice

_INSERT = hot(insert(practice))
_columns = (
    practice.c.practice_id,
    practice.c.name,
    practice.c.city,
    practice.c.organization_stu3,
    practice.c.organization_r4,
)
_ONE = hot(select(*_columns).where(practice.c.practice_id == bindparam("practice_id")))
_by_name = select(*_columns).order_by(practice.c.name, practice.c.city, practice.c.practice_id)
_SOME = hot(_by_name.where(practice.c.practice_id.in_(listed("ids", Text()))))
_OF_ORGANIZATION = hot(
    _by_name.where(
        or_(
            practice.c.organization_stu3 == bindparam("organization_id"),
            practice.c.organization_r4 == bindparam("organization_id"),
        )
    )
)
_FIRST = hot(_by_name.limit(bindparam("most")))
_ALL = hot(_by_name)


@dataclass(frozen=True, slots=True)
class Practice:
    """A practice; ``organization_...`` are the ids of its Organization in the directory, None if it has none there."""

    practice_id: str
    name: str
    city: str
    organization_stu3: str | None = None
    organization_r4: str | None = None


async def add(
    transaction: Transaction,
    *,
    name: str,
    city: str,
    now: datetime,
    organization_stu3: str | None = None,
    organization_r4: str | None = None,
) -> str:
    """Return the id of the new practice."""
    practice_id = secrets.token_hex(8)
    await transaction.run(
        _INSERT,
        {
            "practice_id": practice_id,
            "name": name,
            "city": city,
            "organization_stu3": organization_stu3,
            "organization_r4": organization_r4,
            "created_at": to_us(now),
        },
    )
    return practice_id


async def get(reader: Reader, practice_id: str) -> Practice | None:
    """Return one practice, None when there is none."""
    row = await reader.one(_ONE, {"practice_id": practice_id})
    return None if row is None else Practice(*row)


async def of(reader: Reader, practice_ids: Iterable[str]) -> dict[str, Practice]:
    """Return those of these practices that there are, by id, in the order of their names."""
    ids = sorted(set(practice_ids))
    rows = await reader.all(_SOME, {"ids": msgspec.json.encode(ids).decode()}) if ids else ()
    return {row[0]: Practice(*row) for row in rows}


async def of_organization(reader: Reader, organization_id: str) -> list[Practice]:
    """Return the practices whose Organization has this id in either release, by name."""
    return [Practice(*row) for row in await reader.all(_OF_ORGANIZATION, {"organization_id": organization_id})]


async def sought(reader: Reader, words: str, most: int) -> list[Practice]:
    """Return at most ``most`` practices with all of these words in their name and place, in any case, by name; all have no words.

    Python tells which letters differ in case only: databases do not agree on it.
    """
    wanted = words.casefold().split()
    if not wanted:
        return [Practice(*row) for row in await reader.all(_FIRST, {"most": most})]
    known = (Practice(*row) for row in await reader.all(_ALL, {}))
    found = (one for one in known if all(word in f"{one.name} {one.city}".casefold() for word in wanted))
    return list(islice(found, most))
