"""A set of codes of which something may not be known, and how two such sets are put together.

A code belongs, does not belong, or may belong. Whatever is done keeps to that: nothing that may belong is said to.
"""

from dataclasses import dataclass, field

from app.fhir.terminology.code_system import Concept


@dataclass(slots=True)
class ValueSet:
    """The codes of a value set by system, in their order.

    Of the systems in ``open_systems`` any other code may belong, but those in ``never``; codes in ``possible`` may belong.
    ``is_unknown``: any code of any system may. ``is_too_costly`` says that it was too large to be looked at.
    """

    codes: dict[str, dict[str, Concept]] = field(default_factory=dict)
    possible: dict[str, set[str]] = field(default_factory=dict)
    open_systems: set[str] = field(default_factory=set)
    never: dict[str, set[str]] = field(default_factory=dict)
    is_unknown: bool = False
    is_too_costly: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the codes are all there are."""
        return not self.is_unknown and not self.open_systems and not any(self.possible.values())

    @property
    def size(self) -> int:
        """How many codes are known to belong."""
        return sum(len(codes) for codes in self.codes.values())

    @property
    def unclear_systems(self) -> list[str]:
        """The code systems of which it isn't known which codes belong; none if it isn't known which systems these are."""
        return sorted(self.open_systems | {system for system, codes in self.possible.items() if codes})

    def has(self, system: str | None, code: str) -> bool | None:
        """Return whether a code belongs; None if that can't be known. Without a system it may be of any."""
        if system is not None:
            return self._has(system, code)
        if any(code in codes for codes in self.codes.values()):
            return True
        systems = self.open_systems | self.possible.keys()
        return None if self.is_unknown or any(self._has(one, code) is None for one in systems) else False

    def _has(self, system: str, code: str) -> bool | None:
        if code in self.codes.get(system, ()):
            return True
        if code in self.never.get(system, ()):
            return False
        if self.is_unknown or system in self.open_systems or code in self.possible.get(system, ()):
            return None
        return False

    def add(self, system: str, concept: Concept) -> None:
        """Take a code, unless it is there already."""
        self.codes.setdefault(system, {}).setdefault(concept.code, concept)

    def unite(self, other: "ValueSet") -> None:
        """Take all that belongs, or may belong, to another one."""
        for system, concepts in other.codes.items():
            self.codes[system] = {**concepts, **self.codes.get(system, {})} if system in self.codes else dict(concepts)
        for system, codes in other.possible.items():
            self.possible.setdefault(system, set()).update(codes)
        self.open_systems |= other.open_systems
        self.is_unknown |= other.is_unknown

    def exclude(self, other: "ValueSet") -> None:
        """Take out what belongs to another one; what may belong to that may belong to this one afterwards."""
        for system, concepts in list(self.codes.items()):
            verdicts = {code: other.has(system, code) for code in concepts}
            self.codes[system] = {code: one for code, one in concepts.items() if verdicts[code] is False}
            unclear = {code for code, verdict in verdicts.items() if verdict is None}
            if unclear:
                self.possible.setdefault(system, set()).update(unclear)
        for system, concepts in other.codes.items():
            self.possible.get(system, set()).difference_update(concepts)
            self.never.setdefault(system, set()).update(concepts)

    def exclude_system(self, system: str) -> None:
        """Take out all codes of a system, known or not."""
        self.codes.pop(system, None)
        self.possible.pop(system, None)
        self.open_systems.discard(system)


def common(one: ValueSet, other: ValueSet) -> ValueSet:
    """Return what belongs to both."""
    made = ValueSet(is_unknown=one.is_unknown and other.is_unknown)
    for this, that in ((one, other), (other, one)):
        for system, concepts in this.codes.items():
            for code, concept in concepts.items():
                verdict = that.has(system, code)
                if verdict is True:
                    made.add(system, concept)
                elif verdict is None:
                    made.possible.setdefault(system, set()).add(code)
        for system, codes in this.possible.items():
            unclear = {code for code in codes if that.has(system, code) is not False}
            made.possible.setdefault(system, set()).update(unclear)
        made.open_systems |= {system for system in this.open_systems if that.is_unknown or system in that.open_systems}
    return made
