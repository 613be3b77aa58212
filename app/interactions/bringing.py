"""Many resources of an operator's import in one transaction: what is looked up for one is looked up for all, once.

Each goes where it would go alone (``placement.py``), and comes in once: what has, or had, the same content under its id is in
already. What is new, and names whose it is, is written at once with the others of its person; anything else takes the
way of an update.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from app.access.policy import DIRECTORY_TYPES
from app.access.scope import DIRECTORY, RecordAccess
from app.access.smart_scope import Action
from app.errors import ConflictError, RegieError, UnavailableError, UnprocessableError
from app.interactions.conditions import NO_CONDITIONS
from app.interactions.context import standing
from app.interactions.import_checks import Arrival
from app.interactions.placement import record_for
from app.interactions.repeat import Outcome
from app.interactions.sound import Name
from app.interactions.write import Changes
from app.interactions.written import Written
from app.store.bodies import Content, content_of, with_identity
from app.store.changes import RecordWriter, open_record, patients_of, record_exists, set_patient
from app.store.history import HistoryWindow, read_versions
from app.store.ids import record_in
from app.store.many import located, read_many

VERSIONS_MAX = 1_000
"""How many versions of a resource are compared with what comes in."""


class AlreadyIn:
    """The outcome of what came in before; ``record_id`` is where."""

    def __init__(self, record_id: int) -> None:
        self.record_id = record_id


@dataclass
class Bringing(Changes):
    """The writes of one chunk of an import; end it with ``finish``."""

    _places: dict[Name, set[int]] = field(default_factory=dict)
    _stands: dict[Name, list[tuple[int, bytes]]] = field(default_factory=dict)
    _persons: dict[str, int] = field(default_factory=dict)
    _written: set[Name] = field(default_factory=set)
    _begun: dict[int, int] = field(default_factory=dict)
    _accesses: dict[tuple[int, str], RecordAccess] = field(default_factory=dict)

    @property
    def changed(self) -> dict[int, tuple[int, int]]:
        """Return how many changes each record got, and the number of the last."""
        found = {record_id: (one.seq - self._begun[record_id], one.seq) for record_id, one in self.writers.items()}
        return {record_id: told for record_id, told in found.items() if told[0]}

    async def writer(self, record_id: int) -> RecordWriter:
        """Return the one writer of a record in this transaction."""
        writer = await super().writer(record_id)
        self._begun.setdefault(record_id, writer.seq)
        return writer

    async def bring_in(self, arrivals: Sequence[Arrival]) -> list[Outcome | AlreadyIn]:
        """Return what became of each; what can't come in has its error. Raises: UnavailableError."""
        await self._look_up(arrivals)
        outcomes: list[Outcome | AlreadyIn] = []
        for arrival in arrivals:
            try:
                outcomes.append(await self._one(arrival))
            except UnavailableError:
                raise
            except RegieError as error:
                outcomes.append(error)
            self._written.add(arrival.name)
        return outcomes

    async def _look_up(self, arrivals: Iterable[Arrival]) -> None:
        """Find out which ids are taken, and what stands under them."""
        names: dict[str, set[str]] = defaultdict(set)
        own: set[Name] = set()
        for arrival in arrivals:
            own.add(arrival.name)
            for resource_type, resource_id in (arrival.name, *arrival.facts.expected):
                names[resource_type].add(resource_id)
        for resource_type, ids in names.items():
            self._places |= {(resource_type, one): set() for one in ids}
        for resource_type, resource_id, record_id in await located(self.transaction, self.release, names):
            self._places[resource_type, resource_id].add(record_id)
        in_records: dict[tuple[int, str], list[str]] = defaultdict(list)
        for resource_type, resource_id in own:
            made_in = record_in(resource_id)
            for record_id in self._places[resource_type, resource_id] | ({made_in} if made_in is not None else set()):
                in_records[record_id, resource_type].append(resource_id)
            if resource_type in DIRECTORY_TYPES:
                in_records[DIRECTORY, resource_type].append(resource_id)
        wanted = [(await self._open(*place), place[1], ids_there) for place, ids_there in in_records.items()]
        async for one in read_many(self.transaction, self.release, wanted):
            content = b"" if one.deleted else _digest(content_of(one.body))
            self._stands.setdefault((one.resource_type, one.id), []).append((one.record_id, content))

    async def _open(self, record_id: int, resource_type: str) -> RecordAccess:
        return self._access(await self.scope(Action.READ, resource_type), record_id)

    async def _into(self, record_id: int, resource_type: str) -> RecordAccess:
        """Return the access to make something of a type in a record, decided once for all that come into it."""
        known = self._accesses.get((record_id, resource_type))
        if known is None:
            known = self._access(await self.scope(Action.CREATE, resource_type), record_id)
            self._accesses[record_id, resource_type] = known
        return known

    async def _one(self, arrival: Arrival) -> Outcome | AlreadyIn:
        before = self._stands.get(arrival.name, ())
        if len(before) == 1 and not arrival.times and _digest(_content(arrival.content)) == before[0][1]:
            return AlreadyIn(before[0][0])
        record_id = None
        if not before and arrival.name not in self._written:
            record_id = await self._goes_to(arrival)
        if record_id is None:
            return await self._as_update(arrival)
        access = await self._into(record_id, arrival.resource_type)
        if record_in(arrival.id) not in (None, record_id):
            message = "An id of this form names the record that it is in, which is another one: choose another id."
            raise UnprocessableError(message)
        if arrival.resource_type == "Patient":
            known = (await self.patients(record_id)).get(self.release)
            if known not in (None, arrival.id):
                raise ConflictError("The record has another Patient.")
        return await self._write(
            arrival, await self.writer(record_id), access, arrival.id, None,
            location=arrival.resource_type, chosen=record_in(arrival.id) is None,
        )  # fmt: skip

    async def _goes_to(self, arrival: Arrival) -> int | None:
        """Return the record of a resource that names one person, or is for the directory; None where it is to be looked for."""
        resource_type = arrival.resource_type
        patients = (arrival.id,) if resource_type == "Patient" else arrival.checked.patients
        if not patients and resource_type in DIRECTORY_TYPES:
            return DIRECTORY
        if len(patients) != 1 or resource_type == "Consent":
            return None
        (patient,) = patients
        if patient not in self._persons:
            if arrival.brings_patient:
                await self._make_record(patient)
            found = await record_for(self.context, self.transaction, self.requester, self.release, patient)
            if found is None:
                return None
            self._persons[patient] = found
        return self._persons[patient]

    async def _make_record(self, patient: str) -> None:
        """Make the record that the id of a Patient names, unless it is there: what Regie exported comes back as it was."""
        record_id = record_in(patient)
        if record_id is None or record_id == DIRECTORY:
            return
        if not await record_exists(self.transaction, record_id):
            await open_record(self.transaction, record_id, self.context.time_zone.key)
        if self.release not in await patients_of(self.transaction, record_id):
            await set_patient(self.transaction, record_id, self.release, patient, chosen=False)

    async def _as_update(self, arrival: Arrival) -> Outcome | AlreadyIn:
        resource_type = arrival.resource_type
        await self.finish()
        scope = await self.scope(Action.READ, resource_type)
        found = await standing(self.transaction, scope, self.release, resource_type, arrival.id)
        if found is not None and await self._times(found[1], arrival) > arrival.times:
            return AlreadyIn(found[0].record_id)
        return await self.update(arrival, arrival.id, NO_CONDITIONS, location=resource_type)

    async def _times(self, access: RecordAccess, arrival: Arrival) -> int:
        """Return how often, among its last versions, a resource had the content that comes in."""
        content, times, window = _content(arrival.content), 0, HistoryWindow()
        left, more = VERSIONS_MAX, True
        while more and left:
            versions, more = await read_versions(
                self.transaction, access, self.release, *arrival.name, window=window, size=left
            )
            times += sum(not one.deleted and content_of(one.body) == content for one in versions)
            left -= len(versions)
            if more:
                window = HistoryWindow(before=versions[-1].seq)
        return times

    async def _tell(self, written: Written) -> None:
        """Leave it to the entry of the chunk, which counts all changes of a record."""

    async def _take_in(self, writer: RecordWriter, names: tuple[Name, ...]) -> None:
        """Move what waits under these names; those that no other record had are not looked for again."""
        own = {DIRECTORY, writer.record_id}
        sought = tuple(name for name in names if name not in self._places or self._places[name] - own)
        if sought:
            await super()._take_in(writer, sought)


def _digest(content: bytes) -> bytes:
    """Return what stands for a content while a group comes in: the contents themselves may be large."""
    return blake2b(content, digest_size=32).digest()


def _content(content: Content) -> bytes:
    return content_of(with_identity(content, "x", 1, 0))
