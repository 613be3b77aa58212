"""Erasing a person's record: all at once, or not at all, and the proof of it that the person keeps.

The proof is lines of JSON: what was erased (record, number and hash of its last change), how much of each kind, the entry of the
log that says so, and its seal. The entry names the SHA-256 of the first line, and that line the one of the second: so the log
itself vouches for all of it, and shows who erased the record, and when. docs/audit.md says how it is checked.

What the log said before stays; nothing else that names the record or its accounts does.
"""

import hashlib
from collections import Counter

import msgspec
from msgspec import Struct

from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import DIRECTORY
from app.access.smart_scope import Action
from app.audit.events import Event, Trace
from app.audit.links import link_of
from app.audit.log import entries_holding
from app.audit.seal import sealed
from app.consent import grants, requests
from app.db.database import Transaction
from app.db.erasure import erase_rows
from app.errors import AccessDeniedError, NotFoundError
from app.identity import erase as identity
from app.identity import mail_addresses
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.interactions.transfer import SealLine, entry_line
from app.jobs.erasure import Farewell, Note, put
from app.store.changes import record_exists
from app.store.erase import erase, resources_by_type
from app.store.export import standing_of

FORMAT = 1
_encode = msgspec.json.Encoder().encode


class Erasure(Struct, tag_field="line", tag="erasure", frozen=True):
    """The first line of a proof: where a record was, its last change, and the SHA-256 of the next line, all in hexadecimal."""

    format: int
    server: str
    record_id: int
    changes: int
    hash: str
    counted: str


class Counted(Struct, tag_field="line", tag="counted", frozen=True):
    """The second: how many resources there were of each type, and how many rows of each table were removed."""

    resources: dict[str, int]
    rows: dict[str, int]


async def erase_record(
    context: Context, requester: Requester, trace: Trace, record_id: int, *, language: str = "nl", again: str = ""
) -> bytes:
    """Return the proof; it also goes to the person's mail addresses, in ``language``.

    ``again`` is the name of an earlier proof, if this is done once more on a backup.
    Raises: NotFoundError, AccessDeniedError (a record is not erased in part, nor by others than its person and the operator).
    """
    deed = Deed("erase")

    async def job(transaction: Transaction, decide: Decide) -> tuple[tuple[bytes, bytes], list[Event]]:
        access = (await decide(Wish(Action.DELETE))).of(record_id)
        is_asked_by_right = requester.kind in (RequesterKind.PERSON, RequesterKind.OPERATOR)
        if not is_asked_by_right or access is None or access.types or record_id == DIRECTORY:
            raise AccessDeniedError("This record can't be erased.")
        standing = await standing_of(transaction, record_id)
        if standing is None:
            raise NotFoundError("There is no such record.")
        addresses = await mail_addresses.of_record(transaction, record_id)
        resources = await resources_by_type(transaction, record_id)
        for account_id in await identity.accounts_of(transaction, record_id):
            await grants.forget_person(transaction, account_id, context.clock())
        rows = await identity.erase(transaction, record_id)
        rows += await erase_rows_of(transaction, record_id)
        counted = _encode(Counted(resources, dict(sorted(rows.items()))))
        line = _encode(
            Erasure(FORMAT, context.base_url, record_id, standing.seq, standing.hash.hex(), _sha256(counted))
        )
        proof, now_us = _sha256(line), context.now_us()
        farewells = [Farewell(to, language, record_id, now_us, line.decode()) for to in addresses]
        await put(transaction, Note(record_id, now_us, proof), farewells)
        entry = event(requester, trace, deed, Touched(record_id, access.reason))
        detail = f"proof {proof}, again {again}" if again else f"proof {proof}"
        return (line, counted), [msgspec.structs.replace(entry, detail=detail)]

    line, counted = await context.gate.change(requester, trace, deed, job)
    return await _proof(context, record_id, line, counted + b"\n")


async def erase_rows_of(transaction: Transaction, record_id: int, but: frozenset[str] = frozenset()) -> Counter[str]:
    """Return how many rows of a record were removed of each table, those of its accounts apart; ``but`` tables are left alone."""
    removed = await erase(transaction, record_id)
    removed["access_request"] += await requests.erase(transaction, record_id)
    return removed + await erase_rows(transaction, "record_id", record_id, but=but)


async def mailed_proof(context: Context, farewell: Farewell) -> bytes:
    """Return the proof that is mailed: without how much there was of what."""
    return await _proof(context, farewell.record_id, farewell.line.encode(), b"")


async def is_left(context: Context, record_id: int, proof: str) -> bool:
    """Return whether a record is there of which this log does not know that it was erased with the proof of this name.

    One that was imported after it was erased is there by right: the log knows of both.
    """
    reader = context.database.reader
    return await record_exists(reader, record_id) and await _entry_of(context, record_id, proof) is None


async def _entry_of(context: Context, record_id: int, proof: str) -> int | None:
    """Return the number of the entry in the log that names a proof."""
    # All of them are looked through: a record that was brought in again may have had any number of entries since.
    for entry in await entries_holding(context.database.reader, record_id, proof.encode()):
        if entry.event.action == "erase" and proof in entry.event.detail:
            return entry.n
    return None


async def _proof(context: Context, record_id: int, line: bytes, counted: bytes) -> bytes:
    reader = context.database.reader
    number = await _entry_of(context, record_id, _sha256(line))
    link = await link_of(reader, record_id, number) if number else None
    seal = await sealed(reader, context.gate.audit.keys, record_id, number, context.now_us()) if number else None
    if link is None or seal is None:
        raise NotFoundError("The log has nothing about this erasure.")
    return b"%b\n%b%b\n%b\n" % (line, counted, _encode(entry_line(link)), _encode(SealLine(seal)))


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
