"""What policy decided: the value that every store function asks for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.access.categories import ALL_PARTS, EVERYTHING, Category

DIRECTORY = 0
"""The record that holds the shared directory: practices, their staff, products."""


@dataclass(frozen=True, slots=True)
class RecordAccess:
    """What may be touched of one record; ``types`` None means every resource type. ``reason`` names the ground."""

    record_id: int
    categories: Category
    types: frozenset[str] | None
    reason: str

    @property
    def parts(self) -> Category:
        """Return the parts of the record that are open; that sensitive things are shown too opens no part by itself."""
        return self.categories & ALL_PARTS

    @property
    def withheld(self) -> Category:
        """Return the categories that hide a resource even if it is also in an allowed one."""
        return Category.SENSITIVE & ~self.categories

    def covers(self, resource_type: str, categories: int) -> bool:
        """Return whether a resource of this type and mask is inside."""
        return (
            (self.types is None or resource_type in self.types)
            and categories & self.parts != 0
            and categories & self.withheld == 0
        )


@dataclass(frozen=True, slots=True)
class AccessScope:
    """The records that may be touched, each with its limits; made by ``policy.decide`` only.

    ``everyone`` is the access of an operator to any person's record; None for all others.
    """

    records: tuple[RecordAccess, ...]
    everyone: RecordAccess | None = None

    @property
    def personal(self) -> tuple[RecordAccess, ...]:
        """Return the records of persons that are named one by one."""
        return tuple(access for access in self.records if access.record_id != DIRECTORY)

    def of(self, record_id: int) -> RecordAccess | None:
        """Return the access to one record, None if it is outside."""
        for access in self.records:
            if access.record_id == record_id:
                return access
        if self.everyone is not None and record_id != DIRECTORY:
            return replace(self.everyone, record_id=record_id)
        return None

    def only(self, record_ids: Iterable[int]) -> "AccessScope":
        """Return the part of this scope that is about these records."""
        found = (self.of(record_id) for record_id in sorted(record_ids))
        return AccessScope(tuple(access for access in found if access is not None))


def whole_directory(types: frozenset[str] | None) -> RecordAccess:
    """Return access to the shared directory."""
    return RecordAccess(DIRECTORY, EVERYTHING, types, "shared directory")
