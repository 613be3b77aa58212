"""The FHIR releases that Regie serves, as values that are passed along."""

from enum import Enum


class Release(Enum):
    """A FHIR release; the value is the number kept in the database."""

    STU3 = 3
    R4 = 4

    path: str
    """The last part of the base URL: ``stu3`` or ``r4``."""

    def __init__(self, _: int) -> None:
        self.path = self.name.lower()

    __hash__ = object.__hash__  # each is there once; that of Enum is a call in Python, a dozen for each write

    @property
    def fhir_version(self) -> str:
        """Return the full version number, as in CapabilityStatement.fhirVersion."""
        return {Release.STU3: "3.0.2", Release.R4: "4.0.1"}[self]

    @property
    def mime_version(self) -> str:
        """Return the value of the ``fhirVersion`` media type parameter."""
        return {Release.STU3: "3.0", Release.R4: "4.0"}[self]
