"""Writing to a record: every change takes the next number and is chained to the one before.

A ``RecordWriter`` lives inside one transaction. It gathers rows and writes them in ``flush``, a statement per table
whatever the number of changes. The record's row is read first and written last; on a database with more than one writer
reading it locks it, so that a person's changes are strictly ordered.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Text, bindparam, delete, insert, select, update

from app.db.database import Reader, Row, Transaction
from app.db.dialects import listed
from app.db.rows import RowsStatement, Values, adding, adding_new, removing, replacing, setting
from app.db.statements import hot
from app.errors import NotFoundError
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.store.bodies import Content, encode, with_identity
from app.store.indexing import IndexRows
from app.store.resources import Stored, columns, stored
from app.store.rules import current_rules, mark_written, register
from app.store.tables import change, current, date_index, exact_index, locator, quantity_index, record, text_index

ACTIVE = "active"
GENESIS = bytes(32)
_encode = msgspec.json.Encoder().encode
Indexer = Callable[[Release, str, dict[str, Any], ZoneInfo], IndexRows]
"""Makes the index rows of a resource; the zone is the record's."""


class Draft(msgspec.Struct, frozen=True):
    """A valid resource that is ready to be written; ``id_chosen`` says that the sender chose its id.

    ``expected`` are the (type, id) of what it refers to under chosen ids: what comes later without naming its patient is
    found to belong here.
    """

    release: Release
    resource_type: str
    id: str
    content: Content
    rows: IndexRows
    categories: int
    id_chosen: bool = False
    expected: tuple[tuple[str, str], ...] = ()


class Author(msgspec.Struct, frozen=True):
    """Who makes a change, as it stands in the log: the actor and the OAuth client."""

    actor: str
    client: str


