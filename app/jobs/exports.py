"""Bulk exports at rest: what was asked, by whom, and as of when; no file and nothing of what is exported is kept.

What there is to fetch is found out step by step (``looked`` is the last record that was looked into), and kept as parts: of one
resource type, from one record to another.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from app.db.database import Reader, Row, Transaction
from app.db.statements import hot
from app.fhir.release import Release
from app.jobs.tables import bulk_export

NOTHING_LOOKED = -1

_COLUMNS = tuple(bulk_export.c)
_ADD = hot(insert(bulk_export))
_ONE = hot(
    select(*_COLUMNS).where(
        bulk_export.c.job_id == bindparam("job"),
        bulk_export.c.owner == bindparam("of_owner"),
        bulk_export.c.until > bindparam("now"),
    )
)
_STANDING = hot(
    select(func.count()).where(bulk_export.c.owner == bindparam("of_owner"), bulk_export.c.until > bindparam("now"))
)
_STEP = hot(
    update(bulk_export)
    .where(bulk_export.c.job_id == bindparam("job"), bulk_export.c.looked == bindparam("before"))
    .values(looked=bindparam("now_looked"), is_ready=bindparam("now_ready"), parts=bindparam("now_parts"))
)
_END = hot(delete(bulk_export).where(bulk_export.c.job_id == bindparam("job")))
_OVER = hot(delete(bulk_export).where(bulk_export.c.until <= bindparam("now")))
_encode = msgspec.json.Encoder().encode


class ExportPart(msgspec.Struct, array_like=True, frozen=True):
    """Resources of one type, of the records from ``first`` to ``last``: ``count`` when they were counted."""

    type: str
    first: int
    last: int
    count: int


class Narrowing(msgspec.Struct, array_like=True, frozen=True):
    """What is left out of what is open: ``filters`` are types and searches, ``elements`` names, with a type before them or none.

    Of a type with several filters any of them chooses. ``patients`` are records, None for all.
    """

    filters: tuple[tuple[str, str], ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[int, ...] | None = None


_NOTHING_LEFT_OUT = Narrowing()
_narrowing = msgspec.json.Decoder(Narrowing).decode
_decode = msgspec.json.Decoder(tuple[ExportPart, ...]).decode


@dataclass(frozen=True, slots=True)
class Export:
    """What was asked: resources as they stood at ``instant``, changed from ``since`` on, of ``types`` (empty: of all).

    ``owner`` is who began it, ``request`` the URL; ``until`` is when it is over.
    """

    job_id: str
    owner: str
    release: Release
    request: str
    with_directory: bool
    types: frozenset[str]
    since: int
    instant: int
    until: int
    narrowing: Narrowing = _NOTHING_LEFT_OUT
    looked: int = NOTHING_LOOKED
    is_ready: bool = False
    parts: tuple[ExportPart, ...] = ()


def new_job_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(16)


async def add(transaction: Transaction, export: Export) -> None:
    """Keep a new export."""
    await transaction.run(_ADD, _row(export))


async def one(reader: Reader, job_id: str, owner: str, now_us: int) -> Export | None:
    """Return an export of this owner that is not over, or None."""
    row = await reader.one(_ONE, {"job": job_id, "of_owner": owner, "now": now_us})
    return None if row is None else _export(row)


async def standing(reader: Reader, owner: str, now_us: int) -> int:
    """Return how many exports of this owner are not over."""
    row = await reader.one(_STANDING, {"of_owner": owner, "now": now_us})
    return 0 if row is None else int(row[0])


async def step(
    transaction: Transaction, before: Export, looked: int, parts: tuple[ExportPart, ...], *, is_ready: bool
) -> None:
    """Keep how far it is, unless somebody else went on from the same place."""
    values = {"now_looked": looked, "now_ready": is_ready, "now_parts": _encode(parts)}
    await transaction.run(_STEP, {"job": before.job_id, "before": before.looked, **values})


async def end(transaction: Transaction, job_id: str) -> None:
    """Forget an export."""
    await transaction.run(_END, {"job": job_id})


async def forget_those_over(transaction: Transaction, now_us: int) -> None:
    """Forget all exports that are over, whoever began them."""
    await transaction.run(_OVER, {"now": now_us})


def _row(export: Export) -> dict[str, Any]:
    return {
        "job_id": export.job_id,
        "owner": export.owner,
        "release": export.release.value,
        "request": export.request,
        "with_directory": export.with_directory,
        "types": ",".join(sorted(export.types)),
        "since": export.since,
        "instant": export.instant,
        "until": export.until,
        "looked": export.looked,
        "is_ready": export.is_ready,
        "parts": _encode(export.parts),
        "narrowing": _encode(export.narrowing).decode(),
    }


def _export(row: Row) -> Export:
    named = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    types = frozenset(named["types"].split(",")) if named["types"] else frozenset()
    release = next(one for one in Release if one.value == named["release"])
    ready = bool(named["is_ready"])
    narrowing = (
        _narrowing(named["narrowing"]) if named["narrowing"] else _NOTHING_LEFT_OUT
    )  # empty: of a program from before
    whole = {
        **named,
        "narrowing": narrowing,
        "types": types,
        "release": release,
        "parts": _decode(named["parts"]),
        "is_ready": ready,
    }
    return Export(**{**whole, "with_directory": bool(named["with_directory"])})
