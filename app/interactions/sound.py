"""A valid resource on its way into a record, and what follows from it alone: nothing of that depends on whose record it is.

It is worked out before the transaction that writes, since all who write wait for that one, in other processes too. An import
works it out in processes of its own (``import_checks.py``).
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from app.access.categories import Category
from app.access.policy import DIRECTORY_TYPES
from app.access.requester import RequesterKind
from app.consent.categorize import categorize
from app.consent.fhir_consent import is_grant
from app.errors import InvalidResourceError, UnprocessableError
from app.fhir.compartment import names_somebody, patient_references
from app.fhir.reference import LiteralReference
from app.fhir.release import Release
from app.fhir.validation.structure import Parsed, is_resource_type
from app.interactions.conformance import Findings
from app.interactions.context import Context
from app.store.bodies import Content, content_in
from app.store.ids import record_in
from app.store.indexing import IndexRows

Name = tuple[str, str]
"""Type and id."""

Local = Callable[[str], LiteralReference | None]
"""Returns what a reference names on this server, None for any other."""


class Pointer(NamedTuple):
    """A reference to something on this server, and its place; ``target`` is None for one that asks a search for it."""

    expression: str
    target: Name | None


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What a resource says about its place: its categories, what it points to, and whether it is somebody's in any way.

    ``expected`` is what it refers to by ids that somebody chose, of which an operator may send some without saying whose it is.
    ``closes`` are the ids of the Binaries that hold its files, if it is sensitive.
    """

    categories: int
    pointers: tuple[Pointer, ...]
    expected: tuple[Name, ...] = ()
    is_grant: bool = False
    is_somebodys: bool = False
    closes: tuple[str, ...] = ()


class Sound(Protocol):
    """A valid resource with what it says as it came, and its facts."""

    @property
    def resource_type(self) -> str:
        """The type."""
        ...

    @property
    def content(self) -> Content:
        """What it says, as it came."""
        ...

    @property
    def parsed(self) -> Parsed:
        """The whole resource."""
        ...

    @property
    def facts(self) -> Facts:
        """What it says about its place."""
        ...

    def rows(self, time_zone: ZoneInfo) -> IndexRows:
        """Return its index rows. Raises: UnprocessableError."""
        ...

    def findings(self, location: str) -> Findings:
        """Return what it breaks. Raises: InvalidResourceError, if it may not."""
        ...


class FromSource:
    """A resource as it was parsed, of a source; all is worked out once, when it is asked for, or by ``work_out``."""

    def __init__(self, context: Context, source: RequesterKind, release: Release, parsed: Parsed) -> None:
        self.parsed = parsed
        self._context, self._source, self._release = context, source, release
        self._rows: tuple[str, IndexRows] | None = None
        self._findings: tuple[str, Findings] | None = None

    @property
    def resource_type(self) -> str:
        """The type."""
        return self.parsed.resource_type

    @cached_property
    def content(self) -> Content:
        """What it says, as it came."""
        return content_in(self.parsed.members)

    @cached_property
    def facts(self) -> Facts:
        """What it says about its place."""
        return facts_of(partial(self._context.local, self._release), self._source, self._release, self.parsed)

    def work_out(self, location: str) -> None:
        """Work out all of it, with the index rows for the server's time zone.

        What is wrong is raised by ``rows`` and ``findings``: whether the requester may write it at all comes first.
        """
        _ = self.content, self.facts
        with suppress(InvalidResourceError, UnprocessableError):
            self.findings(location)
            self.rows(self._context.time_zone)

    def rows(self, time_zone: ZoneInfo) -> IndexRows:
        """Return its index rows. Raises: UnprocessableError."""
        if self._rows is None or self._rows[0] != time_zone.key:
            found = self._context.index(self._release, self.resource_type, self.parsed.tree, time_zone)
            self._rows = time_zone.key, found
        return self._rows[1]

    def findings(self, location: str) -> Findings:
        """Return what it breaks. Raises: InvalidResourceError, if it may not."""
        if self._findings is None or self._findings[0] != location:
            found = self._context.conformance.hold(self._source, self._release, self.parsed, location)
            self._findings = location, found
        return self._findings[1]


def facts_of(local: Local, source: RequesterKind, release: Release, parsed: Parsed) -> Facts:
    """Return what a resource says about its place; ``expected`` if it is from an operator."""
    resource_type, tree = parsed.resource_type, parsed.tree
    pointers = []
    for expression, text in parsed.references:
        target = local(text)
        if target is not None:
            pointers.append(Pointer(expression, (target.resource_type, target.id)))
        elif "?" in text and is_resource_type(release, text.partition("?")[0]):
            pointers.append(Pointer(expression, None))
    categories = categorize(resource_type, tree)
    expected: tuple[Name, ...] = ()
    is_operators, is_sensitive = source is RequesterKind.OPERATOR, Category.SENSITIVE in categories
    files: list[str] = []
    if is_operators or is_sensitive:
        files = files_at(local, parsed.addresses)
    if is_operators:
        named = [one.target for one in pointers if one.target is not None]
        named += [("Binary", one) for one in files]
        expected = tuple({name: None for name in named if name[0] not in _NEVER_AWAITED and record_in(name[1]) is None})
    return Facts(
        int(categories),
        tuple(pointers),
        expected,
        is_grant(release, tree),
        resource_type in DIRECTORY_TYPES and names_somebody(release, resource_type, tree),
        tuple(files) if is_sensitive else (),
    )


def files_at(local: Local, addresses: Iterable[str]) -> list[str]:
    """Return the ids of the Binaries on this server among addresses: an attachment refers to one by its address."""
    found = (local(address) for address in addresses if "Binary/" in address)
    return [one.id for one in found if one is not None and one.resource_type == "Binary"]


def named_patients(local: Local, release: Release, resource_type: str, tree: dict[str, Any]) -> set[str]:
    """Return the ids of the Patients on this server through which the resource belongs to somebody."""
    if resource_type == "Patient":
        return set()
    found = map(local, patient_references(release, resource_type, tree))
    return {reference.id for reference in found if reference is not None and reference.resource_type == "Patient"}


_NEVER_AWAITED = DIRECTORY_TYPES | {"Patient"}
