"""By which rules the index rows of a record were made, and whether they answer a search.

A rule is a parameter that has rows, together with all that its rows depend on, and one more is what is sensitive. A record tells the version of its rules, which
``index_rules`` spells out. New definitions, or another layout of the index, make another version: then a record is searched by
those parameters alone whose rules it was indexed by, until ``reindex.py`` has been over it; asking for another is refused.

Two programs with different definitions may write to one record. Who writes by other rules than the record's leaves it with the
rules that both have, since the rows of this change lack the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.errors import UnavailableError
from app.fhir.release import Release
from app.fhir.search.definitions import INDEXED_TYPES, Definitions, SearchParameter, definitions
from app.store.tables import index_rules, record

LAYOUT = 2
"""Part of every rule. To be raised with each change to what ``indexing.py`` and ``hashes.py`` make of a value."""

SENSITIVITY = 1
"""The rule that says what is sensitive: of no parameter. To be raised when more becomes so; what was written before is closed then."""

_RELEASES = tuple(Release)
_STATE = hot(select(record.c.index_version).where(record.c.record_id == bindparam("record_id")))
_SPELLED_OUT = hot(select(index_rules.c.rules).where(index_rules.c.version == bindparam("version")))
_REGISTER = hot(insert(index_rules).on_conflict_do_nothing())
_MARK = hot(
    update(record)
    .where(record.c.record_id == bindparam("of_record"))
    .values(index_version=bindparam("version"), index_target=bindparam("target"))
)


@dataclass(frozen=True, slots=True)
class Rules:
    """A set of rules, each with the number of its parameter in the upper half; ``version`` follows from them."""

    version: int
    of: frozenset[int]

    @classmethod
    def made_of(cls, rules: Iterable[int]) -> "Rules":
        """Return the rules with their version: positive, 0 for none."""
        found = frozenset(rules)
        digest = blake2b(msgspec.json.encode(sorted(found)), digest_size=8).digest()
        return cls(int.from_bytes(digest) >> 1 if found else 0, found)

    @property
    def numbers(self) -> frozenset[int]:
        """Return the numbers of the parameters."""
        return frozenset(rule >> 32 for rule in self.of)


def current_rules() -> Rules:
    """Return the rules by which this program makes index rows."""
    return _rules_of(*_all_definitions())


def _all_definitions() -> tuple[Definitions, ...]:
    return tuple(map(definitions, _RELEASES))


@cache
def _rules_of(*known: Definitions) -> Rules:
    return Rules.made_of((SENSITIVITY, *_by_number(*known).values()))


@cache
def _by_number(*known: Definitions) -> Mapping[int, int]:
    found = {}
    for of_release in known:
        for resource_type in of_release.resource_types:
            for parameter in of_release.supported(resource_type).values():
                if parameter.has_rows:
                    found[parameter.number] = _rule(parameter)
    return found


def _rule(parameter: SearchParameter) -> int:
    # Rows of these were changed since the layout was: the next one is theirs already, and the rows of all others stay.
    is_found_in_part = not INDEXED_TYPES[parameter.kind].issuperset(parameter.types)
    is_changed = parameter.kind == "quantity" or parameter.ignores_case or is_found_in_part
    facts: tuple[Any, ...] = (
        LAYOUT + is_changed,
        parameter.kind,
        parameter.expression,
        parameter.types,
        sorted(parameter.targets),
    )
    if len(parameter.stored_in) > 1:
        facts = (*facts, [one.name for one in parameter.stored_in])
    digest = blake2b(msgspec.json.encode(facts), digest_size=4).digest()
    return parameter.number << 32 | int.from_bytes(digest)


async def check_rules(reader: Reader, record_id: int, numbers: Iterable[int]) -> int | None:
    """Return the version of a record's index, which answers for the parameters of these numbers; None if there is no such record.

    Raises: UnavailableError, when it does not yet.
    """
    row = await reader.one(_STATE, {"record_id": record_id})
    if row is None:
        return None
    await check_version(reader, row[0], numbers)
    return int(row[0])


async def check_version(reader: Reader, version: int, numbers: Iterable[int]) -> None:
    """Do nothing if an index made by the rules of a version answers for the parameters of these numbers.

    Raises: UnavailableError, when it does not.
    """
    if version == current_rules().version:
        return
    made_by = await spelled_out(reader, version)
    ours = _by_number(*_all_definitions())
    if not made_by.of.issuperset(ours[number] for number in numbers):
        message = "The index for this search is still being made. Try again later."
        raise UnavailableError(message)


async def spelled_out(reader: Reader, version: int) -> Rules:
    """Return the rules of a version; none for one that is not known."""
    if version == current_rules().version:
        return current_rules()
    row = await reader.one(_SPELLED_OUT, {"version": version})
    return Rules.made_of(msgspec.json.decode(row[0], type=list[int]) if row else ())


async def register(transaction: Transaction, rules: Rules) -> None:
    """Spell out a version, so that every program can look it up."""
    await transaction.run(_REGISTER, {"version": rules.version, "rules": _spelled(rules)})


@cache
def _spelled(rules: Rules) -> bytes:
    return msgspec.json.encode(sorted(rules.of))


async def mark(transaction: Transaction, record_id: int, rules: Rules, target: int) -> None:
    """Say that a record is indexed by ``rules``; ``target`` is the version that it is being indexed by, 0 if it isn't."""
    await register(transaction, rules)
    await transaction.run(_MARK, {"of_record": record_id, "version": rules.version, "target": target})


async def mark_written(transaction: Transaction, record_id: int, version: int, target: int) -> None:
    """Say that this program wrote to a record of this version and target."""
    ours = current_rules()
    if version == ours.version and target in (0, version):
        return
    both = Rules.made_of((await spelled_out(transaction, version)).of & ours.of)
    await mark(transaction, record_id, both, target if target == ours.version else 0)
