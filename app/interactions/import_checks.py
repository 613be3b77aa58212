"""What an import works out of a line before the database is asked: whether it is FHIR, what follows from it, what it breaks.

Nothing else is needed for that than what a ``Setup`` says, so that other processes can do it (``import_helpers.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from zoneinfo import ZoneInfo

import msgspec

from app.access.requester import RequesterKind
from app.errors import InvalidResourceError, UnprocessableError
from app.fhir.release import Release
from app.fhir.validation.structure import Parsed, parse
from app.interactions.conformance import Conformance, Findings
from app.interactions.setup import Setup
from app.interactions.sound import Facts, Name, facts_of, named_patients
from app.store.bodies import Content, content_in
from app.store.changes import Indexer
from app.store.indexing import IndexRows

_SOURCE = RequesterKind.OPERATOR


class Checked(msgspec.Struct, frozen=True, array_like=True):
    """What was worked out of a resource; ``patients`` are the ids of those that it names.

    ``findings`` are None where they are not to be known yet, ``rows`` where there are too many: who writes it asks again.
    """

    content: Content
    facts: Facts
    patients: tuple[str, ...]
    findings: Findings | None
    rows: IndexRows | None


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks resources of one release; with ``finds`` also what they break."""

    setup: Setup
    release: Release
    index: Indexer
    conformance: Conformance
    finds: bool = True

    def parse(self, body: bytes) -> Parsed:
        """Return a valid resource. Raises: MalformedError, InvalidResourceError."""
        return parse(self.release, body, maximum_depth=self.setup.body_depth_max)

    def check(self, parsed: Parsed) -> Checked:
        """Return what follows from a valid resource alone."""
        release, kind, tree = self.release, parsed.resource_type, parsed.tree
        local = partial(self.setup.local, release)
        return Checked(
            content_in(parsed.members),
            facts_of(local, _SOURCE, release, parsed),
            tuple(named_patients(local, release, kind, tree)),
            self._findings(parsed) if self.finds else None,
            self._rows(parsed),
        )

    def findings(self, parsed: Parsed) -> Findings:
        """Return what a resource breaks. Raises: InvalidResourceError, where that is not to be kept."""
        return self.conformance.hold(_SOURCE, self.release, parsed, parsed.resource_type)

    def rows(self, parsed: Parsed, time_zone: ZoneInfo) -> IndexRows:
        """Return the index rows of a resource. Raises: UnprocessableError, for too many."""
        return self.index(self.release, parsed.resource_type, parsed.tree, time_zone)

    def _findings(self, parsed: Parsed) -> Findings | None:
        try:
            return self.findings(parsed)
        except InvalidResourceError:
            return None

    def _rows(self, parsed: Parsed) -> IndexRows | None:
        try:
            return self.rows(parsed, ZoneInfo(self.setup.time_zone))
        except UnprocessableError:
            return None


class Arrival:
    """A valid resource that comes in, as ``Sound``; ``times`` is how often the same has come in this import before it.

    ``brings_patient``: its Patient comes in this import too, so that a record may be made with the number that is in its id.
    """

    def __init__(
        self,
        checks: Checks,
        body: Callable[[], bytes],
        name: Name,
        checked: Checked,
        *,
        times: int = 0,
        brings_patient: bool = False,
    ) -> None:
        self.name, self.checked, self.times, self.brings_patient = name, checked, times, brings_patient
        self._checks, self._body = checks, body

    @property
    def resource_type(self) -> str:
        """The type."""
        return self.name[0]

    @property
    def id(self) -> str:
        """The id, which the resource has or is given."""
        return self.name[1]

    @property
    def content(self) -> Content:
        """What it says, as it came."""
        return self.checked.content

    @property
    def facts(self) -> Facts:
        """What it says about its place."""
        return self.checked.facts

    @cached_property
    def parsed(self) -> Parsed:
        """The whole resource: few are looked into once they were checked."""
        return msgspec.structs.replace(self._checks.parse(self._body()), id=self.id)

    def rows(self, time_zone: ZoneInfo) -> IndexRows:
        """Return its index rows. Raises: UnprocessableError."""
        if self.checked.rows is not None and time_zone.key == self._checks.setup.time_zone:
            return self.checked.rows
        return self._checks.rows(self.parsed, time_zone)

    def findings(self, _: str) -> Findings:
        """Return what it breaks. Raises: InvalidResourceError, if it may not."""
        return self._checks.findings(self.parsed) if self.checked.findings is None else self.checked.findings
