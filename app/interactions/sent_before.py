"""What a client wrote before under the same business identifiers, looked for inside the transaction of a write.

What a Bundle will create is looked for at once, with the first of it. What the transaction itself writes or changes makes what
was found before out of date.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.db.database import Transaction
from app.fhir.release import Release
from app.fhir.validation.structure import Parsed
from app.store.changes import RecordWriter
from app.store.find import BusinessIdentifier, business_identifiers, with_identifiers
from app.store.resources import Stored


@dataclass(slots=True)
class SentBefore:
    """Resources of one record and client by their identifiers; ``index_key`` is that of the index."""

    transaction: Transaction
    index_key: bytes
    release: Release
    client: str
    _known: dict[BusinessIdentifier, list[Stored]] = field(default_factory=dict)
    _coming: set[BusinessIdentifier] = field(default_factory=set)
    _written: set[BusinessIdentifier] = field(default_factory=set)

    def expect(self, coming: Iterable[Parsed]) -> None:
        """Take note of what will be created."""
        self._coming = {one for parsed in coming for one in business_identifiers(parsed.tree)}

    def is_written_here(self, identifiers: Iterable[BusinessIdentifier]) -> bool:
        """Return whether this transaction was to write one of these: it has to be written before it can be found."""
        return not self._written.isdisjoint(identifiers)

    def forget(self) -> None:
        """Forget what was found: it was changed."""
        self._known.clear()

    async def find(self, writer: RecordWriter, identifiers: list[BusinessIdentifier]) -> list[Stored]:
        """Return what the record has under these identifiers, those of one after those of another; they are written now."""
        if self.is_written_here(identifiers):
            self.forget()
        if not self._known.keys() >= set(identifiers):
            sought, self._coming = self._coming.union(identifiers), set()
            self._known |= await with_identifiers(
                self.transaction, self.index_key, writer.record_id, writer.indexed[0], self.release, sought, self.client
            )
        self._written.update(identifiers)
        return [one for identifier in identifiers for one in self._known[identifier]]
