"""What every interaction is given: the gate, the database, and how resources are placed, sorted and found."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from app.access.policy import DIRECTORY_TYPES
from app.access.requester import RequesterKind
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.db.database import Connection, Inside, Reader, Transaction
from app.errors import ConflictError, GoneError, NotFoundError
from app.fhir.reference import LiteralReference
from app.fhir.release import Release
from app.interactions.beside import apart
from app.interactions.conformance import Conformance
from app.interactions.gate import Gate
from app.interactions.setup import Setup
from app.interactions.terminology_server import TerminologyServer, asked_first
from app.store.changes import Indexer
from app.store.ids import record_in
from app.store.resources import Stored, last_seq, read_current, records_with

__all__ = ["Context", "Limits", "Stored", "find", "gathered", "standing", "where"]

LARGE_RECORD = 2000
"""Changes of a record from which all of it takes too long to read in the event loop: some 10 ms."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes from the settings."""

    page_size_default: int = 1000
    page_size_max: int = 1000
    bundle_entries_max: int = 2000
    body_depth_max: int = 40


async def nameless(reader: Reader, client_ids: Iterable[str]) -> Mapping[str, str]:
    """Return no names: where nobody knows of apps."""
    del reader, client_ids
    return {}


@dataclass(frozen=True, slots=True)
class Context:
    """Wired together once, in ``main.py``; ``now_us`` is microseconds since 1970 UTC."""

    database: Connection
    gate: Gate
    setup: Setup
    index: Indexer
    index_key: bytes
    cursor_key: bytes
    base_url: str
    time_zone: ZoneInfo
    limits: Limits
    clock: Callable[[], datetime]
    now_us: Callable[[], int]
    conformance: Conformance = field(default_factory=Conformance)
    terminology_server: TerminologyServer | None = None
    app_names: Callable[[Reader, Iterable[str]], Awaitable[Mapping[str, str]]] = nameless
    """The names of these apps by their client id, of those that are known."""

    prepared: dict[tuple[object, ...], Any] = field(default_factory=dict, compare=False)
    """Searches that were asked before; see ``prepared.py``."""

    def fhir_base(self, release: Release) -> str:
        """Return the base URL of a release."""
        return self.setup.fhir_base(release)

    def inside(self, transaction: Transaction, reader: Reader) -> "Context":
        """Return the same for what is done as a part of a transaction, and looked at through ``reader``."""
        inside = self.gate.inside(transaction)
        return replace(self, database=Inside(transaction, reader), gate=inside, terminology_server=None)

    async def ask_about(self, source: RequesterKind, release: Release, trees: Sequence[dict[str, Any]]) -> None:
        """Ask the terminology server about the codes of what is to be written: in the transaction it can't be asked."""
        if self.terminology_server is not None and self.conformance.looks_at(source):
            check = self.conformance.issues
            await asked_first(self.terminology_server, lambda: [check(release, tree) for tree in trees])

    def local(self, release: Release, reference: str) -> LiteralReference | None:
        """Return the reference if it is to a resource on this server, relative; None for any other."""
        return self.setup.local(release, reference)


async def where(
    reader: Reader, scope: AccessScope, release: Release, resource_type: str, resource_id: str
) -> tuple[RecordAccess, ...]:
    """Return the records of the scope in which a resource with this id could be."""
    made_in = record_in(resource_id)
    if made_in is not None and (access := scope.of(made_in)) is not None:
        return (access,)
    directory = [
        access for access in scope.records if access.record_id == DIRECTORY and resource_type in DIRECTORY_TYPES
    ]
    if scope.everyone is None and len(scope.personal) <= 1:
        return (*scope.personal, *directory)
    chosen_in = await records_with(reader, release, resource_type, resource_id)
    return (*scope.only(record for record in chosen_in if record != DIRECTORY).records, *directory)


async def standing(
    reader: Reader, scope: AccessScope, release: Release, resource_type: str, resource_id: str
) -> tuple[Stored, RecordAccess] | None:
    """Return the newest version within the scope, deletes too, and the access that showed it; None if there is none.

    One that lives goes before one that was deleted, the person's own record before the shared directory.
    Raises: ConflictError (two records of the scope chose this id).
    """
    found = []
    for access in await where(reader, scope, release, resource_type, resource_id):
        version = await read_current(reader, access, release, resource_type, resource_id)
        if version is not None:
            found.append((version, access))
    found = [one for one in found if not one[0].deleted] or found
    if len(found) > 1 and found[-1][1].record_id == DIRECTORY:
        found.pop()
    if len(found) > 1:
        message = f"More than one person's record has {resource_type}/{resource_id}: search with the patient parameter."
        raise ConflictError(message)
    return found[0] if found else None


async def find(
    reader: Reader, scope: AccessScope, release: Release, resource_type: str, resource_id: str
) -> tuple[Stored, RecordAccess]:
    """Return the newest version within the scope, and the access that showed it.

    Outside the scope and never existed give the same error: a refusal must not tell that a resource exists.
    Raises: NotFoundError, GoneError, ConflictError (two records of the scope chose this id).
    """
    found = await standing(reader, scope, release, resource_type, resource_id)
    if found is None:
        message = f"{resource_type}/{resource_id} is not known."
        raise NotFoundError(message)
    if found[0].deleted:
        message = f"{resource_type}/{resource_id} was deleted."
        raise GoneError(message, about=(found[0].record_id,))
    return found


async def gathered(context: Context, record_id: int, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what ``work`` reads all over a record; a large one is read beside the event loop, so that others need not wait.

    What is read in a transaction is read where that is: its connection is for one thread.
    """
    if not isinstance(context.database, Inside) and await last_seq(context.database.reader, record_id) > LARGE_RECORD:
        return await apart(work)
    return await work()
