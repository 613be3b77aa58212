"""What policy decided: the value that every store function asks for."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from app.access.categories import ALL_PARTS, Category
from app.access.representation import NO_POWERS, Power
from app.access.smart_scope import Narrowed

DIRECTORY = 0
"""The record that holds the shared directory: practices, their staff, products."""

_SENSITIVE = int(Category.SENSITIVE)

IndexRow = tuple[int, int, int]
"""A row of the index of exact values: parameter, value, system."""


@dataclass(frozen=True, slots=True)
class RecordAccess:
    """What may be touched of one record; ``types`` None means every resource type. ``reason`` names the ground.

    ``parts`` are open as far as nothing in them is sensitive, ``unlocked`` with what is: that a grant names sensitive things
    says so of the parts that it names too, and of no others.

    Of the types in ``narrowed`` only what has the tokens of one of them; ``rows`` are, for each of them, the index rows that
    say so, and until they are filled in nothing of these types is inside. ``powers`` are what may be done besides.
    ``is_whole``: also what is about the record as a whole, such as taking it along.
    """

    record_id: int
    parts: Category
    unlocked: Category
    types: frozenset[str] | None
    reason: str
    narrowed: tuple[Narrowed, ...] = ()
    rows: tuple[tuple[str, tuple[IndexRow, ...]], ...] = ()
    powers: Power = NO_POWERS
    is_whole: bool = False

    @property
    def narrowed_types(self) -> frozenset[str]:
        """Return the types of which only a part is inside."""
        return frozenset(one.resource_type for one in self.narrowed)

    def covers(self, resource_type: str, categories: int, rows: Container[IndexRow] = ()) -> bool:
        """Return whether a resource of this type and mask, with these index rows, is inside."""
        if (
            self.narrowed
            and resource_type in self.narrowed_types
            and not any(name == resource_type and all(row in rows for row in wanted) for name, wanted in self.rows)
        ):
            return False
        return self.reaches(resource_type, categories)

    def reaches(self, resource_type: str, categories: int) -> bool:
        """Return whether resources of this type and mask are inside, if they have the tokens that are asked for."""
        mask = int(categories)  # that of a Flag takes ten times as long to look at
        opened = int(self.unlocked if mask & _SENSITIVE else self.parts)
        return (self.types is None or resource_type in self.types) and mask & opened != 0


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

    def inside(self, record_ids: Iterable[int]) -> list[int]:
        """Return those of these records that are inside."""
        named = {access.record_id for access in self.records}
        return [one for one in record_ids if one in named or (self.everyone is not None and one != DIRECTORY)]

    def only(self, record_ids: Iterable[int]) -> "AccessScope":
        """Return the part of this scope that is about these records."""
        found = (self.of(record_id) for record_id in sorted(record_ids))
        return AccessScope(tuple(access for access in found if access is not None))


def whole_directory(types: frozenset[str] | None, narrowed: tuple[Narrowed, ...] = ()) -> RecordAccess:
    """Return access to the shared directory."""
    return RecordAccess(DIRECTORY, ALL_PARTS, ALL_PARTS, types, "shared directory", narrowed)