_HEAD = hot(
    select(
        record.c.seq,
        record.c.hash,
        record.c.instant,
        record.c.index_version,
        record.c.index_target,
        record.c.time_zone,
        record.c.patient_stu3,
        record.c.patient_r4,
    ).where(record.c.record_id == bindparam("record_id"), record.c.status == ACTIVE)
)
_MOVE_HEAD = setting(record, "seq", "hash", "instant")
_OPEN = hot(insert(record))
_joined = current.join(change, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
_CURRENT = hot(
    select(*columns(change), change.c.categories)
    .select_from(_joined)
    .where(
        current.c.record_id == bindparam("record_id"),
        current.c.release == bindparam("release"),
        current.c.type == bindparam("type"),
        current.c.id == bindparam("id"),
    )
)
_STANDING = hot(
    select(current.c.id)
    .where(
        current.c.record_id == bindparam("record_id"),
        current.c.release == bindparam("release"),
        current.c.type == bindparam("type"),
        current.c.id.in_(listed("ids", Text())),
        current.c.deleted.is_(False),
    )
    .order_by(current.c.id)
)
_CHANGE = adding(change)
_CURRENT_IS = replacing(current)
_LOCATE = adding_new(locator)
_INDEXES = {"exact": exact_index, "dates": date_index, "quantities": quantity_index, "texts": text_index}
_ADD = {name: adding(table) for name, table in _INDEXES.items()}
_REMOVE = {name: removing(table) for name, table in _INDEXES.items()}
_REMOVE_ALL = [
    hot(delete(table).where(table.c.record_id == bindparam("record_id"), table.c.seq == bindparam("seq")))
    for table in _INDEXES.values()
]
_REMOVED = frozenset(_REMOVE.values())
_PATIENT_COLUMN = {Release.STU3: record.c.patient_stu3, Release.R4: record.c.patient_r4}
_SET_PATIENT = {
    release: hot(
        update(record).where(record.c.record_id == bindparam("of_record")).values({column.name: bindparam("patient")})
    )
    for release, column in _PATIENT_COLUMN.items()
}
PATIENTS = hot(select(record.c.patient_stu3, record.c.patient_r4).where(record.c.record_id == bindparam("record_id")))
_RECORDS = hot(
    select(record.c.record_id)
    .where(record.c.record_id != 0, record.c.status == ACTIVE)
    .order_by(record.c.record_id)
    .limit(bindparam("limit"))
)


def chained(previous: bytes, fields: tuple[Any, ...], body: bytes) -> bytes:
    """Return the hash of a change that follows ``previous``; ``fields`` are all its columns but hash and body."""
    digest = hashlib.sha256(previous)
    digest.update(_encode(fields))
    digest.update(body)
    return digest.digest()


async def open_record(transaction: Transaction, record_id: int, time_zone: str) -> None:
    """Make a new, empty record."""
    rules = current_rules()
    await register(transaction, rules)
    await transaction.run(
        _OPEN,
        {
            "record_id": record_id,
            "status": ACTIVE,
            "time_zone": time_zone,
            "seq": 0,
            "hash": GENESIS,
            "instant": 0,
            "patient_stu3": None,
            "patient_r4": None,
            "index_version": rules.version,
            "index_target": 0,
        },
    )


async def record_exists(reader: Reader, record_id: int) -> bool:
    """Return whether there is such a record, open or not."""
    return await reader.one(PATIENTS, {"record_id": record_id}) is not None


async def patients_of(reader: Reader, record_id: int) -> dict[Release, str]:
    """Return the ids of the person's Patient resources, per release that has one."""
    return patients_in(await reader.all(PATIENTS, {"record_id": record_id}))


def patients_in(rows: Sequence[Row]) -> dict[Release, str]:
    """Return what ``patients_of`` does, of the rows that ``PATIENTS`` found."""
    found = zip(Release, rows[0] if rows else (None, None), strict=True)
    return {release: patient for release, patient in found if patient is not None}


async def all_records(reader: Reader, limit: int) -> list[int]:
    """Return the records of people, at most ``limit``, in the order of their numbers."""
    return [row[0] for row in await reader.all(_RECORDS, {"limit": limit})]


async def set_patient(
    transaction: Transaction, record_id: int, release: Release, patient_id: str, *, chosen: bool
) -> None:
    """Say which Patient the record is about; a chosen id can be found from now on."""
    await transaction.run(_SET_PATIENT[release], {"of_record": record_id, "patient": patient_id})
    if chosen:
        await transaction.change_rows((_LOCATE, [(release.value, "Patient", patient_id, record_id)]))


@dataclass(slots=True)
class RecordWriter:
    """Changes to one record in one transaction; made by ``begin``, ended by ``flush``.

    ``indexed`` are the versions of the index rules that the record had before, ``patients`` the ids of the person's Patients.
    """

    transaction: Transaction
    record_id: int
    seq: int
    hash: bytes
    instant: int
    indexed: tuple[int, int]
    time_zone: ZoneInfo
    patients: dict[Release, str]
    index: Indexer
    rows: dict[RowsStatement, list[Values]] = field(default_factory=dict)
    replaced: list[int] = field(default_factory=list)

    @classmethod
    async def begin(cls, transaction: Transaction, record_id: int, now_us: int, index: Indexer) -> "RecordWriter":
        """Return the writer of a record. A clock that was turned back does not turn back the record's time.

        Raises: NotFoundError, when there is no such record or it is closed.
        """
        head = await transaction.one(_HEAD, {"record_id": record_id})
        if head is None:
            message = "There is no such record."
            raise NotFoundError(message)
        # Instants are kept to the millisecond, as they are shown, so that a search for what was shown finds it.
        instant = max(now_us // 1000 * 1000, head[2])
        patients = patients_in([head[6:]])
        zone = ZoneInfo(head[5])
        return cls(transaction, record_id, head[0], head[1], instant, (head[3], head[4]), zone, patients, index)

    async def current(self, release: Release, resource_type: str, resource_id: str) -> tuple[Stored, int] | None:
        """Return the newest version and its categories, deletes included, or None."""
        if self.rows:
            await self.flush()
        row = await self.transaction.one(
            _CURRENT,
            {"record_id": self.record_id, "release": release.value, "type": resource_type, "id": resource_id},
        )
        return (stored(row), row[9]) if row else None

    async def standing(self, release: Release, resource_type: str, ids: Sequence[str]) -> list[str]:
        """Return those of these ids, of any number, under which a resource stands, in their order; of what was flushed."""
        values = {"record_id": self.record_id, "release": release.value, "type": resource_type}
        rows = await self.transaction.all(_STANDING, values | {"ids": msgspec.json.encode(ids).decode()})
        return [row[0] for row in rows]

    def write(self, draft: Draft, before: Stored | None, author: Author) -> Stored:
        """Add a version of ``draft`` after ``before`` (None: it is new)."""
        operation = "create" if before is None or before.deleted else "update"
        version = 1 if before is None else before.version + 1
        body = with_identity(draft.content, draft.id, version, self.instant)
        written = self._append(
            draft.release, draft.resource_type, draft.id, version, operation, body, draft.categories, before, author
        )
        self._add_index_rows(_ADD, draft.rows, written.seq)
        chosen = [(draft.resource_type, draft.id)] if draft.id_chosen and before is None else []
        for resource_type, resource_id in (*chosen, *draft.expected):
            self._add(_LOCATE, (draft.release.value, resource_type, resource_id, self.record_id))
        return written

    def delete(self, before: Stored, categories: int, author: Author) -> Stored:
        """Add the version that says that the resource was deleted."""
        return self._append(
            before.release,
            before.resource_type,
            before.id,
            before.version + 1,
            "delete",
            b"",
            categories,
            before,
            author,
        )

    async def flush(self) -> None:
        """Write what was gathered, and the record's new head."""
        if not self.rows:
            return
        self._add(_MOVE_HEAD, (self.record_id, self.seq, self.hash, self.instant))
        rows, self.rows = self.rows, {}
        replaced, self.replaced = self.replaced, []
        changed = await self.transaction.change_rows(*rows.items())
        if any(
            one in _REMOVED and count != len(of_one) for (one, of_one), count in zip(rows.items(), changed, strict=True)
        ):
            # Indexed under other settings (a base URL, a key): look for all rows of those changes.
            for seq in replaced:
                for statement in _REMOVE_ALL:
                    await self.transaction.run(statement, {"record_id": self.record_id, "seq": seq})
        await mark_written(self.transaction, self.record_id, *self.indexed)

    def _append(
        self,
        release: Release,
        resource_type: str,
        resource_id: str,
        version: int,
        operation: str,
        body: bytes,
        categories: int,
        before: Stored | None,
        author: Author,
    ) -> Stored:
        self.seq += 1
        previous = 0 if before is None else before.seq
        fields = (
            self.record_id, self.seq, release.value, resource_type, resource_id, version, previous, operation,
            self.instant, author.actor, author.client, categories,
        )  # fmt: skip
        self.hash = chained(self.hash, fields, body)
        self._add(_CHANGE, (*fields, self.hash, encode(body)))
        is_deleted = operation == "delete"
        self._add(
            _CURRENT_IS,
            (self.record_id, release.value, resource_type, resource_id, self.seq, is_deleted, categories),
        )
        if before is not None and not before.deleted:
            self._unindex(before)
        return Stored(
            self.record_id, release, resource_type, resource_id, version, self.seq, self.instant, operation, body
        )

    def _unindex(self, before: Stored) -> None:
        """Take out the index rows of a version: they are worked out again, which is cheaper than an index to find them."""
        rows = self.index(before.release, before.resource_type, decode_tree(before.body), self.time_zone)
        self._add_index_rows(_REMOVE, rows, before.seq)
        self.replaced.append(before.seq)

    def _add_index_rows(self, statements: Mapping[str, RowsStatement], rows: IndexRows, seq: int) -> None:
        """Gather rows of the index tables, to be added or removed."""
        for name, found in rows.of(self.record_id, seq).items():
            if found:
                self.rows.setdefault(statements[name], []).extend(found)

    def _add(self, statement: RowsStatement, row: Values) -> None:
        self.rows.setdefault(statement, []).append(row)
